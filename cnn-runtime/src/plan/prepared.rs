//! A plan for inputs of one set of sizes: a program and the memory of its runs.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use cnn_kernels::blocked::{Buffer, Program, StepError, Workspace};

use super::fused::{Lowered, Turns, fuse, lower, turns};
use super::stored::values;
use super::{CompileOptions, Graph, Node, Record, Source};
use crate::error::{Error, Result};
use crate::value::Operation;
use crate::weights::Deferred;

#[derive(Debug)]
pub(super) struct Prepared {
    lowered: Arc<Lowered>,
    /// One for each part.
    workspaces: Vec<Workspace>,
    /// What the first part hands on.
    handed_on: Buffer,
}

impl Prepared {
    pub(super) fn new(
        name: &str,
        record: &Record,
        shapes: Vec<Vec<usize>>,
        options: &CompileOptions,
        deferred: Option<&Deferred>,
    ) -> Result<Self> {
        let graph = Graph::record(&shapes, record)?;
        let custom = |node: &Node| matches!(node.source, Source::Operation(Operation::Custom(_)));
        if deferred.is_some() && graph.nodes.iter().any(custom) {
            let reason = "it contains `rust(..)`, which may have weights of its own: load the network, and compile that";
            return Err(Error::Compile { network: name.to_owned(), reason: reason.to_owned() });
        }
        let whole = fuse(&graph)?;
        // Rust code may look at the batch.
        let turns =
            if graph.nodes.iter().any(custom) { Turns::Together } else { turns(&whole, options.batch) };
        let single = || {
            let shapes: Vec<Vec<usize>> = shapes.iter().map(|shape| [&[1], &shape[1..]].concat()).collect();
            fuse(&Graph::record(&shapes, record)?)
        };
        let one = CompileOptions { batch: 1, ..options.clone() };
        let lowered = match turns {
            Turns::Together => lower(&whole, options, 1, deferred)?,
            Turns::Each => lower(&single()?, &one, options.batch, deferred)?,
            Turns::Until(place) => {
                let first = lower(&single()?.until(place), &one, options.batch, deferred)?;
                first.then(lower(&whole.from(place), options, 1, deferred)?)
            }
        };
        Ok(Self::of(Arc::new(lowered)))
    }

    fn of(lowered: Arc<Lowered>) -> Self {
        let workspaces = lowered.parts.iter().map(Program::workspace).collect();
        Self { workspaces, handed_on: Buffer::zeros(lowered.handed_on), lowered }
    }

    /// The same program with memory of its own.
    pub(super) fn fork(&self) -> Self {
        Self::of(Arc::clone(&self.lowered))
    }

    pub(super) fn takes(&self, inputs: &[&Tensor]) -> bool {
        self.lowered.inputs.iter().zip(inputs).all(|(shape, input)| shape == input.dims())
    }

    /// Inputs of the right shapes, `f32` on the CPU.
    pub(super) fn run(
        &mut self,
        name: &str,
        inputs: &[&Tensor],
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Tensor>> {
        let inputs =
            inputs.iter().map(|input| input.contiguous()).collect::<candle_core::Result<Vec<_>>>()?;
        let guards: Vec<_> = inputs.iter().map(Tensor::storage_and_layout).collect();
        let slices = guards
            .iter()
            .map(|(storage, layout)| values(storage, layout))
            .collect::<candle_core::Result<Vec<_>>>()?;
        let lengths = self.lowered.outputs.iter().map(|shape| shape.iter().product());
        let mut outputs: Vec<Vec<f32>> = lengths.map(|len| vec![0.0; len]).collect();
        let mut targets: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        self.parts(name, &slices, &mut targets, after)?;
        let shaped = self.lowered.outputs.iter().zip(outputs);
        Ok(shaped
            .map(|(shape, values)| Tensor::from_vec(values, shape.as_slice(), &Device::Cpu))
            .collect::<candle_core::Result<_>>()?)
    }

    pub(super) fn run_slices(
        &mut self,
        name: &str,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
    ) -> Result<()> {
        let found = inputs.iter().map(|input| input.len());
        check(name, "input", &self.lowered.inputs, found)?;
        check(name, "output", &self.lowered.outputs, outputs.iter().map(|output| output.len()))?;
        self.parts(name, inputs, outputs, &|_| {})
    }

    /// Part after part.
    fn parts(
        &mut self,
        name: &str,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<()> {
        let run = match (self.lowered.parts.as_slice(), self.workspaces.as_mut_slice()) {
            ([whole], [workspace]) => whole.run_observed(workspace, inputs, outputs, after),
            ([first, second], [workspace, next]) => {
                first.run_observed(workspace, inputs, &mut [&mut self.handed_on], after).and_then(|()| {
                    let after = |index| after(first.steps().len() + index);
                    second.run_observed(next, &[&self.handed_on], outputs, &after)
                })
            }
            _ => unreachable!("one part or two, each with its workspace"),
        };
        run.map_err(|error| failed(name, &error))
    }

    pub(super) fn lowered(&self) -> &Lowered {
        &self.lowered
    }
}

fn failed(name: &str, error: &StepError) -> Error {
    Error::Plan { network: name.to_owned(), reason: error.to_string() }
}

/// Slices of these lengths hold values of these shapes.
pub(super) fn check<S: AsRef<[usize]> + std::fmt::Debug>(
    name: &str,
    what: &str,
    shapes: &[S],
    found: impl ExactSizeIterator<Item = usize>,
) -> Result<()> {
    let refuse = |reason| Err(Error::Plan { network: name.to_owned(), reason });
    if found.len() != shapes.len() {
        return refuse(format!("expected {} {what}s, found {}", shapes.len(), found.len()));
    }
    for (index, (shape, found)) in shapes.iter().zip(found).enumerate() {
        let expected: usize = shape.as_ref().iter().product();
        if found != expected {
            return refuse(format!(
                "{what} {index} has the shape {shape:?}, which is {expected} values, found a slice of {found}"
            ));
        }
    }
    Ok(())
}
