//! A look inside a network: the filters of its first convolution, what every stage makes of a photo, and where in the
//! photo the evidence for a class stands.
//!
//! The pictures are those of the lecture (Stanford's CS231n): filters as a grid ([`filters`]), activations in columns with
//! the class scores at the end ([`columns`]); and a class-activation map ([`grad_cam`]). They are written as PNG, and
//! together as one page that needs no other file ([`page`]).

pub mod columns;
pub mod files;
pub mod filters;
pub mod grad_cam;
mod inside;
pub mod page;
mod poster;
mod text;
pub mod tiles;

use std::path::PathBuf;

pub use inside::{Inside, Subject, Wish};
pub use poster::poster;

/// Why a picture could not be made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor is not of the form that a picture needs.
    #[error("{what} cannot be shown: it has the shape {found:?}, and {expected} is needed")]
    Shape {
        /// What the tensor is.
        what: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that it should have.
        expected: &'static str,
    },
    /// A tensor holds infinite values, or some that are no numbers.
    #[error("{what} holds values that are not finite: the weights may be damaged, or of another network")]
    NotFinite {
        /// What the tensor is.
        what: String,
    },
    /// The font does not open.
    #[error("the font that is part of this program cannot be read: {0}")]
    Font(#[from] ab_glyph::InvalidFont),
    /// A picture cannot be packed.
    #[error("a picture cannot be packed as PNG: {0}")]
    Png(#[from] image::ImageError),
    /// The network gives no vector of classes.
    #[error("{network} gives {output}, not classes: give a network that classifies")]
    NoClasses {
        /// The network.
        network: &'static str,
        /// The shape that it gives.
        output: String,
    },
    /// The network has fewer classes.
    #[error("there is no class {class}: the network has the classes 0 to {}", classes.saturating_sub(1))]
    NoSuchClass {
        /// The class asked for.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// The network has no stage of that name.
    #[error("there is no stage `{stage}`: there are {stages}")]
    NoSuchStage {
        /// The stage asked for.
        stage: String,
        /// Those that there are.
        stages: String,
    },
    /// The network shows no stage that a map can be made of.
    #[error(
        "{network} shows no stage with rows and columns, of which a map can be made: name one in its declaration with a \
         label or a tap"
    )]
    NoStage {
        /// The network.
        network: &'static str,
    },
    /// The operating system refused to write.
    #[error("{} cannot be written: {source}; give another folder with --out", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The network reported an error.
    #[error(transparent)]
    Network(#[from] cnn_runtime::Error),
    /// candle reported an error.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// The values of a tensor on the CPU, row after row.
///
/// # Errors
/// [`Error::NotFinite`] where one is infinite or no number.
pub(crate) fn values(what: &str, tensor: &candle_core::Tensor) -> Result<Vec<f32>, Error> {
    let values = tensor.to_dtype(candle_core::DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    if values.iter().all(|value| value.is_finite()) {
        Ok(values)
    } else {
        Err(Error::NotFinite { what: what.to_owned() })
    }
}

/// `[3, 224, 224]` as `3x224x224`.
#[must_use]
pub fn sizes(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}
