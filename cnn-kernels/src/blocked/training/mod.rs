//! Kernels of compiled training steps: what the layers of a plan lack for learning.
//!
//! Forward and backward are steps of one program. Parameters are inputs of its runs and their gradients outputs, so that
//! nothing of them is copied; activations that the way back needs stay in the arena until it has read them.

mod activation;
mod depthwise;
mod group;
mod layer;
mod linear;
mod norm;
mod normalize;
mod pool;
mod reduce;
mod scale;
mod sums;
mod weight;

pub use activation::{ActivationGradient, RowActivationGradient};
pub use depthwise::DepthwiseWeightGradient;
pub use group::{GroupNorm, GroupNormGradient, Grouped};
pub use layer::{LayerNorm, LayerNormGradient, Layered};
pub use linear::{MaskedWeight, Product, ProductInputGradient, ProductWeightGradient, WeightFrom};
pub use norm::{BatchNorm, BatchNormGradient, NormStatistics, Normalized};
pub use pool::{PoolGradient, Spread};
pub use scale::ChannelScale;
pub use sums::{ChannelSums, PixelSums};
pub use weight::WeightGradient;

/// An input or an output of a run that is no batch: its number and its length.
pub type Parameter = (usize, usize);
