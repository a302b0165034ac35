//! Norms, and sums over channels.
use cnn_kernels::channels::{Factors, Planes};

use super::elementwise::Ending;
use super::{blocks, int};
use crate::device::{Gpu, In, Launch, Out, Result, Scratch, sizes as wrong};
use crate::sizes;
use crate::source::NORM;

/// Which values share statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Those of a channel, in all images: batch norm.
    Batch,
    /// Those of each of that many groups of channels of an image: group norm, and instance norm.
    Group(usize),
    /// The channels of each pixel: layer norm.
    Channels,
}

/// A norm of maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// The maps.
    pub planes: Planes,
    /// What is normalized together.
    pub over: Over,
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
    /// The factor of each channel.
    pub weight: &'a In<'a>,
}

/// What a norm does to values.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// Means.
    pub mean: &'a In<'a>,
    /// Biased variances.
    pub variance: &'a In<'a>,
    /// The factor of each channel.
    pub weight: &'a In<'a>,
    /// The term of each channel.
    pub bias: &'a In<'a>,
}

impl Norm {
    fn check(&self, name: &'static str) -> Result<()> {
        match self.over {
            Over::Group(groups) if groups == 0 || !self.planes.channels.is_multiple_of(groups) => {
                wrong(name, format_args!("{groups} groups of {} channels", self.planes.channels))
            }
            _ => Ok(()),
        }
    }

    /// How many means and variances there are.
    #[must_use]
    pub const fn statistics(&self) -> usize {
        let Planes { batch, channels, plane } = self.planes;
        match self.over {
            Over::Batch => channels,
            Over::Group(groups) => batch * groups,
            Over::Channels => batch * plane,
        }
    }

    fn sizes(&self, name: &'static str) -> Result<sizes::Norm> {
        self.check(name)?;
        let Planes { batch, channels, plane } = self.planes;
        let (kind, width) = match self.over {
            Over::Batch => (0, channels),
            Over::Group(groups) => (1, channels / groups),
            Over::Channels => (2, channels),
        };
        Ok(sizes::Norm {
            batch: int(name, batch)?,
            channels: int(name, channels)?,
            plane: int(name, plane)?,
            kind,
            width: int(name, width)?,
            unused: 0,
            eps: self.eps,
        })
    }
}

/// A sum for each channel, made in parts and added up.
struct Sums {
    /// Whether the map is rows of channels.
    rows: bool,
    channels: usize,
    parts: usize,
}

impl Sums {
    fn over(gpu: &Gpu, planes: &Planes) -> Self {
        let Planes { batch, channels, plane } = *planes;
        let rows = plane == 1 && batch > 1;
        let across = if rows { channels.div_ceil(32) } else { channels };
        let values = if rows { batch * 32 } else { batch * plane };
        Self { rows, channels, parts: gpu.parts(across, values) }
    }

    /// One of two kernels.
    const fn choose(&self, rows: &'static str, planes: &'static str) -> &'static str {
        if self.rows { rows } else { planes }
    }

    fn grid(&self, name: &'static str) -> Result<[u32; 3]> {
        let across = if self.rows { self.channels.div_ceil(32) } else { self.channels };
        Ok([blocks(name, across)?, blocks(name, self.parts)?, 1])
    }

    /// Adds up the `k`-th sum of `sums`, of which each `width` neighbours make one.
    fn finish(&self, gpu: &Gpu, sums: &Scratch, k: usize, width: usize, to: &mut Out<'_>) -> Result<()> {
        let count = self.parts * self.channels;
        let scalar = to.scalar();
        let name = if scalar == scalar.of_parameters() { "finish" } else { "finish_rounded" };
        to.check(name, "the sums", scalar, self.channels / width)?;
        Launch::new(gpu, NORM, name, scalar)
            .pass(&sums.read_part(gpu, k * count, count))
            .pass(to)
            .pass(&int(name, self.parts)?)
            .pass(&self.channels)
            .pass(&width)
            .each(to.len())
    }
}

/// The sum of each channel, or of each plane.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn sums(gpu: &Gpu, planes: &Planes, kind: Factors, x: &In<'_>, to: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "sums";
    let planes = of_planes(planes, kind);
    x.check(NAME, "the input", x.scalar(), planes.len())?;
    let sums = Sums::over(gpu, &planes);
    let mut parts = gpu.scratch(x.scalar().of_parameters(), sums.parts * sums.channels)?;
    Launch::new(gpu, NORM, sums.choose("plain_rows", "plain_planes"), x.scalar())
        .pass(x)
        .pass(&parts.write(gpu))
        .pass(&plain(planes).sizes(NAME)?)
        .blocks(sums.grid(NAME)?)?;
    sums.finish(gpu, &parts, 0, 1, to)
}

/// The sum of the products of two maps, for each channel or plane.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn products(
    gpu: &Gpu,
    planes: &Planes,
    kind: Factors,
    x: &In<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<()> {
    let planes = of_planes(planes, kind);
    pairs(gpu, ["products_rows", "products_planes"], &planes, [x, grad], 1, to)
}

