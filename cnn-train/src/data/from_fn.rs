//! Batches from any iterator.

use std::fmt;
use std::marker::PhantomData;

use candle_core::Tensor;

use crate::{Batch, Batches, Result};

/// Batches that a function gives: see [`from_fn`].
pub struct FromFn<F, I> {
    batches: usize,
    samples: usize,
    classes: Vec<String>,
    epoch: F,
    gives: PhantomData<fn() -> I>,
}

/// Batches from a function that gives an iterator over those of an epoch, counted from 0: anything that becomes a
/// [`Batch`], such as a pair of inputs and labels. `batches` and `samples` are those of one epoch.
///
/// An epoch that begins in its middle is gone through from its start.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cnn_train::{Batches, data};
///
/// # fn main() -> cnn_train::Result<()> {
/// let batches = data::from_fn(3, 12, |epoch| {
///     (0..3).map(move |batch| {
///         let inputs = Tensor::full((epoch * 3 + batch) as f32, (4, 2), &Device::Cpu)?;
///         Ok((inputs, Tensor::zeros(4, DType::U32, &Device::Cpu)?))
///     })
/// });
/// let last = batches.epoch(1, 2)?.next().expect("a batch")?;
/// assert_eq!(last.inputs.to_vec2::<f32>()?[0], [5.0, 5.0]);
/// # Ok(())
/// # }
/// ```
pub fn from_fn<F, I, B>(batches: usize, samples: usize, epoch: F) -> FromFn<F, I>
where
    F: Fn(usize) -> I,
    I: Iterator<Item = Result<B>>,
    B: Into<Batch>,
{
    FromFn { batches, samples, classes: Vec::new(), epoch, gives: PhantomData }
}

impl<F, I> FromFn<F, I> {
    /// Names the classes.
    #[must_use]
    pub fn with_classes(mut self, classes: Vec<String>) -> Self {
        self.classes = classes;
        self
    }
}

impl<F, I> fmt::Debug for FromFn<F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn")
            .field("batches", &self.batches)
            .field("samples", &self.samples)
            .field("classes", &self.classes)
            .finish_non_exhaustive()
    }
}

impl From<(Tensor, Tensor)> for Batch {
    fn from((inputs, labels): (Tensor, Tensor)) -> Self {
        Self { inputs, labels }
    }
}

impl<F, I, B> Batches for FromFn<F, I>
where
    F: Fn(usize) -> I,
    I: Iterator<Item = Result<B>>,
    B: Into<Batch>,
{
    fn len(&self) -> usize {
        self.batches
    }

    fn samples(&self) -> usize {
        self.samples
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn epoch(&self, epoch: usize, first: usize) -> Result<Box<dyn Iterator<Item = Result<Batch>> + '_>> {
        let batches = (self.epoch)(epoch).map(|batch| batch.map(Into::into));
        // An error on the way to the first batch is not skipped.
        let mut before = first;
        Ok(Box::new(batches.filter(move |batch| {
            let skip = before > 0 && batch.is_ok();
            before = before.saturating_sub(1);
            !skip
        })))
    }
}
