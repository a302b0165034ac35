//! Group and instance normalization, there and back.

use candle_core::Tensor;
use cnn_kernels::blocked::Activation as Function;
use cnn_kernels::blocked::training::{GroupNorm, GroupNormGradient, Grouped, Normalized};

use super::Back;
use super::builder::{Builder, Form, Offsets, sizes};
use super::fuse::Node;
use crate::error::Result;
use crate::value::Operation;

/// A norm of groups of channels of a map.
#[derive(Clone, Copy)]
pub(in crate::plan) struct Norm<'l> {
    pub(in crate::plan) groups: usize,
    pub(in crate::plan) affine: Option<[&'l Tensor; 2]>,
    pub(in crate::plan) eps: f64,
}

impl<'l> Norm<'l> {
    /// That which an operation is; one without kernels here is none.
    pub(in crate::plan) fn of(operation: &'l Operation) -> Option<Self> {
        match operation {
            Operation::GroupNorm(layer) => Some(Self {
                groups: layer.config().num_groups,
                affine: Some([layer.weight(), layer.bias()]),
                eps: layer.config().eps,
            }),
            Operation::InstanceNorm2d(layer) => Some(Self {
                groups: layer.config().num_features,
                affine: layer.weight().zip(layer.bias()).map(|(weight, bias)| [weight, bias]),
                eps: layer.config().eps,
            }),
            _ => None,
        }
    }
}

/// The way there; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder<'_>,
    node: &Node,
    norm: &Norm<'_>,
    activation: Option<Function>,
    x: usize,
) -> Result<(usize, Back)> {
    let &Norm { groups, affine, eps } = norm;
    let shape = sizes(&node.shape);
    let [weight, bias] = match affine {
        Some([weight, bias]) => [Some(builder.parameter(weight)?), Some(builder.parameter(bias)?)],
        None => [None; 2],
    };
    let (target, batch, wants) = (builder.target, builder.batch, builder.values[x].wants);
    let [input, output] = [builder.as_map(x), builder.map_slot(shape)];
    let saved = builder.slot(Grouped::saved_len(batch, shape[0]));
    let of = move |at: &Offsets| Grouped {
        batch,
        groups,
        input: at.map(input, shape),
        output: at.map(output, shape),
        weight,
        bias,
        activation,
        saved: at.of(saved),
    };
    builder.step(&[input, output, saved], move |at| GroupNorm::new(target, of(at), eps));
    let learns = weight.into_iter().chain(bias).any(|parameter| builder.is_learned(parameter));
    let value = builder.value(&node.shape, Form::Map(output), learns || wants);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_map(value) else { return Ok(()) };
            let affine = builder.affine_gradients([weight, bias])?;
            let to = builder.map_slot(shape);
            let read = Normalized::reads_output(activation).then_some(output);
            let slots: Vec<_> = [input, saved, grad, to].into_iter().chain(read).collect();
            builder.step(&slots, move |at| {
                GroupNormGradient::new(target, of(at), at.map(grad, shape), at.map(to, shape), affine)
            });
            if wants {
                builder.add_gradient(x, Form::Map(to));
            }
            Ok(())
        }),
    ))
}
