//! Pooling.
//!
//! Maps are (images, rows, columns, `last`): those with their channels last have as many `last` as channels, those in NCHW
//! order one, and each plane is an image.
use cnn_kernels::pool::{Adaptive, Pool};
use cnn_kernels::window::Span;

use super::int;
use crate::device::{Gpu, In, Launch, Out, Result, sizes as wrong};
use crate::sizes;
use crate::source::{POOL, Scalar};

fn axis(name: &'static str, span: Span) -> Result<sizes::Axis> {
    Ok(sizes::Axis {
        input: int(name, span.input())?,
        output: int(name, span.output())?,
        kernel: int(name, span.kernel())?,
        stride: int(name, span.stride())?,
        dilation: int(name, span.dilation())?,
        before: int(name, span.before())?,
        after: int(name, span.after())?,
    })
}

fn images(name: &'static str, planes: usize, last: usize) -> Result<[i32; 2]> {
    if last == 0 || !planes.is_multiple_of(last) {
        return wrong(name, format_args!("{planes} planes are no images of {last} channels"));
    }
    Ok([int(name, planes / last)?, int(name, last)?])
}

fn sizes_of(name: &'static str, pool: &Pool, last: usize) -> Result<sizes::Pool> {
    let [images, channels] = images(name, pool.planes, last)?;
    Ok(sizes::Pool { images, channels, rows: axis(name, pool.rows)?, columns: axis(name, pool.columns)? })
}

/// The maximum of every window.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn max(gpu: &Gpu, pool: &Pool, last: usize, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "maximum";
    x.check(NAME, "the input", x.scalar(), pool.planes * pool.input_plane())?;
    y.check(NAME, "the output", x.scalar(), pool.planes * pool.output_plane())?;
    Launch::new(gpu, POOL, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(&None::<&In<'_>>)
        .pass(&sizes_of(NAME, pool, last)?)
        .each(y.len())
}

/// The maximum of each window, and where it stands in its map: `places` is memory of four bytes for each.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn max_with_places(
    gpu: &Gpu,
    pool: &Pool,
    last: usize,
    x: &In<'_>,
    y: &mut Out<'_>,
    places: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "maximum";
    x.check(NAME, "the input", x.scalar(), pool.planes * pool.input_plane())?;
    y.check(NAME, "the output", x.scalar(), pool.planes * pool.output_plane())?;
    places.check(NAME, "the places", Scalar::F32, y.len())?;
    Launch::new(gpu, POOL, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(places)
        .pass(&sizes_of(NAME, pool, last)?)
        .each(y.len())
}

/// The gradient of [`max_with_places`] by its input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn max_gradient_by_places(
    gpu: &Gpu,
    pool: &Pool,
    last: usize,
    places: &In<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "maximum_gradient";
    grad.check(NAME, "the gradient", grad.scalar(), pool.planes * pool.output_plane())?;
    places.check(NAME, "the places", Scalar::F32, grad.len())?;
    to.check(NAME, "the input's gradient", grad.scalar(), pool.planes * pool.input_plane())?;
    Launch::new(gpu, POOL, NAME, grad.scalar())
        .pass(&None::<&In<'_>>)
        .pass(places)
        .pass(grad)
        .pass(to)
        .pass(&sizes_of(NAME, pool, last)?)
        .each(to.len())
}

/// The gradient of [`max`] by its input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn max_gradient(
    gpu: &Gpu,
    pool: &Pool,
    last: usize,
    x: &In<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "maximum_gradient";
    x.check(NAME, "the input", x.scalar(), pool.planes * pool.input_plane())?;
    grad.check(NAME, "the gradient", x.scalar(), pool.planes * pool.output_plane())?;
    to.check(NAME, "the input's gradient", x.scalar(), x.len())?;
    Launch::new(gpu, POOL, NAME, x.scalar())
        .pass(x)
        .pass(&None::<&In<'_>>)
        .pass(grad)
        .pass(to)
        .pass(&sizes_of(NAME, pool, last)?)
        .each(to.len())
}

/// The average of every window.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn average(
    gpu: &Gpu,
    pool: &Pool,
    last: usize,
    count_padding: bool,
    x: &In<'_>,
    y: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "average";
    x.check(NAME, "the input", x.scalar(), pool.planes * pool.input_plane())?;
    y.check(NAME, "the output", x.scalar(), pool.planes * pool.output_plane())?;
    Launch::new(gpu, POOL, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(&sizes_of(NAME, pool, last)?)
        .pass(&i32::from(count_padding))
        .each(y.len())
}

/// The gradient of [`average`] by its input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn average_gradient(
    gpu: &Gpu,
    pool: &Pool,
    last: usize,
    count_padding: bool,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "average_gradient";
    grad.check(NAME, "the gradient", grad.scalar(), pool.planes * pool.output_plane())?;
    to.check(NAME, "the input's gradient", grad.scalar(), pool.planes * pool.input_plane())?;
    Launch::new(gpu, POOL, NAME, grad.scalar())
        .pass(grad)
        .pass(to)
        .pass(&sizes_of(NAME, pool, last)?)
        .pass(&i32::from(count_padding))
        .each(to.len())
}

fn bins(name: &'static str, pool: &Adaptive, last: usize) -> Result<sizes::Bins> {
    let [images, channels] = images(name, pool.planes, last)?;
    let [height, width] = pool.input;
    let [out_height, out_width] = pool.output;
    Ok(sizes::Bins {
        images,
        height: int(name, height)?,
        width: int(name, width)?,
        channels,
        out_height: int(name, out_height)?,
        out_width: int(name, out_width)?,
    })
}

fn lens(pool: &Adaptive) -> [usize; 2] {
    let plane = |[height, width]: [usize; 2]| height * width * pool.planes;
    [plane(pool.input), plane(pool.output)]
}

/// The average of every bin.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn adaptive_average(gpu: &Gpu, pool: &Adaptive, last: usize, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "adaptive";
    let [input, output] = lens(pool);
    x.check(NAME, "the input", x.scalar(), input)?;
    y.check(NAME, "the output", x.scalar(), output)?;
    Launch::new(gpu, POOL, NAME, x.scalar()).pass(x).pass(y).pass(&bins(NAME, pool, last)?).each(output)
}

/// The gradient of [`adaptive_average`] by its input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn adaptive_average_gradient(
    gpu: &Gpu,
    pool: &Adaptive,
    last: usize,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "adaptive_gradient";
    let [input, output] = lens(pool);
    grad.check(NAME, "the gradient", grad.scalar(), output)?;
    to.check(NAME, "the input's gradient", grad.scalar(), input)?;
    Launch::new(gpu, POOL, NAME, grad.scalar()).pass(grad).pass(to).pass(&bins(NAME, pool, last)?).each(input)
}