/// The gradient of PReLU's slopes, one for all or one for each channel.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn slopes(gpu: &Gpu, planes: &Planes, x: &In<'_>, grad: &In<'_>, to: &mut Out<'_>) -> Result<()> {
    let width = if to.len() == 1 { planes.channels } else { 1 };
    pairs(gpu, ["slopes_rows", "slopes_planes"], planes, [x, grad], width, to)
}

fn pairs(
    gpu: &Gpu,
    [rows, whole]: [&'static str; 2],
    planes: &Planes,
    [x, grad]: [&In<'_>; 2],
    width: usize,
    to: &mut Out<'_>,
) -> Result<()> {
    x.check(whole, "the input", x.scalar(), planes.len())?;
    grad.check(whole, "the gradient", x.scalar(), planes.len())?;
    let sums = Sums::over(gpu, planes);
    let mut parts = gpu.scratch(x.scalar().of_parameters(), sums.parts * sums.channels)?;
    Launch::new(gpu, NORM, sums.choose(rows, whole), x.scalar())
        .pass(x)
        .pass(grad)
        .pass(&parts.write(gpu))
        .pass(&plain(*planes).sizes(whole)?)
        .blocks(sums.grid(whole)?)?;
    sums.finish(gpu, &parts, 0, width, to)
}

/// Maps of which each plane is a channel, where there is a sum for each.
const fn of_planes(planes: &Planes, kind: Factors) -> Planes {
    let Planes { batch, channels, plane } = *planes;
    match kind {
        Factors::PerChannel => *planes,
        Factors::PerPlane => Planes { batch: 1, channels: batch * channels, plane },
    }
}

const fn plain(planes: Planes) -> Norm {
    Norm { planes, over: Over::Batch, eps: 0.0 }
}

/// The means and biased variances.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn statistics(
    gpu: &Gpu,
    norm: &Norm,
    x: &In<'_>,
    mean: &mut Out<'_>,
    variance: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "moments";
    norm.check(NAME)?;
    let (scalar, parameters) = (x.scalar(), x.scalar().of_parameters());
    x.check(NAME, "the input", scalar, norm.planes.len())?;
    mean.check(NAME, "the means", parameters, norm.statistics())?;
    variance.check(NAME, "the variances", parameters, norm.statistics())?;
    let Planes { batch, channels, plane } = norm.planes;
    // What is normalized together, as the channel of a map.
    let planes = match norm.over {
        Over::Batch => norm.planes,
        Over::Group(groups) => {
            Planes { batch: 1, channels: batch * groups, plane: channels / groups * plane }
        }
        Over::Channels if plane == 1 => Planes { batch: 1, channels: batch, plane: channels },
        Over::Channels => {
            return Launch::new(gpu, NORM, "moments_pixels", scalar)
                .pass(x)
                .pass(mean)
                .pass(variance)
                .pass(&norm.sizes(NAME)?)
                .each(batch * plane);
        }
    };
    let sums = Sums::over(gpu, &planes);
    let mut parts = gpu.scratch(parameters, 3 * sums.parts * sums.channels)?;
    Launch::new(gpu, NORM, sums.choose("moments_rows", "moments_planes"), scalar)
        .pass(x)
        .pass(&parts.write(gpu))
        .pass(&plain(planes).sizes(NAME)?)
        .blocks(sums.grid(NAME)?)?;
    Launch::new(gpu, NORM, "finish_moments", scalar)
        .pass(&parts.read(gpu))
        .pass(mean)
        .pass(variance)
        .pass(&int(NAME, sums.parts)?)
        .pass(&sums.channels)
        .each(sums.channels)
}

/// `ending((x - mean) / deviation * weight + bias + residual)`.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn forward(
    gpu: &Gpu,
    norm: &Norm,
    x: &In<'_>,
    Parameters { mean, variance, weight, bias }: Parameters<'_>,
    residual: Option<&In<'_>>,
    ending: Ending,
    y: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "normalize";
    check(norm, NAME, x, Statistics { mean, variance, weight })?;
    bias.check(NAME, "the biases", x.scalar().of_parameters(), norm.planes.channels)?;
    y.check(NAME, "the output", x.scalar(), x.len())?;
    if let Some(residual) = residual {
        residual.check(NAME, "the residual", x.scalar(), x.len())?;
    }
    Launch::new(gpu, NORM, NAME, x.scalar())
        .pass(x)
        .pass(mean)
        .pass(variance)
        .pass(weight)
        .pass(bias)
        .pass(&residual)
        .pass(y)
        .pass(&norm.sizes(NAME)?)
        .pass(&ending.function)
        .pass(&ending.parameter)
        .each(x.len())
}

