//! Batch norm of maps with their channels last, with the residual and the function that follow it, there and back; and sums over
//! the pixels of such maps. Memory for the parts of sums is the caller's.
mod sums;

use super::elementwise::Ending;
use super::{blocks, int};
use crate::device::{Gpu, In, Launch, Out, Result, sizes as wrong};
use crate::sizes;
use crate::source::{NORM_LAST, Scalar};

const NAME: &str = "batch norm";

/// Stretches of channels of a block, and channels of one that finishes sums, as in `norm_last.cu`.
const COLUMNS: usize = 8;

/// Pixels of channels: maps of all images, or of each, where there is a sum for each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixels {
    scalar: Scalar,
    images: usize,
    pixels: usize,
    channels: usize,
    /// What is added to variances.
    eps: f64,
    /// Channels of a thread.
    values: usize,
    /// Parts that sums are made in.
    parts: usize,
}

/// What values are normalized by.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// Means of channels.
    pub mean: &'a In<'a>,
    /// Biased variances.
    pub variance: &'a In<'a>,
    /// The factor of each channel; 1 where there are none.
    pub weight: Option<&'a In<'a>>,
    /// The term of each channel; 0 where there are none.
    pub bias: Option<&'a In<'a>>,
}

/// A gradient behind a function, and what the function gave.
#[derive(Clone, Copy, Debug)]
pub struct Behind<'a> {
    /// The gradient.
    pub grad: &'a In<'a>,
    /// The function.
    pub ending: Ending,
    /// What it gave, where that tells its slope.
    pub output: Option<&'a In<'a>>,
}

impl Pixels {
    /// So many pixels with so many channels, of this element type.
    #[must_use]
    pub fn new(gpu: &Gpu, scalar: Scalar, pixels: usize, channels: usize) -> Self {
        Self::of_images(gpu, scalar, 1, pixels, channels)
    }

    /// So many pixels of each of `images` images.
    #[must_use]
    pub fn of_images(gpu: &Gpu, scalar: Scalar, images: usize, pixels: usize, channels: usize) -> Self {
        /// Pixels of a part, at least.
        const LEAST: usize = 256;
        let wide = 16 / scalar.bytes();
        let values = if channels.is_multiple_of(wide) { wide } else { 1 };
        let blocks = images * channels.div_ceil(COLUMNS * values);
        let parts = (4 * gpu.processors()).div_ceil(blocks.max(1)).min(pixels.div_ceil(LEAST)).clamp(1, 1024);
        Self { scalar, images, pixels, channels, eps: 0.0, values, parts }
    }

    /// With this added to variances.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// Values of all.
    const fn len(&self) -> usize {
        self.images * self.pixels * self.channels
    }

    fn parameters(&self) -> Scalar {
        self.scalar.of_parameters()
    }

    /// Numbers of the parts of moments.
    #[must_use]
    pub const fn moments_len(&self) -> usize {
        3 * self.parts * self.channels
    }

    /// Numbers of the parts of `count` sums.
    #[must_use]
    pub const fn sums_len(&self, count: usize) -> usize {
        count * self.images * self.parts * self.channels
    }

    fn sizes(&self) -> Result<sizes::Norm> {
        Ok(sizes::Norm {
            batch: int(NAME, self.pixels)?,
            channels: int(NAME, self.channels)?,
            plane: 1,
            kind: 0,
            width: int(NAME, self.channels)?,
            unused: 0,
            eps: self.eps,
        })
    }

