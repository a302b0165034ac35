//! Convolutions and transposed ones, there and back: what is the way there of one is the way back of the other.

use cnn_cuda::conv::Epilogue;
use cnn_cuda::conv_last::{Planned, Transposed, WeightGradient};
use cnn_cuda::elementwise::{self, Ending};
use cnn_cuda::norm_last::Behind;
use cnn_cuda::{Gpu, In, Out};
use cnn_kernels::blocked::Activation as Function;
use cnn_kernels::conv::Conv;

use super::Back;
use super::builder::Builder;
use super::run::{Map, Parameter, Slot};
use crate::error::Result;
use crate::layers;
use crate::ops::conv::{conv_transpose2d_sizes, conv2d_sizes};
use crate::plan::cuda::wrong;
use crate::plan::training::fuse::Node;

/// A weight's gradient by the gradient of what a convolution gave and what it read: in this order or the other.
#[derive(Clone, Copy)]
struct WeightSides {
    read: Slot,
    gave: Slot,
    /// Values of a pixel that was read.
    pitch: usize,
}

/// The way there; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder,
    node: &Node,
    layer: &layers::Conv2d,
    activation: Option<Function>,
    x: usize,
) -> Result<(usize, Back)> {
    let config = layer.config();
    let map = builder.values[x].clone();
    let conv = conv2d_sizes(&map.shape, layer.weight().dims(), &config.window(), config.groups)?;
    let weight = builder.parameter(layer.weight())?;
    let bias = layer.bias().map(|bias| builder.parameter(bias)).transpose()?;
    let output = builder.map_slot(&node.shape);
    let planned = builder.planned(&conv, map.pitch)?;
    emit(builder, planned, weight, map.slot, (bias, ending(activation), None), output);
    let learns = builder.is_learned(weight) || bias.is_some_and(|bias| builder.is_learned(bias));
    let value = builder.value(&node.shape, output, map.wants || learns);
    Ok((
        value,
        Box::new(move |builder: &mut Builder| {
            let Some(grad) = builder.gradient(value) else { return Ok(()) };
            let grad = before_end(builder, value, (activation, bias), grad)?;
            weight_gradient(
                builder,
                &conv,
                weight,
                WeightSides { read: map.slot, gave: grad, pitch: map.pitch },
            )?;
            if map.wants {
                let (to, so_far) = (builder.map_slot(&map.shape), builder.gradient(x));
                let transposed = Transposed::new(&builder.gpu, &conv, builder.scalar, builder.tensor_cores)
                    .map_err(wrong)?;
                // What others gave is added on the way.
                let end = (None, Ending::NONE, so_far);
                emit(builder, transposed, weight, grad, end, to);
                builder.set_gradient(x, to);
            }
            Ok(())
        }),
    ))
}

/// The way there of a transposed convolution; its result is the way back.
pub(super) fn transposed(
    builder: &mut Builder,
    node: &Node,
    layer: &layers::ConvTranspose2d,
    activation: Option<Function>,
    x: usize,
) -> Result<(usize, Back)> {
    let config = layer.config();
    let map = builder.values[x].clone();
    let extra = config.output_padding;
    let dims = layer.weight().dims();
    let conv = conv_transpose2d_sizes(&map.shape, dims, &config.window(), extra, config.groups)?;
    let weight = builder.parameter(layer.weight())?;
    let bias = layer.bias().map(|bias| builder.parameter(bias)).transpose()?;
    let output = builder.map_slot(&node.shape);
    let there = builder.transposed(&conv)?;
    emit(builder, there, weight, map.slot, (bias, ending(activation), None), output);
    let learns = builder.is_learned(weight) || bias.is_some_and(|bias| builder.is_learned(bias));
    let value = builder.value(&node.shape, output, map.wants || learns);
    Ok((
        value,
        Box::new(move |builder: &mut Builder| {
            let Some(grad) = builder.gradient(value) else { return Ok(()) };
            let grad = before_end(builder, value, (activation, bias), grad)?;
            let sides = WeightSides { read: grad, gave: map.slot, pitch: conv.in_channels };
            weight_gradient(builder, &conv, weight, sides)?;
            if map.wants {
                let (to, so_far) = (builder.map_slot(&map.shape), builder.gradient(x));
                let back = builder.planned(&conv, conv.in_channels)?;
                emit(builder, back, weight, grad, (None, Ending::NONE, so_far), to);
                builder.set_gradient(x, to);
            }
            Ok(())
        }),
    ))
}

