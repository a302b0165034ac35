//! Operations that are not fused, by kernels on maps with their channels last.

mod arrange;
mod norms;

use candle_core::{Device, Result, Tensor};
use cnn_cuda::layout::Affine;
use cnn_cuda::{Arena, Gpu, elementwise, layout, lrn, resize, softmax};
use cnn_kernels::lrn::Response;
use cnn_kernels::resize::Upsample;

use super::value::{Stored, Value};
use super::{Step, wrong};
use crate::ops::arrange::crop2d_sizes;
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
            Some((norms::layer(gpu, x, y, layer.weight(), layer.bias(), eps)?, "pixel by pixel"))
        }
        Operation::GroupNorm(layer) if is_map_or_rows(&x) => {
            let (config, affine) = (layer.config(), [layer.weight(), layer.bias()].map(Some));
            Some((norms::group(gpu, x, y, config.num_groups, affine, config.eps)?, "group by group"))
        }
        Operation::InstanceNorm2d(layer) => {
            let (config, affine) = (layer.config(), [layer.weight(), layer.bias()]);
            Some((norms::group(gpu, x, y, config.num_features, affine, config.eps)?, "channel by channel"))
        }
        Operation::ChannelShuffle(groups) => Some((arrange::channel_shuffle(x, y, *groups), "copies")),
        Operation::PixelShuffle(factor) => arrange::pixel_shuffle(x, y, *factor).map(|step| (step, "copies")),
        Operation::Crop2d(size) => {
            let first = crop2d_sizes(&x.shape, *size)?;
            arrange::crop(x, y, first).map(|step| (step, "copies"))
        }
        Operation::Pad2d { top, left, .. } => arrange::pad(x, y, [*top, *left]).map(|step| (step, "copies")),
        // Of maps it is fused.
        Operation::Scale(layer) if is_map_or_rows(&x) => {
            Some((scaled(gpu, x, y, layer.weight())?, "value by value"))
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

/// Whether channels come last in memory: values of other ranks are rows of all that an image has.
fn is_map_or_rows(value: &Value) -> bool {
    matches!(value.shape.len(), 2 | 4)
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

fn scaled(gpu: &Gpu, x: Value, y: Value, factors: &Tensor) -> Result<Step> {
    let factors = Stored::new(gpu, x.part.scalar.of_parameters(), &host(factors)?)?;
    Ok(Step(Box::new(move |gpu, arena| {
        let (from, mut to) = ends(gpu, arena, &x, &y)?;
        let factors = factors.read(gpu)?;
        let affine = Affine { scale: Some(&factors), ..Affine::default() };
        layout::combine(gpu, &x.planes(), &from, None, affine, &mut to).map_err(wrong)
    })))
}
