//! From the recorded graph to what kernels compute: batch norms folded into the layers before them, activations and
//! residual sums into the ends of those.

use candle_core::{DType, Tensor};
use cnn_kernels::blocked::{Activation, Operator, PoolKind};
use cnn_kernels::conv::Conv as Geometry;
use cnn_kernels::window::Span;

use super::transposed::{self, Phase};
use crate::error::Result;
use crate::layers;
use crate::ops::{conv, pool};
use crate::plan::{Graph, Source};
use crate::value::Operation;

/// What a plan computes.
pub(in crate::plan) struct Fused {
    pub(in crate::plan) nodes: Vec<Node>,
    /// Nodes, each behind those that it is made of.
    pub(in crate::plan) order: Vec<usize>,
    /// The values that are the network's outputs.
    pub(in crate::plan) outputs: Vec<usize>,
    /// Whether the output is a map that another part goes on with, in blocks as it is.
    pub(in crate::plan) hands_on: bool,
}

/// A value and how it is computed.
pub(in crate::plan) struct Node {
    pub(in crate::plan) kind: Kind,
    pub(in crate::plan) inputs: Vec<usize>,
    /// With the batch.
    pub(in crate::plan) shape: Vec<usize>,
    /// The layers that it is made of: `conv + bn + relu`.
    pub(in crate::plan) layers: String,
}

impl Node {
    /// Multiply-accumulates of the layer by its definition, for the whole batch.
    pub(in crate::plan) fn macs(&self) -> usize {
        match &self.kind {
            Kind::Conv(conv) => {
                let each = conv.geometry.weight_len() / conv.geometry.out_channels;
                conv.geometry.output_len().saturating_mul(each)
            }
            Kind::Linear(linear) => self.shape[0] * linear.features.iter().product::<usize>(),
            _ => 0,
        }
    }
}

/// How a value is computed.
pub(in crate::plan) enum Kind {
    /// An input of the network.
    Input(usize),
    /// What another part handed on: the first input, in blocks.
    Carried,
    /// A convolution; its second input is added before the activation.
    Conv(Conv),
    /// A fully connected layer.
    Linear(Linear),
    /// Pooling.
    Pool { kind: PoolKind, spans: [Span; 2] },
    /// Value by value, of one map or two.
    Combine { operator: Option<Operator>, affine: Affine, activation: Option<Activation> },
    /// Value by value, of maps of every so manyth row and column.
    Interleave { steps: [usize; 2], affine: Affine, activation: Option<Activation> },
    /// Channels one after another.
    Concat,
    /// Some of the channels, from this one on.
    Slice(usize),
    /// The same values as one row.
    Flatten,
    /// Something that has no kernel of its own here.
    Eager(Operation),
}

/// A convolution and what follows it.
pub(in crate::plan) struct Conv {
    pub(in crate::plan) geometry: Geometry,
    pub(in crate::plan) weight: Tensor,
    /// Which part of the weight it is, of a transposed convolution.
    pub(in crate::plan) phase: Option<Phase>,
    pub(in crate::plan) affine: Affine,
    pub(in crate::plan) activation: Option<Activation>,
}

/// A fully connected layer and what follows it.
pub(in crate::plan) struct Linear {
    pub(in crate::plan) features: [usize; 2],
    pub(in crate::plan) weight: Tensor,
    pub(in crate::plan) affine: Affine,
    pub(in crate::plan) activation: Option<Activation>,
}

/// `scale * x + shift` per channel, in `f64` until it is folded.
#[derive(Clone, Default)]
pub(in crate::plan) struct Affine {
    pub(in crate::plan) scale: Option<Vec<f64>>,
    pub(in crate::plan) shift: Option<Vec<f64>>,
}

impl Affine {
    /// Followed by another.
    fn then(&mut self, scale: Option<&[f64]>, shift: Option<&[f64]>) {
        if let Some(factors) = scale {
            for values in [&mut self.scale, &mut self.shift].into_iter().flatten() {
                values.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
            }
            if self.scale.is_none() {
                self.scale = Some(factors.to_vec());
            }
        }
        match (&mut self.shift, shift) {
            (Some(values), Some(terms)) => {
                values.iter_mut().zip(terms).for_each(|(value, term)| *value += term)
            }
            (None, Some(terms)) => self.shift = Some(terms.to_vec()),
            (_, None) => {}
        }
    }
}

