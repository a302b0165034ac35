//! Training steps on CUDA devices: forward and backward as launches over one stretch of device memory, with channels last,
//! repeated as CUDA graphs. Parameters are read where the network has them; what a step needs of them in another order or element
//! type is made anew in each.

mod arrange;
mod builder;
mod conv;
mod elements;
mod emit;
mod factors;
mod linear;
mod norm;
mod norms;
mod run;
mod tapes;

use std::fmt;
use std::thread::ThreadId;

use candle_core::{CudaDevice, CudaStorage, Shape, Storage, Tensor, Var, op::BackpropOp};
use cnn_cuda::norm_last::Pixels;
use cnn_cuda::source::Scalar;
use cnn_cuda::tensor::{self, gpu};
use cnn_cuda::{Arena, Captured, Gpu, In, Moment, Out, Part};

use super::wrong;
use crate::error::Result;
use crate::layers;
use crate::params::State;
use crate::plan::training::fuse::Recorded;
use crate::plan::{CompileOptions, Precision, Tuning};
use builder::{Builder, Built};
use run::{Map, Run, Segment, Slot};
use tapes::Tapes;

/// Emits the way back through a layer.
type Back = Box<dyn FnOnce(&mut Builder) -> Result<()>>;

/// A batch norm whose running statistics are to be moved.
struct Statistics {
    layer: layers::BatchNorm2d,
    /// Mean and biased variance.
    moments: [Slot; 2],
    pixels: Pixels,
}

/// A training step for batches of one size: launches, and the memory of its runs.
pub(in crate::plan) struct Training {
    device: CudaDevice,
    /// Whether products of `f32` may round their factors to TF32.
    tf32: bool,
    built: Built,
    /// What was captured of each segment of each way.
    graphs: [Vec<Graph>; 2],
    /// The thread that ran a way before: there kernels are compiled and loaded, and libraries have their handles.
    warm: [Option<ThreadId>; 2],
    statistics: Vec<Statistics>,
    tapes: Tapes,
    inputs: Vec<Map>,
    output: Map,
    /// The gradient of the output.
    behind: Map,
    /// The gradient of each input; empty where they are not computed.
    input_gradients: Vec<Option<Map>>,
    memory: Option<Memory>,
    /// Those of the last way back, which have memory of their own.
    gradients: Vec<Tensor>,
    /// When the last way ended, and on which thread's stream.
    last: Option<(ThreadId, Moment)>,
}

/// A stretch of steps, to be repeated at once.
enum Graph {
    /// It did not run often enough.
    Open,
    Captured(Captured),
    /// The driver could not capture it: it is launched as in the first run.
    Refused,
}

struct Memory {
    arena: Arena,
    gradients: Arena,
    /// Where the parameters were: graphs have their addresses.
    addresses: Vec<u64>,
}

