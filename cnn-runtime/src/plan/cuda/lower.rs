//! The fused graph as launches.

use candle_core::{CudaDevice, Result as CandleResult, Tensor};
use cnn_cuda::conv::Epilogue;
use cnn_cuda::conv_last::Planned;
use cnn_cuda::elementwise::{self, Ending};
use cnn_cuda::layout::{self, Channels, Spread};
use cnn_cuda::source::Scalar;
use cnn_cuda::tensor::gpu;
use cnn_cuda::{Arena, Gpu, Part, linear, pool};
use cnn_kernels::blocked::{Activation, Operator, PoolKind};
use cnn_kernels::linear::Linear as LinearSizes;
use cnn_kernels::pool::{Adaptive, Pool};

use super::native::{self, ends, host};
use super::value::{Stored, Value, planes_of, read};
use super::{Lowered, Step, wrong};
use crate::error::{Error, Result};
use crate::plan::fused::{self, Affine, Block, Fused, Kind, Node, Row, place};
use crate::plan::{CompileOptions, Precision, Tuning};
use crate::value::{Operation, Value as Apply};

/// Bytes that the arena is counted in.
const UNIT: usize = 16;

pub(super) fn lower(
    name: &str,
    device: &CudaDevice,
    fused: &Fused,
    options: &CompileOptions,
) -> Result<Lowered> {
    let scalar = match options.precision {
        Precision::F32 | Precision::Exact | Precision::Tf32 => Scalar::F32,
        Precision::Bf16 => Scalar::Bf16,
        Precision::Bf16Linear => {
            let reason =
                "`Precision::Bf16Linear` is of plans on the CPU; on CUDA there are F32, Tf32 and Bf16";
            return Err(Error::Compile { network: name.to_owned(), reason: reason.to_owned() });
        }
    };
    let lowering = Lowering {
        gpu: gpu(device)?.with_tf32(options.precision == Precision::Tf32),
        device,
        tensor_cores: matches!(options.precision, Precision::Tf32 | Precision::Bf16),
        scalar,
        measures: options.tuning == Tuning::Measured,
        fused,
        scratch_at: 0,
    };
    let (values, arena) = lowering.values();
    let lowering = Lowering { scratch_at: arena, ..lowering };
    let (mut steps, mut rows, mut captures, mut scratch) = (Vec::new(), Vec::new(), true, 0);
    for &index in &fused.order {
        let node = &fused.nodes[index];
        let inputs: Vec<Value> = node.inputs.iter().map(|&input| values[input].clone()).collect();
        let Some(Emitted { step, algorithm, weight_bytes, scratch_bytes, is_candles }) =
            lowering.emit(node, &inputs, &values[index])?
        else {
            continue;
        };
        captures &= !is_candles;
        scratch = scratch.max(scratch_bytes);
        steps.push(step);
        let (layers, output, macs) = (node.layers.clone(), node.shape.clone(), node.macs());
        rows.push(Row { layers, output, algorithm, weight_bytes, macs });
    }
    let mut inputs: Vec<(usize, Value)> = Vec::new();
    for (node, value) in fused.nodes.iter().zip(&values) {
        if let Kind::Input(index) = node.kind {
            inputs.push((index, value.clone()));
        }
    }
    inputs.sort_by_key(|&(index, _)| index);
    Ok(Lowered {
        device: device.clone(),
        steps,
        inputs: inputs.into_iter().map(|(_, value)| value).collect(),
        outputs: fused.outputs.iter().map(|&output| values[output].clone()).collect(),
        arena: arena + scratch,
        rows,
        captures,
    })
}

struct Lowering<'f> {
    gpu: Gpu,
    device: &'f CudaDevice,
    scalar: Scalar,
    tensor_cores: bool,
    /// Whether kernels are chosen by measurements.
    measures: bool,
    fused: &'f Fused,
    /// The bytes of the arena before what steps have for themselves, one after the other.
    scratch_at: usize,
}

/// A step and what is said about it.
struct Emitted {
    step: Step,
    algorithm: String,
    weight_bytes: usize,
    /// Memory that it needs beside the values.
    scratch_bytes: usize,
    /// Whether candle does it, which cannot be captured.
    is_candles: bool,
}

impl Emitted {
    fn new(
        algorithm: impl Into<String>,
        step: impl Fn(&Gpu, &Arena) -> CandleResult<()> + Send + Sync + 'static,
    ) -> Self {
        let step = Step(Box::new(step));
        Self { step, algorithm: algorithm.into(), weight_bytes: 0, scratch_bytes: 0, is_candles: false }
    }
}