/// The recorded graph, fused.
pub(in crate::plan) fn fuse(graph: &Graph) -> Result<Fused> {
    let mut readers = vec![0usize; graph.nodes.len()];
    for node in &graph.nodes {
        node.inputs.iter().for_each(|&input| readers[input] += 1);
    }
    let mut fuser = Fuser {
        fused: Fused { nodes: Vec::new(), order: Vec::new(), outputs: Vec::new(), hands_on: false },
        sole: Vec::new(),
    };
    let mut values = Vec::with_capacity(graph.nodes.len());
    for (index, node) in graph.nodes.iter().enumerate() {
        let inputs: Vec<usize> = node.inputs.iter().map(|&input| values[input]).collect();
        let value = match &node.source {
            Source::Input(input) => fuser.push(Kind::Input(*input), Vec::new(), &node.shape, "input"),
            Source::Operation(operation) => fuser.operation(operation, inputs, &node.shape)?,
        };
        values.push(value);
        // What has one reader may become a part of it.
        fuser.sole.resize(fuser.fused.nodes.len(), false);
        fuser.sole[value] = readers[index] == 1 && !graph.outputs.contains(&index);
    }
    let mut fused = fuser.fused;
    fused.outputs = graph.outputs.iter().map(|&output| values[output]).collect();
    Ok(fused)
}

struct Fuser {
    fused: Fused,
    /// Whether a value has exactly one reader, which has not been seen yet.
    sole: Vec<bool>,
}

impl Fuser {
    fn push(&mut self, kind: Kind, inputs: Vec<usize>, shape: &[usize], layer: &str) -> usize {
        let node = Node { kind, inputs, shape: shape.to_vec(), layers: layer.to_owned() };
        let index = self.fused.nodes.len();
        self.fused.nodes.push(node);
        self.fused.order.push(index);
        index
    }

