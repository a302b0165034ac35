//! Images on their way into a batch.

use image::RgbImage;

use super::{Error, Result};

/// The values of an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// As data sets have them, 0 to 255.
    U8(Vec<u8>),
    /// As networks take them, after [`Normalize`](super::transform::Normalize).
    F32(Vec<f32>),
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }
}

/// An image, channel after channel, row after row: `(channels, height, width)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    size: [usize; 3],
    samples: Samples,
}

impl Image {
    /// An image of bytes; `size` is channels, height and width.
    ///
    /// # Errors
    /// [`Error::Length`] if there are not as many samples.
    ///
    /// ```
    /// use cnn_train::data::Image;
    /// assert_eq!(Image::new([1, 2, 3], vec![0; 6])?.height(), 2);
    /// assert!(Image::new([1, 2, 3], vec![0; 7]).is_err());
    /// # Ok::<_, cnn_train::data::Error>(())
    /// ```
    pub fn new(size: [usize; 3], samples: Vec<u8>) -> Result<Self> {
        Self::of(size, Samples::U8(samples))
    }

    /// An image of either kind of samples.
    ///
    /// # Errors
    /// [`Error::Length`] if there are not as many samples as `size` says.
    pub fn of(size: [usize; 3], samples: Samples) -> Result<Self> {
        let expected = size.iter().try_fold(1_usize, |all, &length| all.checked_mul(length));
        if expected != Some(samples.len()) {
            return Err(Error::Length { size, images: 1, found: samples.len() });
        }
        Ok(Self { size, samples })
    }

    /// Channels, height and width.
    #[must_use]
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Channels: 1 for grey, 3 for red, green and blue.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.size[0]
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.size[1]
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.size[2]
    }

    /// The values.
    #[must_use]
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The values.
    #[must_use]
    pub fn into_samples(self) -> Samples {
        self.samples
    }

    /// The values, if they are bytes.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.samples {
            Samples::U8(bytes) => Some(bytes),
            Samples::F32(_) => None,
        }
    }

    /// The part of `columns` x `rows` pixels of a picture whose upper left pixel is at `column`, `row`.
    pub(super) fn part_of(
        picture: &RgbImage,
        [column, row]: [usize; 2],
        [columns, rows]: [usize; 2],
    ) -> Self {
        let stride = 3 * picture.width() as usize;
        let mut samples = Vec::with_capacity(3 * columns * rows);
        for channel in 0..3 {
            for line in picture.as_raw().chunks_exact(stride).skip(row).take(rows) {
                samples.extend(line.iter().skip(3 * column + channel).step_by(3).take(columns));
            }
        }
        Self { size: [3, rows, columns], samples: Samples::U8(samples) }
    }

    /// The image as numbers: bytes as fractions of 255, as torchvision's `ToDtype(scale=True)` has them.
    pub(super) fn append_to(&self, values: &mut Vec<f32>) {
        match &self.samples {
            Samples::U8(bytes) => values.extend(bytes.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0))),
            Samples::F32(floats) => values.extend_from_slice(floats),
        }
    }
}

impl From<&RgbImage> for Image {
    fn from(picture: &RgbImage) -> Self {
        Self::part_of(picture, [0, 0], [picture.width() as usize, picture.height() as usize])
    }
}
