//! What is done to an image before it goes into a batch: torchvision's transforms (v2), with its names, parameters,
//! defaults and results.
//!
//! Those whose name begins with `Random`, [`ColorJitter`] and [`Cutout`] draw their parameters anew for each image. The
//! functions that apply given parameters are in [`functional`].

mod color;
mod crop;
mod erase;
pub mod functional;
mod geometry;
mod normalize;
mod resize;

use cnn_runtime::random::Stream;

use super::shuffle::below;
use super::{Error, Image, Result, Samples};

pub use color::ColorJitter;
pub use crop::{CenterCrop, Padding, RandomCrop};
pub use erase::{Cutout, RandomErasing};
pub use geometry::{RandomHorizontalFlip, RandomRotation};
pub use normalize::Normalize;
pub use resize::{RandomResizedCrop, Resize};

/// A step on an image's way into a batch.
///
/// Closures are transforms too:
///
/// ```
/// use cnn_runtime::random::Stream;
/// use cnn_train::data::transform::Transform;
/// use cnn_train::data::{Image, Result};
///
/// let invert = |image: Image, _: &mut Stream| -> Result<Image> {
///     let inverted = image.bytes().unwrap_or_default().iter().map(|byte| 255 - byte).collect();
///     Image::new(image.size(), inverted)
/// };
/// let image = invert.apply(Image::new([1, 1, 2], vec![0, 55])?, &mut Stream::keyed(0, ""))?;
/// assert_eq!(image.bytes(), Some([255, 200].as_slice()));
/// # Ok::<_, cnn_train::data::Error>(())
/// ```
pub trait Transform: Send + Sync {
    /// Transforms an image. All that is random comes from `random`.
    ///
    /// # Errors
    /// If it cannot be applied to such an image, [`Error::Transform`].
    fn apply(&self, image: Image, random: &mut Stream) -> Result<Image>;
}

impl<F> Transform for F
where
    F: Fn(Image, &mut Stream) -> Result<Image> + Send + Sync,
{
    fn apply(&self, image: Image, random: &mut Stream) -> Result<Image> {
        self(image, random)
    }
}

/// A number from `low` to `high`, both included.
fn between(random: &mut Stream, low: usize, high: usize) -> usize {
    low + below(random, high - low + 1)
}

fn refused<T>(transform: &'static str, problem: impl Into<String>) -> Result<T> {
    Err(Error::Transform { transform, problem: problem.into() })
}

/// The bytes of an image, for transforms that work on bytes only.
fn bytes(image: Image, transform: &'static str) -> Result<([usize; 3], Vec<u8>)> {
    let size = image.size();
    match image.into_samples() {
        Samples::U8(bytes) => Ok((size, bytes)),
        Samples::F32(_) => refused(transform, "it works on bytes: put it before Normalize"),
    }
}

/// Draws the sides of a rectangle of `scale` of an area and of an aspect ratio (first side by second), ten times at most;
/// the ratio's logarithm is uniform. Gives what `fits`.
fn rectangle(
    random: &mut Stream,
    area: usize,
    scale: [f64; 2],
    ratio: [f64; 2],
    fits: impl Fn(usize, usize) -> bool,
) -> Option<[usize; 2]> {
    (0..10).find_map(|_| {
        let target = area as f64 * random.uniform(scale[0], scale[1]);
        let aspect = random.uniform(ratio[0].ln(), ratio[1].ln()).exp();
        // Python rounds halves to even numbers.
        let side = |square: f64| square.sqrt().round_ties_even() as usize;
        let (first, second) = (side(target * aspect), side(target / aspect));
        fits(first, second).then_some([first, second])
    })
}
