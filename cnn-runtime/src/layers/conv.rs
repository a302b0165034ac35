//! Two-dimensional convolution.

use candle_core::{Module, Tensor};

use crate::error::Result;
use crate::ops;
use crate::params::{Fill, Params, Role};
use crate::value::{Operation, Value};
use crate::{Padding, Window};

/// What a [`Conv2d`] is, in the words of PyTorch's `nn.Conv2d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2dConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Filters.
    pub out_channels: usize,
    /// `[height, width]` in taps.
    pub kernel_size: [usize; 2],
    /// `[down, right]`, 1 by default.
    pub stride: [usize; 2],
    /// Zeros around the input, none by default.
    pub padding: Padding,
    /// Distance of the taps, 1 by default.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other, 1 by default.
    pub groups: usize,
    /// Whether each filter adds a bias, true by default.
    pub bias: bool,
    /// Whether the weight of a 1x1 convolution is the matrix (out, in / groups) of PyTorch's `nn.Linear` over the
    /// channels, false by default.
    pub linear_weight: bool,
}

impl Conv2dConfig {
    /// Stride 1, no padding, one group, with bias.
    #[must_use]
    pub const fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; 2]) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel_size,
            stride: [1, 1],
            padding: Padding::NONE,
            dilation: [1, 1],
            groups: 1,
            bias: true,
            linear_weight: false,
        }
    }

    /// Sets the stride.
    #[must_use]
    pub const fn with_stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }
    }

    /// Sets the padding: `[rows, columns]` on both sides, or any [`Padding`].
    #[must_use]
    pub fn with_padding(self, padding: impl Into<Padding>) -> Self {
        Self { padding: padding.into(), ..self }
    }

    /// Sets the dilation.
    #[must_use]
    pub const fn with_dilation(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }
    }

    /// Sets the number of groups.
    #[must_use]
    pub const fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Leaves the bias out.
    #[must_use]
    pub const fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// Keeps the weight as a matrix; for a 1x1 kernel.
    #[must_use]
    pub const fn with_linear_weight(self) -> Self {
        Self { linear_weight: true, ..self }
    }

    /// The sliding window.
    #[must_use]
    pub const fn window(&self) -> Window {
        let Self { kernel_size, stride, padding, dilation, .. } = *self;
        Window { kernel_size, stride, padding, dilation, ceil: false }
    }
}

/// Two-dimensional convolution (cross-correlation), PyTorch's `nn.Conv2d`:
/// (N, in, H, W) to (N, out, H', W'), where H' and W' are [`Window::out`]'s.
///
/// Tensors: `weight` (out, in / groups, height, width), or (out, in / groups) as said in
/// [`Conv2dConfig::linear_weight`], and `bias` (out).
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{DType, Device, Module, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::layers::{Conv2d, Conv2dConfig};
/// use cnn_runtime::params::Builder;
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let config = Conv2dConfig::new(3, 8, [3, 3]).with_stride([2, 2]).with_padding([1, 1]);
/// let conv = Conv2d::new(builder.root().pp("conv1"), config)?;
/// let x = Tensor::zeros((1, 3, 16, 16), DType::F32, &Device::Cpu)?;
/// assert_eq!(conv.forward(&x)?.dims(), [1, 8, 8, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Conv2d {
    config: Conv2dConfig,
    window: Window,
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Conv2d {
    /// Builds the layer.
    ///
    /// # Errors
    /// [`Error::Layer`](crate::Error::Layer) where a size is 0, `groups` does not divide the channels, or a
    /// matrix is asked for with a kernel other than 1x1;
    /// those of [`Params::tensor`].
    pub fn new(params: Params<'_>, config: Conv2dConfig) -> Result<Self> {
        const LAYER: &str = "Conv2d";
        let Conv2dConfig { in_channels, out_channels, kernel_size: [height, width], groups, .. } = config;
        let fields = [
            ("in_channels", in_channels),
            ("out_channels", out_channels),
            ("groups", groups),
            ("kernel_size", height.min(width)),
            ("stride", config.stride[0].min(config.stride[1])),
            ("dilation", config.dilation[0].min(config.dilation[1])),
        ];
        super::nonzero(&params, LAYER, &fields)?;
        for (name, channels) in [("in_channels", in_channels), ("out_channels", out_channels)] {
            if channels % groups != 0 {
                let message = format!("groups = {groups} does not divide {name} = {channels}");
                return params.refuse(LAYER, message);
            }
        }
        if config.linear_weight && [height, width] != [1, 1] {
            return params.refuse(LAYER, format!("the weight of a {height}x{width} kernel is no matrix"));
        }
        let each = in_channels / groups;
        super::product(&params, LAYER, &[out_channels, each, height, width])?;
        let fan_in = super::product(&params, LAYER, &[each, height, width])?;
        let fan_out = super::product(&params, LAYER, &[out_channels, height, width])?;
        let fill = Fill::Weight { fan_in, fan_out };
        let shape = [out_channels, each, height, width];
        let stored = if config.linear_weight { &shape[..2] } else { &shape };
        let weight = params.weight(stored, &shape, fill)?;
        let bias = || params.tensor("bias", out_channels, Fill::Bias { fan_in }, Role::Parameter);
        let bias = config.bias.then(bias).transpose()?;
        Ok(Self { config, window: config.window(), weight, bias })
    }

    /// What the layer was built from.
    #[must_use]
    pub const fn config(&self) -> &Conv2dConfig {
        &self.config
    }

    /// The filters, (out, in / groups, height, width).
    #[must_use]
    pub const fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, (out).
    #[must_use]
    pub const fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// The layer on any [`Value`].
    ///
    /// # Errors
    /// As `forward`.
    pub fn run<V: Value>(&self, x: &V) -> candle_core::Result<V> {
        V::apply(&Operation::Conv2d(self.clone()), &[x])
    }
}

impl Module for Conv2d {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::conv2d(x, &self.weight, self.bias.as_ref(), &self.window, self.config.groups)
    }
}
