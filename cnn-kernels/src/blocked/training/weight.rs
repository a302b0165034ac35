//! The gradient of a convolution's weight.
//!
//! For each tap it is a product of the gradient's pixels and the input's, over all pixels of the batch. A tile of it, sixteen
//! output channels by sixteen input channels of one tap, stays in registers over many pixels: each pixel's gradient is
//! one vector, and its input channels are broadcast. Taps at the edges leave out the pixels that lie in the padding.
//!
//! Of a convolution of several groups a block of output channels has the blocks of input channels that its groups see, and
//! what lies between the groups is left out at the end.

use std::ops::Range;

use super::Parameter;
use super::reduce::{Parts, batch_parts};
use crate::blocked::conv::{ConvInput, ConvStep};
use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Map, Memory, Needs, Target, part};
use crate::conv::Conv;
use crate::simd::{Kernel, LANES, Vector};
use crate::window::Span;

/// Pixels that a tile is kept in registers for, if there are so many.
const PIXELS: usize = 512;

/// Values of the partial gradient that an item works on: some of a second-level cache.
const ITEM_VALUES: usize = 32 * 1024;

/// The gradient of the weight of a convolution.
#[derive(Debug)]
pub struct WeightGradient {
    target: Target,
    conv: Conv,
    input: ConvInput,
    grad: Map,
    weight: Parameter,
    parts: Parts,
    /// Values of a channel's weight that an item has.
    each: usize,
    /// Blocks of input channels that the groups of a block of output channels see at most.
    seen: usize,
}

impl WeightGradient {
    /// From what the convolution read and the gradient of what it gave, to an output of the run.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, conv: Conv, input: ConvInput, grad: Map, weight: Parameter) -> Self {
        require(target.isa);
        assert_eq!(weight.1, conv.weight_len(), "the length of a weight");
        let blocks = (0..conv.out_channels.div_ceil(LANES)).map(|block| seen(&conv, block).len());
        let seen = blocks.max().unwrap_or_default();
        let values = conv.in_channels.min(seen * LANES) * conv.taps();
        let block = match input {
            ConvInput::Map(_) => LANES * conv.taps(),
            ConvInput::Plain(_) => LANES,
        };
        let each = (ITEM_VALUES / LANES / block).max(1) * block;
        let items = conv.out_channels.div_ceil(LANES) * values.div_ceil(each);
        let parts = batch_parts(target.threads, items, conv.batch);
        let parts = Parts { parts, channels: conv.out_channels, values };
        Self { target, conv, input, grad, weight, parts, each, seen }
    }

    /// The first block of input channels that a block of output channels has values of.
    fn first(&self, block: usize) -> usize {
        seen(&self.conv, block).start.min(self.conv.in_channels.div_ceil(LANES) - self.seen)
    }

    /// Rows and columns of a plain input with the padding that windows reach.
    fn padded(&self) -> [usize; 2] {
        [self.conv.rows.reach(), self.conv.columns.reach()]
    }

    fn padded_len(&self) -> usize {
        let [rows, columns] = self.padded();
        match self.input {
            ConvInput::Map(_) => 0,
            ConvInput::Plain(_) => {
                (self.conv.batch * self.conv.in_channels * rows * columns).next_multiple_of(16)
            }
        }
    }

    /// A phase that copies a plain input with zeros around it.
    ///
    /// # Safety
    /// The places were checked, and the scratch is what the step needs.
    unsafe fn pad(&self, member: &mut Member<'_>, memory: &Memory<'_>) {
        let ConvInput::Plain(plain) = self.input else { return };
        let ([rows, columns], channels) = (self.padded(), self.conv.in_channels);
        let (down, across) = (self.conv.rows, self.conv.columns);
        let plane = down.input() * across.input();
        member.each(self.conv.batch * channels, |item| {
            let (n, channel) = (item / channels, item % channels);
            let from = memory.plain(plain, n, channels * plane).wrapping_add(channel * plane);
            let to = memory.shared.wrapping_add(item * rows * columns);
            for row in 0..rows {
                let y = row.checked_sub(down.before()).filter(|&y| y < down.input());
                for column in 0..columns {
                    let x = column.checked_sub(across.before()).filter(|&x| x < across.input());
                    // SAFETY: the caller's promise; items write different planes.
                    unsafe {
                        *to.add(row * columns + column) = match (y, x) {
                            (Some(y), Some(x)) => *from.add(y * across.input() + x),
                            _ => 0.0,
                        };
                    }
                }
            }
        });
    }
}

