//! Training of networks: where batches come from, what is done with them, and what is kept of it.

pub mod batches;
pub mod data;
pub mod error;
pub mod metrics;
pub mod report;
pub mod trainer;

pub use batches::{Batch, Batches};
pub use error::{Error, Result};
