//! The runtime of network!: layers on candle tensors, parameters, weights and training passes.
pub mod ops;

pub use cnn_ir::window::{Axis, Padding, Window};
