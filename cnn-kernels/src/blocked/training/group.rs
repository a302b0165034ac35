//! Group normalization in training (Wu & He, arXiv 1803.08494), with the activation that follows it. One channel per group
//! is instance normalization.

use super::Parameter;
use super::norm::Normalized;
use super::normalize::{Apply, ApplyGradient, Ending, GradientSums, Moments};
use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Activation, Map, Memory, Needs, Target, planes};
use crate::simd::LANES;

/// What forward and backward have in common.
#[derive(Clone, Copy, Debug)]
pub struct Grouped {
    /// Images.
    pub batch: usize,
    /// Groups of an image's channels.
    pub groups: usize,
    /// What is normalized.
    pub input: Map,
    /// What it becomes, activation included.
    pub output: Map,
    /// The scale, one value for each channel; ones where there is none.
    pub weight: Option<Parameter>,
    /// The shift, one value for each channel; zeros where there is none.
    pub bias: Option<Parameter>,
    /// What comes behind the norm.
    pub activation: Option<Activation>,
    /// Where mean and inverse standard deviation of each image's channels stand in the arena between forward and backward:
    /// those of all blocks' lanes, one after the other, image by image.
    pub saved: usize,
}

impl Grouped {
    fn lanes(&self) -> usize {
        self.input.blocks() * LANES
    }

    /// Values that are saved.
    #[must_use]
    pub fn saved_len(batch: usize, channels: usize) -> usize {
        2 * batch * channels.next_multiple_of(LANES)
    }

    fn channels(&self) -> usize {
        self.input.shape[0]
    }

    /// Channels of a group.
    fn width(&self) -> usize {
        self.channels() / self.groups
    }

    /// Values of a group.
    fn count(&self) -> f64 {
        (self.width() * self.pixels()) as f64
    }

    fn pixels(&self) -> usize {
        self.input.plane() / LANES
    }

    fn assert(&self, target: Target) {
        require(target.isa);
        let fits = self.groups > 0 && self.channels().is_multiple_of(self.groups);
        assert!(fits, "{} groups of {} channels", self.groups, self.channels());
        assert_eq!(self.input.shape, self.output.shape, "the shapes of a norm");
        for parameter in self.weight.iter().chain(&self.bias) {
            assert_eq!(parameter.1, self.channels(), "one value per channel");
        }
    }

    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a norm");
        for map in [&self.input, &self.output] {
            limits.map(map);
            limits.whole_apart(self.saved, Self::saved_len(self.batch, self.channels()), map.into());
        }
        for parameter in self.weight.iter().chain(&self.bias) {
            limits.parameter(parameter.0, parameter.1);
        }
    }

    /// One channel's value of a parameter.
    fn parameter(memory: &Memory<'_>, parameter: Option<Parameter>, channel: usize, without: f32) -> f32 {
        parameter.map_or(without, |(index, _)| memory.inputs[index].get(channel).copied().unwrap_or(0.0))
    }

    /// The means of an image's channels.
    fn mean(&self, memory: &Memory<'_>, n: usize) -> *mut f32 {
        memory.arena.wrapping_add(self.saved + n * 2 * self.lanes())
    }

    fn deviation(&self, memory: &Memory<'_>, n: usize) -> *mut f32 {
        self.mean(memory, n).wrapping_add(self.lanes())
    }

    /// What becomes of a block's values.
    ///
    /// # Safety
    /// The statistics were written.
    unsafe fn ending(&self, memory: &Memory<'_>, n: usize, block: usize) -> Ending {
        let mut ending = Ending { scale: [0.0; LANES], shift: [0.0; LANES], activation: self.activation };
        for lane in 0..LANES.min(self.channels() - block * LANES) {
            let channel = block * LANES + lane;
            // SAFETY: the caller's promise.
            let deviation = unsafe { *self.deviation(memory, n).add(channel) };
            ending.scale[lane] = Self::parameter(memory, self.weight, channel, 1.0) * deviation;
            ending.shift[lane] = Self::parameter(memory, self.bias, channel, 0.0);
        }
        ending
    }

    /// Two vectors of scratch for each block of an image: its sums.
    fn sums(&self, memory: &Memory<'_>, n: usize, block: usize) -> *mut f32 {
        memory.shared.wrapping_add((n * self.input.blocks() + block) * 2 * LANES)
    }

    /// Both sums of a channel of an image.
    ///
    /// # Safety
    /// They were written.
    unsafe fn both(&self, memory: &Memory<'_>, n: usize, channel: usize) -> [f64; 2] {
        let from = self.sums(memory, n, channel / LANES).wrapping_add(channel % LANES);
        // SAFETY: the caller's promise.
        unsafe { [f64::from(*from), f64::from(*from.add(LANES))] }
    }

    /// Scratch for the sums of all images.
    fn sums_len(&self) -> usize {
        2 * self.batch * self.lanes()
    }
}

