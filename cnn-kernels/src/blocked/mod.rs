//! Kernels of compiled inference plans, on activations whose channels stand in blocks of sixteen.
//!
//! A [`Map`] is (N, C/16, H, W, 16): a vector holds one pixel of sixteen channels, so that windows, transforms and
//! pooling are plain arithmetic of vectors, whatever the sizes. Where the channels do not fill the last block, the
//! rest of its lanes holds finite values that nothing reads.
//!
//! A kernel is prepared once (weights packed, algorithm chosen, scratch counted) and then run by the members of a
//! `team` at once.

mod buffer;
mod combine;
mod conv;
mod depthwise;
mod direct;
mod epilogue;
mod filter;
mod foreign;
mod linear;
mod memory;
mod pool;
mod program;
mod team;
mod tile;
mod transfer;
mod winograd;

pub use buffer::Buffer;
pub use combine::{Combine, Operator};
pub use conv::{Algorithm, ConvInput, ConvStep};
pub use depthwise::Depthwise;
pub use epilogue::Activation;
pub use foreign::Foreign;
pub use linear::{Lend, Linear, Weight};
pub use pool::{Pool, PoolKind};
pub use program::{Limits, Program, Step, StepError, Workspace};
pub use transfer::{Move, Place};
pub use winograd::Winograd;

use crate::simd::LANES;
use memory::Memory;

/// Where an activation stands in the arena, in values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Its first value.
    pub offset: usize,
    /// From one sample to the next. More than [`len`](Self::len) where it is a part of the channels of another map.
    pub stride: usize,
    /// Channels, rows, columns.
    pub shape: [usize; 3],
}

impl Map {
    /// Blocks of channels.
    #[must_use]
    pub const fn blocks(&self) -> usize {
        self.shape[0].div_ceil(LANES)
    }

    /// Values of one block of channels of one sample.
    #[must_use]
    pub const fn plane(&self) -> usize {
        self.shape[1] * self.shape[2] * LANES
    }

    /// Values of one sample.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.blocks() * self.plane()
    }

    /// Whether it has no values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where plain values stand in the arena or outside: row-major, as (N, C, H, W) or (N, F).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// In the arena, from this offset, samples so far apart.
    Arena {
        /// Its first value.
        offset: usize,
        /// From one sample to the next.
        stride: usize,
    },
    /// An input of the run, by its number: samples follow each other.
    Input(usize),
    /// An output of the run, by its number: samples follow each other.
    Output(usize),
}

/// Memory that a kernel needs while it runs, in values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Of all members together.
    pub shared: usize,
    /// Of each member.
    pub private: usize,
    /// Phases of the run.
    pub phases: usize,
}

/// Splits `count` into `parts` ranges of nearly equal size: the range of one part.
pub(crate) fn part(count: usize, parts: usize, index: usize) -> std::ops::Range<usize> {
    let (each, more) = (count / parts, count % parts);
    let first = index * each + index.min(more);
    first..first + each + usize::from(index < more)
}
