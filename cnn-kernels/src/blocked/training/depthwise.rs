//! The gradient of a depthwise convolution's weight.

use std::ops::Range;

use super::Parameter;
use super::reduce::{Parts, batch_parts};
use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Depthwise, Map, Memory, Needs, Target, part};
use crate::conv::Conv;
use crate::simd::{Kernel, LANES, Vector};

/// The gradient of the weight of a depthwise convolution.
#[derive(Debug)]
pub struct DepthwiseWeightGradient {
    target: Target,
    conv: Conv,
    input: Map,
    grad: Map,
    weight: Parameter,
    parts: Parts,
}

impl DepthwiseWeightGradient {
    /// From what the convolution read and the gradient of what it gave, to an output of the run.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, conv: Conv, input: Map, grad: Map, weight: Parameter) -> Self {
        require(target.isa);
        assert!(Depthwise::fits(&conv), "{conv:?} is not depthwise");
        assert_eq!(weight.1, conv.weight_len(), "the length of a weight");
        let parts = batch_parts(target.threads, conv.in_channels.div_ceil(LANES), conv.batch);
        let parts = Parts { parts, channels: conv.in_channels, values: conv.taps() };
        Self { target, conv, input, grad, weight, parts }
    }
}

impl Step for DepthwiseWeightGradient {
    fn needs(&self) -> Needs {
        Needs { shared: self.parts.len(), private: 0, phases: 2 }
    }

    fn algorithm(&self) -> String {
        "gradient of the weight".to_owned()
    }
}

impl Run for DepthwiseWeightGradient {
    fn check(&self, limits: &Limits<'_>) {
        let conv = &self.conv;
        assert_eq!(conv.batch, limits.batch(), "the batch of a convolution");
        assert_eq!(
            self.input.shape,
            [conv.in_channels, conv.rows.input(), conv.columns.input()],
            "its input"
        );
        assert_eq!(
            self.grad.shape,
            [conv.in_channels, conv.rows.output(), conv.columns.output()],
            "its output"
        );
        limits.map(&self.input);
        limits.map(&self.grad);
        limits.result(self.weight.0, self.weight.1);
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let blocks = self.parts.blocks();
        member.each(self.parts.parts * blocks, |item| {
            let (index, block) = (item / blocks, item % blocks);
            let to = memory.shared.wrapping_add(self.parts.at(index, block, 0));
            let samples = part(self.conv.batch, self.parts.parts, index);
            // SAFETY: the places were checked; items write different values of the scratch.
            unsafe { self.target.isa.run(Some { of: self, memory, block, samples, to }) }
        });
        // SAFETY: as above; every value was written.
        unsafe {
            self.parts.reduce(member, self.target.isa, &memory, memory.shared.cast_const(), self.weight.0)
        }
    }
}

struct Some<'a> {
    of: &'a DepthwiseWeightGradient,
    memory: Memory<'a>,
    block: usize,
    samples: Range<usize>,
    to: *mut f32,
}

/// Sums at a time: what a fused multiply-add takes to be done.
const SUMS: usize = 4;

impl Kernel for Some<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, memory, block, samples, to } = self;
        let (down, across) = (of.conv.rows, of.conv.columns);
        // SAFETY: the caller's promise: windows are clipped to the input.
        unsafe {
            for tap in 0..of.conv.taps() {
                V::zero().store(to.add(tap * LANES));
            }
            for n in samples {
                let at = |map: &Map| {
                    memory.arena.add(map.offset + n * map.stride + block * map.plane()).cast_const()
                };
                let (x, grad) = (at(&of.input), at(&of.grad));
                for tap in 0..of.conv.taps() {
                    let (ky, kx) = (tap / across.kernel(), tap % across.kernel());
                    let (rows, columns) = (down.windows(ky), across.windows(kx));
                    if rows.is_empty() || columns.is_empty() {
                        continue;
                    }
                    let left = columns.start * across.stride() + kx * across.dilation() - across.before();
                    let step = across.stride() * LANES;
                    let mut sums = [V::zero(); SUMS];
                    for row in rows {
                        let y = row * down.stride() + ky * down.dilation() - down.before();
                        let x = x.add((y * across.input() + left) * LANES);
                        let grad = grad.add((row * across.output() + columns.start) * LANES);
                        let count = columns.len();
                        let mut column = 0;
                        while column + SUMS <= count {
                            for (index, sum) in sums.iter_mut().enumerate() {
                                let g = V::load(grad.add((column + index) * LANES));
                                *sum = g.mul_add(V::load(x.add((column + index) * step)), *sum);
                            }
                            column += SUMS;
                        }
                        while column < count {
                            let g = V::load(grad.add(column * LANES));
                            sums[0] = g.mul_add(V::load(x.add(column * step)), sums[0]);
                            column += 1;
                        }
                    }
                    let to = to.add(tap * LANES);
                    let sum = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
                    V::load(to).add(sum).store(to);
                }
            }
        }
    }
}
