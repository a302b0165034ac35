//! The table of layer heads: the parser, the suggestions and the documentation read it.

use super::{BuildResult, Options, activation, conv, linear, norm, pool, regularize, reshape};
use crate::shape::Shape;

/// One layer of the language.
#[derive(Debug)]
pub struct Head {
    /// The word, without digits.
    pub name: &'static str,
    /// What the digits glued to the word mean, where it takes any.
    pub digits: Option<&'static str>,
    /// What stands behind `-`, where it takes one.
    pub size: Option<&'static str>,
    /// Whether `/stride` may follow.
    pub stride: bool,
    /// Options with a value: `pad=1`.
    pub options: &'static [&'static str],
    /// Options that are a word: `ceil`, `same`.
    pub words: &'static [&'static str],
    /// How many values may stand without a name.
    pub positional: usize,
    /// One line for people.
    pub doc: &'static str,
    /// A use of it.
    pub example: &'static str,
    /// Decides the operation and the output shape.
    pub build: fn(&Options, &Shape) -> BuildResult,
}

const PADDING: &[&str] = &["half", "valid", "full", "same"];
/// A 1x1 convolution may keep its weight as a matrix.
const CONV: &[&str] = &["half", "valid", "full", "same", "linear"];
const POOL_PADDING: &[&str] = &["half", "valid", "same", "ceil"];

const PLAIN: Head = Head {
    name: "",
    digits: None,
    size: None,
    stride: false,
    options: &[],
    words: &[],
    positional: 0,
    doc: "",
    example: "",
    build: activation::relu,
};

