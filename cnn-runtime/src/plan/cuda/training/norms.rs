//! Norms whose statistics are those of an image, and what follows them; there and back.

use cnn_cuda::elementwise::{self, Ending};
use cnn_cuda::group_norm_last::{self, GroupNorm, Statistics};
use cnn_cuda::norm::{self, Gradients, Norm, Over};
use cnn_kernels::blocked::Activation as Function;
use cnn_kernels::blocked::training::ActivationGradient;

use super::Back;
use super::builder::Builder;
use super::conv::ending;
use super::elements;
use super::run::{Slot, Target};
use crate::error::Result;
use crate::layers;
use crate::plan::cuda::wrong;
use crate::plan::training::fuse::Node;
use crate::plan::training::groupnorm;

/// The way there of a norm of groups of channels; its result is the way back.
pub(super) fn group(
    builder: &mut Builder,
    node: &Node,
    layer: &groupnorm::Norm<'_>,
    activation: Option<Function>,
    x: usize,
) -> Result<(usize, Back)> {
    // A function whose slope its output does not tell needs what it took.
    match activation.filter(|&function| !ActivationGradient::reads_output(function)) {
        None => told(builder, node, layer, activation, x),
        Some(function) => {
            let (value, first) = told(builder, node, layer, None, x)?;
            let (value, last) = elements::activation(builder, node, function, value);
            Ok((value, super::emit::both(last, first)))
        }
    }
}

fn told(
    builder: &mut Builder,
    node: &Node,
    layer: &groupnorm::Norm<'_>,
    activation: Option<Function>,
    x: usize,
) -> Result<(usize, Back)> {
    let map = builder.values[x].clone();
    let groupnorm::Norm { groups, affine, eps } = *layer;
    let affine = match affine {
        Some([weight, bias]) => Some([builder.parameter(weight)?, builder.parameter(bias)?]),
        None => None,
    };
    let norm = GroupNorm { planes: map.planes(), groups, eps };
    let [mean, variance] = [(); 2].map(|()| builder.numbers_slot(norm.statistics()));
    let (input, output) = (map.slot, builder.map_slot(&node.shape));
    let end = ending(activation);
    builder.step("group norm", &[input, mean, variance, output], move |run| {
        let x = run.read(input)?;
        let (mut means, mut variances) = (run.write(mean)?, run.write(variance)?);
        group_norm_last::statistics(run.gpu, &norm, &x, &mut means, &mut variances).map_err(wrong)?;
        let (mean, variance, mut y) = (run.read(mean)?, run.read(variance)?, run.write(output)?);
        let [weight, bias] = affine.map_or([None; 2], |both| both.map(|at| Some(run.parameter(at))));
        let statistics = Statistics { mean: &mean, variance: &variance, weight };
        group_norm_last::forward(run.gpu, &norm, &x, statistics, bias, end, &mut y).map_err(wrong)
    });
    let learns = affine.iter().flatten().any(|&parameter| builder.is_learned(parameter));
    let value = builder.value(&node.shape, output, learns || map.wants);
    Ok((
        value,
        Box::new(move |builder: &mut Builder| {
            let Some(mut grad) = builder.gradient(value) else { return Ok(()) };
            if let Some(function) = activation {
                let (behind, before) = (grad, builder.map_slot(&map.shape));
                builder.step("function's gradient", &[output, behind, before], move |run| {
                    let (y, behind, mut to) = (run.read(output)?, run.read(behind)?, run.write(before)?);
                    elementwise::gradient(run.gpu, function, &y, &y, &behind, &mut to).map_err(wrong)
                });
                grad = before;
            }
            let targets = match affine {
                Some([weight, bias]) => {
                    let weight = builder.gradient_or_slot(Some(weight), norm.planes.channels)?;
                    Some([weight, builder.gradient_or_slot(Some(bias), norm.planes.channels)?])
                }
                None => None,
            };
            let to = builder.map_slot(&map.shape);
            let slots: Vec<Slot> = [input, mean, variance, grad, to]
                .into_iter()
                .chain(targets.iter().flatten().filter_map(Target::slot))
                .collect();
            builder.step("group norm's gradient", &slots, move |run| {
                let (mean, variance) = (run.read(mean)?, run.read(variance)?);
                let weight = affine.map(|[weight, _]| run.parameter(weight));
                let statistics = Statistics { mean: &mean, variance: &variance, weight };
                let mut numbers = match targets {
                    Some([weight, bias]) => Some((run.write_target(weight)?, run.write_target(bias)?)),
                    None => None,
                };
                let (to_weight, to_bias) = match &mut numbers {
                    Some((weight, bias)) => (Some(weight), Some(bias)),
                    None => (None, None),
                };
                let mut to = run.write(to)?;
                let gradients =
                    group_norm_last::Gradients { input: &mut to, weight: to_weight, bias: to_bias };
                let (x, grad) = (run.read(input)?, run.read(grad)?);
                group_norm_last::gradient(run.gpu, &norm, &x, &grad, statistics, gradients).map_err(wrong)
            });
            if map.wants {
                builder.add_gradient(x, to);
            }
            Ok(())
        }),
    ))
}

