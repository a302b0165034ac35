//! What is done with values.

use cnn_kernels::elementwise;

use crate::Window;
use crate::layers;
use crate::random::Generator;

/// One step of a network, with its weights, which it shares with the network.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cnn_runtime::value::{Activation, Operation, Value};
///
/// let x = Tensor::new(&[[-1f32, 2.]], &Device::Cpu)?;
/// let relu = Operation::Activation(Activation::Relu);
/// assert_eq!(<Tensor as Value>::apply(&relu, &[&x])?.to_vec2::<f32>()?, [[0., 2.]]);
/// assert_eq!(relu.shape(&[&[8, 3, 32, 32]])?, [8, 3, 32, 32]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// [`layers::Conv2d`].
    Conv2d(layers::Conv2d),
    /// [`layers::ConvTranspose2d`].
    ConvTranspose2d(layers::ConvTranspose2d),
    /// [`layers::Linear`].
    Linear {
        /// The layer.
        layer: layers::Linear,
        /// Where it drops weights, in training: the source of the masks.
        generator: Option<Generator>,
    },
    /// [`layers::BatchNorm2d`].
    BatchNorm2d {
        /// The layer.
        layer: layers::BatchNorm2d,
        /// Whether it normalizes with the batch's own statistics, and moves the running ones.
        train: bool,
    },
    /// [`layers::LayerNorm`].
    LayerNorm(layers::LayerNorm),
    /// [`layers::InstanceNorm2d`].
    InstanceNorm2d(layers::InstanceNorm2d),
    /// [`layers::GroupNorm`].
    GroupNorm(layers::GroupNorm),
    /// [`layers::PRelu`].
    PRelu(layers::PRelu),
    /// [`layers::Scale`].
    Scale(layers::Scale),
    /// `rust(..)`: [`layers::Custom`].
    Custom(layers::Custom),
    /// [`ops::max_pool2d`](crate::ops::max_pool2d).
    MaxPool2d(Window),
    /// [`ops::avg_pool2d`](crate::ops::avg_pool2d).
    AvgPool2d {
        /// The window.
        window: Window,
        /// Whether the padding counts as zeros.
        count_include_pad: bool,
    },
    /// [`ops::adaptive_avg_pool2d`](crate::ops::adaptive_avg_pool2d) to `[height, width]`.
    AdaptiveAvgPool2d([usize; 2]),
    /// [`ops::global_avg_pool2d`](crate::ops::global_avg_pool2d).
    GlobalAvgPool2d,
    /// [`ops::upsample_nearest2d`](crate::ops::upsample_nearest2d), `[down, right]` times.
    UpsampleNearest2d([usize; 2]),
    /// [`ops::upsample_bilinear2d`](crate::ops::upsample_bilinear2d), `[down, right]` times.
    UpsampleBilinear2d([usize; 2]),
    /// [`ops::pixel_shuffle`](crate::ops::pixel_shuffle) by that factor.
    PixelShuffle(usize),
    /// [`ops::channel_shuffle`](crate::ops::channel_shuffle) of that many groups.
    ChannelShuffle(usize),
    /// [`ops::local_response_norm`](crate::ops::local_response_norm).
    LocalResponseNorm {
        /// Channels.
        size: usize,
        /// The factor of the mean of squares.
        alpha: f64,
        /// The exponent.
        beta: f64,
        /// What is added.
        k: f64,
    },
    /// A function of each value, or softmax.
    Activation(Activation),
    /// [`ops::flatten`](crate::ops::flatten).
    Flatten,
    /// [`ops::concat`](crate::ops::concat()).
    Concat,
    /// One part of [`ops::split`](crate::ops::split).
    Split {
        /// Which, from 0.
        index: usize,
        /// Of how many.
        parts: usize,
    },
    /// [`ops::add`](crate::ops::add).
    Add,
    /// [`ops::mul`](crate::ops::mul).
    Mul,
    /// [`ops::crop2d`](crate::ops::crop2d) to `[height, width]`.
    Crop2d([usize; 2]),
    /// [`ops::pad2d`](crate::ops::pad2d).
    Pad2d {
        /// Rows above.
        top: usize,
        /// Rows below.
        bottom: usize,
        /// Columns to the left.
        left: usize,
        /// Columns to the right.
        right: usize,
    },
    /// Dropout in training: zeros at random, and the rest scaled.
    Mask {
        /// The source of the mask.
        generator: Generator,
        /// The probability of a zero.
        p: f64,
        /// The dimensions that the mask has; along those behind them its values repeat.
        rank: usize,
    },
}

