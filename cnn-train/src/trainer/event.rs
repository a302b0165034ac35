//! What a training run tells those who listen: [`Event`], [`Observer`].

use std::ops::ControlFlow;
use std::path::Path;

use candle_core::Tensor;

use super::history::{EpochRecord, History};
use crate::error::Result;

/// What happens in a run, in this order: [`Begin`](Event::Begin); for each epoch [`Step`](Event::Step)s, then
/// [`Validation`](Event::Validation)s, then [`Epoch`](Event::Epoch), with a [`Saved`](Event::Saved) wherever a checkpoint
/// was written; [`End`](Event::End).
///
/// Epochs, steps and batches are counted from 1, so that they are also how many are done.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins, or goes on from a checkpoint.
    Begin(&'a Begin<'a>),
    /// A training step was made.
    Step(&'a Step),
    /// A batch of the validation data went through the network, in inference mode.
    Validation(&'a Validation<'a>),
    /// An epoch is over, its validation included.
    Epoch(&'a Epoch<'a>),
    /// A checkpoint was written.
    Saved {
        /// Its file.
        path: &'a Path,
        /// The epoch that it was written in.
        epoch: usize,
        /// Steps of that epoch that it has.
        step: usize,
    },
    /// The run is over. It is not told where the run ends with an error.
    End(&'a History),
}

/// What is known of a run at its start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Begin<'a> {
    /// The name of the network's type.
    pub network: &'a str,
    /// The shape that the network takes, without the batch dimension.
    pub input_shape: &'a [usize],
    /// Values that are trained.
    pub parameters: usize,
    /// The classes' names; empty where the data give none.
    pub classes: &'a [String],
    /// Epochs of the whole run.
    pub epochs: usize,
    /// Training batches of an epoch; an epoch has as many [`Step`]s unless gradients are accumulated.
    pub batches: usize,
    /// Optimizer steps of an epoch.
    pub steps: usize,
    /// Training samples of an epoch.
    pub train_samples: usize,
    /// Validation batches of an epoch.
    pub valid_batches: usize,
    /// Validation samples of an epoch.
    pub valid_samples: usize,
    /// Epochs that are done already: 0 but where the run goes on from a checkpoint. Whoever keeps a file drops what it
    /// has of later ones.
    pub epochs_done: usize,
    /// Steps of the next epoch that are done already.
    pub steps_done: usize,
    /// The epochs that are done already.
    pub records: &'a [EpochRecord],
    /// The run's folder, where it has one.
    pub folder: Option<&'a Path>,
    /// What the run was configured with: the network, the optimizer, the schedule, seeds and the rest.
    pub config: &'a serde_json::Value,
}

/// An optimizer step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The epoch.
    pub epoch: usize,
    /// The step in the epoch.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// The step in the run.
    pub global_step: usize,
    /// The mean loss of the step's samples, label smoothing included.
    pub loss: f64,
    /// The mean loss of the epoch's samples so far.
    pub mean_loss: f64,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// The gradient's norm over all parameters before clipping, where the run clips.
    pub gradient_norm: Option<f64>,
    /// Samples of the step.
    pub images: usize,
    /// Samples of the epoch so far.
    pub epoch_images: usize,
    /// Samples of the run so far.
    pub total_images: usize,
    /// Seconds of the epoch so far.
    pub seconds: f64,
    /// Samples a second in the epoch so far.
    pub images_per_second: f64,
}

/// A batch of the validation data.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Validation<'a> {
    /// The epoch.
    pub epoch: usize,
    /// The batch.
    pub batch: usize,
    /// Batches of the validation data.
    pub batches: usize,
    /// What the network says: `(N, classes)`, on the network's device, without gradients.
    pub logits: &'a Tensor,
    /// The class of each sample: `(N)`, u32.
    pub labels: &'a Tensor,
}

/// An epoch that is over.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Epoch<'a> {
    /// Its numbers.
    pub record: &'a EpochRecord,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// Whether it is the best one so far.
    pub is_best: bool,
    /// The network's tensors by name, running statistics included, as they were validated: where an average of the
    /// weights is kept (EMA), it. To keep them: `cnn_runtime::weights::save(path, epoch.weights.iter().copied())`.
    pub weights: &'a [(&'a str, &'a Tensor)],
}

/// Who listens to a run: a progress bar, a run folder, a closure.
///
/// Every `FnMut(&Event) -> ControlFlow<()>` is one. `Break` ends the run as if it were over: with a checkpoint where the
/// run keeps some, and its history.
///
/// ```
/// use std::ops::ControlFlow;
/// use cnn_train::trainer::{Event, Observer};
///
/// let mut lowest = f64::INFINITY;
/// let mut closure = |event: &Event<'_>| {
///     if let Event::Step(step) = event {
///         lowest = lowest.min(step.loss);
///     }
///     ControlFlow::Continue(())
/// };
/// let observer: &mut dyn Observer = &mut closure;
/// # let _ = observer;
/// ```
pub trait Observer {
    /// Is told what happened.
    ///
    /// # Errors
    /// Whatever goes wrong in it, a full disk for instance. It ends the run, which says so.
    fn observe(&mut self, event: &Event<'_>) -> Result<ControlFlow<()>>;
}

impl<F: FnMut(&Event<'_>) -> ControlFlow<()>> Observer for F {
    fn observe(&mut self, event: &Event<'_>) -> Result<ControlFlow<()>> {
        Ok(self(event))
    }
}
