//! Where images come from: data sets on disk and in memory, and the [`Loader`] that makes batches of them.
//!
//! A [`Dataset`] gives images of bytes by number: [`mnist::Digits`], [`cifar::read_folder`], [`ImageFolder`], [`Images`].
//! A [`Loader`] shuffles it, passes each image through [`transform`]s as torchvision's v2 has them, and makes batches on
//! other threads. What an image becomes depends on the seed, the epoch and its number only: not on the batch that it is in,
//! the number of threads, or what was loaded before it.
//!
//! ```
//! use cnn_train::Batches;
//! use cnn_train::data::transform::{Normalize, RandomCrop, RandomHorizontalFlip};
//! use cnn_train::data::{Images, Loader};
//!
//! # fn main() -> cnn_train::Result<()> {
//! let images = Images::new([3, 32, 32], vec![128; 10 * 3 * 32 * 32], vec![0, 1, 0, 1, 0, 1, 0, 1, 0, 1])?;
//! let loader = Loader::new(images, 4)?
//!     .shuffle(true)
//!     .seed(42)
//!     .transform(RandomCrop::new(32).padding(4))
//!     .transform(RandomHorizontalFlip::default())
//!     .transform(Normalize::new([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]));
//! assert_eq!((loader.len(), loader.samples()), (3, 10));
//! let first = loader.epoch(0, 0)?.next().expect("a batch")?;
//! assert_eq!(first.inputs.dims(), [4, 3, 32, 32]);
//! # Ok(())
//! # }
//! ```

pub mod cifar;
mod dataset;
mod error;
mod folder;
mod from_fn;
mod image;
mod loader;
pub mod mnist;
mod packed;
pub mod photo;
pub mod shuffle;
mod split;
pub mod transform;

pub use dataset::{Dataset, Images, Subset};
pub use error::{Error, Result};
pub use folder::ImageFolder;
pub use from_fn::{FromFn, from_fn};
pub use image::{Image, Samples};
pub use loader::Loader;
pub use split::{Split, split, split_stratified};
