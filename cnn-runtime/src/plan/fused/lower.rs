//! Tasks as kernels, with their weights packed.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::{Device, Storage, Tensor};
use cnn_kernels::blocked::{
    Combine, ConvInput, ConvStep, Depthwise, Foreign, Lend, Linear, Move, Place, Pool, Program, Step, Weight,
};
use cnn_kernels::simd::Isa;

use super::choose::Chooser;
use super::describe::{self, Row};
use super::fuse::{self, Fused, Kind, Node};
use super::layout::{self, Schedule, Spot, Task, What};
use crate::error::Result;
use crate::plan::{CompileOptions, Graph, Precision};
use crate::value::{Operation, Value};
use crate::weights::Deferred;

/// A program and what it is made of.
#[derive(Debug)]
pub(in crate::plan) struct Lowered {
    pub(in crate::plan) program: Program,
    pub(in crate::plan) rows: Vec<Row>,
    /// With the batch.
    pub(in crate::plan) inputs: Vec<Vec<usize>>,
    pub(in crate::plan) outputs: Vec<Vec<usize>>,
}

/// Compiles a recorded graph.
pub(in crate::plan) fn lower(
    graph: &Graph,
    options: &CompileOptions,
    threads: usize,
    deferred: Option<&Deferred>,
) -> Result<Lowered> {
    let isa = Isa::best();
    let fused = fuse::fuse(graph)?;
    let schedule = layout::schedule(&fused, options.batch);
    let mut lowering = Lowering {
        isa,
        fused: &fused,
        schedule: &schedule,
        batch: options.batch,
        threads,
        deferred,
        precision: options.precision,
        chooser: Chooser::new(isa, threads, options.precision, options.tuning),
    };
    let mut steps = Vec::with_capacity(schedule.tasks.len());
    let mut rows = Vec::with_capacity(schedule.tasks.len());
    for task in &schedule.tasks {
        let step = lowering.task(task)?;
        rows.push(describe::row(&fused, task, step.as_ref()));
        steps.push(step);
    }
    let shape_of = |node: usize| fused.nodes[node].shape.clone();
    let mut inputs: Vec<(usize, Vec<usize>)> = fused
        .nodes
        .iter()
        .filter_map(|node| match node.kind {
            Kind::Input(index) => Some((index, node.shape.clone())),
            _ => None,
        })
        .collect();
    inputs.sort();
    let inputs: Vec<Vec<usize>> = inputs.into_iter().map(|(_, shape)| shape).collect();
    let outputs: Vec<Vec<usize>> = fused.outputs.iter().map(|&node| shape_of(node)).collect();
    let lengths = |shapes: &[Vec<usize>]| shapes.iter().map(|shape| shape.iter().product()).collect();
    let program =
        Program::new(steps, options.batch, lengths(&inputs), lengths(&outputs), schedule.arena, threads);
    Ok(Lowered { program, rows, inputs, outputs })
}

struct Lowering<'f> {
    isa: Isa,
    fused: &'f Fused,
    schedule: &'f Schedule,
    batch: usize,
    threads: usize,
    deferred: Option<&'f Deferred>,
    precision: Precision,
    chooser: Chooser,
}

