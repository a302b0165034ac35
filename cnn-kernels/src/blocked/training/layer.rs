//! Layer normalization in training, over the channels of each pixel (Ba, Kiros & Hinton, arXiv 1607.06450, as ConvNeXt
//! uses it).

use std::ops::Range;

use super::Parameter;
use super::reduce::{Parts, batch_parts};
use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Map, Memory, Needs, Target, part};
use crate::simd::{Kernel, LANES, Vector};

/// What forward and backward have in common.
#[derive(Clone, Copy, Debug)]
pub struct Layered {
    /// Images.
    pub batch: usize,
    /// What is normalized.
    pub input: Map,
    /// Where the scale stands in the arena, in whole blocks that are filled up with zeros ([`Pad`](crate::blocked::Pad)).
    pub weight: usize,
    /// Where mean and inverse standard deviation of each image's pixels stand in the arena between forward and backward:
    /// image by image, all means before the deviations.
    pub saved: usize,
}

impl Layered {
    /// Values that are saved.
    #[must_use]
    pub fn saved_len(batch: usize, [_, rows, columns]: [usize; 3]) -> usize {
        2 * batch * rows * columns
    }

    fn len(&self) -> usize {
        Self::saved_len(self.batch, self.input.shape)
    }

    fn pixels(&self) -> usize {
        self.input.plane() / LANES
    }

    fn lanes(&self) -> usize {
        self.input.blocks() * LANES
    }

    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a norm");
        limits.map(&self.input);
        limits.whole_apart(self.saved, self.len(), (&self.input).into());
        limits.whole(self.weight, self.lanes());
    }

    /// A phase over the pixels of all images.
    fn each(
        &self,
        member: &mut Member<'_>,
        target: Target,
        memory: &Memory<'_>,
        mut work: impl FnMut(Pixels),
    ) {
        let parts = target.parts(self.batch, self.pixels(), 2 * TOGETHER);
        member.each(self.batch * parts, |item| {
            let (n, pixels) = (item / parts, part(self.pixels(), parts, item % parts));
            let mean = memory.arena.wrapping_add(self.saved + 2 * n * self.pixels());
            work(Pixels {
                n,
                blocks: self.input.blocks(),
                channels: self.input.shape[0],
                plane: self.input.plane(),
                x: memory.arena.wrapping_add(self.input.offset + n * self.input.stride),
                mean,
                deviation: mean.wrapping_add(self.pixels()),
                pixels,
            });
        });
    }
}

/// Pixels that are worked on together.
const TOGETHER: usize = 8;

/// Some pixels of an image.
struct Pixels {
    n: usize,
    blocks: usize,
    channels: usize,
    /// From one block to the next.
    plane: usize,
    x: *const f32,
    mean: *mut f32,
    deviation: *mut f32,
    pixels: Range<usize>,
}

impl Pixels {
    /// Ones where a block's lane is a channel.
    ///
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    unsafe fn mask<V: Vector>(&self, block: usize) -> V {
        let mut lanes = [0.0; LANES];
        lanes[..LANES.min(self.channels - block * LANES)].fill(1.0);
        // SAFETY: the caller's promise.
        unsafe { V::load(lanes.as_ptr()) }
    }
}

/// Something that is done with pixels, some at once.
trait OfPixels {
    /// With which.
    fn pixels(&self) -> Range<usize>;

    /// Does it with `P` of them from `first` on.
    ///
    /// # Safety
    /// As [`Vector`]; so many pixels are among these.
    unsafe fn some<V: Vector, const P: usize>(&self, first: usize);
}

/// As many at once as there are.
struct Each<W>(W);

impl<W: OfPixels> Kernel for Each<W> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Range { start: mut first, end } = self.0.pixels();
        // SAFETY: the caller's promise.
        unsafe {
            while first + TOGETHER <= end {
                self.0.some::<V, TOGETHER>(first);
                first += TOGETHER;
            }
            while first < end {
                self.0.some::<V, 1>(first);
                first += 1;
            }
        }
    }
}

/// The normalization itself.
#[derive(Debug)]
pub struct LayerNorm {
    target: Target,
    of: Layered,
    bias: usize,
    eps: f64,
    output: Map,
}

impl LayerNorm {
    /// With the shift, which is where it is in the arena as the scale is.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, of: Layered, bias: usize, eps: f64, output: Map) -> Self {
        require(target.isa);
        assert_eq!(of.input.shape, output.shape, "the shapes of a norm");
        Self { target, of, bias, eps, output }
    }
}

impl Step for LayerNorm {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "normalization of pixels".to_owned()
    }
}

