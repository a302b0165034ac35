//! Batches from a data set, made on other threads.

mod prefetch;

use std::fmt;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use cnn_runtime::random::Stream;

use super::transform::Transform;
use super::{Dataset, Error, Result, shuffle};
use crate::{Batch, Batches};
use prefetch::Prefetched;

/// Makes batches of a data set, as PyTorch's `DataLoader` does.
///
/// Images become f32, `(N, channels, height, width)`: fractions of 255, or what [`Normalize`](super::transform::Normalize)
/// makes of them. Labels are u32.
///
/// The order of an epoch depends on the seed and the epoch, and an image's random numbers on the seed, the epoch and its
/// number in the data set: batches are the same with any number of workers, and an epoch can begin at any of them.
#[derive(Clone)]
pub struct Loader {
    source: Arc<Source>,
    workers: usize,
    prefetch: usize,
    device: Device,
}

/// What a worker needs.
#[derive(Clone)]
struct Source {
    dataset: Arc<dyn Dataset>,
    transforms: Vec<Arc<dyn Transform>>,
    batch_size: usize,
    shuffle: bool,
    drop_last: bool,
    seed: u64,
}

impl Loader {
    /// Batches of `batch_size` images in the data set's order, made by one worker that is two batches ahead at most.
    ///
    /// # Errors
    /// If the data set is empty or the batch size is 0.
    pub fn new(dataset: impl Dataset + 'static, batch_size: usize) -> Result<Self> {
        if dataset.is_empty() {
            return Err(Error::Empty);
        }
        if batch_size == 0 {
            return Err(Error::Setting(
                "a batch of 0 images is none: let the batch size be at least 1".to_owned(),
            ));
        }
        let source = Source {
            dataset: Arc::new(dataset),
            transforms: Vec::new(),
            batch_size,
            shuffle: false,
            drop_last: false,
            seed: 0,
        };
        Ok(Self { source: Arc::new(source), workers: 1, prefetch: 2, device: Device::Cpu })
    }

    /// Whether every epoch has an order of its own.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        Arc::make_mut(&mut self.source).shuffle = shuffle;
        self
    }

    /// Where the random numbers of order and transforms begin; 0 if it is not said.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        Arc::make_mut(&mut self.source).seed = seed;
        self
    }

    /// Whether a last batch that is not full is left out.
    #[must_use]
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        Arc::make_mut(&mut self.source).drop_last = drop_last;
        self
    }

    /// Adds a transform behind those that there are.
    #[must_use]
    pub fn transform(mut self, transform: impl Transform + 'static) -> Self {
        Arc::make_mut(&mut self.source).transforms.push(Arc::new(transform));
        self
    }

    /// Threads that make batches; with 0 the thread that asks for a batch makes it.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How many batches each worker keeps ready, at least 1.
    #[must_use]
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = batches.max(1);
        self
    }

    /// Where the batches' tensors are; the CPU if it is not said.
    #[must_use]
    pub fn device(mut self, device: &Device) -> Self {
        self.device = device.clone();
        self
    }

    /// The data set.
    #[must_use]
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.source.dataset
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("images", &self.source.dataset.len())
            .field("batch_size", &self.source.batch_size)
            .field("shuffle", &self.source.shuffle)
            .field("seed", &self.source.seed)
            .field("drop_last", &self.source.drop_last)
            .field("transforms", &self.source.transforms.len())
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

impl Batches for Loader {
    fn len(&self) -> usize {
        let Source { batch_size, drop_last, ref dataset, .. } = *self.source;
        if drop_last { dataset.len() / batch_size } else { dataset.len().div_ceil(batch_size) }
    }

    fn samples(&self) -> usize {
        self.source.dataset.len().min(self.len().saturating_mul(self.source.batch_size))
    }

    fn classes(&self) -> &[String] {
        self.source.dataset.classes()
    }

    fn epoch(
        &self,
        epoch: usize,
        first: usize,
    ) -> crate::Result<Box<dyn Iterator<Item = crate::Result<Batch>> + '_>> {
        let order = self.source.order(epoch);
        let range = first..self.len().max(first);
        let plan = Epoch { source: Arc::clone(&self.source), epoch, order: order.into() };
        if self.workers == 0 {
            return Ok(Box::new(range.map(move |batch| Ok(plan.batch(batch, &|| false)?.to(&self.device)?))));
        }
        let batches = Prefetched::start(&plan, range, self.workers, self.prefetch)?;
        Ok(Box::new(batches.map(|batch| Ok(batch?.to(&self.device)?))))
    }
}

impl Source {
    fn order(&self, epoch: usize) -> Vec<usize> {
        let count = self.dataset.len();
        if self.shuffle { shuffle::order(count, self.seed, epoch) } else { (0..count).collect() }
    }
}

/// An epoch, as a worker sees it.
#[derive(Clone)]
struct Epoch {
    source: Arc<Source>,
    epoch: usize,
    order: Arc<[usize]>,
}

impl Epoch {
    /// Makes a batch, on the CPU. `stopped` is asked before each image: a batch that nobody waits for ends early, empty.
    fn batch(&self, batch: usize, stopped: &dyn Fn() -> bool) -> Result<Batch> {
        let Source { dataset, transforms, batch_size, seed, .. } = &*self.source;
        let start = batch * batch_size;
        let indices = &self.order[start..self.order.len().min(start + batch_size)];
        let mut values = Vec::new();
        let mut labels = Vec::with_capacity(indices.len());
        let mut size = None;
        for &index in indices {
            if stopped() {
                return Err(Error::Empty);
            }
            let at = |source| Error::At { index, source: Box::new(source) };
            let mut random =
                Stream::keyed(*seed, &format!("transforms of image {index} in epoch {}", self.epoch));
            let mut image = dataset.image(index).map_err(at)?;
            for transform in transforms {
                image = transform.apply(image, &mut random).map_err(at)?;
            }
            let expected = *size.get_or_insert_with(|| {
                values.reserve_exact(image.size().iter().product::<usize>() * indices.len());
                image.size()
            });
            if image.size() != expected {
                return Err(Error::Sizes { index, found: image.size(), expected });
            }
            image.append_to(&mut values);
            labels.push(dataset.label(index) as u32);
        }
        let [channels, height, width] = size.ok_or(Error::Empty)?;
        Ok(Batch {
            inputs: Tensor::from_vec(values, (indices.len(), channels, height, width), &Device::Cpu)?,
            labels: Tensor::from_vec(labels, indices.len(), &Device::Cpu)?,
        })
    }
}

impl Batch {
    fn to(self, device: &Device) -> candle_core::Result<Self> {
        Ok(Self { inputs: self.inputs.to_device(device)?, labels: self.labels.to_device(device)? })
    }
}
