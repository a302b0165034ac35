//! Which steps a layer becomes.

use cnn_cuda::resize::Mode;
use cnn_kernels::blocked::Activation as Function;
use cnn_kernels::lrn::Response;

use super::builder::Builder;
use super::{Back, Statistics, arrange, conv, elements, factors, linear, norm, norms, tapes};
use crate::error::Result;
use crate::layers;
use crate::ops::arrange::crop2d_sizes;
use crate::plan::cuda::value::planes_of;
use crate::plan::training::fuse::{Kind, Node};
use crate::plan::training::{dropout, groupnorm, pooling};
use crate::value::{Activation, Operation};

/// The value of an input, and which it is; none of what is no input.
pub(super) fn input(builder: &mut Builder, nodes: &[Node], index: usize) -> Option<usize> {
    let Kind::Input(input) = nodes[index].kind else { return None };
    let shape = &nodes[index].shape;
    let (planes, pitch) = (planes_of(shape), pitch(builder, nodes, index));
    let slot = builder.values_slot(planes.batch * planes.plane * pitch);
    builder.hold(vec![slot]);
    let wants = builder.wants_inputs;
    builder.padded_value(shape, slot, pitch, wants);
    Some(input)
}

/// Values of an input's pixel: what only convolutions on tensor cores read is padded to whole chunks.
fn pitch(builder: &Builder, nodes: &[Node], index: usize) -> usize {
    let channels = planes_of(&nodes[index].shape).channels;
    let mut readers = nodes.iter().filter(|reader| reader.inputs.contains(&index)).peekable();
    let by_convolutions = readers.peek().is_some()
        && readers.all(|reader| matches!(&reader.kind, Kind::Conv(layer, _) if layer.config().groups == 1));
    if builder.tensor_cores && by_convolutions && !builder.wants_inputs {
        channels.next_multiple_of(super::builder::UNIT / builder.scalar.bytes())
    } else {
        channels
    }
}

/// The way there through a layer; the way back, where there is one.
pub(super) fn layer(
    builder: &mut Builder,
    node: &Node,
    inputs: &[usize],
    statistics: &mut Vec<Statistics>,
) -> Result<(usize, Option<Back>)> {
    let Some(&x) = inputs.first() else {
        return Err(candle_core::Error::Msg("a step of a plan has no input".to_owned()).into());
    };
    let (value, back) = match &node.kind {
        // Nobody reads it: what reads it was joined, too.
        Kind::Input(_) | Kind::Joined => return Ok((x, None)),
        Kind::Conv(layer, activation) => conv::forward(builder, node, layer, *activation, x)?,
        Kind::Transposed(layer, activation) => conv::transposed(builder, node, layer, *activation, x)?,
        Kind::Linear(layer, None, relu) => by_rows(builder, node, (layer, *relu), x)?,
        Kind::Linear(layer, generator, relu) => {
            let plain = Operation::Linear { layer: layer.clone(), generator: generator.clone() };
            ended(builder, node, &plain, relu.then_some(Function::Relu), inputs)?
        }
        Kind::Norm { layer, train, activation } => {
            norm::batch(builder, node, (layer, *train, *activation), inputs, statistics)?
        }
        Kind::GroupNorm(operation, activation) => match groupnorm::Norm::of(operation) {
            Some(layer) => norms::group(builder, node, &layer, *activation, x)?,
            None => ended(builder, node, operation, *activation, inputs)?,
        },
        Kind::Activation(function) => elements::activation(builder, node, *function, x),
        Kind::Add => match inputs {
            &[a, b] => elements::add(builder, node, [a, b]),
            _ => return Err(candle_core::Error::Msg("a sum has two inputs".to_owned()).into()),
        },
        Kind::Other(operation) => other(builder, node, operation, inputs)?,
    };
    Ok((value, Some(back)))
}

