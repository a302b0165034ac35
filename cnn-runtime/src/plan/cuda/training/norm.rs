//! Batch normalization, with the residual and the function that follow it; there and back.

use cnn_cuda::elementwise::Ending;
use cnn_cuda::norm_last::{Behind, Parameters};
use cnn_kernels::blocked::Activation as Function;

use super::builder::Builder;
use super::conv::ending;
use super::run::{Parameter, Run, Slot, Target};
use super::{Back, Statistics};
use crate::error::Result;
use crate::layers;
use crate::plan::cuda::wrong;
use crate::plan::training::fuse::Node;

/// Where means and variances are.
#[derive(Clone, Copy)]
enum Moments {
    /// Those of the batch.
    Batch([Slot; 2]),
    /// Running ones.
    Given([Parameter; 2]),
}

impl Moments {
    fn slots(self) -> Vec<Slot> {
        match self {
            Self::Batch(slots) => slots.to_vec(),
            Self::Given(_) => Vec::new(),
        }
    }

    /// Calls `f` with what values are normalized by.
    fn with<T>(
        self,
        run: &Run<'_>,
        [weight, bias]: [Option<Parameter>; 2],
        f: impl FnOnce(Parameters<'_>) -> cnn_cuda::Result<T>,
    ) -> candle_core::Result<T> {
        let [weight, bias] = [weight, bias].map(|parameter| parameter.map(|at| run.parameter(at)));
        let done = match self {
            Self::Batch([mean, variance]) => {
                let (mean, variance) = (run.read(mean)?, run.read(variance)?);
                f(Parameters { mean: &mean, variance: &variance, weight, bias })
            }
            Self::Given(both) => {
                let [mean, variance] = both.map(|parameter| run.parameter(parameter));
                f(Parameters { mean, variance, weight, bias })
            }
        };
        done.map_err(wrong)
    }
}

/// The way there of a batch norm; its result is the way back.
pub(super) fn batch(
    builder: &mut Builder,
    node: &Node,
    (layer, train, activation): (&layers::BatchNorm2d, bool, Option<Function>),
    inputs: &[usize],
    statistics: &mut Vec<Statistics>,
) -> Result<(usize, Back)> {
    let (x, residual) = (inputs[0], inputs.get(1).copied());
    let pixels = builder.pixels(&node.shape).with_eps(layer.config().eps);
    let channels = layer.config().num_features;
    let weight = layer.weight().map(|weight| builder.parameter(weight)).transpose()?;
    let bias = layer.bias().map(|bias| builder.parameter(bias)).transpose()?;
    let affine = [weight, bias];
    let input = builder.values[x].slot;
    let moments = if train {
        layer.check_count(node.shape.iter().product::<usize>() / channels, &node.shape)?;
        let parts = builder.numbers_slot(pixels.moments_len());
        let [mean, variance] = [(); 2].map(|()| builder.numbers_slot(channels));
        builder.step("moments", &[input, parts], move |run| {
            pixels.moments(run.gpu, &run.read(input)?, &mut run.write(parts)?).map_err(wrong)
        });
        builder.step("moments", &[parts, mean, variance], move |run| {
            let (mut mean, mut variance) = (run.write(mean)?, run.write(variance)?);
            pixels.finish_moments(run.gpu, &run.read(parts)?, &mut mean, &mut variance).map_err(wrong)
        });
        statistics.push(Statistics { layer: layer.clone(), moments: [mean, variance], pixels });
        Moments::Batch([mean, variance])
    } else {
        let both = [layer.running_mean(), layer.running_var()];
        let [mean, variance] = both.map(|tensor| builder.parameter(tensor));
        Moments::Given([mean?, variance?])
    };
    let output = builder.map_slot(&node.shape);
    let added = residual.map(|residual| builder.values[residual].slot);
    let slots: Vec<Slot> = [input, output].into_iter().chain(moments.slots()).chain(added).collect();
    let end = ending(activation);
    builder.step("batch norm", &slots, move |run| {
        let (x, mut y) = (run.read(input)?, run.write(output)?);
        let added = added.map(|slot| run.read(slot)).transpose()?;
        moments.with(run, affine, |parameters| {
            pixels.normalize(run.gpu, &x, parameters, added.as_ref(), end, &mut y)
        })
    });
    let wants: Vec<bool> = inputs.iter().map(|&input| builder.values[input].wants).collect();
    let learns = affine.iter().flatten().any(|&parameter| builder.is_learned(parameter));
    let value = builder.value(&node.shape, output, learns || wants.contains(&true));
    Ok((
        value,
        Box::new(move |builder: &mut Builder| {
            let Some(grad) = builder.gradient(value) else { return Ok(()) };
            let shape = builder.values[value].shape.clone();
            // The gradient before the function is the residual's; elsewhere it is made again where it is read.
            let before = match (residual, activation) {
                (Some(_), Some(_)) => Some(builder.map_slot(&shape)),
                _ => None,
            };
            let mut sums = None;
            if learns || before.is_some() || train {
                let parts = builder.numbers_slot(pixels.sums_len(2));
                let plain = builder.gradient_or_slot(bias, channels)?;
                let normal = builder.gradient_or_slot(weight, channels)?;
                let told = before.map(|_| output);
                let slots: Vec<Slot> = [input, grad, parts]
                    .into_iter()
                    .chain(moments.slots())
                    .chain(told)
                    .chain(before)
                    .collect();
                builder.step("sums", &slots, move |run| {
                    let (x, grad, mut parts) = (run.read(input)?, run.read(grad)?, run.write(parts)?);
                    let told = told.map(|slot| run.read(slot)).transpose()?;
                    let mut before = before.map(|slot| run.write(slot)).transpose()?;
                    let behind = Behind { grad: &grad, ending: end, output: told.as_ref() };
                    moments.with(run, affine, |parameters| {
                        pixels.gradient_sums(run.gpu, &x, behind, parameters, before.as_mut(), &mut parts)
                    })
                });
                let slots: Vec<Slot> =
                    [parts].into_iter().chain([plain, normal].iter().filter_map(Target::slot)).collect();
                builder.step("sums", &slots, move |run| {
                    let (mut plain, mut normal) = (run.write_target(plain)?, run.write_target(normal)?);
                    let parts = run.read(parts)?;
                    pixels.finish_sums(run.gpu, &parts, &mut plain, Some(&mut normal)).map_err(wrong)
                });
                sums = train.then_some([plain, normal]);
            }
            if wants[0] {
                let to = builder.map_slot(&shape);
                let (behind, end) = before.map_or((grad, end), |before| (before, Ending::NONE));
                let slots: Vec<Slot> = [input, behind, to]
                    .into_iter()
                    .chain(moments.slots())
                    .chain(sums.iter().flatten().filter_map(Target::slot))
                    .collect();
                builder.step("batch norm's gradient", &slots, move |run| {
                    let (x, grad, mut to) = (run.read(input)?, run.read(behind)?, run.write(to)?);
                    let sums = match sums {
                        Some([plain, normal]) => Some([run.read_target(plain)?, run.read_target(normal)?]),
                        None => None,
                    };
                    let behind = Behind { grad: &grad, ending: end, output: None };
                    moments.with(run, affine, |parameters| {
                        let sums = sums.as_ref().map(|sums| sums.each_ref());
                        pixels.gradient(run.gpu, &x, behind, parameters, sums, &mut to)
                    })
                });
                builder.add_gradient(x, to);
            }
            if let (Some(residual), Some(true)) = (residual, wants.get(1)) {
                builder.add_gradient(residual, before.unwrap_or(grad));
            }
            Ok(())
        }),
    ))
}
