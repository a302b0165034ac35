//! Depthwise convolution: each channel by itself, a vector of sixteen at a time.

use super::direct::padded;
use super::epilogue::{Activation, apply_to};
use super::program::{Limits, Step, require, sealed::Run};
use super::team::Member;
use super::{Buffer, Map, Memory, Needs, part};
use crate::conv::Conv;
use crate::simd::{Isa, Kernel, LANES, Vector};

/// Pixels that are summed side by side.
const PIXELS: usize = 6;

/// A depthwise convolution with one output per channel, bias, residual and activation.
#[derive(Debug)]
pub struct Depthwise {
    isa: Isa,
    conv: Conv,
    /// Block, tap, lane.
    weights: Buffer,
    bias: Option<Buffer>,
    activation: Activation,
    threads: usize,
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

    /// Prepares it: `weight` is (channels, 1, kernel rows, kernel columns).
    ///
    /// # Panics
    /// Where lengths, maps and geometry do not agree, or the processor has not the instruction set.
    #[must_use]
    #[allow(clippy::too_many_arguments, reason = "a convolution is that much")]
    pub fn new(
        isa: Isa,
        conv: Conv,
        weight: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
        threads: usize,
        input: Map,
        residual: Option<Map>,
        output: Map,
    ) -> Self {
        require(isa);
        assert!(Self::fits(&conv), "{conv:?} is not depthwise");
        assert_eq!(weight.len(), conv.weight_len(), "the length of a weight");
        assert!(bias.is_none_or(|bias| bias.len() == conv.out_channels), "one bias per channel");
        let taps = conv.taps();
        let mut weights = Buffer::zeros(conv.in_channels.div_ceil(LANES) * taps * LANES);
        for (c, weight) in weight.chunks(taps).enumerate() {
            for (tap, &value) in weight.iter().enumerate() {
                weights[(c / LANES * taps + tap) * LANES + c % LANES] = value;
            }
        }
        let bias = bias.map(|bias| padded(bias, conv.out_channels));
        Self { isa, conv, weights, bias, activation, threads, input, residual, output }
    }
}

impl Step for Depthwise {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn weight_bytes(&self) -> usize {
        4 * self.weights.len()
    }

    fn algorithm(&self) -> String {
        "depthwise".to_owned()
    }
}

impl Run for Depthwise {
    fn check(&self, limits: &mut Limits<'_>) {
        let (rows, columns) = (self.conv.rows, self.conv.columns);
        assert_eq!(self.conv.batch, limits.batch(), "the batch of a convolution");
        assert_eq!(self.input.shape, [self.conv.in_channels, rows.input(), columns.input()], "its input");
        limits.map(&self.input);
        for map in self.residual.iter().chain([&self.output]) {
            assert_eq!(map.shape, [self.conv.in_channels, rows.output(), columns.output()], "its output");
            limits.map(map);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let planes = self.conv.batch * self.output.blocks();
        let rows = self.conv.rows.output();
        let parts =
            if self.threads == 1 { 1 } else { (6 * self.threads).div_ceil(planes).min(rows.div_ceil(4)) };
        let parts = parts.max(1);
        member.each(planes * parts, |item| {
            let (plane, rows) = (item / parts, part(rows, parts, item % parts));
            let (n, block) = (plane / self.output.blocks(), plane % self.output.blocks());
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.isa.run(Rows { of: self, memory, n, block, rows }) }
        });
    }
}

struct Rows<'a> {
    of: &'a Depthwise,
    memory: Memory<'a>,
    n: usize,
    block: usize,
    rows: std::ops::Range<usize>,
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

impl Rows<'_> {
    /// With a square kernel of `K` and stride of `S`; of any where they are 0.
    #[inline(always)]
    unsafe fn rows<V: Vector, const K: usize, const S: usize>(self) {
        let Self { of, memory, n, block, rows } = self;
        let (vertical, horizontal) = (of.conv.rows, of.conv.columns);
        let kernel = if K > 0 { K } else { horizontal.kernel() };
        let stride = if S > 0 { S } else { horizontal.stride() };
        let dilation = if K > 0 { 1 } else { horizontal.dilation() };
        let (width, columns) = (horizontal.input(), horizontal.output());
        // Columns whose window lies in the input.
        let first = horizontal.before().div_ceil(stride).min(columns);
        let reach = (kernel - 1) * dilation + 1;
        let end = match (width + horizontal.before()).checked_sub(reach) {
            Some(last) => (last / stride + 1).min(columns).max(first),
            None => first,
        };
        // SAFETY: the caller's promise: windows are clipped to the input.
        unsafe {
            let x = memory
                .arena
                .add(of.input.offset + n * of.input.stride + block * of.input.plane())
                .cast_const();
            let weights = of.weights.pointer().add(block * of.conv.taps() * LANES);
            let bias = match &of.bias {
                Some(bias) => V::load(bias.pointer().add(block * LANES)),
                None => V::zero(),
            };
            for row in rows {
                let taps = vertical.taps(row);
                let top = row * vertical.stride() + taps.start * vertical.dilation()
                    - vertical.before().min(row * vertical.stride() + taps.start * vertical.dilation());
                let row_len = width * LANES;
                let down = vertical.dilation() * row_len;
                let x = x.add(top * row_len);
                let weights = weights.add(taps.start * kernel * LANES);
                let place = (row * columns) * LANES;
                let y = memory
                    .arena
                    .add(of.output.offset + n * of.output.stride + block * of.output.plane() + place);
                let added = of.residual.map(|map| {
                    memory.arena.add(map.offset + n * map.stride + block * map.plane() + place).cast_const()
                });
                let finish = |column: usize, sum: V| {
                    let mut value = sum;
                    if let Some(added) = added {
                        value = value.add(V::load(added.add(column * LANES)));
                    }
                    match of.activation {
                        Activation::Relu => value = value.max(V::zero()),
                        Activation::Relu6 => value = value.max(V::zero()).min(V::splat(6.0)),
                        _ => {}
                    }
                    value.store(y.add(column * LANES));
                };
                let border = |column: usize| {
                    let mut sum = bias;
                    let across = horizontal.taps(column);
                    let start = column * stride;
                    for ky in 0..taps.len() {
                        for kx in across.clone() {
                            let at = start + kx * dilation - horizontal.before();
                            let value = V::load(x.add(ky * down + at * LANES));
                            sum = value.mul_add(V::load(weights.add((ky * kernel + kx) * LANES)), sum);
                        }
                    }
                    finish(column, sum);
                };
                for column in 0..first {
                    border(column);
                }
                let mut column = first;
                while column + PIXELS <= end {
                    let mut sums = [bias; PIXELS];
                    let from = x.add((column * stride - horizontal.before()) * LANES);
                    for ky in 0..taps.len() {
                        let from = from.add(ky * down);
                        for kx in 0..kernel {
                            let weight = V::load(weights.add((ky * kernel + kx) * LANES));
                            for (p, sum) in sums.iter_mut().enumerate() {
                                let value = V::load(from.add((p * stride + kx * dilation) * LANES));
                                *sum = value.mul_add(weight, *sum);
                            }
                        }
                    }
                    for (p, sum) in sums.into_iter().enumerate() {
                        finish(column + p, sum);
                    }
                    column += PIXELS;
                }
                for column in column..columns {
                    border(column);
                }
                if !matches!(of.activation, Activation::Identity | Activation::Relu | Activation::Relu6) {
                    apply_to::<V>(of.activation, y, columns);
                }
            }
        }
    }
}
