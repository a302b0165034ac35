//! Dropout in its forms, and learned scales: the shape stays.

use super::conv::image;
use super::{BuildResult, Built, Op, Options};
use crate::dim::Dim;
use crate::shape::Shape;

pub(super) fn dropout(options: &Options, input: &Shape) -> BuildResult {
    Ok(Built { op: Op::Dropout(options.probability("p", 0.5)?), output: input.clone() })
}

pub(super) fn dropout2d(options: &Options, input: &Shape) -> BuildResult {
    image(options, input)?;
    Ok(Built { op: Op::Dropout2d(options.probability("p", 0.5)?), output: input.clone() })
}

pub(super) fn drop_path(options: &Options, input: &Shape) -> BuildResult {
    Ok(Built { op: Op::DropPath(options.probability("p", 0.1)?), output: input.clone() })
}

pub(super) fn scale(options: &Options, input: &Shape) -> BuildResult {
    let value = options.float("init", 1.0)?;
    let channels = input.channels().cloned().unwrap_or(Dim::ONE);
    Ok(Built { op: Op::Scale { channels, value }, output: input.clone() })
}
