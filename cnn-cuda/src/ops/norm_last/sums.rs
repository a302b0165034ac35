//! Sums over the pixels of each channel, made in parts and added up.
use super::{Behind, COLUMNS, NAME, Pixels};
use crate::device::{Gpu, In, Launch, Out, Result};
use crate::ops::{blocks, int};
use crate::source::NORM_LAST;

impl Pixels {
    /// The parts of the sum of each channel's gradient: that before the function, whose output tells the slope, which goes to
    /// `before`; the gradient itself where there is no output.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn sums_of_gradients(
        &self,
        gpu: &Gpu,
        behind: Behind<'_>,
        before: Option<&mut Out<'_>>,
        to: &mut Out<'_>,
    ) -> Result<()> {
        self.check_behind(behind)?;
        let before = before.as_deref();
        self.check_before(before)?;
        to.check(NAME, "the sums", self.parameters(), self.sums_len(1))?;
        self.start(gpu, ["sums_of_gradients_wide", "sums_of_gradients_single"])
            .pass(&behind.output)
            .pass(behind.grad)
            .pass(&before)
            .pass(to)
            .pass(&self.sizes()?)
            .pass(&behind.ending.function)
            .pass(&behind.ending.parameter)
            .blocks(self.grid()?)
    }

    /// The parts of the sum of each channel's products of two maps, of each image.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn sums_of_products(&self, gpu: &Gpu, x: &In<'_>, grad: &In<'_>, to: &mut Out<'_>) -> Result<()> {
        self.check(x, "a factor")?;
        self.check(grad, "a factor")?;
        to.check(NAME, "the sums", self.parameters(), self.sums_len(1))?;
        self.start(gpu, ["sums_of_products_wide", "sums_of_products_single"])
            .pass(x)
            .pass(grad)
            .pass(to)
            .pass(&self.sizes()?)
            .blocks(self.grid()?)
    }

    /// Adds the parts of sums up: of one sum for each channel, or of two.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn finish_sums(
        &self,
        gpu: &Gpu,
        sums: &In<'_>,
        first: &mut Out<'_>,
        second: Option<&mut Out<'_>>,
    ) -> Result<()> {
        let second = second.as_deref();
        let count = 1 + usize::from(second.is_some());
        sums.check(NAME, "the parts of sums", self.parameters(), count * self.parts * self.channels)?;
        for to in [Some(&*first), second].into_iter().flatten() {
            to.check(NAME, "the sums", self.parameters(), self.channels)?;
        }
        Launch::new(gpu, NORM_LAST, "finish_sums", self.scalar)
            .pass(sums)
            .pass(first)
            .pass(&second)
            .pass(&int(NAME, self.parts)?)
            .pass(&int(NAME, self.channels)?)
            .blocks([blocks(NAME, self.channels.div_ceil(COLUMNS))?, blocks(NAME, count)?, 1])
    }

    /// Adds the parts of one sum of each image and channel up, in the maps' type.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn finish_images(&self, gpu: &Gpu, sums: &In<'_>, to: &mut Out<'_>) -> Result<()> {
        sums.check(NAME, "the parts of sums", self.parameters(), self.sums_len(1))?;
        to.check(NAME, "the sums", self.scalar, self.images * self.channels)?;
        Launch::new(gpu, NORM_LAST, "finish_images", self.scalar)
            .pass(sums)
            .pass(to)
            .pass(&int(NAME, self.parts)?)
            .pass(&int(NAME, self.channels)?)
            .pass(&to.len())
            .each(to.len())
    }
}