    fn operation(&mut self, operation: &Operation, inputs: Vec<usize>, shape: &[usize]) -> Result<usize> {
        let x = inputs.first().copied().unwrap_or_default();
        let input_shape = self.fused.nodes.get(x).map(|node| node.shape.clone()).unwrap_or_default();
        let map = shape.len() == 4;
        match operation {
            Operation::Conv2d(layer) => {
                let (config, weight) = (layer.config(), layer.weight());
                let conv = Conv {
                    geometry: conv::conv2d_sizes(
                        &input_shape,
                        weight.dims(),
                        &config.window(),
                        config.groups,
                    )?,
                    // Not detached, which would make another tensor of it: a deferred one is known by its identity.
                    weight: weight.clone(),
                    phase: None,
                    affine: Affine { scale: None, shift: layer.bias().map(to_f64).transpose()? },
                    activation: None,
                };
                return Ok(self.push(Kind::Conv(conv), inputs, shape, operation.name()));
            }
            Operation::ConvTranspose2d(layer) => {
                if let Some(value) = self.transposed(layer, operation, x, &input_shape, shape)? {
                    return Ok(value);
                }
            }
            Operation::Linear { layer, .. } => {
                let [in_features, out_features] = [layer.config().in_features, layer.config().out_features];
                let mut x = x;
                if input_shape.len() > 2 {
                    let flat = [shape[0], in_features];
                    x = self.push(Kind::Flatten, vec![x], &flat, "flatten");
                }
                let linear = Linear {
                    features: [in_features, out_features],
                    weight: layer.weight().clone(),
                    affine: Affine { scale: None, shift: layer.bias().map(to_f64).transpose()? },
                    activation: None,
                };
                return Ok(self.push(Kind::Linear(linear), vec![x], shape, operation.name()));
            }
            Operation::BatchNorm2d { layer, train: false } => {
                let (scale, shift) = batch_norm(layer)?;
                if let Some(value) = self.affine(x, Some(&scale), Some(&shift), map, shape, operation) {
                    return Ok(value);
                }
            }
            Operation::Scale(layer) => {
                let scale = to_f64(layer.weight())?;
                if let Some(value) = self.affine(x, Some(&scale), None, map, shape, operation) {
                    return Ok(value);
                }
            }
            Operation::Activation(activation) => {
                let activation = activation.elementwise();
                if activation.is_some() {
                    if let Some(end) = self.open(x) {
                        *end.activation = activation;
                        self.append(x, operation.name());
                        return Ok(x);
                    }
                    if map {
                        let kind = Kind::Combine { operator: None, affine: Affine::default(), activation };
                        return Ok(self.push(kind, inputs, shape, operation.name()));
                    }
                }
            }
            Operation::Add | Operation::Mul if map => {
                if let Some(value) = self.meet(operation, &inputs, shape) {
                    return Ok(value);
                }
            }
            Operation::MaxPool2d(window) | Operation::AvgPool2d { window, .. } => {
                let kind = match operation {
                    Operation::AvgPool2d { count_include_pad: true, .. } => PoolKind::MeanWithPadding,
                    Operation::AvgPool2d { .. } => PoolKind::Mean,
                    _ => PoolKind::Max,
                };
                let (_, sizes) = pool::pool_sizes(operation.name(), &input_shape, window)?;
                let kind = Kind::Pool { kind, spans: [sizes.rows, sizes.columns] };
                return Ok(self.push(kind, inputs, shape, operation.name()));
            }
            Operation::AdaptiveAvgPool2d(_) | Operation::GlobalAvgPool2d => {
                let axis = |axis: usize| Span::new(input_shape[axis], shape[axis], 1, 1, 1, [0, 0]);
                if let (Some(rows), Some(columns)) = (axis(2), axis(3)) {
                    let kind = Kind::Pool { kind: PoolKind::Adaptive, spans: [rows, columns] };
                    return Ok(self.push(kind, inputs, shape, operation.name()));
                }
            }
            Operation::Concat if map => {
                return Ok(self.push(Kind::Concat, inputs, shape, operation.name()));
            }
            Operation::Split { index, .. } if map => {
                return Ok(self.push(Kind::Slice(index * shape[1]), inputs, shape, operation.name()));
            }
            Operation::Flatten => return Ok(self.push(Kind::Flatten, inputs, shape, operation.name())),
            _ => {}
        }
        Ok(self.push(Kind::Eager(operation.clone()), inputs, shape, operation.name()))
    }

    /// A transposed convolution as convolutions and what puts their values together.
    fn transposed(
        &mut self,
        layer: &layers::ConvTranspose2d,
        operation: &Operation,
        x: usize,
        input_shape: &[usize],
        shape: &[usize],
    ) -> Result<Option<usize>> {
        let (config, weight) = (layer.config(), layer.weight());
        let (window, extra) = (config.window(), config.output_padding);
        let sizes = conv::conv_transpose2d_sizes(input_shape, weight.dims(), &window, extra, config.groups)?;
        let Some(phases) = transposed::phases(&sizes) else { return Ok(None) };
        let count = phases.len();
        let mut parts = Vec::with_capacity(count);
        for (index, phase) in phases.into_iter().enumerate() {
            let geometry = phase.geometry;
            let output = [shape[0], shape[1], geometry.rows.output(), geometry.columns.output()];
            let conv = Conv {
                geometry,
                weight: weight.clone(),
                phase: Some(phase),
                affine: Affine { scale: None, shift: layer.bias().map(to_f64).transpose()? },
                activation: None,
            };
            let name = match count {
                1 => operation.name().to_owned(),
                _ => format!("{} ({} of {count})", operation.name(), index + 1),
            };
            parts.push(self.push(Kind::Conv(conv), vec![x], &output, &name));
        }
        if let [only] = parts[..] {
            return Ok(Some(only));
        }
        let steps = [sizes.rows.stride(), sizes.columns.stride()];
        let kind = Kind::Interleave { steps, affine: Affine::default(), activation: None };
        Ok(Some(self.push(kind, parts, shape, operation.name())))
    }

