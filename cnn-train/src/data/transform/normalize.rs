//! Bytes to what networks take.

use cnn_runtime::random::Stream;

use super::{Transform, bytes, refused};
use crate::data::{Dataset, Error, Image, Result, Samples};

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

    /// As the networks were trained that torchvision has weights of.
    #[must_use]
    pub fn imagenet() -> Self {
        Self::new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    }

    /// The mean and the standard deviation that a data set's images have, each image as it is there.
    ///
    /// # Errors
    /// If an image cannot be read, has other channels than the first, or all values of a channel are the same.
    ///
    /// ```
    /// use cnn_train::data::Images;
    /// use cnn_train::data::transform::Normalize;
    /// let images = Images::new([1, 1, 2], vec![0, 255, 0, 255], vec![0, 1])?;
    /// assert_eq!(Normalize::of(&images)?, Normalize::new([0.5], [0.5]));
    /// # Ok::<_, cnn_train::data::Error>(())
    /// ```
    pub fn of(dataset: &dyn Dataset) -> Result<Self> {
        // Whole numbers: the sums are exact, and so do not depend on the order.
        let mut sums: Vec<[u128; 3]> = Vec::new();
        for index in 0..dataset.len() {
            let at = |source| Error::At { index, source: Box::new(source) };
            let (size, bytes) = bytes(dataset.image(index).map_err(at)?, "Normalize").map_err(at)?;
            if index == 0 {
                sums = vec![[0; 3]; size[0]];
            }
            if size[0] != sums.len() {
                let problem = format!("{} channels, where the first image has {}", size[0], sums.len());
                return Err(at(Error::Transform { transform: "Normalize", problem }));
            }
            for (plane, sums) in bytes.chunks_exact((size[1] * size[2]).max(1)).zip(&mut sums) {
                let (sum, squares) = plane.iter().fold((0_u64, 0_u64), |(sum, squares), &byte| {
                    (sum + u64::from(byte), squares + u64::from(byte) * u64::from(byte))
                });
                let all = [plane.len() as u128, sum.into(), squares.into()];
                sums.iter_mut().zip(all).for_each(|(sum, more)| *sum += more);
            }
        }
        let (mut mean, mut std) = (Vec::new(), Vec::new());
        for [count, sum, squares] in sums {
            let spread = (count * squares - sum * sum) as f64;
            if spread == 0.0 {
                return refused(
                    "Normalize",
                    "all values of a channel are the same: there is nothing to divide by",
                );
            }
            mean.push((sum as f64 / count as f64 / 255.0) as f32);
            std.push((spread.sqrt() / count as f64 / 255.0) as f32);
        }
        Ok(Self { mean, std })
    }

    /// The mean of each channel.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The standard deviation of each channel.
    #[must_use]
    pub fn std(&self) -> &[f32] {
        &self.std
    }
}

impl Transform for Normalize {
    fn apply(&self, image: Image, _: &mut Stream) -> Result<Image> {
        normalize(image, &self.mean, &self.std)
    }
}