    /// One of a kernel's two.
    fn start<'g>(&self, gpu: &'g Gpu, [wide, single]: [&'static str; 2]) -> Launch<'g> {
        Launch::new(gpu, NORM_LAST, if self.values > 1 { wide } else { single }, self.scalar)
    }

    /// The blocks that make sums.
    fn grid(&self) -> Result<[u32; 3]> {
        let across = self.channels.div_ceil(COLUMNS * self.values);
        Ok([blocks(NAME, across)?, blocks(NAME, self.parts)?, blocks(NAME, self.images)?])
    }

    /// The blocks whose threads go through all pixels: as many as there are at once.
    fn walk(&self, gpu: &Gpu) -> Result<[u32; 3]> {
        let stretches = self.channels / self.values;
        let threads = (self.len() / self.values).div_ceil(4).max(stretches);
        let most = (8 * gpu.processors()).max(stretches.div_ceil(256));
        Ok([blocks(NAME, threads.div_ceil(256).min(most))?, 1, 1])
    }

    fn check(&self, x: &In<'_>, what: &str) -> Result<()> {
        x.check(NAME, what, self.scalar, self.len())
    }

    fn check_parameters(&self, Parameters { mean, variance, weight, bias }: Parameters<'_>) -> Result<()> {
        let of = |values: &In<'_>, what| values.check(NAME, what, self.parameters(), self.channels);
        of(mean, "the means")?;
        of(variance, "the variances")?;
        weight.map_or(Ok(()), |weight| of(weight, "the weights"))?;
        bias.map_or(Ok(()), |bias| of(bias, "the biases"))
    }

    fn check_behind(&self, Behind { grad, output, .. }: Behind<'_>) -> Result<()> {
        self.check(grad, "the gradient")?;
        output.map_or(Ok(()), |output| self.check(output, "the output"))
    }

    fn check_before(&self, before: Option<&Out<'_>>) -> Result<()> {
        before.map_or(Ok(()), |before| {
            before.check(NAME, "the gradient before the function", self.scalar, self.len())
        })
    }

    /// The parts of each channel's moments.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn moments(&self, gpu: &Gpu, x: &In<'_>, to: &mut Out<'_>) -> Result<()> {
        self.check(x, "the input")?;
        to.check(NAME, "the moments", self.parameters(), self.moments_len())?;
        self.start(gpu, ["moments_wide", "moments_single"])
            .pass(x)
            .pass(to)
            .pass(&self.sizes()?)
            .blocks(self.grid()?)
    }

