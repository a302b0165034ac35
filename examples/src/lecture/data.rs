//! The data that the experiments learn from, as the repository ships them.

use std::sync::Arc;

use cnn_train::data::transform::Normalize;
use cnn_train::data::{Dataset, Loader, cifar, mnist, split_stratified};

use super::Result;
use crate::paths::repository;

/// Which pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Handwritten digits, 1x28x28.
    Mnist,
    /// Photos of ten things, 3x32x32.
    Cifar,
}

/// Pictures to a batch where nothing is learnt and only memory limits them.
const TEST_BATCH: usize = 100;

/// Pictures to learn from and others to judge by.
pub struct Data {
    source: Source,
    train: Arc<dyn Dataset>,
    valid: Arc<dyn Dataset>,
}

impl Data {
    /// Reads the repository's pictures, and takes so many of them, as many of each class.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn read(source: Source, [train, valid]: [usize; 2], seed: u64) -> Result<Self> {
        let (all, test): (Arc<dyn Dataset>, Arc<dyn Dataset>) = match source {
            Source::Mnist => {
                let data = mnist::read_folder(&repository().join("data/mnist"))?;
                (Arc::new(data.train), Arc::new(data.test))
            }
            Source::Cifar => {
                let data = cifar::read_folder(&repository().join("data/cifar10"))?;
                (Arc::new(data.train), Arc::new(data.test))
            }
        };
        Ok(Self { source, train: some(all, train, seed)?, valid: some(test, valid, seed)? })
    }

    /// Pictures to learn from, and to judge by.
    pub fn counts(&self) -> [usize; 2] {
        [self.train.len(), self.valid.len()]
    }

    /// Batches to learn from: in another order in every epoch, the pictures as they are. A last batch that is not full is
    /// left out: a batch norm would see another number of pictures.
    ///
    /// # Errors
    /// If the batch size is 0.
    pub fn training(&self, batch: usize, seed: u64) -> Result<Loader> {
        Ok(self.normalized(&self.train, batch)?.shuffle(true).seed(seed).drop_last(true))
    }

    /// Batches of what is learnt from, in order, to see how well it was learnt.
    ///
    /// # Errors
    /// None that could happen.
    pub fn learnt(&self) -> Result<Loader> {
        self.normalized(&self.train, TEST_BATCH)
    }

    /// Batches to judge by.
    ///
    /// # Errors
    /// None that could happen.
    pub fn validation(&self) -> Result<Loader> {
        self.normalized(&self.valid, TEST_BATCH)
    }

    fn normalized(&self, dataset: &Arc<dyn Dataset>, batch: usize) -> Result<Loader> {
        let normalize = match self.source {
            Source::Mnist => Normalize::new([mnist::MEAN], [mnist::STD]),
            Source::Cifar => Normalize::new(cifar::MEAN, cifar::STD),
        };
        Ok(Loader::new(Arc::clone(dataset), batch)?.transform(normalize))
    }
}

/// `count` images, as many of each class; all where there are no more.
fn some(all: Arc<dyn Dataset>, count: usize, seed: u64) -> Result<Arc<dyn Dataset>> {
    if count >= all.len() {
        return Ok(all);
    }
    let fraction = count as f64 / all.len() as f64;
    Ok(Arc::new(split_stratified(all, fraction, seed)?.0))
}
