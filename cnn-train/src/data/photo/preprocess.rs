//! Photos to what a network takes.

use candle_core::{Device, Result, Tensor};
use image::RgbImage;

use super::Photo;
use super::resample::{Interpolation, resize_part};

/// How a photo becomes a network's input: torchvision's `Resize`, `CenterCrop`, `ToTensor` and `Normalize`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocessing {
    /// Pixels of the shorter side after resizing, at least `crop_size`.
    pub resize_size: usize,
    /// Pixels of each side of the square that is cut from the centre, at least 1.
    pub crop_size: usize,
    /// How the photo is resized.
    pub interpolation: Interpolation,
    /// What is taken from red, green and blue, as a fraction of 255.
    pub mean: [f32; 3],
    /// What they are divided by then.
    pub std: [f32; 3],
}

impl Preprocessing {
    /// What most of torchvision's ImageNet weights were evaluated with.
    pub const IMAGENET: Self = Self {
        resize_size: 256,
        crop_size: 224,
        interpolation: Interpolation::Bilinear,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };

    /// The same for a network that takes photos of `side` x `side` pixels: resized to 8/7 of it, rounded.
    ///
    /// ```
    /// use cnn_train::data::photo::Preprocessing;
    /// assert_eq!(Preprocessing::for_side(224), Preprocessing::IMAGENET);
    /// assert_eq!(Preprocessing::for_side(227).resize_size, 259);
    /// ```
    #[must_use]
    pub fn for_side(side: usize) -> Self {
        Self { resize_size: (8 * side + 3) / 7, crop_size: side, ..Self::IMAGENET }
    }

    /// The square of pixels that the network sees: `crop_size` x `crop_size`.
    #[must_use]
    pub fn crop(&self, photo: &Photo) -> RgbImage {
        let image = photo.image();
        let size = self.resized([image.width() as usize, image.height() as usize]);
        let [columns, rows] = size.map(|length| {
            let start = centred(length, self.crop_size);
            start..start + self.crop_size
        });
        resize_part(image, size, columns, rows, self.interpolation)
    }

    /// The network's input, `(3, crop_size, crop_size)`, f32.
    ///
    /// # Errors
    /// If the device has no room for it.
    pub fn tensor(&self, photo: &Photo, device: &Device) -> Result<Tensor> {
        self.normalize(&self.crop(photo), device)
    }

    /// Pixels as the network takes them: `(pixel / 255 - mean) / std`, `(3, height, width)`, f32.
    ///
    /// # Errors
    /// If the device has no room for it.
    pub fn normalize(&self, pixels: &RgbImage, device: &Device) -> Result<Tensor> {
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        let mut values = Vec::with_capacity(3 * height * width);
        for (channel, (mean, std)) in self.mean.iter().zip(self.std).enumerate() {
            let plane = pixels.as_raw().iter().skip(channel).step_by(3);
            values.extend(plane.map(|&pixel| (f32::from(pixel) / 255.0 - mean) / std));
        }
        Tensor::from_vec(values, (3, height, width), device)
    }

    /// The size after resizing: the shorter side is `resize_size`, the longer one rounded down.
    fn resized(&self, [width, height]: [usize; 2]) -> [usize; 2] {
        let longer = |long: usize, short: usize| self.resize_size * long / short;
        if width <= height {
            [self.resize_size, longer(height, width)]
        } else {
            [longer(width, height), self.resize_size]
        }
    }
}

/// Where a part of `part` pixels begins that stands in the centre of `whole`. Python rounds halves to even numbers.
fn centred(whole: usize, part: usize) -> usize {
    let left = whole.saturating_sub(part);
    let down = left / 2;
    down + usize::from(left % 2 == 1 && down % 2 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_is_torchvisions() {
        // Python's `round((whole - part) / 2.0)`.
        for (whole, part, start) in
            [(224, 224, 0), (225, 224, 0), (226, 224, 1), (227, 224, 2), (229, 224, 2), (231, 224, 4)]
        {
            assert_eq!(centred(whole, part), start, "{whole}");
        }
    }
}
