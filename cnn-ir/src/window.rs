//! The arithmetic of sliding windows: one rule for the macro, the const checks and the run time.
//!
//! Names and formulas follow PyTorch's documentation and Dumoulin & Visin, "A guide to convolution
//! arithmetic for deep learning" (arXiv 1603.07285).

/// One axis of a sliding window (convolution or pooling).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Kernel size, in taps.
    pub kernel: usize,
    /// Step between neighbouring windows, at least 1.
    pub stride: usize,
    /// Padding before the first value.
    pub before: usize,
    /// Padding after the last value.
    pub after: usize,
    /// Distance between neighbouring taps, at least 1.
    pub dilation: usize,
}

impl Axis {
    /// A window of `kernel` taps with stride 1 and no padding.
    #[must_use]
    pub const fn new(kernel: usize) -> Self {
        Self { kernel, stride: 1, before: 0, after: 0, dilation: 1 }
    }

    /// How many input values one window spans: `dilation * (kernel - 1) + 1`.
    #[must_use]
    pub const fn extent(self) -> Option<usize> {
        match self.kernel.checked_sub(1) {
            Some(gaps) => match gaps.checked_mul(self.dilation) {
                Some(span) => span.checked_add(1),
                None => None,
            },
            None => None,
        }
    }

    /// The padded input size.
    const fn padded(self, input: usize) -> Option<usize> {
        match input.checked_add(self.before) {
            Some(sum) => sum.checked_add(self.after),
            None => None,
        }
    }

    /// Output size, rounding down: `floor((input + before + after - extent) / stride) + 1`.
    ///
    /// `None` where the window does not fit into the padded input (or a number overflows, or the
    /// kernel or the stride is 0).
    ///
    /// ```
    /// use cnn_ir::window::Axis;
    /// let conv7_2 = Axis { kernel: 7, stride: 2, before: 3, after: 3, dilation: 1 };
    /// assert_eq!(conv7_2.out(224), Some(112));
    /// assert_eq!(Axis::new(5).out(4), None);
    /// ```
    #[must_use]
    pub const fn out(self, input: usize) -> Option<usize> {
        match (self.padded(input), self.extent()) {
            (Some(padded), Some(extent)) if padded >= extent && self.stride > 0 => {
                Some((padded - extent) / self.stride + 1)
            }
            _ => None,
        }
    }

    /// Output size, rounding up, with PyTorch's rule that the last window must start inside the
    /// input or the padding before it.
    ///
    /// ```
    /// use cnn_ir::window::Axis;
    /// let pool3_2 = Axis { kernel: 3, stride: 2, before: 0, after: 0, dilation: 1 };
    /// assert_eq!(pool3_2.out(110), Some(54));
    /// assert_eq!(pool3_2.out_ceil(110), Some(55));
    /// // A window that is larger than the input, by less than a stride, still stands at its beginning.
    /// assert_eq!(pool3_2.out_ceil(2), Some(1));
    /// assert_eq!(pool3_2.out_ceil(1), None);
    /// ```
    #[must_use]
    pub const fn out_ceil(self, input: usize) -> Option<usize> {
        match (self.padded(input), self.extent()) {
            (Some(padded), Some(extent))
                if self.stride > 0 && extent.saturating_sub(padded) < self.stride =>
            {
                let last = padded.saturating_sub(extent).div_ceil(self.stride);
                // `last * stride` cannot overflow: it is below `padded - extent + stride`, and a
                // stride that large gives last = 1.
                match last.checked_mul(self.stride) {
                    Some(start) if start >= input + self.before => Some(last),
                    Some(_) => Some(last + 1),
                    None => None,
                }
            }
            _ => None,
        }
    }

    /// Values dropped at the end of the axis because no window reaches them (rounding down).
    #[must_use]
    pub const fn dropped(self, input: usize) -> Option<usize> {
        match (self.padded(input), self.extent()) {
            (Some(padded), Some(extent)) if padded >= extent && self.stride > 0 => {
                Some((padded - extent) % self.stride)
            }
            _ => None,
        }
    }

    /// Output size of the transposed convolution:
    /// `(input - 1) * stride - before - after + extent + output_padding`.
    ///
    /// ```
    /// use cnn_ir::window::Axis;
    /// let deconv4_2 = Axis { kernel: 4, stride: 2, before: 1, after: 1, dilation: 1 };
    /// assert_eq!(deconv4_2.transposed_out(32, 0), Some(64));
    /// ```
    #[must_use]
    pub const fn transposed_out(self, input: usize, output_padding: usize) -> Option<usize> {
        let (Some(steps), Some(extent), Some(pads)) =
            (input.checked_sub(1), self.extent(), self.before.checked_add(self.after))
        else {
            return None;
        };
        let Some(span) = steps.checked_mul(self.stride) else { return None };
        let Some(span) = span.checked_add(extent) else { return None };
        let Some(span) = span.checked_add(output_padding) else { return None };
        match span.checked_sub(pads) {
            Some(0) | None => None,
            size => size,
        }
    }

