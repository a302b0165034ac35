//! Tensors as small pictures.

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer, Pixel, Rgb, RgbImage};

/// The value that is black and the one that is white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Black.
    pub low: f32,
    /// White.
    pub high: f32,
}

impl Range {
    /// From the smallest value to the largest.
    #[must_use]
    pub fn of(values: &[f32]) -> Self {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Self { low, high }
    }

    /// From the smallest value to the largest, of many values without the outermost fiftieth on each side, so that a few
    /// at the rim of a map do not take the contrast from the others.
    ///
    /// ```
    /// use cnn_examples::look::tiles::Range;
    /// let mut values: Vec<f32> = (0..1000).map(|value| value as f32).collect();
    /// values[500] = 1e6;
    /// assert_eq!(Range::of_most(&values), Range { low: 20.0, high: 980.0 });
    /// ```
    #[must_use]
    pub fn of_most(values: &[f32]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let left_out = sorted.len() / 50;
        match sorted[left_out..sorted.len() - left_out] {
            [low, .., high] => Self { low, high },
            _ => Self::of(values),
        }
    }

    /// As far below 0 as above, so that 0 is the middle grey.
    #[must_use]
    pub fn around_zero(values: &[f32]) -> Self {
        let largest = values.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let largest = if largest > 0.0 { largest } else { 1.0 };
        Self { low: -largest, high: largest }
    }

    /// How far apart the two are.
    #[must_use]
    pub fn width(self) -> f32 {
        self.high - self.low
    }

    /// The brightness of a value, 0 to 255, rounded. Where all values are equal it is 0.
    ///
    /// ```
    /// use cnn_examples::look::tiles::Range;
    /// let range = Range { low: -1.0, high: 3.0 };
    /// assert_eq!([-1.0, 1.0, 3.0, 9.0].map(|value| range.brightness(value)), [0, 128, 255, 255]);
    /// ```
    #[must_use]
    pub fn brightness(self, value: f32) -> u8 {
        if self.width() > 0.0 {
            // In f64 the width of finite values is finite.
            let share =
                (f64::from(value) - f64::from(self.low)) / (f64::from(self.high) - f64::from(self.low));
            (share.clamp(0.0, 1.0) * 255.0).round() as u8
        } else {
            0
        }
    }
}

/// A plane of values in grey; `values` is `height` rows of `width`. Values that are missing are black.
#[must_use]
pub fn grey(values: &[f32], [height, width]: [usize; 2], range: Range) -> GrayImage {
    GrayImage::from_fn(width as u32, height as u32, |column, row| {
        let value = values.get(row as usize * width + column as usize);
        image::Luma([value.map_or(0, |&value| range.brightness(value))])
    })
}

/// Three planes of values as red, green and blue.
#[must_use]
pub fn colour(values: &[f32], [height, width]: [usize; 2], range: Range) -> RgbImage {
    let plane = height * width;
    RgbImage::from_fn(width as u32, height as u32, |column, row| {
        let at = row as usize * width + column as usize;
        Rgb([0, 1, 2]
            .map(|channel| values.get(channel * plane + at).map_or(0, |&value| range.brightness(value))))
    })
}

/// A picture at about `side` pixels along its longer side: repeated whole times where it is smaller, so that its pixels
/// stay squares, averaged where it is more than half as large again.
#[must_use]
pub fn fit<P>(picture: &ImageBuffer<P, Vec<u8>>, side: u32) -> ImageBuffer<P, Vec<u8>>
where
    P: Pixel<Subpixel = u8> + 'static,
{
    let [width, height] = [picture.width().max(1), picture.height().max(1)];
    let longer = width.max(height);
    if longer > side + side / 2 {
        let scaled = |size: u32| (u64::from(size) * u64::from(side) / u64::from(longer)).max(1) as u32;
        return imageops::resize(picture, scaled(width), scaled(height), FilterType::Triangle);
    }
    let times = ((side + longer / 2) / longer).max(1);
    imageops::resize(picture, width * times, height * times, FilterType::Nearest)
}

/// Pictures of one size in rows of `per_row`, `gap` pixels of `background` between and around them.
#[must_use]
pub fn grid(pictures: &[RgbImage], per_row: usize, gap: u32, background: Rgb<u8>) -> RgbImage {
    let [width, height] = pictures.first().map_or([0, 0], |picture| [picture.width(), picture.height()]);
    let columns = per_row.clamp(1, pictures.len().max(1));
    let rows = pictures.len().div_ceil(columns);
    let across = |count: usize, size: u32| gap + count as u32 * (size + gap);
    let mut all = RgbImage::from_pixel(across(columns, width), across(rows, height), background);
    for (index, picture) in pictures.iter().enumerate() {
        let [row, column] = [index / columns, index % columns];
        imageops::replace(
            &mut all,
            picture,
            i64::from(across(column, width)),
            i64::from(across(row, height)),
        );
    }
    all
}