/// The activations without parameters, as [`ops`](crate::ops) has them.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// [`ops::relu`](crate::ops::relu).
    Relu,
    /// [`ops::relu6`](crate::ops::relu6).
    Relu6,
    /// [`ops::leaky_relu`](crate::ops::leaky_relu).
    LeakyRelu {
        /// The factor of negative values.
        slope: f64,
    },
    /// [`ops::elu`](crate::ops::elu).
    Elu {
        /// Minus the least value.
        alpha: f64,
    },
    /// [`ops::gelu`](crate::ops::gelu).
    Gelu,
    /// [`ops::silu`](crate::ops::silu).
    Silu,
    /// [`ops::hardswish`](crate::ops::hardswish).
    HardSwish,
    /// [`ops::hardsigmoid`](crate::ops::hardsigmoid).
    HardSigmoid,
    /// [`ops::sigmoid`](crate::ops::sigmoid).
    Sigmoid,
    /// [`ops::tanh`](crate::ops::tanh).
    Tanh,
    /// [`ops::softmax`](crate::ops::softmax), over the channels.
    Softmax,
}

impl Activation {
    /// The kernel's function of one value; none for softmax.
    pub(crate) const fn elementwise(self) -> Option<elementwise::Activation> {
        use elementwise::Activation as Function;
        Some(match self {
            Self::Relu => Function::Relu,
            Self::Relu6 => Function::Relu6,
            Self::LeakyRelu { slope } => Function::LeakyRelu { slope },
            Self::Elu { alpha } => Function::Elu { alpha },
            Self::Gelu => Function::Gelu,
            Self::Silu => Function::Silu,
            Self::HardSwish => Function::HardSwish,
            Self::HardSigmoid => Function::HardSigmoid,
            Self::Sigmoid => Function::Sigmoid,
            Self::Tanh => Function::Tanh,
            Self::Softmax => return None,
        })
    }

    /// Its name in [`ops`](crate::ops).
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Elu { .. } => "elu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::HardSwish => "hardswish",
            Self::HardSigmoid => "hardsigmoid",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Softmax => "softmax",
        }
    }
}

impl Operation {
    /// Its name in [`ops`](crate::ops), or that of its layer.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "conv2d",
            Self::ConvTranspose2d(_) => "conv_transpose2d",
            Self::Linear { .. } => "linear",
            Self::BatchNorm2d { .. } => "batch_norm",
            Self::LayerNorm(_) => "layer_norm",
            Self::InstanceNorm2d(_) => "instance_norm",
            Self::GroupNorm(_) => "group_norm",
            Self::PRelu(_) => "prelu",
            Self::Scale(_) => "scale",
            Self::Custom(_) => "rust",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::AvgPool2d { .. } => "avg_pool2d",
            Self::AdaptiveAvgPool2d(_) => "adaptive_avg_pool2d",
            Self::GlobalAvgPool2d => "global_avg_pool2d",
            Self::UpsampleNearest2d(_) => "upsample_nearest2d",
            Self::UpsampleBilinear2d(_) => "upsample_bilinear2d",
            Self::PixelShuffle(_) => "pixel_shuffle",
            Self::ChannelShuffle(_) => "channel_shuffle",
            Self::LocalResponseNorm { .. } => "local_response_norm",
            Self::Activation(activation) => activation.name(),
            Self::Flatten => "flatten",
            Self::Concat => "concat",
            Self::Split { .. } => "split",
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Crop2d(_) => "crop2d",
            Self::Pad2d { .. } => "pad2d",
            Self::Mask { .. } => "dropout",
        }
    }
}
