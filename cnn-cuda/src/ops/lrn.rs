//! Local response normalization.
use cnn_kernels::channels::Planes;
use cnn_kernels::lrn::Response;

use super::{int, planes};
use crate::device::{Gpu, In, Launch, Out, Result};
use crate::sizes;
use crate::source::LRN;

fn sizes_of(name: &'static str, sizes: &Planes, response: &Response) -> Result<sizes::Response> {
    let Response { size, alpha, beta, k } = *response;
    // More than all channels on both sides are no more than all.
    let size_in_map = size.min(2 * sizes.channels + 2);
    Ok(sizes::Response { size: int(name, size_in_map)?, unused: 0, share: alpha / size as f64, beta, k })
}

/// `x / (k + alpha / size * sum of x^2)^beta`.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn forward(gpu: &Gpu, sizes: &Planes, response: &Response, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "response";
    x.check(NAME, "the input", x.scalar(), sizes.len())?;
    y.check(NAME, "the output", x.scalar(), sizes.len())?;
    Launch::new(gpu, LRN, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(&planes(NAME, sizes)?)
        .pass(&sizes_of(NAME, sizes, response)?)
        .each(sizes.len())
}

/// The gradient of [`forward`] by its input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn gradient(
    gpu: &Gpu,
    sizes: &Planes,
    response: &Response,
    x: &In<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "response_gradient";
    x.check(NAME, "the input", x.scalar(), sizes.len())?;
    grad.check(NAME, "the gradient", x.scalar(), sizes.len())?;
    to.check(NAME, "the input's gradient", x.scalar(), sizes.len())?;
    Launch::new(gpu, LRN, NAME, x.scalar())
        .pass(x)
        .pass(grad)
        .pass(to)
        .pass(&planes(NAME, sizes)?)
        .pass(&sizes_of(NAME, sizes, response)?)
        .each(sizes.len())
}
