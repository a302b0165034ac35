//! Rectangles of an image covered.

use cnn_runtime::random::Stream;

use super::{Transform, below, between, rectangle};
use crate::data::{Image, Result, Samples};

/// The image with `value` in the rectangle of `height` x `width` pixels at row `top` and column `left`; what of the
/// rectangle is outside of the image is left out. Bytes are rounded and cut off at 0 and 255.
#[must_use]
pub fn erase(image: Image, [top, left]: [usize; 2], [height, width]: [usize; 2], value: f32) -> Image {
    fn cover<T: Copy>(
        values: &mut [T],
        plane: usize,
        columns: usize,
        rows: [usize; 2],
        across: [usize; 2],
        with: T,
    ) {
        for plane in values.chunks_exact_mut(plane) {
            for row in plane.chunks_exact_mut(columns).take(rows[1]).skip(rows[0]) {
                row[across[0]..across[1]].fill(with);
            }
        }
    }
    let size @ [_, rows, columns] = image.size();
    let down = [top.min(rows), top.saturating_add(height).min(rows)];
    let across = [left.min(columns), left.saturating_add(width).min(columns)];
    let mut samples = image.into_samples();
    match &mut samples {
        _ if rows == 0 || columns == 0 => {}
        Samples::U8(values) => cover(values, rows * columns, columns, down, across, value.round() as u8),
        Samples::F32(values) => cover(values, rows * columns, columns, down, across, value),
    }
    Image::of(size, samples).expect("as many samples as before")
}

/// Covers a rectangle of random size and place, with a probability (Z. Zhong et al., "Random Erasing Data Augmentation",
/// 2017). After [`Normalize`](super::Normalize) the value 0 is the data's mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomErasing {
    probability: f64,
    scale: [f64; 2],
    ratio: [f64; 2],
    value: f32,
}

impl Default for RandomErasing {
    /// torchvision's: every second image, 2 to 33 % of its area, of an aspect ratio of 0.3 to 3.3, with 0.
    fn default() -> Self {
        Self { probability: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3], value: 0.0 }
    }
}

impl RandomErasing {
    /// How probable it is, 0 to 1.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// The smallest and the largest share of the image that is covered, 0 to 1.
    #[must_use]
    pub fn scale(mut self, low: f64, high: f64) -> Self {
        self.scale = [low, high];
        self
    }

    /// The smallest and the largest aspect ratio, height by width.
    #[must_use]
    pub fn ratio(mut self, low: f64, high: f64) -> Self {
        self.ratio = [low, high];
        self
    }

    /// What it is covered with.
    #[must_use]
    pub fn value(mut self, value: f32) -> Self {
        self.value = value;
        self
    }
}

impl Transform for RandomErasing {
    fn apply(&self, image: Image, random: &mut Stream) -> Result<Image> {
        if !random.bernoulli(self.probability) {
            return Ok(image);
        }
        let [_, rows, columns] = image.size();
        let fits = |height: usize, width: usize| height < rows && width < columns;
        let Some([height, width]) = rectangle(random, rows * columns, self.scale, self.ratio, fits) else {
            return Ok(image);
        };
        let top = between(random, 0, rows - height);
        let left = between(random, 0, columns - width);
        Ok(erase(image, [top, left], [height, width], self.value))
    }
}

/// Covers a square whose centre is anywhere in the image (T. DeVries & G. Taylor, "Improved Regularization of Convolutional
/// Neural Networks with Cutout", 2017): at the edge a part of it is outside. Put it after [`Normalize`](super::Normalize),
/// as the paper has it: the value 0 is the data's mean then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cutout {
    side: usize,
    value: f32,
}

impl Cutout {
    /// A square of `side` x `side` pixels; the paper has 16 for CIFAR-10 and 8 for CIFAR-100.
    #[must_use]
    pub fn new(side: usize) -> Self {
        Self { side, value: 0.0 }
    }

    /// What it is covered with; 0 if it is not said.
    #[must_use]
    pub fn value(mut self, value: f32) -> Self {
        self.value = value;
        self
    }
}

impl Transform for Cutout {
    fn apply(&self, image: Image, random: &mut Stream) -> Result<Image> {
        let [_, rows, columns] = image.size();
        if rows == 0 || columns == 0 {
            return Ok(image);
        }
        let centre = [below(random, rows), below(random, columns)];
        // As the authors' code has it: from half of the side before the centre to half of it behind.
        let start = centre.map(|centre| centre.saturating_sub(self.side / 2));
        let end = centre.map(|centre| centre + self.side / 2);
        let size = [end[0] - start[0], end[1] - start[1]];
        Ok(erase(image, start, size, self.value))
    }
}
