//! What batch norms and group norms share: sums over channels, and the values, there and back.

use std::ops::Range;

use super::activation::{before, is_told};
use crate::blocked::epilogue::activate;
use crate::blocked::{Activation, Map};
use crate::simd::{Kernel, LANES, Vector};

/// What normalized values of a block of channels become: scaled, shifted, and the activation behind that.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) scale: [f32; LANES],
    pub(super) shift: [f32; LANES],
    pub(super) activation: Option<Activation>,
}

impl Ending {
    /// Whether the way back reads what the norm gave.
    pub(super) fn reads_output(activation: Option<Activation>) -> bool {
        activation.is_some_and(is_told)
    }

    /// The gradient before the activation, of a value that is so far from the mean. Where the output does not tell the slope,
    /// what the activation took is computed again: that saves a map.
    ///
    /// # Safety
    /// As [`Vector`]; `y` is the output, if that tells.
    #[inline(always)]
    unsafe fn before<V: Vector>(&self, around: V, y: *const f32, grad: V) -> V {
        // SAFETY: the caller's promise.
        unsafe {
            match self.activation {
                None => grad,
                Some(activation) if is_told(activation) => before(activation, V::load(y), grad),
                Some(activation) => {
                    let [scale, shift] = [&self.scale, &self.shift].map(|lanes| V::load(lanes.as_ptr()));
                    before(activation, around.mul_add(scale, shift), grad)
                }
            }
        }
    }
}

/// Mean and sum of squares around it, of a block of channels over some samples.
pub(super) struct Moments {
    pub(super) map: Map,
    pub(super) x: *const f32,
    pub(super) samples: Range<usize>,
    pub(super) to: *mut f32,
}

/// Vectors whose mean is taken before their squares are summed, both from the nearest cache.
const CHUNK: usize = 64;

impl Kernel for Moments {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { map, x, samples, to } = self;
        let pixels = map.plane() / LANES;
        // SAFETY: the caller's promise.
        unsafe {
            let (mut count, mut mean, mut squares) = (0.0f32, V::zero(), V::zero());
            for n in samples {
                let x = x.add(n * map.stride);
                let mut first = 0;
                while first < pixels {
                    let some = CHUNK.min(pixels - first);
                    let x = x.add(first * LANES);
                    let mut sums = [V::zero(); 4];
                    for index in 0..some {
                        sums[index % 4] = sums[index % 4].add(V::load(x.add(index * LANES)));
                    }
                    let here =
                        sums[0].add(sums[1]).add(sums[2].add(sums[3])).mul(V::splat(1.0 / some as f32));
                    let mut around = [V::zero(); 4];
                    for index in 0..some {
                        let from = V::load(x.add(index * LANES)).sub(here);
                        around[index % 4] = from.mul_add(from, around[index % 4]);
                    }
                    let around = around[0].add(around[1]).add(around[2].add(around[3]));
                    let more = some as f32;
                    let (delta, all) = (here.sub(mean), count + more);
                    mean = delta.mul_add(V::splat(more / all), mean);
                    squares = delta.mul(delta).mul_add(V::splat(count * more / all), squares.add(around));
                    count = all;
                    first += some;
                }
            }
            mean.store(to);
            squares.store(to.add(LANES));
        }
    }
}

/// The values themselves.
pub(super) struct Apply {
    pub(super) x: *const f32,
    /// Null for none.
    pub(super) residual: *const f32,
    pub(super) y: *mut f32,
    pub(super) vectors: usize,
    pub(super) mean: *const f32,
    pub(super) ending: Ending,
}

impl Kernel for Apply {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { x, residual, y, vectors, mean, ending: Ending { scale, shift, activation } } = self;
        // SAFETY: the caller's promise.
        unsafe {
            let (mean, scale) = (V::load(mean), V::load(scale.as_ptr()));
            let shift = V::load(shift.as_ptr());
            for index in 0..vectors {
                let place = index * LANES;
                let mut value = V::load(x.add(place)).sub(mean).mul_add(scale, shift);
                if !residual.is_null() {
                    value = value.add(V::load(residual.add(place)));
                }
                value = match activation {
                    Some(activation) => activate(activation, value),
                    None => value,
                };
                value.store(y.add(place));
            }
        }
    }
}

/// Σg and Σg(x - mean), of a block of channels over some samples.
pub(super) struct GradientSums {
    /// What was normalized, what it became, and the gradient.
    pub(super) maps: [Map; 3],
    pub(super) from: [*const f32; 3],
    pub(super) samples: Range<usize>,
    pub(super) mean: *const f32,
    pub(super) ending: Ending,
    pub(super) to: *mut f32,
}

impl Kernel for GradientSums {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { maps, from, samples, mean, ending, to } = self;
        let pixels = maps[0].plane() / LANES;
        // SAFETY: the caller's promise.
        unsafe {
            let mean = V::load(mean);
            let mut all = [V::zero(); 2];
            for n in samples {
                let at = |which: usize| from[which].wrapping_add(n * maps[which].stride);
                let (x, y, grad) = (at(0), at(1), at(2));
                let mut first = 0;
                // Of each chunk by itself: sums of sums lose fewer digits.
                while first < pixels {
                    let some = CHUNK.min(pixels - first);
                    let mut sums = [[V::zero(); 2]; 2];
                    for index in 0..some {
                        let place = (first + index) * LANES;
                        let around = V::load(x.add(place)).sub(mean);
                        let g = ending.before(around, y.wrapping_add(place), V::load(grad.add(place)));
                        let sums = &mut sums[index % 2];
                        sums[0] = sums[0].add(g);
                        sums[1] = g.mul_add(around, sums[1]);
                    }
                    for (index, all) in all.iter_mut().enumerate() {
                        *all = all.add(sums[0][index].add(sums[1][index]));
                    }
                    first += some;
                }
            }
            all[0].store(to);
            all[1].store(to.add(LANES));
        }
    }
}

/// The gradient of what was normalized: `scale g - shared - slope (x - mean)`, where `g` is that before the activation and the
/// coefficients are `shared` and `slope` of each channel.
pub(super) struct ApplyGradient {
    pub(super) x: *const f32,
    pub(super) y: *const f32,
    pub(super) grad: *const f32,
    pub(super) to: *mut f32,
    /// Where `g` goes: the gradient of a residual. Null for none.
    pub(super) residual: *mut f32,
    pub(super) vectors: usize,
    pub(super) mean: *const f32,
    pub(super) coefficients: *const f32,
    pub(super) ending: Ending,
}

impl Kernel for ApplyGradient {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { x, y, grad, to, residual, vectors, mean, coefficients, ending } = self;
        // SAFETY: the caller's promise.
        unsafe {
            let (mean, scale) = (V::load(mean), V::load(ending.scale.as_ptr()));
            let (shared, slope) = (V::load(coefficients), V::load(coefficients.add(LANES)));
            for index in 0..vectors {
                let place = index * LANES;
                let around = V::load(x.add(place)).sub(mean);
                let g = ending.before(around, y.wrapping_add(place), V::load(grad.add(place)));
                if !residual.is_null() {
                    g.store(residual.add(place));
                }
                around.neg_mul_add(slope, g.mul(scale).sub(shared)).store(to.add(place));
            }
        }
    }
}
