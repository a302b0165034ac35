//! One axis of a sliding window over an input of a known size.
use std::ops::Range;

/// Sizes above this are refused: below it, no position of a window overflows.
const LIMIT: usize = 1 << 31;

/// One axis of a sliding window: window `o` puts tap `k` on input position `o * stride + k * dilation - before`,
/// which may lie outside of `0..input` (padding).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
}

impl Span {
    /// The axis with `output` windows over `input` values, `before` and `after` of padding around them.
    ///
    /// The last windows may reach past the padding (PyTorch's `ceil_mode`). `None` where a size that must not be
    /// 0 is, or where a number is above 2^31.
    ///
    /// ```
    /// use cnn_kernels::window::Span;
    /// let conv3 = Span::new(8, 8, 3, 1, 1, [1, 1]).unwrap();
    /// assert_eq!((conv3.input(), conv3.output(), conv3.kernel()), (8, 8, 3));
    /// assert!(Span::new(8, 0, 3, 1, 1, [1, 1]).is_none());
    /// ```
    #[must_use]
    pub fn new(
        input: usize,
        output: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        [before, after]: [usize; 2],
    ) -> Option<Self> {
        let reach = (output.checked_mul(stride)?).checked_add(kernel.checked_mul(dilation)?)?;
        let nonzero = input > 0 && output > 0 && kernel > 0 && stride > 0 && dilation > 0;
        let small = [input, reach, before, after, stride, dilation].into_iter().all(|size| size <= LIMIT);
        (nonzero && small).then_some(Self { input, output, kernel, stride, dilation, before, after })
    }

    /// Values along the input.
    #[must_use]
    pub const fn input(self) -> usize {
        self.input
    }

    /// Windows, which is values along the output.
    #[must_use]
    pub const fn output(self) -> usize {
        self.output
    }

    /// Taps of one window.
    #[must_use]
    pub const fn kernel(self) -> usize {
        self.kernel
    }

    /// Step between neighbouring windows.
    #[must_use]
    pub const fn stride(self) -> usize {
        self.stride
    }

    /// Distance between the taps of a window.
    #[must_use]
    pub const fn dilation(self) -> usize {
        self.dilation
    }

    /// Padding before the first value.
    #[must_use]
    pub const fn before(self) -> usize {
        self.before
    }

    /// Positions of padding after the last value, at least.
    #[must_use]
    pub const fn after(self) -> usize {
        self.after
    }

    /// Values from the first tap of the first window to the last tap of the last one.
    pub(crate) const fn reach(self) -> usize {
        (self.output - 1) * self.stride + (self.kernel - 1) * self.dilation + 1
    }

    /// Whether window `o` is exactly input value `o`.
    #[must_use]
    pub const fn is_identity(self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.before == 0 && self.input == self.output
    }

    /// Whether the windows are the pairs of neighbouring values, from the first on.
    #[must_use]
    pub const fn is_pairs(self) -> bool {
        let pairs = self.kernel == 2 && self.stride == 2 && self.dilation == 1;
        pairs && self.before == 0 && 2 * self.output <= self.input
    }

    /// Where `tap` of `window` lies in the input, if not in the padding.
    #[inline(always)]
    #[must_use]
    pub const fn position(self, window: usize, tap: usize) -> Option<usize> {
        match (window * self.stride + tap * self.dilation).checked_sub(self.before) {
            Some(position) if position < self.input => Some(position),
            _ => None,
        }
    }

    /// The windows whose `tap` lies in the input; the first of them lies at `first_position`.
    #[inline]
    #[must_use]
    pub fn windows(self, tap: usize) -> Range<usize> {
        let offset = tap * self.dilation;
        let first = self.before.saturating_sub(offset).div_ceil(self.stride);
        // The last position is input - 1: window * stride <= input - 1 + before - offset.
        let end = match (self.input + self.before).checked_sub(offset + 1) {
            Some(last) => (last / self.stride + 1).min(self.output),
            None => 0,
        };
        first.min(end)..end
    }

    /// The taps of `window` that lie in the input.
    #[inline]
    #[must_use]
    pub fn taps(self, window: usize) -> Range<usize> {
        let start = window * self.stride;
        let first = self.before.saturating_sub(start).div_ceil(self.dilation);
        let end = match (self.input + self.before).checked_sub(start + 1) {
            Some(last) => (last / self.dilation + 1).min(self.kernel),
            None => 0,
        };
        first.min(end)..end
    }

    /// The number of taps of `window` that lie in the input or its padding.
    #[inline]
    #[must_use]
    pub fn padded_taps(self, window: usize) -> usize {
        match (self.input + self.before + self.after).checked_sub(window * self.stride + 1) {
            Some(last) => (last / self.dilation + 1).min(self.kernel),
            None => 0,
        }
    }

