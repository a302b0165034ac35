//! Two-dimensional transposed convolution.

use candle_core::{Module, Tensor};

use crate::error::Result;
use crate::ops;
use crate::params::{Fill, Params, Role};
use crate::value::{Operation, Value};
use crate::{Padding, Window};

/// What a [`ConvTranspose2d`] is, in the words of PyTorch's `nn.ConvTranspose2d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvTranspose2dConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// `[height, width]` in taps.
    pub kernel_size: [usize; 2],
    /// `[down, right]`, 1 by default.
    pub stride: [usize; 2],
    /// What is cut from the output's sides, none by default.
    pub padding: Padding,
    /// What is added to the output below and to the right, none by default.
    pub output_padding: [usize; 2],
    /// Distance of the taps, 1 by default.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other, 1 by default.
    pub groups: usize,
    /// Whether each output channel adds a bias, true by default.
    pub bias: bool,
}

impl ConvTranspose2dConfig {
    /// Stride 1, no padding, one group, with bias.
    #[must_use]
    pub const fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; 2]) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel_size,
            stride: [1, 1],
            padding: Padding::NONE,
            output_padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
            bias: true,
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

    /// Sets the output padding, `[rows, columns]`.
    #[must_use]
    pub const fn with_output_padding(self, output_padding: [usize; 2]) -> Self {
        Self { output_padding, ..self }
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

    /// The sliding window of the convolution that this transposes.
    #[must_use]
    pub const fn window(&self) -> Window {
        let Self { kernel_size, stride, padding, dilation, .. } = *self;
        Window { kernel_size, stride, padding, dilation, ceil: false }
    }
}

/// Two-dimensional transposed convolution, PyTorch's `nn.ConvTranspose2d`: (N, in, H, W) to
/// (N, out, H', W'), where H' and W' are
/// [`Axis::transposed_out`](cnn_ir::window::Axis::transposed_out)'s.
///
/// Tensors: `weight` (in, out / groups, height, width) and `bias` (out). As PyTorch does, its fan-in
/// is taken from the weight's second dimension, `out / groups * height * width`.
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{DType, Device, Module, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::layers::{ConvTranspose2d, ConvTranspose2dConfig};
/// use cnn_runtime::params::Builder;
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let config = ConvTranspose2dConfig::new(8, 3, [4, 4]).with_stride([2, 2]).with_padding([1, 1]);
/// let deconv = ConvTranspose2d::new(builder.root().pp("up"), config)?;
/// let x = Tensor::zeros((1, 8, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(deconv.forward(&x)?.dims(), [1, 3, 16, 16]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    config: ConvTranspose2dConfig,
    window: Window,
    weight: Tensor,
    bias: Option<Tensor>,
}

impl ConvTranspose2d {
    /// Builds the layer.
    ///
    /// # Errors
    /// [`Error::Layer`](crate::Error::Layer) where a size is 0, `groups` does not divide the channels, or
    /// the output padding is not below the stride or the dilation; those of [`Params::tensor`].
    pub fn new(params: Params<'_>, config: ConvTranspose2dConfig) -> Result<Self> {
        const LAYER: &str = "ConvTranspose2d";
        let ConvTranspose2dConfig { in_channels, out_channels, kernel_size, stride, dilation, .. } = config;
        let (groups, extra) = (config.groups, config.output_padding);
        let [height, width] = kernel_size;
        let fields = [
            ("in_channels", in_channels),
            ("out_channels", out_channels),
            ("groups", groups),
            ("kernel_size", height.min(width)),
            ("stride", stride[0].min(stride[1])),
            ("dilation", dilation[0].min(dilation[1])),
        ];
        super::nonzero(&params, LAYER, &fields)?;
        for (name, channels) in [("in_channels", in_channels), ("out_channels", out_channels)] {
            if channels % groups != 0 {
                let message = format!("groups = {groups} does not divide {name} = {channels}");
                return params.refuse(LAYER, message);
            }
        }
        if (0..2).any(|axis| extra[axis] > 0 && extra[axis] >= stride[axis].max(dilation[axis])) {
            let message = format!(
                "output_padding = {extra:?} must be below the stride {stride:?} or the dilation {dilation:?}"
            );
            return params.refuse(LAYER, message);
        }
        let each = out_channels / groups;
        super::product(&params, LAYER, &[in_channels, each, height, width])?;
        let fan_in = super::product(&params, LAYER, &[each, height, width])?;
        let fan_out = super::product(&params, LAYER, &[in_channels, height, width])?;
        let shape = (in_channels, each, height, width);
        let weight = params.tensor("weight", shape, Fill::Weight { fan_in, fan_out }, Role::Parameter)?;
        let bias = || params.tensor("bias", out_channels, Fill::Bias { fan_in }, Role::Parameter);
        let bias = config.bias.then(bias).transpose()?;
        Ok(Self { config, window: config.window(), weight, bias })
    }

    /// What the layer was built from.
    #[must_use]
    pub const fn config(&self) -> &ConvTranspose2dConfig {
        &self.config
    }

    /// The filters, (in, out / groups, height, width).
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
        V::apply(&Operation::ConvTranspose2d(self.clone()), &[x])
    }
}

impl Module for ConvTranspose2d {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let Self { config, window, weight, bias } = self;
        ops::conv_transpose2d(x, weight, bias.as_ref(), window, config.output_padding, config.groups)
    }
}
