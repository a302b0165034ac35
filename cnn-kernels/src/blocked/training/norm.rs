//! Batch normalization in training (Ioffe & Szegedy, arXiv 1502.03167), with what follows it: a residual sum and an
//! activation.

use super::Parameter;
use super::normalize::{Apply, ApplyGradient, Ending, GradientSums, Moments};
use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Activation, Map, Memory, Needs, Target, part, planes};
use crate::simd::LANES;

/// What forward and backward have in common.
#[derive(Clone, Copy, Debug)]
pub struct Normalized {
    /// Images.
    pub batch: usize,
    /// What is normalized.
    pub input: Map,
    /// What it becomes, residual and activation included.
    pub output: Map,
    /// The scale, one value for each channel; ones where there is none.
    pub weight: Option<Parameter>,
    /// The shift, one value for each channel; zeros where there is none.
    pub bias: Option<Parameter>,
    /// What it is normalized with.
    pub statistics: NormStatistics,
    /// What comes behind the sums.
    pub activation: Option<Activation>,
    /// Where mean and inverse standard deviation stand in the arena between forward and backward: those of all blocks'
    /// lanes, one after the other.
    pub saved: usize,
}

impl Normalized {
    fn lanes(&self) -> usize {
        self.input.blocks() * LANES
    }

    /// Values that are saved.
    #[must_use]
    pub fn saved_len(channels: usize) -> usize {
        2 * channels.next_multiple_of(LANES)
    }

    /// Whether the way back reads what the norm gave, which depends on what comes behind it.
    #[must_use]
    pub fn reads_output(activation: Option<Activation>) -> bool {
        Ending::reads_output(activation)
    }

    /// Values of a channel.
    fn count(&self) -> usize {
        self.batch * self.input.shape[1] * self.input.shape[2]
    }

    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a norm");
        assert_eq!(self.input.shape, self.output.shape, "the shapes of a norm");
        for map in [&self.input, &self.output] {
            limits.map(map);
            limits.whole_apart(self.saved, 2 * self.lanes(), map.into());
        }
        for parameter in self.weight.iter().chain(&self.bias) {
            assert_eq!(parameter.1, self.input.shape[0], "one value per channel");
            limits.parameter(parameter.0, parameter.1);
        }
    }

    /// With a residual, the values before the activation cannot be computed again.
    fn check_residual(&self, is_there: bool) {
        let is_told = self.activation.is_none() || Ending::reads_output(self.activation);
        assert!(!is_there || is_told, "the output of {:?} does not tell its slope", self.activation);
    }

    /// Parts of a channel's values that are summed by themselves: of each sample some rows.
    fn parts(&self, target: Target) -> usize {
        if target.threads == 1 {
            return 1;
        }
        (3 * target.threads).div_ceil(self.input.blocks()).min(self.batch)
    }

    /// Two vectors of scratch for each part of a block of channels: its sums.
    fn partial(&self, target: Target, memory: &Memory<'_>, block: usize, part: usize) -> *mut f32 {
        memory.shared.wrapping_add((block * self.parts(target) + part) * 2 * LANES)
    }

    /// One channel's value of a parameter.
    fn parameter(memory: &Memory<'_>, parameter: Option<Parameter>, channel: usize, without: f32) -> f32 {
        parameter.map_or(without, |(index, _)| memory.inputs[index].get(channel).copied().unwrap_or(0.0))
    }

    fn mean(&self, memory: &Memory<'_>, block: usize) -> *mut f32 {
        memory.arena.wrapping_add(self.saved + block * LANES)
    }

    fn deviation(&self, memory: &Memory<'_>, block: usize) -> *mut f32 {
        memory.arena.wrapping_add(self.saved + self.lanes() + block * LANES)
    }

    /// What becomes of a block's values.
    ///
    /// # Safety
    /// The statistics were written.
    unsafe fn ending(&self, memory: &Memory<'_>, block: usize) -> Ending {
        let mut ending = Ending { scale: [0.0; LANES], shift: [0.0; LANES], activation: self.activation };
        for lane in 0..LANES.min(self.input.shape[0] - block * LANES) {
            let channel = block * LANES + lane;
            // SAFETY: the caller's promise.
            let deviation = unsafe { *self.deviation(memory, block).add(lane) };
            ending.scale[lane] = Self::parameter(memory, self.weight, channel, 1.0) * deviation;
            ending.shift[lane] = Self::parameter(memory, self.bias, channel, 0.0);
        }
        ending
    }
}

