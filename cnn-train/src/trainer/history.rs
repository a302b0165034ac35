//! What a run was: [`History`].

use serde::{Deserialize, Serialize};

/// The numbers of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EpochRecord {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The mean loss of the training samples, as the network was when it saw them, label smoothing included.
    pub train_loss: f64,
    /// The mean loss of the validation samples, without label smoothing.
    pub valid_loss: f64,
    /// The share of the validation samples whose largest logit is their class's, 0 to 1.
    pub accuracy: f64,
    /// The share of the validation samples whose class is among the five largest logits, 0 to 1.
    pub top5: f64,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Optimizer steps of the run so far.
    pub global_step: usize,
    /// Seconds of the epoch's training, without its validation.
    pub train_seconds: f64,
    /// Seconds of the epoch in all.
    pub seconds: f64,
    /// Training samples a second, without the validation.
    pub images_per_second: f64,
}

/// Why a run was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Stop {
    /// All epochs are done.
    Finished,
    /// The validation had not become better for as many epochs as early stopping waits.
    Early,
    /// A callback asked for it.
    Callback,
    /// Ctrl-C.
    Interrupted,
}

/// What a run was: its epochs, those before it went on from a checkpoint included.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The epochs that were completed.
    pub epochs: Vec<EpochRecord>,
    /// Which of them was best: the highest accuracy, the first of equals. Counted from 1.
    pub best_epoch: Option<usize>,
    /// Why the run was over.
    pub stop: Stop,
}

impl History {
    /// The best epoch's numbers.
    #[must_use]
    pub fn best(&self) -> Option<&EpochRecord> {
        let best = self.best_epoch?;
        self.epochs.iter().find(|record| record.epoch == best)
    }

    /// The last epoch's numbers.
    #[must_use]
    pub fn last(&self) -> Option<&EpochRecord> {
        self.epochs.last()
    }
}
