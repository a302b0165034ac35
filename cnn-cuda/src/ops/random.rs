//! Masks of dropout, from the host's generator.
use crate::device::{Gpu, Launch, Out, Result};
use crate::source::RANDOM;

/// A place in a sequence of random numbers: Philox 4x32-10, as in `cnn_runtime::random`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The key.
    pub seed: u64,
    /// The upper half of the counter.
    pub stream: u64,
    /// The lower half: blocks of four numbers.
    pub block: u64,
}

/// Writes `scale` with probability `kept`, else 0.
///
/// # Errors
/// If it cannot be launched.
pub fn mask(gpu: &Gpu, place: Place, kept: f64, scale: f64, to: &mut Out<'_>) -> Result<()> {
    Launch::new(gpu, RANDOM, "mask", to.scalar())
        .pass(to)
        .pass(&to.len())
        .pass(&place.seed)
        .pass(&place.stream)
        .pass(&place.block)
        .pass(&kept)
        .pass(&scale)
        .each(to.len().div_ceil(4))
}
