//! Pooling.

use super::places::Limits;
use super::program::{Step, require, sealed::Run};
use super::team::Member;
use super::{Map, Memory, Needs, Target, planes};
use crate::simd::{Kernel, LANES, Vector};
use crate::window::Span;

/// What a window becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// Its largest value.
    Max,
    /// Its mean, over the taps in the input and its padding.
    MeanWithPadding,
    /// Its mean, over the taps in the input.
    Mean,
    /// The mean of the cells of an even grid over the input, PyTorch's `adaptive_avg_pool2d`; the spans give the sizes.
    Adaptive,
}

/// A pooling layer. Every window sees a value of the input.
#[derive(Debug)]
pub struct Pool {
    target: Target,
    kind: PoolKind,
    rows: Span,
    columns: Span,
    batch: usize,
    input: Map,
    output: Map,
}

impl Pool {
    /// Prepares it.
    ///
    /// # Panics
    /// Where maps and spans do not agree, a window sees nothing but padding, or the processor has not the instruction
    /// set.
    #[must_use]
    pub fn new(
        target: Target,
        kind: PoolKind,
        [rows, columns]: [Span; 2],
        batch: usize,
        input: Map,
        output: Map,
    ) -> Self {
        require(target.isa);
        let channels = input.shape[0];
        assert_eq!(input.shape, [channels, rows.input(), columns.input()], "the input of a pooling layer");
        assert_eq!(
            output.shape,
            [channels, rows.output(), columns.output()],
            "the output of a pooling layer"
        );
        if kind != PoolKind::Adaptive {
            assert!(rows.empty_window().is_none() && columns.empty_window().is_none(), "an empty window");
        }
        Self { target, kind, rows, columns, batch, input, output }
    }
}

impl Step for Pool {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        match self.kind {
            PoolKind::Max => "max pooling",
            PoolKind::Adaptive | PoolKind::Mean | PoolKind::MeanWithPadding => "average pooling",
        }
        .to_owned()
    }
}

impl Run for Pool {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a pooling layer");
        limits.map(&self.input);
        limits.map(&self.output);
        limits.apart((&self.input).into(), (&self.output).into());
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        planes(member, self.target, self.batch, &self.output, 1, |n, block, rows| {
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.target.isa.run(Rows { of: self, memory, n, block, rows }) }
        });
    }
}

struct Rows<'a> {
    of: &'a Pool,
    memory: Memory<'a>,
    n: usize,
    block: usize,
    rows: std::ops::Range<usize>,
}

/// The positions of a window in the input, and how many values it counts.
#[inline(always)]
fn window(kind: PoolKind, span: Span, index: usize) -> (usize, usize, usize, usize) {
    if kind == PoolKind::Adaptive {
        let start = index * span.input() / span.output();
        let end = ((index + 1) * span.input()).div_ceil(span.output());
        return (start, end - start, 1, end - start);
    }
    let taps = span.taps(index);
    let start = index * span.stride() + taps.start * span.dilation() - span.before();
    let counted = match kind {
        PoolKind::MeanWithPadding => span.padded_taps(index),
        _ => taps.len(),
    };
    (start, taps.len(), span.dilation(), counted)
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, memory, n, block, rows } = self;
        let (width, columns) = (of.columns.input(), of.columns.output());
        // SAFETY: the caller's promise: windows are clipped to the input.
        unsafe {
            let x = memory
                .arena
                .add(of.input.offset + n * of.input.stride + block * of.input.plane())
                .cast_const();
            let y = memory.arena.add(of.output.offset + n * of.output.stride + block * of.output.plane());
            for row in rows {
                let (top, height, down, counted_rows) = window(of.kind, of.rows, row);
                let y = y.add(row * columns * LANES);
                for column in 0..columns {
                    let (left, wide, right, counted_columns) = window(of.kind, of.columns, column);
                    let from = x.add((top * width + left) * LANES);
                    let to = y.add(column * LANES);
                    if of.kind == PoolKind::Max {
                        let mut most = V::load(from);
                        for ky in 0..height {
                            for kx in 0..wide {
                                most =
                                    most.max_nan(V::load(from.add((ky * down * width + kx * right) * LANES)));
                            }
                        }
                        most.store(to);
                    } else {
                        let mut sum = V::zero();
                        for ky in 0..height {
                            for kx in 0..wide {
                                sum = sum.add(V::load(from.add((ky * down * width + kx * right) * LANES)));
                            }
                        }
                        let count = (counted_rows * counted_columns) as f32;
                        sum.div(V::splat(count)).store(to);
                    }
                }
            }
        }
    }
}