/// The normalization itself.
#[derive(Debug)]
pub struct GroupNorm {
    target: Target,
    of: Grouped,
    eps: f64,
}

impl GroupNorm {
    /// Prepares it.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, of: Grouped, eps: f64) -> Self {
        of.assert(target);
        Self { target, of, eps }
    }

    /// Mean and inverse deviation of an image's groups, for all of its lanes.
    ///
    /// # Safety
    /// The sums were written, and the places were checked.
    unsafe fn groups(&self, memory: &Memory<'_>, n: usize) {
        let (of, pixels) = (&self.of, self.of.pixels() as f64);
        let (means, deviations) = (of.mean(memory, n), of.deviation(memory, n));
        for channel in 0..of.lanes() {
            let (first, width) = (channel / of.width() * of.width(), of.width());
            // SAFETY: the caller's promise.
            unsafe {
                let (mut mean, mut deviation) = (0.0, 0.0);
                if channel >= of.channels() {
                    // Its lane becomes zero.
                } else if channel > first {
                    (mean, deviation) = (*means.add(first), *deviations.add(first));
                } else {
                    let parts = || (first..first + width).map(|channel| of.both(memory, n, channel));
                    let middle = parts().map(|[mean, _]| mean).sum::<f64>() / width as f64;
                    let around = |[mean, squares]: [f64; 2]| squares + pixels * (mean - middle).powi(2);
                    let variance = parts().map(around).sum::<f64>() / of.count();
                    (mean, deviation) = (middle as f32, (1.0 / (variance + self.eps).sqrt()) as f32);
                }
                *means.add(channel) = mean;
                *deviations.add(channel) = deviation;
            }
        }
    }
}

impl Step for GroupNorm {
    fn needs(&self) -> Needs {
        Needs { shared: self.of.sums_len(), private: 0, phases: 3 }
    }

    fn algorithm(&self) -> String {
        "normalization of groups".to_owned()
    }
}

impl Run for GroupNorm {
    fn check(&self, limits: &Limits<'_>) {
        self.of.check(limits);
        limits.apart((&self.of.input).into(), (&self.of.output).into());
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let Grouped { batch, input, output, .. } = self.of;
        let blocks = input.blocks();
        member.each(batch * blocks, |item| {
            let (n, block) = (item / blocks, item % blocks);
            let moments = Moments {
                map: input,
                x: memory.arena.wrapping_add(input.offset + block * input.plane()),
                samples: n..n + 1,
                to: self.of.sums(&memory, n, block),
            };
            // SAFETY: the places were checked; items write different sums.
            unsafe { self.target.isa.run(moments) }
        });
        // SAFETY: the sums were written; items write different images' statistics.
        member.each(batch, |n| unsafe { self.groups(&memory, n) });
        planes(member, self.target, batch, &output, 4, |n, block, rows| {
            let (row, start) = (output.shape[2] * LANES, rows.start);
            let at = |map: &Map| {
                memory.arena.wrapping_add(map.offset + n * map.stride + block * map.plane() + start * row)
            };
            let apply = Apply {
                x: at(&input),
                residual: std::ptr::null(),
                y: at(&output),
                vectors: rows.len() * output.shape[2],
                mean: self.of.mean(&memory, n).wrapping_add(block * LANES),
                // SAFETY: the statistics were written.
                ending: unsafe { self.of.ending(&memory, n, block) },
            };
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.target.isa.run(apply) }
        });
    }
}

/// The gradients of a group normalization, with the activation that follows it.
#[derive(Debug)]
pub struct GroupNormGradient {
    target: Target,
    of: Grouped,
    grad: Map,
    /// The gradient of what was normalized.
    to: Map,
    /// The gradients of scale and shift: outputs of the run.
    affine: Option<[Parameter; 2]>,
}

impl GroupNormGradient {
    /// From the gradient of what it gave.
    ///
    /// # Panics
    /// As [`GroupNorm::new`].
    #[must_use]
    pub fn new(target: Target, of: Grouped, grad: Map, to: Map, affine: Option<[Parameter; 2]>) -> Self {
        of.assert(target);
        for map in [&grad, &to] {
            assert_eq!(map.shape, of.output.shape, "the shape of a gradient");
        }
        for parameter in affine.iter().flatten() {
            assert_eq!(parameter.1, of.channels(), "one value per channel");
        }
        assert!(affine.is_none_or(|[weight, bias]| weight.0 != bias.0), "an output for each gradient");
        Self { target, of, grad, to, affine }
    }

    /// Two vectors of scratch for each block of an image: what its gradient is moved by, and by how much for each value's
    /// distance from the mean.
    fn coefficients(&self, memory: &Memory<'_>, n: usize, block: usize) -> *mut f32 {
        self.of.sums(memory, n, block).wrapping_add(self.of.sums_len())
    }

