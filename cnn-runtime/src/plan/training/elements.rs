//! Activations, sums, pooling and what only moves values, there and back.

use cnn_kernels::blocked::training::{ActivationGradient, PoolGradient, Spread};
use cnn_kernels::blocked::{Activation as Function, Combine, Move, Operator, Place, Pool, PoolKind};
use cnn_kernels::window::Span;

use super::Back;
use super::builder::{Builder, Form, sizes};
use super::fuse::Node;
use crate::error::Result;

/// An activation by itself.
pub(super) fn activation(
    builder: &mut Builder<'_>,
    node: &Node,
    function: Function,
    x: usize,
) -> Result<(usize, Back)> {
    let shape = sizes(&node.shape);
    let (target, batch, wants) = (builder.target, builder.batch, builder.values[x].wants);
    let [input, output] = [builder.as_map(x), builder.map_slot(shape)];
    builder.step(&[input, output], move |at| {
        let [x, y] = [input, output].map(|slot| at.map(slot, shape));
        Combine::new(target, batch, x, None, [None; 2], Some(function), y)
    });
    let value = builder.value(&node.shape, Form::Map(output), wants);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let (Some(grad), true) = (builder.gradient_map(value), wants) else { return Ok(()) };
            let to = builder.map_slot(shape);
            let told = if ActivationGradient::reads_output(function) { output } else { input };
            builder.step(&[told, grad, to], move |at| {
                let [told, grad, to] = [told, grad, to].map(|slot| at.map(slot, shape));
                ActivationGradient::new(target, batch, function, told, grad, to)
            });
            builder.add_gradient(x, Form::Map(to));
            Ok(())
        }),
    ))
}

/// The sum of two maps.
pub(super) fn add(builder: &mut Builder<'_>, node: &Node, inputs: [usize; 2]) -> Result<(usize, Back)> {
    let shape = sizes(&node.shape);
    let (target, batch) = (builder.target, builder.batch);
    let wants = inputs.map(|input| builder.values[input].wants);
    let [a, b] = inputs.map(|input| builder.as_map(input));
    let output = builder.map_slot(shape);
    builder.step(&[a, b, output], move |at| {
        let [a, b, y] = [a, b, output].map(|slot| at.map(slot, shape));
        Combine::new(target, batch, a, Some((Operator::Add, b)), [None; 2], None, y)
    });
    let value = builder.value(&node.shape, Form::Map(output), wants.contains(&true));
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_map(value) else { return Ok(()) };
            // Nobody writes into a gradient that was given: both may have the same.
            for (input, wants) in inputs.into_iter().zip(wants) {
                if wants {
                    builder.add_gradient(input, Form::Map(grad));
                }
            }
            Ok(())
        }),
    ))
}

/// Pooling.
pub(super) fn pool(
    builder: &mut Builder<'_>,
    node: &Node,
    kind: PoolKind,
    spans: [Span; 2],
    x: usize,
) -> Result<(usize, Back)> {
    let (x_shape, shape) = (sizes(&builder.values[x].shape), sizes(&node.shape));
    let (target, batch, wants) = (builder.target, builder.batch, builder.values[x].wants);
    let [input, output] = [builder.as_map(x), builder.map_slot(shape)];
    let indices = (kind == PoolKind::Max && wants).then(|| builder.map_slot(shape));
    let slots: Vec<_> = [input, output].into_iter().chain(indices).collect();
    builder.step(&slots, move |at| {
        let pool = Pool::new(target, kind, spans, batch, at.map(input, x_shape), at.map(output, shape));
        match indices {
            Some(indices) => pool.with_indices(at.map(indices, shape)),
            None => pool,
        }
    });
    let value = builder.value(&node.shape, Form::Map(output), wants);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let (Some(grad), true) = (builder.gradient_map(value), wants) else { return Ok(()) };
            let to = builder.map_slot(x_shape);
            let slots: Vec<_> = [grad, to].into_iter().chain(indices).collect();
            builder.step(&slots, move |at| {
                let spread = match indices {
                    Some(indices) => Spread::Max { indices: at.map(indices, shape) },
                    None => Spread::Mean(kind),
                };
                PoolGradient::new(target, spread, spans, batch, at.map(grad, shape), at.map(to, x_shape))
            });
            builder.add_gradient(x, Form::Map(to));
            Ok(())
        }),
    ))
}

/// Values as one row each.
pub(super) fn flatten(builder: &mut Builder<'_>, node: &Node, x: usize) -> Result<(usize, Back)> {
    let wants = builder.values[x].wants;
    let form = builder.as_plain(x);
    let value = builder.value(&node.shape, form, wants);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            if let (Some(grad), true) = (builder.gradient_row(value), wants) {
                builder.add_gradient(x, Form::Plain(grad));
            }
            Ok(())
        }),
    ))
}

/// Channels one after another.
pub(super) fn concat(builder: &mut Builder<'_>, node: &Node, inputs: &[usize]) -> Result<(usize, Back)> {
    let shape = sizes(&node.shape);
    let batch = builder.batch;
    let output = builder.map_slot(shape);
    let mut parts = Vec::with_capacity(inputs.len());
    let mut first = 0;
    for &input in inputs {
        let (part, slot) = (sizes(&builder.values[input].shape), builder.as_map(input));
        builder.step(&[slot, output], move |at| {
            let to = Place::Map(at.map(output, shape), first);
            Move::new(batch, part, Place::Map(at.map(slot, part), 0), to)
        });
        parts.push((input, part, first, builder.values[input].wants));
        first += part[0];
    }
    let wants = parts.iter().any(|&(.., wants)| wants);
    let value = builder.value(&node.shape, Form::Map(output), wants);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_map(value) else { return Ok(()) };
            for (input, part, first, wants) in parts {
                if !wants {
                    continue;
                }
                let to = builder.map_slot(part);
                builder.step(&[grad, to], move |at| {
                    let from = Place::Map(at.map(grad, shape), first);
                    Move::new(batch, part, from, Place::Map(at.map(to, part), 0))
                });
                builder.add_gradient(input, Form::Map(to));
            }
            Ok(())
        }),
    ))
}
