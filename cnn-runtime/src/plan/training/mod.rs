//! Networks compiled for training: [`TrainingPlan`].

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use candle_core::{Tensor, Var};
use cnn_kernels::blocked::PoolKind;
use cnn_kernels::window::Span;

use super::ports::Ports;
use super::{CompileOptions, Graph, Traced};
use crate::error::{Error, Result};
use crate::ops::pool::pool_sizes;
use crate::params::State;
use crate::pass::Pass;
use crate::value::Operation;
use builder::sizes;
use cpu::{Back, Statistics};
use engine::Engine;

mod builder;
mod conv;
mod cpu;
pub(super) mod dropout;
mod elements;
mod engine;
mod factors;
pub(super) mod fuse;
mod gradient;
pub(super) mod groupnorm;
pub(super) mod host;
mod layernorm;
mod linear;
mod norm;
mod shelf;
mod taped;
mod transposed;

pub use gradient::Gradient;
pub(crate) use shelf::Shelf;
pub use taped::training_step;

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
///         var.set(&(var.as_detached_tensor() - (gradient.to_tensor()? * 0.1)?)?)?;
///     }
///     let next = ops::cross_entropy(&plan.forward(&[&images])?, &labels, 0.0)?;
///     assert!(next.to_scalar::<f32>()? < loss.to_scalar::<f32>()?);
///     Ok(())
/// }
/// ```
pub struct TrainingPlan {
    ports: Ports,
    engine: Engine,
    /// With the batch.
    output_shape: Vec<usize>,
    /// The inputs of a way there that waits for the way back, which may read them again.
    waiting: Option<Vec<Tensor>>,
}

impl TrainingPlan {
    /// The plan of what `record` does in training; `inputs` and `options` are those of [`Plan::compile`](super::Plan::compile).
    /// `network!` generates the call.
    ///
    /// Of the options [`Precision::Exact`](super::Precision::Exact) leaves Winograd's arrangement out, and sizes that are symbols must be given. On CUDA
    /// devices [`Bf16`](super::Precision::Bf16) is mixed precision: activations and the factors of products in bf16, sums, norms' statistics,
    /// parameters and their gradients in `f32`; and [`Tf32`](super::Precision::Tf32) rounds the factors of products.
    ///
    /// # Errors
    /// [`Error::Compile`] where the network is not of `f32`, or does what has no way back here: `rust(..)`,
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
        let Some(shapes) = ports.shapes()? else {
            return Err(refused(
                "its sizes are symbols: give them with `CompileOptions::with_input`".to_owned(),
            ));
        };
        Engine::check(state, options).map_err(refused)?;
        let pass = Pass::training(state.generator());
        let record = |inputs: &[Traced]| record(inputs, &pass);
        let shapes = shapes.as_slice();
        let graph = Graph::record_as(true, shapes, record)?;
        let (nodes, outputs) = fuse::fuse(&graph);
        let &[output] = outputs.as_slice() else {
            return Err(refused(format!("it has {} outputs, and one can be trained", outputs.len())));
        };
        let output_shape = nodes[output].shape.clone();
        let engine = Engine::new(state, options, fuse::Recorded { nodes: &nodes, output, shapes })?;
        Ok(Self { ports, engine, output_shape, waiting: None })
    }

    /// The output for these inputs, as `forward_train` gives it; batch norms move their running statistics.
    ///
    /// # Errors
    /// [`Error::Boundary`] for inputs of other shapes than it is for, or that are not `f32` on the network's device.
    pub fn forward(&mut self, inputs: &[&Tensor]) -> Result<Tensor> {
        self.forward_observed(inputs, &|_| {})
    }

    /// The way there, but that running statistics stay.
    fn there(&mut self, inputs: &[&Tensor], after: &(dyn Fn(usize) + Sync)) -> Result<Tensor> {
        self.ports.check_all(inputs)?;
        self.waiting = None;
        let inputs: Vec<Tensor> =
            inputs.iter().map(|input| input.contiguous()).collect::<candle_core::Result<_>>()?;
        let output = self.engine.there(&self.ports.network, &inputs, after)?;
        self.waiting = Some(inputs);
        Ok(output)
    }

    fn forward_observed(&mut self, inputs: &[&Tensor], after: &(dyn Fn(usize) + Sync)) -> Result<Tensor> {
        let output = self.there(inputs, after)?;
        self.engine.observe()?;
        Ok(output)
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
        self.engine.back(&self.ports.network, &inputs, gradient, after)
    }

    /// Whether it is for inputs of these shapes, element types and devices.
    #[must_use]
    pub fn takes(&self, inputs: &[&Tensor]) -> bool {
        self.ports.check_all(inputs).is_ok()
    }

    /// The variables and the gradients of the last [`backward`](Self::backward).
    pub fn gradients(&self) -> impl Iterator<Item = (&Var, Gradient<'_>)> {
        self.engine.gradients().into_iter()
    }

    /// The gradients, as tensors that have their memory: large ones are not copied.
    fn take_gradients(&mut self) -> Result<Vec<Tensor>> {
        self.engine.take_gradients()
    }

    /// The gradient of the last [`backward`](Self::backward) for an input, of a plan that was compiled
    /// [`with_input_gradients`](CompileOptions::with_input_gradients).
    ///
    /// # Errors
    /// [`Error::Plan`] where it was not compiled so, or there is no such input.
    pub fn input_gradient(&mut self, input: usize) -> Result<Tensor> {
        match self.engine.input_gradient(input) {
            Some(gradient) => gradient,
            None => Err(self.refuse(format!(
                "it has no gradient of input {input}: compile it `with_input_gradients()`, and count from 0"
            ))),
        }
    }

    /// Bytes of activations and scratch, on a CUDA device of gradients, too.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        self.engine.bytes()
    }

    /// The steps, there and back, by what they do.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        self.engine.steps()
    }

    /// The time that each of the [`steps`](Self::steps) takes, there and back; what is done between them counts to the next. On
    /// a CUDA device each is waited for, as long as the steps are not repeated as a graph.
    ///
    /// # Errors
    /// As [`forward`](Self::forward) and [`backward`](Self::backward).
    pub fn profile(&mut self, inputs: &[&Tensor], gradient: &Tensor) -> Result<Vec<Duration>> {
        let ends = Mutex::new(Vec::new());
        let waits = self.engine.waits();
        let note = |step| {
            waits();
            ends.lock().unwrap_or_else(PoisonError::into_inner).push((step, Instant::now()));
        };
        let start = Instant::now();
        self.forward_observed(inputs, &note)?;
        self.backward_observed(gradient, &note)?;
        let ends: Vec<(usize, Instant)> = ends.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut times = vec![Duration::ZERO; self.steps().len()];
        let starts = std::iter::once(start).chain(ends.iter().map(|&(_, end)| end));
        for (start, &(step, end)) in starts.zip(&ends) {
            times[step] += end.saturating_duration_since(start);
        }
        Ok(times)
    }

    fn refuse(&self, reason: String) -> Error {
        Error::Plan { network: self.ports.network.clone(), reason }
    }
}

impl fmt::Debug for TrainingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainingPlan")
            .field("ports", &self.ports)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// What an operation pools, if it does.
pub(super) fn pooling(
    operation: &Operation,
    x: &[usize],
    shape: &[usize],
) -> Result<Option<(PoolKind, [Span; 2])>> {
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
