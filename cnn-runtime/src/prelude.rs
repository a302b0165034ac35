//! What a program with a network in it wants in scope: `use cnn_runtime::prelude::*;`.
//!
//! [`Result`] is this crate's, into which candle's errors convert, so that `main` can return it:
//!
//! ```
//! use cnn_runtime::prelude::*;
//!
//! fn main() -> Result<()> {
//!     let x = Tensor::zeros((1, 3, 32, 32), DType::F32, &Device::Cpu)?;
//!     let batch = Batch::<Chw<3, 32, 32>>::try_from(x)?;
//!     assert_eq!(batch.dims(), [1, 3, 32, 32]);
//!     Ok(())
//! }
//! ```

pub use crate::boundary::{Batch, Chw, Flat, Input};
pub use crate::diagram::{Detail, Diagram};
pub use crate::error::{Error, Result};
pub use crate::info::{LayerInfo, Summary};
pub use crate::init::{Init, Scheme};
#[cfg(feature = "macros")]
pub use crate::network;
pub use crate::network::Network;
pub use crate::params::State;
pub use crate::plan::{CompileOptions, Plan, Precision, Tuning};
pub use crate::{Padding, Window};
pub use candle_core::{DType, Device, Module, ModuleT, Tensor, Var};
