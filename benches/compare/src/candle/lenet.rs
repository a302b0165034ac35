use candle_core::Result;
use candle_nn::{Activation, Sequential, VarBuilder, linear, seq};

use super::layers::{conv_relu, max_pool, max_pool2_by_axes};

pub fn lenet5(vars: VarBuilder<'_>) -> Result<Sequential> {
    Ok(seq()
        .add(conv_relu((1, 6, 5), (0, 1), vars.pp("0"))?)
        .add(max_pool(2, 2))
        .add(conv_relu((6, 16, 5), (0, 1), vars.pp("3"))?)
        .add(max_pool(2, 2))
        .add_fn(|x| x.flatten_from(1))
        .add(linear(400, 120, vars.pp("6"))?)
        .add(Activation::Relu)
        .add(linear(120, 84, vars.pp("8"))?)
        .add(Activation::Relu)
        .add(linear(84, 10, vars.pp("10"))?))
}

/// For images of 28x28 pixels, which are padded.
pub fn lenet5_mnist(vars: VarBuilder<'_>) -> Result<Sequential> {
    Ok(seq()
        .add(conv_relu((1, 6, 5), (2, 1), vars.pp("conv1"))?)
        .add(max_pool2_by_axes())
        .add(conv_relu((6, 16, 5), (0, 1), vars.pp("conv2"))?)
        .add(max_pool2_by_axes())
        .add_fn(|x| x.flatten_from(1))
        .add(linear(400, 120, vars.pp("fc1"))?)
        .add(Activation::Relu)
        .add(linear(120, 84, vars.pp("fc2"))?)
        .add(Activation::Relu)
        .add(linear(84, 10, vars.pp("fc3"))?))
}
