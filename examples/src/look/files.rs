//! Files that are written whole or not at all.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};

use super::Error;

/// A picture as the bytes of a PNG file.
///
/// # Errors
/// What the encoder says.
pub fn png<P>(picture: &image::ImageBuffer<P, Vec<u8>>) -> Result<Vec<u8>, Error>
where
    P: image::PixelWithColorType<Subpixel = u8>,
{
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// Writes a picture as PNG.
///
/// # Errors
/// As [`write()`] and [`png()`].
pub fn write_png(path: &Path, picture: &RgbImage) -> Result<(), Error> {
    write(path, &png(picture)?)
}

/// Writes a file beside its place and renames it, so that no half-written file is ever there.
///
/// # Errors
/// Where the folder is not there, may not be written to, or is full.
pub fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    cnn_train::report::write_file(path, content)
        .map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Makes a folder, and those above it, where it is not there.
///
/// # Errors
/// Where that is not allowed, or something else has its name.
pub fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::Write { path: path.to_owned(), source })
}
