//! Maps with their channels last, as plans have them, and what is done to them value by value.
use cnn_kernels::channels::Planes;

use super::elementwise::Ending;
use super::{int, planes};
use crate::device::{Gpu, In, Launch, Out, Result};
use crate::sizes;
use crate::source::{LAYOUT, Scalar};

/// From NCHW of `f32`, with zeros for the channels that `padded` has more.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn to_last(gpu: &Gpu, sizes: &Planes, padded: usize, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "to_last";
    x.check(NAME, "the input", Scalar::F32, sizes.len())?;
    y.check(NAME, "the output", y.scalar(), sizes.batch * sizes.plane * padded)?;
    Launch::new(gpu, LAYOUT, NAME, y.scalar())
        .pass(x)
        .pass(y)
        .pass(&planes(NAME, sizes)?)
        .pass(&int(NAME, padded)?)
        .each(y.len())
}

/// To NCHW of `f32`, from pixels of `pitch` values.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn to_first(gpu: &Gpu, sizes: &Planes, pitch: usize, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "to_first";
    x.check(NAME, "the input", x.scalar(), sizes.batch * sizes.plane * pitch)?;
    y.check(NAME, "the output", Scalar::F32, sizes.len())?;
    Launch::new(gpu, LAYOUT, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(&planes(NAME, sizes)?)
        .pass(&int(NAME, pitch)?)
        .each(y.len())
}

/// The values in NCHW order, as rows, from pixels of `pitch` values.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn flatten(gpu: &Gpu, sizes: &Planes, pitch: usize, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "flatten";
    x.check(NAME, "the input", x.scalar(), sizes.batch * sizes.plane * pitch)?;
    y.check(NAME, "the output", x.scalar(), sizes.len())?;
    Launch::new(gpu, LAYOUT, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(&planes(NAME, sizes)?)
        .pass(&int(NAME, pitch)?)
        .each(y.len())
}

/// From rows of values in NCHW order.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn unflatten(gpu: &Gpu, sizes: &Planes, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "unflatten";
    x.check(NAME, "the input", x.scalar(), sizes.len())?;
    y.check(NAME, "the output", x.scalar(), sizes.len())?;
    Launch::new(gpu, LAYOUT, NAME, x.scalar()).pass(x).pass(y).pass(&planes(NAME, sizes)?).each(y.len())
}

/// Values of `f32`, rounded.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn cast(gpu: &Gpu, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "cast";
    x.check(NAME, "the input", Scalar::F32, y.len())?;
    Launch::new(gpu, LAYOUT, NAME, y.scalar()).pass(x).pass(y).pass(&y.len()).each(y.len())
}

/// Some channels of pixels: how many a pixel has, and the first of those that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// Of a pixel.
    pub pitch: usize,
    /// The first.
    pub first: usize,
}

/// Copies so many channels of each pixel.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn copy_channels(
    gpu: &Gpu,
    [pixels, channels]: [usize; 2],
    (x, from): (&In<'_>, Channels),
    (y, to): (&mut Out<'_>, Channels),
) -> Result<()> {
    const NAME: &str = "copy_channels";
    x.check(NAME, "the input", x.scalar(), pixels * from.pitch)?;
    y.check(NAME, "the output", x.scalar(), pixels * to.pitch)?;
    if from.first + channels > from.pitch || to.first + channels > to.pitch {
        return crate::device::sizes(NAME, format_args!("{channels} channels of {from:?} to {to:?}"));
    }
    Launch::new(gpu, LAYOUT, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(&pixels)
        .pass(&int(NAME, channels)?)
        .pass(&int(NAME, from.pitch)?)
        .pass(&int(NAME, from.first)?)
        .pass(&int(NAME, to.pitch)?)
        .pass(&int(NAME, to.first)?)
        .each(pixels * channels)
}

/// What two maps become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Their sum.
    Add,
    /// Their product.
    Multiply,
}

/// A factor and a term for each channel, and a function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Affine<'a> {
    /// Factors.
    pub scale: Option<&'a In<'a>>,
    /// Terms.
    pub term: Option<&'a In<'a>>,
    /// The function.
    pub ending: Ending,
}