    /// The open end of a value that has no other reader and no activation yet.
    fn open(&mut self, value: usize) -> Option<End<'_>> {
        if !self.sole.get(value).copied().unwrap_or(false) {
            return None;
        }
        let node = &mut self.fused.nodes[value];
        let (affine, activation, free) = match &mut node.kind {
            Kind::Conv(conv) => (&mut conv.affine, &mut conv.activation, node.inputs.len() == 1),
            Kind::Linear(linear) => (&mut linear.affine, &mut linear.activation, false),
            Kind::Combine { affine, activation, .. } | Kind::Interleave { affine, activation, .. } => {
                (affine, activation, false)
            }
            _ => return None,
        };
        activation.is_none().then_some(End { affine, activation, free })
    }

    fn append(&mut self, value: usize, layer: &str) {
        let layers = &mut self.fused.nodes[value].layers;
        layers.push_str(" + ");
        layers.push_str(layer);
    }

    /// A scale and a shift, folded into the value or as a step of their own; none where it is no map and cannot be
    /// folded.
    fn affine(
        &mut self,
        x: usize,
        scale: Option<&[f64]>,
        shift: Option<&[f64]>,
        map: bool,
        shape: &[usize],
        operation: &Operation,
    ) -> Option<usize> {
        // A residual that was added already would have to be scaled too.
        let residual =
            matches!(self.fused.nodes[x].kind, Kind::Conv(_)) && self.fused.nodes[x].inputs.len() > 1;
        if !residual && let Some(end) = self.open(x) {
            end.affine.then(scale, shift);
            self.append(x, operation.name());
            return Some(x);
        }
        if !map {
            return None;
        }
        let mut affine = Affine::default();
        affine.then(scale, shift);
        let kind = Kind::Combine { operator: None, affine, activation: None };
        Some(self.push(kind, vec![x], shape, operation.name()))
    }

    /// A sum or product of two maps.
    fn meet(&mut self, operation: &Operation, inputs: &[usize], shape: &[usize]) -> Option<usize> {
        let &[a, b] = inputs else { return None };
        let add = matches!(operation, Operation::Add);
        let alike = self.fused.nodes[a].shape == self.fused.nodes[b].shape;
        if add && alike && a != b {
            // Of two convolutions the later, whose input is alive then anyway.
            for (end, other) in [(a.max(b), a.min(b)), (a.min(b), a.max(b))] {
                if self.open(end).is_some_and(|end| end.free) {
                    // Nobody but this sum reads it, so it can be computed as late as this: when the other is there.
                    self.fused.order.retain(|&node| node != end);
                    self.fused.order.push(end);
                    self.fused.nodes[end].inputs.push(other);
                    self.append(end, operation.name());
                    return Some(end);
                }
            }
        }
        let (first, second) = if self.fused.nodes[a].shape == shape { (a, b) } else { (b, a) };
        let pixel = [shape[0], shape[1], 1, 1];
        let other = self.fused.nodes[second].shape.as_slice();
        if self.fused.nodes[first].shape != shape || (other != shape && other != pixel) {
            return None;
        }
        let operator = Some(if add { Operator::Add } else { Operator::Multiply });
        let kind = Kind::Combine { operator, affine: Affine::default(), activation: None };
        Some(self.push(kind, vec![first, second], shape, operation.name()))
    }
}

/// What can still be done to a value where it is computed.
struct End<'n> {
    affine: &'n mut Affine,
    activation: &'n mut Option<Activation>,
    /// Whether a residual can be added.
    free: bool,
}

/// The values of a tensor.
fn to_f64(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?)
}

/// A batch norm with its running statistics as `scale * x + shift`.
fn batch_norm(layer: &layers::BatchNorm2d) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mean, var) = (to_f64(layer.running_mean())?, to_f64(layer.running_var())?);
    let eps = layer.config().eps;
    let weight = layer.weight().map(to_f64).transpose()?;
    let bias = layer.bias().map(to_f64).transpose()?;
    let scale: Vec<f64> = var
        .iter()
        .enumerate()
        .map(|(c, var)| weight.as_ref().map_or(1.0, |weight| weight[c]) / (var + eps).sqrt())
        .collect();
    let shift = mean
        .iter()
        .enumerate()
        .map(|(c, mean)| bias.as_ref().map_or(0.0, |bias| bias[c]) - mean * scale[c])
        .collect();
    Ok((scale, shift))
}
