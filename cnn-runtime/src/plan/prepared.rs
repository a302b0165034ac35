//! A plan for inputs of one set of sizes: a program and the memory of its runs.

use std::fmt;
use std::sync::Arc;

use candle_core::{Device, Storage, Tensor};
use cnn_kernels::blocked::{StepError, Workspace};

use super::fused::{Lowered, Row, lower};
use super::{CompileOptions, Graph, Memory, Node, Record, Source};
use crate::error::{Error, Result};
use crate::value::Operation;
use crate::weights::Deferred;

/// Runs of fewer multiply-accumulates take one thread: they end before another would have woken up.
const SERIAL_MACS: usize = 2_000_000;

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
        let most = options.threads.unwrap_or_else(rayon::current_num_threads);
        let threads = if macs(&graph) < SERIAL_MACS { 1 } else { most };
        let lowered = lower(&graph, options, threads, deferred)?;
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

    pub(super) fn rows(&self) -> &[Row] {
        &self.lowered.rows
    }

    pub(super) fn memory(&self) -> Memory {
        let [activations, scratch] = self.lowered.program.workspace_bytes();
        let weights = self.lowered.rows.iter().map(|row| row.weight_bytes).sum();
        Memory { weights, activations, scratch }
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
            .map(|(storage, layout)| {
                let Storage::Cpu(storage) = &**storage else {
                    candle_core::bail!("an input is not on the CPU")
                };
                let values = storage.as_slice::<f32>()?;
                let start = layout.start_offset();
                Ok(&values[start..start + layout.shape().elem_count()])
            })
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

    pub(super) fn describe(
        &self,
        name: &str,
        options: &CompileOptions,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let Memory { weights, activations, scratch } = self.memory();
        let rows: Vec<[String; 5]> = self
            .rows()
            .iter()
            .map(|row| {
                let sizes = row.output.iter().map(ToString::to_string).collect::<Vec<_>>();
                let macs = if row.macs > 0 { format!("{:.1}", row.macs as f64 / 1e6) } else { String::new() };
                let bytes = if row.weight_bytes > 0 { kib(row.weight_bytes) } else { String::new() };
                [row.layers.clone(), sizes.join("x"), row.algorithm.clone(), macs, bytes]
            })
            .collect();
        let heads = ["layers", "output", "algorithm", "MMACs", "weights"];
        let widths: Vec<usize> = (0..heads.len())
            .map(|column| {
                let longest = rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
                longest.max(heads[column].len())
            })
            .collect();
        writeln!(
            f,
            "{name}, batch {}, {:?}, {:?}, {} threads, {}",
            options.batch,
            options.precision,
            options.tuning,
            self.lowered.program.threads(),
            cnn_kernels::simd::Isa::best()
        )?;
        let mut line = |cells: [&str; 5]| {
            let [layers, output, algorithm, macs, bytes] = cells;
            writeln!(
                f,
                "{layers:<0$}  {output:<1$}  {algorithm:<2$}  {macs:>3$}  {bytes:>4$}",
                widths[0], widths[1], widths[2], widths[3], widths[4]
            )
        };
        line(heads)?;
        for row in &rows {
            line(row.each_ref().map(String::as_str))?;
        }
        let total: usize = self.rows().iter().map(|row| row.macs).sum();
        write!(
            f,
            "{:.1} MMACs; weights {}, activations {}, scratch {}",
            total as f64 / 1e6,
            kib(weights),
            kib(activations),
            kib(scratch)
        )
    }
}

/// Multiply-accumulates of convolutions and fully connected layers, by the number of their weights.
fn macs(graph: &Graph) -> usize {
    let nodes = graph.nodes.iter().filter_map(|node| match &node.source {
        Source::Operation(Operation::Conv2d(layer)) => {
            let area: usize = node.shape.iter().skip(2).product();
            Some(node.shape[0] * area * layer.weight().elem_count())
        }
        Source::Operation(Operation::Linear { layer, .. }) => {
            Some(node.shape[0] * layer.weight().elem_count())
        }
        _ => None,
    });
    nodes.sum()
}

fn kib(bytes: usize) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
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
