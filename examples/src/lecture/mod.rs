//! What the lecture says of training convolutional networks (Stanford's CS231n), as experiments that run in minutes.
//!
//! Each experiment has a file: its networks, how they are trained, and a sentence that says what was seen. The sentence is made
//! from the results of the run and says the opposite where they do. All variants of an experiment see the same data in the
//! same order, with the same seeds and the same schedule.

pub mod activations;
pub mod batchnorm;
pub mod data;
pub mod depth;
pub mod dropout;
pub mod groupnorm;
pub mod outcome;
pub mod page;
pub mod run;

use clap::ValueEnum;

use outcome::Outcome;
use run::Plan;

/// Why an experiment could not be made or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A network cannot be made.
    #[error(transparent)]
    Network(#[from] cnn_runtime::Error),
    /// A network cannot be trained.
    #[error(transparent)]
    Training(#[from] cnn_train::Error),
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] cnn_train::data::Error),
    /// The digits cannot be read.
    #[error(transparent)]
    Digits(#[from] cnn_train::data::mnist::Error),
    /// The photos cannot be read.
    #[error(transparent)]
    Photos(#[from] cnn_train::data::cifar::Error),
    /// A file cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The file or folder.
        path: std::path::PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// `Result` of experiments.
pub type Result<T> = std::result::Result<T, Error>;

/// The experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Experiment {
    /// ReLU against tanh and sigmoid
    Activations,
    /// With batch norm and without
    BatchNorm,
    /// Batch norm against group norm in small batches
    GroupNorm,
    /// Plain networks against a residual one
    Depth,
    /// Dropout of activations and of weights against none
    Dropout,
}

impl Experiment {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Activations, Self::BatchNorm, Self::GroupNorm, Self::Depth, Self::Dropout];

    /// Its name, which its files have too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Activations => "activations",
            Self::BatchNorm => "batchnorm",
            Self::GroupNorm => "groupnorm",
            Self::Depth => "depth",
            Self::Dropout => "dropout",
        }
    }

    /// What it does; in the quick form little enough to run in seconds, and to show little.
    pub fn plan(self, is_quick: bool) -> Plan {
        match self {
            Self::Activations => activations::plan(is_quick),
            Self::BatchNorm => batchnorm::plan(is_quick),
            Self::GroupNorm => groupnorm::plan(is_quick),
            Self::Depth => depth::plan(is_quick),
            Self::Dropout => dropout::plan(is_quick),
        }
    }

    /// What was seen, in one sentence. Accuracies are of `samples` samples.
    pub fn sentence(self, outcomes: &[Outcome], samples: usize) -> String {
        match self {
            Self::Activations => activations::sentence(outcomes, samples),
            Self::BatchNorm => batchnorm::sentence(outcomes, samples),
            Self::GroupNorm => groupnorm::sentence(outcomes, samples),
            Self::Depth => depth::sentence(outcomes, samples),
            Self::Dropout => dropout::sentence(outcomes, samples),
        }
    }
}

#[cfg(test)]
mod tests;
