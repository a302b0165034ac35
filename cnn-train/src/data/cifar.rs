//! CIFAR-10 and CIFAR-100 (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): pictures of 32x32
//! coloured pixels.
//!
//! [`read_folder`] reads the distribution's binary files, packed with gzip or not, or mosaics of such pictures, as the
//! repository ships them.

mod error;
mod mosaic;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::packed::Packed;
use super::transform::{Normalize, RandomCrop, RandomHorizontalFlip};
use super::{Dataset, Images, Loader};

pub use error::Error;

/// Rows of a picture, and columns.
pub const SIDE: usize = 32;
/// Channels, rows and columns.
pub const SIZE: [usize; 3] = [3, SIDE, SIDE];
/// Bytes of a picture.
const PIXELS: usize = 3 * SIDE * SIDE;
/// The classes of CIFAR-10.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
/// Mean of red, green and blue of CIFAR-10's 50,000 training pictures, as a fraction of 255.
pub const MEAN: [f32; 3] = [0.4914, 0.4822, 0.4465];
/// Standard deviation of red, green and blue of CIFAR-10's 50,000 training pictures, as a fraction of 255.
pub const STD: [f32; 3] = [0.2470, 0.2435, 0.2616];
/// The most pictures that a file may hold: all of either data set.
pub const MAX_IMAGES: usize = 60_000;

/// `Result` of reading a data set.
pub type Result<T> = std::result::Result<T, Error>;

/// A data set: what to train on and what to test on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cifar {
    /// The pictures to learn from.
    pub train: Images,
    /// The pictures to judge by; no training step sees them.
    pub test: Images,
}

/// Reads the data set in `folder`: of these forms the first that is there.
///
/// - CIFAR-10's binary files: `data_batch_1.bin` to `data_batch_5.bin`, as many as there are, and `test_batch.bin`;
/// - CIFAR-100's: `train.bin` and `test.bin`, with the fine labels, whose names are in `fine_label_names.txt`;
/// - mosaics of CIFAR-10: `train.webp` and `test.webp`, or `.png`: pictures side by side, row after row, as many of each
///   class, in the order of the classes.
///
/// Binary files may be packed and named with `.gz`; a file counts as packed by its content, whatever its name.
///
/// # Errors
/// A folder or file that is missing, cannot be read or is not what its name says: see [`Error`].
///
/// ```
/// let missing = cnn_train::data::cifar::read_folder("no/such/folder".as_ref()).unwrap_err();
/// assert!(missing.to_string().starts_with("there is no folder no/such/folder"));
/// ```
pub fn read_folder(folder: &Path) -> Result<Cifar> {
    if !folder.exists() {
        return Err(Error::NoFolder { path: folder.to_owned() });
    }
    if !folder.is_dir() {
        return Err(Error::NotAFolder { path: folder.to_owned() });
    }
    let batches: Vec<PathBuf> =
        (1..=5).filter_map(|batch| find(folder, &format!("data_batch_{batch}.bin"), &["", ".gz"])).collect();
    if !batches.is_empty() {
        let test = needed(folder, "test_batch.bin", &["", ".gz"])?;
        let names = CLASSES.map(str::to_owned).to_vec();
        return Ok(Cifar { train: records(&batches, 1, &names)?, test: records(&[test], 1, &names)? });
    }
    if let Some(train) = find(folder, "train.bin", &["", ".gz"]) {
        let test = needed(folder, "test.bin", &["", ".gz"])?;
        let names = fine_names(folder)?;
        return Ok(Cifar { train: records(&[train], 2, &names)?, test: records(&[test], 2, &names)? });
    }
    let Some(train) = find(folder, "train", &[".webp", ".png"]) else {
        let names = "data_batch_1.bin, train.bin (or the same with .gz), train.webp or train.png".to_owned();
        return Err(Error::NoFile { folder: folder.to_owned(), names });
    };
    let test = needed(folder, "test", &[".webp", ".png"])?;
    Ok(Cifar { train: mosaic::read(&train)?, test: mosaic::read(&test)? })
}

/// The pictures as CIFAR-10's binary files have them: for each the class as one byte, then its red, green and blue bytes.
///
/// # Panics
/// If the pictures are not of 3x32x32 bytes, or there are more than 256 classes.
#[must_use]
pub fn to_records(images: &Images) -> Vec<u8> {
    assert_eq!(images.size(), SIZE, "pictures of CIFAR");
    let mut records = Vec::with_capacity(images.len() * (1 + PIXELS));
    for (index, &label) in images.labels().iter().enumerate() {
        records.push(u8::try_from(label).expect("a class of one byte"));
        records.extend_from_slice(images.bytes(index));
    }
    records
}

