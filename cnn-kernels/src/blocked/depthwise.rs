//! Depthwise convolution: each channel by itself, a vector of sixteen at a time.

use std::ops::Range;

use super::direct::padded;
use super::epilogue::Epilogue;
use super::kept::{Kept, Late};
use super::places::Limits;
use super::program::{Step, require, sealed::Run};
use super::team::Member;
use super::{Activation, Buffer, Layer, Map, Memory, Needs, Target, planes};
use crate::conv::Conv;
use crate::simd::{Kernel, LANES, Vector};
use crate::window::Span;

/// A depthwise convolution with one output per channel, bias, residual and activation.
#[derive(Debug)]
pub struct Depthwise {
    target: Target,
    conv: Conv,
    /// Block, tap, lane.
    weights: Kept,
    bias: Option<Kept>,
    activation: Option<Activation>,
    input: Map,
    residual: Option<Map>,
    output: Map,
}

impl Depthwise {
    /// Whether it computes a convolution.
    #[must_use]
    pub const fn fits(conv: &Conv) -> bool {
        conv.groups == conv.in_channels && conv.out_channels == conv.in_channels
    }

    /// Prepares it; the weight is (channels, 1, kernel rows, kernel columns).
    ///
    /// # Panics
    /// Where lengths and geometry do not agree, or the processor has not the instruction set.
    #[must_use]
    pub fn new(
        target: Target,
        conv: Conv,
        layer: &Layer<'_>,
        input: Map,
        residual: Option<Map>,
        output: Map,
    ) -> Self {
        require(target.isa);
        assert!(Self::fits(&conv), "{conv:?} is not depthwise");
        layer.check(&conv);
        let taps = conv.taps();
        let mut weights = Buffer::zeros(conv.in_channels.div_ceil(LANES) * taps * LANES);
        for (c, weight) in layer.weight.chunks(taps).enumerate() {
            let factor = layer.scale.map_or(1.0, |scale| scale[c]);
            for (tap, &value) in weight.iter().enumerate() {
                weights[(c / LANES * taps + tap) * LANES + c % LANES] = (f64::from(value) * factor) as f32;
            }
        }
        let bias = layer.bias.map(|bias| Kept::Own(padded(bias, conv.out_channels)));
        let (weights, activation) = (Kept::Own(weights), layer.activation);
        Self { target, conv, weights, bias, activation, input, residual, output }
    }

    /// With weights that are packed in each run, as [`Repack`](super::Repack) does it.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn late(
        target: Target,
        conv: Conv,
        late: Late,
        input: Map,
        residual: Option<Map>,
        output: Map,
    ) -> Self {
        require(target.isa);
        assert!(Self::fits(&conv), "{conv:?} is not depthwise");
        let (weights, bias) = (Kept::Late(late.weights), late.bias.map(Kept::Late));
        Self { target, conv, weights, bias, activation: late.activation, input, residual, output }
    }
}

impl Step for Depthwise {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    fn algorithm(&self) -> String {
        "depthwise".to_owned()
    }
}

impl Run for Depthwise {
    fn check(&self, limits: &Limits<'_>) {
        let (rows, columns) = (self.conv.rows, self.conv.columns);
        assert_eq!(self.conv.batch, limits.batch(), "the batch of a convolution");
        assert_eq!(self.input.shape, [self.conv.in_channels, rows.input(), columns.input()], "its input");
        limits.map(&self.input);
        for map in self.residual.iter().chain([&self.output]) {
            assert_eq!(map.shape, [self.conv.in_channels, rows.output(), columns.output()], "its output");
            limits.map(map);
        }
        for map in self.residual.iter().chain([&self.input]) {
            limits.apart(map.into(), (&self.output).into());
        }
        let lanes = self.conv.in_channels.next_multiple_of(LANES);
        self.weights.check(lanes * self.conv.taps(), limits, &self.output);
        if let Some(bias) = &self.bias {
            bias.check(lanes, limits, &self.output);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        planes(member, self.target, self.conv.batch, &self.output, 4, |n, block, rows| {
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.target.isa.run(Rows { of: self, memory, n, block, rows }) }
        });
    }
}

struct Rows<'a> {
    of: &'a Depthwise,
    memory: Memory<'a>,
    n: usize,
    block: usize,
    rows: Range<usize>,
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (kernel, strides) = (
            [self.of.conv.rows.kernel(), self.of.conv.columns.kernel()],
            [self.of.conv.columns.stride(), self.of.conv.columns.dilation()],
        );
        // SAFETY: the caller's promise. The common windows have loops of known length.
        unsafe {
            match (kernel, strides) {
                ([3, 3], [1, 1]) => self.rows::<V, 3, 1>(),
                ([3, 3], [2, 1]) => self.rows::<V, 3, 2>(),
                ([5, 5], [1, 1]) => self.rows::<V, 5, 1>(),
                ([5, 5], [2, 1]) => self.rows::<V, 5, 2>(),
                ([7, 7], [1, 1]) => self.rows::<V, 7, 1>(),
                _ => self.rows::<V, 0, 0>(),
            }
        }
    }
}

/// Columns at the edges, whose windows reach beyond the input, and their taps.
struct Edges {
    columns: [(usize, usize, usize); EDGES],
    count: usize,
}

/// The most edge columns whose taps are remembered from row to row; of others they are found again.
const EDGES: usize = 16;

