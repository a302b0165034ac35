//! Images flipped and turned.

use cnn_runtime::random::Stream;

use super::{Transform, bytes};
use crate::data::{Image, Result, Samples};

/// The image with left and right exchanged.
#[must_use]
pub fn horizontal_flip(image: Image) -> Image {
    let size = image.size();
    let width = size[2].max(1);
    let mut samples = image.into_samples();
    match &mut samples {
        Samples::U8(values) => values.chunks_exact_mut(width).for_each(<[u8]>::reverse),
        Samples::F32(values) => values.chunks_exact_mut(width).for_each(<[f32]>::reverse),
    }
    Image::of(size, samples).expect("as many samples as before")
}

/// Exchanges left and right, with a probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomHorizontalFlip {
    probability: f64,
}

impl RandomHorizontalFlip {
    /// With this probability, 0 to 1.
    #[must_use]
    pub fn new(probability: f64) -> Self {
        Self { probability }
    }
}

impl Default for RandomHorizontalFlip {
    /// Every second image.
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl Transform for RandomHorizontalFlip {
    fn apply(&self, image: Image, random: &mut Stream) -> Result<Image> {
        Ok(if random.bernoulli(self.probability) { horizontal_flip(image) } else { image })
    }
}

/// The image turned counter-clockwise about its centre by `degrees`, bilinear between pixels; what comes in from outside is
/// `fill`. As torchvision's `rotate` with `InterpolationMode.BILINEAR` of a tensor of bytes.
///
/// # Errors
/// If the image is not of bytes.
pub fn rotate(image: Image, degrees: f64, fill: u8) -> Result<Image> {
    let (size, values) = bytes(image, "rotate")?;
    let [channels, height, width] = size;
    if degrees.rem_euclid(360.0) == 0.0 {
        return Image::new(size, values);
    }
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (sin, cos, fill) = (sin as f32, cos as f32, f32::from(fill));
    let plane = height * width;
    let mut turned = vec![0; values.len()];
    for row in 0..height {
        let y = row as f32 - 0.5 * (height as f32 - 1.0);
        for column in 0..width {
            let x = column as f32 - 0.5 * (width as f32 - 1.0);
            let source = [cos * x - sin * y, sin * x + cos * y];
            let taps = Taps::at(source, height, width);
            for channel in 0..channels {
                let from = &values[channel * plane..(channel + 1) * plane];
                let mean = taps.mean(from);
                // As torchvision mixes: at the edge the weight counts twice.
                let value = (mean - fill) * taps.inside + fill;
                turned[channel * plane + row * width + column] = value.round_ties_even() as u8;
            }
        }
    }
    Image::new(size, turned)
}

/// The pixels around a place, and their weights.
struct Taps {
    places: [usize; 4],
    weights: [f32; 4],
    /// The sum of the weights of those that are in the image.
    inside: f32,
}

impl Taps {
    /// At a place that is counted from the image's centre, right and down.
    fn at([x, y]: [f32; 2], height: usize, width: usize) -> Self {
        let x = x + 0.5 * (width as f32 - 1.0);
        let y = y + 0.5 * (height as f32 - 1.0);
        let (left, top) = (x.floor(), y.floor());
        let (right, down) = (x - left, y - top);
        let mut taps = Self { places: [0; 4], weights: [0.0; 4], inside: 0.0 };
        let corners = [
            (top, left, (1.0 - down) * (1.0 - right)),
            (top, left + 1.0, (1.0 - down) * right),
            (top + 1.0, left, down * (1.0 - right)),
            (top + 1.0, left + 1.0, down * right),
        ];
        for (corner, (row, column, weight)) in corners.into_iter().enumerate() {
            if row >= 0.0 && row < height as f32 && column >= 0.0 && column < width as f32 {
                taps.places[corner] = row as usize * width + column as usize;
                taps.weights[corner] = weight;
                taps.inside += weight;
            }
        }
        taps
    }

    fn mean(&self, plane: &[u8]) -> f32 {
        self.places.iter().zip(self.weights).map(|(&place, weight)| f32::from(plane[place]) * weight).sum()
    }
}

/// Turns the image about its centre by a random angle, bilinear between pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomRotation {
    degrees: [f64; 2],
    fill: u8,
}

impl RandomRotation {
    /// By up to `degrees`, either way.
    #[must_use]
    pub fn new(degrees: f64) -> Self {
        Self { degrees: [-degrees, degrees], fill: 0 }
    }

    /// Counter-clockwise by `low` to `high` degrees.
    #[must_use]
    pub fn between(low: f64, high: f64) -> Self {
        Self { degrees: [low, high], fill: 0 }
    }

    /// What comes in from outside of the image; 0 if it is not said.
    #[must_use]
    pub fn fill(mut self, fill: u8) -> Self {
        self.fill = fill;
        self
    }
}

impl Transform for RandomRotation {
    fn apply(&self, image: Image, random: &mut Stream) -> Result<Image> {
        let degrees = random.uniform(self.degrees[0], self.degrees[1]);
        rotate(image, degrees, self.fill)
    }
}
