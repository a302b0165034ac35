//! Activations: the shape stays.

use super::{Activation, BuildResult, Built, Op, Options};
use crate::dim::Dim;
use crate::shape::Shape;

fn built(activation: Activation, input: &Shape) -> BuildResult {
    Ok(Built { op: Op::Activation(activation), output: input.clone() })
}

macro_rules! plain {
    ($($name:ident => $variant:ident),* $(,)?) => {$(
        pub(super) fn $name(_: &Options, input: &Shape) -> BuildResult {
            built(Activation::$variant, input)
        }
    )*};
}

plain! {
    relu => Relu,
    relu6 => Relu6,
    gelu => Gelu,
    silu => Silu,
    hardswish => Hardswish,
    hardsigmoid => Hardsigmoid,
    sigmoid => Sigmoid,
    tanh => Tanh,
    softmax => Softmax,
}

pub(super) fn leaky(options: &Options, input: &Shape) -> BuildResult {
    built(Activation::Leaky(options.float("slope", 0.01)?), input)
}

pub(super) fn elu(options: &Options, input: &Shape) -> BuildResult {
    built(Activation::Elu(options.float("alpha", 1.0)?), input)
}

pub(super) fn prelu(options: &Options, input: &Shape) -> BuildResult {
    let parameters = match input.channels() {
        Some(channels) if options.word("channels") => channels.clone(),
        _ => Dim::ONE,
    };
    Ok(Built { op: Op::Prelu { parameters }, output: input.clone() })
}
