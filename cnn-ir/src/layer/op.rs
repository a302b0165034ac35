//! Operations with everything decided, their parameters and their cost.

use crate::dim::Dim;
use crate::shape::Shape;
use crate::window::Window;

/// A convolution, PyTorch's `Conv2d`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Channels that arrive.
    pub in_channels: Dim,
    /// Filters.
    pub out_channels: Dim,
    /// Kernel, stride, padding, dilation.
    pub window: Window,
    /// Groups; `in_channels` for a depthwise convolution.
    pub groups: Dim,
    /// Whether a bias is added.
    pub bias: bool,
    /// Written `dw`.
    pub depthwise: bool,
    /// The weight of a 1x1 convolution is a matrix (out, in), as PyTorch's `Linear` over the channels has it.
    pub linear: bool,
}

/// A transposed convolution, PyTorch's `ConvTranspose2d`.
#[derive(Clone, Debug, PartialEq)]
pub struct Deconv {
    /// Channels that arrive.
    pub in_channels: Dim,
    /// Filters.
    pub out_channels: Dim,
    /// Kernel, stride, padding, dilation (of the convolution that it transposes).
    pub window: Window,
    /// Rows and columns added at the end.
    pub output_padding: [usize; 2],
    /// Groups.
    pub groups: Dim,
    /// Whether a bias is added.
    pub bias: bool,
}

/// An activation without parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x` or `slope * x`
    Leaky(f64),
    /// `x` or `alpha * (exp(x) - 1)`
    Elu(f64),
    /// `x * Phi(x)`
    Gelu,
    /// `x * sigmoid(x)`
    Silu,
    /// `x * relu6(x + 3) / 6`
    Hardswish,
    /// `relu6(x + 3) / 6`
    Hardsigmoid,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// Over the channels or features.
    Softmax,
}

/// How upsampling fills in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpsampleMode {
    /// Repeats values.
    Nearest,
    /// Interpolates, PyTorch's `align_corners=False`.
    Bilinear,
}

/// What a layer does.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "fields carry PyTorch's names")]
pub enum Op {
    Conv(Conv),
    Deconv(Deconv),
    Linear { in_features: Dim, out_features: Dim, bias: bool, dropconnect: f64 },
    MaxPool(Window),
    AvgPool { window: Window, count_include_pad: bool },
    AdaptiveAvgPool([usize; 2]),
    GlobalAvgPool,
    Upsample { mode: UpsampleMode, scale: [usize; 2] },
    PixelShuffle(usize),
    ChannelShuffle(usize),
    BatchNorm { features: Dim, eps: f64, momentum: f64, affine: bool },
    LayerNorm { channels: Dim, eps: f64 },
    InstanceNorm { channels: Dim, eps: f64, affine: bool },
    GroupNorm { groups: usize, channels: Dim, eps: f64 },
    LocalResponseNorm { size: usize, alpha: f64, beta: f64, k: f64 },
    Activation(Activation),
    Prelu { parameters: Dim },
    Dropout(f64),
    Dropout2d(f64),
    DropPath(f64),
    Flatten,
    Identity,
    Scale { channels: Dim, value: f64 },
    Crop { size: [Dim; 2], like: Option<String> },
    Pad { top: usize, bottom: usize, left: usize, right: usize },
}

/// One tensor of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// PyTorch's name: `weight`, `bias`, `running_mean`, `running_var`; empty where the label alone names it.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<Dim>,
    /// Learned (counted as a parameter), or running statistics.
    pub trainable: bool,
}

impl Leaf {
    fn parameter(name: &'static str, shape: Vec<Dim>) -> Self {
        Self { name, shape, trainable: true }
    }
}

impl Op {
    /// Whether it may have tensors.
    #[must_use]
    pub fn has_tensors(&self) -> bool {
        matches!(
            self,
            Self::Conv(_)
                | Self::Deconv(_)
                | Self::Linear { .. }
                | Self::BatchNorm { .. }
                | Self::LayerNorm { .. }
                | Self::InstanceNorm { .. }
                | Self::GroupNorm { .. }
                | Self::Prelu { .. }
                | Self::Scale { .. }
        )
    }

