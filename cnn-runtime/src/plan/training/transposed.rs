//! Transposed convolutions, there and back: the ways of the convolution that is transposed, exchanged.

use cnn_kernels::blocked::training::{Product, ProductInputGradient, ProductWeightGradient, WeightFrom};
use cnn_kernels::blocked::{Activation as Function, ConvStep, View};
use cnn_kernels::conv::Conv;
use cnn_kernels::window::Span;

use super::Back;
use super::builder::{Builder, Form, sizes};
use super::conv::{self, End, Run, Transpose};
use super::fuse::Node;
use crate::error::Result;
use crate::layers;
use crate::ops::conv::conv_transpose2d_sizes;

/// The convolution that is transposed; none where that has no kernels here.
pub(super) fn fits(layer: &layers::ConvTranspose2d, input: &[usize]) -> Result<Option<Conv>> {
    let (config, weight) = (layer.config(), layer.weight().dims());
    let extra = config.output_padding;
    let conv = conv_transpose2d_sizes(input, weight, &config.window(), extra, config.groups)?;
    Ok(Transpose::of(conv).filter(Transpose::is_full).map(|_| conv))
}

/// Whether each value of the input is multiplied with the whole window, once.
fn is_product(conv: &Conv, layer: &layers::ConvTranspose2d) -> bool {
    let whole = |span: Span| {
        span.output() == 1 && span.before() == 0 && span.input() == span.kernel() && span.dilation() == 1
    };
    conv.groups == 1 && layer.bias().is_none() && whole(conv.rows) && whole(conv.columns)
}

/// The way there; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder<'_>,
    node: &Node,
    layer: &layers::ConvTranspose2d,
    conv: Conv,
    activation: Option<Function>,
    x: usize,
) -> Result<(usize, Back)> {
    if activation.is_none() && is_product(&conv, layer) {
        return product(builder, node, layer, conv, x);
    }
    let Some(transpose) = Transpose::of(conv) else { unreachable!("`fits` looked at it") };
    let weight = builder.parameter(layer.weight())?;
    let bias = layer.bias().map(|bias| builder.parameter(bias)).transpose()?;
    let wants = builder.values[x].wants;
    let map = builder.as_map(x);
    let input = if transpose.takes_plain() { builder.as_plain(x) } else { Form::Map(map) };
    let padded = bias.map(|bias| conv::pad(builder, bias));
    let shape = sizes(&node.shape);
    let output = transpose.emit(builder, weight, input, (padded, activation), None);
    let learns = builder.is_learned(weight) || bias.is_some_and(|bias| builder.is_learned(bias));
    let value = builder.value(&node.shape, Form::Map(output), wants || learns);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_map(value) else { return Ok(()) };
            let grad = conv::before_end(builder, End { shape, activation, bias, output }, grad)?;
            let form =
                if ConvStep::takes_plain(&conv) { builder.form_plain(grad, shape) } else { Form::Map(grad) };
            if let Some(to) = builder.gradient_of(weight)? {
                conv::weight_gradient(builder, conv, form, map, to);
            }
            if wants {
                let weights = conv::repack(builder, conv, weight, View::of(&conv));
                let shape = [conv.out_channels, conv.rows.output(), conv.columns.output()];
                let (residual, output) = (builder.gradient_map(x), builder.map_slot(shape));
                let run = Run { conv, input: form, weights, bias: None, activation: None, residual, output };
                conv::run(builder, run);
                builder.set_gradient(x, Form::Map(output));
            }
            Ok(())
        }),
    ))
}

/// Of one pixel: the product of its channels and the weight.
fn product(
    builder: &mut Builder<'_>,
    node: &Node,
    layer: &layers::ConvTranspose2d,
    conv: Conv,
    x: usize,
) -> Result<(usize, Back)> {
    let weight = builder.parameter(layer.weight())?;
    let (target, batch, wants) = (builder.target, builder.batch, builder.values[x].wants);
    // Those of the fully connected layer whose gradient it is.
    let features = [conv.in_channels * conv.taps(), conv.out_channels];
    let input = builder.as_row(x);
    let output = builder.slot(batch * features[0]);
    builder.step(&[input, output], move |at| {
        ProductInputGradient::new(
            target,
            batch,
            features,
            WeightFrom::Input(weight),
            [input, output].map(|slot| at.of(slot)),
        )
    });
    let learns = builder.is_learned(weight);
    let value = builder.value(&node.shape, Form::Plain(output), wants || learns);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_row(value) else { return Ok(()) };
            if let Some(to) = builder.gradient_of(weight)? {
                builder.step(&[input, grad], move |at| {
                    let places = [grad, input].map(|slot| at.of(slot));
                    ProductWeightGradient::new(target, batch, features, to, None, places)
                });
            }
            if wants {
                let to = builder.slot(batch * features[1]);
                builder.step(&[grad, to], move |at| {
                    let places = [grad, to].map(|slot| at.of(slot));
                    Product::new(target, batch, features, WeightFrom::Input(weight), None, false, places)
                });
                builder.add_gradient(x, Form::Plain(to));
            }
            Ok(())
        }),
    ))
}