/// A factor and a term for each channel on the device, and a function.
struct End {
    scale: Option<Stored>,
    term: Option<Stored>,
    ending: Ending,
}

impl End {
    /// Calls `f` with the values.
    fn with<T>(
        &self,
        gpu: &Gpu,
        f: impl FnOnce(layout::Affine<'_>) -> cnn_cuda::Result<T>,
    ) -> CandleResult<T> {
        let (scale, term) = (read(self.scale.as_ref(), gpu)?, read(self.term.as_ref(), gpu)?);
        f(layout::Affine { scale: scale.as_ref(), term: term.as_ref(), ending: self.ending }).map_err(wrong)
    }
}

fn ending(activation: Option<Activation>) -> Ending {
    activation.map_or(Ending::NONE, Into::into)
}

impl Lowering<'_> {
    /// Where each value stands, and the bytes of all.
    fn values(&self) -> (Vec<Value>, usize) {
        let nodes = &self.fused.nodes;
        let end = self.fused.order.len() + 1;
        let mut blocks = vec![Block { len: 0, first: 0, last: 0 }; nodes.len()];
        let pitches: Vec<usize> = (0..nodes.len()).map(|index| self.pitch(index)).collect();
        for (step, &index) in self.fused.order.iter().enumerate() {
            let planes = planes_of(&nodes[index].shape);
            let bytes = planes.batch * planes.plane * pitches[index] * self.scalar.bytes();
            // Inputs are there from the beginning.
            let first = if matches!(nodes[index].kind, Kind::Input(_)) { 0 } else { step + 1 };
            blocks[index] = Block { len: bytes.div_ceil(UNIT), first, last: first };
            for &input in &nodes[index].inputs {
                blocks[input].last = step + 1;
            }
        }
        for &output in &self.fused.outputs {
            blocks[output].last = end;
        }
        let (offsets, whole) = place(&blocks);
        let values = nodes.iter().zip(offsets).zip(pitches).map(|((node, offset), pitch)| {
            let planes = planes_of(&node.shape);
            let len = planes.batch * planes.plane * pitch;
            Value {
                shape: node.shape.clone(),
                part: Part { offset: offset * UNIT, len, scalar: self.scalar },
                pitch,
            }
        });
        (values.collect(), whole * UNIT)
    }

    /// Values of a pixel: inputs that only convolutions on tensor cores read are padded to whole chunks.
    fn pitch(&self, index: usize) -> usize {
        let node = &self.fused.nodes[index];
        let channels = planes_of(&node.shape).channels;
        let mut readers = self.fused.nodes.iter().filter(|reader| reader.inputs.contains(&index)).peekable();
        let by_convolutions = readers.peek().is_some()
            && readers.all(|reader| match &reader.kind {
                Kind::Conv(conv) => conv.geometry.groups == 1 && reader.inputs[0] == index,
                _ => false,
            });
        let is_output = self.fused.outputs.contains(&index);
        if self.tensor_cores && matches!(node.kind, Kind::Input(_)) && by_convolutions && !is_output {
            channels.next_multiple_of(UNIT / self.scalar.bytes())
        } else {
            channels
        }
    }

    fn store(&self, scalar: Scalar, values: &[f32]) -> Result<Stored> {
        Ok(Stored::new(&self.gpu, scalar, values)?)
    }

    /// Factors, terms or biases, which are not rounded to the maps' type.
    fn numbers(&self, values: &[f64]) -> Result<Stored> {
        let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
        self.store(self.scalar.of_parameters(), &values)
    }

    fn end(&self, affine: &Affine, activation: Option<Activation>) -> Result<End> {
        let store =
            |values: &Option<Vec<f64>>| values.as_deref().map(|values| self.numbers(values)).transpose();
        Ok(End { scale: store(&affine.scale)?, term: store(&affine.shift)?, ending: ending(activation) })
    }

