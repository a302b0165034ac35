//! Products: of two maps, of a map and what scales its channels image by image (squeeze and excitation), and of a map and
//! learned factors of its channels. There and back.

use cnn_kernels::blocked::training::{ChannelScale, ChannelSums, PixelSums};
use cnn_kernels::blocked::{Combine, Operator};

use super::Back;
use super::builder::{Builder, Form, Slot, sizes};
use super::fuse::Node;
use crate::error::Result;
use crate::layers;

/// The product of two values, of which one may have one pixel for all of the other's.
pub(super) fn multiply(builder: &mut Builder<'_>, node: &Node, inputs: [usize; 2]) -> Result<(usize, Back)> {
    let shape = sizes(&node.shape);
    // The larger one first.
    let [x, factors] =
        if sizes(&builder.values[inputs[0]].shape) == shape { inputs } else { [inputs[1], inputs[0]] };
    let factors_shape = sizes(&builder.values[factors].shape);
    let wants = [x, factors].map(|value| builder.values[value].wants);
    let [a, b] = [x, factors].map(|value| builder.as_map(value));
    let output = builder.map_slot(shape);
    product(builder, [(a, shape), (b, factors_shape)], output);
    let value = builder.value(&node.shape, Form::Map(output), wants.contains(&true));
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_map(value) else { return Ok(()) };
            if wants[0] {
                let to = builder.map_slot(shape);
                product(builder, [(grad, shape), (b, factors_shape)], to);
                builder.add_gradient(x, Form::Map(to));
            }
            if wants[1] {
                let to = builder.map_slot(factors_shape);
                if factors_shape == shape {
                    product(builder, [(grad, shape), (a, shape)], to);
                } else {
                    let (target, batch) = (builder.target, builder.batch);
                    builder.step(&[grad, a, to], move |at| {
                        let factors = [grad, a].map(|slot| at.map(slot, shape));
                        PixelSums::new(target, batch, factors, at.map(to, factors_shape))
                    });
                }
                builder.add_gradient(factors, Form::Map(to));
            }
            Ok(())
        }),
    ))
}

/// A step that multiplies two maps, the second of the first's size or of one pixel.
pub(super) fn product(
    builder: &mut Builder<'_>,
    [(a, shape), (b, b_shape)]: [(Slot, [usize; 3]); 2],
    to: Slot,
) {
    let (target, batch) = (builder.target, builder.batch);
    builder.step(&[a, b, to], move |at| {
        let second = (Operator::Multiply, at.map(b, b_shape));
        Combine::new(target, batch, at.map(a, shape), Some(second), [None; 2], None, at.map(to, shape))
    });
}

/// Learned factors of channels.
pub(super) fn scale(
    builder: &mut Builder<'_>,
    node: &Node,
    layer: &layers::Scale,
    x: usize,
) -> Result<(usize, Back)> {
    let shape = sizes(&node.shape);
    let factors = builder.parameter(layer.weight())?;
    let (target, batch, wants) = (builder.target, builder.batch, builder.values[x].wants);
    let [input, output] = [builder.as_map(x), builder.map_slot(shape)];
    builder.step(&[input, output], move |at| {
        ChannelScale::new(target, batch, at.map(input, shape), factors, at.map(output, shape))
    });
    let learns = builder.is_learned(factors);
    let value = builder.value(&node.shape, Form::Map(output), wants || learns);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_map(value) else { return Ok(()) };
            if let Some(to) = builder.gradient_of(factors)? {
                builder.step(&[grad, input], move |at| {
                    let [grad, input] = [grad, input].map(|slot| at.map(slot, shape));
                    ChannelSums::new(target, batch, grad, Some(input), to)
                });
            }
            if wants {
                let to = builder.map_slot(shape);
                builder.step(&[grad, to], move |at| {
                    ChannelScale::new(target, batch, at.map(grad, shape), factors, at.map(to, shape))
                });
                builder.add_gradient(x, Form::Map(to));
            }
            Ok(())
        }),
    ))
}