/// What a batch norm normalizes with: mean and variance of each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormStatistics {
    /// Those of the batch, with the biased variance, which go to these outputs of the run.
    Batch([Parameter; 2]),
    /// Those that these inputs of the run have: constants, as far as gradients go.
    Given([Parameter; 2]),
}

impl NormStatistics {
    fn parameters(self) -> [Parameter; 2] {
        let (Self::Batch(parameters) | Self::Given(parameters)) = self;
        parameters
    }

    fn are_given(self) -> bool {
        matches!(self, Self::Given(_))
    }
}

/// The normalization itself: statistics of the batch, then the values.
#[derive(Debug)]
pub struct BatchNorm {
    target: Target,
    of: Normalized,
    residual: Option<Map>,
    eps: f64,
}

impl BatchNorm {
    /// Adds the residual, where there is one.
    ///
    /// # Panics
    /// Where sizes do not agree, for a residual before an activation whose slope its output does not tell, and where the
    /// processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, of: Normalized, residual: Option<Map>, eps: f64) -> Self {
        require(target.isa);
        of.check_residual(residual.is_some());
        assert!(residual.is_none_or(|map| map.shape == of.output.shape), "the shape of a residual");
        let statistics = of.statistics.parameters();
        for parameter in statistics {
            assert_eq!(parameter.1, of.input.shape[0], "one value per channel");
        }
        assert_ne!(statistics[0].0, statistics[1].0, "a place for each statistic");
        Self { target, of, residual, eps }
    }

    /// Puts statistics that are given where the rest looks for them.
    fn keep(&self, memory: &Memory<'_>, block: usize, [mean, variance]: [Parameter; 2]) {
        for lane in 0..LANES {
            let channel = block * LANES + lane;
            let [mean, variance] =
                [mean, variance].map(|given| Normalized::parameter(memory, Some(given), channel, 0.0));
            // SAFETY: the places were checked; items write different channels.
            unsafe {
                *self.of.mean(memory, block).add(lane) = mean;
                *self.of.deviation(memory, block).add(lane) =
                    (1.0 / (f64::from(variance) + self.eps).sqrt()) as f32;
            }
        }
    }
}

impl Step for BatchNorm {
    fn needs(&self) -> Needs {
        let shared = self.of.parts(self.target) * 2 * self.of.lanes();
        Needs { shared, private: 0, phases: 3 }
    }

    fn algorithm(&self) -> String {
        "normalization".to_owned()
    }
}