impl Step for WeightGradient {
    fn needs(&self) -> Needs {
        let phases = if matches!(self.input, ConvInput::Plain(_)) { 3 } else { 2 };
        Needs { shared: self.padded_len() + self.parts.len(), private: 0, phases }
    }

    fn algorithm(&self) -> String {
        "gradient of the weight".to_owned()
    }
}

impl Run for WeightGradient {
    fn check(&self, limits: &Limits<'_>) {
        let conv = &self.conv;
        assert_eq!(conv.batch, limits.batch(), "the batch of a convolution");
        let input = [conv.in_channels, conv.rows.input(), conv.columns.input()];
        let output = [conv.out_channels, conv.rows.output(), conv.columns.output()];
        assert_eq!(self.grad.shape, output, "a convolution's output");
        limits.map(&self.grad);
        match self.input {
            ConvInput::Map(map) => {
                assert!(!ConvStep::takes_plain(conv), "so few channels are plain");
                assert_eq!(map.shape, input, "a convolution's input");
                limits.map(&map);
            }
            ConvInput::Plain(plain) => {
                assert_eq!(conv.groups, 1, "groups are of a map");
                limits.plain(plain, input.iter().product(), false);
            }
        }
        limits.result(self.weight.0, self.weight.1);
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        // SAFETY: the caller's promise.
        unsafe { self.pad(member, &memory) };
        let first = self.padded_len();
        let scratch = memory.shared.wrapping_add(first);
        let (chunks, blocks) = (self.parts.values.div_ceil(self.each), self.parts.blocks());
        member.each(self.parts.parts * blocks * chunks, |item| {
            let (index, rest) = (item / (blocks * chunks), item % (blocks * chunks));
            let (block, chunk) = (rest / chunks, rest % chunks);
            let values = chunk * self.each..self.parts.values.min((chunk + 1) * self.each);
            let to = scratch.wrapping_add(self.parts.at(index, block, 0));
            let samples = part(self.conv.batch, self.parts.parts, index);
            // SAFETY: the caller's promise; items write different values of the scratch.
            unsafe { self.target.isa.run(Some { of: self, memory, block, values, samples, to }) }
        });
        // SAFETY: the caller's promise; every value was written.
        unsafe {
            if self.conv.groups == 1 {
                self.parts.reduce(member, self.target.isa, &memory, scratch.cast_const(), self.weight.0);
                return;
            }
            let (inputs, taps) = (self.conv.in_channels / self.conv.groups, self.conv.taps());
            let group = [self.conv.out_channels / self.conv.groups, inputs * taps];
            let start = |block: usize, group: usize| (group * inputs - self.first(block) * LANES) * taps;
            let places = [first, self.weight.0];
            self.parts.reduce_groups(member, self.target.isa, &memory, places, group, start);
        }
    }
}

/// The blocks of input channels that the groups of a block of output channels see.
fn seen(conv: &Conv, block: usize) -> Range<usize> {
    let (inputs, outputs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let last = conv.out_channels.min((block + 1) * LANES) - 1;
    let channels = block * LANES / outputs * inputs..(last / outputs + 1) * inputs;
    channels.start / LANES..channels.end.div_ceil(LANES)
}

/// A part of the gradient: some values of a block of output channels, over some samples.
struct Some<'a> {
    of: &'a WeightGradient,
    memory: Memory<'a>,
    block: usize,
    values: Range<usize>,
    samples: Range<usize>,
    to: *mut f32,
}

/// Pixels of some samples, in the input and in the gradient.
#[derive(Clone, Copy)]
struct Pixels {
    x: *const f32,
    grad: *const f32,
    /// Samples, rows, columns.
    counts: [usize; 3],
    x_steps: [usize; 3],
    grad_steps: [usize; 2],
}

