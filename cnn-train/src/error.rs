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
