//! Convolutions, there and back.

use cnn_kernels::blocked::training::{
    ActivationGradient, ChannelSums, DepthwiseWeightGradient, Parameter, WeightGradient,
};
use cnn_kernels::blocked::{
    Activation as Function, Algorithm, ConvStep, Depthwise, Interleave, Late, Pad, Repack, View,
};
use cnn_kernels::conv::Conv;
use cnn_kernels::simd::LANES;
use cnn_kernels::window::Span;

use super::Back;
use super::builder::{Builder, Form, Offsets, Slot, sizes};
use super::fuse::Node;
use crate::error::Result;
use crate::layers;
use crate::ops::conv::conv2d_sizes;
use crate::plan::fused::by_model_packing;

/// The sizes of a convolution that has kernels here; none of one whose way back is no convolution.
pub(super) fn fits(layer: &layers::Conv2d, input: &[usize], wants: bool) -> Result<Option<Conv>> {
    let config = layer.config();
    let conv = conv2d_sizes(input, layer.weight().dims(), &config.window(), config.groups)?;
    let back = !wants || Transpose::of(conv).is_some();
    Ok(back.then_some(conv))
}

fn is_depthwise(conv: &Conv) -> bool {
    conv.groups > 1 && Depthwise::fits(conv)
}

fn algorithm(builder: &Builder<'_>, conv: &Conv) -> Algorithm {
    if is_depthwise(conv) || builder.is_exact { Algorithm::Direct } else { by_model_packing(conv) }
}

/// Packs a convolution's weights, where the step that follows finds them.
pub(super) fn repack(builder: &mut Builder<'_>, conv: Conv, weight: Parameter, view: View) -> Slot {
    let target = builder.target;
    if is_depthwise(&conv) {
        let slot = builder.slot(Repack::depthwise_len(conv.in_channels, conv.taps()));
        builder
            .step(&[slot], move |at| Repack::depthwise(target, conv.in_channels, view, weight, at.of(slot)));
        return slot;
    }
    let algorithm = algorithm(builder, &conv);
    let slot = builder.slot(Repack::packed_len(&conv, algorithm));
    builder.step(&[slot], move |at| {
        let plain = ConvStep::takes_plain(&conv);
        Repack::new(target, &conv, algorithm, plain, view, weight, at.of(slot))
    });
    slot
}

/// What a convolution reads and where its packed weights are.
pub(super) struct Run {
    pub(super) conv: Conv,
    pub(super) input: Form,
    pub(super) weights: Slot,
    pub(super) bias: Option<Slot>,
    pub(super) activation: Option<Function>,
    /// Added to what it gives.
    pub(super) residual: Option<Slot>,
    pub(super) output: Slot,
}

pub(super) fn run(builder: &mut Builder<'_>, run: Run) {
    let Run { conv, input, weights, bias, activation, residual, output } = run;
    let target = builder.target;
    let shapes = [
        [conv.in_channels, conv.rows.input(), conv.columns.input()],
        [conv.out_channels, conv.rows.output(), conv.columns.output()],
    ];
    let mut slots = vec![weights, output];
    if let Form::Map(slot) | Form::Plain(slot) = input {
        slots.push(slot);
    }
    slots.extend(bias);
    slots.extend(residual);
    let late =
        move |at: &Offsets| Late { weights: at.of(weights), bias: bias.map(|bias| at.of(bias)), activation };
    if is_depthwise(&conv) {
        let Form::Map(input) = input else { unreachable!("depthwise convolutions read maps") };
        builder.step(&slots, move |at| {
            let residual = residual.map(|slot| at.map(slot, shapes[1]));
            let [x, y] = [at.map(input, shapes[0]), at.map(output, shapes[1])];
            Depthwise::late(target, conv, late(at), x, residual, y)
        });
    } else {
        let algorithm = algorithm(builder, &conv);
        builder.step(&slots, move |at| {
            let residual = residual.map(|slot| at.map(slot, shapes[1]));
            let (x, y) = (at.input(input, shapes[0]), at.map(output, shapes[1]));
            ConvStep::late(target, conv, algorithm, late(at), x, residual, y)
        });
    }
}

