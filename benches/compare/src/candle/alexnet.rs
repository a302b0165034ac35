use candle_core::Result;
use candle_nn::{Activation, Sequential, VarBuilder, linear, seq};

use super::layers::{conv_relu, max_pool};

pub fn alexnet(vars: VarBuilder<'_>) -> Result<Sequential> {
    let (features, classifier) = (vars.pp("features"), vars.pp("classifier"));
    Ok(seq()
        .add(conv_relu((3, 64, 11), (2, 4), features.pp("0"))?)
        .add(max_pool(3, 2))
        .add(conv_relu((64, 192, 5), (2, 1), features.pp("3"))?)
        .add(max_pool(3, 2))
        .add(conv_relu((192, 384, 3), (1, 1), features.pp("6"))?)
        .add(conv_relu((384, 256, 3), (1, 1), features.pp("8"))?)
        .add(conv_relu((256, 256, 3), (1, 1), features.pp("10"))?)
        .add(max_pool(3, 2))
        .add_fn(|x| x.flatten_from(1))
        .add(linear(256 * 6 * 6, 4096, classifier.pp("1"))?)
        .add(Activation::Relu)
        .add(linear(4096, 4096, classifier.pp("4"))?)
        .add(Activation::Relu)
        .add(linear(4096, 1000, classifier.pp("6"))?))
}