impl Run for LayerNorm {
    fn check(&self, limits: &Limits<'_>) {
        self.of.check(limits);
        limits.map(&self.output);
        limits.apart((&self.of.input).into(), (&self.output).into());
        limits.whole_apart(self.of.saved, self.of.len(), (&self.output).into());
        for place in [self.of.weight, self.bias] {
            limits.whole_apart(place, self.of.lanes(), (&self.output).into());
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        self.of.each(member, self.target, &memory, |of| {
            let to = self.output.offset + of.n * self.output.stride;
            let normalize = Normalize {
                y: memory.arena.wrapping_add(to),
                y_plane: self.output.plane(),
                affine: [self.of.weight, self.bias]
                    .map(|place| memory.arena.wrapping_add(place).cast_const()),
                eps: self.eps as f32,
                of,
            };
            // SAFETY: the places were checked; items write different pixels.
            unsafe { self.target.isa.run(Each(normalize)) }
        });
    }
}

struct Normalize {
    of: Pixels,
    y: *mut f32,
    y_plane: usize,
    /// Scale and shift.
    affine: [*const f32; 2],
    eps: f32,
}

impl OfPixels for Normalize {
    fn pixels(&self) -> Range<usize> {
        self.of.pixels.clone()
    }

    #[inline(always)]
    unsafe fn some<V: Vector, const P: usize>(&self, first: usize) {
        let of = &self.of;
        // SAFETY: the caller's promise.
        unsafe {
            let x = of.x.add(first * LANES);
            let count = of.channels as f32;
            let mut sums = [V::zero(); P];
            for block in 0..of.blocks {
                let mask = of.mask::<V>(block);
                for (p, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(x.add(block * of.plane + p * LANES)).mul_add(mask, *sum);
                }
            }
            let mut means = [V::zero(); P];
            for (p, (mean, sum)) in means.iter_mut().zip(sums).enumerate() {
                let value = sum.sum() / count;
                *of.mean.add(first + p) = value;
                *mean = V::splat(value);
            }
            let mut squares = [V::zero(); P];
            for block in 0..of.blocks {
                let mask = of.mask::<V>(block);
                for (p, (sum, mean)) in squares.iter_mut().zip(means).enumerate() {
                    let around = V::load(x.add(block * of.plane + p * LANES)).sub(mean).mul(mask);
                    *sum = around.mul_add(around, *sum);
                }
            }
            let mut deviations = [V::zero(); P];
            for (p, (deviation, sum)) in deviations.iter_mut().zip(squares).enumerate() {
                let value = 1.0 / (sum.sum() / count + self.eps).sqrt();
                *of.deviation.add(first + p) = value;
                *deviation = V::splat(value);
            }
            for block in 0..of.blocks {
                let [weight, bias] = self.affine.map(|values| V::load(values.add(block * LANES)));
                for (p, (mean, deviation)) in means.iter().zip(deviations).enumerate() {
                    let around = V::load(x.add(block * of.plane + p * LANES)).sub(*mean);
                    let y = around.mul(deviation).mul_add(weight, bias);
                    y.store(self.y.add(block * self.y_plane + (first + p) * LANES));
                }
            }
        }
    }
}

/// The gradients of a layer normalization.
#[derive(Debug)]
pub struct LayerNormGradient {
    target: Target,
    of: Layered,
    grad: Map,
    /// The gradient of what was normalized.
    to: Map,
    /// The gradients of scale and shift: outputs of the run.
    affine: Option<[Parameter; 2]>,
    parts: Parts,
}

impl LayerNormGradient {
    /// From the gradient of what it gave.
    ///
    /// # Panics
    /// As [`LayerNorm::new`].
    #[must_use]
    pub fn new(target: Target, of: Layered, grad: Map, to: Map, affine: Option<[Parameter; 2]>) -> Self {
        require(target.isa);
        for map in [&grad, &to] {
            assert_eq!(map.shape, of.input.shape, "the shape of a gradient");
        }
        for parameter in affine.iter().flatten() {
            assert_eq!(parameter.1, of.input.shape[0], "one value per channel");
        }
        assert!(affine.is_none_or(|[weight, bias]| weight.0 != bias.0), "an output for each gradient");
        let parts = batch_parts(target.threads, of.input.blocks(), of.batch);
        let parts = Parts { parts, channels: of.input.shape[0], values: 1 };
        Self { target, of, grad, to, affine, parts }
    }
}

impl Step for LayerNormGradient {
    fn needs(&self) -> Needs {
        let shared = if self.affine.is_some() { 2 * self.parts.len() } else { 0 };
        Needs { shared, private: 0, phases: 4 }
    }