/// A bias in whole blocks.
pub(super) fn pad(builder: &mut Builder<'_>, bias: Parameter) -> Slot {
    let slot = builder.slot(bias.1.next_multiple_of(LANES));
    builder.step(&[slot], move |at| Pad::new(bias, at.of(slot)));
    slot
}

/// The way there; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder<'_>,
    node: &Node,
    layer: &layers::Conv2d,
    conv: Conv,
    activation: Option<Function>,
    x: usize,
) -> Result<(usize, Back)> {
    let weight = builder.parameter(layer.weight())?;
    let bias = layer.bias().map(|bias| builder.parameter(bias)).transpose()?;
    let plain = conv.groups == 1 && ConvStep::takes_plain(&conv);
    let input = if plain { builder.as_plain(x) } else { Form::Map(builder.as_map(x)) };
    let wants = builder.values[x].wants;
    let weights = repack(builder, conv, weight, View::of(&conv));
    let padded = bias.map(|bias| pad(builder, bias));
    let shape = sizes(&node.shape);
    let output = builder.map_slot(shape);
    run(builder, Run { conv, input, weights, bias: padded, activation, residual: None, output });
    let learns = builder.is_learned(weight) || bias.is_some_and(|bias| builder.is_learned(bias));
    let value = builder.value(&node.shape, Form::Map(output), wants || learns);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_map(value) else { return Ok(()) };
            let grad = before_end(builder, End { shape, activation, bias, output }, grad)?;
            if let Some(to) = builder.gradient_of(weight)? {
                weight_gradient(builder, conv, input, grad, to);
            }
            if wants {
                input_gradient(builder, conv, weight, grad, x);
            }
            Ok(())
        }),
    ))
}

/// What a convolution ends with.
pub(super) struct End {
    pub(super) shape: [usize; 3],
    pub(super) activation: Option<Function>,
    pub(super) bias: Option<Parameter>,
    pub(super) output: Slot,
}

/// The gradient of a convolution's sums, given that of what it gives; that of its bias.
pub(super) fn before_end(builder: &mut Builder<'_>, end: End, behind: Slot) -> Result<Slot> {
    let End { shape, activation, bias, output } = end;
    let (target, batch) = (builder.target, builder.batch);
    let mut grad = behind;
    if let Some(activation) = activation {
        grad = builder.map_slot(shape);
        builder.step(&[output, behind, grad], move |at| {
            let [y, behind, to] = [output, behind, grad].map(|slot| at.map(slot, shape));
            ActivationGradient::new(target, batch, activation, y, behind, to)
        });
    }
    if let Some(bias) = bias
        && let Some(to) = builder.gradient_of(bias)?
    {
        builder.step(&[grad], move |at| ChannelSums::new(target, batch, at.map(grad, shape), None, to));
    }
    Ok(grad)
}

pub(super) fn weight_gradient(builder: &mut Builder<'_>, conv: Conv, input: Form, grad: Slot, to: Parameter) {
    let target = builder.target;
    let x_shape = [conv.in_channels, conv.rows.input(), conv.columns.input()];
    let y_shape = [conv.out_channels, conv.rows.output(), conv.columns.output()];
    let mut slots = vec![grad];
    if let Form::Map(slot) | Form::Plain(slot) = input {
        slots.push(slot);
    }
    match input {
        Form::Map(input) if is_depthwise(&conv) => builder.step(&slots, move |at| {
            let (x, grad) = (at.map(input, x_shape), at.map(grad, y_shape));
            DepthwiseWeightGradient::new(target, conv, x, grad, to)
        }),
        _ => builder.step(&slots, move |at| {
            WeightGradient::new(target, conv, at.input(input, x_shape), at.map(grad, y_shape), to)
        }),
    }
}

/// What one remainder of an axis modulo the stride is, of the gradient of a convolution's input.
#[derive(Clone)]
enum Phase {
    /// No tap reaches it: zeros.
    Nothing,
    /// An axis of stride 1 over the gradient of the output, and its taps.
    Part(Span, Vec<usize>),
}

/// All remainders of an axis. None where the padding takes more than the taps put there, or where there are fewer
/// values than the stride.
fn phases(span: Span) -> Option<Vec<Phase>> {
    let reached = |phase: usize| {
        (0..span.kernel()).any(|tap| {
            let place = (tap * span.dilation()) as isize - span.before() as isize;
            place.rem_euclid(span.stride() as isize) == phase as isize
        })
    };
    let phase = |phase: usize| match span.transposed_phase(phase) {
        Some((part, taps)) => Some(Phase::Part(part, taps.collect())),
        None if !reached(phase) && phase < span.input() => Some(Phase::Nothing),
        None => None,
    };
    (0..span.stride()).map(phase).collect()
}