impl Run for BatchNorm {
    fn check(&self, limits: &Limits<'_>) {
        self.of.check(limits);
        limits.apart((&self.of.input).into(), (&self.of.output).into());
        if let Some(map) = &self.residual {
            limits.map(map);
            limits.apart(map.into(), (&self.of.output).into());
            limits.whole_apart(self.of.saved, 2 * self.of.lanes(), map.into());
        }
        for (index, len) in self.of.statistics.parameters() {
            if self.of.statistics.are_given() {
                limits.parameter(index, len);
            } else {
                limits.result(index, len);
            }
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let Normalized { batch, input, output, .. } = self.of;
        let (blocks, parts) = (input.blocks(), self.of.parts(self.target));
        let sums = if self.of.statistics.are_given() { 0 } else { blocks * parts };
        member.each(sums, |item| {
            let (block, index) = (item / parts, item % parts);
            let moments = Moments {
                map: input,
                x: memory.arena.wrapping_add(input.offset + block * input.plane()),
                samples: part(batch, parts, index),
                to: self.of.partial(self.target, &memory, block, index),
            };
            // SAFETY: the places were checked; items write different parts.
            unsafe { self.target.isa.run(moments) }
        });
        member.each(blocks, |block| {
            if let NormStatistics::Given(given) = self.of.statistics {
                return self.keep(&memory, block, given);
            }
            for lane in 0..LANES {
                // Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
                let (mut count, mut mean, mut squares) = (0.0f64, 0.0f64, 0.0f64);
                for index in 0..parts {
                    let plane = (input.plane() / LANES) as f64;
                    let more = part(batch, parts, index).len() as f64 * plane;
                    let from = self.of.partial(self.target, &memory, block, index).wrapping_add(lane);
                    // SAFETY: the parts were written.
                    let (other, around) = unsafe { (f64::from(*from), f64::from(*from.add(LANES))) };
                    let (delta, all) = (other - mean, count + more);
                    mean += delta * more / all;
                    squares += around + delta * delta * count * more / all;
                    count = all;
                }
                let variance = squares / count;
                let channel = block * LANES + lane;
                // SAFETY: the places were checked; items write different channels.
                unsafe {
                    *self.of.mean(&memory, block).add(lane) = mean as f32;
                    *self.of.deviation(&memory, block).add(lane) =
                        (1.0 / (variance + self.eps).sqrt()) as f32;
                    if channel < input.shape[0] {
                        let [to_mean, to_variance] = self.of.statistics.parameters();
                        *memory.outputs[to_mean.0].add(channel) = mean as f32;
                        *memory.outputs[to_variance.0].add(channel) = variance as f32;
                    }
                }
            }
        });
        planes(member, self.target, batch, &output, 4, |n, block, rows| {
            let (row, start) = (output.shape[2] * LANES, rows.start);
            let at = |map: &Map| {
                memory.arena.wrapping_add(map.offset + n * map.stride + block * map.plane() + start * row)
            };
            let apply = Apply {
                x: at(&input),
                residual: self.residual.as_ref().map_or(std::ptr::null_mut(), at).cast_const(),
                y: at(&output),
                vectors: rows.len() * output.shape[2],
                mean: self.of.mean(&memory, block),
                // SAFETY: the statistics were written.
                ending: unsafe { self.of.ending(&memory, block) },
            };
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.target.isa.run(apply) }
        });
    }
}

/// The gradients of a batch normalization, with what follows it.
#[derive(Debug)]
pub struct BatchNormGradient {
    target: Target,
    of: Normalized,
    grad: Map,
    /// The gradient of what was normalized.
    to: Map,
    /// The gradient of the residual.
    residual: Option<Map>,
    /// The gradients of scale and shift: outputs of the run.
    affine: Option<[Parameter; 2]>,
}

impl BatchNormGradient {
    /// From the gradient of what it gave.
    ///
    /// # Panics
    /// As [`BatchNorm::new`].
    #[must_use]
    pub fn new(
        target: Target,
        of: Normalized,
        grad: Map,
        to: Map,
        residual: Option<Map>,
        affine: Option<[Parameter; 2]>,
    ) -> Self {
        require(target.isa);
        of.check_residual(residual.is_some());
        for map in [&grad, &to].into_iter().chain(&residual) {
            assert_eq!(map.shape, of.output.shape, "the shape of a gradient");
        }
        for parameter in affine.iter().flatten() {
            assert_eq!(parameter.1, of.input.shape[0], "one value per channel");
        }
        assert!(affine.is_none_or(|[weight, bias]| weight.0 != bias.0), "an output for each gradient");
        Self { target, of, grad, to, residual, affine }
    }
}

