//! A device: its stream, its memory, and launches.
mod error;
mod gpu;
mod launch;
mod measure;
mod memory;
mod plan;

pub(crate) use error::{Doing, sizes};
pub use error::{Error, Result};
pub use gpu::{Gpu, compile};
pub(crate) use launch::Launch;
pub(crate) use measure::Question;
pub use memory::{Element, In, Labels, Out, Scratch};
pub(crate) use memory::{Place, Table};
pub use plan::{Arena, Captured, Moment, Part};
