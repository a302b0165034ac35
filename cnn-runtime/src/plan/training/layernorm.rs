//! Layer normalization over the channels of each pixel, there and back.

use cnn_kernels::blocked::training::{LayerNorm, LayerNormGradient, Layered};

use super::Back;
use super::builder::{Builder, Form, Offsets, sizes};
use super::conv::pad;
use super::fuse::Node;
use crate::error::Result;
use crate::layers;

/// The way there; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder<'_>,
    node: &Node,
    layer: &layers::LayerNorm,
    x: usize,
) -> Result<(usize, Back)> {
    let (shape, eps) = (sizes(&node.shape), layer.config().eps);
    let [weight, bias] = [builder.parameter(layer.weight())?, builder.parameter(layer.bias())?];
    let (target, batch, wants) = (builder.target, builder.batch, builder.values[x].wants);
    let [input, output] = [builder.as_map(x), builder.map_slot(shape)];
    let saved = builder.slot(Layered::saved_len(batch, shape));
    let [scale, shift] = [weight, bias].map(|parameter| pad(builder, parameter));
    let of = move |at: &Offsets| Layered {
        batch,
        input: at.map(input, shape),
        weight: at.of(scale),
        saved: at.of(saved),
    };
    builder.step(&[input, output, saved, scale, shift], move |at| {
        LayerNorm::new(target, of(at), at.of(shift), eps, at.map(output, shape))
    });
    let learns = [weight, bias].into_iter().any(|parameter| builder.is_learned(parameter));
    let value = builder.value(&node.shape, Form::Map(output), learns || wants);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_map(value) else { return Ok(()) };
            let affine = builder.affine_gradients([Some(weight), Some(bias)])?;
            let to = builder.map_slot(shape);
            builder.step(&[input, saved, scale, grad, to], move |at| {
                LayerNormGradient::new(target, of(at), at.map(grad, shape), at.map(to, shape), affine)
            });
            if wants {
                builder.add_gradient(x, Form::Map(to));
            }
            Ok(())
        }),
    ))
}
