//! The way back through activations that layers end with, and the gradient of a bias.

use super::Parameter;
use super::reduce::{Parts, batch_parts};
use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Activation, Map, Memory, Needs, Target, part, planes};
use crate::simd::{Kernel, LANES, Vector};

/// Whether the gradient of an activation can be told from its output alone.
#[must_use]
pub(crate) fn is_told(activation: Activation) -> bool {
    match activation {
        Activation::Relu | Activation::Relu6 | Activation::Sigmoid | Activation::Tanh => true,
        Activation::LeakyRelu { slope } => slope > 0.0,
        _ => false,
    }
}

/// The gradient before an activation, from that behind it and the activation's output.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn before<V: Vector>(activation: Option<Activation>, y: V, grad: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = V::zero();
        match activation {
            None => grad,
            Some(Activation::Relu) => y.select_gt(zero, grad, zero),
            Some(Activation::Relu6) => {
                let below = V::splat(6.0).select_gt(y, grad, zero);
                y.select_gt(zero, below, zero)
            }
            Some(Activation::LeakyRelu { slope }) => {
                y.select_gt(zero, grad, grad.mul(V::splat(slope as f32)))
            }
            Some(Activation::Sigmoid) => y.neg_mul_add(y, y).mul(grad),
            Some(Activation::Tanh) => y.neg_mul_add(y, V::splat(1.0)).mul(grad),
            Some(_) => unreachable!("`is_told` refuses it"),
        }
    }
}

/// `dx = dy * (activation's slope)`, of those whose output tells the slope: ReLU, ReLU6, leaky ReLU, sigmoid, tanh.
#[derive(Debug)]
pub struct ActivationGradient {
    target: Target,
    batch: usize,
    activation: Activation,
    output: Map,
    grad: Map,
    to: Map,
}

impl ActivationGradient {
    /// Whether it can.
    #[must_use]
    pub fn fits(activation: Activation) -> bool {
        is_told(activation)
    }

    /// From the output of the activation and its gradient.
    ///
    /// # Panics
    /// Where sizes do not agree, for other activations, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(
        target: Target,
        batch: usize,
        activation: Activation,
        output: Map,
        grad: Map,
        to: Map,
    ) -> Self {
        require(target.isa);
        assert!(is_told(activation), "the output of {activation:?} does not tell its slope");
        assert!(output.shape == grad.shape && output.shape == to.shape, "the shapes of an activation");
        Self { target, batch, activation, output, grad, to }
    }
}

impl Step for ActivationGradient {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "gradient of the activation".to_owned()
    }
}

impl Run for ActivationGradient {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        for map in [&self.output, &self.grad, &self.to] {
            limits.map(map);
        }
        limits.apart((&self.output).into(), (&self.to).into());
        limits.apart((&self.grad).into(), (&self.to).into());
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        planes(member, self.target, self.batch, &self.to, 4, |n, block, rows| {
            let row = self.to.shape[2] * LANES;
            let at = |map: &Map| {
                memory
                    .arena
                    .wrapping_add(map.offset + n * map.stride + block * map.plane() + rows.start * row)
            };
            let slope = Slope {
                activation: self.activation,
                y: at(&self.output),
                grad: at(&self.grad),
                to: at(&self.to),
                vectors: rows.len() * self.to.shape[2],
            };
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.target.isa.run(slope) }
        });
    }
}

struct Slope {
    activation: Activation,
    y: *const f32,
    grad: *const f32,
    to: *mut f32,
    vectors: usize,
}

impl Kernel for Slope {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            for index in 0..self.vectors {
                let (y, grad) = (V::load(self.y.add(index * LANES)), V::load(self.grad.add(index * LANES)));
                before(Some(self.activation), y, grad).store(self.to.add(index * LANES));
            }
        }
    }
}

/// The sum of each channel over batch and pixels: the gradient of a bias.
#[derive(Debug)]
pub struct ChannelSums {
    target: Target,
    batch: usize,
    grad: Map,
    bias: Parameter,
    parts: Parts,
}

