//! CIFAR-10's pictures side by side in one: lossless WebP makes them 40 % smaller than gzip does.

use std::path::Path;

use super::{CLASSES, Error, MAX_IMAGES, Result, SIDE, images};
use crate::data::photo::Photo;
use crate::data::{Image, Images};

/// Reads a mosaic: pictures row after row, as many of each class, in the order of the classes.
pub(super) fn read(path: &Path) -> Result<Images> {
    let photo = Photo::read(path)?;
    let picture = photo.image();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (across, down) = (width / SIDE, height / SIDE);
    let count = across * down;
    let whole = width % SIDE == 0 && height % SIDE == 0 && (1..=MAX_IMAGES).contains(&count);
    if !whole || count % CLASSES.len() > 0 {
        return Err(Error::Mosaic { path: path.to_owned(), width, height });
    }
    let mut pixels = Vec::with_capacity(3 * width * height);
    for index in 0..count {
        let corner = [index % across * SIDE, index / across * SIDE];
        let part = Image::part_of(picture, corner, [SIDE, SIDE]);
        pixels.extend_from_slice(part.bytes().unwrap_or_default());
    }
    let labels = (0..count).map(|index| (index / (count / CLASSES.len())) as u32).collect();
    Ok(images(pixels, labels, CLASSES.map(str::to_owned).to_vec()))
}
