//! Sums over pixels, and over the batch: the gradients of biases and factors of channels.

use super::Parameter;
use super::reduce::{Parts, batch_parts};
use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Map, Memory, Needs, Target, part};
use crate::simd::{Kernel, LANES, Vector};

/// The sum of each channel over batch and pixels, the gradient of a bias; or, of the products with another map, that of a
/// factor of each channel.
#[derive(Debug)]
pub struct ChannelSums {
    target: Target,
    batch: usize,
    grad: Map,
    times: Option<Map>,
    to: Parameter,
    parts: Parts,
}

impl ChannelSums {
    /// From the gradient of what a layer gave, and what that is multiplied by, to an output of the run.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, batch: usize, grad: Map, times: Option<Map>, to: Parameter) -> Self {
        require(target.isa);
        assert_eq!(to.1, grad.shape[0], "one value per channel");
        assert!(times.is_none_or(|map| map.shape == grad.shape), "maps of one shape");
        let parts = batch_parts(target.threads, grad.blocks(), batch);
        let parts = Parts { parts, channels: grad.shape[0], values: 1 };
        Self { target, batch, grad, times, to, parts }
    }
}

impl Step for ChannelSums {
    fn needs(&self) -> Needs {
        Needs { shared: self.parts.len(), private: 0, phases: 2 }
    }

    fn algorithm(&self) -> String {
        let what = if self.times.is_some() { "factors" } else { "bias" };
        format!("gradient of the {what}")
    }
}

impl Run for ChannelSums {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        for map in std::iter::once(&self.grad).chain(&self.times) {
            limits.map(map);
        }
        limits.result(self.to.0, self.to.1);
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let (grad, blocks) = (&self.grad, self.parts.blocks());
        member.each(self.parts.parts * blocks, |item| {
            let (index, block) = (item / blocks, item % blocks);
            let samples = part(self.batch, self.parts.parts, index);
            let sums = Sums {
                maps: [Some(self.grad), self.times]
                    .map(|map| map.map(|map| (at(&memory, &map, samples.start, block), map.stride))),
                samples: samples.len(),
                vectors: grad.plane() / LANES,
                to: memory.shared.wrapping_add(self.parts.at(index, block, 0)),
            };
            // SAFETY: the places were checked; items write different values of the scratch.
            unsafe { self.target.isa.run(sums) }
        });
        // SAFETY: as above; every value was written.
        unsafe { self.parts.reduce(member, self.target.isa, &memory, memory.shared.cast_const(), self.to.0) }
    }
}

/// The products of two maps, summed over the pixels of each channel: the gradient of what scales a map's channels image by
/// image.
#[derive(Debug)]
pub struct PixelSums {
    target: Target,
    batch: usize,
    factors: [Map; 2],
    to: Map,
}

impl PixelSums {
    /// Into a map of one pixel.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, batch: usize, factors: [Map; 2], to: Map) -> Self {
        require(target.isa);
        assert_eq!(factors[0].shape, factors[1].shape, "maps of one shape");
        assert_eq!(to.shape, [factors[0].shape[0], 1, 1], "a map of one pixel");
        Self { target, batch, factors, to }
    }
}

impl Step for PixelSums {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "gradient of the factors".to_owned()
    }
}

impl Run for PixelSums {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        limits.map(&self.to);
        for map in &self.factors {
            limits.map(map);
            limits.apart(map.into(), (&self.to).into());
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let blocks = self.to.blocks();
        member.each(self.batch * blocks, |item| {
            let (n, block) = (item / blocks, item % blocks);
            let sums = Sums {
                maps: self.factors.map(|map| Some((at(&memory, &map, n, block), map.stride))),
                samples: 1,
                vectors: self.factors[0].plane() / LANES,
                to: at(&memory, &self.to, n, block).cast_mut(),
            };
            // SAFETY: the places were checked; items write different values.
            unsafe { self.target.isa.run(sums) }
        });
    }
}

/// Where a block of a sample begins.
fn at(memory: &Memory<'_>, map: &Map, n: usize, block: usize) -> *const f32 {
    memory.arena.wrapping_add(map.offset + n * map.stride + block * map.plane()).cast_const()
}

struct Sums {
    /// Where one begins or two that are multiplied, and how far the next sample is.
    maps: [Option<(*const f32, usize)>; 2],
    samples: usize,
    vectors: usize,
    to: *mut f32,
}

impl Kernel for Sums {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.maps {
                [Some(values), Some(factors)] => self.sum::<V, true>(values, factors),
                [Some(values), None] | [None, Some(values)] => self.sum::<V, false>(values, values),
                [None, None] => {}
            }
        }
    }
}

impl Sums {
    /// # Safety
    /// As [`Vector`]; both maps have so many samples and pixels.
    #[inline(always)]
    unsafe fn sum<V: Vector, const PRODUCTS: bool>(
        &self,
        (values, stride): (*const f32, usize),
        (factors, factors_stride): (*const f32, usize),
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sum = V::zero();
            for n in 0..self.samples {
                // Of each plane by itself: sums of sums lose fewer digits.
                let (values, factors) = (values.add(n * stride), factors.add(n * factors_stride));
                let mut sums = [V::zero(); 4];
                for index in 0..self.vectors {
                    let value = V::load(values.add(index * LANES));
                    let to = &mut sums[index % 4];
                    *to = if PRODUCTS {
                        value.mul_add(V::load(factors.add(index * LANES)), *to)
                    } else {
                        to.add(value)
                    };
                }
                sum = sum.add(sums[0].add(sums[1]).add(sums[2].add(sums[3])));
            }
            sum.store(self.to);
        }
    }
}
