//! Tasks as kernels, with their weights packed.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use cnn_kernels::blocked::{
    Buffer, Combine, ConvInput, ConvStep, Depthwise, Foreign, Interleave, Layer, Lend, Linear, Map, Move,
    Place, Plain, Pool, Program, Step, Target, Weight, to_bf16,
};
use cnn_kernels::simd::{Isa, LANES};

use super::choose::Chooser;
use super::describe::{self, Row};
use super::fuse::{self, Fused, Kind, Node};
use super::layout::{self, Schedule, Spot, Task, What};
use super::plain::{self, ByParts};
use crate::error::Result;
use crate::plan::stored::with_values;
use crate::plan::{CompileOptions, Memory, Precision};
use crate::value::{Operation, Value};
use crate::weights::Deferred;

/// Runs of fewer multiply-accumulates take one thread: they end before another would have woken up.
const SERIAL_MACS: usize = 2_000_000;

/// A program, or two of which the second goes on with what the first hands on, and what they are made of.
#[derive(Debug)]
pub(in crate::plan) struct Lowered {
    pub(in crate::plan) parts: Vec<Program>,
    /// Values that are handed on.
    pub(in crate::plan) handed_on: usize,
    pub(in crate::plan) target: Target,
    /// Of all parts.
    pub(in crate::plan) rows: Vec<Row>,
    /// How many of the rows are computed sample by sample.
    pub(in crate::plan) in_turns: usize,
    /// With the batch.
    pub(in crate::plan) inputs: Vec<Vec<usize>>,
    pub(in crate::plan) outputs: Vec<Vec<usize>>,
}

impl Lowered {
    pub(in crate::plan) fn memory(&self) -> Memory {
        let bytes = self.parts.iter().map(Program::workspace_bytes);
        let [activations, scratch] = bytes.fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
        let weights = self.rows.iter().map(|row| row.weight_bytes).sum();
        Memory { weights, activations: activations + 4 * self.handed_on, scratch }
    }

    /// This and what goes on with it.
    pub(in crate::plan) fn then(self, next: Self) -> Self {
        let handed_on = self.outputs.iter().map(|shape| blocks_len(shape)).sum();
        let (mut parts, mut rows) = (self.parts, self.rows);
        parts.extend(next.parts);
        rows.extend(next.rows);
        Self { parts, rows, handed_on, outputs: next.outputs, ..self }
    }
}

/// Values of maps of this shape.
fn blocks_len(shape: &[usize]) -> usize {
    shape.iter().enumerate().map(|(i, &n)| if i == 1 { n.next_multiple_of(LANES) } else { n }).product()
}

/// Compiles a fused graph, which is run so many times for a batch.
pub(in crate::plan) fn lower(
    fused: &Fused,
    options: &CompileOptions,
    turns: usize,
    deferred: Option<&Deferred>,
) -> Result<Lowered> {
    let macs = fused.nodes.iter().map(Node::macs).fold(0, usize::saturating_add);
    let most = options.threads.unwrap_or_else(rayon::current_num_threads);
    let target = Target { isa: Isa::best(), threads: if macs < SERIAL_MACS { 1 } else { most } };
    let schedule = layout::schedule(fused, options.batch);
    let mut lowering = Lowering {
        target,
        fused,
        schedule: &schedule,
        batch: options.batch,
        deferred,
        precision: options.precision,
        chooser: Chooser::new(target, options.precision, options.tuning),
    };
    let mut steps = Vec::with_capacity(schedule.tasks.len());
    let mut rows = Vec::with_capacity(schedule.tasks.len());
    for task in &schedule.tasks {
        let step = lowering.task(task)?;
        let mut row = describe::row(fused, task, step.as_ref());
        row.output[0] *= turns;
        row.macs = row.macs.saturating_mul(turns);
        rows.push(row);
        steps.push(step);
    }
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
    let outputs: Vec<Vec<usize>> =
        fused.outputs.iter().map(|&node| fused.nodes[node].shape.clone()).collect();
    let carried = fused.nodes.iter().filter(|node| matches!(node.kind, Kind::Carried));
    let len = |shape: &Vec<usize>| shape.iter().product();
    let program = Program::new(
        steps,
        options.batch,
        carried.map(|node| blocks_len(&node.shape)).chain(inputs.iter().map(len)).collect(),
        outputs.iter().map(|shape| if fused.hands_on { blocks_len(shape) } else { len(shape) }).collect(),
        schedule.arena,
        target.threads,
    );
    let all = |mut shapes: Vec<Vec<usize>>| {
        shapes.iter_mut().for_each(|shape| shape[0] *= turns);
        shapes
    };
    Ok(Lowered {
        parts: vec![program.in_turns(turns)],
        handed_on: 0,
        target,
        in_turns: if turns > 1 { rows.len() } else { 0 },
        rows,
        inputs: all(inputs),
        outputs: all(outputs),
    })
}

