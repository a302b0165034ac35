//! Batch normalization, there and back.

use cnn_kernels::blocked::Activation as Function;
use cnn_kernels::blocked::training::{BatchNorm, BatchNormGradient, NormStatistics, Normalized};

use super::builder::{Builder, Form, sizes};
use super::fuse::Node;
use super::{Back, Statistics};
use crate::error::Result;
use crate::layers;

/// The way there; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder<'_>,
    node: &Node,
    (layer, train, activation): (&layers::BatchNorm2d, bool, Option<Function>),
    inputs: &[usize],
    statistics: &mut Vec<Statistics>,
) -> Result<(usize, Back)> {
    let shape = sizes(&node.shape);
    let channels = shape[0];
    let count = node.shape.iter().product::<usize>() / channels;
    let weight = layer.weight().map(|weight| builder.parameter(weight)).transpose()?;
    let bias = layer.bias().map(|bias| builder.parameter(bias)).transpose()?;
    let (x, residual) = (inputs[0], inputs.get(1).copied());
    let [input, output] = [builder.as_map(x), builder.map_slot(shape)];
    let added = residual.map(|residual| builder.as_map(residual));
    let saved = builder.slot(Normalized::saved_len(channels));
    let moments = if train {
        layer.check_count(count, &node.shape)?;
        let moments = [builder.output(channels), builder.output(channels)];
        statistics.push(Statistics { layer: layer.clone(), outputs: moments.map(|(index, _)| index), count });
        NormStatistics::Batch(moments)
    } else {
        NormStatistics::Given([
            builder.parameter(layer.running_mean())?,
            builder.parameter(layer.running_var())?,
        ])
    };
    let (target, batch, eps) = (builder.target, builder.batch, layer.config().eps);
    let of = move |at: &super::builder::Offsets| Normalized {
        batch,
        input: at.map(input, shape),
        output: at.map(output, shape),
        weight,
        bias,
        statistics: moments,
        activation,
        saved: at.of(saved),
    };
    let slots: Vec<_> = [input, output, saved].into_iter().chain(added).collect();
    builder.step(&slots, move |at| {
        let residual = added.map(|slot| at.map(slot, shape));
        BatchNorm::new(target, of(at), residual, eps)
    });
    let wants: Vec<bool> = inputs.iter().map(|&input| builder.values[input].wants).collect();
    let learns = [weight, bias].into_iter().flatten().any(|parameter| builder.is_learned(parameter));
    let value = builder.value(&node.shape, Form::Map(output), learns || wants.contains(&true));
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_map(value) else { return Ok(()) };
            let affine = builder.affine_gradients([weight, bias])?;
            let to = builder.map_slot(shape);
            let skip = residual.filter(|_| wants.get(1) == Some(&true)).map(|_| builder.map_slot(shape));
            let read = Normalized::reads_output(activation).then_some(output);
            let slots: Vec<_> = [input, saved, grad, to].into_iter().chain(skip).chain(read).collect();
            builder.step(&slots, move |at| {
                let (grad, to) = (at.map(grad, shape), at.map(to, shape));
                let skip = skip.map(|slot| at.map(slot, shape));
                BatchNormGradient::new(target, of(at), grad, to, skip, affine)
            });
            if wants[0] {
                builder.add_gradient(x, Form::Map(to));
            }
            if let (Some(residual), Some(skip)) = (residual, skip) {
                builder.add_gradient(residual, Form::Map(skip));
            }
            Ok(())
        }),
    ))
}