fn check(
    norm: &Norm,
    name: &'static str,
    x: &In<'_>,
    Statistics { mean, variance, weight }: Statistics<'_>,
) -> Result<()> {
    let parameters = x.scalar().of_parameters();
    x.check(name, "the input", x.scalar(), norm.planes.len())?;
    mean.check(name, "the means", parameters, norm.statistics())?;
    variance.check(name, "the variances", parameters, norm.statistics())?;
    weight.check(name, "the weights", parameters, norm.planes.channels)
}

/// The gradients of a norm.
#[derive(Debug)]
pub struct Gradients<'a, 'b> {
    /// Of the input.
    pub input: &'a mut Out<'b>,
    /// Of the factor of each channel.
    pub weight: &'a mut Out<'b>,
    /// Of the term of each channel.
    pub bias: &'a mut Out<'b>,
}

/// The gradients of [`forward`] without residual and ending, given that of its output. `fixed` says that the statistics were
/// given, and do not depend on the input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn gradient(
    gpu: &Gpu,
    norm: &Norm,
    fixed: bool,
    x: &In<'_>,
    grad: &In<'_>,
    statistics: Statistics<'_>,
    gradients: Gradients<'_, '_>,
) -> Result<()> {
    const NAME: &str = "normalize_gradient";
    check(norm, NAME, x, statistics)?;
    let weight = statistics.weight;
    let (scalar, parameters) = (x.scalar(), x.scalar().of_parameters());
    let Planes { batch, channels, plane } = norm.planes;
    grad.check(NAME, "the gradient", scalar, x.len())?;
    gradients.input.check(NAME, "the input's gradient", scalar, x.len())?;
    gradients.weight.check(NAME, "the weights' gradient", parameters, channels)?;
    gradients.bias.check(NAME, "the biases' gradient", parameters, channels)?;

    // The sums of g and g x' of each channel; of a group norm those of each plane first, of which its means are made.
    let by_plane = matches!(norm.over, Over::Group(_));
    let planes = of_planes(&norm.planes, if by_plane { Factors::PerPlane } else { Factors::PerChannel });
    let sums = Sums::over(gpu, &planes);
    let mut parts = gpu.scratch(parameters, 2 * sums.parts * sums.channels)?;
    let mut sizes = norm.sizes(NAME)?;
    if by_plane {
        // Planes seen as channels: `width` of them, in all images, still make a group.
        (sizes.batch, sizes.channels) = (1, int(NAME, sums.channels)?);
    }
    Launch::new(gpu, NORM, sums.choose("normal_rows", "normal_planes"), scalar)
        .pass(x)
        .pass(grad)
        .pass(statistics.mean)
        .pass(statistics.variance)
        .pass(&parts.write(gpu))
        .pass(&sizes)
        .blocks(sums.grid(NAME)?)?;

    let mut means = gpu.scratch(parameters, 2 * norm.statistics())?;
    let mut plane_sums = gpu.scratch(parameters, if by_plane { 2 * batch * channels } else { 0 })?;
    if by_plane {
        for k in 0..2 {
            sums.finish(
                gpu,
                &parts,
                k,
                1,
                &mut plane_sums.write_part(gpu, k * batch * channels, batch * channels),
            )?;
        }
        let part = |k: usize| plane_sums.read_part(gpu, k * batch * channels, batch * channels);
        for (k, to) in [(0, &mut *gradients.bias), (1, &mut *gradients.weight)] {
            Launch::new(gpu, NORM, "sum_images", scalar)
                .pass(&part(k))
                .pass(to)
                .pass(&norm.sizes(NAME)?)
                .each(channels)?;
        }
        Launch::new(gpu, NORM, "means_of_groups", scalar)
            .pass(&part(0))
            .pass(&part(1))
            .pass(weight)
            .pass(&means.write(gpu))
            .pass(&norm.sizes(NAME)?)
            .each(norm.statistics())?;
    } else {
        sums.finish(gpu, &parts, 0, 1, gradients.bias)?;
        sums.finish(gpu, &parts, 1, 1, gradients.weight)?;
        let launch = match norm.over {
            Over::Channels => Launch::new(gpu, NORM, "means_of_pixels", scalar)
                .pass(x)
                .pass(grad)
                .pass(statistics.mean)
                .pass(statistics.variance),
            _ => Launch::new(gpu, NORM, "means_of_channels", scalar)
                .pass(gradients.bias)
                .pass(gradients.weight),
        };
        let count = if norm.over == Over::Channels { batch * plane } else { channels };
        launch.pass(weight).pass(&means.write(gpu)).pass(&norm.sizes(NAME)?).each(count)?;
    }
    let means = means.read(gpu);
    Launch::new(gpu, NORM, NAME, scalar)
        .pass(x)
        .pass(grad)
        .pass(statistics.mean)
        .pass(statistics.variance)
        .pass(weight)
        .pass(&(!fixed).then_some(&means))
        .pass(gradients.input)
        .pass(&norm.sizes(NAME)?)
        .each(x.len())
}
