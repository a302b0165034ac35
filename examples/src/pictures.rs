//! Pictures of a data set as files, one folder for each class.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use cnn_train::data::{Dataset, Images};
use image::RgbImage;

/// Writes the first `per_class` pictures of each class as `folder/class/NNNN.png`.
///
/// The folder appears when it is complete.
///
/// # Errors
/// Where there is such a folder already, or a file cannot be written: which, and why.
///
/// # Panics
/// If the pictures have not three channels, or the classes no names.
pub fn write_folder(images: &Images, per_class: usize, folder: &Path) -> Result<(), String> {
    let failed = |path: &Path, error: &dyn Display| format!("{} cannot be written: {error}", path.display());
    let [channels, height, width] = images.size();
    assert!(channels == 3 && !images.classes().is_empty(), "coloured pictures of named classes");
    if folder.exists() {
        return Err(failed(folder, &"it is there already"));
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let partial = folder.with_file_name(format!("{name}.{}.partial", std::process::id()));
    let mut written = vec![0; images.classes().len()];
    for index in 0..images.len() {
        let class = images.label(index);
        if written[class] == per_class {
            continue;
        }
        let into = partial.join(&images.classes()[class]);
        fs::create_dir_all(&into).map_err(|error| failed(&into, &error))?;
        let (bytes, plane) = (images.bytes(index), height * width);
        let picture = RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let place = y as usize * width + x as usize;
            image::Rgb([0, 1, 2].map(|channel| bytes[channel * plane + place]))
        });
        let file = into.join(format!("{:04}.png", written[class]));
        picture.save(&file).map_err(|error| failed(&file, &error))?;
        written[class] += 1;
    }
    fs::rename(&partial, folder).map_err(|error| failed(folder, &error))
}
