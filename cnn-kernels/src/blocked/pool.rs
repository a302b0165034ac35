//! Pooling.

use std::ops::Range;

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
    rows: Range<usize>,
}

/// A window along one axis.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) start: usize,
    pub(crate) taps: usize,
    pub(crate) dilation: usize,
    /// How many values a mean divides by.
    pub(crate) counted: usize,
}

impl Window {
    #[inline(always)]
    pub(crate) fn new(kind: PoolKind, span: Span, index: usize) -> Self {
        if kind == PoolKind::Adaptive {
            let start = index * span.input() / span.output();
            let taps = ((index + 1) * span.input()).div_ceil(span.output()) - start;
            return Self { start, taps, dilation: 1, counted: taps };
        }
        let taps = span.taps(index);
        let start = index * span.stride() + taps.start * span.dilation() - span.before();
        let counted = match kind {
            PoolKind::MeanWithPadding => span.padded_taps(index),
            _ => taps.len(),
        };
        Self { start, taps: taps.len(), dilation: span.dilation(), counted }
    }

    /// The windows that see no padding: each is the one before, a stride further.
    fn whole(kind: PoolKind, span: Span) -> Range<usize> {
        if kind == PoolKind::Adaptive {
            return 0..0;
        }
        let (first, last) = (span.windows(0), span.windows(span.kernel() - 1));
        let start = first.start.max(last.start);
        start..first.end.min(last.end).max(start)
    }
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, memory, n, block, rows } = self;
        let (width, columns) = (of.columns.input(), of.columns.output());
        let whole = Window::whole(of.kind, of.columns);
        // SAFETY: the caller's promise: windows are clipped to the input.
        unsafe {
            let x = memory
                .arena
                .add(of.input.offset + n * of.input.stride + block * of.input.plane())
                .cast_const();
            let y = memory.arena.add(of.output.offset + n * of.output.stride + block * of.output.plane());
            for row in rows {
                let down = Window::new(of.kind, of.rows, row);
                let (x, y) = (x.add(down.start * width * LANES), y.add(row * columns * LANES));
                for column in (0..whole.start).chain(whole.end..columns) {
                    let across = Window::new(of.kind, of.columns, column);
                    let from = x.add(across.start * LANES);
                    Cell { kind: of.kind, width, down, across }.line::<V>(from, 0, y.add(column * LANES), 1);
                }
                if whole.is_empty() {
                    continue;
                }
                let across = Window::new(of.kind, of.columns, whole.start);
                let from = x.add(across.start * LANES);
                let step = of.columns.stride() * LANES;
                let to = y.add(whole.start * LANES);
                // The common sizes are compiled once more, as numbers.
                let sized = |taps| Cell {
                    kind: of.kind,
                    width,
                    down: Window { taps, ..down },
                    across: Window { taps, dilation: 1, ..across },
                };
                match (down.taps, across.taps, across.dilation) {
                    (2, 2, 1) => sized(2).line::<V>(from, step, to, whole.len()),
                    (3, 3, 1) => sized(3).line::<V>(from, step, to, whole.len()),
                    _ => Cell { kind: of.kind, width, down, across }.line::<V>(from, step, to, whole.len()),
                }
            }
        }
    }
}

/// What one value of the output is made of.
#[derive(Clone, Copy)]
struct Cell {
    kind: PoolKind,
    /// Of the input.
    width: usize,
    down: Window,
    across: Window,
}

impl Cell {
    /// Writes `count` values whose windows begin `step` apart.
    ///
    /// # Safety
    /// As [`Vector`]; the windows are in the input, and there is room for the values.
    #[inline(always)]
    unsafe fn line<V: Vector>(self, from: *const f32, step: usize, to: *mut f32, count: usize) {
        let Self { kind, width, down, across } = self;
        let (row, column) = (down.dilation * width * LANES, across.dilation * LANES);
        // SAFETY: the caller's promise.
        unsafe {
            let counted = V::splat((down.counted * across.counted) as f32);
            for index in 0..count {
                let from = from.add(index * step);
                let mut value = V::load(from);
                for y in 0..down.taps {
                    for x in usize::from(y == 0)..across.taps {
                        let other = V::load(from.add(y * row + x * column));
                        value = if kind == PoolKind::Max { value.max_nan(other) } else { value.add(other) };
                    }
                }
                let value = if kind == PoolKind::Max { value } else { value.div(counted) };
                value.store(to.add(index * LANES));
            }
        }
    }
}