/// How a layer is computed: by rule, or by measurements.
impl Builder {
    fn planned(&self, conv: &Conv, pitch: usize) -> Result<Planned> {
        let way = if self.measures { Planned::measured } else { Planned::new };
        Ok(way(&self.gpu, conv, self.scalar, pitch, self.tensor_cores).map_err(wrong)?)
    }

    fn transposed(&self, conv: &Conv) -> Result<Transposed> {
        let way = if self.measures { Transposed::measured } else { Transposed::new };
        Ok(way(&self.gpu, conv, self.scalar, self.tensor_cores).map_err(wrong)?)
    }

    fn weight_gradient(&self, conv: &Conv, pitch: usize) -> Result<WeightGradient> {
        let way = if self.measures { WeightGradient::measured } else { WeightGradient::new };
        Ok(way(&self.gpu, conv, self.scalar, pitch, self.tensor_cores).map_err(wrong)?)
    }
}

pub(super) fn ending(activation: Option<Function>) -> Ending {
    activation.map_or(Ending::NONE, Into::into)
}

/// What follows a product: biases, a function and a map that is added before that.
type End = (Option<Parameter>, Ending, Option<Slot>);

/// A convolution or the transpose of one, as it is launched.
trait Way: Clone + Send + Sync + 'static {
    const NAME: &'static str;

    /// Values of the packed weight, and numbers that the sums are made in.
    fn lens(&self) -> [usize; 2];

    fn algorithm(&self) -> String;

    fn pack(&self, gpu: &Gpu, weight: &In<'_>, to: &mut Out<'_>) -> cnn_cuda::Result<()>;

    fn launch(
        &self,
        gpu: &Gpu,
        inputs: [&In<'_>; 2],
        epilogue: Epilogue<'_>,
        sums: Option<&mut Out<'_>>,
        y: &mut Out<'_>,
    ) -> cnn_cuda::Result<()>;
}

