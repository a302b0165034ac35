//! What can go wrong in training.

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
    /// Data that cannot be read or made into batches.
    #[error(transparent)]
    Data(#[from] crate::data::Error),
}
