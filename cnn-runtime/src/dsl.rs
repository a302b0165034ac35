//! The words of the language, for the editor: the macro lets every word of a declaration point at its item here, so
//! that hovering over `conv3-64` shows what `conv` is, and going to its definition leads to this page.
//!
//! Nothing here does anything. `docs/language.md` of the project describes the whole language.

#![allow(non_upper_case_globals, reason = "they are called what the words are called")]

/// A word of the language.
#[derive(Clone, Copy, Debug)]
pub struct Word;

/// Convolution: F x F kernel, half padding unless told otherwise.
///
/// Written `conv3-64/2`, `conv7x1-64`.
///
/// Options: `kernel`, `stride` (1), `pad`, `dilation` (1), `groups` (1), `bias` (unless `bn` follows); `half`
/// (default), `valid`, `full`, `same`; `linear` (the weight of a 1x1 kernel is a matrix).
///
/// Gives: filters; `o = floor((i + p + q - e)/s) + 1`. PyTorch: `Conv2d`.
pub const conv: Word = Word;

/// Depthwise convolution: every channel by itself.
///
/// Written `dw3/2`.
///
/// Options: `kernel`, `stride` (1), `pad`, `dilation` (1), `bias`; `half` (default), `valid`, `full`,
/// `same`.
///
/// Gives: as `conv`, the channels stay. PyTorch: `Conv2d(c, c, groups=c)`.
pub const dw: Word = Word;

/// Transposed convolution, no padding unless told otherwise.
///
/// Written `deconv4-64/2(pad=1)`.
///
/// Options: `kernel`, `stride` (1), `pad`, `outpad` (0), `dilation` (1), `groups` (1), `bias`, `like @tap`;
/// `half`, `valid` (default), `full`; not `same`.
///
/// Gives: filters; `o = (i - 1)*s - p - q + e + outpad`. PyTorch: `ConvTranspose2d`.
pub const deconv: Word = Word;

/// Max pooling; the stride is the window's size unless told otherwise.
///
/// Written `pool2`, `pool3/2`.
///
/// Options: `kernel`, `stride` (the window's size), `pad`, `dilation` (1); `half`, `valid` (default),
/// `same`, `ceil`.
///
/// Gives: channels stay; as `conv`, or rounded up. PyTorch: `MaxPool2d`.
pub const pool: Word = Word;

/// Average pooling; `avgpool(7x7)` without a window size adapts to that output.
///
/// Written `avgpool2`, `avgpool3/2` or `avgpool(7x7)`, `avgpool(7)`.
///
/// Options: `kernel`, `stride` (the window's size), `pad`, `count_include_pad` (true); `half`, `valid`
/// (default), `same`, `ceil`.
///
/// Gives: as `pool`. PyTorch: `AvgPool2d` or `AdaptiveAvgPool2d`.
pub const avgpool: Word = Word;

/// Global average pooling: Cx1x1.
///
/// Written `gap`.
///
/// Gives: Cx1x1. PyTorch: `AdaptiveAvgPool2d(1)`.
pub const gap: Word = Word;

/// Upsampling by a whole factor.
///
/// Written `up2`, `up2x3`.
///
/// Options: `scale` (instead of the digits); `nearest` (default), `bilinear`.
///
/// Gives: channels stay; `o = factor*i`. PyTorch: `Upsample(align_corners=False)`.
pub const up: Word = Word;

/// Pixel shuffle: channels become pixels.
///
/// Written `shuffle2`.
///
/// Gives: C/r² channels; `o = r*i`. PyTorch: `PixelShuffle`.
pub const shuffle: Word = Word;

/// Channel shuffle: the channels of the groups take turns.
///
/// Written `channelshuffle2`.
///
/// Gives: the same. PyTorch: `ChannelShuffle`.
pub const channelshuffle: Word = Word;

/// Fully connected; flattens its input.
///
/// Written `fc1000`, `fc-CLASSES`.
///
/// Options: `bias`, `dropconnect` (0).
///
/// Gives: features. PyTorch: `Flatten`, `Linear`.
pub const fc: Word = Word;

/// Batch normalization.
///
/// Written `bn`.
///
/// Options: `eps` (1e-5), `momentum` (0.1), `affine` (true).
///
/// Gives: the same. PyTorch: `BatchNorm2d`, `BatchNorm1d`.
pub const bn: Word = Word;

/// Layer normalization over the channels at each position, or over the features.
///
/// Written `ln`.
///
/// Options: `eps` (1e-5).
///
/// Gives: the same. PyTorch: `LayerNorm(C)` over the channels at each position, or over the features.
pub const ln: Word = Word;

/// Instance normalization.
///
/// Written `inorm`.
///
/// Options: `eps` (1e-5), `affine` (false).
///
/// Gives: the same. PyTorch: `InstanceNorm2d`.
pub const inorm: Word = Word;

/// Group normalization.
///
/// Written `gn32`.
///
/// Options: `eps` (1e-5).
///
/// Gives: the same. PyTorch: `GroupNorm`.
pub const gn: Word = Word;

/// Local response normalization.
///
/// Written `lrn5(k=2)`.
///
/// Options: `alpha` (1e-4), `beta` (0.75), `k` (1).
///
/// Gives: the same. PyTorch: `LocalResponseNorm`.
pub const lrn: Word = Word;

/// `max(x, 0)`.
///
/// Written `relu`.
///
/// Gives: the same. PyTorch: `ReLU`.
pub const relu: Word = Word;

/// `min(max(x, 0), 6)`.
///
/// Written `relu6`.
///
/// Gives: the same. PyTorch: `ReLU6`.
pub const relu6: Word = Word;