    /// The means and biased variances, of those.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn finish_moments(
        &self,
        gpu: &Gpu,
        moments: &In<'_>,
        mean: &mut Out<'_>,
        variance: &mut Out<'_>,
    ) -> Result<()> {
        moments.check(NAME, "the moments", self.parameters(), self.moments_len())?;
        mean.check(NAME, "the means", self.parameters(), self.channels)?;
        variance.check(NAME, "the variances", self.parameters(), self.channels)?;
        Launch::new(gpu, NORM_LAST, "finish_moments", self.scalar)
            .pass(moments)
            .pass(mean)
            .pass(variance)
            .pass(&int(NAME, self.parts)?)
            .pass(&int(NAME, self.channels)?)
            .blocks([blocks(NAME, self.channels.div_ceil(COLUMNS))?, 1, 1])
    }

    /// `ending((x - mean) / deviation * weight + bias + residual)`.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn normalize(
        &self,
        gpu: &Gpu,
        x: &In<'_>,
        parameters: Parameters<'_>,
        residual: Option<&In<'_>>,
        ending: Ending,
        y: &mut Out<'_>,
    ) -> Result<()> {
        self.check(x, "the input")?;
        self.check_parameters(parameters)?;
        residual.map_or(Ok(()), |residual| self.check(residual, "the residual"))?;
        y.check(NAME, "the output", self.scalar, self.len())?;
        let Parameters { mean, variance, weight, bias } = parameters;
        self.start(gpu, ["normalize_wide", "normalize_single"])
            .pass(x)
            .pass(mean)
            .pass(variance)
            .pass(&weight)
            .pass(&bias)
            .pass(&residual)
            .pass(y)
            .pass(&self.sizes()?)
            .pass(&ending.function)
            .pass(&ending.parameter)
            .blocks(self.walk(gpu)?)
    }

    /// What follows a product, in place: a term for each channel, a residual and a function.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn end(
        &self,
        gpu: &Gpu,
        terms: Option<&In<'_>>,
        residual: Option<&In<'_>>,
        ending: Ending,
        values: &mut Out<'_>,
    ) -> Result<()> {
        values.check(NAME, "the values", self.scalar, self.len())?;
        residual.map_or(Ok(()), |residual| self.check(residual, "the residual"))?;
        terms.map_or(Ok(()), |terms| terms.check(NAME, "the terms", self.parameters(), self.channels))?;
        self.start(gpu, ["end_wide", "end_single"])
            .pass(values)
            .pass(&terms)
            .pass(&residual)
            .pass(&self.sizes()?)
            .pass(&ending.function)
            .pass(&ending.parameter)
            .blocks(self.walk(gpu)?)
    }

    /// The parts of two sums for each channel: of the gradient before the function, which goes to `before`, and of its products
    /// with the normalized input.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn gradient_sums(
        &self,
        gpu: &Gpu,
        x: &In<'_>,
        behind: Behind<'_>,
        parameters: Parameters<'_>,
        before: Option<&mut Out<'_>>,
        to: &mut Out<'_>,
    ) -> Result<()> {
        self.check(x, "the input")?;
        self.check_behind(behind)?;
        self.check_parameters(parameters)?;
        let before = before.as_deref();
        self.check_before(before)?;
        to.check(NAME, "the sums", self.parameters(), self.sums_len(2))?;
        let Parameters { mean, variance, weight, bias } = parameters;
        self.start(gpu, ["gradient_sums_wide", "gradient_sums_single"])
            .pass(x)
            .pass(&behind.output)
            .pass(behind.grad)
            .pass(mean)
            .pass(variance)
            .pass(&weight)
            .pass(&bias)
            .pass(&before)
            .pass(to)
            .pass(&self.sizes()?)
            .pass(&behind.ending.function)
            .pass(&behind.ending.parameter)
            .blocks(self.grid()?)
    }

    /// The input's gradient, of those sums, finished; none where the statistics were given.
    ///
    /// # Errors
    /// For lengths or element types that do not fit; for a function whose output would be needed.
    pub fn gradient(
        &self,
        gpu: &Gpu,
        x: &In<'_>,
        behind: Behind<'_>,
        parameters: Parameters<'_>,
        sums: Option<[&In<'_>; 2]>,
        to: &mut Out<'_>,
    ) -> Result<()> {
        self.check(x, "the input")?;
        self.check_behind(behind)?;
        self.check_parameters(parameters)?;
        for sums in sums.iter().flatten() {
            sums.check(NAME, "the sums", self.parameters(), self.channels)?;
        }
        to.check(NAME, "the input's gradient", self.scalar, self.len())?;
        if behind.output.is_some() {
            return wrong(NAME, "the gradient before the function is needed, not what the function gave");
        }
        let [plain, normal] = sums.map_or([None; 2], |sums| sums.map(Some));
        let Parameters { mean, variance, weight, bias } = parameters;
        self.start(gpu, ["gradient_wide", "gradient_single"])
            .pass(x)
            .pass(behind.grad)
            .pass(mean)
            .pass(variance)
            .pass(&weight)
            .pass(&bias)
            .pass(&plain)
            .pass(&normal)
            .pass(to)
            .pass(&self.sizes()?)
            .pass(&behind.ending.function)
            .pass(&behind.ending.parameter)
            .blocks(self.walk(gpu)?)
    }

    /// Moves running statistics towards those of a batch, the variance as an unbiased one.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn observe(
        &self,
        gpu: &Gpu,
        [mean, variance]: [&In<'_>; 2],
        [running_mean, running_variance]: [&mut Out<'_>; 2],
        momentum: f64,
    ) -> Result<()> {
        for from in [mean, variance] {
            from.check(NAME, "the statistics", self.parameters(), self.channels)?;
        }
        for to in [&*running_mean, &*running_variance] {
            to.check(NAME, "the running statistics", self.parameters(), self.channels)?;
        }
        let count = self.pixels as f64;
        Launch::new(gpu, NORM_LAST, "observe", self.scalar)
            .pass(mean)
            .pass(variance)
            .pass(running_mean)
            .pass(running_variance)
            .pass(&int(NAME, self.channels)?)
            .pass(&momentum)
            .pass(&(count / (count - 1.0)))
            .each(self.channels)
    }
}