struct Lowering<'f> {
    target: Target,
    fused: &'f Fused,
    schedule: &'f Schedule,
    batch: usize,
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
            What::Carry(index) => {
                let whole = |spot| match self.place(spot, 0) {
                    Place::Plain(plain) => Place::Blocks(plain),
                    map => map,
                };
                let &[_, c, h, w] = self.fused.nodes[index].shape.as_slice() else {
                    unreachable!("only maps are carried")
                };
                Ok(Box::new(Move::new(self.batch, [c, h, w], whole(task.reads[0]), whole(task.writes))))
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

    fn map(&self, spot: Spot) -> Map {
        self.schedule.map(spot).expect("layout made it a map")
    }

    fn plain(&self, spot: Spot) -> Plain {
        self.schedule.plain(spot).expect("layout made it plain")
    }

    fn node(&mut self, node: &Node, task: &Task) -> Result<Box<dyn Step>> {
        let (target, batch) = (self.target, self.batch);
        Ok(match &node.kind {
            Kind::Conv(conv) => self.conv(conv, task)?,
            Kind::Linear(linear) => {
                let bias = linear.affine.shift.as_deref().map(to_f32);
                let weight = self.weight(linear)?;
                let places = [self.plain(task.reads[0]), self.plain(task.writes)];
                let (features, activation) = (linear.features, linear.activation);
                Box::new(Linear::new(target, features, batch, weight, bias.as_deref(), activation, places))
            }
            Kind::Pool { kind, spans } => {
                let (x, y) = (self.map(task.reads[0]), self.map(task.writes));
                Box::new(Pool::new(target, *kind, *spans, batch, x, y))
            }
            Kind::Combine { operator, affine, activation } => {
                let second = operator.map(|operator| (operator, self.map(task.reads[1])));
                let (x, y) = (self.map(task.reads[0]), self.map(task.writes));
                let [scale, shift] = rounded(affine);
                let affine = [scale.as_deref(), shift.as_deref()];
                Box::new(Combine::new(target, batch, x, second, affine, *activation, y))
            }
            Kind::Interleave { steps, affine, activation } => {
                let maps = task.reads.iter().map(|&spot| Some(self.map(spot))).collect();
                let [scale, shift] = rounded(affine);
                let affine = [scale.as_deref(), shift.as_deref()];
                let y = self.map(task.writes);
                Box::new(Interleave::new(target, batch, *steps, maps, affine, *activation, y))
            }
            Kind::Eager(operation) => self.elsewhere(operation, node, task)?,
            Kind::Input(_) | Kind::Carried | Kind::Concat | Kind::Slice(_) | Kind::Flatten => {
                unreachable!("layout makes no task of it")
            }
        })
    }

    fn conv(&mut self, conv: &fuse::Conv, task: &Task) -> Result<Box<dyn Step>> {
        let (target, geometry) = (self.target, conv.geometry);
        let bias = conv.affine.shift.as_deref().map(to_f32);
        let (x, y) = (task.reads[0], self.map(task.writes));
        let residual = task.reads.get(1).map(|&spot| self.map(spot));
        let algorithm = self.chooser.algorithm(&geometry);
        self.values(&conv.weight, |weight| -> Box<dyn Step> {
            let weight = &*match &conv.phase {
                Some(phase) => Cow::Owned(phase.weight(weight)),
                None => Cow::Borrowed(weight),
            };
            let (scale, bias) = (conv.affine.scale.as_deref(), bias.as_deref());
            let layer = Layer { weight, scale, bias, activation: conv.activation };
            if Depthwise::fits(&geometry) && geometry.groups > 1 {
                return Box::new(Depthwise::new(target, geometry, &layer, self.map(x), residual, y));
            }
            let input = if ConvStep::takes_plain(&geometry) {
                ConvInput::Plain(self.plain(x))
            } else {
                ConvInput::Map(self.map(x))
            };
            Box::new(ConvStep::new(target, geometry, algorithm, &layer, input, residual, y))
        })
    }

    /// The values of a weight, where they are: in the network or in its file.
    fn values<T>(&self, tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
        match self.deferred.and_then(|deferred| deferred.find(tensor)) {
            Some(place) => place.with(f),
            None => Ok(with_values(tensor, f)?),
        }
    }

    /// The weight of a fully connected layer: that of the network, if nothing changes it.
    fn weight(&self, linear: &fuse::Linear) -> Result<Weight> {
        let (tensor, scale) = (&linear.weight, linear.affine.scale.as_deref());
        let halves = self.precision.halves_linear();
        if let Some(scale) = scale {
            return self.values(tensor, |values| {
                let values = scaled(values, scale, linear.features[0]);
                if halves { Weight::bf16(&values) } else { Weight::f32(&values) }
            });
        }
        match self.deferred.and_then(|deferred| deferred.find(tensor)) {
            Some(place) if halves => {
                let mut weight = Buffer::zeros(tensor.elem_count());
                place.each(|first, values| to_bf16(values, &mut weight[first..][..values.len()]))?;
                Ok(Weight::Bf16(Arc::new(weight)))
            }
            Some(place) => {
                let mut weight = Buffer::zeros(tensor.elem_count());
                place.each(|first, values| weight[first..][..values.len()].copy_from_slice(values))?;
                Ok(Weight::Shared(Arc::new(weight)))
            }
            None if halves => Ok(with_values(tensor, Weight::bf16)?),
            None => Ok(Weight::Shared(Arc::new(Lent(tensor.contiguous()?)))),
        }
    }

    /// An operation without a kernel on blocks: on row-major values, or as the network itself would run it.
    fn elsewhere(&self, operation: &Operation, node: &Node, task: &Task) -> Result<Box<dyn Step>> {
        let len = |shape: &[usize]| shape.iter().skip(1).product::<usize>();
        let span = |spot, len| self.schedule.span(spot, len).expect("layout left no gap");
        let shapes: Vec<Vec<usize>> =
            node.inputs.iter().map(|&input| self.fused.nodes[input].shape.clone()).collect();
        let inputs = task.reads.iter().zip(&shapes).map(|(&spot, shape)| span(spot, len(shape))).collect();
        let output = span(task.writes, len(&node.shape));
        let operation = operation.clone();
        let name = operation.name();
        if let Some(ByParts { part, function }) = plain::by_parts(&operation, &shapes, &node.shape)? {
            return Ok(Box::new(Foreign::by_parts(name, inputs, output, part, function)));
        }
        Ok(Box::new(Foreign::new(name, inputs, output, move |inputs, output| {
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
        })))
    }
}

fn rounded(affine: &fuse::Affine) -> [Option<Vec<f32>>; 2] {
    [&affine.scale, &affine.shift].map(|values| values.as_deref().map(to_f32))
}

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// Rows of `each` values, times a factor each.
fn scaled(values: &[f32], scale: &[f64], each: usize) -> Vec<f32> {
    let rows = values.chunks(each).zip(scale);
    rows.flat_map(|(row, &factor)| row.iter().map(move |&x| (f64::from(x) * factor) as f32)).collect()
}

/// A contiguous tensor of `f32` on the CPU.
struct Lent(Tensor);

impl Lend for Lent {
    fn lend(&self, f: &mut dyn FnMut(&[f32])) {
        // What it says it cannot fail at: `Lowering::weight` called it once.
        let _ = with_values(&self.0, |values| f(values));
    }
}
