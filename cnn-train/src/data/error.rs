//! What can be wrong with data, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::{cifar, mnist, photo};

/// `Result` of reading data.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why data cannot be had. Messages name the file and say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// MNIST's files.
    #[error(transparent)]
    Mnist(#[from] mnist::Error),
    /// CIFAR's files.
    #[error(transparent)]
    Cifar(#[from] cifar::Error),
    /// An image file.
    #[error(transparent)]
    Photo(#[from] photo::Error),
    /// A folder of images cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A folder without folders of images in it.
    #[error("{} holds no classes: put the images of each class into a folder of its own in it", path.display())]
    NoClasses {
        /// The folder.
        path: PathBuf,
    },
    /// A class's folder has no image.
    #[error(
        "{} holds no images: remove the folder or put some into it", path.display()
    )]
    EmptyClass {
        /// The class's folder.
        path: PathBuf,
    },
    /// A file that does not hold an image stands among the images of a class.
    #[error("{} is no image: it does not begin as one of a known kind does; remove it, or skip such files (ImageFolder::open_skipping)", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },
    /// Samples and sizes do not agree.
    #[error("{found} samples are not those of {images} images of {}x{}x{}: check the size", size[0], size[1], size[2])]
    Length {
        /// Channels, height and width.
        size: [usize; 3],
        /// How many images there should be.
        images: usize,
        /// Samples given.
        found: usize,
    },
    /// A label is no class.
    #[error("image {index} (counted from 0) is of class {label}, but there are {classes} classes, 0 to {}", classes.saturating_sub(1))]
    Label {
        /// Which image.
        index: usize,
        /// Its label.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },
    /// There is no such image.
    #[error("there is no image {index}: there are {images}, counted from 0")]
    Index {
        /// The number asked for.
        index: usize,
        /// How many images there are.
        images: usize,
    },
    /// Nothing to load.
    #[error("the data set holds no images")]
    Empty,
    /// A setting of a loader or a split that cannot be.
    #[error("{0}")]
    Setting(String),
    /// A transform cannot be applied to an image.
    #[error("{transform}: {problem}")]
    Transform {
        /// Its name.
        transform: &'static str,
        /// What stands against it and what to do.
        problem: String,
    },
    /// An image of a batch could not be had.
    #[error("image {index} (counted from 0): {source}")]
    At {
        /// Which image of the data set.
        index: usize,
        /// Why.
        source: Box<Error>,
    },
    /// Images of one batch have different sizes.
    #[error(
        "image {index} (counted from 0) is {}x{}x{} after the transforms, the batch's first is {}x{}x{}: \
         end with a transform that makes all of one size, Resize::exact or CenterCrop",
        found[0], found[1], found[2], expected[0], expected[1], expected[2]
    )]
    Sizes {
        /// Which image of the data set.
        index: usize,
        /// Its channels, height and width.
        found: [usize; 3],
        /// Those of the batch's first image.
        expected: [usize; 3],
    },
    /// Loading a batch panicked.
    #[error("loading batch {batch} of epoch {epoch} (counted from 0) panicked: {reason}")]
    Panicked {
        /// The epoch.
        epoch: usize,
        /// The batch.
        batch: usize,
        /// What the panic said.
        reason: String,
    },
    /// A thread for loading could not be started.
    #[error("a thread for loading cannot be started: {0}; use fewer workers")]
    Thread(io::Error),
    /// A tensor could not be made.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// So that `?` works in functions that train.
macro_rules! data_errors {
    ($($error:ty),*) => {$(
        impl From<$error> for crate::Error {
            fn from(error: $error) -> Self {
                Self::Data(error.into())
            }
        }
    )*};
}

data_errors!(mnist::Error, cifar::Error, photo::Error);
