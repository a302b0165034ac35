//! Parts of an image, and room around one.

use cnn_runtime::random::Stream;

use super::{Transform, between, refused};
use crate::data::{Image, Result, Samples};

/// The most rows and columns that are added.
const MAX_PADDING: usize = 1 << 15;

/// What stands around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// A value; of images after [`Normalize`](super::Normalize) as a number.
    Constant(u8),
    /// The image mirrored at its outermost rows and columns, which are not repeated: `3 2 | 1 2 3 | 2 1`.
    Reflect,
}

/// Adds `by` rows and columns on every side.
///
/// # Errors
/// For [`Padding::Reflect`] if the image has not more rows and columns than are added; in any case beyond 32,768.
pub fn pad(image: &Image, by: usize, padding: Padding) -> Result<Image> {
    let [channels, height, width] = image.size();
    if padding == Padding::Reflect && (by >= height || by >= width) {
        let problem = format!("{by} rows cannot be mirrored into an image of {height}x{width}: pad by less");
        return refused("pad", problem);
    }
    if by > MAX_PADDING {
        return refused("pad", format!("{by} rows and columns are too many: pad by at most {MAX_PADDING}"));
    }
    if by == 0 {
        return Ok(image.clone());
    }
    let size = [channels, height + 2 * by, width + 2 * by];
    let from = |place: usize, length: usize| -> Option<usize> {
        match padding {
            Padding::Constant(_) => place.checked_sub(by).filter(|&place| place < length),
            Padding::Reflect if place < by => Some(by - place),
            Padding::Reflect if place - by < length => Some(place - by),
            Padding::Reflect => Some(2 * (length - 1) - (place - by)),
        }
    };
    let rows: Vec<_> = (0..size[1]).map(|row| from(row, height)).collect();
    let columns: Vec<_> = (0..size[2]).map(|column| from(column, width)).collect();
    let constant = if let Padding::Constant(value) = padding { value } else { 0 };
    let samples = match image.samples() {
        Samples::U8(values) => Samples::U8(placed(values, image.size(), &rows, &columns, constant)),
        Samples::F32(values) => Samples::F32(placed(values, image.size(), &rows, &columns, constant.into())),
    };
    Image::of(size, samples)
}

/// An image whose rows and columns are these of another one, or `fill`.
pub(super) fn placed<T: Copy>(
    values: &[T],
    [_, height, width]: [usize; 3],
    rows: &[Option<usize>],
    columns: &[Option<usize>],
    fill: T,
) -> Vec<T> {
    let mut all = Vec::with_capacity(values.len() / (height * width).max(1) * rows.len() * columns.len());
    for plane in values.chunks_exact((height * width).max(1)) {
        for row in rows {
            let Some(row) = row else {
                all.extend(columns.iter().map(|_| fill));
                continue;
            };
            let from = &plane[row * width..(row + 1) * width];
            all.extend(columns.iter().map(|column| column.map_or(fill, |column| from[column])));
        }
    }
    all
}

/// The part of `height` x `width` pixels whose upper left corner is at row `top` and column `left`.
///
/// # Errors
/// If it goes beyond the image.
pub fn crop(image: &Image, [top, left]: [usize; 2], [height, width]: [usize; 2]) -> Result<Image> {
    let [channels, rows, columns] = image.size();
    let inside =
        |start: usize, length: usize, all: usize| start.checked_add(length).is_some_and(|end| end <= all);
    if !inside(top, height, rows) || !inside(left, width, columns) {
        let part = format!("a part of {height}x{width} at row {top}, column {left}");
        return refused(
            "crop",
            format!("{part} is not inside an image of {rows}x{columns}: take a smaller one"),
        );
    }
    fn part<T: Copy>(
        values: &[T],
        plane: usize,
        columns: usize,
        rows: [usize; 2],
        across: [usize; 2],
    ) -> Vec<T> {
        let mut all =
            Vec::with_capacity(values.len() / plane.max(1) * (rows[1] - rows[0]) * (across[1] - across[0]));
        for plane in values.chunks_exact(plane.max(1)) {
            for row in plane.chunks_exact(columns).take(rows[1]).skip(rows[0]) {
                all.extend_from_slice(&row[across[0]..across[1]]);
            }
        }
        all
    }
    let (down, across) = ([top, top + height], [left, left + width]);
    let samples = match image.samples() {
        Samples::U8(values) => Samples::U8(part(values, rows * columns, columns, down, across)),
        Samples::F32(values) => Samples::F32(part(values, rows * columns, columns, down, across)),
    };
    Image::of([channels, height, width], samples)
}

/// The part of `height` x `width` pixels in the centre; halves of pixels are rounded to even numbers, as in torchvision.
///
/// # Errors
/// If the image is smaller; torchvision adds zeros then, see [`pad`].
pub fn center_crop(image: &Image, [height, width]: [usize; 2]) -> Result<Image> {
    let [_, rows, columns] = image.size();
    if height > rows || width > columns {
        let problem =
            format!("the image of {rows}x{columns} is smaller than {height}x{width}: resize it first");
        return refused("CenterCrop", problem);
    }
    let start = |whole: usize, part: usize| ((whole - part) as f64 / 2.0).round_ties_even() as usize;
    crop(image, [start(rows, height), start(columns, width)], [height, width])
}

/// Cuts a part out of the image, after room was added around it; every place is as likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomCrop {
    size: [usize; 2],
    by: usize,
    padding: Padding,
}

impl RandomCrop {
    /// Parts of `side` x `side` pixels.
    #[must_use]
    pub fn new(side: usize) -> Self {
        Self { size: [side, side], by: 0, padding: Padding::Constant(0) }
    }

    /// Parts of `height` x `width` pixels.
    #[must_use]
    pub fn exact(height: usize, width: usize) -> Self {
        Self { size: [height, width], ..Self::new(0) }
    }

    /// Rows and columns added on every side before.
    #[must_use]
    pub fn padding(mut self, by: usize) -> Self {
        self.by = by;
        self
    }

    /// What is added; zeros if it is not said.
    #[must_use]
    pub fn padding_mode(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }
}

impl Transform for RandomCrop {
    fn apply(&self, image: Image, random: &mut Stream) -> Result<Image> {
        let image = if self.by > 0 { pad(&image, self.by, self.padding)? } else { image };
        let [_, rows, columns] = image.size();
        let [height, width] = self.size;
        if height > rows || width > columns {
            let problem = format!(
                "{height}x{width} pixels cannot be cut from {rows}x{columns}, its padding included: \
                 resize first, or pad more"
            );
            return refused("RandomCrop", problem);
        }
        let top = between(random, 0, rows - height);
        let left = between(random, 0, columns - width);
        crop(&image, [top, left], self.size)
    }
}

/// Cuts the part in the centre out of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CenterCrop([usize; 2]);

impl CenterCrop {
    /// A part of `side` x `side` pixels.
    #[must_use]
    pub fn new(side: usize) -> Self {
        Self([side, side])
    }

    /// A part of `height` x `width` pixels.
    #[must_use]
    pub fn exact(height: usize, width: usize) -> Self {
        Self([height, width])
    }
}

impl Transform for CenterCrop {
    fn apply(&self, image: Image, _: &mut Stream) -> Result<Image> {
        center_crop(&image, self.0)
    }
}
