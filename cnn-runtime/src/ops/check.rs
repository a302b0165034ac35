//! The checks of arguments that operations share; every message names the operation and what it found.
//!
//! Those of sizes alone take sizes: a recorded operation has no tensors.
use super::mixed::of_parameters;
use candle_core::{DType, Result, Shape, Tensor, bail};
use cnn_ir::window::Axis;
use cnn_kernels::{channels::Planes, window::Span};

/// Values that a tensor may have: below it, no size in bytes overflows.
const LIMIT: usize = isize::MAX as usize / 16;

/// The input is `f32` or `f64`, or bf16 on a CUDA device, and not empty.
pub(super) fn input(op: &str, x: &Tensor) -> Result<()> {
    // bf16 comes of mixed precision, which is of CUDA devices.
    let is_mixed = x.dtype() == DType::BF16 && cfg!(feature = "cuda") && x.device().is_cuda();
    if !matches!(x.dtype(), DType::F32 | DType::F64) && !is_mixed {
        bail!("{op}: expected a tensor of f32 or f64, found {}", x.dtype().as_str());
    }
    filled(op, x.dims())
}

/// There is at least one value.
pub(super) fn filled(op: &str, x: &[usize]) -> Result<()> {
    if x.contains(&0) {
        bail!("{op}: expected at least one value, found shape {x:?}");
    }
    Ok(())
}

/// The input is a map `(N, C, H, W)`: its sizes.
pub(super) fn map(op: &str, x: &[usize]) -> Result<[usize; 4]> {
    filled(op, x)?;
    match *x {
        [n, c, h, w] => Ok([n, c, h, w]),
        _ => bail!("{op}: expected a map (N, C, H, W), found shape {x:?}"),
    }
}

/// The input is `(N, C, ...)`: seen channel by channel.
pub(super) fn planes(op: &str, x: &[usize]) -> Result<Planes> {
    filled(op, x)?;
    match x {
        [batch, channels, plane @ ..] => {
            Ok(Planes { batch: *batch, channels: *channels, plane: plane.iter().product() })
        }
        _ => bail!("{op}: expected (N, C, ...), found shape {x:?}"),
    }
}

/// Two arguments share dtype and device.
pub(super) fn alike(op: &str, x: &Tensor, other: &Tensor, what: &str) -> Result<()> {
    if x.dtype() != other.dtype() {
        let (expected, found) = (x.dtype().as_str(), other.dtype().as_str());
        bail!("{op}: expected a {what} of {expected} as the input is, found {found}");
    }
    on_device(op, x, other, what)
}

fn on_device(op: &str, x: &Tensor, other: &Tensor, what: &str) -> Result<()> {
    if !x.device().same_device(other.device()) {
        let (expected, found) = (x.device().location(), other.device().location());
        bail!("{op}: expected the {what} on {expected:?} as the input is, found {found:?}");
    }
    Ok(())
}

/// A vector of parameters or statistics with one value per channel, in `f32` where the input is bf16.
pub(super) fn vector(op: &str, x: &Tensor, vector: &Tensor, len: usize, what: &str) -> Result<()> {
    let expected = of_parameters(x.dtype());
    if vector.dtype() != expected {
        let (expected, found) = (expected.as_str(), vector.dtype().as_str());
        bail!("{op}: expected a {what} of {expected} as the input is, found {found}");
    }
    on_device(op, x, vector, what)?;
    length(op, x.dims(), vector.dims(), len, what)
}

/// A vector has one value per channel of the input.
pub(super) fn length(op: &str, x: &[usize], vector: &[usize], len: usize, what: &str) -> Result<()> {
    if vector != [len] {
        bail!("{op}: expected a {what} of shape [{len}] for the input {x:?}, found {vector:?}");
    }
    Ok(())
}

/// The axis over an input whose output size is known.
pub(super) fn span(op: &str, axis: Axis, input: usize, output: usize) -> Result<Span> {
    let Axis { kernel, stride, before, after, dilation } = axis;
    match Span::new(input, output, kernel, stride, dilation, [before, after]) {
        Some(span) => Ok(span),
        None => bail!("{op}: sizes out of range: {axis:?} over {input} values gives {output}"),
    }
}

/// A shape whose number of values is in range.
pub(super) fn shape(op: &str, dims: &[usize]) -> Result<Shape> {
    match dims.iter().try_fold(1, |count: usize, &dim| count.checked_mul(dim)) {
        Some(count) if count <= LIMIT => Ok(Shape::from(dims)),
        _ => bail!("{op}: the result's shape {dims:?} is too large"),
    }
}
