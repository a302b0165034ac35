//! Operations that have no kernel on blocks, as functions of row-major slices: no tensor is made while a plan runs.

use candle_core::{Device, Tensor};
use cnn_kernels::channels::{self, Factors, Planes};
use cnn_kernels::lrn::{self, Response};
use cnn_kernels::norm::{group, layer};
use cnn_kernels::resize::{self, Bilinear, Upsample};

use crate::error::Result;
use crate::ops::{activation, lrn as response_norm, norm, resize as upsampling};
use crate::plan::with_values;
use crate::value::{Activation, Operation, Value};

/// Of the inputs, the number of a part of the output, and that part.
type Function = Box<dyn Fn(&[&[f32]], usize, &mut [f32]) + Send + Sync>;

/// Computes an output part by part.
pub(super) struct ByParts {
    /// Values of a part.
    pub(super) part: usize,
    pub(super) function: Function,
}

impl ByParts {
    fn new(part: usize, function: impl Fn(&[&[f32]], usize, &mut [f32]) + Send + Sync + 'static) -> Self {
        Self { part, function: Box::new(function) }
    }
}

/// How an operation is computed on inputs of these shapes. None where only tensors can.
pub(super) fn by_parts(
    operation: &Operation,
    shapes: &[Vec<usize>],
    output: &[usize],
) -> Result<Option<ByParts>> {
    let Some(x) = shapes.first() else { return Ok(None) };
    let made = match operation {
        Operation::PixelShuffle(_)
        | Operation::ChannelShuffle(_)
        | Operation::Crop2d(_)
        | Operation::Pad2d { .. }
        | Operation::Split { .. } => moved(operation, x, output)?,
        Operation::UpsampleNearest2d(factors) => {
            let (_, sizes) = upsampling::upsample_sizes(operation.name(), x, *factors)?;
            let one = Upsample { planes: 1, ..sizes };
            let plane = one.input[0] * one.input[1];
            ByParts::new(one.output().iter().product(), move |x, index, y| {
                resize::nearest(&one, &x[0][index * plane..][..plane], y);
            })
        }
        Operation::UpsampleBilinear2d(factors) => {
            let (_, sizes) = upsampling::upsample_sizes(operation.name(), x, *factors)?;
            let (plane, prepared) = (sizes.input[0] * sizes.input[1], Bilinear::new(&sizes));
            ByParts::new(sizes.output().iter().product(), move |x, index, y| {
                prepared.plane(&x[0][index * plane..][..plane], y);
            })
        }
        &Operation::LocalResponseNorm { size, alpha, beta, k } => {
            let planes = response_norm::local_response_norm_sizes(x, size)?;
            let response = Response { size, alpha, beta, k };
            // One part: the kernel shares it out itself.
            ByParts::new(planes.len(), move |x, _, y| lrn::forward(&planes, &response, x[0], y))
        }
        Operation::PRelu(layer) => {
            let (planes, _) = activation::prelu_sizes(x, layer.weight().dims())?;
            let slopes = with_values(layer.weight(), <[f32]>::to_vec)?;
            let one = Planes { batch: 1, channels: 1, ..planes };
            ByParts::new(planes.plane, move |x, index, y| {
                let slope = index % planes.channels % slopes.len();
                let x = &x[0][index * planes.plane..][..planes.plane];
                channels::prelu(&one, x, &slopes[slope..=slope], y);
            })
        }
        Operation::Scale(layer) => {
            let planes = activation::softmax_sizes(x)?;
            let factors = with_values(layer.weight(), <[f32]>::to_vec)?;
            let one = Planes { batch: 1, channels: 1, ..planes };
            ByParts::new(planes.plane, move |x, index, y| {
                let factor = index % planes.channels;
                let x = &x[0][index * planes.plane..][..planes.plane];
                channels::scale(&one, Factors::PerChannel, x, &factors[factor..=factor], y);
            })
        }
        Operation::Activation(Activation::Softmax) => {
            let planes = Planes { batch: 1, ..activation::softmax_sizes(x)? };
            let len = planes.len();
            ByParts::new(len, move |x, index, y| {
                channels::softmax(&planes, &x[0][index * len..][..len], y);
            })
        }
        Operation::Activation(activation) => {
            let Some(activation) = activation.elementwise() else { return Ok(None) };
            // As above.
            ByParts::new(x.iter().product(), move |x, _, y| activation.forward(x[0], y))
        }
        Operation::Add | Operation::Mul if shapes.iter().all(|shape| shape == output) => {
            let (len, add) = (x.iter().skip(1).product(), matches!(operation, Operation::Add));
            ByParts::new(len, move |x, index, y| {
                let [a, b] = [0, 1].map(|input| &x[input][index * len..][..len]);
                let pairs = a.iter().zip(b);
                y.iter_mut().zip(pairs).for_each(|(y, (a, b))| *y = if add { a + b } else { a * b });
            })
        }
        Operation::GroupNorm(layer) => {
            let groups = layer.config().num_groups;
            let planes = norm::group_norm_sizes(x, groups, layer.weight().dims())?;
            let parameters = [layer.weight(), layer.bias()].map(Some);
            grouped(planes, groups, parameters, layer.config().eps)?
        }
        Operation::InstanceNorm2d(layer) => {
            let planes = norm::instance_norm_sizes(x)?;
            let parameters = [layer.weight(), layer.bias()];
            grouped(planes, planes.channels, parameters, layer.config().eps)?
        }
        Operation::LayerNorm(norm) => {
            let planes = norm::layer_norm_sizes(x, norm.weight().dims())?;
            let [weight, bias] = parameters(planes, [norm.weight(), norm.bias()].map(Some))?;
            let (len, eps) = (planes.channels * planes.plane, norm.config().eps);
            ByParts::new(len, move |x, index, y| {
                layer::normalize(&weight, &bias, eps, &x[0][index * len..][..len], y);
            })
        }
        _ => return Ok(None),
    };
    Ok(Some(made))
}

