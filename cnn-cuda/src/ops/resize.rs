//! Upsampling by whole factors. Maps are as in [`pool`](super::pool).
use cnn_kernels::resize::Upsample;

use super::int;
use crate::device::{Gpu, In, Launch, Out, Result, sizes as wrong};
use crate::sizes;
use crate::source::RESIZE;

/// How values between pixels are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The nearest pixel's.
    Nearest,
    /// Between four pixels.
    Bilinear,
}

fn sizes_of(name: &'static str, up: &Upsample, last: usize) -> Result<sizes::Upsample> {
    if last == 0 || !up.planes.is_multiple_of(last) {
        return wrong(name, format_args!("{} planes are no images of {last} channels", up.planes));
    }
    let ([height, width], [down, right]) = (up.input, up.factors);
    // Rows and columns of the output are numbers of the kernel too.
    let [out_height, out_width] = up.output();
    int(name, out_height.saturating_add(2 * down))?;
    int(name, out_width.saturating_add(2 * right))?;
    Ok(sizes::Upsample {
        images: int(name, up.planes / last)?,
        height: int(name, height)?,
        width: int(name, width)?,
        channels: int(name, last)?,
        down: int(name, down)?,
        right: int(name, right)?,
    })
}

fn lens(up: &Upsample) -> [usize; 2] {
    let plane = |[height, width]: [usize; 2]| height * width * up.planes;
    [plane(up.input), plane(up.output())]
}

/// The larger maps.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn forward(gpu: &Gpu, up: &Upsample, mode: Mode, last: usize, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    let name = match mode {
        Mode::Nearest => "nearest",
        Mode::Bilinear => "bilinear",
    };
    let [input, output] = lens(up);
    x.check(name, "the input", x.scalar(), input)?;
    y.check(name, "the output", x.scalar(), output)?;
    Launch::new(gpu, RESIZE, name, x.scalar()).pass(x).pass(y).pass(&sizes_of(name, up, last)?).each(output)
}

/// The gradient of [`forward`] by its input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn gradient(
    gpu: &Gpu,
    up: &Upsample,
    mode: Mode,
    last: usize,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    let name = match mode {
        Mode::Nearest => "nearest_gradient",
        Mode::Bilinear => "bilinear_gradient",
    };
    let [input, output] = lens(up);
    grad.check(name, "the gradient", grad.scalar(), output)?;
    to.check(name, "the input's gradient", grad.scalar(), input)?;
    Launch::new(gpu, RESIZE, name, grad.scalar())
        .pass(grad)
        .pass(to)
        .pass(&sizes_of(name, up, last)?)
        .each(input)
}
