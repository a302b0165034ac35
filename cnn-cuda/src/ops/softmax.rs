//! Softmax over the channels, and the cross-entropy of it.
use cnn_kernels::channels::Planes;
use cnn_kernels::cross_entropy::CrossEntropy;

use super::{blocks, int, planes};
use crate::device::{Gpu, In, Labels, Launch, Out, Result};
use crate::source::{SOFTMAX, Scalar};

/// The softmax of each pixel's channels.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn forward(gpu: &Gpu, sizes: &Planes, x: &In<'_>, y: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "softmax";
    x.check(NAME, "the input", x.scalar(), sizes.len())?;
    y.check(NAME, "the output", x.scalar(), sizes.len())?;
    let name = if sizes.plane == 1 { "softmax_rows" } else { "softmax_pixels" };
    let launch = Launch::new(gpu, SOFTMAX, name, x.scalar()).pass(x).pass(y).pass(&planes(NAME, sizes)?);
    by_pixel(launch, sizes)
}

/// The gradient of [`forward`] by its input, given what came out.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn gradient(gpu: &Gpu, sizes: &Planes, y: &In<'_>, grad: &In<'_>, to: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "softmax gradient";
    y.check(NAME, "the output", y.scalar(), sizes.len())?;
    grad.check(NAME, "its gradient", y.scalar(), sizes.len())?;
    to.check(NAME, "the input's gradient", y.scalar(), sizes.len())?;
    let name = if sizes.plane == 1 { "softmax_rows_gradient" } else { "softmax_pixels_gradient" };
    let launch =
        Launch::new(gpu, SOFTMAX, name, y.scalar()).pass(y).pass(grad).pass(to).pass(&planes(NAME, sizes)?);
    by_pixel(launch, sizes)
}

fn by_pixel(launch: Launch<'_>, sizes: &Planes) -> Result<()> {
    if sizes.plane == 1 {
        launch.blocks([blocks("softmax", sizes.batch)?, 1, 1])
    } else {
        launch.each(sizes.batch * sizes.plane)
    }
}

/// What the logits are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// The class of each sample, all below the number of classes.
    Classes(&'a Labels<'a>),
    /// The probability of each class.
    Probabilities(&'a In<'a>),
}

impl<'a> Targets<'a> {
    fn check(
        self,
        name: &'static str,
        sizes: &CrossEntropy,
        scalar: Scalar,
    ) -> Result<(Option<&'a Labels<'a>>, Option<&'a In<'a>>)> {
        match self {
            Self::Classes(labels) if labels.len == sizes.batch => Ok((Some(labels), None)),
            Self::Classes(labels) => {
                let (expected, found) = (sizes.batch, labels.len);
                crate::device::sizes(name, format_args!("expected {expected} labels, found {found}"))
            }
            Self::Probabilities(all) => {
                all.check(name, "the probabilities", scalar, sizes.batch * sizes.classes)?;
                Ok((None, Some(all)))
            }
        }
    }
}

/// The mean loss of the samples, one value.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn cross_entropy(
    gpu: &Gpu,
    sizes: &CrossEntropy,
    logits: &In<'_>,
    targets: Targets<'_>,
    loss: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "cross_entropy";
    let scalar = logits.scalar();
    logits.check(NAME, "the logits", scalar, sizes.batch * sizes.classes)?;
    loss.check(NAME, "the loss", scalar, 1)?;
    let (labels, probabilities) = targets.check(NAME, sizes, scalar)?;
    let mut losses = gpu.scratch(scalar.of_parameters(), sizes.batch)?;
    Launch::new(gpu, SOFTMAX, NAME, scalar)
        .pass(logits)
        .pass(&labels)
        .pass(&probabilities)
        .pass(&losses.write(gpu))
        .pass(&int(NAME, sizes.classes)?)
        .pass(&sizes.smoothing)
        .blocks([blocks(NAME, sizes.batch)?, 1, 1])?;
    Launch::new(gpu, SOFTMAX, "mean_loss", scalar)
        .pass(&losses.read(gpu))
        .pass(loss)
        .pass(&int(NAME, sizes.batch)?)
        .blocks([1, 1, 1])
}

/// The gradient of [`cross_entropy`] by the logits, times `grad`, one value.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn cross_entropy_gradient(
    gpu: &Gpu,
    sizes: &CrossEntropy,
    logits: &In<'_>,
    targets: Targets<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "cross_entropy_gradient";
    let scalar = logits.scalar();
    logits.check(NAME, "the logits", scalar, sizes.batch * sizes.classes)?;
    grad.check(NAME, "the loss's gradient", scalar, 1)?;
    to.check(NAME, "the logits' gradient", scalar, logits.len())?;
    let (labels, probabilities) = targets.check(NAME, sizes, scalar)?;
    Launch::new(gpu, SOFTMAX, NAME, scalar)
        .pass(logits)
        .pass(&labels)
        .pass(&probabilities)
        .pass(grad)
        .pass(to)
        .pass(&int(NAME, sizes.classes)?)
        .pass(&sizes.smoothing)
        .blocks([blocks(NAME, sizes.batch)?, 1, 1])
}