    /// The layer's tensors, in PyTorch's order.
    #[must_use]
    pub fn leaves(&self) -> Vec<Leaf> {
        let taps = |window: &Window| window.kernel_size.map(|k| Dim::from(k as u64));
        match self {
            Self::Conv(conv) => {
                let [height, width] = taps(&conv.window);
                let inner = quotient(&conv.in_channels, &conv.groups);
                let mut weight = vec![conv.out_channels.clone(), inner];
                if !conv.linear {
                    weight.extend([height, width]);
                }
                weight_and_bias(weight, &conv.out_channels, conv.bias)
            }
            Self::Deconv(deconv) => {
                let [height, width] = taps(&deconv.window);
                let outer = quotient(&deconv.out_channels, &deconv.groups);
                weight_and_bias(
                    vec![deconv.in_channels.clone(), outer, height, width],
                    &deconv.out_channels,
                    deconv.bias,
                )
            }
            Self::Linear { in_features, out_features, bias, .. } => {
                weight_and_bias(vec![out_features.clone(), in_features.clone()], out_features, *bias)
            }
            Self::BatchNorm { features, affine, .. } => {
                let mut leaves = scale_and_shift(features, *affine);
                leaves.extend(["running_mean", "running_var"].map(|name| Leaf {
                    name,
                    shape: vec![features.clone()],
                    trainable: false,
                }));
                leaves
            }
            Self::LayerNorm { channels, .. } | Self::GroupNorm { channels, .. } => {
                scale_and_shift(channels, true)
            }
            Self::InstanceNorm { channels, affine, .. } => scale_and_shift(channels, *affine),
            Self::Prelu { parameters } => vec![Leaf::parameter("weight", vec![parameters.clone()])],
            Self::Scale { channels, .. } => {
                vec![Leaf::parameter("", vec![channels.clone(), Dim::ONE, Dim::ONE])]
            }
            _ => Vec::new(),
        }
    }

    /// Number of learned values.
    #[must_use]
    pub fn parameters(&self) -> Dim {
        let counts: Vec<Dim> = self
            .leaves()
            .iter()
            .filter(|leaf| leaf.trainable)
            .map(|leaf| leaf.shape.iter().product())
            .collect();
        counts.iter().sum()
    }

    /// Multiply-accumulates of one sample: convolutions and fully connected layers; the additions of
    /// a bias, norms, activations and poolings are not counted, as is usual.
    #[must_use]
    pub fn macs(&self, input: &Shape, output: &Shape) -> Dim {
        match self {
            Self::Conv(conv) => {
                let [height, width] = conv.window.kernel_size.map(|k| Dim::from(k as u64));
                let per_value =
                    [quotient(&conv.in_channels, &conv.groups), height, width].iter().product::<Dim>();
                &output.values() * &per_value
            }
            Self::Deconv(deconv) => {
                let [height, width] = deconv.window.kernel_size.map(|k| Dim::from(k as u64));
                let per_value =
                    [quotient(&deconv.out_channels, &deconv.groups), height, width].iter().product::<Dim>();
                &input.values() * &per_value
            }
            Self::Linear { in_features, out_features, .. } => in_features * out_features,
            _ => Dim::ZERO,
        }
    }

    /// Whether its output takes memory of its own in the lecture's count: norms, activations and dropout
    /// are applied in place.
    #[must_use]
    pub fn makes_new_values(&self) -> bool {
        !matches!(
            self,
            Self::BatchNorm { .. }
                | Self::LayerNorm { .. }
                | Self::InstanceNorm { .. }
                | Self::GroupNorm { .. }
                | Self::LocalResponseNorm { .. }
                | Self::Activation(_)
                | Self::Prelu { .. }
                | Self::Dropout(_)
                | Self::Dropout2d(_)
                | Self::DropPath(_)
                | Self::Flatten
                | Self::Identity
                | Self::Scale { .. }
        )
    }

    /// The sliding window, for receptive fields.
    #[must_use]
    pub fn window(&self) -> Option<&Window> {
        match self {
            Self::Conv(conv) => Some(&conv.window),
            Self::MaxPool(window) | Self::AvgPool { window, .. } => Some(window),
            _ => None,
        }
    }
}

/// `channels / groups`, where `groups` divides (checked when the layer was built).
fn quotient(channels: &Dim, groups: &Dim) -> Dim {
    if channels == groups {
        return Dim::ONE;
    }
    match groups.number() {
        Some(groups) => channels.floor_div(groups),
        None => channels.clone(),
    }
}

fn weight_and_bias(weight: Vec<Dim>, out: &Dim, bias: bool) -> Vec<Leaf> {
    let mut leaves = vec![Leaf::parameter("weight", weight)];
    if bias {
        leaves.push(Leaf::parameter("bias", vec![out.clone()]));
    }
    leaves
}

fn scale_and_shift(channels: &Dim, affine: bool) -> Vec<Leaf> {
    if affine {
        ["weight", "bias"].map(|name| Leaf::parameter(name, vec![channels.clone()])).to_vec()
    } else {
        Vec::new()
    }
}