impl Affine<'_> {
    fn check(&self, name: &'static str, scalar: Scalar, channels: usize) -> Result<()> {
        for (values, what) in [(self.scale, "the factors"), (self.term, "the terms")] {
            if let Some(values) = values {
                values.check(name, what, scalar.of_parameters(), channels)?;
            }
        }
        Ok(())
    }
}

/// A function of each value of `x`, or of `x` and another map, which may have one value for each image and channel.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn combine(
    gpu: &Gpu,
    sizes: &Planes,
    x: &In<'_>,
    other: Option<(Operator, &In<'_>)>,
    affine: Affine<'_>,
    y: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "combine";
    x.check(NAME, "the input", x.scalar(), sizes.len())?;
    y.check(NAME, "the output", x.scalar(), sizes.len())?;
    affine.check(NAME, x.scalar(), sizes.channels)?;
    let per_image = other.is_some_and(|(_, other)| other.len() != sizes.len());
    if let Some((_, other)) = other {
        let len = if per_image { sizes.batch * sizes.channels } else { sizes.len() };
        other.check(NAME, "the other map", x.scalar(), len)?;
    }
    let operation = match other {
        None => 0,
        Some((Operator::Add, _)) => 1,
        Some((Operator::Multiply, _)) => 2,
    };
    Launch::new(gpu, LAYOUT, NAME, x.scalar())
        .pass(x)
        .pass(&other.map(|(_, other)| other))
        .pass(&affine.scale)
        .pass(&affine.term)
        .pass(y)
        .pass(&planes(NAME, sizes)?)
        .pass(&operation)
        .pass(&i32::from(per_image))
        .pass(&affine.ending.function)
        .pass(&affine.ending.parameter)
        .each(sizes.len())
}

/// Where a part of a map goes: its rows and columns are every so manyth of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Images and channels.
    pub maps: [usize; 2],
    /// Rows and columns of the part.
    pub part: [usize; 2],
    /// Of the whole.
    pub whole: [usize; 2],
    /// From one to the next.
    pub steps: [usize; 2],
    /// The first.
    pub first: [usize; 2],
}

/// Writes a part of a map.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn spread(gpu: &Gpu, spread: &Spread, x: &In<'_>, affine: Affine<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "spread";
    let Spread { maps: [images, channels], part, whole, steps, first } = *spread;
    let len = |[height, width]: [usize; 2]| images * channels * height * width;
    x.check(NAME, "the part", x.scalar(), len(part))?;
    y.check(NAME, "the whole", x.scalar(), len(whole))?;
    affine.check(NAME, x.scalar(), channels)?;
    let fits = |axis: usize| part[axis] == 0 || first[axis] + (part[axis] - 1) * steps[axis] < whole[axis];
    if !fits(0) || !fits(1) {
        return crate::device::sizes(NAME, format_args!("the part is not in the whole: {spread:?}"));
    }
    let sizes = sizes::Spread {
        images: int(NAME, images)?,
        part_height: int(NAME, part[0])?,
        part_width: int(NAME, part[1])?,
        height: int(NAME, whole[0])?,
        width: int(NAME, whole[1])?,
        channels: int(NAME, channels)?,
        step_y: int(NAME, steps[0])?,
        step_x: int(NAME, steps[1])?,
        top: int(NAME, first[0])?,
        left: int(NAME, first[1])?,
    };
    Launch::new(gpu, LAYOUT, NAME, x.scalar())
        .pass(x)
        .pass(&affine.scale)
        .pass(&affine.term)
        .pass(y)
        .pass(&sizes)
        .pass(&affine.ending.function)
        .pass(&affine.ending.parameter)
        .each(x.len())
}
