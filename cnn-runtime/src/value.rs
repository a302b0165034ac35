//! What flows through a network, whatever it is: [`Value`].
//!
//! The code of a network names operations, not what they are done with. On tensors they compute; on
//! [`Traced`](crate::plan::Traced) values they are written down, and a [`Plan`](crate::Plan) runs what was written.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use cnn_runtime::{Value, Window};
//!
//! fn gate<V: Value>(x: &V) -> candle_core::Result<V> {
//!     let gates = x.global_avg_pool2d()?.sigmoid()?;
//!     x.mul(&gates)?.max_pool2d(&Window::new([2, 2]).with_stride([2, 2]))
//! }
//!
//! let x = Tensor::ones((1, 8, 16, 16), DType::F32, &Device::Cpu)?;
//! assert_eq!(gate(&x)?.dims(), [1, 8, 8, 8]);
//! # Ok::<(), candle_core::Error>(())
//! ```

use candle_core::{Result, bail};

use crate::Window;

mod operation;
mod shape;
mod tensor;
#[cfg(test)]
mod tests;
mod watch;

pub use operation::{Activation, Operation};
pub use watch::watched;

/// What flows through a network: a tensor, or a note of one.
///
/// An implementation says its sizes and how an [`Operation`] is applied; the methods are operations by name. They mean
/// what the functions of [`ops`](crate::ops) of the same names mean, and refuse what those refuse.
///
/// Where a value is a [`Tensor`](candle_core::Tensor) by name, candle's own methods come first: `x.relu()` is candle's.
/// In a function of any `V: Value` it is this trait's.
pub trait Value: Clone {
    /// The sizes, batch included.
    fn dims(&self) -> &[usize];

    /// The result of an operation.
    ///
    /// # Errors
    /// Where the operation does not take these values.
    fn apply(operation: &Operation, inputs: &[&Self]) -> Result<Self>;

    /// One of the sizes.
    ///
    /// # Errors
    /// Where there is no such axis.
    fn dim(&self, axis: usize) -> Result<usize> {
        match self.dims().get(axis) {
            Some(&size) => Ok(size),
            None => bail!("there is no axis {axis} in the shape {:?}", self.dims()),
        }
    }

    /// As [`ops::relu`](crate::ops::relu).
    ///
    /// # Errors
    /// As there.
    fn relu(&self) -> Result<Self> {
        self.activation(Activation::Relu)
    }

    /// As [`ops::relu6`](crate::ops::relu6).
    ///
    /// # Errors
    /// As there.
    fn relu6(&self) -> Result<Self> {
        self.activation(Activation::Relu6)
    }

    /// As [`ops::leaky_relu`](crate::ops::leaky_relu).
    ///
    /// # Errors
    /// As there.
    fn leaky_relu(&self, slope: f64) -> Result<Self> {
        self.activation(Activation::LeakyRelu { slope })
    }

    /// As [`ops::elu`](crate::ops::elu).
    ///
    /// # Errors
    /// As there.
    fn elu(&self, alpha: f64) -> Result<Self> {
        self.activation(Activation::Elu { alpha })
    }

    /// As [`ops::gelu`](crate::ops::gelu).
    ///
    /// # Errors
    /// As there.
    fn gelu(&self) -> Result<Self> {
        self.activation(Activation::Gelu)
    }

    /// As [`ops::silu`](crate::ops::silu).
    ///
    /// # Errors
    /// As there.
    fn silu(&self) -> Result<Self> {
        self.activation(Activation::Silu)
    }

    /// As [`ops::hardswish`](crate::ops::hardswish).
    ///
    /// # Errors
    /// As there.
    fn hardswish(&self) -> Result<Self> {
        self.activation(Activation::HardSwish)
    }

    /// As [`ops::hardsigmoid`](crate::ops::hardsigmoid).
    ///
    /// # Errors
    /// As there.
    fn hardsigmoid(&self) -> Result<Self> {
        self.activation(Activation::HardSigmoid)
    }

    /// As [`ops::sigmoid`](crate::ops::sigmoid).
    ///
    /// # Errors
    /// As there.
    fn sigmoid(&self) -> Result<Self> {
        self.activation(Activation::Sigmoid)
    }

    /// As [`ops::tanh`](crate::ops::tanh).
    ///
    /// # Errors
    /// As there.
    fn tanh(&self) -> Result<Self> {
        self.activation(Activation::Tanh)
    }

    /// As [`ops::softmax`](crate::ops::softmax).
    ///
    /// # Errors
    /// As there.
    fn softmax(&self) -> Result<Self> {
        self.activation(Activation::Softmax)
    }

    /// One of the activations.
    ///
    /// # Errors
    /// As that of its name.
    fn activation(&self, activation: Activation) -> Result<Self> {
        Self::apply(&Operation::Activation(activation), &[self])
    }