macro_rules! ways {
    ($($type:ident: $name:literal;)+) => {
        $(impl Way for $type {
            const NAME: &'static str = $name;

            fn lens(&self) -> [usize; 2] {
                [self.weight_len(), self.sums_len()]
            }

            fn algorithm(&self) -> String {
                self.algorithm()
            }

            fn pack(&self, gpu: &Gpu, weight: &In<'_>, to: &mut Out<'_>) -> cnn_cuda::Result<()> {
                self.pack_on(gpu, weight, to)
            }

            fn launch(
                &self,
                gpu: &Gpu,
                [x, weight]: [&In<'_>; 2],
                epilogue: Epilogue<'_>,
                sums: Option<&mut Out<'_>>,
                y: &mut Out<'_>,
            ) -> cnn_cuda::Result<()> {
                self.run(gpu, x, weight, epilogue, sums, y)
            }
        })+
    };
}

ways! {
    Planned: "convolution";
    Transposed: "transposed convolution";
}

/// The steps of one, from one slot to another: the weight in the order of the kernel, and the products.
fn emit<W: Way>(
    builder: &mut Builder,
    way: W,
    weight: Parameter,
    from: Slot,
    (bias, ending, residual): End,
    to: Slot,
) {
    let [weight_len, sums_len] = way.lens();
    let packed = builder.values_slot(weight_len);
    let (name, pack) = (format!("{}, {}", W::NAME, way.algorithm()), way.clone());
    builder.step("weight", &[packed], move |run| {
        pack.pack(run.gpu, run.parameter(weight), &mut run.write(packed)?).map_err(wrong)
    });
    let sums = (sums_len > 0).then(|| builder.numbers_slot(sums_len));
    let slots: Vec<Slot> = [from, packed, to].into_iter().chain(residual).chain(sums).collect();
    builder.step(name, &slots, move |run| {
        let residual = residual.map(|slot| run.read(slot)).transpose()?;
        let bias = bias.map(|bias| run.parameter(bias));
        let epilogue = Epilogue { bias, residual: residual.as_ref(), ending };
        let mut sums = sums.map(|slot| run.write(slot)).transpose()?;
        let (x, weight, mut y) = (run.read(from)?, run.read(packed)?, run.write(to)?);
        way.launch(run.gpu, [&x, &weight], epilogue, sums.as_mut(), &mut y).map_err(wrong)
    });
}

/// The gradient of a layer's sums, given that of what it gives behind its function; that of its bias.
pub(super) fn before_end(
    builder: &mut Builder,
    value: usize,
    (activation, bias): (Option<Function>, Option<Parameter>),
    grad: Slot,
) -> Result<Slot> {
    let bias = match bias {
        Some(bias) => builder.gradient_of(bias)?,
        None => None,
    };
    let Map { shape, slot: output, .. } = builder.values[value].clone();
    let before = activation.map(|_| builder.map_slot(&shape));
    match (bias, activation.zip(before)) {
        (None, None) => {}
        (None, Some((function, before))) => {
            builder.step("function", &[output, grad, before], move |run| {
                let (y, behind) = (run.read(output)?, run.read(grad)?);
                elementwise::gradient(run.gpu, function, &y, &y, &behind, &mut run.write(before)?)
                    .map_err(wrong)
            });
        }
        (Some(target), _) => {
            let pixels = builder.pixels(&shape);
            let parts = builder.numbers_slot(pixels.sums_len(1));
            let told = before.map(|_| output);
            let slots: Vec<Slot> = [grad, parts].into_iter().chain(told).chain(before).collect();
            let ending = ending(activation);
            builder.step("sums", &slots, move |run| {
                let (y, grad) = (told.map(|slot| run.read(slot)).transpose()?, run.read(grad)?);
                let mut to = before.map(|slot| run.write(slot)).transpose()?;
                let behind = Behind { grad: &grad, ending, output: y.as_ref() };
                let mut parts = run.write(parts)?;
                pixels.sums_of_gradients(run.gpu, behind, to.as_mut(), &mut parts).map_err(wrong)
            });
            builder.step("sums", &[parts], move |run| {
                let mut to = run.write_target(target)?;
                pixels.finish_sums(run.gpu, &run.read(parts)?, &mut to, None).map_err(wrong)
            });
        }
    }
    Ok(before.unwrap_or(grad))
}

fn weight_gradient(
    builder: &mut Builder,
    conv: &Conv,
    weight: Parameter,
    WeightSides { read, gave, pitch }: WeightSides,
) -> Result<()> {
    let Some(target) = builder.gradient_of(weight)? else { return Ok(()) };
    let gradient = builder.weight_gradient(conv, pitch)?;
    let sums = builder.numbers_slot(gradient.sums_len());
    let (name, parts) = (gradient.algorithm(), gradient.clone());
    builder.step(format!("weight gradient, {name}"), &[read, gave, sums], move |run| {
        parts.sums(run.gpu, &run.read(read)?, &run.read(gave)?, &mut run.write(sums)?).map_err(wrong)
    });
    builder.step("weight gradient", &[sums], move |run| {
        gradient.finish(run.gpu, &run.read(sums)?, &mut run.write_target(target)?).map_err(wrong)
    });
    Ok(())
}
