//! Functions of each value, and of a value and a number of its channel.
use cnn_kernels::channels::{Factors, Planes};
pub use cnn_kernels::elementwise::Activation;

use super::planes;
use crate::device::{Gpu, In, Launch, Out, Result};
use crate::source::ELEMENTWISE;

/// What a kernel ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ending {
    pub(crate) function: i32,
    pub(crate) parameter: f64,
}

impl Ending {
    /// Nothing more.
    pub const NONE: Self = Self { function: 0, parameter: 0.0 };
}

impl From<Activation> for Ending {
    fn from(activation: Activation) -> Self {
        // The numbers of `prelude.cuh`.
        let (function, parameter) = match activation {
            Activation::Relu => (1, 0.0),
            Activation::Relu6 => (2, 0.0),
            Activation::LeakyRelu { slope } => (3, slope),
            Activation::Elu { alpha } => (4, alpha),
            Activation::Gelu => (5, 0.0),
            Activation::Silu => (6, 0.0),
            Activation::HardSwish => (7, 0.0),
            Activation::HardSigmoid => (8, 0.0),
            Activation::Sigmoid => (9, 0.0),
            Activation::Tanh => (10, 0.0),
        };
        Self { function, parameter }
    }
}

/// The function of each value.
///
/// # Errors
/// For lengths or element types that differ.
pub fn forward(gpu: &Gpu, activation: Activation, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "activation";
    y.check(NAME, "the output", x.scalar(), x.len())?;
    let Ending { function, parameter } = activation.into();
    Launch::new(gpu, ELEMENTWISE, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(&x.len())
        .pass(&function)
        .pass(&parameter)
        .each(x.len())
}

/// The gradient of what went in, given it, what came out, and the gradient of that.
///
/// # Errors
/// For lengths or element types that differ.
pub fn gradient(
    gpu: &Gpu,
    activation: Activation,
    x: &In<'_>,
    y: &In<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "activation_gradient";
    y.check(NAME, "the output", x.scalar(), x.len())?;
    grad.check(NAME, "its gradient", x.scalar(), x.len())?;
    to.check(NAME, "the input's gradient", x.scalar(), x.len())?;
    let Ending { function, parameter } = activation.into();
    Launch::new(gpu, ELEMENTWISE, NAME, x.scalar())
        .pass(x)
        .pass(y)
        .pass(grad)
        .pass(to)
        .pass(&x.len())
        .pass(&function)
        .pass(&parameter)
        .each(x.len())
}

/// Each value times the number of its channel, or of its plane.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn scale(
    gpu: &Gpu,
    sizes: &Planes,
    kind: Factors,
    x: &In<'_>,
    numbers: &In<'_>,
    y: &mut Out<'_>,
) -> Result<()> {
    by_channel(gpu, "scale", sizes, kind, x, numbers, y)
}

/// Each value plus the number of its channel, or of its plane.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn shift(
    gpu: &Gpu,
    sizes: &Planes,
    kind: Factors,
    x: &In<'_>,
    numbers: &In<'_>,
    y: &mut Out<'_>,
) -> Result<()> {
    by_channel(gpu, "shift", sizes, kind, x, numbers, y)
}

/// A term for each channel, a map that is added, and a function, in place.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn end_in_place(
    gpu: &Gpu,
    sizes: &Planes,
    terms: Option<&In<'_>>,
    residual: Option<&In<'_>>,
    ending: Ending,
    values: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "end";
    let scalar = values.scalar();
    values.check(NAME, "the values", scalar, sizes.len())?;
    if let Some(terms) = terms {
        terms.check(NAME, "the terms", scalar.of_parameters(), sizes.channels)?;
    }
    if let Some(residual) = residual {
        residual.check(NAME, "the residual", scalar, sizes.len())?;
    }
    Launch::new(gpu, ELEMENTWISE, NAME, scalar)
        .pass(values)
        .pass(&terms)
        .pass(&residual)
        .pass(&planes(NAME, sizes)?)
        .pass(&ending.function)
        .pass(&ending.parameter)
        .each(sizes.len())
}

const fn modulus(sizes: &Planes, kind: Factors) -> usize {
    match kind {
        Factors::PerChannel => sizes.channels,
        Factors::PerPlane => sizes.batch * sizes.channels,
    }
}

fn by_channel(
    gpu: &Gpu,
    name: &'static str,
    sizes: &Planes,
    kind: Factors,
    x: &In<'_>,
    numbers: &In<'_>,
    y: &mut Out<'_>,
) -> Result<()> {
    let modulus = modulus(sizes, kind);
    x.check(name, "the input", x.scalar(), sizes.len())?;
    numbers.check(name, "the numbers", x.scalar(), modulus)?;
    y.check(name, "the output", x.scalar(), sizes.len())?;
    Launch::new(gpu, ELEMENTWISE, name, x.scalar())
        .pass(x)
        .pass(numbers)
        .pass(y)
        .pass(&planes(name, sizes)?)
        .pass(&modulus)
        .each(sizes.len())
}

/// Each value where it is positive, else times the slope of its channel; `slopes` has one for all, or one for each.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn prelu(gpu: &Gpu, sizes: &Planes, x: &In<'_>, slopes: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "prelu";
    x.check(NAME, "the input", x.scalar(), sizes.len())?;
    check_slopes(NAME, sizes, x, slopes)?;
    y.check(NAME, "the output", x.scalar(), sizes.len())?;
    Launch::new(gpu, ELEMENTWISE, NAME, x.scalar())
        .pass(x)
        .pass(slopes)
        .pass(y)
        .pass(&planes(NAME, sizes)?)
        .pass(&slopes.len())
        .each(sizes.len())
}

/// The gradient of [`prelu`] by its input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn prelu_input_gradient(
    gpu: &Gpu,
    sizes: &Planes,
    x: &In<'_>,
    slopes: &In<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "prelu_gradient";
    x.check(NAME, "the input", x.scalar(), sizes.len())?;
    check_slopes(NAME, sizes, x, slopes)?;
    grad.check(NAME, "the gradient", x.scalar(), sizes.len())?;
    to.check(NAME, "the input's gradient", x.scalar(), sizes.len())?;
    Launch::new(gpu, ELEMENTWISE, NAME, x.scalar())
        .pass(x)
        .pass(slopes)
        .pass(grad)
        .pass(to)
        .pass(&planes(NAME, sizes)?)
        .pass(&slopes.len())
        .each(sizes.len())
}

fn check_slopes(name: &'static str, sizes: &Planes, x: &In<'_>, slopes: &In<'_>) -> Result<()> {
    let count = if slopes.len() == 1 { 1 } else { sizes.channels };
    slopes.check(name, "the slopes", x.scalar(), count)
}
