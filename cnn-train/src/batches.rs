//! What a training loop takes: [`Batches`].

use candle_core::Tensor;

use crate::error::Result;

/// Samples that a network sees at once.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What goes into the network: `(N, C, H, W)` or `(N, F)`.
    pub inputs: Tensor,
    /// The class of each sample: `(N)`, u32.
    pub labels: Tensor,
}

/// Where batches come from: a loader of files, or anything that can begin an epoch anew.
pub trait Batches {
    /// Batches of an epoch.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Samples of an epoch.
    fn samples(&self) -> usize;

    /// The names of the classes, where they have some.
    fn classes(&self) -> &[String] {
        &[]
    }

    /// The batches of an epoch, counted from 0, from batch `first` on. The same epoch is always the same batches: a run
    /// that goes on from a checkpoint sees what it would have seen.
    ///
    /// # Errors
    /// Where the data cannot be read; so can every batch.
    fn epoch(&self, epoch: usize, first: usize) -> Result<Box<dyn Iterator<Item = Result<Batch>> + '_>>;
}
