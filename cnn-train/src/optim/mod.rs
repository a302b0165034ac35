//! Optimizers: SGD, Adam, AdamW and `RMSprop`, each with PyTorch's formulas.
//!
//! A plain value says what the optimizer is ([`Sgd`], [`Adam`], [`AdamW`], [`RmsProp`]); an [`Optimizer`] applies it to
//! variables, in place, in one pass over memory, on all threads. Gradients come from candle, or as slices.
//!
//! A training loop by hand:
//!
//! ```
//! use cnn_runtime::prelude::*;
//! use cnn_runtime::{Network, ops};
//! use cnn_train::optim::{AdamW, Optimizer};
//!
//! network! {
//!     Tiny: 1x8x8 -> 3 { conv3-4 relu -> pool2 -> fc3 }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let net = Tiny::init(Init::seed(1), &Device::Cpu)?;
//!     let images = Tensor::randn(0f32, 1., (6, 1, 8, 8), &Device::Cpu)?;
//!     let labels = Tensor::new(&[0u32, 1, 2, 0, 1, 2], &Device::Cpu)?;
//!
//!     let mut optimizer = Optimizer::new(net.state(), AdamW::new(0.01))?.clip_norm(5.0);
//!     let mut losses = Vec::new();
//!     for _ in 0..20 {
//!         let logits = net.forward_train(&images)?;
//!         let loss = ops::cross_entropy(&logits, &labels, 0.0)?;
//!         optimizer.backward_step(&loss)?;
//!         losses.push(loss.to_scalar::<f32>()?);
//!     }
//!     assert!(losses[19] < losses[0]);
//!     Ok(())
//! }
//! ```

mod config;
#[cfg(feature = "cuda")]
mod cuda;
mod optimizer;
mod slot;
mod state;

pub use config::{Adam, AdamW, Config, RmsProp, Sgd};
pub use optimizer::{Optimizer, Value};
pub(crate) use slot::{in_place, with_values};
pub use state::OptimizerState;
