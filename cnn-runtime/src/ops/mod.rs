//! The operations of a convolutional network on candle tensors, forward and backward as in PyTorch.
//!
//! Maps are `(N, C, H, W)`, in `f32` or `f64`. Any layout is taken (transposed, narrowed, broadcast): a tensor that
//! is not contiguous is copied first. A wrong rank, size, dtype or an empty batch is an error that names the
//! operation and the shapes.
//!
//! The gradients are computed by kernels of our own (crate `cnn-kernels`), because candle's are slow for
//! convolutions and wrong or missing for pooling. They are first-order only: a gradient is not itself
//! differentiable. The gradient of an argument that leads to no variable is not computed.
//!
//! With the feature `cuda` there are kernels for CUDA devices too (crate `cnn-cuda`). On other devices the activations,
//! [`flatten`], [`concat()`], [`crop2d`], [`pad2d`], [`pixel_shuffle`], [`channel_shuffle`] and [`softmax`] are composed of
//! candle's operations; the others return an error that says so.
//!
//! ```
//! use candle_core::{Device, Tensor, Var};
//! use cnn_runtime::{Window, ops};
//!
//! let device = Device::Cpu;
//! let x = Tensor::randn(0f32, 1., (2, 3, 8, 8), &device)?;
//! let weight = Var::randn(0f32, 1., (16, 3, 3, 3), &device)?;
//! let y = ops::conv2d(&x, &weight, None, &Window::new([3, 3]).with_padding([1, 1]), 1)?;
//! let y = ops::max_pool2d(&ops::relu(&y)?, &Window::new([2, 2]).with_stride([2, 2]))?;
//! assert_eq!(y.dims(), [2, 16, 4, 4]);
//! let gradients = y.sum_all()?.backward()?;
//! assert_eq!(gradients.get(&weight).unwrap().dims(), [16, 3, 3, 3]);
//! # Ok::<(), candle_core::Error>(())
//! ```
pub(crate) mod activation;
pub(crate) mod arithmetic;
pub(crate) mod arrange;
pub(crate) mod batch_norm;
mod check;
pub(crate) mod conv;
mod cross_entropy;
pub(crate) mod kernel;
pub(crate) mod linear;
pub(crate) mod lrn;
pub(crate) mod mixed;
pub(crate) mod norm;
pub(crate) mod pool;
pub(crate) mod resize;
#[cfg(test)]
mod tests;

pub use activation::{
    elu, gelu, hardsigmoid, hardswish, leaky_relu, prelu, relu, relu6, sigmoid, silu, softmax, tanh,
};
pub use arithmetic::{add, mul, scale};
pub use arrange::{channel_shuffle, concat, crop2d, flatten, pad2d, pixel_shuffle, split};
pub use batch_norm::{batch_norm_eval, batch_norm_train};
pub use conv::{conv_transpose2d, conv2d};
pub use cross_entropy::{cross_entropy, cross_entropy_with_probabilities};
pub use linear::linear;
pub use lrn::local_response_norm;
pub use mixed::autocast;
pub use norm::{group_norm, instance_norm, layer_norm};
pub use pool::{adaptive_avg_pool2d, avg_pool2d, global_avg_pool2d, max_pool2d};
pub use resize::{upsample_bilinear2d, upsample_nearest2d};
