//! The training loop, what it is told, and what listens to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cnn_runtime::Network;

use crate::batches::Batches;
use crate::error::{Error, Result};
use crate::optim::{AdamW, Config};
use crate::schedule::Schedule;

mod compiled;
mod diagnose;
mod ema;
pub mod event;
mod fingerprint;
mod fit;
mod history;
mod interrupt;
mod mixup;
mod progress;
mod step;
mod validate;

pub use event::{Begin, Epoch, Event, Observer, Step, Validation};
pub use history::{EpochRecord, History, Stop};
pub use validate::{Evaluation, evaluate};

/// What a checkpoint holds.
pub(crate) mod internal {
    pub(crate) use super::ema::Ema;
    pub(crate) use super::progress::Progress;
}

/// The name of the checkpoint in a run's folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// Trains a classifier: any network that gives `(N, classes)`.
///
/// Each epoch goes through the training data with softmax cross-entropy as the loss, then through the validation data in
/// inference mode. Everything that is random depends on the seeds and the place in the run, so that the same configuration
/// gives the same weights, also where a run is interrupted and goes on ([`resume`](Self::resume)).
///
/// ```
/// use cnn_runtime::prelude::*;
/// use cnn_train::optim::Sgd;
/// use cnn_train::schedule::Schedule;
/// use cnn_train::trainer::Trainer;
/// use cnn_train::{Batch, Batches};
///
/// network! {
///     Tiny: 2 -> 2 { fc8 relu -> fc2 }
/// }
///
/// /// Points left and right of a line.
/// struct Points;
///
/// impl Batches for Points {
///     fn len(&self) -> usize {
///         8
///     }
///
///     fn samples(&self) -> usize {
///         8 * 16
///     }
///
///     fn epoch(
///         &self,
///         epoch: usize,
///         first: usize,
///     ) -> cnn_train::Result<Box<dyn Iterator<Item = cnn_train::Result<Batch>> + '_>> {
///         Ok(Box::new((first..8).map(move |batch| {
///             let angles = (0..16).map(|point| (epoch + batch * 16 + point) as f32 * 2.4);
///             let points: Vec<f32> = angles.flat_map(|angle| [angle.cos(), angle.sin()]).collect();
///             let labels: Vec<u32> = points.chunks(2).map(|point| u32::from(point[0] > 0.0)).collect();
///             let inputs = Tensor::from_vec(points, (16, 2), &Device::Cpu)?;
///             Ok(Batch { inputs, labels: Tensor::new(labels, &Device::Cpu)? })
///         })))
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let net = Tiny::init(Init::seed(1), &Device::Cpu)?;
///     let history = Trainer::new(&net)
///         .optimizer(Sgd::new(0.5).momentum(0.9))
///         .schedule(Schedule::cosine())
///         .epochs(5)
///         .fit(&Points, &Points)?;
///     assert!(history.last().unwrap().accuracy > 0.9);
///     Ok(())
/// }
/// ```
pub struct Trainer<'a> {
    pub(crate) net: &'a dyn Network,
    pub(crate) options: Options,
    observers: Vec<Box<dyn Observer + 'a>>,
}

/// What a run does.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) optimizer: Config,
    pub(crate) schedule: Schedule,
    pub(crate) epochs: usize,
    pub(crate) label_smoothing: f64,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) clip_value: Option<f64>,
    pub(crate) accumulate: usize,
    pub(crate) ema: Option<f64>,
    pub(crate) mixup: Option<f64>,
    pub(crate) early_stopping: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) resume: bool,
    pub(crate) checkpoint_steps: Option<usize>,
    pub(crate) checkpoint_every: Option<Duration>,
    pub(crate) stops_on_ctrl_c: bool,
    pub(crate) compiles: bool,
    pub(crate) mixed_precision: bool,
}

