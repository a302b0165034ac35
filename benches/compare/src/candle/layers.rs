//! Layers that more than one network has.

use candle_core::{Result, Tensor};
use candle_nn::{
    BatchNormConfig, Conv2d, Conv2dConfig, Func, Module, ModuleT, VarBuilder, batch_norm, conv2d,
    conv2d_no_bias,
};

/// A convolution with a bias and a ReLU.
pub fn conv_relu(
    (c_in, c_out, kernel): (usize, usize, usize),
    (padding, stride): (usize, usize),
    vars: VarBuilder<'_>,
) -> Result<Func<'static>> {
    let config = Conv2dConfig { padding, stride, ..Default::default() };
    let conv = conv2d(c_in, c_out, kernel, config, vars)?;
    Ok(Func::new(move |x| conv.forward(x)?.relu()))
}

/// A convolution without a bias and its batch norm, which takes the batch's statistics in training.
pub fn conv_bn(
    (c_in, c_out, kernel): (usize, usize, usize),
    config: Conv2dConfig,
    conv: VarBuilder<'_>,
    norm: VarBuilder<'_>,
    train: bool,
) -> Result<Func<'static>> {
    let conv: Conv2d = conv2d_no_bias(c_in, c_out, kernel, config, conv)?;
    let norm = batch_norm(c_out, BatchNormConfig::default(), norm)?;
    Ok(Func::new(move |x| norm.forward_t(&conv.forward(x)?, train)))
}

/// A max pooling as a layer of a sequence.
pub fn max_pool(size: usize, stride: usize) -> Func<'static> {
    Func::new(move |x| x.max_pool2d_with_stride(size, stride))
}

/// A max pooling of 2x2 that can be trained: by maxima of the tensor's axes. The gradient of `max_pool2d` is a quarter of what
/// it should be (it is multiplied by the mean of the mask of the maxima, where it should be divided by their number).
pub fn max_pool2_by_axes() -> Func<'static> {
    Func::new(|x| {
        let (n, c, h, w) = x.dims4()?;
        x.reshape((n, c, h / 2, 2, w / 2, 2))?.max(5)?.max(3)
    })
}

/// The mean of each channel: (N, C, H, W) to (N, C).
pub fn global_average(x: &Tensor) -> Result<Tensor> {
    x.flatten_from(2)?.mean(2)
}