impl Edges {
    #[inline(always)]
    fn of(span: Span, columns: impl Iterator<Item = usize>) -> Option<Self> {
        let mut edges = Self { columns: [(0, 0, 0); EDGES], count: 0 };
        for column in columns {
            let taps = span.taps(column);
            *edges.columns.get_mut(edges.count)? = (column, taps.start, taps.end);
            edges.count += 1;
        }
        Some(edges)
    }
}

/// What the pixels of a row have in common.
#[derive(Clone, Copy)]
struct Row<V> {
    x: *const f32,
    y: *mut f32,
    /// Null for none.
    residual: *const f32,
    weights: *const f32,
    bias: V,
    /// Rows of the window in the input, and their distance.
    taps: usize,
    down: usize,
    epilogue: Epilogue,
}

impl<V: Vector> Row<V> {
    #[inline(always)]
    unsafe fn finish(&self, column: usize, value: V) {
        let place = column * LANES;
        // SAFETY: the caller's promise: the column is in the row.
        unsafe { self.epilogue.store(value, self.y.add(place), self.residual.wrapping_add(place)) }
    }

    /// A pixel of which these columns of taps lie in the input.
    #[inline(always)]
    unsafe fn edge(
        &self,
        column: usize,
        columns: Range<usize>,
        kernel: usize,
        stride: usize,
        dilation: usize,
        before: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sum = self.bias;
            for ky in 0..self.taps {
                for kx in columns.clone() {
                    let from =
                        self.x.add(ky * self.down + (column * stride + kx * dilation - before) * LANES);
                    let weight = V::load(self.weights.add((ky * kernel + kx) * LANES));
                    sum = V::load(from).mul_add(weight, sum);
                }
            }
            self.finish(column, sum);
        }
    }

    /// `P` pixels whose windows lie in the input.
    #[inline(always)]
    unsafe fn pixels<const P: usize>(
        &self,
        column: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        before: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [self.bias; P];
            let from = self.x.add((column * stride - before) * LANES);
            for ky in 0..self.taps {
                let from = from.add(ky * self.down);
                for kx in 0..kernel {
                    let weight = V::load(self.weights.add((ky * kernel + kx) * LANES));
                    for (p, sum) in sums.iter_mut().enumerate() {
                        let value = V::load(from.add((p * stride + kx * dilation) * LANES));
                        *sum = value.mul_add(weight, *sum);
                    }
                }
            }
            for (p, sum) in sums.into_iter().enumerate() {
                self.finish(column + p, sum);
            }
        }
    }
}

impl Rows<'_> {
    /// With a square kernel of `K` and stride of `S`; of any where they are 0.
    #[inline(always)]
    unsafe fn rows<V: Vector, const K: usize, const S: usize>(self) {
        let Self { of, memory, n, block, rows } = self;
        let (vertical, horizontal) = (of.conv.rows, of.conv.columns);
        let kernel = if K > 0 { K } else { horizontal.kernel() };
        let stride = if S > 0 { S } else { horizontal.stride() };
        let dilation = if K > 0 { 1 } else { horizontal.dilation() };
        let (width, columns, before) = (horizontal.input(), horizontal.output(), horizontal.before());
        // Columns whose window lies in the input.
        let first = before.div_ceil(stride).min(columns);
        let reach = (kernel - 1) * dilation + 1;
        let end = match (width + before).checked_sub(reach) {
            Some(last) => (last / stride + 1).clamp(first, columns),
            None => first,
        };
        let outside = || (0..first).chain(end..columns);
        let edges = Edges::of(horizontal, outside());
        let epilogue = Epilogue::new(of.residual, of.activation);
        // SAFETY: the caller's promise: windows are clipped to the input.
        unsafe {
            let at = |map: Map| memory.arena.add(map.offset + n * map.stride + block * map.plane());
            let x = at(of.input).cast_const();
            let weights = of.weights.pointer(&memory).add(block * of.conv.taps() * LANES);
            let bias = match &of.bias {
                Some(bias) => V::load(bias.pointer(&memory).add(block * LANES)),
                None => V::zero(),
            };
            for index in rows {
                let taps = vertical.taps(index);
                let top = (index * vertical.stride() + taps.start * vertical.dilation())
                    .saturating_sub(vertical.before());
                let place = index * columns * LANES;
                let row = Row {
                    // A window of nothing but padding may point beyond the map; nothing is read there.
                    x: x.wrapping_add(top * width * LANES),
                    y: at(of.output).add(place),
                    residual: of.residual.map_or(std::ptr::null(), |map| at(map).add(place)),
                    weights: weights.add(taps.start * kernel * LANES),
                    bias,
                    taps: taps.len(),
                    down: vertical.dilation() * width * LANES,
                    epilogue,
                };
                match &edges {
                    Some(edges) => {
                        for &(column, first, end) in &edges.columns[..edges.count] {
                            row.edge(column, first..end, kernel, stride, dilation, before);
                        }
                    }
                    None => {
                        for column in outside() {
                            let taps = horizontal.taps(column);
                            row.edge(column, taps, kernel, stride, dilation, before);
                        }
                    }
                }
                let mut column = first;
                if V::TILE_PIXELS > 8 {
                    while column + 8 <= end {
                        row.pixels::<8>(column, kernel, stride, dilation, before);
                        column += 8;
                    }
                }
                while column + 4 <= end {
                    row.pixels::<4>(column, kernel, stride, dilation, before);
                    column += 4;
                }
                if column + 2 <= end {
                    row.pixels::<2>(column, kernel, stride, dilation, before);
                    column += 2;
                }
                if column < end {
                    row.pixels::<1>(column, kernel, stride, dilation, before);
                }
                epilogue.rest::<V>(row.y, columns);
            }
        }
    }
}
