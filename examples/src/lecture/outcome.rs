//! What came of the variants of an experiment, and what differs beyond noise.

use std::cmp::Ordering;

use cnn_train::trainer::EpochRecord;

/// What came of a variant.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it is called.
    pub name: String,
    /// Values that are trained.
    pub parameters: usize,
    /// Its runs, one for each seed.
    pub runs: Vec<Run>,
}

/// A run with one seed.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The epochs that were completed.
    pub epochs: Vec<EpochRecord>,
    /// The epoch in which the loss became infinite or no number, where it did.
    pub diverged: Option<usize>,
    /// How the trained network does on what it learnt from, in inference mode, where that is asked: there the training loss
    /// has masks in it.
    pub on_training: Option<Score>,
    /// Seconds of all of it.
    pub seconds: f64,
}

/// How well a network does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The mean loss.
    pub loss: f64,
    /// The share that is right, 0 to 1.
    pub accuracy: f64,
}

impl Run {
    /// The training loss of the last epoch; infinite where the run diverged.
    pub fn final_loss(&self) -> f64 {
        match (self.diverged, self.epochs.last()) {
            (None, Some(last)) if last.train_loss.is_finite() => last.train_loss,
            _ => f64::INFINITY,
        }
    }

    /// The validation accuracy of the last epoch; 0 where the run diverged.
    pub fn final_accuracy(&self) -> f64 {
        self.epochs.last().filter(|_| self.diverged.is_none()).map_or(0.0, |last| last.accuracy)
    }

    /// The highest validation accuracy.
    pub fn best_accuracy(&self) -> f64 {
        self.epochs.iter().map(|record| record.accuracy).fold(0.0, f64::max)
    }
}

impl Outcome {
    /// A number of every run.
    pub fn each(&self, of: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(of).collect()
    }

    /// The mean of a number over the runs.
    pub fn mean(&self, of: impl Fn(&Run) -> f64) -> f64 {
        self.runs.iter().map(of).sum::<f64>() / self.runs.len().max(1) as f64
    }

    /// The mean training loss of the last epoch; infinite where a run diverged.
    pub fn final_loss(&self) -> f64 {
        self.mean(Run::final_loss)
    }

    /// The mean training loss of each epoch that every run has.
    pub fn losses(&self) -> Vec<f64> {
        let epochs = self.runs.iter().map(|run| run.epochs.len()).min().unwrap_or(0);
        (0..epochs).map(|epoch| self.mean(|run| run.epochs[epoch].train_loss)).collect()
    }

    /// The epoch after which the mean training loss was at most `loss`, where there is one.
    pub fn reached(&self, loss: f64) -> Option<usize> {
        self.losses().iter().position(|&mean| mean <= loss).map(|epoch| epoch + 1)
    }

    /// The last epoch after which the mean training loss was less than the other's, where there is one.
    pub fn ahead_until(&self, other: &Self) -> Option<usize> {
        let pairs: Vec<_> = self.losses().into_iter().zip(other.losses()).collect();
        pairs.iter().rposition(|(own, other)| own < other).map(|epoch| epoch + 1)
    }

    /// The epoch of the first run that diverged.
    pub fn diverged(&self) -> Option<usize> {
        self.runs.iter().filter_map(|run| run.diverged).min()
    }

    /// Epochs of the longest run.
    pub fn epochs(&self) -> usize {
        self.runs.iter().map(|run| run.epochs.len()).max().unwrap_or(0)
    }
}

/// Values that differ by a smaller part are not taken for different.
const MARGIN: f64 = 0.05;

/// Compares training losses, one for each seed, as [`compare_values`] does.
pub fn compare_losses(left: &Outcome, right: &Outcome) -> Ordering {
    compare_values(&left.each(Run::final_loss), &right.each(Run::final_loss))
}

/// Compares values, one for each seed. Equal are those whose ranges overlap, and those that differ by less than 5 % of the
/// larger.
pub fn compare_values(left: &[f64], right: &[f64]) -> Ordering {
    apart(left, right, MARGIN * mean(left).abs().max(mean(right).abs()))
}

/// Compares shares of `samples` samples that are right, one for each seed. Equal are those whose ranges overlap, and those
/// that differ by less than two standard errors of a difference of such shares.
pub fn compare_shares(left: &[f64], right: &[f64], samples: usize) -> Ordering {
    let share = (mean(left) + mean(right)) / 2.0;
    let seen = (samples * left.len().min(right.len())).max(1) as f64;
    apart(left, right, 2.0 * (2.0 * share * (1.0 - share) / seen).sqrt())
}

/// Which numbers are less: all of them than all of the others, and the mean by more than `margin`.
fn apart(left: &[f64], right: &[f64], margin: f64) -> Ordering {
    let below = |less: &[f64], more: &[f64]| {
        let (most, least) = (less.iter().copied().fold(f64::NEG_INFINITY, f64::max), least(more));
        // Where a run diverged the difference is infinite, and so is the margin.
        most < least && mean(more) - mean(less) > margin.min(f64::MAX)
    };
    if below(left, right) {
        Ordering::Less
    } else if below(right, left) {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// A loss as the sentences say it.
pub fn loss(value: f64) -> String {
    if value.is_finite() { format!("{value:.2}") } else { "infinity".to_owned() }
}

/// A share in per cent.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