    /// The coefficients of an image's groups.
    ///
    /// # Safety
    /// The sums and the statistics were written, and the places were checked.
    unsafe fn groups(&self, memory: &Memory<'_>, n: usize) {
        let (of, width) = (&self.of, self.of.width());
        let mut group = [0.0f32; 2];
        for channel in 0..of.lanes() {
            // SAFETY: the caller's promise.
            unsafe {
                if channel >= of.channels() {
                    group = [0.0; 2];
                } else if channel % width == 0 {
                    let mut sums = [0.0f64; 2];
                    for channel in channel..channel + width {
                        let weight = f64::from(Grouped::parameter(memory, of.weight, channel, 1.0));
                        let parts = of.both(memory, n, channel);
                        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += weight * part);
                    }
                    let deviation = f64::from(*of.deviation(memory, n).add(channel));
                    // dx = deviation (w g - Σwg / count - (x - mean) deviation² Σwg(x - mean) / count)
                    let [shared, slope] = sums.map(|sum| sum * deviation / of.count());
                    group = [shared as f32, (slope * deviation * deviation) as f32];
                }
                let to = self.coefficients(memory, n, channel / LANES).add(channel % LANES);
                *to = group[0];
                *to.add(LANES) = group[1];
            }
        }
    }

    /// The gradients of a block's scales and shifts.
    ///
    /// # Safety
    /// As [`groups`](Self::groups).
    unsafe fn parameters(&self, memory: &Memory<'_>, block: usize) {
        let Some([weight, bias]) = self.affine else { return };
        let of = &self.of;
        for channel in block * LANES..of.channels().min((block + 1) * LANES) {
            let mut sums = [0.0f64; 2];
            for n in 0..of.batch {
                // SAFETY: the caller's promise.
                let ([plain, around], deviation) =
                    unsafe { (of.both(memory, n, channel), *of.deviation(memory, n).add(channel)) };
                sums[0] += plain;
                sums[1] += around * f64::from(deviation);
            }
            // SAFETY: as above.
            unsafe {
                *memory.outputs[bias.0].add(channel) = sums[0] as f32;
                *memory.outputs[weight.0].add(channel) = sums[1] as f32;
            }
        }
    }
}

impl Step for GroupNormGradient {
    fn needs(&self) -> Needs {
        Needs { shared: 2 * self.of.sums_len(), private: 0, phases: 3 }
    }

    fn algorithm(&self) -> String {
        "gradient of the normalization of groups".to_owned()
    }
}

impl Run for GroupNormGradient {
    fn check(&self, limits: &Limits<'_>) {
        self.of.check(limits);
        for map in [&self.grad, &self.to] {
            limits.map(map);
        }
        let saved = Grouped::saved_len(self.of.batch, self.of.channels());
        limits.whole_apart(self.of.saved, saved, (&self.to).into());
        let output = Some(&self.of.output).filter(|_| Normalized::reads_output(self.of.activation));
        for read in [&self.of.input, &self.grad].into_iter().chain(output) {
            limits.apart(read.into(), (&self.to).into());
        }
        for parameter in self.affine.iter().flatten() {
            limits.result(parameter.0, parameter.1);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let Grouped { batch, input, output, .. } = self.of;
        let blocks = input.blocks();
        member.each(batch * blocks, |item| {
            let (n, block) = (item / blocks, item % blocks);
            let at = |map: &Map| memory.arena.wrapping_add(map.offset + block * map.plane()).cast_const();
            let sums = GradientSums {
                maps: [input, output, self.grad],
                from: [at(&input), at(&output), at(&self.grad)],
                samples: n..n + 1,
                mean: self.of.mean(&memory, n).wrapping_add(block * LANES),
                // SAFETY: the statistics were written on the way there.
                ending: unsafe { self.of.ending(&memory, n, block) },
                to: self.of.sums(&memory, n, block),
            };
            // SAFETY: the places were checked; items write different sums.
            unsafe { self.target.isa.run(sums) }
        });
        member.each(batch + blocks, |item| {
            // SAFETY: the sums were written; items write different images' coefficients or different channels.
            unsafe {
                match item.checked_sub(batch) {
                    None => self.groups(&memory, item),
                    Some(block) => self.parameters(&memory, block),
                }
            }
        });
        planes(member, self.target, batch, &output, 4, |n, block, rows| {
            let (row, start) = (output.shape[2] * LANES, rows.start);
            let at = |map: &Map| {
                memory.arena.wrapping_add(map.offset + n * map.stride + block * map.plane() + start * row)
            };
            let apply = ApplyGradient {
                x: at(&input),
                y: at(&output),
                grad: at(&self.grad),
                to: at(&self.to),
                residual: std::ptr::null_mut(),
                vectors: rows.len() * output.shape[2],
                mean: self.of.mean(&memory, n).wrapping_add(block * LANES),
                coefficients: self.coefficients(&memory, n, block),
                // SAFETY: as above.
                ending: unsafe { self.of.ending(&memory, n, block) },
            };
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.target.isa.run(apply) }
        });
    }
}