    /// The step of a node; none for inputs.
    fn emit(&self, node: &Node, inputs: &[Value], output: &Value) -> Result<Option<Emitted>> {
        let y = output.clone();
        let x = inputs.first().cloned();
        let emitted = match (&node.kind, x) {
            (Kind::Input(_), _) => return Ok(None),
            (Kind::Conv(conv), Some(x)) => self.conv(conv, x, inputs.get(1).cloned(), y)?,
            (Kind::Linear(linear), Some(x)) => self.linear(linear, x, y)?,
            (Kind::Pool { kind, spans: [rows, columns] }, Some(x)) => {
                let channels = x.planes().channels;
                let planes = x.planes().batch * channels;
                let kind = *kind;
                let windows = Pool { planes, rows: *rows, columns: *columns };
                let bins = Adaptive {
                    planes,
                    input: [rows.input(), columns.input()],
                    output: [rows.output(), columns.output()],
                };
                Emitted::new("windows", move |gpu, arena| {
                    let (from, mut to) = ends(gpu, arena, &x, &y)?;
                    match kind {
                        PoolKind::Max => pool::max(gpu, &windows, channels, &from, &mut to),
                        PoolKind::Mean => pool::average(gpu, &windows, channels, false, &from, &mut to),
                        PoolKind::MeanWithPadding => {
                            pool::average(gpu, &windows, channels, true, &from, &mut to)
                        }
                        PoolKind::Adaptive => pool::adaptive_average(gpu, &bins, channels, &from, &mut to),
                    }
                    .map_err(wrong)
                })
            }
            (Kind::Combine { operator, affine, activation }, Some(x)) => {
                let end = self.end(affine, *activation)?;
                let other = inputs.get(1).cloned();
                let operator = operator.map(|operator| match operator {
                    Operator::Add => layout::Operator::Add,
                    Operator::Multiply => layout::Operator::Multiply,
                });
                Emitted::new("value by value", move |gpu, arena| {
                    let (from, mut to) = ends(gpu, arena, &x, &y)?;
                    let other =
                        other.as_ref().map(|other| arena.read(gpu, other.part).map_err(wrong)).transpose()?;
                    let other = operator.zip(other.as_ref());
                    end.with(gpu, |affine| layout::combine(gpu, &x.planes(), &from, other, affine, &mut to))
                })
            }
            (Kind::Interleave { steps, affine, activation }, Some(_)) => {
                let end = self.end(affine, *activation)?;
                let (parts, steps) = (inputs.to_vec(), *steps);
                Emitted::new("rows and columns", move |gpu, arena| {
                    let planes = y.planes();
                    let mut to = arena.write(gpu, y.part).map_err(wrong)?;
                    for (index, part) in parts.iter().enumerate() {
                        let spread = Spread {
                            maps: [planes.batch, planes.channels],
                            part: [part.shape[2], part.shape[3]],
                            whole: [y.shape[2], y.shape[3]],
                            steps,
                            first: [index / steps[1], index % steps[1]],
                        };
                        let from = arena.read(gpu, part.part).map_err(wrong)?;
                        end.with(gpu, |affine| layout::spread(gpu, &spread, &from, affine, &mut to))?;
                    }
                    Ok(())
                })
            }
            (Kind::Concat, Some(_)) => {
                let parts = inputs.to_vec();
                Emitted::new("copies", move |gpu, arena| {
                    let mut to = arena.write(gpu, y.part).map_err(wrong)?;
                    let mut first = 0;
                    for part in &parts {
                        let planes = part.pixels();
                        let from = arena.read(gpu, part.part).map_err(wrong)?;
                        let [source, target] = [
                            Channels { pitch: planes.channels, first: 0 },
                            Channels { pitch: y.pitch, first },
                        ];
                        let sizes = [planes.batch, planes.channels];
                        layout::copy_channels(gpu, sizes, (&from, source), (&mut to, target))
                            .map_err(wrong)?;
                        first += planes.channels;
                    }
                    Ok(())
                })
            }
            (&Kind::Slice(first), Some(x)) => Emitted::new("copies", move |gpu, arena| {
                let (from, mut to) = ends(gpu, arena, &x, &y)?;
                let sizes = [y.pixels().batch, y.pixels().channels];
                let [source, target] =
                    [Channels { pitch: x.pitch, first }, Channels { pitch: y.pitch, first: 0 }];
                layout::copy_channels(gpu, sizes, (&from, source), (&mut to, target)).map_err(wrong)
            }),
            (Kind::Flatten, Some(x)) => Emitted::new("rows", move |gpu, arena| {
                let (from, mut to) = ends(gpu, arena, &x, &y)?;
                layout::flatten(gpu, &x.planes(), x.pitch, &from, &mut to).map_err(wrong)
            }),
            (Kind::Eager(operation), Some(_)) => self.eager(operation, inputs, y)?,
            (Kind::Carried, _) | (_, None) => {
                return Err(candle_core::Error::Msg("a step of a plan has no input".to_owned()).into());
            }
        };
        Ok(Some(emitted))
    }

