//! The way back through activations.

use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Activation, Map, Memory, Needs, Target, planes};
use crate::simd::{Kernel, LANES, Vector, math};

/// Whether the slope of an activation can be told from its output alone; of the others its input tells it.
#[must_use]
pub(crate) fn is_told(activation: Activation) -> bool {
    match activation {
        Activation::Relu | Activation::Relu6 | Activation::Sigmoid | Activation::Tanh => true,
        Activation::LeakyRelu { slope } => slope > 0.0,
        _ => false,
    }
}

/// The gradient before an activation, from that behind it and what tells its slope ([`is_told`]).
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(super) unsafe fn before<V: Vector>(activation: Activation, told: V, grad: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let (zero, one, three) = (V::zero(), V::splat(1.0), V::splat(3.0));
        match activation {
            Activation::Relu => told.select_gt(zero, grad, zero),
            Activation::Relu6 => {
                let below = V::splat(6.0).select_gt(told, grad, zero);
                told.select_gt(zero, below, zero)
            }
            Activation::LeakyRelu { slope } => told.select_gt(zero, grad, grad.mul(V::splat(slope as f32))),
            Activation::Sigmoid => told.neg_mul_add(told, told).mul(grad),
            Activation::Tanh => told.neg_mul_add(told, one).mul(grad),
            Activation::Elu { alpha } => {
                told.select_gt(zero, grad, grad.mul(math::exp(told)).mul(V::splat(alpha as f32)))
            }
            Activation::Gelu => math::gelu_slope(told).mul(grad),
            Activation::Silu => {
                // s (1 + x (1 - s))
                let s = math::sigmoid(told);
                told.mul(one.sub(s)).mul_add(s, s).mul(grad)
            }
            Activation::HardSwish => {
                let inner = told.mul_add(V::splat(1.0 / 3.0), V::splat(0.5)).mul(grad);
                let below = three.select_gt(told, inner, grad);
                told.select_gt(V::splat(-3.0), below, zero)
            }
            Activation::HardSigmoid => {
                let below = three.select_gt(told, grad.mul(V::splat(1.0 / 6.0)), zero);
                told.select_gt(V::splat(-3.0), below, zero)
            }
        }
    }
}

/// `dx = dy * (activation's slope)`
#[derive(Debug)]
pub struct ActivationGradient {
    target: Target,
    batch: usize,
    activation: Activation,
    told: Map,
    grad: Map,
    to: Map,
}

impl ActivationGradient {
    /// Whether it reads what the activation gave; of the others it reads what they took.
    #[must_use]
    pub fn reads_output(activation: Activation) -> bool {
        is_told(activation)
    }

    /// From what tells the slope ([`reads_output`](Self::reads_output)) and the gradient of the activation's output.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, batch: usize, activation: Activation, told: Map, grad: Map, to: Map) -> Self {
        require(target.isa);
        assert!(told.shape == grad.shape && told.shape == to.shape, "the shapes of an activation");
        Self { target, batch, activation, told, grad, to }
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
        for map in [&self.told, &self.grad, &self.to] {
            limits.map(map);
        }
        limits.apart((&self.told).into(), (&self.to).into());
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
                told: at(&self.told),
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
    told: *const f32,
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
                let place = index * LANES;
                let (told, grad) = (V::load(self.told.add(place)), V::load(self.grad.add(place)));
                before(self.activation, told, grad).store(self.to.add(place));
            }
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
            let slope = Slope { activation: self.activation, told: y, grad, to, vectors };
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