/// Every head.
pub static HEADS: &[Head] = &[
    Head {
        name: "conv",
        digits: Some("kernel size"),
        size: Some("number of filters"),
        stride: true,
        options: &["pad", "dilation", "groups", "bias", "kernel", "stride"],
        words: CONV,
        doc: "convolution: F x F kernel, half padding unless told otherwise",
        example: "conv3-64/2(pad=1, groups=2)",
        build: conv::conv,
        ..PLAIN
    },
    Head {
        name: "dw",
        digits: Some("kernel size"),
        stride: true,
        options: &["pad", "dilation", "bias", "kernel", "stride"],
        words: PADDING,
        doc: "depthwise convolution: every channel by itself",
        example: "dw3/2",
        build: conv::depthwise,
        ..PLAIN
    },
    Head {
        name: "deconv",
        digits: Some("kernel size"),
        size: Some("number of filters"),
        stride: true,
        options: &["pad", "outpad", "dilation", "groups", "bias", "kernel", "stride", "like"],
        words: PADDING,
        doc: "transposed convolution, no padding unless told otherwise",
        example: "deconv4-64/2(pad=1)",
        build: conv::deconv,
        ..PLAIN
    },
    Head {
        name: "pool",
        digits: Some("window size"),
        stride: true,
        options: &["pad", "dilation", "kernel", "stride"],
        words: POOL_PADDING,
        doc: "max pooling; the stride is the window's size unless told otherwise",
        example: "pool3/2(pad=1)",
        build: pool::max,
        ..PLAIN
    },
    Head {
        name: "avgpool",
        digits: Some("window size"),
        stride: true,
        options: &["pad", "kernel", "stride", "count_include_pad"],
        words: POOL_PADDING,
        positional: 1,
        doc: "average pooling; `avgpool(7x7)` without a window size adapts to that output",
        example: "avgpool2",
        build: pool::average,
        ..PLAIN
    },
    Head {
        name: "gap",
        doc: "global average pooling: Cx1x1",
        example: "gap",
        build: pool::global_average,
        ..PLAIN
    },
    Head {
        name: "up",
        digits: Some("factor"),
        words: &["nearest", "bilinear"],
        options: &["scale"],
        doc: "upsampling by a whole factor",
        example: "up2(bilinear)",
        build: reshape::upsample,
        ..PLAIN
    },
    Head {
        name: "shuffle",
        digits: Some("factor"),
        doc: "pixel shuffle: channels become pixels",
        example: "shuffle2",
        build: reshape::pixel_shuffle,
        ..PLAIN
    },
    Head {
        name: "channelshuffle",
        digits: Some("number of groups"),
        doc: "channel shuffle: the channels of the groups take turns",
        example: "channelshuffle2",
        build: reshape::channel_shuffle,
        ..PLAIN
    },
    Head {
        name: "fc",
        digits: Some("number of features"),
        size: Some("number of features"),
        options: &["bias", "dropconnect"],
        doc: "fully connected; flattens its input",
        example: "fc1000",
        build: linear::linear,
        ..PLAIN
    },
    Head {
        name: "bn",
        options: &["eps", "momentum", "affine"],
        doc: "batch normalization",
        example: "bn",
        build: norm::batch,
        ..PLAIN
    },
    Head {
        name: "ln",
        options: &["eps"],
        doc: "layer normalization over the channels at each position, or over the features",
        example: "ln",
        build: norm::layer,
        ..PLAIN
    },
    Head {
        name: "inorm",
        options: &["eps", "affine"],
        doc: "instance normalization",
        example: "inorm",
        build: norm::instance,
        ..PLAIN
    },
    Head {
        name: "gn",
        digits: Some("number of groups"),
        options: &["eps"],
        doc: "group normalization",
        example: "gn32",
        build: norm::group,
        ..PLAIN
    },
    Head {
        name: "lrn",
        digits: Some("number of channels"),
        options: &["alpha", "beta", "k"],
        doc: "local response normalization",
        example: "lrn5(alpha=0.0001, beta=0.75, k=2)",
        build: norm::local_response,
        ..PLAIN
    },
    Head { name: "relu", doc: "max(x, 0)", example: "relu", build: activation::relu, ..PLAIN },
    Head { name: "relu6", doc: "min(max(x, 0), 6)", example: "relu6", build: activation::relu6, ..PLAIN },
    Head {
        name: "leaky",
        options: &["slope"],
        positional: 1,
        doc: "leaky ReLU, slope 0.01 unless told otherwise",
        example: "leaky(0.2)",
        build: activation::leaky,
        ..PLAIN
    },
    Head {
        name: "prelu",
        words: &["channels"],
        doc: "ReLU with a learned slope; `prelu(channels)` learns one a channel",
        example: "prelu",
        build: activation::prelu,
        ..PLAIN
    },
    Head {
        name: "elu",
        options: &["alpha"],
        positional: 1,
        doc: "exponential linear unit",
        example: "elu",
        build: activation::elu,
        ..PLAIN
    },
    Head {
        name: "gelu",
        doc: "x times the normal distribution function",
        example: "gelu",
        build: activation::gelu,
        ..PLAIN
    },
    Head { name: "silu", doc: "x * sigmoid(x)", example: "silu", build: activation::silu, ..PLAIN },
    Head {
        name: "hardswish",
        doc: "x * relu6(x + 3) / 6",
        example: "hardswish",
        build: activation::hardswish,
        ..PLAIN
    },
    Head {
        name: "hardsigmoid",
        doc: "relu6(x + 3) / 6",
        example: "hardsigmoid",
        build: activation::hardsigmoid,
        ..PLAIN
    },
    Head {
        name: "sigmoid",
        doc: "1 / (1 + exp(-x))",
        example: "sigmoid",
        build: activation::sigmoid,
        ..PLAIN
    },
    Head { name: "tanh", doc: "hyperbolic tangent", example: "tanh", build: activation::tanh, ..PLAIN },
    Head {
        name: "softmax",
        doc: "softmax over the channels or features",
        example: "softmax",
        build: activation::softmax,
        ..PLAIN
    },
    Head {
        name: "dropout",
        options: &["p"],
        positional: 1,
        doc: "drops activations in training, half of them unless told otherwise",
        example: "dropout(0.5)",
        build: regularize::dropout,
        ..PLAIN
    },
    Head {
        name: "dropout2d",
        options: &["p"],
        positional: 1,
        doc: "drops whole channels in training",
        example: "dropout2d(0.2)",
        build: regularize::dropout2d,
        ..PLAIN
    },
    Head {
        name: "droppath",
        options: &["p"],
        positional: 1,
        doc: "drops the whole branch of a sample in training (stochastic depth)",
        example: "droppath(0.1)",
        build: regularize::drop_path,
        ..PLAIN
    },
    Head {
        name: "flatten",
        doc: "CxHxW becomes C*H*W features",
        example: "flatten",
        build: reshape::flatten,
        ..PLAIN
    },
    Head { name: "id", doc: "nothing", example: "id", build: reshape::identity, ..PLAIN },
    Head {
        name: "scale",
        options: &["init"],
        positional: 1,
        doc: "a learned factor a channel, with its initial value",
        example: "scale(1e-6)",
        build: regularize::scale,
        ..PLAIN
    },
    Head {
        name: "crop",
        options: &["like"],
        positional: 1,
        doc: "the centre: `crop(24x24)` or `crop(like @tap)`",
        example: "crop(24x24)",
        build: reshape::crop,
        ..PLAIN
    },
    Head {
        name: "pad",
        positional: 1,
        doc: "zeros around: `pad(1)`, `pad([rows, columns])` or `pad([top, bottom, left, right])`",
        example: "pad(1)",
        build: reshape::pad,
        ..PLAIN
    },
];