impl<'a> Trainer<'a> {
    /// A trainer of this network with [`AdamW`] at 0.001, that learning rate throughout, and 10 epochs.
    #[must_use]
    pub fn new(net: &'a dyn Network) -> Self {
        let options = Options {
            optimizer: AdamW::new(1e-3).into(),
            schedule: Schedule::constant(),
            epochs: 10,
            label_smoothing: 0.0,
            clip_norm: None,
            clip_value: None,
            accumulate: 1,
            ema: None,
            mixup: None,
            early_stopping: None,
            seed: 0,
            folder: None,
            resume: false,
            checkpoint_steps: None,
            checkpoint_every: None,
            stops_on_ctrl_c: false,
            compiles: true,
            mixed_precision: false,
        };
        Self { net, options, observers: Vec::new() }
    }

    /// Sets the optimizer. Its learning rate is what the [schedule](Self::schedule) multiplies.
    #[must_use]
    pub fn optimizer(mut self, optimizer: impl Into<Config>) -> Self {
        self.options.optimizer = optimizer.into();
        self
    }

    /// Sets how the learning rate changes.
    #[must_use]
    pub fn schedule(mut self, schedule: impl Into<Schedule>) -> Self {
        self.options.schedule = schedule.into();
        self
    }

    /// Sets how often each training sample is seen.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.options.epochs = epochs;
        self
    }

    /// Spreads this share of each target over all classes (Szegedy et al., arXiv 1512.00567).
    #[must_use]
    pub fn label_smoothing(mut self, share: f64) -> Self {
        self.options.label_smoothing = share;
        self
    }

    /// Scales gradients down whose norm over all parameters is above this: see
    /// [`Optimizer::clip_norm`](crate::optim::Optimizer::clip_norm).
    #[must_use]
    pub fn clip_norm(mut self, max_norm: f64) -> Self {
        self.options.clip_norm = Some(max_norm);
        self
    }

    /// Clamps every value of a gradient: see [`Optimizer::clip_value`](crate::optim::Optimizer::clip_value).
    #[must_use]
    pub fn clip_value(mut self, limit: f64) -> Self {
        self.options.clip_value = Some(limit);
        self
    }

    /// Makes an optimizer step after every so many batches, with the gradient of all their samples' mean loss. Batch norms
    /// still see one batch at a time.
    #[must_use]
    pub fn accumulate(mut self, batches: usize) -> Self {
        self.options.accumulate = batches;
        self
    }

    /// Keeps an exponential moving average of the weights, `average = decay average + (1 - decay) weights` after each step
    /// (Polyak & Juditsky, 1992; `torch.optim.swa_utils.get_ema_multi_avg_fn`), which begins with the weights after the
    /// first. It is what is validated, and what [`Epoch::weights`] gives; the network itself keeps the weights that are
    /// trained, until [`fit`](Self::fit) is over: then it has the average. Running statistics are the network's.
    #[must_use]
    pub fn ema(mut self, decay: f64) -> Self {
        self.options.ema = Some(decay);
        self
    }

    /// Mixes each sample and its target with those of another one of the batch, in shares drawn from Beta(`alpha`, `alpha`)
    /// for each batch (Zhang et al., arXiv 1710.09412; the partner is the sample before it, as in torchvision's `MixUp`).
    #[must_use]
    pub fn mixup(mut self, alpha: f64) -> Self {
        self.options.mixup = Some(alpha);
        self
    }

    /// Stops when the validation accuracy has not become better for so many epochs.
    #[must_use]
    pub fn early_stopping(mut self, patience: usize) -> Self {
        self.options.early_stopping = Some(patience);
        self
    }

    /// Adds a listener: a closure over [`Event`]s, or any [`Observer`].
    #[must_use]
    pub fn callback(mut self, observer: impl Observer + 'a) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Sets where the trainer's own random numbers start, those of [`mixup`](Self::mixup). Dropout has the network's
    /// generator, and the order of the data is the loader's.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Keeps a checkpoint in this folder ([`CHECKPOINT`]), written after every epoch, and where the run is stopped. The
    /// folder is made where there is none.
    #[must_use]
    pub fn run_folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.options.folder = Some(folder.as_ref().to_path_buf());
        self
    }

    /// Writes a checkpoint after every so many optimizer steps too.
    #[must_use]
    pub fn checkpoint_steps(mut self, steps: usize) -> Self {
        self.options.checkpoint_steps = Some(steps);
        self
    }

    /// Writes a checkpoint after the first step that ends this long after the last one too.
    #[must_use]
    pub fn checkpoint_every(mut self, time: Duration) -> Self {
        self.options.checkpoint_every = Some(time);
        self
    }

    /// Goes on from the folder's checkpoint where there is one, to the same weights, bit by bit, that the run would have had
    /// without the interruption. The network, the optimizer, the schedule and the rest must be those of the checkpoint.
    /// Without this, a folder that has a checkpoint is refused.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.options.resume = resume;
        self
    }

    /// Stops after the current step on Ctrl-C, with a checkpoint where the run has a folder; a second one ends the process at
    /// once. The handler is the process's, and stays: when no run is on, Ctrl-C ends the process, as ever.
    #[must_use]
    pub fn stop_on_ctrl_c(mut self) -> Self {
        self.options.stops_on_ctrl_c = true;
        self
    }

    /// Whether training steps are [compiled](cnn_runtime::TrainingPlan), which is faster and the default. What cannot be
    /// compiled (another element type, Rust code as a layer) is trained by candle's automatic differentiation
    /// anyway; where it can, both give the same gradients but for rounding.
    #[must_use]
    pub fn compile(mut self, compile: bool) -> Self {
        self.options.compiles = compile;
        self
    }

    /// Trains in mixed precision on CUDA devices, as [`ops::autocast`](cnn_runtime::ops::autocast) says: products in bf16,
    /// the network's parameters and the optimizer's state in `f32`. Off by default; on the CPU it changes nothing.
    #[must_use]
    pub fn mixed_precision(mut self, mixed_precision: bool) -> Self {
        self.options.mixed_precision = mixed_precision;
        self
    }

    /// Trains the network on `train`, and looks after each epoch how well it does on `valid`.
    ///
    /// # Errors
    /// [`Error::Config`] where an option makes no sense or the data do not fit; [`Error::Diverged`] where the loss is not
    /// finite, which names the first layer whose output is not; [`Error::Checkpoint`] where the run cannot go on from its
    /// checkpoint; whatever the data, the network, a listener and the disk say. The last good checkpoint is then still there.
    pub fn fit(&mut self, train: &dyn Batches, valid: &dyn Batches) -> Result<History> {
        self.options.check()?;
        fit::fit(self.net, &self.options, &mut self.observers, train, valid)
    }
}

