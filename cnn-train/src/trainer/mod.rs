//! The training loop, and what listens to it.

pub mod event;
mod history;

pub use event::{Begin, Epoch, Event, Observer, Step, Validation};
pub use history::{EpochRecord, History, Stop};