    /// TensorFlow's `same` padding for this kernel, stride and dilation: the output is
    /// `ceil(input / stride)`, and an odd surplus goes after. Returns `(before, after)`.
    ///
    /// ```
    /// use cnn_ir::window::Axis;
    /// let conv3_2 = Axis { stride: 2, ..Axis::new(3) };
    /// assert_eq!(conv3_2.same_padding(224), Some((0, 1)));
    /// ```
    #[must_use]
    pub const fn same_padding(self, input: usize) -> Option<(usize, usize)> {
        if self.stride == 0 || input == 0 {
            return None;
        }
        let Some(extent) = self.extent() else { return None };
        let Some(needed) = (input.div_ceil(self.stride) - 1).checked_mul(self.stride) else {
            return None;
        };
        let Some(needed) = needed.checked_add(extent) else { return None };
        let total = needed.saturating_sub(input);
        Some((total / 2, total - total / 2))
    }
}

/// Padding of a two-dimensional window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Rows above and below, columns left and right.
    Explicit {
        /// Rows above.
        top: usize,
        /// Rows below.
        bottom: usize,
        /// Columns to the left.
        left: usize,
        /// Columns to the right.
        right: usize,
    },
    /// TensorFlow's `same`: as much as the input's size needs, the odd one below and to the right.
    Same,
}

impl Padding {
    /// No padding.
    pub const NONE: Self = Self::symmetric([0, 0]);

    /// `[rows, columns]` on both sides, PyTorch's `padding=(rows, columns)`.
    #[must_use]
    pub const fn symmetric([rows, columns]: [usize; 2]) -> Self {
        Self::Explicit { top: rows, bottom: rows, left: columns, right: columns }
    }
}

impl From<[usize; 2]> for Padding {
    fn from(pair: [usize; 2]) -> Self {
        Self::symmetric(pair)
    }
}

impl From<usize> for Padding {
    fn from(all: usize) -> Self {
        Self::symmetric([all, all])
    }
}

/// A two-dimensional sliding window, rows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// `[height, width]` in taps.
    pub kernel_size: [usize; 2],
    /// `[down, right]`.
    pub stride: [usize; 2],
    /// Padding on the four sides.
    pub padding: Padding,
    /// `[down, right]`.
    pub dilation: [usize; 2],
    /// Round the output size up (PyTorch's `ceil_mode`).
    pub ceil: bool,
}

impl Window {
    /// A window with stride 1, no padding, no dilation.
    #[must_use]
    pub const fn new(kernel_size: [usize; 2]) -> Self {
        Self { kernel_size, stride: [1, 1], padding: Padding::NONE, dilation: [1, 1], ceil: false }
    }

    /// Sets the stride.
    #[must_use]
    pub const fn with_stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }
    }

    /// Sets the padding.
    #[must_use]
    pub fn with_padding(self, padding: impl Into<Padding>) -> Self {
        Self { padding: padding.into(), ..self }
    }

    /// Sets the dilation.
    #[must_use]
    pub const fn with_dilation(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }
    }

    /// Rounds the output size up.
    #[must_use]
    pub const fn with_ceil(self) -> Self {
        Self { ceil: true, ..self }
    }

    /// The two axes over an input of `[height, width]`, with `same` resolved for that size.
    ///
    /// `None` where a number overflows or is 0 that must not be.
    #[must_use]
    pub const fn axes(self, input: [usize; 2]) -> Option<[Axis; 2]> {
        let mut rows = Axis {
            kernel: self.kernel_size[0],
            stride: self.stride[0],
            before: 0,
            after: 0,
            dilation: self.dilation[0],
        };
        let mut columns = Axis {
            kernel: self.kernel_size[1],
            stride: self.stride[1],
            before: 0,
            after: 0,
            dilation: self.dilation[1],
        };
        match self.padding {
            Padding::Explicit { top, bottom, left, right } => {
                (rows.before, rows.after) = (top, bottom);
                (columns.before, columns.after) = (left, right);
            }
            Padding::Same => match (rows.same_padding(input[0]), columns.same_padding(input[1])) {
                (Some(vertical), Some(horizontal)) => {
                    (rows.before, rows.after) = vertical;
                    (columns.before, columns.after) = horizontal;
                }
                _ => return None,
            },
        }
        Some([rows, columns])
    }

    /// Output `[height, width]` over an input of `[height, width]`; `None` where it does not fit.
    #[must_use]
    pub const fn out(self, input: [usize; 2]) -> Option<[usize; 2]> {
        let Some([rows, columns]) = self.axes(input) else { return None };
        let sizes = if self.ceil {
            (rows.out_ceil(input[0]), columns.out_ceil(input[1]))
        } else {
            (rows.out(input[0]), columns.out(input[1]))
        };
        match sizes {
            (Some(height), Some(width)) => Some([height, width]),
            _ => None,
        }
    }
}
