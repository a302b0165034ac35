//! Group norms, and with them instance norms, of maps with their channels last.
use cnn_kernels::channels::Planes;

use super::elementwise::Ending;
use super::{blocks, int};
use crate::device::{Gpu, In, Launch, Out, Result, Scratch, sizes as wrong};
use crate::sizes;
use crate::source::{GROUP_NORM_LAST, Scalar};

/// Threads of a block, as in `prelude.cuh`, and those that do something together.
const THREADS: usize = 256;
const WARP: usize = 32;

/// A norm of maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupNorm {
    /// The maps.
    pub planes: Planes,
    /// Groups of an image's channels; instance norm has as many as there are channels.
    pub groups: usize,
    /// What is added to variances.
    pub eps: f64,
}

/// What values are normalized by.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a> {
    /// Means.
    pub mean: &'a In<'a>,
    /// Biased variances.
    pub variance: &'a In<'a>,
    /// The factor of each channel, if there are any.
    pub weight: Option<&'a In<'a>>,
}

/// The gradients of a norm.
#[derive(Debug)]
pub struct Gradients<'a, 'b> {
    /// Of the input.
    pub input: &'a mut Out<'b>,
    /// Of the factor of each channel, if there are any.
    pub weight: Option<&'a mut Out<'b>>,
    /// Of the term of each channel, if there are any.
    pub bias: Option<&'a mut Out<'b>>,
}

impl GroupNorm {
    /// How many means and variances there are.
    #[must_use]
    pub const fn statistics(&self) -> usize {
        self.planes.batch * self.groups
    }

    fn check(
        &self,
        name: &'static str,
        x: &In<'_>,
        Statistics { mean, variance, weight }: Statistics<'_>,
    ) -> Result<()> {
        let parameters = x.scalar().of_parameters();
        x.check(name, "the input", x.scalar(), self.planes.len())?;
        mean.check(name, "the means", parameters, self.statistics())?;
        variance.check(name, "the variances", parameters, self.statistics())?;
        weight.map_or(Ok(()), |weight| weight.check(name, "the weights", parameters, self.planes.channels))
    }

    /// Channels of a block's pixels: as many as the threads of a warp, or fewer, so that all blocks have about as many.
    const fn across(&self) -> usize {
        let channels = self.planes.channels;
        if channels == 0 { 1 } else { channels.div_ceil(channels.div_ceil(WARP)) }
    }

    /// Blocks for the channels of all images.
    const fn strips(&self) -> usize {
        self.planes.batch * self.planes.channels.div_ceil(self.across())
    }

    /// How many parts the pixels of an image are taken in.
    fn parts(&self, gpu: &Gpu) -> usize {
        gpu.parts(self.strips(), self.planes.plane * self.across())
    }

    fn sizes(&self, name: &'static str, parts: usize) -> Result<sizes::GroupNorm> {
        let (Planes { batch, channels, plane }, groups) = (self.planes, self.groups);
        if groups == 0 || !channels.is_multiple_of(groups) {
            return wrong(name, format_args!("{groups} groups of {channels} channels"));
        }
        Ok(sizes::GroupNorm {
            images: int(name, batch)?,
            plane: int(name, plane)?,
            channels: int(name, channels)?,
            width: int(name, channels / groups)?,
            across: int(name, self.across())?,
            parts: int(name, parts)?,
            eps: self.eps,
        })
    }

    /// The blocks that go over the pixels.
    fn grid(&self, name: &'static str, parts: usize) -> Result<[u32; 3]> {
        Ok([blocks(name, self.strips())?, blocks(name, parts)?, 1])
    }

    /// A warp for each group.
    fn by_warps(&self, name: &'static str) -> Result<[u32; 3]> {
        Ok([blocks(name, self.statistics().div_ceil(THREADS / WARP))?, 1, 1])
    }
}

const fn launch<'g>(gpu: &'g Gpu, name: &'static str, scalar: Scalar) -> Launch<'g> {
    Launch::new(gpu, GROUP_NORM_LAST, name, scalar)
}

/// The means and biased variances of the groups of each image.
///
/// # Errors
/// For lengths or element types that do not fit, or groups that do not divide the channels.
pub fn statistics(
    gpu: &Gpu,
    norm: &GroupNorm,
    x: &In<'_>,
    mean: &mut Out<'_>,
    variance: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "channel_moments";
    let (scalar, parameters) = (x.scalar(), x.scalar().of_parameters());
    x.check(NAME, "the input", scalar, norm.planes.len())?;
    mean.check(NAME, "the means", parameters, norm.statistics())?;
    variance.check(NAME, "the variances", parameters, norm.statistics())?;
    let parts = norm.parts(gpu);
    let sizes = norm.sizes(NAME, parts)?;
    let Planes { batch, channels, .. } = norm.planes;
    let mut found = gpu.scratch(parameters, 3 * batch * parts * channels)?;
    launch(gpu, NAME, scalar).pass(x).pass(&found.write(gpu)).pass(&sizes).blocks(norm.grid(NAME, parts)?)?;
    launch(gpu, "group_moments", scalar)
        .pass(&found.read(gpu))
        .pass(mean)
        .pass(variance)
        .pass(&sizes)
        .blocks(norm.by_warps(NAME)?)
}