/// The way there of a layer norm; its result is the way back.
pub(super) fn layer(
    builder: &mut Builder,
    node: &Node,
    layer: &layers::LayerNorm,
    x: usize,
) -> Result<(usize, Back)> {
    let map = builder.values[x].clone();
    let (weight, bias) = (builder.parameter(layer.weight())?, builder.parameter(layer.bias())?);
    let norm = Norm { planes: map.rows(), over: Over::Channels, eps: layer.config().eps };
    let [mean, variance] = [(); 2].map(|()| builder.numbers_slot(norm.statistics()));
    let (input, output) = (map.slot, builder.map_slot(&node.shape));
    builder.step("layer norm", &[input, mean, variance, output], move |run| {
        let x = run.read(input)?;
        norm::statistics(run.gpu, &norm, &x, &mut run.write(mean)?, &mut run.write(variance)?)
            .map_err(wrong)?;
        let parameters = norm::Parameters {
            mean: &run.read(mean)?,
            variance: &run.read(variance)?,
            weight: run.parameter(weight),
            bias: run.parameter(bias),
        };
        let mut y = run.write(output)?;
        norm::forward(run.gpu, &norm, &x, parameters, None, Ending::NONE, &mut y).map_err(wrong)
    });
    let learns = builder.is_learned(weight) || builder.is_learned(bias);
    let value = builder.value(&node.shape, output, learns || map.wants);
    Ok((
        value,
        Box::new(move |builder: &mut Builder| {
            let Some(grad) = builder.gradient(value) else { return Ok(()) };
            let channels = norm.planes.channels;
            let to_weight = builder.gradient_or_slot(Some(weight), channels)?;
            let to_bias = builder.gradient_or_slot(Some(bias), channels)?;
            let to = builder.map_slot(&map.shape);
            let slots: Vec<Slot> = [input, mean, variance, grad, to]
                .into_iter()
                .chain([to_weight, to_bias].iter().filter_map(Target::slot))
                .collect();
            builder.step("layer norm's gradient", &slots, move |run| {
                let (mean, variance) = (run.read(mean)?, run.read(variance)?);
                let statistics =
                    norm::Statistics { mean: &mean, variance: &variance, weight: run.parameter(weight) };
                let gradients = Gradients {
                    input: &mut run.write(to)?,
                    weight: &mut run.write_target(to_weight)?,
                    bias: &mut run.write_target(to_bias)?,
                };
                let (x, grad) = (run.read(input)?, run.read(grad)?);
                norm::gradient(run.gpu, &norm, false, &x, &grad, statistics, gradients).map_err(wrong)
            });
            if map.wants {
                builder.add_gradient(x, to);
            }
            Ok(())
        }),
    ))
}