impl Training {
    /// # Errors
    /// What has no way back here; what the driver says.
    pub(in crate::plan) fn new(
        device: &CudaDevice,
        state: &State,
        options: &CompileOptions,
        Recorded { nodes, output, shapes }: Recorded<'_>,
    ) -> Result<Self> {
        let (scalar, tf32) = match options.precision {
            Precision::Bf16 => (Scalar::Bf16, false),
            other => (Scalar::F32, other == Precision::Tf32),
        };
        let tensor_cores = tf32 || scalar == Scalar::Bf16;
        let gpu = gpu(device)?.with_tf32(tf32);
        let mut builder = Builder::new(gpu, scalar, tensor_cores, state)?;
        builder.wants_inputs = options.input_gradients;
        builder.measures = options.tuning == Tuning::Measured;
        let (mut values, mut backs, mut statistics) = (Vec::new(), Vec::new(), Vec::new());
        let mut inputs: Vec<(usize, usize)> = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if let Some(input) = emit::input(&mut builder, nodes, index) {
                inputs.push((input, builder.values.len() - 1));
                values.push(builder.values.len() - 1);
                continue;
            }
            let inputs: Vec<usize> = node.inputs.iter().map(|&input| values[input]).collect();
            let (value, back) = emit::layer(&mut builder, node, &inputs, &mut statistics)?;
            // What nothing before it wants a gradient of has no way back.
            backs.extend(back.filter(|_| builder.values[value].wants));
            values.push(value);
        }
        inputs.sort_unstable();
        let output = values[output];
        // Behind the way there its output is read, and statistics are.
        let moments = statistics.iter().flat_map(|statistics: &Statistics| statistics.moments);
        builder.hold([builder.values[output].slot].into_iter().chain(moments).collect());
        let backward = builder.len();
        let shape = builder.values[output].shape.clone();
        let behind = builder.map_slot(&shape);
        builder.hold(vec![behind]);
        builder.set_gradient(output, behind);
        for back in backs.into_iter().rev() {
            back(&mut builder)?;
        }
        let of = |builder: &Builder, value: usize| builder.values[value].clone();
        let mut input_gradients = Vec::new();
        if options.input_gradients {
            let given = |&(_, value): &(usize, usize)| {
                builder.gradient(value).map(|slot| Map { slot, ..of(&builder, value) })
            };
            input_gradients = inputs.iter().map(given).collect();
        }
        builder.hold(input_gradients.iter().flatten().map(|map| map.slot).collect());
        debug_assert_eq!(inputs.len(), shapes.len(), "inputs of a recording");
        let inputs = inputs.iter().map(|&(_, value)| of(&builder, value)).collect();
        let output = of(&builder, output);
        let built = builder.finish(backward);
        Ok(Self {
            device: device.clone(),
            tf32,
            graphs: [&built.segments[0], &built.segments[1]]
                .map(|way| way.iter().map(|_| Graph::Open).collect()),
            built,
            warm: [None; 2],
            statistics,
            tapes: Tapes::default(),
            inputs,
            behind: Map { slot: behind, pitch: super::value::planes_of(&shape).channels, ..output.clone() },
            output,
            input_gradients,
            memory: None,
            gradients: Vec::new(),
            last: None,
        })
    }

    /// The way there, of `f32` on the device; running statistics stay.
    pub(in crate::plan) fn there(&mut self, inputs: &[Tensor], after: &dyn Fn(usize)) -> Result<Tensor> {
        self.run(0, after, |this, run| {
            this.inputs.iter().zip(inputs).try_for_each(|(map, input)| run.put(map, input))
        })?;
        self.with_memory(|this, run| run.tensor(&this.output))
    }

    /// Moves the running statistics towards those of the last batch.
    pub(in crate::plan) fn observe(&mut self) -> Result<()> {
        self.with_memory(|this, run| {
            for Statistics { layer, moments: [mean, variance], pixels } in &this.statistics {
                let [running_mean, running_var] = layer.running();
                let name = "running statistics";
                let mut running =
                    [tensor::write(run.gpu, name, running_mean)?, tensor::write(run.gpu, name, running_var)?];
                let (mean, variance) = (run.read(*mean)?, run.read(*variance)?);
                let momentum = layer.config().momentum;
                pixels.observe(run.gpu, [&mean, &variance], running.each_mut(), momentum).map_err(wrong)?;
            }
            Ok(())
        })
    }

    /// The way back, given the gradient of the output.
    pub(in crate::plan) fn back(&mut self, gradient: &Tensor, after: &dyn Fn(usize)) -> Result<()> {
        self.run(1, after, |this, run| run.put(&this.behind, gradient))?;
        let all = self.with_memory(|this, run| this.all_gradients(run.gpu, run.gradients))?;
        let places = self.built.layout.gradients();
        let of = |(index, range): (usize, std::ops::Range<usize>)| {
            // The layer may see the variable in another shape.
            let learned = &self.built.learned[index];
            let dims = learned.var.as_ref().map_or_else(|| learned.tensor.dims(), |var| var.dims());
            all.narrow(0, range.start, range.len())?.reshape(dims)
        };
        self.gradients = places.map(of).collect::<candle_core::Result<_>>()?;
        Ok(())
    }

    /// A copy of all gradients, which the next way back leaves as it is.
    fn all_gradients(&self, gpu: &Gpu, from: &Arena) -> candle_core::Result<Tensor> {
        let len = self.built.layout.bytes[1] / Scalar::F32.bytes();
        let mut values = gpu.allocate::<f32>(len.max(1)).map_err(wrong)?;
        if len > 0 {
            let from = from.read(gpu, Part { offset: 0, len, scalar: Scalar::F32 }).map_err(wrong)?;
            Out::new(gpu, values.as_view_mut()).copy(gpu, &from).map_err(wrong)?;
        }
        let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(values, self.device.clone()));
        Ok(Tensor::from_storage(storage, Shape::from(len.max(1)), BackpropOp::none(), false))
    }

    /// The variables that learn, and after a way back their gradients.
    pub(in crate::plan) fn learned(&self) -> impl Iterator<Item = (&Var, Option<&Tensor>)> {
        let places = self.built.layout.gradients().enumerate();
        places.filter_map(|(place, (index, _))| {
            Some((self.built.learned[index].var.as_ref()?, self.gradients.get(place)))
        })
    }

    /// The gradient of an input, which is zero where the output does not depend on it.
    pub(in crate::plan) fn input_gradient(&mut self, input: usize) -> Option<Result<Tensor>> {
        let map = self.input_gradients.get(input)?.clone();
        let shape = self.inputs.get(input)?.shape.clone();
        Some(match map {
            Some(map) => self.with_memory(|_, run| run.tensor(&map)),
            None => {
                let device = candle_core::Device::Cuda(self.device.clone());
                Tensor::zeros(shape, candle_core::DType::F32, &device).map_err(Into::into)
            }
        })
    }

    /// Bytes of activations, sums and gradients.
    pub(in crate::plan) fn bytes(&self) -> usize {
        self.built.layout.bytes.iter().sum()
    }

    /// The steps, there and back.
    pub(in crate::plan) fn steps(&self) -> &[String] {
        &self.built.names
    }

    /// Waits until the device has done what it was told.
    pub(in crate::plan) fn waits(&self) -> impl Fn() + Sync + use<> {
        use candle_core::backend::BackendDevice as _;
        let device = self.device.clone();
        // What went wrong the next call says.
        move || drop(device.synchronize())
    }

    /// Calls `f` with the memory, which is asked for in the first run.
    fn with_memory<T>(&mut self, f: impl FnOnce(&Self, &Run<'_>) -> candle_core::Result<T>) -> Result<T> {
        let gpu = gpu(&self.device)?.with_tf32(self.tf32);
        self.follow(&gpu)?;
        let Some(memory) = self.memory.take() else {
            return Err(candle_core::Error::Msg("a step of a plan that did not run".to_owned()).into());
        };
        let run = Run {
            gpu: &gpu,
            device: &self.device,
            arena: &memory.arena,
            layout: &self.built.layout,
            parameters: &[],
            gradients: &memory.gradients,
        };
        let done = f(self, &run);
        self.memory = Some(memory);
        let result = done?;
        self.last = Some((std::thread::current().id(), Moment::now(&gpu).map_err(wrong)?));
        Ok(result)
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

    /// A run of a way, after `begin`; `after` is called with the number of each step that was launched.
    fn run(
        &mut self,
        way: usize,
        after: &dyn Fn(usize),
        begin: impl FnOnce(&Self, &Run<'_>) -> candle_core::Result<()>,
    ) -> Result<()> {
        let gpu = gpu(&self.device)?.with_tf32(self.tf32);
        self.follow(&gpu)?;
        let memory = match self.memory.take() {
            Some(memory) => memory,
            None => {
                let [arena, gradients] = self.built.layout.bytes;
                let [arena, gradients] = [Arena::new(&gpu, arena), Arena::new(&gpu, gradients)];
                Memory {
                    arena: arena.map_err(wrong)?,
                    gradients: gradients.map_err(wrong)?,
                    addresses: Vec::new(),
                }
            }
        };
        let done = self.run_in(way, &gpu, &memory, after, begin);
        let addresses = done.as_ref().ok().cloned().unwrap_or_default();
        self.memory = Some(Memory { addresses, ..memory });
        done?;
        self.warm[way] = Some(std::thread::current().id());
        self.last = Some((std::thread::current().id(), Moment::now(&gpu).map_err(wrong)?));
        Ok(())
    }

    /// Gives the addresses of the parameters.
    fn run_in(
        &mut self,
        way: usize,
        gpu: &Gpu,
        memory: &Memory,
        after: &dyn Fn(usize),
        begin: impl FnOnce(&Self, &Run<'_>) -> candle_core::Result<()>,
    ) -> candle_core::Result<Vec<u64>> {
        // Until they are dropped, all that is launched waits for what wrote the parameters, and is waited for.
        let tensors: Vec<Tensor> = self.built.learned.iter().map(|learned| learned.tensor.clone()).collect();
        let storages: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
        let mut parameters: Vec<In<'_>> = Vec::with_capacity(storages.len());
        for (storage, layout) in &storages {
            let Storage::Cuda(storage) = &**storage else {
                candle_core::bail!("a parameter is on another device")
            };
            parameters.push(tensor::read(gpu, "parameter", storage, layout)?);
        }
        let addresses: Vec<u64> = parameters.iter().map(In::address).collect();
        if addresses != memory.addresses {
            self.graphs.iter_mut().flatten().for_each(|graph| *graph = Graph::Open);
        }
        let mut tapes = std::mem::take(&mut self.tapes);
        let mut graphs = std::mem::take(&mut self.graphs[way]);
        let run = Run {
            gpu,
            device: &self.device,
            arena: &memory.arena,
            layout: &self.built.layout,
            parameters: &parameters,
            gradients: &memory.gradients,
        };
        let done = begin(self, &run).and_then(|()| self.segments(way, &run, &mut tapes, &mut graphs, after));
        (self.tapes, self.graphs[way]) = (tapes, graphs);
        done.map(|()| addresses)
    }

    fn segments(
        &self,
        way: usize,
        run: &Run<'_>,
        tapes: &mut Tapes,
        graphs: &mut [Graph],
        after: &dyn Fn(usize),
    ) -> candle_core::Result<()> {
        for (segment, graph) in self.built.segments[way].iter().zip(graphs) {
            let range = match segment {
                Segment::Steps(range) => range.clone(),
                Segment::Host(act) => {
                    act(run, tapes)?;
                    continue;
                }
            };
            let steps = &self.built.steps[range.clone()];
            let is_warm = self.warm[way] == Some(std::thread::current().id());
            if is_warm && matches!(graph, Graph::Open) {
                let launch = || steps.iter().try_for_each(|step| step(run));
                let captured = Captured::new(run.gpu, wrong, launch);
                *graph = captured.map_or(Graph::Refused, Graph::Captured);
            }
            match graph {
                Graph::Captured(graph) => {
                    graph.launch().map_err(wrong)?;
                    range.for_each(after);
                }
                Graph::Open | Graph::Refused => {
                    for (index, step) in range.zip(steps) {
                        step(run)?;
                        after(index);
                    }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Training {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |of: fn(&Graph) -> bool| self.graphs.iter().flatten().filter(|graph| of(graph)).count();
        f.debug_struct("Training")
            .field("steps", &self.built.names.len())
            .field("captured", &count(|graph| matches!(graph, Graph::Captured(_))))
            .field("refused", &count(|graph| matches!(graph, Graph::Refused)))
            .finish_non_exhaustive()
    }
}
