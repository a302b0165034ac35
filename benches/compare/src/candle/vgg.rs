use candle_core::Result;
use candle_nn::{Activation, Sequential, VarBuilder, linear, seq};

use super::layers::{conv_relu, max_pool, max_pool2_by_axes};

/// Channels and how many convolutions have them, between the poolings.
const STAGES: [(usize, usize); 5] = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];

pub fn vgg16(vars: VarBuilder<'_>) -> Result<Sequential> {
    let (features, classifier) = (vars.pp("features"), vars.pp("classifier"));
    let (mut layers, mut index, mut c_in) = (seq(), 0, 3);
    for (c_out, count) in STAGES {
        for _ in 0..count {
            layers = layers.add(conv_relu((c_in, c_out, 3), (1, 1), features.pp(index))?);
            // torchvision counts the ReLU too.
            index += 2;
            c_in = c_out;
        }
        layers = layers.add(max_pool(2, 2));
        index += 1;
    }
    Ok(layers
        .add_fn(|x| x.flatten_from(1))
        .add(linear(512 * 7 * 7, 4096, classifier.pp("0"))?)
        .add(Activation::Relu)
        .add(linear(4096, 4096, classifier.pp("3"))?)
        .add(Activation::Relu)
        .add(linear(4096, 1000, classifier.pp("6"))?))
}

/// Two stages for images of 32x32.
pub fn small_vgg(vars: VarBuilder<'_>) -> Result<Sequential> {
    Ok(seq()
        .add(conv_relu((3, 64, 3), (1, 1), vars.pp("conv1"))?)
        .add(conv_relu((64, 64, 3), (1, 1), vars.pp("conv2"))?)
        .add(max_pool2_by_axes())
        .add(conv_relu((64, 128, 3), (1, 1), vars.pp("conv3"))?)
        .add(conv_relu((128, 128, 3), (1, 1), vars.pp("conv4"))?)
        .add(max_pool2_by_axes())
        .add_fn(|x| x.flatten_from(1))
        .add(linear(128 * 8 * 8, 256, vars.pp("fc1"))?)
        .add(Activation::Relu)
        .add(linear(256, 10, vars.pp("fc2"))?))
}