impl Options {
    /// Refuses numbers that make no sense.
    fn check(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::Config(what));
        if self.accumulate == 0 {
            return refuse("expected at least 1 batch to accumulate, found 0".to_owned());
        }
        if !(0.0..=1.0).contains(&self.label_smoothing) {
            return refuse(format!(
                "expected a label smoothing between 0 and 1, found {}",
                self.label_smoothing
            ));
        }
        let positive = [
            ("norm to clip", self.clip_norm),
            ("value to clip", self.clip_value),
            ("mixup alpha", self.mixup),
        ];
        for (name, value) in positive {
            if let Some(value) = value.filter(|&value| !(value > 0.0 && value.is_finite())) {
                return refuse(format!("expected a {name} above 0, found {value}"));
            }
        }
        if let Some(decay) = self.ema.filter(|decay| !(0.0..1.0).contains(decay)) {
            return refuse(format!("expected a decay of the average from 0 to below 1, found {decay}"));
        }
        if self.checkpoint_steps == Some(0) {
            return refuse("expected a checkpoint after at least 1 step, found 0".to_owned());
        }
        if self.folder.is_none() {
            let asked = [
                (self.resume, "resume"),
                (self.checkpoint_steps.is_some(), "checkpoint_steps"),
                (self.checkpoint_every.is_some(), "checkpoint_every"),
            ];
            if let Some((_, name)) = asked.iter().find(|(asked, _)| *asked) {
                return refuse(format!("`{name}` needs a folder: `.run_folder(..)`"));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Trainer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer")
            .field("network", &self.net.name())
            .field("options", &self.options)
            .field("observers", &self.observers.len())
            .finish()
    }
}