impl ChannelSums {
    /// From the gradient of what a layer gave, to an output of the run.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, batch: usize, grad: Map, bias: Parameter) -> Self {
        require(target.isa);
        assert_eq!(bias.1, grad.shape[0], "one bias per channel");
        let parts = batch_parts(target.threads, grad.blocks(), batch);
        let parts = Parts { parts, channels: grad.shape[0], values: 1 };
        Self { target, batch, grad, bias, parts }
    }
}

impl Step for ChannelSums {
    fn needs(&self) -> Needs {
        Needs { shared: self.parts.len(), private: 0, phases: 2 }
    }

    fn algorithm(&self) -> String {
        "gradient of the bias".to_owned()
    }
}

impl Run for ChannelSums {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        limits.map(&self.grad);
        limits.result(self.bias.0, self.bias.1);
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let (grad, blocks) = (&self.grad, self.parts.blocks());
        member.each(self.parts.parts * blocks, |item| {
            let (index, block) = (item / blocks, item % blocks);
            let samples = part(self.batch, self.parts.parts, index);
            let first = grad.offset + samples.start * grad.stride + block * grad.plane();
            let sums = Sums {
                from: memory.arena.wrapping_add(first),
                samples: samples.len(),
                stride: grad.stride,
                vectors: grad.plane() / LANES,
                to: memory.shared.wrapping_add(self.parts.at(index, block, 0)),
            };
            // SAFETY: the places were checked; items write different values of the scratch.
            unsafe { self.target.isa.run(sums) }
        });
        // SAFETY: as above; every value was written.
        unsafe {
            self.parts.reduce(member, self.target.isa, &memory, memory.shared.cast_const(), self.bias.0)
        }
    }
}

struct Sums {
    from: *const f32,
    samples: usize,
    stride: usize,
    vectors: usize,
    to: *mut f32,
}

impl Kernel for Sums {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sum = V::zero();
            for n in 0..self.samples {
                // Of each plane by itself: sums of sums lose fewer digits.
                let from = self.from.add(n * self.stride);
                let mut sums = [V::zero(); 4];
                for index in 0..self.vectors {
                    sums[index % 4] = sums[index % 4].add(V::load(from.add(index * LANES)));
                }
                sum = sum.add(sums[0].add(sums[1]).add(sums[2].add(sums[3])));
            }
            sum.store(self.to);
        }
    }
}

/// As [`ActivationGradient`], of values in a row: those of a fully connected layer.
#[derive(Debug)]
pub struct RowActivationGradient {
    target: Target,
    activation: Activation,
    /// Where output, gradient and result begin.
    rows: [usize; 3],
    len: usize,
}

impl RowActivationGradient {
    /// From the output of the activation and its gradient, so many values each.
    ///
    /// # Panics
    /// As [`ActivationGradient::new`].
    #[must_use]
    pub fn new(target: Target, activation: Activation, rows: [usize; 3], len: usize) -> Self {
        require(target.isa);
        assert!(matches!(activation, Activation::Relu | Activation::Relu6), "{activation:?} is no mask");
        Self { target, activation, rows, len }
    }
}

impl Step for RowActivationGradient {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "gradient of the activation".to_owned()
    }
}

impl Run for RowActivationGradient {
    fn check(&self, limits: &Limits<'_>) {
        let [output, grad, to] = self.rows;
        limits.apart_rows([output, self.len], [to, self.len]);
        limits.apart_rows([grad, self.len], [to, self.len]);
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        member.each(1, |_| {
            let [y, grad, to] = self.rows.map(|offset| memory.arena.wrapping_add(offset));
            let vectors = self.len / LANES;
            let slope = Slope { activation: self.activation, y, grad, to, vectors };
            // SAFETY: the places were checked; the rest does not fill a vector.
            unsafe {
                self.target.isa.run(slope);
                for index in vectors * LANES..self.len {
                    let (y, grad) = (*y.add(index), *grad.add(index));
                    let open = y > 0.0 && (self.activation == Activation::Relu || y < 6.0);
                    *to.add(index) = if open { grad } else { 0.0 };
                }
            }
        });
    }
}