/// What people write who come from elsewhere, and the word for it here.
pub(crate) const FOREIGN: &[(&str, &str)] = &[
    ("linear", "fc"),
    ("dense", "fc"),
    ("relu_", "relu"),
    ("leaky_relu", "leaky"),
    ("maxpool", "pool"),
    ("max_pool", "pool"),
    ("avg_pool", "avgpool"),
    ("meanpool", "avgpool"),
    ("globalavgpool", "gap"),
    ("global_avg_pool", "gap"),
    ("adaptiveavgpool", "avgpool"),
    ("adaptive_avg_pool", "avgpool"),
    ("adaptive_avg_pool2d", "avgpool"),
    ("adaptiveavgpool2d", "avgpool"),
    ("avgpool2d", "avgpool"),
    ("avg_pool2d", "avgpool"),
    ("maxpool2d", "pool"),
    ("max_pool2d", "pool"),
    ("batchnorm2d", "bn"),
    ("batch_norm2d", "bn"),
    ("groupnorm2d", "gn"),
    ("group_norm", "gn"),
    ("layer_norm", "ln"),
    ("instance_norm", "inorm"),
    ("instancenorm2d", "inorm"),
    ("convtranspose2d", "deconv"),
    ("conv_transpose2d", "deconv"),
    ("pixel_shuffle", "shuffle"),
    ("hard_swish", "hardswish"),
    ("hard_sigmoid", "hardsigmoid"),
    ("zeropad2d", "pad"),
    ("stochastic_depth", "droppath"),
    ("drop_path", "droppath"),
    ("batchnorm", "bn"),
    ("batch_norm", "bn"),
    ("layernorm", "ln"),
    ("groupnorm", "gn"),
    ("instancenorm", "inorm"),
    ("convtranspose", "deconv"),
    ("conv_transpose", "deconv"),
    ("tconv", "deconv"),
    ("depthwise", "dw"),
    ("dwconv", "dw"),
    ("conv2d", "conv"),
    ("upsample", "up"),
    ("pixelshuffle", "shuffle"),
    ("swish", "silu"),
    ("hswish", "hardswish"),
    ("hsigmoid", "hardsigmoid"),
    ("leakyrelu", "leaky"),
    ("lrelu", "leaky"),
    ("identity", "id"),
    ("drop", "dropout"),
    ("localresponsenorm", "lrn"),
    ("stochasticdepth", "droppath"),
    ("cat", "concat"),
    ("sum", "add"),
];

/// What other libraries call the options.
pub(crate) const FOREIGN_OPTIONS: &[(&str, &str)] = &[
    ("padding", "pad"),
    ("kernel_size", "kernel"),
    ("output_padding", "outpad"),
    ("negative_slope", "slope"),
    ("num_groups", "groups"),
    ("strides", "stride"),
    ("dilation_rate", "dilation"),
    ("use_bias", "bias"),
    ("epsilon", "eps"),
    ("scale_factor", "scale"),
    ("ceil_mode", "ceil"),
    ("rate", "p"),
];
