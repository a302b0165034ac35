//! Tensors as values: operations compute.

use candle_core::{Module, ModuleT, Result, Tensor, bail};

use super::{Activation, Operation, Value, watch};
use crate::ops;
use crate::pass::mask;

impl Value for Tensor {
    fn dims(&self) -> &[usize] {
        Self::dims(self)
    }

    fn apply(operation: &Operation, inputs: &[&Self]) -> Result<Self> {
        let result = match (operation, inputs) {
            (Operation::Concat, tensors) => ops::concat(tensors),
            (Operation::Add, [a, b]) => ops::add(a, b),
            (Operation::Mul, [a, b]) => ops::mul(a, b),
            (Operation::Add | Operation::Mul, _) => {
                bail!("{}: expected two values, found {}", operation.name(), inputs.len())
            }
            (operation, [x]) => apply(operation, x),
            _ => bail!("{}: expected one value, found {}", operation.name(), inputs.len()),
        }?;
        watch::note(operation.name(), &result);
        Ok(result)
    }
}

/// An operation on one tensor.
fn apply(operation: &Operation, x: &Tensor) -> Result<Tensor> {
    match operation {
        Operation::Conv2d(layer) => layer.forward(x),
        Operation::ConvTranspose2d(layer) => layer.forward(x),
        Operation::Linear { layer, generator } => layer.forward_masked(x, generator.as_ref()),
        Operation::BatchNorm2d { layer, train } => layer.forward_t(x, *train),
        Operation::LayerNorm(layer) => layer.forward(x),
        Operation::InstanceNorm2d(layer) => layer.forward(x),
        Operation::GroupNorm(layer) => layer.forward(x),
        Operation::PRelu(layer) => layer.forward(x),
        Operation::Scale(layer) => layer.forward(x),
        Operation::Custom(layer) => layer.forward(x),
        Operation::MaxPool2d(window) => ops::max_pool2d(x, window),
        Operation::AvgPool2d { window, count_include_pad } => ops::avg_pool2d(x, window, *count_include_pad),
        Operation::AdaptiveAvgPool2d(size) => ops::adaptive_avg_pool2d(x, *size),
        Operation::GlobalAvgPool2d => ops::global_avg_pool2d(x),
        Operation::UpsampleNearest2d(factors) => ops::upsample_nearest2d(x, *factors),
        Operation::UpsampleBilinear2d(factors) => ops::upsample_bilinear2d(x, *factors),
        Operation::PixelShuffle(r) => ops::pixel_shuffle(x, *r),
        Operation::ChannelShuffle(groups) => ops::channel_shuffle(x, *groups),
        Operation::LocalResponseNorm { size, alpha, beta, k } => {
            ops::local_response_norm(x, *size, *alpha, *beta, *k)
        }
        Operation::Activation(activation) => activate(*activation, x),
        Operation::Flatten => ops::flatten(x),
        Operation::Split { index, parts } => ops::arrange::part(x, *index, *parts),
        Operation::Crop2d(size) => ops::crop2d(x, *size),
        Operation::Pad2d { top, bottom, left, right } => ops::pad2d(x, *top, *bottom, *left, *right),
        Operation::Mask { generator, p, rank } => mask::apply(x, *p, *rank, generator),
        Operation::Concat => ops::concat(&[x]),
        Operation::Add | Operation::Mul => bail!("{}: expected two values, found 1", operation.name()),
    }
}

fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Relu => ops::relu(x),
        Activation::Relu6 => ops::relu6(x),
        Activation::LeakyRelu { slope } => ops::leaky_relu(x, slope),
        Activation::Elu { alpha } => ops::elu(x, alpha),
        Activation::Gelu => ops::gelu(x),
        Activation::Silu => ops::silu(x),
        Activation::HardSwish => ops::hardswish(x),
        Activation::HardSigmoid => ops::hardsigmoid(x),
        Activation::Sigmoid => ops::sigmoid(x),
        Activation::Tanh => ops::tanh(x),
        Activation::Softmax => ops::softmax(x),
    }
}
