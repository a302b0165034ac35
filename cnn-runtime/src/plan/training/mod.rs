//! Networks compiled for training: [`TrainingPlan`].

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor, Var};
use cnn_kernels::blocked::{Activation as Function, PoolKind, Program, Target, Workspace};
use cnn_kernels::simd::Isa;
use cnn_kernels::window::Span;

use super::ports::Ports;
use super::{CompileOptions, Graph, Precision, Traced};
use crate::error::{Error, Result};
use crate::layers;
use crate::ops::pool::pool_sizes;
use crate::params::State;
use crate::pass::Pass;
use crate::plan::stored::values;
use crate::value::Operation;
use builder::{Builder, Built, Form, Learned, Segment, sizes};
use fuse::{Kind, Node};
use host::Tape;

mod builder;
mod conv;
mod dropout;
mod elements;
mod factors;
mod fuse;
mod groupnorm;
mod host;
mod layernorm;
mod linear;
mod norm;
mod shelf;
mod taped;
mod transposed;

pub(crate) use shelf::Shelf;
pub use taped::training_step;

/// Emits the way back through a layer.
type Back = Box<dyn FnOnce(&mut Builder<'_>) -> Result<()>>;

/// A batch norm whose running statistics are to be moved.
#[derive(Debug)]
struct Statistics {
    layer: layers::BatchNorm2d,
    /// Outputs of the run: mean and biased variance.
    outputs: [usize; 2],
    /// Values of a channel.
    count: usize,
}

/// A network's training step, compiled for batches of one size: the way there and the way back over one stretch of memory,
/// in which activations stay until the way back has read them.
///
/// It reads the network's variables in every run, so that it goes on with what an optimizer makes of them. Dropout draws from
/// the network's generator, batch norms move their running statistics, both as in `forward_train`.
///
/// ```
/// use cnn_runtime::ops;
/// use cnn_runtime::prelude::*;
///
/// network! {
///     Tiny: 1x8x8 -> 3 { conv3-4 bn relu -> pool2 -> fc3 }
/// }
///
/// fn main() -> Result<()> {
///     let net = Tiny::init(Init::seed(1), &Device::Cpu)?;
///     let mut plan = net.compile_training(&CompileOptions::batch(6))?;
///     let images = Tensor::randn(0f32, 1., (6, 1, 8, 8), &Device::Cpu)?;
///     let labels = Tensor::new(&[0u32, 1, 2, 0, 1, 2], &Device::Cpu)?;
///
///     // The gradient of the loss by the logits, by candle.
///     let logits = Var::from_tensor(&plan.forward(&[&images])?)?;
///     let loss = ops::cross_entropy(&logits, &labels, 0.0)?;
///     let store = loss.backward()?;
///     plan.backward(store.get(&logits).unwrap())?;
///
///     // A step of plain gradient descent.
///     for (var, gradient) in plan.gradients() {
///         let gradient = Tensor::from_slice(gradient, var.dims(), &Device::Cpu)?;
///         var.set(&(var.as_detached_tensor() - (gradient * 0.1)?)?)?;
///     }
///     let next = ops::cross_entropy(&plan.forward(&[&images])?, &labels, 0.0)?;
///     assert!(next.to_scalar::<f32>()? < loss.to_scalar::<f32>()?);
///     Ok(())
/// }
/// ```
pub struct TrainingPlan {
    ports: Ports,
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
    /// The inputs of a way there that waits for the way back, which reads them again.
    waiting: Option<Vec<Tensor>>,
}

impl TrainingPlan {
    /// The plan of what `record` does in training; `inputs` and `options` are those of [`Plan::compile`](super::Plan::compile).
    /// `network!` generates the call.
    ///
    /// Of the options [`Precision::Exact`] leaves Winograd's arrangement out, and sizes that are symbols must be given.
    ///
    /// # Errors
    /// [`Error::Compile`] where the network is not of `f32` on the CPU, or does what has no way back here: `rust(..)`,
    /// parameters that two layers share, several outputs; [`Error::Boundary`] where the sizes of the options do not fit;
    /// what `record` says.
    pub fn compile(
        name: &str,
        inputs: &[(&str, &[usize])],
        state: &State,
        options: &CompileOptions,
        record: impl FnOnce(&[Traced], &Pass<Traced>) -> Result<Vec<Traced>>,
    ) -> Result<Self> {
        let refused = |reason: String| Error::Compile { network: name.to_owned(), reason };
        let ports = Ports::new(name, inputs, state, options)?;
        if !state.device().is_cpu() {
            let device = state.device().location();
            return Err(refused(format!("it is on {device:?}, and training is compiled on the CPU only")));
        }
        let Some(shapes) = ports.shapes()? else {
            return Err(refused(
                "its sizes are symbols: give them with `CompileOptions::with_input`".to_owned(),
            ));
        };
        if !matches!(options.precision, Precision::F32 | Precision::Exact) {
            return Err(refused(format!("it learns in F32 or Exact, found {:?}", options.precision)));
        }
        let pass = Pass::training(state.generator());
        let record = |inputs: &[Traced]| record(inputs, &pass);
        let shapes = shapes.as_slice();
        let graph = Graph::record_as(true, shapes, record)?;
        let (nodes, outputs) = fuse::fuse(&graph);
        let &[output] = outputs.as_slice() else {
            return Err(refused(format!("it has {} outputs, and one can be trained", outputs.len())));
        };
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
        for node in &nodes {
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
        for (value, node) in values.iter().zip(&nodes) {
            if let Kind::Input(index) = node.kind
                && let Some(&(output, _)) = input_gradients.get(index)
            {
                builder.give_gradient(*value, output);
            }
        }
        let Built { program, segments, outputs, learned, grads } = builder.finish(backward);
        Ok(Self {
            ports,
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
            waiting: None,
        })
    }

    /// The output for these inputs, as `forward_train` gives it; batch norms move their running statistics.
    ///
    /// # Errors
    /// [`Error::Boundary`] for inputs of other shapes than it is for, or that are not `f32` on the CPU.
    pub fn forward(&mut self, inputs: &[&Tensor]) -> Result<Tensor> {
        self.forward_observed(inputs, &|_| {})
    }

    /// The way there, but that running statistics stay.
    fn repeat(&mut self, inputs: &[&Tensor]) -> Result<()> {
        self.there(inputs, &|_| {})
    }

    fn there(&mut self, inputs: &[&Tensor], after: &(dyn Fn(usize) + Sync)) -> Result<()> {
        self.ports.check_all(inputs)?;
        self.waiting = None;
        let inputs: Vec<Tensor> =
            inputs.iter().map(|input| input.contiguous()).collect::<candle_core::Result<_>>()?;
        self.run(0, &inputs, after)?;
        self.waiting = Some(inputs);
        Ok(())
    }

    fn forward_observed(&mut self, inputs: &[&Tensor], after: &(dyn Fn(usize) + Sync)) -> Result<Tensor> {
        self.there(inputs, after)?;
        for Statistics { layer, outputs: [mean, variance], count } in &self.statistics {
            let tensor = |output: usize| Tensor::new(self.outputs[output].as_slice(), &Device::Cpu);
            layer.observe(&tensor(*mean)?, &tensor(*variance)?, *count)?;
        }
        Ok(Tensor::from_slice(&self.outputs[0], self.output_shape.as_slice(), &Device::Cpu)?)
    }

    /// The gradients of all variables, given that of the output; [`gradients`](Self::gradients) has them.
    ///
    /// # Errors
    /// [`Error::Plan`] where there was no [`forward`](Self::forward) since the last one, and for a gradient of another
    /// shape.
    pub fn backward(&mut self, gradient: &Tensor) -> Result<()> {
        self.backward_observed(gradient, &|_| {})
    }

    fn backward_observed(&mut self, gradient: &Tensor, after: &(dyn Fn(usize) + Sync)) -> Result<()> {
        if gradient.dims() != self.output_shape {
            let (expected, found) = (&self.output_shape, gradient.dims());
            return Err(self.refuse(format!("expected a gradient of {expected:?}, found {found:?}")));
        }
        let Some(inputs) = self.waiting.take() else {
            return Err(self.refuse("`backward` needs a `forward` before it".to_owned()));
        };
        super::with_values(gradient, |values| self.output_gradient.copy_from_slice(values))?;
        self.run(1, &inputs, after)
    }

    /// Whether it is for inputs of these shapes, element types and devices.
    #[must_use]
    pub fn takes(&self, inputs: &[&Tensor]) -> bool {
        self.ports.check_all(inputs).is_ok()
    }

    /// The variables and the gradients of the last [`backward`](Self::backward).
    pub fn gradients(&self) -> impl Iterator<Item = (&Var, &[f32])> {
        self.learned.iter().zip(&self.grads).filter_map(|(learned, output)| {
            Some((learned.var.as_ref()?, self.outputs[(*output)?].as_slice()))
        })
    }

    /// The gradients, as tensors that have their memory: large ones are not copied.
    fn take_gradients(&mut self) -> Result<Vec<Tensor>> {
        let mut taken = Vec::new();
        for (learned, output) in self.learned.iter().zip(&self.grads) {
            let (Some(var), Some(output)) = (&learned.var, *output) else { continue };
            let values = std::mem::take(&mut self.outputs[output]);
            taken.push(Tensor::from_vec(values, var.shape(), var.device())?);
        }
        Ok(taken)
    }

    /// The gradient of the last [`backward`](Self::backward) for an input, of a plan that was compiled
    /// [`with_input_gradients`](CompileOptions::with_input_gradients).
    ///
    /// # Errors
    /// [`Error::Plan`] where it was not compiled so, or there is no such input.
    pub fn input_gradient(&self, input: usize) -> Result<Tensor> {
        let Some((output, shape)) = self.input_gradients.get(input) else {
            return Err(self.refuse(format!(
                "it has no gradient of input {input}: compile it `with_input_gradients()`, and count from 0"
            )));
        };
        Ok(Tensor::from_slice(&self.outputs[*output], shape.as_slice(), &Device::Cpu)?)
    }

    /// Bytes of activations and scratch.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        self.program.workspace_bytes().iter().sum()
    }

    /// The steps, there and back, by what they do.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        self.program.steps().iter().map(|step| step.algorithm()).collect()
    }

    /// The time that each of the [`steps`](Self::steps) takes, there and back; what is done between them counts to the next.
    ///
    /// # Errors
    /// As [`forward`](Self::forward) and [`backward`](Self::backward).
    pub fn profile(&mut self, inputs: &[&Tensor], gradient: &Tensor) -> Result<Vec<Duration>> {
        let ends = Mutex::new(Vec::new());
        let note = |step| {
            ends.lock().unwrap_or_else(PoisonError::into_inner).push((step, Instant::now()));
        };
        let start = Instant::now();
        self.forward_observed(inputs, &note)?;
        self.backward_observed(gradient, &note)?;
        let ends: Vec<(usize, Instant)> = ends.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut times = vec![Duration::ZERO; self.program.steps().len()];
        let starts = std::iter::once(start).chain(ends.iter().map(|&(_, end)| end));
        for (start, &(step, end)) in starts.zip(&ends) {
            times[step] += end.saturating_duration_since(start);
        }
        Ok(times)
    }

    /// A run of the way there or back that calls `after` with the number of each step that is done.
    fn run(&mut self, way: usize, inputs: &[Tensor], after: &(dyn Fn(usize) + Sync)) -> Result<()> {
        let tensors = inputs.iter().map(Some).chain([None]);
        let tensors: Vec<Option<&Tensor>> =
            tensors.chain(self.learned.iter().map(|learned| Some(&learned.tensor))).collect();
        for (values, &len) in self.outputs.iter_mut().zip(&self.lengths) {
            if values.len() != len {
                *values = vec![0.0; len];
            }
        }
        let Self { program, workspace, segments, outputs, tapes, output_gradient, ports, .. } = self;
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
                        network: ports.network.clone(),
                        reason: error.to_string(),
                    })?;
                }
                Segment::Host(host) => host.run(workspace.arena(), tapes, outputs)?,
            }
        }
        Ok(())
    }

    fn refuse(&self, reason: String) -> Error {
        Error::Plan { network: self.ports.network.clone(), reason }
    }
}

impl fmt::Debug for TrainingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainingPlan").field("ports", &self.ports).finish_non_exhaustive()
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

/// What an operation pools, if it does.
fn pooling(operation: &Operation, x: &[usize], shape: &[usize]) -> Result<Option<(PoolKind, [Span; 2])>> {
    Ok(match operation {
        Operation::MaxPool2d(window) | Operation::AvgPool2d { window, .. } => {
            let kind = match operation {
                Operation::AvgPool2d { count_include_pad: true, .. } => PoolKind::MeanWithPadding,
                Operation::AvgPool2d { .. } => PoolKind::Mean,
                _ => PoolKind::Max,
            };
            let (_, spans) = pool_sizes(operation.name(), x, window)?;
            Some((kind, [spans.rows, spans.columns]))
        }
        Operation::AdaptiveAvgPool2d(_) | Operation::GlobalAvgPool2d => {
            let [[_, rows, columns], [_, to_rows, to_columns]] = [sizes(x), sizes(shape)];
            let span = |from, to| Span::new(from, to, 1, 1, 1, [0, 0]);
            span(rows, to_rows)
                .zip(span(columns, to_columns))
                .map(|(rows, columns)| (PoolKind::Adaptive, [rows, columns]))
        }
        _ => None,
    })
}
