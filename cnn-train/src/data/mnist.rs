//! MNIST and what comes in its form (Fashion-MNIST, KMNIST): pictures of 28x28 grey pixels in ten classes.
//!
//! [`read_folder`] finds the four IDX files of a data set in a folder, packed with gzip or not, and checks all that
//! can be checked: a [`Mnist`] holds as many labels as pictures, and every label is a class.

mod error;
mod idx;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::transform::{Normalize, RandomCrop};
use super::{Dataset, Image, Loader};
pub use error::Error;
pub use idx::MAX_ITEMS;

/// Rows of a picture, and columns.
pub const SIDE: usize = 28;
/// Pixels in a picture.
pub const PIXELS: usize = SIDE * SIDE;
/// Number of classes: labels are `0..CLASSES`.
pub const CLASSES: usize = 10;
/// Mean of the training pixels of MNIST, as a fraction of 255.
pub const MEAN: f32 = 0.1307;
/// Standard deviation of the training pixels of MNIST, as a fraction of 255.
pub const STD: f32 = 0.3081;

/// `Result` of reading a data set.
pub type Result<T> = std::result::Result<T, Error>;

/// Pictures and the class of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Digits {
    /// Reads an image file and the label file that belongs to it; either may be packed with gzip.
    ///
    /// # Errors
    /// Names the file, what is wrong with it and what to do: see [`Error`].
    pub fn read(images: &Path, labels: &Path) -> Result<Self> {
        let pixels = idx::read_images(images)?;
        let classes = idx::read_labels(labels)?;
        if pixels.len() != classes.len() * PIXELS {
            return Err(Error::CountsDisagree {
                images: images.to_owned(),
                image_count: pixels.len() / PIXELS,
                labels: labels.to_owned(),
                label_count: classes.len(),
            });
        }
        Ok(Self { pixels, labels: classes })
    }

    /// The number of pictures, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a file without pictures is an error of `read`")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The pixels of picture `index`, row after row, 0 (background) to 255 (ink).
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * PIXELS..(index + 1) * PIXELS]
    }

    /// The class of each picture, in the pictures' order.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }
}

impl Dataset for Digits {
    fn len(&self) -> usize {
        self.labels.len()
    }

    /// `0` to `9`; what they mean in Fashion-MNIST stands in its description.
    fn classes(&self) -> &[String] {
        static NAMES: LazyLock<Vec<String>> =
            LazyLock::new(|| (0..CLASSES).map(|class| class.to_string()).collect());
        &NAMES
    }

    fn label(&self, index: usize) -> usize {
        self.labels[index].into()
    }

    fn image(&self, index: usize) -> super::Result<Image> {
        Image::new([1, SIDE, SIDE], Digits::image(self, index).to_vec())
    }
}

/// A data set: what to train on and what to test on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// The pictures to learn from.
    pub train: Digits,
    /// The pictures to judge by; no training step sees them.
    pub test: Digits,
}

/// Reads the data set in `folder`.
///
/// The training files are `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` or, where there is no such image
/// file, `train10k-…` (the part that this repository ships); the test files are `t10k-…`. Each may be packed and
/// named with `.gz`; a file counts as packed by its content, whatever its name.
///
/// # Errors
/// A folder or file that is missing, cannot be read or is not what its name says: see [`Error`].
///
/// ```
/// let missing = cnn_train::data::mnist::read_folder("no/such/folder".as_ref()).unwrap_err();
/// assert!(missing.to_string().starts_with("there is no folder no/such/folder"));
/// ```
pub fn read_folder(folder: &Path) -> Result<Mnist> {
    if !folder.exists() {
        return Err(Error::NoFolder { path: folder.to_owned() });
    }
    if !folder.is_dir() {
        return Err(Error::NotAFolder { path: folder.to_owned() });
    }
    Ok(Mnist { train: read_split(folder, &["train", "train10k"])?, test: read_split(folder, &["t10k"])? })
}

/// Batches to train on: shuffled, moved by up to one pixel each way, normalized by [`MEAN`] and [`STD`].
///
/// # Errors
/// If the batch size is 0.
///
/// ```no_run
/// use cnn_train::data::mnist;
/// # fn main() -> cnn_train::Result<()> {
/// let data = mnist::read_folder("data/mnist".as_ref())?;
/// let train = mnist::training(data.train, 64, 42)?;
/// let valid = mnist::validation(data.test, 500)?;
/// # Ok(())
/// # }
/// ```
pub fn training(digits: impl Dataset + 'static, batch_size: usize, seed: u64) -> super::Result<Loader> {
    Ok(Loader::new(digits, batch_size)?
        .shuffle(true)
        .seed(seed)
        .transform(RandomCrop::new(SIDE).padding(1))
        .transform(Normalize::new([MEAN], [STD])))
}

/// Batches to judge by: in order, as they are, normalized by [`MEAN`] and [`STD`].
///
/// # Errors
/// If the batch size is 0.
pub fn validation(digits: impl Dataset + 'static, batch_size: usize) -> super::Result<Loader> {
    Ok(Loader::new(digits, batch_size)?.transform(Normalize::new([MEAN], [STD])))
}

/// Reads the first of `prefixes` whose image file is in `folder`.
fn read_split(folder: &Path, prefixes: &[&str]) -> Result<Digits> {
    let image_names: Vec<String> =
        prefixes.iter().map(|prefix| format!("{prefix}-images-idx3-ubyte")).collect();
    let (prefix, images) = prefixes
        .iter()
        .zip(&image_names)
        .find_map(|(prefix, name)| Some((prefix, find(folder, name)?)))
        .ok_or_else(|| Error::NoFile { folder: folder.to_owned(), names: image_names.join(" or ") })?;
    let label_name = format!("{prefix}-labels-idx1-ubyte");
    let labels = find(folder, &label_name)
        .ok_or_else(|| Error::NoFile { folder: folder.to_owned(), names: label_name.clone() })?;
    Digits::read(&images, &labels)
}

/// The file called `name` in `folder`, or the same with `.gz`.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.gz")].iter().map(|name| folder.join(name)).find(|path| path.exists())
}
