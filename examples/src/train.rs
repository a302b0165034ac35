//! A plain training loop for classifiers of digits: AdamW, cross-entropy and one cycle of the learning rate.

use std::time::{Duration, Instant};

use candle_core::{D, Device, Tensor, Var};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};

use crate::batch::{self, Shuffled};
use crate::mnist::Digits;
use crate::schedule::OneCycle;

/// Pictures in a batch where nothing is learnt and only memory limits them.
const TEST_BATCH: usize = 100;

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How often each picture is learnt from.
    pub epochs: usize,
    /// The highest learning rate: see [`OneCycle`].
    pub peak_lr: f64,
    /// What share of each weight, times the learning rate, goes at each step: see [`AdamW`].
    pub weight_decay: f64,
    /// The batches.
    pub batches: Shuffled,
}

/// What happened, for the caller to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A training step was made.
    Step {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step in the epoch, counted from 1.
        step: usize,
        /// Mean of the loss over the epoch so far.
        loss: f64,
    },
    /// An epoch is over.
    Epoch {
        /// The epoch, counted from 1.
        epoch: usize,
        /// Mean of the loss over the epoch's steps.
        loss: f64,
        /// Share of the test pictures that the network now gets right.
        accuracy: f64,
        /// What the epoch took, its test included.
        took: Duration,
    },
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The loss is infinite or no number.
    #[error("the loss became {loss} in epoch {epoch}, step {step}: lower the learning rate (--lr)")]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step in the epoch, counted from 1.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// What happened could not be shown.
    #[error("the progress cannot be shown: {0}")]
    Show(#[from] std::io::Error),
}

/// A network in training and the pictures that it learns from and is tested with.
pub struct Run<'a> {
    /// The network as it is trained: `(N, 1, 28, 28)` to logits `(N, classes)`.
    pub forward_train: &'a dyn Fn(&Tensor) -> candle_core::Result<Tensor>,
    /// The network as it is used.
    pub forward: &'a dyn Fn(&Tensor) -> candle_core::Result<Tensor>,
    /// What is trained.
    pub vars: Vec<Var>,
    /// The pictures to learn from.
    pub train: &'a Digits,
    /// The pictures to test with.
    pub test: &'a Digits,
    /// Where the network is.
    pub device: &'a Device,
}

/// Trains a network and returns the share of the test pictures that it gets right at the end, 0 to 1.
///
/// `show` is told of every step and epoch.
///
/// # Errors
/// If the loss is no number any more, a tensor operation fails, or `show` does.
///
/// # Panics
/// If the batch size is 0.
pub fn fit(
    run: Run<'_>,
    options: &Options,
    mut show: impl FnMut(Event) -> std::io::Result<()>,
) -> Result<f64, Error> {
    let steps = options.batches.batches(run.train);
    let schedule = OneCycle::new(options.peak_lr, options.epochs * steps);
    let params = ParamsAdamW { weight_decay: options.weight_decay, ..Default::default() };
    let mut optimizer = AdamW::new(run.vars, params)?;
    let mut final_accuracy = 0.0;
    for epoch in 0..options.epochs {
        let start = Instant::now();
        let mut total = 0.0;
        for (step, batch) in options.batches.epoch(run.train, epoch, run.device).enumerate() {
            let batch = batch?;
            let logits = (run.forward_train)(&batch.images)?;
            let loss = candle_nn::loss::cross_entropy(&logits, &batch.labels)?;
            optimizer.set_learning_rate(schedule.at(epoch * steps + step));
            optimizer.backward_step(&loss)?;
            let loss = f64::from(loss.to_scalar::<f32>()?);
            if !loss.is_finite() {
                return Err(Error::Diverged { epoch: epoch + 1, step: step + 1, loss });
            }
            total += loss;
            show(Event::Step { epoch: epoch + 1, step: step + 1, loss: total / (step + 1) as f64 })?;
        }
        final_accuracy = accuracy(run.forward, run.test, run.device)?;
        show(Event::Epoch {
            epoch: epoch + 1,
            loss: total / steps as f64,
            accuracy: final_accuracy,
            took: start.elapsed(),
        })?;
    }
    Ok(final_accuracy)
}

/// The share of `digits` whose largest logit is their class's, 0 to 1.
///
/// # Errors
/// If a tensor operation fails.
pub fn accuracy(
    forward: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>,
    digits: &Digits,
    device: &Device,
) -> candle_core::Result<f64> {
    let mut right = 0_usize;
    for start in (0..digits.len()).step_by(TEST_BATCH) {
        let range = start..digits.len().min(start + TEST_BATCH);
        let classes = forward(&batch::in_order(digits, range.clone(), device)?.images)?.argmax(D::Minus1)?;
        let classes = classes.to_vec1::<u32>()?;
        let labels = &digits.labels()[range];
        right += classes.iter().zip(labels).filter(|&(&class, &label)| class == u32::from(label)).count();
    }
    Ok(right as f64 / digits.len() as f64)
}