    /// Every `stride`-th value of what this axis's transpose gives, from `phase` on: an axis of stride 1 over what it takes,
    /// and its taps, which are every so manyth of this one, the last first. `None` where no value or no tap is
    /// left, or where the padding takes more than the taps put there.
    ///
    /// ```
    /// use cnn_kernels::window::Span;
    /// // Twice as many values by a window of four: each is a sum of two.
    /// let span = Span::new(8, 4, 4, 2, 1, [1, 1]).unwrap();
    /// let (even, taps) = span.transposed_phase(0).unwrap();
    /// assert_eq!((even.input(), even.output(), even.stride()), (4, 4, 1));
    /// assert_eq!(taps.collect::<Vec<_>>(), [3, 1]);
    /// ```
    #[must_use]
    pub fn transposed_phase(self, phase: usize) -> Option<(Self, impl Iterator<Item = usize> + Clone)> {
        let Self { kernel, stride, dilation, before, .. } = self;
        let count = self.input.checked_sub(phase)?.div_ceil(stride);
        let mut taps = (0..kernel)
            .filter(move |tap| (tap * dilation + stride - before % stride) % stride == phase % stride);
        // Taps whose distance is a multiple of the stride follow each other at one step.
        let (first, second) = (taps.next()?, taps.next());
        let step = second.map_or(1, |second| second - first);
        let taps = (first..kernel).step_by(if second.is_some() { step } else { kernel });
        let last = taps.clone().next_back()?;
        let lead = (last * dilation).checked_sub(phase + before)? / stride;
        let spread = step * dilation / stride;
        let span = Self::new(self.output, count, taps.len(), 1, spread.max(1), [lead, 0])?;
        Some((span, taps.rev()))
    }

    /// The first window that sees nothing but padding, if there is one.
    #[must_use]
    pub fn empty_window(self) -> Option<usize> {
        (0..self.output).find(|&window| self.taps(window).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_of_the_transpose_are_all_that_its_windows_reach() {
        let mut found = 0;
        for (kernel, stride, dilation) in
            [(1, 1, 1), (2, 2, 1), (4, 2, 1), (3, 2, 1), (5, 3, 2), (3, 2, 3), (4, 6, 4)]
        {
            for (input, before) in (1..12).flat_map(|input| (0..4).map(move |before| (input, before))) {
                for output in 1..5 {
                    let span = Span::new(input, output, kernel, stride, dilation, [before, 0]).unwrap();
                    for phase in 0..stride {
                        let Some((part, taps)) = span.transposed_phase(phase) else { continue };
                        let taps: Vec<usize> = taps.collect();
                        for index in 0..part.output() {
                            // (where it is read, with which tap) of the value at phase + stride * index
                            let mut expected = Vec::new();
                            for window in 0..output {
                                for tap in 0..kernel {
                                    if span.position(window, tap) == Some(phase + stride * index) {
                                        expected.push((window, tap));
                                    }
                                }
                            }
                            let read: Vec<_> = (0..part.kernel())
                                .filter_map(|k| Some((part.position(index, k)?, taps[k])))
                                .collect();
                            assert_eq!(read, expected, "{span:?}, phase {phase}, value {index}");
                            found += 1;
                        }
                        assert!(phase + stride * part.output() >= input);
                    }
                }
            }
        }
        assert!(found > 1000);
    }

    #[test]
    fn ranges_agree_with_positions() {
        for input in 1..7 {
            for output in 1..7 {
                for (kernel, stride, dilation) in [(1, 1, 1), (2, 1, 3), (3, 2, 1), (3, 3, 2), (2, 5, 2)] {
                    for pads in [[0, 0], [1, 0], [2, 3], [5, 1]] {
                        let span = Span::new(input, output, kernel, stride, dilation, pads).unwrap();
                        for window in 0..output {
                            let taps: Vec<usize> =
                                (0..kernel).filter(|&tap| span.position(window, tap).is_some()).collect();
                            assert_eq!(taps, span.taps(window).collect::<Vec<_>>(), "{span:?} {window}");
                            let padded = (0..kernel)
                                .filter(|tap| window * stride + tap * dilation < input + pads[0] + pads[1])
                                .count();
                            assert_eq!(padded, span.padded_taps(window), "{span:?} {window}");
                        }
                        for tap in 0..kernel {
                            let windows: Vec<usize> =
                                (0..output).filter(|&window| span.position(window, tap).is_some()).collect();
                            assert_eq!(windows, span.windows(tap).collect::<Vec<_>>(), "{span:?} {tap}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_sizes_that_overflow() {
        assert!(Span::new(1, 1, usize::MAX, 1, 2, [0, 0]).is_none());
        assert!(Span::new(1, usize::MAX, 1, 2, 1, [0, 0]).is_none());
        assert!(Span::new(1, 1, 1, 1, 1, [usize::MAX, 0]).is_none());
    }
}
