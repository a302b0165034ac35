//! Training of networks: where batches come from, what is done with them, and what is kept of it.
//!
//! [`trainer::Trainer`] trains any network with one call, tells listeners what happens, and goes on from a [`checkpoint`]. Those
//! who write the loop themselves find an [optimizer](optim) that steps as candle's do, and [schedules](schedule).

pub mod batches;
pub mod checkpoint;
pub mod data;
pub mod error;
pub mod metrics;
pub mod optim;
pub mod report;
pub mod schedule;
pub mod trainer;

pub use batches::{Batch, Batches};
pub use error::{Error, Result};
