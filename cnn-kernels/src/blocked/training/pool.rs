//! The way back through pooling.

use crate::blocked::places::Limits;
use crate::blocked::pool::{PoolKind, Window};
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Map, Memory, Needs, Target};
use crate::simd::{Kernel, LANES, Vector};
use crate::window::Span;

/// What the way back through a pooling layer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Of largest values, which of their windows' they were ([`Pool::with_indices`](crate::blocked::Pool::with_indices)): those
    /// get the gradient.
    Max {
        /// The indices.
        indices: Map,
    },
    /// Of means: all values of a window get their share.
    Mean(PoolKind),
}

/// The gradient of a pooling layer's input.
#[derive(Debug)]
pub struct PoolGradient {
    target: Target,
    spread: Spread,
    rows: Span,
    columns: Span,
    batch: usize,
    grad: Map,
    to: Map,
}

impl PoolGradient {
    /// From the gradient of what it gave.
    ///
    /// # Panics
    /// Where maps and spans do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(
        target: Target,
        spread: Spread,
        [rows, columns]: [Span; 2],
        batch: usize,
        grad: Map,
        to: Map,
    ) -> Self {
        require(target.isa);
        let channels = to.shape[0];
        assert_eq!(to.shape, [channels, rows.input(), columns.input()], "the input of a pooling layer");
        assert_eq!(grad.shape, [channels, rows.output(), columns.output()], "the output of a pooling layer");
        match spread {
            Spread::Max { indices } => assert_eq!(indices.shape, grad.shape, "the maps of a pooling layer"),
            Spread::Mean(kind) => assert_ne!(kind, PoolKind::Max, "largest values are no means"),
        }
        Self { target, spread, rows, columns, batch, grad, to }
    }
}

impl Step for PoolGradient {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "gradient of the input".to_owned()
    }
}

impl Run for PoolGradient {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a pooling layer");
        limits.map(&self.grad);
        limits.map(&self.to);
        limits.apart((&self.grad).into(), (&self.to).into());
        if let Spread::Max { indices } = &self.spread {
            limits.map(indices);
            limits.apart(indices.into(), (&self.to).into());
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        // Windows overlap: a plane is one item.
        let blocks = self.to.blocks();
        member.each(self.batch * blocks, |item| {
            let plane = Plane { of: self, memory, n: item / blocks, block: item % blocks };
            // SAFETY: the places were checked; items write different planes.
            unsafe { self.target.isa.run(plane) }
        });
    }
}

struct Plane<'a> {
    of: &'a PoolGradient,
    memory: Memory<'a>,
    n: usize,
    block: usize,
}

impl Kernel for Plane<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, memory, n, block } = self;
        let at = |map: &Map| memory.arena.wrapping_add(map.offset + n * map.stride + block * map.plane());
        let (width, columns) = (of.columns.input(), of.columns.output());
        let kind = match of.spread {
            Spread::Max { .. } => PoolKind::Max,
            Spread::Mean(kind) => kind,
        };
        // SAFETY: the caller's promise: windows are clipped to the input.
        unsafe {
            let (to, grad) = (at(&of.to), at(&of.grad).cast_const());
            for vector in 0..of.to.plane() / LANES {
                V::zero().store(to.add(vector * LANES));
            }
            for row in 0..of.rows.output() {
                let down = Window::new(kind, of.rows, row);
                for column in 0..columns {
                    let across = Window::new(kind, of.columns, column);
                    let pixel = (row * columns + column) * LANES;
                    let place = |y: usize, x: usize| {
                        ((down.start + y * down.dilation) * width + across.start + x * across.dilation)
                            * LANES
                    };
                    let grad = V::load(grad.add(pixel));
                    match &of.spread {
                        Spread::Max { indices } => {
                            let (which, mut left) = (V::load(at(indices).add(pixel)), grad);
                            for y in 0..down.taps {
                                for x in 0..across.taps {
                                    let to = to.add(place(y, x));
                                    // Those before were found, so that what is below the next is this one.
                                    let next = V::splat((y * across.taps + x) as f32 + 0.5);
                                    let hit = next.select_gt(which, left, V::zero());
                                    V::load(to).add(hit).store(to);
                                    // What was given away is gone: what is not finite would not be zero by subtraction.
                                    left = next.select_gt(which, V::zero(), left);
                                }
                            }
                        }
                        Spread::Mean(_) => {
                            let share = grad.div(V::splat((down.counted * across.counted) as f32));
                            for y in 0..down.taps {
                                for x in 0..across.taps {
                                    let to = to.add(place(y, x));
                                    V::load(to).add(share).store(to);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