    fn algorithm(&self) -> String {
        "gradient of the normalization of pixels".to_owned()
    }
}

impl Run for LayerNormGradient {
    fn check(&self, limits: &Limits<'_>) {
        self.of.check(limits);
        for map in [&self.grad, &self.to] {
            limits.map(map);
        }
        for read in [&self.of.input, &self.grad] {
            limits.apart(read.into(), (&self.to).into());
        }
        limits.whole_apart(self.of.saved, self.of.len(), (&self.to).into());
        limits.whole_apart(self.of.weight, self.of.lanes(), (&self.to).into());
        for parameter in self.affine.iter().flatten() {
            limits.result(parameter.0, parameter.1);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        self.of.each(member, self.target, &memory, |of| {
            let at = |map: &Map| memory.arena.wrapping_add(map.offset + of.n * map.stride);
            let back = Back {
                grad: at(&self.grad),
                to: at(&self.to),
                planes: [self.grad.plane(), self.to.plane()],
                weight: memory.arena.wrapping_add(self.of.weight),
                of,
            };
            // SAFETY: the places were checked; items write different pixels.
            unsafe { self.target.isa.run(Each(back)) }
        });
        let Some(affine) = self.affine else { return };
        let blocks = self.parts.blocks();
        let scratch = [0, 1].map(|which| memory.shared.wrapping_add(which * self.parts.len()));
        member.each(self.parts.parts * blocks, |item| {
            let (index, block) = (item / blocks, item % blocks);
            let at = |map: &Map| {
                (memory.arena.wrapping_add(map.offset + block * map.plane()).cast_const(), map.stride)
            };
            let sums = Sums {
                maps: [at(&self.of.input), at(&self.grad)],
                saved: memory.arena.wrapping_add(self.of.saved),
                samples: part(self.of.batch, self.parts.parts, index),
                pixels: self.of.pixels(),
                to: scratch.map(|scratch| scratch.wrapping_add(self.parts.at(index, block, 0))),
            };
            // SAFETY: the places were checked; items write different values of the scratch.
            unsafe { self.target.isa.run(sums) }
        });
        for (scratch, to) in scratch.into_iter().zip(affine) {
            // SAFETY: as above; every value was written.
            unsafe { self.parts.reduce(member, self.target.isa, &memory, scratch.cast_const(), to.0) }
        }
    }
}

/// The gradient by some pixels: `d (w g - Σ w g / C - x' Σ w g x' / C)`, `d` being the inverse deviation and `x'` what was
/// normalized.
struct Back {
    of: Pixels,
    grad: *const f32,
    to: *mut f32,
    /// From one block to the next, of both.
    planes: [usize; 2],
    weight: *const f32,
}

impl OfPixels for Back {
    fn pixels(&self) -> Range<usize> {
        self.of.pixels.clone()
    }

    #[inline(always)]
    unsafe fn some<V: Vector, const P: usize>(&self, first: usize) {
        let of = &self.of;
        // SAFETY: the caller's promise.
        unsafe {
            let (x, grad) = (of.x.add(first * LANES), self.grad.add(first * LANES));
            let [mut means, mut deviations, mut plain, mut around] = [[V::zero(); P]; 4];
            for p in 0..P {
                means[p] = V::splat(*of.mean.add(first + p));
                deviations[p] = V::splat(*of.deviation.add(first + p));
            }
            for block in 0..of.blocks {
                // Zeros beyond the last channel.
                let weight = V::load(self.weight.add(block * LANES));
                for p in 0..P {
                    let g = V::load(grad.add(block * self.planes[0] + p * LANES)).mul(weight);
                    let x = V::load(x.add(block * of.plane + p * LANES)).sub(means[p]).mul(deviations[p]);
                    plain[p] = plain[p].add(g);
                    around[p] = g.mul_add(x, around[p]);
                }
            }
            let count = of.channels as f32;
            for sums in [&mut plain, &mut around] {
                for sum in sums {
                    *sum = V::splat(sum.sum() / count);
                }
            }
            for block in 0..of.blocks {
                let weight = V::load(self.weight.add(block * LANES));
                for p in 0..P {
                    let g = V::load(grad.add(block * self.planes[0] + p * LANES)).mul(weight);
                    let x = V::load(x.add(block * of.plane + p * LANES)).sub(means[p]).mul(deviations[p]);
                    let dx = x.neg_mul_add(around[p], g.sub(plain[p])).mul(deviations[p]);
                    dx.store(self.to.add(block * self.planes[1] + (first + p) * LANES));
                }
            }
        }
    }
}

/// Σ g x' and Σ g, of a block of channels over some samples.
struct Sums {
    /// What was normalized and the gradient, and how far the next sample is.
    maps: [(*const f32, usize); 2],
    saved: *const f32,
    samples: Range<usize>,
    pixels: usize,
    to: [*mut f32; 2],
}

impl Kernel for Sums {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { maps: [(x, x_stride), (grad, grad_stride)], saved, samples, pixels, to } = self;
        // SAFETY: the caller's promise.
        unsafe {
            let mut all = [V::zero(); 2];
            for n in samples {
                let (x, grad) = (x.add(n * x_stride), grad.add(n * grad_stride));
                let mean = saved.add(2 * n * pixels);
                // Of each plane by itself: sums of sums lose fewer digits.
                let mut sums = [[V::zero(); 2]; 2];
                for pixel in 0..pixels {
                    let g = V::load(grad.add(pixel * LANES));
                    let around = V::load(x.add(pixel * LANES)).sub(V::splat(*mean.add(pixel)));
                    let sums = &mut sums[pixel % 2];
                    sums[0] = g.mul(V::splat(*mean.add(pixels + pixel))).mul_add(around, sums[0]);
                    sums[1] = sums[1].add(g);
                }
                for (index, all) in all.iter_mut().enumerate() {
                    *all = all.add(sums[0][index].add(sums[1][index]));
                }
            }
            all[0].store(to[0]);
            all[1].store(to[1]);
        }
    }
}
