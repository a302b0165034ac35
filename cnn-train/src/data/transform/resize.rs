//! Images of another size.

use cnn_runtime::random::Stream;

use super::crop::crop;
use super::{Transform, between, bytes, rectangle, refused};
use crate::data::photo::{Interpolation, resize_samples};
use crate::data::{Image, Result};

/// The largest side of a resized image, in pixels.
const MAX_SIDE: usize = 1 << 15;

/// The image resized to `height` x `width` pixels, antialiased, with Pillow's pixels.
///
/// # Errors
/// If the image is not of bytes or has no pixels, or one of the sizes is 0 or above 32,768.
pub fn resize(image: Image, [height, width]: [usize; 2], interpolation: Interpolation) -> Result<Image> {
    let (size @ [channels, rows, columns], values) = bytes(image, "Resize")?;
    let possible = |side: usize| (1..=MAX_SIDE).contains(&side);
    if !possible(height) || !possible(width) || rows == 0 || columns == 0 {
        let problem = format!("{rows}x{columns} pixels do not become {height}x{width}: give 1 to {MAX_SIDE}");
        return refused("Resize", problem);
    }
    if [rows, columns] == [height, width] {
        return Image::new(size, values);
    }
    let mut resized = Vec::with_capacity(channels * height * width);
    for plane in values.chunks_exact(rows * columns) {
        let to = [width, height];
        resized.extend(resize_samples(plane, 1, [columns, rows], to, 0..width, 0..height, interpolation));
    }
    Image::new([channels, height, width], resized)
}

/// A part of the image, resized: [`crop`] and [`resize`].
///
/// # Errors
/// As these.
pub fn resized_crop(
    image: &Image,
    corner: [usize; 2],
    part: [usize; 2],
    size: [usize; 2],
    interpolation: Interpolation,
) -> Result<Image> {
    resize(crop(image, corner, part)?, size, interpolation)
}

/// Resizes the image, antialiased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    to: To,
    interpolation: Interpolation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Shorter(usize),
    Exact([usize; 2]),
}

impl Resize {
    /// The shorter side becomes `side` pixels, the longer one in proportion, rounded down.
    #[must_use]
    pub fn new(side: usize) -> Self {
        Self { to: To::Shorter(side), interpolation: Interpolation::Bilinear }
    }

    /// To `height` x `width` pixels, whatever the proportions.
    #[must_use]
    pub fn exact(height: usize, width: usize) -> Self {
        Self { to: To::Exact([height, width]), interpolation: Interpolation::Bilinear }
    }

    /// Between pixels; bilinear if it is not said.
    #[must_use]
    pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.interpolation = interpolation;
        self
    }
}

impl Transform for Resize {
    fn apply(&self, image: Image, _: &mut Stream) -> Result<Image> {
        let [_, rows, columns] = image.size();
        let size = match self.to {
            To::Exact(size) => size,
            To::Shorter(side) if rows <= columns => [side, side.saturating_mul(columns) / rows.max(1)],
            To::Shorter(side) => [side.saturating_mul(rows) / columns.max(1), side],
        };
        resize(image, size, self.interpolation)
    }
}

/// Cuts a part of random area and aspect ratio out of the image and resizes it to a square (C. Szegedy et al., "Going Deeper
/// with Convolutions", 2014).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomResizedCrop {
    side: usize,
    scale: [f64; 2],
    ratio: [f64; 2],
    interpolation: Interpolation,
}

impl RandomResizedCrop {
    /// To `side` x `side` pixels, from 8 to 100 % of the area, of an aspect ratio of 3/4 to 4/3: torchvision's defaults.
    #[must_use]
    pub fn new(side: usize) -> Self {
        Self {
            side,
            scale: [0.08, 1.0],
            ratio: [3.0 / 4.0, 4.0 / 3.0],
            interpolation: Interpolation::Bilinear,
        }
    }

    /// The smallest and the largest share of the image's area, 0 to 1.
    #[must_use]
    pub fn scale(mut self, low: f64, high: f64) -> Self {
        self.scale = [low, high];
        self
    }

    /// The smallest and the largest aspect ratio, width by height.
    #[must_use]
    pub fn ratio(mut self, low: f64, high: f64) -> Self {
        self.ratio = [low, high];
        self
    }

    /// Between pixels; bilinear if it is not said.
    #[must_use]
    pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.interpolation = interpolation;
        self
    }

    /// The largest part in the centre whose aspect ratio is allowed: its corner and its size.
    fn central(&self, rows: usize, columns: usize) -> [[usize; 2]; 2] {
        let [narrowest, widest] = self.ratio;
        let ratio = columns as f64 / rows as f64;
        let rounded = |length: f64| length.round_ties_even() as usize;
        let (height, width) = if ratio < narrowest {
            (rounded(columns as f64 / narrowest).min(rows), columns)
        } else if ratio > widest {
            (rows, rounded(rows as f64 * widest).min(columns))
        } else {
            (rows, columns)
        };
        [[(rows - height) / 2, (columns - width) / 2], [height, width]]
    }
}

impl Transform for RandomResizedCrop {
    fn apply(&self, image: Image, random: &mut Stream) -> Result<Image> {
        let [_, rows, columns] = image.size();
        let fits =
            |width: usize, height: usize| (1..=rows).contains(&height) && (1..=columns).contains(&width);
        let drawn = rectangle(random, rows * columns, self.scale, self.ratio, fits);
        let [corner, part] = match drawn {
            Some([width, height]) => {
                [[between(random, 0, rows - height), between(random, 0, columns - width)], [height, width]]
            }
            None => self.central(rows, columns),
        };
        resized_crop(&image, corner, part, [self.side; 2], self.interpolation)
    }
}