/// Leaky ReLU, slope 0.01 unless told otherwise.
///
/// Written `leaky(0.2)`.
///
/// Options: `slope` (0.01), or without a name.
///
/// Gives: the same. PyTorch: `LeakyReLU`.
pub const leaky: Word = Word;

/// ReLU with a learned slope; `prelu(channels)` learns one a channel.
///
/// Written `prelu`.
///
/// Options: `channels`: one slope a channel, not one in all.
///
/// Gives: the same. PyTorch: `PReLU`.
pub const prelu: Word = Word;

/// Exponential linear unit.
///
/// Written `elu`.
///
/// Options: `alpha` (1), or without a name.
///
/// Gives: the same. PyTorch: `ELU`.
pub const elu: Word = Word;

/// `x times the normal distribution function`.
///
/// Written `gelu`.
///
/// Gives: the same. PyTorch: `GELU()`, by the error function.
pub const gelu: Word = Word;

/// `x * sigmoid(x)`.
///
/// Written `silu`.
///
/// Gives: the same. PyTorch: `SiLU`.
pub const silu: Word = Word;

/// `x * relu6(x + 3) / 6`.
///
/// Written `hardswish`.
///
/// Gives: the same. PyTorch: `Hardswish`.
pub const hardswish: Word = Word;

/// Relu6(x + 3) / 6.
///
/// Written `hardsigmoid`.
///
/// Gives: the same. PyTorch: `Hardsigmoid`.
pub const hardsigmoid: Word = Word;

/// 1 / (1 + exp(-x)).
///
/// Written `sigmoid`.
///
/// Gives: the same. PyTorch: `Sigmoid`.
pub const sigmoid: Word = Word;

/// Hyperbolic tangent.
///
/// Written `tanh`.
///
/// Gives: the same. PyTorch: `Tanh`.
pub const tanh: Word = Word;

/// Softmax over the channels or features.
///
/// Written `softmax`.
///
/// Gives: the same. PyTorch: `Softmax(dim=1)`.
pub const softmax: Word = Word;

/// Drops activations in training, half of them unless told otherwise.
///
/// Written `dropout(0.2)`.
///
/// Options: `p` (0.5), or without a name.
///
/// Gives: the same. PyTorch: `Dropout`.
pub const dropout: Word = Word;

/// Drops whole channels in training.
///
/// Written `dropout2d(0.2)`.
///
/// Options: `p` (0.5), or without a name.
///
/// Gives: the same. PyTorch: `Dropout2d`.
pub const dropout2d: Word = Word;

/// Drops the whole branch of a sample in training (stochastic depth).
///
/// Written `droppath(0.1)`.
///
/// Options: `p` (0.1), or without a name.
///
/// Gives: the same. PyTorch: torchvision's `StochasticDepth(p, "row")`.
pub const droppath: Word = Word;

/// CxHxW becomes C*H*W features.
///
/// Written `flatten`.
///
/// Gives: C*H*W features. PyTorch: `Flatten`.
pub const flatten: Word = Word;

/// Nothing.
///
/// Written `id`.
///
/// Gives: the same. PyTorch: `Identity`.
pub const id: Word = Word;

/// A learned factor a channel, with its initial value.
///
/// Written `scale(1e-6)`.
///
/// Options: `init` (1), or without a name.
///
/// Gives: the same. PyTorch: ConvNeXt's `layer_scale`.
pub const scale: Word = Word;

/// The centre: `crop(24x24)` or `crop(like @tap)`.
///
/// Written `crop(24x24)`, `crop(24)`, `crop(like @e)`.
///
/// Options: `like @tap`.
///
/// Gives: channels stay; the size. PyTorch: `x[:, :, a:a+h, b:b+w]` of the centre.
pub const crop: Word = Word;

/// Zeros around: `pad(1)`, `pad([rows, columns])` or `pad([top, bottom, left, right])`.
///
/// Written `pad(1)`, `pad([1, 2])`, `pad([1, 2, 3, 4])`.
///
/// Options: rows and columns, or top, bottom, left, right.
///
/// Gives: channels stay; `o = i + p + q`. PyTorch: `ZeroPad2d`.
pub const pad: Word = Word;

/// The body plus its input: `residual { body }`.
///
/// Where the shapes differ, the input goes through `else`: a projection such as `else (conv1-c/stride bn)`, or `else none`
/// (He et al., 2015, arXiv 1512.03385).
pub const residual: Word = Word;

/// The input and what the body gives, channel after channel: `dense { body }` (Huang et al., 2016, arXiv 1608.06993).
pub const dense: Word = Word;

/// The branches' channels one after another: `concat { a | b }`, or of taps `concat(@a, @b)`.
pub const concat: Word = Word;

/// The sum of the branches: `add { a | b }`, or of taps `add(@a, @b)`. C and Cx1x1 are broadcast over CxHxW.
pub const add: Word = Word;

/// The product of the branches: `mul { a | b }`, or of taps `mul(@a, @b)`. C and Cx1x1 are broadcast over CxHxW.
pub const mul: Word = Word;

/// Each branch gets an equal part of the channels, and what they give is concatenated: `split { a | b }` (Ma et al.,
/// "ShuffleNet V2", 2018, arXiv 1807.11164).
pub const split: Word = Word;

#[cfg(test)]
mod tests {
    #[test]
    fn every_layer_has_its_page() {
        let source = include_str!("dsl.rs");
        for head in cnn_ir::layer::HEADS {
            assert!(source.contains(&format!("pub const {}: Word", head.name)), "`{}` is missing", head.name);
        }
    }
}