impl Lowering<'_> {
    fn task(&mut self, task: &Task) -> Result<Box<dyn Step>> {
        match task.what {
            What::Copy { shape, from, to, .. } => {
                let source = self.place(task.reads[0], from);
                let target = self.place(task.writes, to);
                Ok(Box::new(Move::new(self.batch, shape, source, target)))
            }
            What::Node(index) => self.node(&self.fused.nodes[index], task),
        }
    }

    fn place(&self, spot: Spot, channel: usize) -> Place {
        match self.schedule.map(spot) {
            Some(map) => Place::Map(map, channel),
            None => Place::Plain(self.plain(spot)),
        }
    }

    fn map(&self, spot: Spot) -> cnn_kernels::blocked::Map {
        self.schedule.map(spot).expect("layout made it a map")
    }

    fn plain(&self, spot: Spot) -> cnn_kernels::blocked::Plain {
        self.schedule.plain(spot).expect("layout made it plain")
    }

    fn node(&mut self, node: &Node, task: &Task) -> Result<Box<dyn Step>> {
        let (isa, batch, threads) = (self.isa, self.batch, self.threads);
        Ok(match &node.kind {
            Kind::Conv(conv) => self.conv(conv, task)?,
            Kind::Linear(linear) => {
                let bias = linear.affine.shift.as_deref().map(to_f32);
                let [inputs, outputs] = linear.features;
                let weight = self.weight(&linear.weight, linear.affine.scale.as_deref(), inputs)?;
                let (x, y) = (self.plain(task.reads[0]), self.plain(task.writes));
                let features = [inputs, outputs];
                let linear = Linear::new(
                    isa,
                    features,
                    batch,
                    weight,
                    bias.as_deref(),
                    linear.activation,
                    threads,
                    x,
                    y,
                );
                Box::new(linear)
            }
            Kind::Pool { kind, spans } => {
                let (x, y) = (self.map(task.reads[0]), self.map(task.writes));
                Box::new(Pool::new(isa, *kind, *spans, batch, threads, x, y))
            }
            Kind::Combine { operator, affine, activation } => {
                let second = operator.map(|operator| (operator, self.map(task.reads[1])));
                let (scale, shift) =
                    (affine.scale.as_deref().map(to_f32), affine.shift.as_deref().map(to_f32));
                Box::new(Combine::new(
                    isa,
                    batch,
                    threads,
                    self.map(task.reads[0]),
                    second,
                    scale.as_deref(),
                    shift.as_deref(),
                    *activation,
                    self.map(task.writes),
                ))
            }
            Kind::Eager(operation) => self.eager(operation, node, task),
            Kind::Input(_) | Kind::Concat | Kind::Slice(_) | Kind::Flatten => {
                unreachable!("layout makes no task of it")
            }
        })
    }

    fn conv(&mut self, conv: &fuse::Conv, task: &Task) -> Result<Box<dyn Step>> {
        let (isa, threads) = (self.isa, self.threads);
        let geometry = conv.geometry;
        let bias = conv.affine.shift.as_deref().map(to_f32);
        let y = self.map(task.writes);
        let residual = task.reads.get(1).map(|&spot| self.map(spot));
        let algorithm = self.chooser.algorithm(&geometry);
        self.values(&conv.weight, |weight| -> Box<dyn Step> {
            let (scale, bias) = (conv.affine.scale.as_deref(), bias.as_deref());
            if Depthwise::fits(&geometry) && geometry.groups > 1 {
                let x = self.map(task.reads[0]);
                Box::new(Depthwise::new(
                    isa,
                    geometry,
                    weight,
                    scale,
                    bias,
                    conv.activation,
                    threads,
                    x,
                    residual,
                    y,
                ))
            } else {
                let input = if ConvStep::takes_plain(&geometry) {
                    ConvInput::Plain(self.plain(task.reads[0]))
                } else {
                    ConvInput::Map(self.map(task.reads[0]))
                };
                Box::new(ConvStep::new(
                    isa,
                    geometry,
                    algorithm,
                    weight,
                    scale,
                    bias,
                    conv.activation,
                    threads,
                    input,
                    residual,
                    y,
                ))
            }
        })
    }

    /// The values of a weight, where they are: in the network or in its file.
    fn values<T>(&self, tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
        match self.deferred {
            Some(deferred) if deferred.names.contains_key(&tensor.id()) => match deferred.with(tensor, f) {
                Some(result) => result,
                None => Err(candle_core::Error::Msg("compile: a weight has no values".into()).into()),
            },
            _ => with_values(tensor, f),
        }
    }

    /// The weight of a fully connected layer: the network's own values, where nothing changes them.
    fn weight(&self, tensor: &Tensor, scale: Option<&[f64]>, each: usize) -> Result<Weight> {
        if scale.is_none() && self.precision != Precision::Bf16 {
            if let Some(lent) = self.deferred.and_then(|deferred| deferred.lend(tensor)) {
                return Ok(Weight::Shared(lent?));
            }
            if tensor.is_contiguous() {
                return Ok(Weight::Shared(Arc::new(Lent(tensor.clone()))));
            }
        }
        self.values(tensor, |values| {
            let values = scaled(values, scale, each);
            match self.precision {
                Precision::Bf16 => Weight::bf16(&values),
                _ => Weight::Shared(Arc::new(values.into_owned())),
            }
        })
    }

    /// An operation that is run as the network itself would run it.
    fn eager(&self, operation: &Operation, node: &Node, task: &Task) -> Box<dyn Step> {
        let len = |shape: &[usize]| shape.iter().skip(1).product::<usize>();
        let span = |spot, len| self.schedule.span(spot, len).expect("layout left no gap");
        let shapes: Vec<Vec<usize>> =
            node.inputs.iter().map(|&input| self.fused.nodes[input].shape.clone()).collect();
        let inputs = task.reads.iter().zip(&shapes).map(|(&spot, shape)| span(spot, len(shape))).collect();
        let output = span(task.writes, len(&node.shape));
        let operation = operation.clone();
        let name = operation.name();
        Box::new(Foreign::new(name, inputs, output, move |inputs, output| {
            let mut run = || -> candle_core::Result<()> {
                let tensors: Vec<Tensor> = inputs
                    .iter()
                    .zip(&shapes)
                    .map(|(values, shape)| Tensor::from_slice(values, shape.as_slice(), &Device::Cpu))
                    .collect::<candle_core::Result<_>>()?;
                let references: Vec<&Tensor> = tensors.iter().collect();
                let result = <Tensor as Value>::apply(&operation, &references)?;
                let values = result.flatten_all()?.to_vec1::<f32>()?;
                output.copy_from_slice(&values);
                Ok(())
            };
            run().map_err(|error| error.to_string())
        }))
    }
}

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// Rows of `each` values, times a factor each.
fn scaled<'v>(values: &'v [f32], scale: Option<&[f64]>, each: usize) -> Cow<'v, [f32]> {
    let Some(scale) = scale else { return Cow::Borrowed(values) };
    let rows = values.chunks(each).zip(scale);
    Cow::Owned(
        rows.flat_map(|(row, &factor)| row.iter().map(move |&x| (f64::from(x) * factor) as f32)).collect(),
    )
}

/// A contiguous tensor of `f32` on the CPU.
struct Lent(Tensor);

impl Lend for Lent {
    fn lend(&self, f: &mut dyn FnMut(&[f32])) {
        // What it says it cannot fail at: `Lowering::weight` called it once.
        let _ = with_values(&self.0, |values| f(values));
    }
}

/// The values of a tensor, where they are.
fn with_values<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(candle_core::Error::Msg("compile: a weight is not on the CPU".into()).into());
    };
    let values = storage.as_slice::<f32>()?;
    let start = layout.start_offset();
    Ok(f(&values[start..start + layout.shape().elem_count()]))
}
