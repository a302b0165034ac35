//! Kernels for CUDA devices: pooling, norms, convolutions and the rest, forward and backward, and optimizer steps.
//!
//! Their sources ([`source`]) are compiled on the machine that they run on, by NVRTC, once for each element type and
//! architecture, and kept on disk (`cache`). With the feature `driver`, `Gpu` holds a device's stream, and the modules have a safe function for each
//! kernel, which takes stretches of device memory and checks their lengths; `tensor` finds those of candle's tensors. It knows
//! nothing of automatic differentiation.
//!
//! Sums are made in an order that does not change: two runs give the same bits.
#[cfg(feature = "driver")]
pub mod cache;
pub mod source;

mod sizes;

#[cfg(feature = "driver")]
mod device;
#[cfg(feature = "driver")]
mod ops;
#[cfg(feature = "driver")]
pub mod tensor;

#[cfg(feature = "driver")]
pub use device::{
    Arena, Captured, Element, Error, Gpu, In, Labels, Moment, Out, Part, Result, Scratch, compile,
};
#[cfg(feature = "driver")]
pub use ops::{
    arrange, conv, conv_last, elementwise, group_norm_last, layout, linear, lrn, norm, norm_last, optim,
    pool, random, resize, softmax, watch,
};
