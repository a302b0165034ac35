//! The runtime of `network!`: layers on candle tensors, parameters, weights and training passes.
//!
//! A network that the macro generated, or one written by hand, is made of [`params`] (where its
//! tensors come from and are kept) and runs in a [`pass`]. Its inputs are checked at the
//! [`boundary`]. Names and defaults are PyTorch's.

pub mod boundary;
pub mod error;
pub mod init;
pub mod ops;
pub mod params;
pub mod pass;
pub mod random;
pub mod weights;

pub use boundary::{Batch, Chw, Flat};
pub use candle_core::{DType, Device, Tensor, Var};
pub use cnn_ir::window::{Axis, Padding, Window};
pub use error::{Error, Result};
pub use init::{Init, Scheme};
pub use params::State;
pub use pass::Pass;
