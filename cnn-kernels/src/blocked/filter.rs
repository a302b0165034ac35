//! A convolution's weight as its kernels see it: without groups, and scaled.

/// The weight of a part of a convolution: (out_channels, in_channels / groups, taps), times a factor for each output
/// channel. Between groups it is zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter<'w> {
    pub(crate) values: &'w [f32],
    /// One for each output channel.
    pub(crate) scale: Option<&'w [f64]>,
    /// Channels of a group.
    pub(crate) group_inputs: usize,
    pub(crate) group_outputs: usize,
    pub(crate) taps: usize,
}

impl Filter<'_> {
    /// A weight, unless it lies between groups.
    #[inline]
    pub(crate) fn raw(&self, output: usize, input: usize, tap: usize) -> Option<f32> {
        let first = output / self.group_outputs * self.group_inputs;
        let input = input.checked_sub(first).filter(|&input| input < self.group_inputs)?;
        Some(self.values[(output * self.group_inputs + input) * self.taps + tap])
    }

    /// The factor of an output channel.
    #[inline]
    pub(crate) fn factor(&self, output: usize) -> f64 {
        self.scale.map_or(1.0, |scale| scale[output])
    }

    /// A weight, scaled and rounded once.
    #[inline]
    pub(crate) fn value(&self, output: usize, input: usize, tap: usize) -> f32 {
        match (self.raw(output, input, tap), self.scale) {
            (Some(value), None) => value,
            (Some(value), Some(scale)) => (f64::from(value) * scale[output]) as f32,
            (None, _) => 0.0,
        }
    }
}