    fn conv(&self, conv: &fused::Conv, x: Value, residual: Option<Value>, y: Value) -> Result<Emitted> {
        let way = if self.measures { Planned::measured } else { Planned::new };
        let planned = way(&self.gpu, &conv.geometry, self.scalar, x.pitch, self.tensor_cores);
        let planned = planned.map_err(wrong)?;
        let mut weight = host(&conv.weight)?;
        if let Some(phase) = &conv.phase {
            weight = phase.weight(&weight);
        }
        scale_rows(&mut weight, conv.affine.scale.as_deref());
        let weight = self.store(self.scalar, &planned.pack(&weight).map_err(wrong)?)?;
        let bias = conv.affine.shift.as_deref().map(|shift| self.numbers(shift)).transpose()?;
        let ending = ending(conv.activation);
        let weight_bytes = planned.weight_len() * self.scalar.bytes();
        let (numbers, len) = (self.scalar.of_parameters(), planned.sums_len());
        let sums = (len > 0).then_some(Part { offset: self.scratch_at, len, scalar: numbers });
        let scratch_bytes = len * numbers.bytes();
        let emitted = Emitted::new(planned.algorithm(), move |gpu, arena| {
            let (from, mut to) = ends(gpu, arena, &x, &y)?;
            let bias = read(bias.as_ref(), gpu)?;
            let residual =
                residual.as_ref().map(|value| arena.read(gpu, value.part).map_err(wrong)).transpose()?;
            let epilogue = Epilogue { bias: bias.as_ref(), residual: residual.as_ref(), ending };
            let weight = weight.read(gpu)?;
            let mut sums = sums.map(|part| arena.write(gpu, part).map_err(wrong)).transpose()?;
            planned.run(gpu, &from, &weight, epilogue, sums.as_mut(), &mut to).map_err(wrong)
        });
        Ok(Emitted { weight_bytes, scratch_bytes, ..emitted })
    }

    fn linear(&self, layer: &fused::Linear, x: Value, y: Value) -> Result<Emitted> {
        let [inputs, outputs] = layer.features;
        let sizes = LinearSizes { batch: y.shape[0], inputs, outputs };
        let mut weight = host(&layer.weight)?;
        scale_rows(&mut weight, layer.affine.scale.as_deref());
        let weight_bytes = weight.len() * self.scalar.bytes();
        let weight = self.store(self.scalar, &weight)?;
        let bias = layer.affine.shift.as_deref().map(|shift| self.numbers(shift)).transpose()?;
        let ending = ending(layer.activation);
        let tf32 = self.tensor_cores && self.scalar == Scalar::F32;
        let emitted = Emitted::new("cuBLAS", move |gpu, arena| {
            let gpu = &gpu.clone().with_tf32(tf32);
            let (from, mut to) = ends(gpu, arena, &x, &y)?;
            let weight = weight.read(gpu)?;
            linear::forward(gpu, &sizes, &from, &weight, &mut to).map_err(wrong)?;
            let bias = read(bias.as_ref(), gpu)?;
            elementwise::end_in_place(gpu, &y.planes(), bias.as_ref(), None, ending, &mut to).map_err(wrong)
        });
        Ok(Emitted { weight_bytes, ..emitted })
    }

    /// What is not fused: by a kernel, or by the operation on tensors.
    fn eager(&self, operation: &Operation, inputs: &[Value], y: Value) -> Result<Emitted> {
        if let Some((step, algorithm)) = native::step(&self.gpu, operation, inputs, &y)? {
            let algorithm = algorithm.to_owned();
            return Ok(Emitted { step, algorithm, weight_bytes: 0, scratch_bytes: 0, is_candles: false });
        }
        let (operation, inputs, device) = (operation.clone(), inputs.to_vec(), self.device.clone());
        let emitted = Emitted::new("on tensors", move |gpu, arena| {
            let tensors = inputs
                .iter()
                .map(|value| value.get(gpu, &device, arena))
                .collect::<CandleResult<Vec<_>>>()?;
            let result = <Tensor as Apply>::apply(&operation, &tensors.iter().collect::<Vec<_>>())?;
            y.put(gpu, arena, &result.contiguous()?)
        });
        Ok(Emitted { is_candles: true, ..emitted })
    }
}

/// Multiplies each output's part of a weight.
fn scale_rows(weight: &mut [f32], scale: Option<&[f64]>) {
    let Some(scale) = scale else { return };
    let row = weight.len() / scale.len().max(1);
    for (row, factor) in weight.chunks_exact_mut(row.max(1)).zip(scale) {
        row.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
    }
}
