//! Which of our functions a recorded operation is.

use candle_core::{DType, Result, Tensor};
use cnn_runtime::ops;

use crate::cases::Case;

/// The arguments of a call, by position and by name.
pub(crate) struct Arguments<'a> {
    pub(crate) case: &'a Case,
    pub(crate) tensors: Vec<Tensor>,
}

impl Arguments<'_> {
    fn optional(&self, name: &str) -> Option<&Tensor> {
        self.case.args.iter().position(|arg| arg == name).map(|position| &self.tensors[position])
    }

    fn named(&self, name: &str) -> &Tensor {
        self.optional(name).unwrap_or_else(|| panic!("{} has no argument {name}", self.case.name))
    }
}

/// Calls the operation of the case; the outputs are in the order of `case.outputs`.
pub(crate) fn apply(arguments: &Arguments<'_>) -> Result<Vec<Tensor>> {
    let attrs = &arguments.case.attrs;
    let x = &arguments.tensors[0];
    let weight = || arguments.named("weight");
    let affine = || (arguments.optional("weight"), arguments.optional("bias"));
    let y = match arguments.case.op.as_str() {
        "relu" => ops::relu(x),
        "relu6" => ops::relu6(x),
        "leaky_relu" => ops::leaky_relu(x, attrs.number("slope")),
        "elu" => ops::elu(x, attrs.number("alpha")),
        "gelu" => ops::gelu(x),
        "silu" => ops::silu(x),
        "hardswish" => ops::hardswish(x),
        "hardsigmoid" => ops::hardsigmoid(x),
        "sigmoid" => ops::sigmoid(x),
        "tanh" => ops::tanh(x),
        "softmax" => ops::softmax(x),
        "max_pool2d" => ops::max_pool2d(x, &attrs.window()),
        "avg_pool2d" => ops::avg_pool2d(x, &attrs.window(), attrs.flag("count_include_pad")),
        "adaptive_avg_pool2d" => ops::adaptive_avg_pool2d(x, attrs.sizes("size")),
        "global_avg_pool2d" => ops::global_avg_pool2d(x),
        "upsample_nearest2d" => ops::upsample_nearest2d(x, attrs.sizes("scale")),
        "upsample_bilinear2d" => ops::upsample_bilinear2d(x, attrs.sizes("scale")),
        "pixel_shuffle" => ops::pixel_shuffle(x, attrs.size("factor")),
        "channel_shuffle" => ops::channel_shuffle(x, attrs.size("groups")),
        "local_response_norm" => {
            let [alpha, beta, k] = ["alpha", "beta", "k"].map(|key| attrs.number(key));
            ops::local_response_norm(x, attrs.size("size"), alpha, beta, k)
        }
        "crop2d" => ops::crop2d(x, attrs.sizes("size")),
        "pad2d" => {
            let [top, bottom, left, right] = attrs.sizes("sides");
            ops::pad2d(x, top, bottom, left, right)
        }
        "flatten" => ops::flatten(x),
        "add" => ops::add(x, &arguments.tensors[1]),
        "mul" => ops::mul(x, &arguments.tensors[1]),
        "concat" => ops::concat(&arguments.tensors.iter().collect::<Vec<_>>()),
        "conv2d" => {
            ops::conv2d(x, weight(), arguments.optional("bias"), &attrs.window(), attrs.size("groups"))
        }
        "conv_transpose2d" => {
            let (bias, outside, groups) =
                (arguments.optional("bias"), attrs.sizes("output_padding"), attrs.size("groups"));
            ops::conv_transpose2d(x, weight(), bias, &attrs.window(), outside, groups)
        }
        "linear" => ops::linear(x, weight(), arguments.optional("bias")),
        "batch_norm_train" => {
            let (weight, bias) = affine();
            let (y, mean, variance) = ops::batch_norm_train(x, weight, bias, attrs.number("eps"))?;
            return Ok(vec![y, mean, variance]);
        }
        "batch_norm_eval" => {
            let (mean, variance) = (arguments.named("mean"), arguments.named("variance"));
            let (weight, bias) = affine();
            ops::batch_norm_eval(x, mean, variance, weight, bias, attrs.number("eps"))
        }
        "layer_norm" => {
            let (weight, bias) = affine();
            ops::layer_norm(x, weight, bias, attrs.number("eps"))
        }
        "group_norm" => {
            let (weight, bias) = affine();
            ops::group_norm(x, attrs.size("groups"), weight, bias, attrs.number("eps"))
        }
        "instance_norm" => {
            let (weight, bias) = affine();
            ops::instance_norm(x, weight, bias, attrs.number("eps"))
        }
        "prelu" => ops::prelu(x, weight()),
        "scale" => ops::scale(x, weight()),
        "cross_entropy" => {
            let labels = arguments.named("labels").to_dtype(DType::U32)?;
            ops::cross_entropy(x, &labels, attrs.number("smoothing"))
        }
        "cross_entropy_with_probabilities" => {
            ops::cross_entropy_with_probabilities(x, arguments.named("targets"), attrs.number("smoothing"))
        }
        other => panic!("the harness knows no operation {other}"),
    };
    Ok(vec![y?])
}