    /// As [`ops::max_pool2d`](crate::ops::max_pool2d).
    ///
    /// # Errors
    /// As there.
    fn max_pool2d(&self, window: &Window) -> Result<Self> {
        Self::apply(&Operation::MaxPool2d(*window), &[self])
    }

    /// As [`ops::avg_pool2d`](crate::ops::avg_pool2d).
    ///
    /// # Errors
    /// As there.
    fn avg_pool2d(&self, window: &Window, count_include_pad: bool) -> Result<Self> {
        Self::apply(&Operation::AvgPool2d { window: *window, count_include_pad }, &[self])
    }

    /// As [`ops::adaptive_avg_pool2d`](crate::ops::adaptive_avg_pool2d).
    ///
    /// # Errors
    /// As there.
    fn adaptive_avg_pool2d(&self, size: [usize; 2]) -> Result<Self> {
        Self::apply(&Operation::AdaptiveAvgPool2d(size), &[self])
    }

    /// As [`ops::global_avg_pool2d`](crate::ops::global_avg_pool2d).
    ///
    /// # Errors
    /// As there.
    fn global_avg_pool2d(&self) -> Result<Self> {
        Self::apply(&Operation::GlobalAvgPool2d, &[self])
    }

    /// As [`ops::upsample_nearest2d`](crate::ops::upsample_nearest2d).
    ///
    /// # Errors
    /// As there.
    fn upsample_nearest2d(&self, factors: [usize; 2]) -> Result<Self> {
        Self::apply(&Operation::UpsampleNearest2d(factors), &[self])
    }

    /// As [`ops::upsample_bilinear2d`](crate::ops::upsample_bilinear2d).
    ///
    /// # Errors
    /// As there.
    fn upsample_bilinear2d(&self, factors: [usize; 2]) -> Result<Self> {
        Self::apply(&Operation::UpsampleBilinear2d(factors), &[self])
    }

    /// As [`ops::pixel_shuffle`](crate::ops::pixel_shuffle).
    ///
    /// # Errors
    /// As there.
    fn pixel_shuffle(&self, r: usize) -> Result<Self> {
        Self::apply(&Operation::PixelShuffle(r), &[self])
    }

    /// As [`ops::channel_shuffle`](crate::ops::channel_shuffle).
    ///
    /// # Errors
    /// As there.
    fn channel_shuffle(&self, groups: usize) -> Result<Self> {
        Self::apply(&Operation::ChannelShuffle(groups), &[self])
    }

    /// As [`ops::local_response_norm`](crate::ops::local_response_norm).
    ///
    /// # Errors
    /// As there.
    fn local_response_norm(&self, size: usize, alpha: f64, beta: f64, k: f64) -> Result<Self> {
        Self::apply(&Operation::LocalResponseNorm { size, alpha, beta, k }, &[self])
    }

    /// As [`ops::flatten`](crate::ops::flatten).
    ///
    /// # Errors
    /// As there.
    fn flatten(&self) -> Result<Self> {
        Self::apply(&Operation::Flatten, &[self])
    }

    /// As [`ops::crop2d`](crate::ops::crop2d).
    ///
    /// # Errors
    /// As there.
    fn crop2d(&self, size: [usize; 2]) -> Result<Self> {
        Self::apply(&Operation::Crop2d(size), &[self])
    }

    /// As [`ops::pad2d`](crate::ops::pad2d).
    ///
    /// # Errors
    /// As there.
    fn pad2d(&self, top: usize, bottom: usize, left: usize, right: usize) -> Result<Self> {
        Self::apply(&Operation::Pad2d { top, bottom, left, right }, &[self])
    }

    /// As [`ops::add`](crate::ops::add).
    ///
    /// # Errors
    /// As there.
    fn add(&self, other: &Self) -> Result<Self> {
        Self::apply(&Operation::Add, &[self, other])
    }

    /// As [`ops::mul`](crate::ops::mul).
    ///
    /// # Errors
    /// As there.
    fn mul(&self, other: &Self) -> Result<Self> {
        Self::apply(&Operation::Mul, &[self, other])
    }

    /// As [`ops::concat`](crate::ops::concat()).
    ///
    /// # Errors
    /// As there.
    fn concat(values: &[&Self]) -> Result<Self> {
        Self::apply(&Operation::Concat, values)
    }

    /// As [`ops::split`](crate::ops::split).
    ///
    /// # Errors
    /// As there.
    fn split<const N: usize>(&self) -> Result<[Self; N]> {
        let part = |index| Self::apply(&Operation::Split { index, parts: N }, &[self]);
        let parts = (0..N).map(part).collect::<Result<Vec<_>>>()?;
        parts.try_into().map_err(|_| candle_core::Error::Msg(format!("split: not {N} parts")))
    }
}
