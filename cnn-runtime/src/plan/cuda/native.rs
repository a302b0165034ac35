//! Operations that are not fused, by kernels on maps with their channels last.

use candle_core::{Device, Result, Tensor};
use cnn_cuda::elementwise::Ending;
use cnn_cuda::norm::{Norm, Over, Parameters};
use cnn_cuda::{Arena, Gpu, elementwise, lrn, norm, resize, softmax};
use cnn_kernels::lrn::Response;
use cnn_kernels::resize::Upsample;

use super::value::{Stored, Value};
use super::{Step, wrong};
use crate::value::{Activation, Operation};

/// The values of a tensor, on the host.
pub(super) fn host(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_device(&Device::Cpu)?.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1()
}

/// A step for the operation, and its name; none where it has no kernel for this order.
pub(super) fn step(
    gpu: &Gpu,
    operation: &Operation,
    inputs: &[Value],
    output: &Value,
) -> Result<Option<(Step, &'static str)>> {
    let [x] = inputs else { return Ok(None) };
    let (x, y) = (x.clone(), output.clone());
    Ok(match operation {
        Operation::Activation(Activation::Softmax) => Some((softmax_of(x, y), "softmax")),
        Operation::Activation(activation) => match activation.elementwise() {
            Some(function) => Some((
                Step(Box::new(move |gpu, arena| {
                    let (from, mut to) = ends(gpu, arena, &x, &y)?;
                    elementwise::forward(gpu, function, &from, &mut to).map_err(wrong)
                })),
                "value by value",
            )),
            None => None,
        },
        Operation::LocalResponseNorm { size, alpha, beta, k } => {
            let response = Response { size: *size, alpha: *alpha, beta: *beta, k: *k };
            let step = move |gpu: &Gpu, arena: &Arena| {
                let (from, mut to) = ends(gpu, arena, &x, &y)?;
                lrn::forward(gpu, &x.pixels(), &response, &from, &mut to).map_err(wrong)
            };
            Some((Step(Box::new(step)), "pixel by pixel"))
        }
        Operation::UpsampleNearest2d(factors) => {
            upsampled(x, y, resize::Mode::Nearest, *factors).map(|step| (step, "nearest"))
        }
        Operation::UpsampleBilinear2d(factors) => {
            upsampled(x, y, resize::Mode::Bilinear, *factors).map(|step| (step, "bilinear"))
        }
        Operation::LayerNorm(layer) => {
            let eps = layer.config().eps;
            Some((layer_norm(gpu, x, y, layer.weight(), layer.bias(), eps)?, "pixel by pixel"))
        }
        Operation::PRelu(layer) => {
            let slopes = Stored::new(gpu, x.part.scalar, &host(layer.weight())?)?;
            let step = move |gpu: &Gpu, arena: &Arena| {
                let (from, mut to) = ends(gpu, arena, &x, &y)?;
                let slopes = slopes.read(gpu)?;
                elementwise::prelu(gpu, &x.pixels(), &from, &slopes, &mut to).map_err(wrong)
            };
            Some((Step(Box::new(step)), "value by value"))
        }
        _ => None,
    })
}

/// Where a step reads and where it writes.
pub(super) fn ends<'a>(
    gpu: &'a Gpu,
    arena: &'a Arena,
    x: &Value,
    y: &Value,
) -> Result<(cnn_cuda::In<'a>, cnn_cuda::Out<'a>)> {
    Ok((arena.read(gpu, x.part).map_err(wrong)?, arena.write(gpu, y.part).map_err(wrong)?))
}

fn softmax_of(x: Value, y: Value) -> Step {
    Step(Box::new(move |gpu, arena| {
        let (from, mut to) = ends(gpu, arena, &x, &y)?;
        softmax::forward(gpu, &x.pixels(), &from, &mut to).map_err(wrong)
    }))
}

fn upsampled(x: Value, y: Value, mode: resize::Mode, factors: [usize; 2]) -> Option<Step> {
    let [batch, channels, height, width] = *x.shape.as_slice() else { return None };
    let sizes = Upsample { planes: batch * channels, input: [height, width], factors };
    Some(Step(Box::new(move |gpu, arena| {
        let (from, mut to) = ends(gpu, arena, &x, &y)?;
        resize::forward(gpu, &sizes, mode, channels, &from, &mut to).map_err(wrong)
    })))
}

fn layer_norm(gpu: &Gpu, x: Value, y: Value, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Step> {
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
