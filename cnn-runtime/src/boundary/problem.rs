//! What does not fit at a network's boundary, in words.

use std::fmt;

use candle_core::{DType, DeviceLocation};

use super::ANY;

/// What does not fit at a network's boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BoundaryProblem {
    /// Another rank or other sizes.
    Shape {
        /// The sizes of one sample, [`ANY`] where all are taken.
        expected: &'static [usize],
        /// The tensor's sizes, batch included.
        found: Vec<usize>,
    },
    /// A batch without a sample.
    Empty {
        /// The tensor's sizes, batch included.
        found: Vec<usize>,
    },
    /// Another element type.
    DType {
        /// The network's.
        expected: DType,
        /// The tensor's.
        found: DType,
    },
    /// Another device.
    Device {
        /// The network's.
        expected: DeviceLocation,
        /// The tensor's.
        found: DeviceLocation,
    },
    /// Another rank, other sizes or another batch than a plan was compiled for.
    Planned {
        /// The plan's batch.
        batch: usize,
        /// The sizes of one sample, [`ANY`] where all are taken.
        expected: Vec<usize>,
        /// The tensor's sizes, batch included.
        found: Vec<usize>,
    },
    /// Another number of inputs or outputs.
    Ports {
        /// How many there are, and what: `input` or `output`.
        expected: (usize, &'static str),
        /// How many were given or asked for.
        found: usize,
    },
    /// A size that the declaration's `where` does not allow.
    Size {
        /// The symbol, `H`.
        symbol: String,
        /// Its size.
        found: usize,
        /// The rule, `H % 32 == 0`.
        rule: String,
        /// The nearest sizes that fit, below and above.
        nearest: [Option<usize>; 2],
    },
    /// One symbol with two sizes.
    Conflict {
        /// The symbol, `H`.
        symbol: String,
        /// Where it was first met, and its size there.
        first: (String, usize),
        /// Where it was met again, and its size there.
        second: (String, usize),
    },
}

impl fmt::Display for BoundaryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { expected, found } => {
                write!(f, "expected {}, found {}", batch_of(expected), sizes(found))?;
                match advice(expected, found) {
                    Some(advice) => write!(f, "; {advice}"),
                    None => Ok(()),
                }
            }
            Self::Planned { batch, expected, found } => {
                write!(f, "expected {}, found {}", named(&batch.to_string(), expected), sizes(found))?;
                match found.split_first() {
                    Some((other, sample)) if fits(expected, sample) => {
                        write!(
                            f,
                            "; its batch is fixed, compile another with `CompileOptions::batch({other})`"
                        )
                    }
                    _ => match advice(expected, found) {
                        Some(advice) => write!(f, "; {advice}"),
                        None => Ok(()),
                    },
                }
            }
            Self::Ports { expected: (count, what), found } => {
                let plural = if *count == 1 { "" } else { "s" };
                write!(f, "it has {count} {what}{plural}, found {found}")
            }
            Self::Empty { found } => {
                write!(f, "expected at least one sample, found {}", sizes(found))
            }
            Self::DType { expected, found } => write!(
                f,
                "the network is {expected:?}, the input {found:?}; convert it with \
                 `to_dtype(DType::{expected:?})`"
            ),
            Self::Device { expected, found } => {
                write!(f, "the network is on {expected:?}, the input on {found:?}; move it with `to_device`")
            }
            Self::Size { symbol, found, rule, nearest } => {
                write!(f, "{symbol} = {found} does not fit, it must satisfy {rule}; ")?;
                match nearest {
                    [Some(below), Some(above)] => {
                        write!(f, "the nearest that fit: {below} (crop) or {above} (pad)")
                    }
                    [Some(below), None] => write!(f, "the nearest that fits: {below} (crop)"),
                    [None, Some(above)] => write!(f, "the nearest that fits: {above} (pad)"),
                    [None, None] => write!(f, "no size near it fits"),
                }
            }
            Self::Conflict { symbol, first, second } => write!(
                f,
                "{symbol} must be one size, but it is {} in {} and {} in {}",
                first.1, first.0, second.1, second.0
            ),
        }
    }
}

/// `(N, 3, 224, any)`.
fn batch_of(dims: &[usize]) -> String {
    named("N", dims)
}

/// A shape whose batch is written so.
fn named(batch: &str, dims: &[usize]) -> String {
    let dims = dims.iter().map(|&dim| if dim == ANY { "any".to_owned() } else { dim.to_string() });
    format!("({batch}, {})", dims.collect::<Vec<_>>().join(", "))
}

/// `(8, 3, 224, 224)`.
fn sizes(dims: &[usize]) -> String {
    crate::weights::report::shape(dims)
}

pub(crate) fn fits(expected: &[usize], found: &[usize]) -> bool {
    expected.len() == found.len() && expected.iter().zip(found).all(|(&e, &f)| e == ANY || e == f)
}

/// The usual mistakes: no batch dimension, channels last, a vector fed as maps or the reverse.
fn advice(expected: &[usize], found: &[usize]) -> Option<&'static str> {
    if fits(expected, found) {
        return Some("one sample needs a batch dimension: `unsqueeze(0)`");
    }
    if let (&[c, h, w], &[_, height, width, channels]) = (expected, found)
        && fits(&[c, h, w], &[channels, height, width])
    {
        return Some("channels come first: `permute((0, 3, 1, 2))`");
    }
    if let (&[features], &[_, c, h, w]) = (expected, found)
        && Some(features) == c.checked_mul(h).and_then(|area| area.checked_mul(w))
    {
        return Some("flatten it: `flatten_from(1)`");
    }
    None
}
