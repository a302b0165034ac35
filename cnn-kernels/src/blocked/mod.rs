//! Kernels of compiled inference plans, on activations whose channels stand in blocks of sixteen.
//!
//! A [`Map`] is (N, C/16, H, W, 16): a vector holds one pixel of sixteen channels, so that windows, transforms and
//! pooling are plain arithmetic of vectors, whatever the sizes. Where the channels do not fill the last block, the
//! rest of its lanes holds finite values that nothing reads.
//!
//! A kernel is prepared once (weights packed, algorithm chosen, scratch counted) and then run by the members of a
//! `team` at once.

mod affine;
mod buffer;
mod combine;
mod conv;
mod definition;
mod depthwise;
mod direct;
mod epilogue;
mod filter;
mod foreign;
mod interleave;
mod kept;
mod linear;
mod memory;
mod places;
mod pool;
mod program;
mod repack;
mod stored;
mod team;
mod tile;
pub mod training;
mod transfer;
mod winograd;

pub use crate::elementwise::Activation;
pub use buffer::Buffer;
pub use combine::{Combine, Operator};
pub use conv::{Algorithm, ConvInput, ConvStep};
pub use depthwise::Depthwise;
pub use foreign::Foreign;
pub use interleave::Interleave;
pub use kept::Late;
pub use linear::{Lend, Linear, Weight, to_bf16};
pub use places::{Limits, Map, Plain};
pub use pool::{Pool, PoolKind};
pub use program::{Program, Step, StepError, Workspace};
pub use repack::{Pad, Repack, View};
pub use transfer::{Move, Place};
pub use winograd::Winograd;

use crate::conv::Conv;
use crate::simd::Isa;
use memory::Memory;

/// What a kernel is prepared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its instructions, which the processor must have.
    pub isa: Isa,
    /// The most threads that will run it.
    pub threads: usize,
}

impl Target {
    /// Into how many parts each of so many `planes` is split, so that there is work for all threads and no part is
    /// smaller than `least` of its `rows`.
    pub(crate) fn parts(self, planes: usize, rows: usize, least: usize) -> usize {
        if self.threads == 1 {
            return 1;
        }
        (6 * self.threads).div_ceil(planes.max(1)).min(rows.div_ceil(least)).max(1)
    }
}

/// The parameters of a convolution, and what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'l> {
    /// (out_channels, in_channels / groups, kernel rows, kernel columns).
    pub weight: &'l [f32],
    /// What each output channel's weight is multiplied by, as a batch norm does.
    pub scale: Option<&'l [f64]>,
    /// One value for each output channel.
    pub bias: Option<&'l [f32]>,
    /// What becomes of the sums, the bias and the residual.
    pub activation: Option<Activation>,
}

impl Layer<'_> {
    /// # Panics
    /// Where the lengths are not the convolution's.
    fn check(&self, conv: &Conv) {
        assert_eq!(self.weight.len(), conv.weight_len(), "the length of a weight");
        assert!(self.bias.is_none_or(|bias| bias.len() == conv.out_channels), "one bias per output channel");
        assert!(
            self.scale.is_none_or(|scale| scale.len() == conv.out_channels),
            "one scale per output channel"
        );
    }
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

/// A phase over the rows of all blocks of channels of all samples: calls `work` with a sample, a block and some rows.
pub(crate) fn planes(
    member: &mut team::Member<'_>,
    target: Target,
    batch: usize,
    output: &Map,
    least_rows: usize,
    mut work: impl FnMut(usize, usize, std::ops::Range<usize>),
) {
    let (blocks, rows) = (output.blocks(), output.shape[1]);
    let parts = target.parts(batch * blocks, rows, least_rows);
    member.each(batch * blocks * parts, |item| {
        let (plane, rows) = (item / parts, part(rows, parts, item % parts));
        work(plane / blocks, plane % blocks, rows);
    });
}

/// Splits `count` into `parts` ranges of nearly equal size: the range of one part.
pub(crate) fn part(count: usize, parts: usize, index: usize) -> std::ops::Range<usize> {
    let (each, more) = (count / parts, count % parts);
    let first = index * each + index.min(more);
    first..first + each + usize::from(index < more)
}