impl Step for BatchNormGradient {
    fn needs(&self) -> Needs {
        let shared = self.of.parts(self.target) * 2 * self.of.lanes();
        Needs { shared, private: 0, phases: 3 }
    }

    fn algorithm(&self) -> String {
        "gradient of the normalization".to_owned()
    }
}

impl Run for BatchNormGradient {
    fn check(&self, limits: &Limits<'_>) {
        self.of.check(limits);
        limits.map(&self.grad);
        for written in std::iter::once(&self.to).chain(&self.residual) {
            limits.map(written);
            limits.whole_apart(self.of.saved, 2 * self.of.lanes(), written.into());
            let output = Some(&self.of.output).filter(|_| Normalized::reads_output(self.of.activation));
            for read in [&self.of.input, &self.grad].into_iter().chain(output) {
                limits.apart(read.into(), written.into());
            }
        }
        if let Some(residual) = &self.residual {
            limits.apart(residual.into(), (&self.to).into());
        }
        for parameter in self.affine.iter().flatten() {
            limits.result(parameter.0, parameter.1);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let Normalized { batch, input, output, .. } = self.of;
        let (blocks, parts) = (input.blocks(), self.of.parts(self.target));
        let given = self.of.statistics.are_given();
        let sums = if given && self.affine.is_none() { 0 } else { blocks * parts };
        member.each(sums, |item| {
            let (block, index) = (item / parts, item % parts);
            let at = |map: &Map| memory.arena.wrapping_add(map.offset + block * map.plane()).cast_const();
            let sums = GradientSums {
                maps: [input, output, self.grad],
                from: [at(&input), at(&output), at(&self.grad)],
                samples: part(batch, parts, index),
                mean: self.of.mean(&memory, block),
                // SAFETY: the statistics were written on the way there.
                ending: unsafe { self.of.ending(&memory, block) },
                to: self.of.partial(self.target, &memory, block, index),
            };
            // SAFETY: the places were checked; items write different parts.
            unsafe { self.target.isa.run(sums) }
        });
        let count = self.of.count() as f64;
        member.each(blocks, |block| {
            // SAFETY: as above.
            let scale = unsafe { self.of.ending(&memory, block) }.scale;
            for (lane, scale) in scale.into_iter().enumerate() {
                let mut totals = [0.0f64; 2];
                for index in 0..if sums == 0 { 0 } else { parts } {
                    let from = self.of.partial(self.target, &memory, block, index).wrapping_add(lane);
                    // SAFETY: the parts were written.
                    let more = unsafe { [*from, *from.add(LANES)] };
                    totals.iter_mut().zip(more).for_each(|(sum, more)| *sum += f64::from(more));
                }
                let channel = block * LANES + lane;
                // SAFETY: the places were checked; items write different channels.
                unsafe {
                    let deviation = f64::from(*self.of.deviation(&memory, block).add(lane));
                    if channel < input.shape[0]
                        && let Some([weight, bias]) = self.affine
                    {
                        *memory.outputs[weight.0].add(channel) = (totals[1] * deviation) as f32;
                        *memory.outputs[bias.0].add(channel) = totals[0] as f32;
                    }
                    // dx = scale (g - Σg / count - (x - mean) deviation² Σg(x - mean) / count), and scale g with statistics
                    // that are given.
                    let share = if given { 0.0 } else { f64::from(scale) / count };
                    let to = self.of.partial(self.target, &memory, block, 0).add(lane);
                    *to = (totals[0] * share) as f32;
                    *to.add(LANES) = (deviation * deviation * totals[1] * share) as f32;
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
                residual: self.residual.as_ref().map_or(std::ptr::null_mut(), at),
                vectors: rows.len() * output.shape[2],
                mean: self.of.mean(&memory, block),
                coefficients: self.of.partial(self.target, &memory, block, 0),
                // SAFETY: as above.
                ending: unsafe { self.of.ending(&memory, block) },
            };
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.target.isa.run(apply) }
        });
    }
}
