//! Bytes to what networks take.

use cnn_runtime::random::Stream;

use super::{Transform, refused};
use crate::data::{Image, Result, Samples};

/// The image with the mean of each channel taken away and divided by its standard deviation: `(value / 255 - mean) / std`
/// of bytes, `(value - mean) / std` of numbers.
///
/// # Errors
/// If there is not one mean and one deviation for each channel.
pub fn normalize(image: Image, mean: &[f32], std: &[f32]) -> Result<Image> {
    let size @ [channels, height, width] = image.size();
    if (mean.len(), std.len()) != (channels, channels) {
        let problem = format!(
            "{} means and {} deviations do not fit {channels} channels: give one for each",
            mean.len(),
            std.len()
        );
        return refused("Normalize", problem);
    }
    let plane = (height * width).max(1);
    let each = mean.iter().zip(std);
    let values = match image.into_samples() {
        Samples::U8(bytes) => {
            let mut values = Vec::with_capacity(bytes.len());
            for (plane, (mean, std)) in bytes.chunks_exact(plane).zip(each) {
                values.extend(plane.iter().map(|&byte| (f32::from(byte) * (1.0 / 255.0) - mean) / std));
            }
            values
        }
        Samples::F32(mut values) => {
            for (plane, (mean, std)) in values.chunks_exact_mut(plane).zip(each) {
                plane.iter_mut().for_each(|value| *value = (*value - mean) / std);
            }
            values
        }
    };
    Image::of(size, Samples::F32(values))
}

/// Takes each channel's mean away and divides by its standard deviation, both of pixels as fractions of 255:
/// torchvision's `ToDtype(float32, scale=True)` and `Normalize`.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Normalize {
    /// Of ImageNet's training set.
    pub const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

    /// A mean and a standard deviation for each channel.
    ///
    /// ```
    /// use cnn_train::data::transform::Normalize;
    /// let digits = Normalize::new([0.1307], [0.3081]);
    /// ```
    #[must_use]
    pub fn new<const CHANNELS: usize>(mean: [f32; CHANNELS], std: [f32; CHANNELS]) -> Self {
        Self { mean: mean.into(), std: std.into() }
    }
}

impl Transform for Normalize {
    fn apply(&self, image: Image, _: &mut Stream) -> Result<Image> {
        normalize(image, &self.mean, &self.std)
    }
}
