//! A plan for inputs of one set of sizes: a program and the memory of its runs.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use cnn_kernels::blocked::{StepError, Workspace};

use super::fused::{Lowered, fuse, lower, turns};
use super::stored::values;
use super::{CompileOptions, Graph, Node, Record, Source};
use crate::error::{Error, Result};
use crate::value::Operation;
use crate::weights::Deferred;

#[derive(Debug)]
pub(super) struct Prepared {
    lowered: Arc<Lowered>,
    workspace: Workspace,
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
        let turns = if graph.nodes.iter().any(custom) { 1 } else { turns(&whole, options.batch) };
        let lowered = if turns == 1 {
            lower(&whole, options, 1, deferred)?
        } else {
            let batch = options.batch / turns;
            let shapes: Vec<Vec<usize>> =
                shapes.iter().map(|shape| [&[batch], &shape[1..]].concat()).collect();
            let options = CompileOptions { batch, ..options.clone() };
            lower(&fuse(&Graph::record(&shapes, record)?)?, &options, turns, deferred)?
        };
        let workspace = lowered.program.workspace();
        Ok(Self { lowered: Arc::new(lowered), workspace })
    }

    /// The same program with memory of its own.
    pub(super) fn fork(&self) -> Self {
        Self { lowered: Arc::clone(&self.lowered), workspace: self.lowered.program.workspace() }
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
        let program = &self.lowered.program;
        let run = program.run_observed(&mut self.workspace, &slices, &mut targets, after);
        run.map_err(|error| failed(name, &error))?;
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
        let run = self.lowered.program.run(&mut self.workspace, inputs, outputs);
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
fn check(
    name: &str,
    what: &str,
    shapes: &[Vec<usize>],
    found: impl ExactSizeIterator<Item = usize>,
) -> Result<()> {
    let refuse = |reason| Err(Error::Plan { network: name.to_owned(), reason });
    if found.len() != shapes.len() {
        return refuse(format!("expected {} {what}s, found {}", shapes.len(), found.len()));
    }
    for (index, (shape, found)) in shapes.iter().zip(found).enumerate() {
        let expected: usize = shape.iter().product();
        if found != expected {
            return refuse(format!(
                "{what} {index} has the shape {shape:?}, which is {expected} values, found a slice of {found}"
            ));
        }
    }
    Ok(())
}
