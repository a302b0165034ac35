//! Resizing as Pillow does it, to the last bit.
//!
//! Each pixel of the result is a weighted mean of source pixels under a filter that is widened where the picture
//! shrinks (antialiasing). First the rows are resampled and rounded to eight bits, then the columns; weights are
//! numbers of 22 binary places. Libraries of the kind have other weights or another order, and pixels that differ by one.

use std::ops::Range;

use image::RgbImage;

/// Binary places of a weight: with the 8 bits of a sample and 2 for what lies outside 0 to 255, it fits an `i32`.
const PLACES: u32 = 32 - 8 - 2;

/// How pixels between pixels are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// A triangle: two source pixels each way where the size stays.
    Bilinear,
    /// Keys's cubic with a = -0.5 (R. Keys, "Cubic convolution interpolation for digital image processing", 1981).
    Bicubic,
}

impl Interpolation {
    /// From here on the filter is 0, in pixels.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// The filter at this distance.
    fn at(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            _ => 0.0,
        }
    }
}

/// What one pixel of the result is made of: the first of its source pixels, and the weights of that and the next ones.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

impl Taps {
    /// The taps of pixel `index` where `from` pixels become `to`.
    fn new(from: usize, to: usize, index: usize, filter: Interpolation) -> Self {
        let scale = from as f64 / to as f64;
        let widening = scale.max(1.0);
        let reach = filter.support() * widening;
        let centre = (index as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = from.min((centre + reach + 0.5) as usize);
        let raw: Vec<f64> =
            (first..end).map(|source| filter.at((source as f64 - centre + 0.5) * (1.0 / widening))).collect();
        let sum: f64 = raw.iter().sum();
        let weights =
            raw.iter().map(|weight| (weight / sum * f64::from(1 << PLACES)).round() as i32).collect();
        Self { first, weights }
    }

    /// The weighted mean of what `sample` gives for each source pixel.
    fn mean(&self, sample: impl Fn(usize) -> u8) -> u8 {
        let half = 1 << (PLACES - 1);
        let sum =
            self.weights.iter().enumerate().fold(half, |sum: i32, (offset, weight)| {
                sum + weight * i32::from(sample(self.first + offset))
            });
        (sum >> PLACES).clamp(0, 255) as u8
    }
}

/// The part `columns` x `rows` of the picture resized to `width` x `height`. The rest is not computed: a narrow strip
/// whose short side is stretched becomes very long.
pub(super) fn resize_part(
    image: &RgbImage,
    to: [usize; 2],
    columns: Range<usize>,
    rows: Range<usize>,
    filter: Interpolation,
) -> RgbImage {
    let from = [image.width() as usize, image.height() as usize];
    let mut part = RgbImage::new(columns.len() as u32, rows.len() as u32);
    part.copy_from_slice(&resize_samples(image.as_raw(), 3, from, to, columns, rows, filter));
    part
}

/// The same of samples that stand row after row, `channels` to a pixel; sizes are width and height.
pub(in crate::data) fn resize_samples(
    samples: &[u8],
    channels: usize,
    from: [usize; 2],
    to: [usize; 2],
    columns: Range<usize>,
    rows: Range<usize>,
    filter: Interpolation,
) -> Vec<u8> {
    let taps = |from: usize, to: usize, part: Range<usize>| -> Vec<Taps> {
        part.map(|index| Taps::new(from, to, index, filter)).collect()
    };
    let across = taps(from[0], to[0], columns);
    let down = taps(from[1], to[1], rows);
    let needed = down.iter().map(|taps| taps.first).min().unwrap_or(0)
        ..down.iter().map(|taps| taps.first + taps.weights.len()).max().unwrap_or(0);

    let mut narrow = Vec::with_capacity(channels * needed.len() * across.len());
    for row in samples.chunks_exact(channels * from[0]).skip(needed.start).take(needed.len()) {
        for taps in &across {
            narrow.extend((0..channels).map(|channel| taps.mean(|column| row[channels * column + channel])));
        }
    }
    let stride = channels * across.len();
    let mut pixels = Vec::with_capacity(stride * down.len());
    for taps in &down {
        pixels
            .extend((0..stride).map(|place| taps.mean(|row| narrow[(row - needed.start) * stride + place])));
    }
    pixels
}
