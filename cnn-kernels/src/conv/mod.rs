//! Two-dimensional convolution (cross-correlation, as every CNN library means it) and its two gradients.
//!
//! Dense and grouped convolutions unfold patches of the input into a matrix and multiply (Chellapilla, Puri &
//! Simard, "High performance convolutional neural networks for document processing", 2006), a block that fits the
//! cache at a time; a 1x1 convolution multiplies without unfolding; a depthwise one runs directly. The transposed
//! convolution needs no code of its own: its forward is [`input_gradient`] and its gradients are [`forward`] and
//! [`weight_gradient`] of the convolution that it transposes.
mod dense;
mod dense_weight;
mod depthwise;
mod unfold;

use crate::{Float, window::Span};

/// The sizes of one convolution.
///
/// Input `(batch, in_channels, rows.input(), columns.input())`, weight
/// `(out_channels, in_channels / groups, rows.kernel(), columns.kernel())`, output
/// `(batch, out_channels, rows.output(), columns.output())`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Images.
    pub batch: usize,
    /// Channels of the input, a multiple of `groups`.
    pub in_channels: usize,
    /// Channels of the output, a multiple of `groups`.
    pub out_channels: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// The vertical axis.
    pub rows: Span,
    /// The horizontal axis.
    pub columns: Span,
}

impl Conv {
    /// Values of one input plane.
    #[must_use]
    pub const fn input_plane(&self) -> usize {
        self.rows.input() * self.columns.input()
    }

    /// Values of one output plane.
    #[must_use]
    pub const fn output_plane(&self) -> usize {
        self.rows.output() * self.columns.output()
    }

    /// Taps of one channel's window.
    #[must_use]
    pub const fn taps(&self) -> usize {
        self.rows.kernel() * self.columns.kernel()
    }

    /// Values of the input.
    #[must_use]
    pub const fn input_len(&self) -> usize {
        self.batch * self.in_channels * self.input_plane()
    }

    /// Values of the output.
    #[must_use]
    pub const fn output_len(&self) -> usize {
        self.batch * self.out_channels * self.output_plane()
    }

    /// Values of the weight.
    #[must_use]
    pub const fn weight_len(&self) -> usize {
        self.out_channels * self.group_inputs() * self.taps()
    }

    /// Input channels of one group.
    const fn group_inputs(&self) -> usize {
        self.in_channels / self.groups
    }

    /// Output channels of one group.
    const fn group_outputs(&self) -> usize {
        self.out_channels / self.groups
    }

    const fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels
    }

    /// 1x1, stride 1, no padding: the unfolded input is the input.
    const fn is_pointwise(&self) -> bool {
        self.rows.is_identity() && self.columns.is_identity()
    }

    fn check(&self, input: usize, weight: usize, output: usize) {
        assert!(
            self.groups > 0
                && self.in_channels.is_multiple_of(self.groups)
                && self.out_channels.is_multiple_of(self.groups),
            "{} groups of {} and {} channels",
            self.groups,
            self.in_channels,
            self.out_channels
        );
        assert_eq!(
            (input, weight, output),
            (self.input_len(), self.weight_len(), self.output_len()),
            "lengths of a convolution's input, weight and output"
        );
    }
}

/// Writes the convolution of `input` with `weight`, plus `bias` per output channel, to `output`.
///
/// # Panics
/// If a slice has another length than `conv` says.
pub fn forward<T: Float>(conv: &Conv, input: &[T], weight: &[T], bias: Option<&[T]>, output: &mut [T]) {
    conv.check(input.len(), weight.len(), output.len());
    assert!(bias.is_none_or(|bias| bias.len() == conv.out_channels), "one bias per output channel");
    if output.is_empty() {
        return;
    }
    if conv.is_depthwise() {
        depthwise::forward(conv, input, weight, bias, output);
    } else {
        dense::forward(conv, input, weight, bias, output);
    }
}

/// Adds the gradient of the input to `grad_input`, given the gradient of the output.
///
/// # Panics
/// If a slice has another length than `conv` says.
pub fn input_gradient<T: Float>(conv: &Conv, weight: &[T], grad_output: &[T], grad_input: &mut [T]) {
    conv.check(grad_input.len(), weight.len(), grad_output.len());
    if grad_input.is_empty() {
        return;
    }
    if conv.is_depthwise() {
        depthwise::input_gradient(conv, weight, grad_output, grad_input);
    } else {
        dense::input_gradient(conv, weight, grad_output, grad_input);
    }
}

/// Writes the gradient of the weight to `grad_weight`, given the gradient of the output.
///
/// (The bias's gradient is [`crate::channels::sums`] of `grad_output`.)
///
/// # Panics
/// If a slice has another length than `conv` says.
pub fn weight_gradient<T: Float>(conv: &Conv, input: &[T], grad_output: &[T], grad_weight: &mut [T]) {
    conv.check(input.len(), grad_weight.len(), grad_output.len());
    if grad_weight.is_empty() {
        return;
    }
    if conv.is_depthwise() {
        depthwise::weight_gradient(conv, input, grad_output, grad_weight);
    } else {
        dense_weight::weight_gradient(conv, input, grad_output, grad_weight);
    }
}