/// A fully connected layer, of a map as rows.
fn by_rows(
    builder: &mut Builder,
    node: &Node,
    layer: (&layers::Linear, bool),
    x: usize,
) -> Result<(usize, Back)> {
    let planes = builder.values[x].planes();
    if planes.plane == 1 {
        return linear::forward(builder, node, layer, x);
    }
    let (row, first) = arrange::flatten(builder, &[planes.batch, planes.channels * planes.plane], x);
    let (value, last) = linear::forward(builder, node, layer, row)?;
    Ok((value, both(last, first)))
}

/// The way back through two layers, the later one first.
pub(super) fn both(last: Back, first: Back) -> Back {
    Box::new(move |builder: &mut Builder| {
        last(builder)?;
        first(builder)
    })
}

/// An operation that is neither joined to another nor takes one in.
fn other(
    builder: &mut Builder,
    node: &Node,
    operation: &Operation,
    inputs: &[usize],
) -> Result<(usize, Back)> {
    let x = inputs[0];
    let map = builder.values[x].clone();
    if let Some(pooling) = pooling(operation, &map.shape, &node.shape)? {
        return Ok(elements::pool(builder, node, pooling, x));
    }
    let is_map = node.shape.len() == 4;
    Ok(match (operation, inputs) {
        (Operation::Flatten, _) => arrange::flatten(builder, &node.shape, x),
        (Operation::Concat, _) if is_map => arrange::concat(builder, node, inputs),
        (Operation::Split { index, .. }, _) if is_map => {
            arrange::slice(builder, node, index * node.shape[1], x)
        }
        (Operation::Mul, &[a, b]) => factors::multiply(builder, node, [a, b]),
        (Operation::Scale(layer), _) => factors::scale(builder, node, layer, x)?,
        (Operation::LayerNorm(layer), _) => norms::layer(builder, node, layer, x)?,
        (Operation::PRelu(layer), _) => elements::prelu(builder, node, layer, x)?,
        (Operation::Activation(Activation::Softmax), _) => elements::softmax(builder, node, x),
        (Operation::Mask { generator, p, rank }, _) if dropout::fits(*p, *rank, &node.shape) => {
            factors::mask(builder, node, (generator, *p, *rank), x)
        }
        (&Operation::LocalResponseNorm { size, alpha, beta, k }, _) => {
            elements::response(builder, node, Response { size, alpha, beta, k }, x)
        }
        (Operation::ChannelShuffle(groups), _) => arrange::channel_shuffle(builder, node, *groups, x),
        _ => match of_maps(builder, node, operation, x)? {
            Some(done) => done,
            None => tapes::forward(builder, node, operation, inputs)?,
        },
    })
}

/// What there is of maps only.
fn of_maps(
    builder: &mut Builder,
    node: &Node,
    operation: &Operation,
    x: usize,
) -> Result<Option<(usize, Back)>> {
    Ok(match operation {
        Operation::UpsampleNearest2d(factors) => {
            elements::upsample(builder, node, (Mode::Nearest, *factors), x)
        }
        Operation::UpsampleBilinear2d(factors) => {
            elements::upsample(builder, node, (Mode::Bilinear, *factors), x)
        }
        Operation::PixelShuffle(factor) => arrange::pixel_shuffle(builder, node, *factor, x),
        Operation::Crop2d(size) => {
            let first = crop2d_sizes(&builder.values[x].shape, *size)?;
            arrange::crop(builder, node, first, x)
        }
        Operation::Pad2d { top, left, .. } => arrange::pad(builder, node, [*top, *left], x),
        _ => None,
    })
}

/// An operation on tensors, and the activation that was joined to it.
fn ended(
    builder: &mut Builder,
    node: &Node,
    operation: &Operation,
    activation: Option<Function>,
    inputs: &[usize],
) -> Result<(usize, Back)> {
    let (value, back) = tapes::forward(builder, node, operation, inputs)?;
    let Some(function) = activation else { return Ok((value, back)) };
    let (value, end) = elements::activation(builder, node, function, value);
    Ok((value, both(end, back)))
}
