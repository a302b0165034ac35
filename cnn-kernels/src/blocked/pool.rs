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
    indices: Option<Map>,
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
        Self { target, kind, rows, columns, batch, input, output, indices: None }
    }

    /// Writes also which value of its window each largest one is, as numbers: row by row from 0, of the window's part that is
    /// in the input. The first of several, as in PyTorch.
    ///
    /// # Panics
    /// Where it takes no largest values, or the map has not the shape of the output.
    #[must_use]
    pub fn with_indices(self, indices: Map) -> Self {
        assert_eq!(self.kind, PoolKind::Max, "means have no index");
        assert_eq!(indices.shape, self.output.shape, "an index for each largest value");
        Self { indices: Some(indices), ..self }
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
        if let Some(indices) = &self.indices {
            limits.map(indices);
            limits.apart(indices.into(), (&self.input).into());
            limits.apart(indices.into(), (&self.output).into());
        }
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
            let at = |map: &Map| memory.arena.add(map.offset + n * map.stride + block * map.plane());
            let (y, indices) = (at(&of.output), of.indices.as_ref().map(at));
            for row in rows {
                let down = Window::new(of.kind, of.rows, row);
                let (x, line) = (x.add(down.start * width * LANES), row * columns * LANES);
                let to = |column: usize| {
                    let place = line + column * LANES;
                    (y.add(place), indices.map(|indices| indices.add(place)))
                };
                for column in (0..whole.start).chain(whole.end..columns) {
                    let across = Window::new(of.kind, of.columns, column);
                    let from = x.add(across.start * LANES);
                    Cell { kind: of.kind, width, down, across }.line::<V>(from, 0, to(column), 1);
                }
                if whole.is_empty() {
                    continue;
                }
                let across = Window::new(of.kind, of.columns, whole.start);
                let from = x.add(across.start * LANES);
                let step = of.columns.stride() * LANES;
                let to = to(whole.start);
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
    /// Writes `count` values whose windows begin `step` apart, and which of their windows' values they are where somebody
    /// wants to know.
    ///
    /// # Safety
    /// As [`Vector`]; the windows are in the input, and there is room for the values.
    #[inline(always)]
    unsafe fn line<V: Vector>(
        self,
        from: *const f32,
        step: usize,
        (to, indices): (*mut f32, Option<*mut f32>),
        count: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match (self.kind, indices) {
                (PoolKind::Max, Some(indices)) => self.indexed::<V>(from, step, [to, indices], count),
                (PoolKind::Max, None) => self.largest::<V>(from, step, to, count),
                _ => self.means::<V>(from, step, to, count),
            }
        }
    }

    /// Largest values.
    ///
    /// # Safety
    /// As [`line`](Self::line).
    #[inline(always)]
    unsafe fn largest<V: Vector>(self, from: *const f32, step: usize, to: *mut f32, count: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            for index in 0..count {
                let from = from.add(index * step);
                let mut value = V::load(from);
                for y in 0..self.down.taps {
                    for x in usize::from(y == 0)..self.across.taps {
                        value = value.max_nan(V::load(from.add(self.place(y, x))));
                    }
                }
                value.store(to.add(index * LANES));
            }
        }
    }

    /// Largest values and which they are. An index moves only to a value that is greater: the first of equal ones stays.
    ///
    /// # Safety
    /// As [`line`](Self::line).
    #[inline(always)]
    unsafe fn indexed<V: Vector>(self, from: *const f32, step: usize, to: [*mut f32; 2], count: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            for index in 0..count {
                let from = from.add(index * step);
                let (mut value, mut which) = (V::load(from), V::zero());
                for y in 0..self.down.taps {
                    for x in usize::from(y == 0)..self.across.taps {
                        let other = V::load(from.add(self.place(y, x)));
                        which = other.select_gt(value, V::splat((y * self.across.taps + x) as f32), which);
                        value = value.max_nan(other);
                    }
                }
                value.store(to[0].add(index * LANES));
                which.store(to[1].add(index * LANES));
            }
        }
    }

    /// Means.
    ///
    /// # Safety
    /// As [`line`](Self::line).
    #[inline(always)]
    unsafe fn means<V: Vector>(self, from: *const f32, step: usize, to: *mut f32, count: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let counted = V::splat((self.down.counted * self.across.counted) as f32);
            for index in 0..count {
                let from = from.add(index * step);
                let mut value = V::load(from);
                for y in 0..self.down.taps {
                    for x in usize::from(y == 0)..self.across.taps {
                        value = value.add(V::load(from.add(self.place(y, x))));
                    }
                }
                value.div(counted).store(to.add(index * LANES));
            }
        }
    }

    /// How far a value is from the first of its window.
    #[inline(always)]
    fn place(&self, y: usize, x: usize) -> usize {
        (y * self.down.dilation * self.width + x * self.across.dilation) * LANES
    }
}
