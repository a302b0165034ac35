//! What can go wrong in training.

use std::path::PathBuf;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A network, its weights or its files.
    #[error(transparent)]
    Network(#[from] cnn_runtime::Error),
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A run or an optimizer cannot be as it is configured.
    #[error("{0}")]
    Config(String),
    /// The loss is infinite or no number.
    #[error("the loss became {loss} in epoch {epoch}, step {step}: {cause}")]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step in the epoch, counted from 1.
        step: usize,
        /// The loss.
        loss: f64,
        /// Where it began, and what to do.
        cause: String,
    },
    /// A checkpoint cannot be used.
    #[error("the checkpoint `{}` cannot be used: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The operating system refused to read or write.
    #[error("cannot {doing} `{}`: {error}", path.display())]
    Io {
        /// What was attempted: `read`, `write`, ..
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// Data that cannot be read or made into batches.
    #[error(transparent)]
    Data(#[from] crate::data::Error),
    /// Logits and labels that cannot be counted.
    #[error(transparent)]
    Metrics(#[from] crate::metrics::Error),
}