/// An operation that puts values elsewhere, or zeros: where each came from is asked once, of the operation itself.
fn moved(operation: &Operation, x: &[usize], output: &[usize]) -> Result<ByParts> {
    let sample: Vec<usize> = std::iter::once(1).chain(x.iter().skip(1).copied()).collect();
    let len: usize = sample.iter().product();
    // `f64` holds all of these exactly; 0 is a value that was not there.
    let places: Vec<f64> = (1..=len).map(|place| place as f64).collect();
    let places = Tensor::from_vec(places, sample, &Device::Cpu)?;
    let places = <Tensor as Value>::apply(operation, &[&places])?.flatten_all()?.to_vec1::<f64>()?;
    let places: Vec<usize> = places.into_iter().map(|place| place as usize).collect();
    let part: usize = output.iter().skip(2).product();
    let parts = places.len() / part.max(1);
    Ok(ByParts::new(part, move |x, index, y| {
        let x = &x[0][index / parts * len..][..len];
        for (y, &place) in y.iter_mut().zip(&places[index % parts * part..]) {
            *y = place.checked_sub(1).map_or(0.0, |place| x[place]);
        }
    }))
}

/// A weight and a bias for each channel; ones and zeros where there are none.
fn parameters(planes: Planes, [weight, bias]: [Option<&Tensor>; 2]) -> Result<[Vec<f32>; 2]> {
    let values = |tensor: Option<&Tensor>, value: f32| match tensor {
        Some(tensor) => with_values(tensor, <[f32]>::to_vec),
        None => Ok(vec![value; planes.channels]),
    };
    Ok([values(weight, 1.0)?, values(bias, 0.0)?])
}

/// Normalization of groups of channels, each over all of its values.
fn grouped(planes: Planes, groups: usize, tensors: [Option<&Tensor>; 2], eps: f64) -> Result<ByParts> {
    let [weight, bias] = parameters(planes, tensors)?;
    let width = planes.channels / groups;
    let len = width * planes.plane;
    Ok(ByParts::new(len, move |x, index, y| {
        let channels = index % groups * width..(index % groups + 1) * width;
        group::normalize(&weight[channels.clone()], &bias[channels], eps, &x[0][index * len..][..len], y);
    }))
}
