//! Norms whose statistics are those of an image.

use candle_core::{Result, Tensor};
use cnn_cuda::Gpu;
use cnn_cuda::elementwise::Ending;
use cnn_cuda::group_norm_last::{self, GroupNorm, Statistics};
use cnn_cuda::norm::{self, Norm, Over, Parameters};

use super::super::value::{Stored, Value, read};
use super::super::{Step, wrong};
use super::{ends, host};

pub(super) fn layer(gpu: &Gpu, x: Value, y: Value, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Step> {
    let scalar = x.part.scalar.of_parameters();
    let store = |tensor: &Tensor| Stored::new(gpu, scalar, &host(tensor)?);
    let (weight, bias) = (store(weight)?, store(bias)?);
    let norm = Norm { planes: x.pixels(), over: Over::Channels, eps };
    Ok(Step(Box::new(move |gpu, arena| {
        let (from, mut to) = ends(gpu, arena, &x, &y)?;
        let [mut mean, mut variance] = {
            let scratch = || gpu.scratch(scalar, norm.statistics()).map_err(wrong);
            [scratch()?, scratch()?]
        };
        norm::statistics(gpu, &norm, &from, &mut mean.write(gpu), &mut variance.write(gpu)).map_err(wrong)?;
        let parameters = Parameters {
            mean: &mean.read(gpu),
            variance: &variance.read(gpu),
            weight: &weight.read(gpu)?,
            bias: &bias.read(gpu)?,
        };
        norm::forward(gpu, &norm, &from, parameters, None, Ending::NONE, &mut to).map_err(wrong)
    })))
}

/// Of that many groups of channels; instance norm has as many as there are channels.
pub(super) fn group(
    gpu: &Gpu,
    x: Value,
    y: Value,
    groups: usize,
    affine: [Option<&Tensor>; 2],
    eps: f64,
) -> Result<Step> {
    let scalar = x.part.scalar.of_parameters();
    let store =
        |tensor: Option<&Tensor>| tensor.map(|tensor| Stored::new(gpu, scalar, &host(tensor)?)).transpose();
    let (weight, bias) = (store(affine[0])?, store(affine[1])?);
    let norm = GroupNorm { planes: x.planes(), groups, eps };
    Ok(Step(Box::new(move |gpu, arena| {
        let (from, mut to) = ends(gpu, arena, &x, &y)?;
        let scratch = || gpu.scratch(scalar, norm.statistics()).map_err(wrong);
        let (mut mean, mut variance) = (scratch()?, scratch()?);
        group_norm_last::statistics(gpu, &norm, &from, &mut mean.write(gpu), &mut variance.write(gpu))
            .map_err(wrong)?;
        let (weight, bias) = (read(weight.as_ref(), gpu)?, read(bias.as_ref(), gpu)?);
        let statistics =
            Statistics { mean: &mean.read(gpu), variance: &variance.read(gpu), weight: weight.as_ref() };
        group_norm_last::forward(gpu, &norm, &from, statistics, bias.as_ref(), Ending::NONE, &mut to)
            .map_err(wrong)
    })))
}