/// Batches to train on, shuffled and augmented as in K. He et al., "Deep Residual Learning for Image Recognition", 2015: four
/// pixels of padding on each side and a random part of 32x32, flipped every second time; normalized by [`MEAN`] and [`STD`].
///
/// # Errors
/// If the batch size is 0.
///
/// ```no_run
/// use cnn_train::data::cifar;
/// use cnn_train::data::transform::Cutout;
/// # fn main() -> cnn_train::Result<()> {
/// let data = cifar::read_folder("data/cifar10".as_ref())?;
/// let train = cifar::training(data.train, 128, 42)?.transform(Cutout::new(8));
/// let valid = cifar::validation(data.test, 250)?;
/// # Ok(())
/// # }
/// ```
pub fn training(images: impl Dataset + 'static, batch_size: usize, seed: u64) -> super::Result<Loader> {
    Ok(Loader::new(images, batch_size)?
        .shuffle(true)
        .seed(seed)
        .transform(RandomCrop::new(SIDE).padding(4))
        .transform(RandomHorizontalFlip::default())
        .transform(Normalize::new(MEAN, STD)))
}

/// Batches to judge by: in order, as they are, normalized by [`MEAN`] and [`STD`].
///
/// # Errors
/// If the batch size is 0.
pub fn validation(images: impl Dataset + 'static, batch_size: usize) -> super::Result<Loader> {
    Ok(Loader::new(images, batch_size)?.transform(Normalize::new(MEAN, STD)))
}

/// Reads files of records: label bytes, of which the last counts, then the picture.
fn records(paths: &[PathBuf], label_bytes: usize, names: &[String]) -> Result<Images> {
    let record = label_bytes + PIXELS;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in paths {
        let content = read(path, record * MAX_IMAGES)?;
        if content.is_empty() {
            return Err(Error::Empty { path: path.clone() });
        }
        let left = content.len() % record;
        if left > 0 {
            let whole = content.len() / record;
            return Err(Error::Truncated {
                path: path.clone(),
                record,
                whole,
                offset: content.len() - left,
                left,
            });
        }
        for (index, record_bytes) in content.chunks_exact(record).enumerate() {
            let (label, picture) = record_bytes.split_at(label_bytes);
            let label = label[label_bytes - 1];
            if usize::from(label) >= names.len() {
                let offset = index * record + label_bytes - 1;
                return Err(Error::Label { path: path.clone(), index, offset, label, classes: names.len() });
            }
            labels.push(u32::from(label));
            pixels.extend_from_slice(picture);
        }
    }
    Ok(images(pixels, labels, names.to_vec()))
}

/// What was checked before: a whole picture for each label, each label a class.
fn images(pixels: Vec<u8>, labels: Vec<u32>, names: Vec<String>) -> Images {
    let images = Images::new(SIZE, pixels, labels).and_then(|images| images.with_classes(names));
    images.expect("a whole picture for each label")
}

/// The content of a file, unpacked.
fn read(path: &Path, most: usize) -> Result<Vec<u8>> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    let file = Packed::open(path).map_err(unreadable)?;
    let mut content = Vec::new();
    // A few bytes of gzip may unpack to any number.
    let read = file.bytes.take(most as u64 + 1).read_to_end(&mut content);
    read.map_err(|source| match file.packed {
        true => Error::Damaged { path: path.to_owned(), source },
        false => unreadable(source),
    })?;
    if content.len() > most {
        return Err(Error::TooLong { path: path.to_owned(), most });
    }
    Ok(content)
}

/// CIFAR-100's hundred names, or numbers where their file is not there.
fn fine_names(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join("fine_label_names.txt");
    if !path.exists() {
        return Ok((0..100).map(|class| class.to_string()).collect());
    }
    let content = read(&path, 1 << 16)?;
    let text = String::from_utf8_lossy(&content);
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    match names.len() {
        100 => Ok(names),
        found => Err(Error::Names { path, found }),
    }
}

/// The first of the files called `name` with one of these endings.
fn find(folder: &Path, name: &str, endings: &[&str]) -> Option<PathBuf> {
    endings.iter().map(|ending| folder.join(format!("{name}{ending}"))).find(|path| path.exists())
}

fn needed(folder: &Path, name: &str, endings: &[&str]) -> Result<PathBuf> {
    let names = || endings.iter().map(|ending| format!("{name}{ending}")).collect::<Vec<_>>().join(" or ");
    find(folder, name, endings).ok_or_else(|| Error::NoFile { folder: folder.to_owned(), names: names() })
}
