//! Plans on CUDA devices: the fused graph as launches over one stretch of device memory, with channels last, repeated as a
//! CUDA graph.

mod lower;
mod native;
mod training;
mod value;

use std::sync::Arc;
use std::thread::ThreadId;

use candle_core::{CudaDevice, Device, Tensor};
use cnn_cuda::tensor::gpu;
use cnn_cuda::{Arena, Captured, Gpu, Moment};

use super::fused::{Row, fuse};
use super::{CompileOptions, Graph, Memory, Record};
use crate::error::Result;
pub(super) use training::Training;
use value::Value;

/// What a plan launches, and where.
#[derive(Debug)]
pub(super) struct Lowered {
    device: CudaDevice,
    steps: Vec<Step>,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    /// Bytes of activations.
    arena: usize,
    pub(super) rows: Vec<Row>,
    /// Whether all of it can be captured: nothing is done by candle.
    captures: bool,
}

/// One step: what it launches.
struct Step(Box<Launches>);

type Launches = dyn Fn(&Gpu, &Arena) -> candle_core::Result<()> + Send + Sync;

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Step")
    }
}

/// A plan for inputs of one set of sizes: launches and the memory of their runs.
#[derive(Debug)]
pub(super) struct Prepared {
    lowered: Arc<Lowered>,
    arena: Option<Arena>,
    graph: Option<Captured>,
    /// Whether the driver could not capture it: then it is launched as in the first run.
    is_refused: bool,
    /// The thread that it ran on before: there kernels are compiled and loaded, and libraries have their handles.
    warm: Option<ThreadId>,
    /// When the last run ended, and on which thread's stream.
    last: Option<(ThreadId, Moment)>,
}

impl Prepared {
    pub(super) fn new(
        name: &str,
        device: &CudaDevice,
        record: &Record,
        shapes: &[Vec<usize>],
        options: &CompileOptions,
    ) -> Result<Self> {
        let graph = Graph::record(shapes, record)?;
        Ok(Self::of(Arc::new(lower::lower(name, device, &fuse(&graph)?, options)?)))
    }

    const fn of(lowered: Arc<Lowered>) -> Self {
        Self { lowered, arena: None, graph: None, is_refused: false, warm: None, last: None }
    }

    /// The same launches with memory of their own.
    pub(super) fn fork(&self) -> Self {
        Self::of(Arc::clone(&self.lowered))
    }

    pub(super) fn takes(&self, inputs: &[&Tensor]) -> bool {
        self.lowered.inputs.iter().zip(inputs).all(|(value, input)| value.shape == input.dims())
    }

    pub(super) fn lowered(&self) -> &Lowered {
        &self.lowered
    }

    /// Inputs of the right shapes, `f32` on the device.
    pub(super) fn run(&mut self, inputs: &[&Tensor], after: &(dyn Fn(usize) + Sync)) -> Result<Vec<Tensor>> {
        let gpu = gpu(&self.lowered.device)?;
        self.follow(&gpu)?;
        if self.arena.is_none() {
            self.arena = Some(Arena::new(&gpu, self.lowered.arena).map_err(wrong)?);
        }
        let Some(arena) = &self.arena else { return Ok(Vec::new()) };
        for (value, input) in self.lowered.inputs.iter().zip(inputs) {
            value.put(&gpu, arena, &input.contiguous()?)?;
        }
        let is_warm = self.warm == Some(std::thread::current().id());
        if self.lowered.captures && is_warm && self.graph.is_none() && !self.is_refused {
            let steps = &self.lowered.steps;
            let launch = || steps.iter().try_for_each(|step| step.0(&gpu, arena));
            self.graph = Captured::new(&gpu, wrong, launch).ok();
            self.is_refused = self.graph.is_none();
        }
        match &mut self.graph {
            Some(graph) => {
                graph.launch().map_err(wrong)?;
                (0..self.lowered.steps.len()).for_each(after);
            }
            None => {
                for (index, step) in self.lowered.steps.iter().enumerate() {
                    step.0(&gpu, arena)?;
                    after(index);
                }
                self.warm = Some(std::thread::current().id());
            }
        }
        let outputs = self.lowered.outputs.iter().map(|value| value.get(&gpu, &self.lowered.device, arena));
        let outputs = outputs.collect::<candle_core::Result<_>>()?;
        self.last = Some((std::thread::current().id(), Moment::now(&gpu).map_err(wrong)?));
        Ok(outputs)
    }

    /// The same, of values on the host.
    pub(super) fn run_slices(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Result<()> {
        let device = Device::Cuda(self.lowered.device.clone());
        let tensors = self.lowered.inputs.iter().zip(inputs);
        let tensors = tensors
            .map(|(value, values)| Tensor::from_slice(values, value.shape.as_slice(), &device))
            .collect::<candle_core::Result<Vec<_>>>()?;
        let results = self.run(&tensors.iter().collect::<Vec<_>>(), &|_| {})?;
        for (result, output) in results.iter().zip(outputs) {
            output.copy_from_slice(&result.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(())
    }

    /// What a run is, for the table.
    pub(super) fn how(&self) -> &'static str {
        if self.lowered.captures && !self.is_refused { "CUDA, as a graph" } else { "CUDA" }
    }

    /// Waits for the last run where that was on another thread, whose stream is another.
    fn follow(&self, gpu: &Gpu) -> Result<()> {
        match &self.last {
            Some((thread, moment)) if *thread != std::thread::current().id() => {
                Ok(moment.wait(gpu).map_err(wrong)?)
            }
            _ => Ok(()),
        }
    }
}

impl Lowered {
    pub(super) fn memory(&self) -> Memory {
        let weights = self.rows.iter().map(|row| row.weight_bytes).sum();
        Memory { weights, activations: self.arena, scratch: 0 }
    }

    /// Of the inputs and of the outputs.
    pub(super) fn shapes(&self) -> [Vec<&[usize]>; 2] {
        [&self.inputs, &self.outputs]
            .map(|values| values.iter().map(|value| value.shape.as_slice()).collect())
    }
}

fn wrong(error: cnn_cuda::Error) -> candle_core::Error {
    candle_core::Error::wrap(error)
}
