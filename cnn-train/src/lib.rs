//! Training of networks: where batches come from, what is done with them, and what is kept of it.

pub mod batches;
mod checkpoint;
pub mod data;
pub mod error;
pub mod metrics;
pub mod optim;
pub mod report;
pub mod schedule;
pub mod trainer;

pub use batches::{Batch, Batches};
pub use error::{Error, Result};
