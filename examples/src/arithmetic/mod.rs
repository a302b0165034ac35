//! The arithmetic of a sliding window as an animated picture: input, padding, where the kernel stands, output.
//!
//! After V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning" (arXiv 1603.07285). The layer
//! is read by the language's own front end, and its sizes and positions are those of [`cnn_ir::window`], so the picture
//! says what a declaration says.
//!
//! ```
//! use cnn_examples::arithmetic::Arithmetic;
//!
//! let layer = Arithmetic::of("conv3-1/2(pad=1)", "5x5".parse().unwrap())?;
//! assert_eq!(layer.layer().output(), [3, 3]);
//! assert!(layer.svg().starts_with("<svg"));
//! # Ok::<(), cnn_examples::arithmetic::Error>(())
//! ```

mod axis;
mod formula;
mod scene;
mod sliding;
mod svg;

use std::fmt;
use std::str::FromStr;

use cnn_ir::spec::{self, Number};
use cnn_ir::window::Axis;

pub use axis::{Cell, Slide};
pub use sliding::{Kind, Sliding};

/// More cells than this along a side cannot be told apart.
const MOST_CELLS: usize = 40;
/// More positions than this would take minutes to watch.
const MOST_WINDOWS: usize = 400;

/// The size of an input: `5x5` (one channel), `5` (5x5) or `8x5x5`.
///
/// ```
/// use cnn_examples::arithmetic::InputSize;
/// assert_eq!("8x5x6".parse(), Ok(InputSize { channels: 8, height: 5, width: 6 }));
/// assert!("5x".parse::<InputSize>().unwrap_err().contains("5x5"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSize {
    /// Channels; the picture shows one.
    pub channels: u64,
    /// Rows.
    pub height: u64,
    /// Columns.
    pub width: u64,
}

impl FromStr for InputSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (channels, height, width) = match spec::number(text) {
            Number::Int(side) => (1, side, side),
            Number::Sizes(sizes) => match sizes[..] {
                [height, width] => (1, height, width),
                [channels, height, width] => (channels, height, width),
                _ => (0, 0, 0),
            },
            _ => (0, 0, 0),
        };
        if channels.min(height).min(width) == 0 {
            return Err("expected rows and columns as in 5x5, or channels too as in 8x5x5".to_owned());
        }
        Ok(Self { channels, height, width })
    }
}

impl fmt::Display for InputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.channels != 1 {
            write!(f, "{}x", self.channels)?;
        }
        write!(f, "{}x{}", self.height, self.width)
    }
}

/// Why a layer's arithmetic cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The layer is wrong, or does not fit on the input; the text has carets under each place.
    #[error("{}", said(error))]
    Declaration {
        /// What is wrong.
        error: Box<cnn_ir::NetworkError>,
    },
    /// More or less than one layer.
    #[error("`{0}` is not one layer: give a single one, such as conv3-1/2(pad=1), deconv3-1/2 or pool2")]
    NotOneLayer(String),
    /// A layer that slides no window.
    #[error("`{0}` slides no window: give a convolution (conv, dw), a transposed one (deconv) or a pooling")]
    NoWindow(String),
    /// An adaptive pooling whose windows differ.
    #[error("the windows of `{layer}` differ in size on {input}: give an input that {output} divides")]
    Uneven {
        /// The layer.
        layer: String,
        /// Rows and columns of the input.
        input: String,
        /// Rows and columns of the output.
        output: String,
    },
    /// More than can be seen.
    #[error(
        "`{layer}` on {input} is too large to be drawn: {what}; the arithmetic is the same on a smaller input, \
         such as --input 7x7"
    )]
    TooLarge {
        /// The layer.
        layer: String,
        /// Rows and columns of the input.
        input: String,
        /// What there are too many of.
        what: String,
    },
}

/// A layer with a sliding window on an input of known size, one channel of it.
#[derive(Clone, Debug)]
pub struct Arithmetic {
    layer: Sliding,
    axes: [Axis; 2],
    slides: [Slide; 2],
}

impl Arithmetic {
    /// Reads a layer, as it would stand in a declaration, on an input of this size.
    ///
    /// # Errors
    /// Where the layer does not read or fit, slides no window, or is too large to be drawn.
    pub fn of(layer: &str, input: InputSize) -> Result<Self, Error> {
        Self::draw(Sliding::read(layer, input)?)
    }

    /// The picture of a layer.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn draw(layer: Sliding) -> Result<Self, Error> {
        let (input, output) = (layer.input(), layer.output());
        let too_large = |what| Error::TooLarge { layer: layer.source().to_owned(), input: pair(input), what };
        let side = || too_large(format!("a side of more than {MOST_CELLS} cells"));
        let axes = layer.axes().ok_or_else(side)?;
        for axis in 0..2 {
            let cells = input[axis].max(output[axis]).max(axes[axis].before).max(axes[axis].after);
            if cells.max(axes[axis].extent().unwrap_or(usize::MAX)) > MOST_CELLS {
                return Err(side());
            }
        }
        let windows = output[0] * output[1];
        if windows > MOST_WINDOWS {
            return Err(too_large(format!("{windows} positions, where {MOST_WINDOWS} can be watched")));
        }
        let slides = [0, 1].map(|axis| match layer.kind() {
            Kind::Transposed { output_padding } => {
                Slide::transposed(axes[axis], input[axis], output_padding[axis], output[axis])
            }
            _ => Slide::forward(axes[axis], input[axis], output[axis]),
        });
        if slides.iter().any(|slide| slide.cells().len() > MOST_CELLS) {
            return Err(side());
        }
        Ok(Self { layer, axes, slides })
    }

    /// What is drawn.
    #[must_use]
    pub fn layer(&self) -> &Sliding {
        &self.layer
    }

    /// Rows and columns as they are drawn.
    #[must_use]
    pub fn slides(&self) -> &[Slide; 2] {
        &self.slides
    }

    /// The first cell `[row, column]` of the window at each position, in the order of the animation: row by row.
    #[must_use]
    pub fn positions(&self) -> Vec<[usize; 2]> {
        let [rows, columns] = &self.slides;
        let at = |row: usize| columns.starts().iter().map(move |&column| [row, column]);
        rows.starts().iter().flat_map(|&row| at(row)).collect()
    }

    /// The output's size and how it comes to be: one formula for both axes where they are alike.
    ///
    /// ```
    /// use cnn_examples::arithmetic::Arithmetic;
    /// let layer = Arithmetic::of("conv3-1/2(pad=1)", "5x5".parse().unwrap())?;
    /// assert_eq!(layer.formulas(), ["o = ⌊(i + 2p − k) / s⌋ + 1 = ⌊(5 + 2·1 − 3) / 2⌋ + 1 = 3"]);
    /// # Ok::<(), cnn_examples::arithmetic::Error>(())
    /// ```
    #[must_use]
    pub fn formulas(&self) -> Vec<String> {
        formula::formulas(self)
    }

    /// The picture, animated (SMIL), in one file without references; its first position is what a viewer without
    /// animation shows. Its colours follow the reader's light or dark scheme.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::draw(self, true)
    }

    /// The picture of the first position, without animation.
    #[must_use]
    pub fn still(&self) -> String {
        svg::draw(self, false)
    }
}

/// `[5, 6]` as `5x6`.
fn pair([rows, columns]: [usize; 2]) -> String {
    format!("{rows}x{columns}")
}

/// The message without the word that programs put before one.
fn said(error: &cnn_ir::NetworkError) -> String {
    let text = error.to_string();
    text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
}
