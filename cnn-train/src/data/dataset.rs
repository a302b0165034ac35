//! What a data set is, one that is in memory, and a part of one.

use std::fmt;
use std::sync::Arc;

use super::{Error, Image, Result};

/// Images by number, each of a class.
///
/// Threads read from it at the same time.
pub trait Dataset: Send + Sync {
    /// How many images there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the classes; empty where they have none.
    fn classes(&self) -> &[String];

    /// The class of image `index`, without reading it.
    ///
    /// # Panics
    /// If there is no such image.
    fn label(&self, index: usize) -> usize;

    /// Image `index`: bytes.
    ///
    /// # Errors
    /// If its file cannot be read or decoded; the message names the file.
    ///
    /// # Panics
    /// If there is no such image.
    fn image(&self, index: usize) -> Result<Image>;
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn classes(&self) -> &[String] {
        (**self).classes()
    }

    fn label(&self, index: usize) -> usize {
        (**self).label(index)
    }

    fn image(&self, index: usize) -> Result<Image> {
        (**self).image(index)
    }
}

/// Images of one size, in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Images {
    size: [usize; 3],
    pixels: Vec<u8>,
    labels: Vec<u32>,
    classes: Vec<String>,
}

impl Images {
    /// Images of `size` (channels, height, width), one after another, and the class of each.
    ///
    /// # Errors
    /// [`Error::Length`] if there is not a whole image for each label.
    pub fn new(size: [usize; 3], pixels: Vec<u8>, labels: Vec<u32>) -> Result<Self> {
        let expected =
            size.iter().try_fold(labels.len(), |all, &length| all.checked_mul(length)).filter(|&all| all > 0);
        if expected != Some(pixels.len()) {
            return Err(Error::Length { size, images: labels.len(), found: pixels.len() });
        }
        Ok(Self { size, pixels, labels, classes: Vec::new() })
    }

    /// Names the classes.
    ///
    /// # Errors
    /// [`Error::Label`] if an image is of none of them.
    pub fn with_classes(mut self, classes: Vec<String>) -> Result<Self> {
        if let Some(index) = self.labels.iter().position(|&label| label as usize >= classes.len()) {
            return Err(Error::Label { index, label: self.labels[index], classes: classes.len() });
        }
        self.classes = classes;
        Ok(self)
    }

    /// Channels, height and width of every image.
    #[must_use]
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// The bytes of image `index`, channel after channel.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn bytes(&self, index: usize) -> &[u8] {
        let length = self.size.iter().product::<usize>();
        &self.pixels[index * length..(index + 1) * length]
    }

    /// The class of each image.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [channels, height, width] = self.size;
        write!(f, "{} images of {channels}x{height}x{width} in {} classes", self.len(), self.classes.len())
    }
}

impl Dataset for Images {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> usize {
        self.labels[index] as usize
    }

    fn image(&self, index: usize) -> Result<Image> {
        Image::new(self.size, self.bytes(index).to_vec())
    }
}

/// Some images of a data set, in an order.
#[derive(Clone, Debug)]
pub struct Subset<D> {
    whole: D,
    indices: Vec<usize>,
}

impl<D: Dataset> Subset<D> {
    /// The images of these numbers.
    ///
    /// # Errors
    /// [`Error::Index`] if there is no such image.
    pub fn new(whole: D, indices: Vec<usize>) -> Result<Self> {
        match indices.iter().find(|&&index| index >= whole.len()) {
            Some(&index) => Err(Error::Index { index, images: whole.len() }),
            None => Ok(Self { whole, indices }),
        }
    }

    /// The numbers that the images have in the whole set.
    #[must_use]
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn classes(&self) -> &[String] {
        self.whole.classes()
    }

    fn label(&self, index: usize) -> usize {
        self.whole.label(self.indices[index])
    }

    fn image(&self, index: usize) -> Result<Image> {
        self.whole.image(self.indices[index])
    }
}