/// The transpose of a convolution: a convolution for each remainder modulo the stride.
pub(super) struct Transpose {
    conv: Conv,
    phases: [Vec<Phase>; 2],
}

impl Transpose {
    /// None where it is no convolutions.
    pub(super) fn of(conv: Conv) -> Option<Self> {
        Some(Self { conv, phases: [phases(conv.rows)?, phases(conv.columns)?] })
    }

    /// Whether every value that it gives is a sum.
    pub(super) fn is_full(&self) -> bool {
        self.phases.iter().flatten().all(|phase| matches!(phase, Phase::Part(..)))
    }

    /// Whether there is one convolution.
    fn is_one(&self) -> bool {
        self.conv.rows.stride() == 1 && self.conv.columns.stride() == 1
    }

    /// Whether it reads plain values.
    pub(super) fn takes_plain(&self) -> bool {
        let Conv { in_channels, out_channels, .. } = self.conv;
        ConvStep::takes_plain(&Conv { in_channels: out_channels, out_channels: in_channels, ..self.conv })
    }

    /// Its steps, with the convolution's weight, and a bias and an activation, if it [is full](Self::is_full); a map is
    /// added if it is one convolution. Gives the map that it writes.
    pub(super) fn emit(
        self,
        builder: &mut Builder<'_>,
        weight: Parameter,
        input: Form,
        end: (Option<Slot>, Option<Function>),
        residual: Option<Slot>,
    ) -> Slot {
        let conv = self.conv;
        let steps = [conv.rows.stride(), conv.columns.stride()];
        let is_one = self.is_one();
        let mut maps = Vec::new();
        let [down, across] = &self.phases;
        for (rows, columns) in down.iter().flat_map(|rows| across.iter().map(move |columns| (rows, columns)))
        {
            let (Phase::Part(rows, down), Phase::Part(columns, across)) = (rows, columns) else {
                maps.push(None);
                continue;
            };
            let part = Conv {
                batch: conv.batch,
                in_channels: conv.out_channels,
                out_channels: conv.in_channels,
                groups: conv.groups,
                rows: *rows,
                columns: *columns,
            };
            let weights = repack(builder, part, weight, View::transposed(&conv, down, across));
            let shape = [part.out_channels, rows.output(), columns.output()];
            let output = builder.map_slot(shape);
            let (bias, activation) = end;
            run(builder, Run { conv: part, input, weights, bias, activation, residual, output });
            if is_one {
                return output;
            }
            maps.push(Some((output, shape)));
        }
        let shape = [conv.in_channels, conv.rows.input(), conv.columns.input()];
        let (target, batch, output) = (builder.target, builder.batch, builder.map_slot(shape));
        let slots: Vec<Slot> = maps.iter().flatten().map(|(slot, _)| *slot).chain([output]).collect();
        builder.step(&slots, move |at| {
            let maps = maps.into_iter().map(|map| map.map(|(slot, shape)| at.map(slot, shape))).collect();
            Interleave::new(target, batch, steps, maps, [None; 2], None, at.map(output, shape))
        });
        output
    }
}

/// The gradient of what a convolution reads.
fn input_gradient(builder: &mut Builder<'_>, conv: Conv, weight: Parameter, grad: Slot, x: usize) {
    let Some(transpose) = Transpose::of(conv) else { unreachable!("`fits` looked at it") };
    // Few channels are read row-major.
    let input = if transpose.takes_plain() {
        builder.form_plain(grad, [conv.out_channels, conv.rows.output(), conv.columns.output()])
    } else {
        Form::Map(grad)
    };
    // What others gave is added where there is nothing to put together.
    let is_one = transpose.is_one();
    let so_far = if is_one { builder.gradient_map(x) } else { None };
    let form = Form::Map(transpose.emit(builder, weight, input, (None, None), so_far));
    if is_one {
        builder.set_gradient(x, form);
    } else {
        builder.add_gradient(x, form);
    }
}
