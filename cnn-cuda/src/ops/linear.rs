//! Fully connected layers.
use cnn_kernels::channels::Planes;
use cnn_kernels::linear::Linear;

use super::elementwise::{self, Ending};
use super::product::{Matrix, product};
use crate::device::{Gpu, In, Out, Result};

/// `x weight^T`: `x` is (batch, inputs), `weight` (outputs, inputs), `y` (batch, outputs).
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn forward(gpu: &Gpu, sizes: &Linear, x: &In<'_>, weight: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    let Linear { batch, inputs, outputs } = *sizes;
    product(gpu, Matrix::new(x, batch, inputs), Matrix::new(weight, outputs, inputs).t(), y)
}

/// Adds a number for each output, in place.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn add_bias(gpu: &Gpu, sizes: &Linear, bias: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    let planes = Planes { batch: sizes.batch, channels: sizes.outputs, plane: 1 };
    elementwise::end_in_place(gpu, &planes, Some(bias), None, Ending::NONE, y)
}

/// The gradient of [`forward`] by its input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn input_gradient(
    gpu: &Gpu,
    sizes: &Linear,
    weight: &In<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    let Linear { batch, inputs, outputs } = *sizes;
    product(gpu, Matrix::new(grad, batch, outputs), Matrix::new(weight, outputs, inputs), to)
}

/// The gradient of [`forward`] by its weight; of `bf16` it may be `f32`.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn weight_gradient(gpu: &Gpu, sizes: &Linear, x: &In<'_>, grad: &In<'_>, to: &mut Out<'_>) -> Result<()> {
    let Linear { batch, inputs, outputs } = *sizes;
    product(gpu, Matrix::new(grad, batch, outputs).t(), Matrix::new(x, batch, inputs), to)
}
