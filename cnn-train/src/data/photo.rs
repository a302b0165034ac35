//! Photos: files of many kinds to upright RGB pixels, and those to what a network takes.
//!
//! [`Photo::read`] opens a file as `ImageOps.exif_transpose(Image.open(path)).convert("RGB")` does in Pillow, and
//! [`Preprocessing`] prepares it as torchvision's transforms do: the pixels are the same, so that a network answers
//! what it answers in PyTorch.
//!
//! ```no_run
//! use candle_core::Device;
//! use cnn_train::data::photo::{Photo, Preprocessing};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let photo = Photo::read("cat.jpg".as_ref())?;
//! let input = Preprocessing::IMAGENET.tensor(&photo, &Device::Cpu)?;
//! assert_eq!(input.dims(), [3, 224, 224]);
//! # Ok(())
//! # }
//! ```

mod decode;
mod error;
mod find;
mod guard;
mod jpeg;
mod preprocess;
mod resample;

use std::fs;
use std::path::Path;

use image::RgbImage;

pub use error::{Error, Problem};
pub use find::{EXTENSIONS, find};
pub use preprocess::Preprocessing;
pub use resample::Interpolation;
pub(in crate::data) use resample::resize_samples;

/// The largest photo that is decoded, in pixels: a file of a few bytes may claim to be of any size.
pub const MAX_PIXELS: u64 = 100_000_000;
/// The largest file that is read, in bytes.
pub const MAX_BYTES: u64 = 512 << 20;

/// A photo: upright, in red, green and blue, eight bits each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    image: RgbImage,
}

impl Photo {
    /// Reads a file: JPEG, PNG, WebP, GIF, BMP, TIFF or PNM, told by its content.
    ///
    /// As in Pillow, alpha is dropped, cyan, magenta, yellow and black become red, green and blue by
    /// `(255 - c)(255 - k) / 255` (a JPEG's inks are inverted before, by Adobe's convention), colours of a palette are
    /// looked up, and of an animation the first picture counts. Of 16 bits the upper 8 count; so they do in Pillow, but
    /// for 16-bit grey, which it clips at 255.
    /// The orientation in the EXIF data is applied.
    ///
    /// # Errors
    /// Names the file, what is wrong with it and what to do: see [`Problem`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let name = |problem| Error { path: path.to_owned(), problem };
        let bytes = read_bytes(path).map_err(name)?;
        Self::decode(&bytes).map_err(name)
    }

    /// Decodes the content of a file, as [`read`](Self::read) does.
    ///
    /// # Errors
    /// If it is not the content of a whole photo of a known kind, or larger than [`MAX_PIXELS`].
    ///
    /// ```
    /// use cnn_train::data::photo::{Photo, Problem};
    /// let photo = Photo::decode(b"P6 2 1 255\n\xff\x00\x00\x00\x00\xff")?;
    /// assert_eq!((photo.image().dimensions(), photo.image().as_raw()), ((2, 1), &vec![255, 0, 0, 0, 0, 255]));
    /// assert!(matches!(Photo::decode(b"<html>"), Err(Problem::UnknownKind)));
    /// # Ok::<_, Problem>(())
    /// ```
    pub fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        decode::upright(bytes).map(|image| Self { image })
    }

    /// The pixels.
    pub fn image(&self) -> &RgbImage {
        &self.image
    }
}

impl From<RgbImage> for Photo {
    fn from(image: RgbImage) -> Self {
        Self { image }
    }
}

/// Whether this is how a file of a known kind begins; 64 bytes are enough.
pub(in crate::data) fn is_known(first: &[u8]) -> bool {
    image::guess_format(first).is_ok()
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    // Opening a pipe would wait for somebody to write to it, so look first.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(Problem::NotAFile);
    }
    if metadata.len() > MAX_BYTES {
        return Err(Problem::TooManyBytes { bytes: metadata.len() });
    }
    Ok(fs::read(path)?)
}