impl Kernel for Some<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            for value in self.values.clone() {
                V::zero().store(self.to.add(value * LANES));
            }
            let output = self.of.conv.output_plane();
            let samples = (PIXELS / output).clamp(1, self.samples.len());
            let rows = self.of.conv.rows.output();
            // Of large maps some rows at a time, so that what they read stays near.
            let some = (4 * PIXELS / self.of.conv.columns.output()).clamp(1, rows);
            for first in self.samples.clone().step_by(samples) {
                let samples = first..self.samples.end.min(first + samples);
                for row in (0..rows).step_by(some) {
                    let rows = row..rows.min(row + some);
                    match self.of.input {
                        ConvInput::Map(map) => self.map::<V>(map, samples.clone(), rows),
                        ConvInput::Plain(_) => self.plain::<V>(samples.clone(), rows),
                    }
                }
            }
        }
    }
}

/// The windows among some whose tap lies in the input.
#[inline(always)]
fn inside(span: Span, tap: usize, windows: &Range<usize>) -> Range<usize> {
    let all = span.windows(tap);
    let start = all.start.max(windows.start);
    start..all.end.min(windows.end).max(start)
}

impl Some<'_> {
    /// # Safety
    /// As [`Kernel::run`].
    #[inline(always)]
    unsafe fn map<V: Vector>(&self, map: Map, samples: Range<usize>, rows: Range<usize>) {
        let (conv, grad) = (&self.of.conv, &self.of.grad);
        let (down, across) = (conv.rows, conv.columns);
        let (taps, width) = (conv.taps(), across.kernel());
        let arena = self.memory.arena.cast_const();
        let all = 0..across.output();
        // SAFETY: the caller's promise: windows are clipped to the input.
        unsafe {
            for first in self.values.clone().step_by(LANES * taps) {
                let block = self.of.first(self.block) + first / (LANES * taps);
                let channels = LANES.min(conv.in_channels - block * LANES);
                for tap in 0..taps {
                    let rows = inside(down, tap / width, &rows);
                    let columns = inside(across, tap % width, &all);
                    if rows.is_empty() || columns.is_empty() {
                        continue;
                    }
                    let y = rows.start * down.stride() + tap / width * down.dilation() - down.before();
                    let x =
                        columns.start * across.stride() + tap % width * across.dilation() - across.before();
                    let start = map.offset + samples.start * map.stride + block * map.plane();
                    let grad_start = grad.offset + samples.start * grad.stride + self.block * grad.plane();
                    let pixels = Pixels {
                        x: arena.add(start + (y * across.input() + x) * LANES),
                        grad: arena.add(grad_start + (rows.start * across.output() + columns.start) * LANES),
                        counts: [samples.len(), rows.len(), columns.len()],
                        x_steps: [
                            map.stride,
                            down.stride() * across.input() * LANES,
                            across.stride() * LANES,
                        ],
                        grad_steps: [grad.stride, across.output() * LANES],
                    };
                    let to = self.to.add((first + tap) * LANES);
                    // As many channels as registers hold sums for.
                    if V::TILE_PIXELS == 14 && channels == LANES {
                        V::enter(Neighbours::<16> { pixels, to, step: taps * LANES });
                    } else {
                        let mut channel = 0;
                        while channel < channels {
                            let pixels = Pixels { x: pixels.x.add(channel), ..pixels };
                            let to = to.add(channel * taps * LANES);
                            if channel + 4 <= channels {
                                V::enter(Neighbours::<4> { pixels, to, step: taps * LANES });
                                channel += 4;
                            } else {
                                V::enter(Neighbours::<1> { pixels, to, step: taps * LANES });
                                channel += 1;
                            }
                        }
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`Kernel::run`], and the input was padded.
    #[inline(always)]
    unsafe fn plain<V: Vector>(&self, samples: Range<usize>, rows: Range<usize>) {
        let (conv, grad) = (&self.of.conv, &self.of.grad);
        let (down, across) = (conv.rows, conv.columns);
        let [height, width] = self.of.padded();
        let (taps, kernel, plane) = (conv.taps(), across.kernel(), height * width);
        let offset = |value: usize| {
            let (channel, tap) = (value / taps, value % taps);
            channel * plane + tap / kernel * down.dilation() * width + tap % kernel * across.dilation()
        };
        // SAFETY: the caller's promise: the padded input has all windows.
        unsafe {
            let sample = conv.in_channels * plane;
            let grad_start = grad.offset + samples.start * grad.stride + self.block * grad.plane();
            let pixels = Pixels {
                x: self
                    .memory
                    .shared
                    .add(samples.start * sample + rows.start * down.stride() * width)
                    .cast_const(),
                grad: self.memory.arena.add(grad_start + rows.start * across.output() * LANES).cast_const(),
                counts: [samples.len(), rows.len(), across.output()],
                x_steps: [sample, down.stride() * width, across.stride()],
                grad_steps: [grad.stride, across.output() * LANES],
            };
            let wide = if V::TILE_PIXELS == 14 { 16 } else { 4 };
            let mut value = self.values.start;
            while value < self.values.end {
                let to = self.to.add(value * LANES);
                let left = self.values.end - value;
                if wide == 16 && left >= 16 {
                    let offsets: [usize; 16] = std::array::from_fn(|index| offset(value + index));
                    V::enter(Scattered { pixels, to, offsets });
                    value += 16;
                } else if left >= 4 {
                    let offsets: [usize; 4] = std::array::from_fn(|index| offset(value + index));
                    V::enter(Scattered { pixels, to, offsets });
                    value += 4;
                } else {
                    V::enter(Scattered { pixels, to, offsets: [offset(value)] });
                    value += 1;
                }
            }
        }
    }
}

/// `C` neighbouring values of each pixel, times its gradient, added to sums that stand a step apart.
struct Neighbours<const C: usize> {
    pixels: Pixels,
    to: *mut f32,
    step: usize,
}

impl<const C: usize> Kernel for Neighbours<C> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pixels: Pixels { x, grad, counts, x_steps, grad_steps }, to, step } = self;
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums: [V; C] = std::array::from_fn(|c| V::load(to.add(c * step)));
            for n in 0..counts[0] {
                for row in 0..counts[1] {
                    let mut from = x.add(n * x_steps[0] + row * x_steps[1]);
                    let mut grad = grad.add(n * grad_steps[0] + row * grad_steps[1]);
                    for _ in 0..counts[2] {
                        let g = V::load(grad);
                        for (c, sum) in sums.iter_mut().enumerate() {
                            *sum = g.mul_add(V::splat(*from.add(c)), *sum);
                        }
                        from = from.wrapping_add(x_steps[2]);
                        grad = grad.wrapping_add(LANES);
                    }
                }
            }
            for (c, sum) in sums.into_iter().enumerate() {
                sum.store(to.add(c * step));
            }
        }
    }
}

/// As [`Neighbours`], of values at any distances, to neighbouring sums.
struct Scattered<const C: usize> {
    pixels: Pixels,
    to: *mut f32,
    offsets: [usize; C],
}

impl<const C: usize> Kernel for Scattered<C> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pixels: Pixels { x, grad, counts, x_steps, grad_steps }, to, offsets } = self;
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums: [V; C] = std::array::from_fn(|c| V::load(to.add(c * LANES)));
            for n in 0..counts[0] {
                for row in 0..counts[1] {
                    let mut from = x.add(n * x_steps[0] + row * x_steps[1]);
                    let mut grad = grad.add(n * grad_steps[0] + row * grad_steps[1]);
                    for _ in 0..counts[2] {
                        let g = V::load(grad);
                        for (&offset, sum) in offsets.iter().zip(&mut sums) {
                            *sum = g.mul_add(V::splat(*from.add(offset)), *sum);
                        }
                        from = from.wrapping_add(x_steps[2]);
                        grad = grad.wrapping_add(LANES);
                    }
                }
            }
            for (c, sum) in sums.into_iter().enumerate() {
                sum.store(to.add(c * LANES));
            }
        }
    }
}
