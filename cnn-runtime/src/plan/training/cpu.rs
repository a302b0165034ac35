//! A training step on the CPU: kernels over one stretch of memory, and operations on tensors between them.

use std::fmt;

use candle_core::{Device, Tensor, Var};
use cnn_kernels::blocked::{Activation as Function, Program, Target, Workspace};
use cnn_kernels::simd::Isa;

use super::builder::{Builder, Built, Form, Learned, Segment};
use super::fuse::{Kind, Node, Recorded};
use super::host::Tape;
use super::{
    conv, dropout, elements, factors, groupnorm, host, layernorm, linear, norm, pooling, transposed,
};
use crate::error::{Error, Result};
use crate::layers;
use crate::params::State;
use crate::plan::stored::values;
use crate::plan::{CompileOptions, Precision};
use crate::value::Operation;

/// Emits the way back through a layer.
pub(super) type Back = Box<dyn FnOnce(&mut Builder<'_>) -> Result<()>>;

/// A batch norm whose running statistics are to be moved.
#[derive(Debug)]
pub(super) struct Statistics {
    pub(super) layer: layers::BatchNorm2d,
    /// Outputs of the run: mean and biased variance.
    pub(super) outputs: [usize; 2],
    /// Values of a channel.
    pub(super) count: usize,
}

/// Forward and backward as one program.
pub(super) struct Training {
    program: Program,
    workspace: Workspace,
    /// Forward and backward.
    segments: [Vec<Segment>; 2],
    learned: Vec<Learned>,
    /// The output that is the gradient of each learned tensor.
    grads: Vec<Option<usize>>,
    statistics: Vec<Statistics>,
    tapes: Vec<Option<Tape>>,
    /// With the batch.
    output_shape: Vec<usize>,
    /// The gradient of the output.
    output_gradient: Vec<f32>,
    /// The output that is the gradient of each input, and the input's shape; empty where they are not computed.
    input_gradients: Vec<(usize, Vec<usize>)>,
    /// The output, gradients and statistics; those that were taken are empty.
    outputs: Vec<Vec<f32>>,
    /// How long they are.
    lengths: Vec<usize>,
}

impl Training {
    pub(super) fn new(
        state: &State,
        options: &CompileOptions,
        Recorded { nodes, output, shapes }: Recorded<'_>,
    ) -> Result<Self> {
        let (batch, threads) = (options.batch, options.threads.unwrap_or_else(rayon::current_num_threads));
        let target = Target { isa: Isa::best(), threads };
        let output_shape = nodes[output].shape.clone();
        let output_len: usize = output_shape.iter().product();
        let lengths = shapes.iter().map(|shape| shape.iter().product());
        let inputs = lengths.chain([output_len]).collect();
        let mut builder = Builder::new(target, batch, state, inputs, vec![output_len]);
        builder.is_exact = options.precision == Precision::Exact;
        builder.wants_inputs = options.input_gradients;
        let (mut values, mut backs, mut statistics) = (Vec::new(), Vec::new(), Vec::new());
        let mut tapes = 0;
        for node in nodes {
            let inputs: Vec<usize> = node.inputs.iter().map(|&input| values[input]).collect();
            let (value, back) = emit(&mut builder, node, &inputs, &mut statistics, &mut tapes)?;
            // What nothing before it wants a gradient of has no way back.
            backs.extend(back.filter(|_| builder.values[value].wants));
            values.push(value);
        }
        let output = values[output];
        builder.give(output);
        let backward = builder.len();
        builder.set_gradient(output, Form::Input(shapes.len()));
        for back in backs.into_iter().rev() {
            back(&mut builder)?;
        }
        let wanted = if options.input_gradients { shapes } else { &[] };
        let input_gradients: Vec<(usize, Vec<usize>)> =
            wanted.iter().map(|shape| (builder.output(shape.iter().product()).0, shape.clone())).collect();
        for (value, node) in values.iter().zip(nodes) {
            if let Kind::Input(index) = node.kind
                && let Some(&(output, _)) = input_gradients.get(index)
            {
                builder.give_gradient(*value, output);
            }
        }
        let Built { program, segments, outputs, learned, grads } = builder.finish(backward);
        Ok(Self {
            workspace: program.workspace(),
            program,
            segments,
            learned,
            grads,
            statistics,
            tapes: (0..tapes).map(|_| None).collect(),
            output_shape,
            output_gradient: vec![0.0; output_len],
            input_gradients,
            outputs: outputs.iter().map(|&len| vec![0.0; len]).collect(),
            lengths: outputs,
        })
    }

    /// The way there; running statistics stay.
    pub(super) fn there(
        &mut self,
        name: &str,
        inputs: &[Tensor],
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<Tensor> {
        self.run(name, 0, inputs, after)?;
        Ok(Tensor::from_slice(&self.outputs[0], self.output_shape.as_slice(), &Device::Cpu)?)
    }

    /// Moves the running statistics towards those of the last batch.
    pub(super) fn observe(&self) -> Result<()> {
        for Statistics { layer, outputs: [mean, variance], count } in &self.statistics {
            let tensor = |output: usize| Tensor::new(self.outputs[output].as_slice(), &Device::Cpu);
            layer.observe(&tensor(*mean)?, &tensor(*variance)?, *count)?;
        }
        Ok(())
    }

    /// The way back, given the gradient of the output; the inputs are those of the way there.
    pub(super) fn back(
        &mut self,
        name: &str,
        inputs: &[Tensor],
        gradient: &Tensor,
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<()> {
        crate::plan::with_values(gradient, |values| self.output_gradient.copy_from_slice(values))?;
        self.run(name, 1, inputs, after)
    }

    /// The variables that learn, and their gradients.
    pub(super) fn learned(&self) -> impl Iterator<Item = (&Var, &[f32])> {
        self.learned.iter().zip(&self.grads).filter_map(|(learned, output)| {
            Some((learned.var.as_ref()?, self.outputs[(*output)?].as_slice()))
        })
    }

    /// The gradients, as tensors that have their memory: large ones are not copied.
    pub(super) fn take_gradients(&mut self) -> Result<Vec<Tensor>> {
        let mut taken = Vec::new();
        for (learned, output) in self.learned.iter().zip(&self.grads) {
            let (Some(var), Some(output)) = (&learned.var, *output) else { continue };
            let values = std::mem::take(&mut self.outputs[output]);
            taken.push(Tensor::from_vec(values, var.shape(), var.device())?);
        }
        Ok(taken)
    }

    /// The gradient of an input.
    pub(super) fn input_gradient(&self, input: usize) -> Option<Result<Tensor>> {
        let (output, shape) = self.input_gradients.get(input)?;
        Some(Ok(Tensor::from_slice(&self.outputs[*output], shape.as_slice(), &Device::Cpu).ok()?))
    }

    /// Bytes of activations and scratch.
    pub(super) fn bytes(&self) -> usize {
        self.program.workspace_bytes().iter().sum()
    }

    /// The steps, there and back, by what they do.
    pub(super) fn steps(&self) -> Vec<String> {
        self.program.steps().iter().map(|step| step.algorithm()).collect()
    }

    /// A run of the way there or back that calls `after` with the number of each step that is done.
    fn run(
        &mut self,
        name: &str,
        way: usize,
        inputs: &[Tensor],
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<()> {
        let tensors = inputs.iter().map(Some).chain([None]);
        let tensors: Vec<Option<&Tensor>> =
            tensors.chain(self.learned.iter().map(|learned| Some(&learned.tensor))).collect();
        for (values, &len) in self.outputs.iter_mut().zip(&self.lengths) {
            if values.len() != len {
                *values = vec![0.0; len];
            }
        }
        let Self { program, workspace, segments, outputs, tapes, output_gradient, .. } = self;
        for segment in &segments[way] {
            match segment {
                Segment::Steps(range) => {
                    let guards: Vec<_> = tensors
                        .iter()
                        .map(|tensor| tensor.map(|tensor| tensor.storage_and_layout()))
                        .collect();
                    let slices = guards
                        .iter()
                        .map(|guard| match guard {
                            Some((storage, layout)) => values(storage, layout),
                            None => Ok(output_gradient.as_slice()),
                        })
                        .collect::<candle_core::Result<Vec<&[f32]>>>()?;
                    let mut targets: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
                    let done = program.run_some(workspace, range.clone(), &slices, &mut targets, after);
                    done.map_err(|error| Error::Plan {
                        network: name.to_owned(),
                        reason: error.to_string(),
                    })?;
                }
                Segment::Host(host) => host.run(workspace.arena(), tapes, outputs)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Training {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Training").field("steps", &self.program.steps().len()).finish_non_exhaustive()
    }
}

/// The way there through a node; the way back, where there is one.
fn emit(
    builder: &mut Builder<'_>,
    node: &Node,
    inputs: &[usize],
    statistics: &mut Vec<Statistics>,
    tapes: &mut usize,
) -> Result<(usize, Option<Back>)> {
    let some = |(value, back): (usize, Back)| Ok((value, Some(back)));
    match &node.kind {
        Kind::Input(index) => {
            let wants = builder.wants_inputs;
            Ok((builder.value(&node.shape, Form::Input(*index), wants), None))
        }
        // Nobody reads it: what reads it was joined, too.
        Kind::Joined => Ok((inputs.first().copied().unwrap_or_default(), None)),
        Kind::Conv(layer, activation) => {
            let x = inputs[0];
            let (shape, wants) = (builder.values[x].shape.clone(), builder.values[x].wants);
            if let Some(conv) = conv::fits(layer, &shape, wants)? {
                return some(conv::forward(builder, node, layer, conv, *activation, x)?);
            }
            some(ended(builder, node, &Operation::Conv2d(layer.clone()), *activation, inputs, tapes)?)
        }
        Kind::Transposed(layer, activation) => {
            let x = inputs[0];
            if let Some(conv) = transposed::fits(layer, &builder.values[x].shape)? {
                return some(transposed::forward(builder, node, layer, conv, *activation, x)?);
            }
            let plain = Operation::ConvTranspose2d(layer.clone());
            some(ended(builder, node, &plain, *activation, inputs, tapes)?)
        }
        Kind::Linear(layer, generator, relu) => {
            some(linear::forward(builder, node, (layer, generator.as_ref(), *relu), inputs[0])?)
        }
        Kind::Norm { layer, train, activation } => {
            some(norm::forward(builder, node, (layer, *train, *activation), inputs, statistics)?)
        }
        Kind::GroupNorm(operation, activation) => match groupnorm::Norm::of(operation) {
            Some(norm) => some(groupnorm::forward(builder, node, &norm, *activation, inputs[0])?),
            None => some(ended(builder, node, operation, *activation, inputs, tapes)?),
        },
        Kind::Activation(function) => some(elements::activation(builder, node, *function, inputs[0])?),
        Kind::Add => some(elements::add(builder, node, [inputs[0], inputs[1]])?),
        Kind::Other(operation) => {
            if let Some((kind, spans)) = pooling(operation, &builder.values[inputs[0]].shape, &node.shape)? {
                return some(elements::pool(builder, node, kind, spans, inputs[0])?);
            }
            match operation {
                Operation::Flatten => some(elements::flatten(builder, node, inputs[0])?),
                Operation::Concat if node.shape.len() == 4 => some(elements::concat(builder, node, inputs)?),
                Operation::Mul => some(factors::multiply(builder, node, [inputs[0], inputs[1]])?),
                Operation::Scale(layer) => some(factors::scale(builder, node, layer, inputs[0])?),
                Operation::LayerNorm(layer) => some(layernorm::forward(builder, node, layer, inputs[0])?),
                Operation::Mask { generator, p, rank } if dropout::fits(*p, *rank, &node.shape) => {
                    some(dropout::forward(builder, node, (generator, *p, *rank), inputs[0])?)
                }
                operation => some(other(builder, node, operation, inputs, tapes)?),
            }
        }
    }
}

/// An operation without a kernel here, and the activation that was joined to it.
fn ended(
    builder: &mut Builder<'_>,
    node: &Node,
    operation: &Operation,
    activation: Option<Function>,
    inputs: &[usize],
    tapes: &mut usize,
) -> Result<(usize, Back)> {
    let (value, back) = other(builder, node, operation, inputs, tapes)?;
    let Some(function) = activation else { return Ok((value, back)) };
    let (value, end) = elements::activation(builder, node, function, value)?;
    let both = move |builder: &mut Builder<'_>| {
        end(builder)?;
        back(builder)
    };
    Ok((value, Box::new(both)))
}

fn other(
    builder: &mut Builder<'_>,
    node: &Node,
    operation: &Operation,
    inputs: &[usize],
    tapes: &mut usize,
) -> Result<(usize, Back)> {
    let tape = *tapes;
    *tapes += 1;
    host::forward(builder, node, operation, inputs, tape)
}
