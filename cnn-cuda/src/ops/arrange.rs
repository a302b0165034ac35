//! Channels and pixels in another order, and parts of maps, with their channels last.
use super::int;
use crate::device::{Gpu, In, Launch, Out, Result, sizes as wrong};
use crate::sizes;
use crate::source::ARRANGE;

/// The channels of each pixel, seen as `groups` rows, transposed: channel `i * channels / groups + j` becomes channel
/// `j * groups + i`. The gradient is the same of `channels / groups` groups.
///
/// # Errors
/// For lengths or element types that do not fit, or groups that do not divide the channels.
pub fn channel_shuffle(
    gpu: &Gpu,
    [pixels, channels]: [usize; 2],
    groups: usize,
    x: &In<'_>,
    y: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "shuffle_channels";
    if groups == 0 || !channels.is_multiple_of(groups) {
        return wrong(NAME, format_args!("{groups} groups of {channels} channels"));
    }
    x.check(NAME, "the input", x.scalar(), pixels * channels)?;
    y.check(NAME, "the output", x.scalar(), x.len())?;
    Launch::new(gpu, ARRANGE, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(&pixels)
        .pass(&int(NAME, channels)?)
        .pass(&int(NAME, groups)?)
        .each(x.len())
}

/// Maps of which each `factor^2` channels become squares of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelShuffle {
    /// Images, and the channels that they have afterwards.
    pub maps: [usize; 2],
    /// Rows and columns before.
    pub input: [usize; 2],
    /// How many times as many there are afterwards.
    pub factor: usize,
}

impl PixelShuffle {
    fn sizes(&self, name: &'static str) -> Result<sizes::Shuffle> {
        let Self { maps: [images, channels], input: [height, width], factor } = *self;
        // What is made of these are numbers of the kernel too.
        let products = [height, width, channels.saturating_mul(factor)];
        products.iter().try_for_each(|size| int(name, size.saturating_mul(factor)).map(drop))?;
        Ok(sizes::Shuffle {
            images: int(name, images)?,
            height: int(name, height)?,
            width: int(name, width)?,
            channels: int(name, channels)?,
            factor: int(name, factor)?,
        })
    }

    /// Values, which are as many before as afterwards.
    const fn len(&self) -> usize {
        let Self { maps: [images, channels], input: [height, width], factor } = *self;
        images * height * width * channels * factor * factor
    }
}

/// Channel `(c * factor + i) * factor + j` of a pixel becomes channel `c` of the pixel in row `i` and column `j` of a square.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn pixel_shuffle(gpu: &Gpu, shuffle: &PixelShuffle, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "shuffle_pixels";
    x.check(NAME, "the input", x.scalar(), shuffle.len())?;
    y.check(NAME, "the output", x.scalar(), shuffle.len())?;
    Launch::new(gpu, ARRANGE, NAME, x.scalar()).pass(x).pass(y).pass(&shuffle.sizes(NAME)?).each(x.len())
}

/// The gradient of [`pixel_shuffle`] by its input: the way back.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn pixel_shuffle_gradient(
    gpu: &Gpu,
    shuffle: &PixelShuffle,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "unshuffle_pixels";
    grad.check(NAME, "the gradient", grad.scalar(), shuffle.len())?;
    to.check(NAME, "the input's gradient", grad.scalar(), shuffle.len())?;
    Launch::new(gpu, ARRANGE, NAME, grad.scalar())
        .pass(grad)
        .pass(to)
        .pass(&shuffle.sizes(NAME)?)
        .each(to.len())
}

/// Maps, and the part of each that some of its rows and columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Images and channels.
    pub maps: [usize; 2],
    /// Rows and columns of the part.
    pub part: [usize; 2],
    /// Of the whole.
    pub whole: [usize; 2],
    /// The first row and column of the part in the whole.
    pub first: [usize; 2],
}

/// The part of a map. The gradient is [`pad`].
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn crop(gpu: &Gpu, frame: &Frame, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    let Frame { part, whole, .. } = *frame;
    copy(gpu, frame, [whole, part], 1, x, y)
}

/// A map as a part, with zeros around it. The gradient is [`crop`].
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn pad(gpu: &Gpu, frame: &Frame, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    let Frame { part, whole, .. } = *frame;
    copy(gpu, frame, [part, whole], -1, x, y)
}

/// From rows and columns to others, of which the first is the frame's in this direction.
fn copy(
    gpu: &Gpu,
    frame: &Frame,
    [from, to]: [[usize; 2]; 2],
    direction: i32,
    x: &In<'_>,
    y: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "frame";
    let Frame { maps: [images, channels], part, whole, first } = *frame;
    let fits = |axis: usize| first[axis].saturating_add(part[axis]) <= whole[axis];
    if !fits(0) || !fits(1) {
        return wrong(NAME, format_args!("the part is not in the whole: {frame:?}"));
    }
    let len = |[height, width]: [usize; 2]| images * channels * height * width;
    x.check(NAME, "the input", x.scalar(), len(from))?;
    y.check(NAME, "the output", x.scalar(), len(to))?;
    let sizes = sizes::Frame {
        images: int(NAME, images)?,
        height: int(NAME, from[0])?,
        width: int(NAME, from[1])?,
        out_height: int(NAME, to[0])?,
        out_width: int(NAME, to[1])?,
        channels: int(NAME, channels)?,
        top: direction * int(NAME, first[0])?,
        left: direction * int(NAME, first[1])?,
    };
    Launch::new(gpu, ARRANGE, NAME, x.scalar()).pass(x).pass(y).pass(&sizes).each(y.len())
}