/// `ending((x - mean) / deviation * weight + bias)`.
///
/// # Errors
/// For lengths or element types that do not fit, or groups that do not divide the channels.
pub fn forward(
    gpu: &Gpu,
    norm: &GroupNorm,
    x: &In<'_>,
    statistics: Statistics<'_>,
    bias: Option<&In<'_>>,
    ending: Ending,
    y: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "normalize_groups";
    norm.check(NAME, x, statistics)?;
    if let Some(bias) = bias {
        bias.check(NAME, "the biases", x.scalar().of_parameters(), norm.planes.channels)?;
    }
    y.check(NAME, "the output", x.scalar(), x.len())?;
    launch(gpu, NAME, x.scalar())
        .pass(x)
        .pass(statistics.mean)
        .pass(statistics.variance)
        .pass(&statistics.weight)
        .pass(&bias)
        .pass(y)
        .pass(&norm.sizes(NAME, 1)?)
        .pass(&ending.function)
        .pass(&ending.parameter)
        .each(x.len())
}

/// The gradients of [`forward`] without ending, given that of its output.
///
/// # Errors
/// For lengths or element types that do not fit, or groups that do not divide the channels.
pub fn gradient(
    gpu: &Gpu,
    norm: &GroupNorm,
    x: &In<'_>,
    grad: &In<'_>,
    statistics: Statistics<'_>,
    gradients: Gradients<'_, '_>,
) -> Result<()> {
    const NAME: &str = "normalize_groups_gradient";
    norm.check(NAME, x, statistics)?;
    let (scalar, parameters) = (x.scalar(), x.scalar().of_parameters());
    let Gradients { input, weight, bias } = gradients;
    let channels = norm.planes.channels;
    grad.check(NAME, "the gradient", scalar, x.len())?;
    input.check(NAME, "the input's gradient", scalar, x.len())?;
    let sizes = norm.sizes(NAME, 1)?;

    let sums = sums(gpu, norm, x, grad, statistics)?;
    let count = norm.planes.batch * channels;
    // The sums of g first, which the bias wants, and those of g x' behind them.
    for (k, to) in [bias, weight].into_iter().enumerate() {
        let Some(to) = to else { continue };
        to.check(NAME, "the gradient of weights or biases", parameters, channels)?;
        launch(gpu, "all_images", scalar)
            .pass(&sums.read_part(gpu, k * count, count))
            .pass(to)
            .pass(&sizes)
            .each(channels)?;
    }
    let mut means = gpu.scratch(parameters, 2 * norm.statistics())?;
    launch(gpu, "group_means", scalar)
        .pass(&sums.read(gpu))
        .pass(&statistics.weight)
        .pass(&means.write(gpu))
        .pass(&sizes)
        .blocks(norm.by_warps(NAME)?)?;
    launch(gpu, NAME, scalar)
        .pass(x)
        .pass(grad)
        .pass(statistics.mean)
        .pass(statistics.variance)
        .pass(&statistics.weight)
        .pass(&means.read(gpu))
        .pass(input)
        .pass(&sizes)
        .each(x.len())
}

/// Of each image and channel, the sums of g, and behind them those of g x'.
fn sums(
    gpu: &Gpu,
    norm: &GroupNorm,
    x: &In<'_>,
    grad: &In<'_>,
    statistics: Statistics<'_>,
) -> Result<Scratch> {
    const NAME: &str = "channel_sums";
    let (scalar, parameters) = (x.scalar(), x.scalar().of_parameters());
    let parts = norm.parts(gpu);
    let sizes = norm.sizes(NAME, parts)?;
    let count = 2 * norm.planes.batch * norm.planes.channels;
    let mut found = gpu.scratch(parameters, parts * count)?;
    launch(gpu, NAME, scalar)
        .pass(x)
        .pass(grad)
        .pass(statistics.mean)
        .pass(statistics.variance)
        .pass(&found.write(gpu))
        .pass(&sizes)
        .blocks(norm.grid(NAME, parts)?)?;
    let mut sums = gpu.scratch(parameters, count)?;
    launch(gpu, "image_sums", scalar)
        .pass(&found.read(gpu))
        .pass(&sums.write(gpu))
        .pass(&sizes)
        .each(count)?;
    Ok(sums)
}
