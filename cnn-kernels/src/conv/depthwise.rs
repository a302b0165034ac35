//! Depthwise convolution (each input channel has filters of its own), directly: a row of the output is a sum of
//! shifted rows of the input.
use super::Conv;
use crate::{Float, parallel, sums};

/// Calls `body(tap, output row's offset and range, input row's offset)` for every tap of every output row that
/// meets the input: `output[out + i] <-> input[in + i * stride]` for `i` in `0..len`.
#[inline(always)]
fn for_each_overlap(conv: &Conv, mut body: impl FnMut(usize, usize, usize, usize)) {
    let (width, out_width, kernel) = (conv.columns.input(), conv.columns.output(), conv.columns.kernel());
    for out_row in 0..conv.rows.output() {
        for tap_row in conv.rows.taps(out_row) {
            let Some(y) = conv.rows.position(out_row, tap_row) else { continue };
            for tap_column in 0..kernel {
                let inside = conv.columns.windows(tap_column);
                let Some(x) = conv.columns.position(inside.start, tap_column) else { continue };
                let (output, input) = (out_row * out_width + inside.start, y * width + x);
                body(tap_row * kernel + tap_column, output, input, inside.len());
            }
        }
    }
}

pub(super) fn forward<T: Float>(
    conv: &Conv,
    input: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    output: &mut [T],
) {
    let (plane, out_plane, taps) = (conv.input_plane(), conv.output_plane(), conv.taps());
    let (filters, stride) = (conv.group_outputs(), conv.columns.stride());
    parallel::chunks(output, out_plane, out_plane * taps, |index, output| {
        let channel = index % conv.out_channels;
        let image = index / conv.out_channels;
        let input = &input[(image * conv.in_channels + channel / filters) * plane..][..plane];
        let weight = &weight[channel * taps..][..taps];
        output.fill(bias.map_or(T::zero(), |bias| bias[channel]));
        for_each_overlap(conv, |tap, out, first, len| {
            let (output, input) = (&mut output[out..][..len], &input[first..]);
            let factor = weight[tap];
            match stride {
                1 => output.iter_mut().zip(input).for_each(|(to, &from)| *to += factor * from),
                2 => output
                    .iter_mut()
                    .zip(input.iter().step_by(2))
                    .for_each(|(to, &from)| *to += factor * from),
                _ => output
                    .iter_mut()
                    .zip(input.iter().step_by(stride))
                    .for_each(|(to, &from)| *to += factor * from),
            }
        });
    });
}

pub(super) fn input_gradient<T: Float>(conv: &Conv, weight: &[T], grad_output: &[T], grad_input: &mut [T]) {
    let (plane, out_plane, taps) = (conv.input_plane(), conv.output_plane(), conv.taps());
    let (filters, stride) = (conv.group_outputs(), conv.columns.stride());
    parallel::chunks(grad_input, plane, out_plane * taps * filters, |index, target| {
        // Channel `index % in_channels` of its image has filters `index * filters ..` counted over all images.
        let weights = &weight[index % conv.in_channels * filters * taps..][..filters * taps];
        let grads = &grad_output[index * filters * out_plane..][..filters * out_plane];
        for (weight, grads) in weights.chunks_exact(taps).zip(grads.chunks_exact(out_plane)) {
            for_each_overlap(conv, |tap, out, first, len| {
                let (grads, target) = (&grads[out..][..len], &mut target[first..]);
                let factor = weight[tap];
                match stride {
                    1 => target.iter_mut().zip(grads).for_each(|(to, &from)| *to += factor * from),
                    _ => target
                        .iter_mut()
                        .step_by(stride)
                        .zip(grads)
                        .for_each(|(to, &from)| *to += factor * from),
                }
            });
        }
    });
}

pub(super) fn weight_gradient<T: Float>(conv: &Conv, input: &[T], grad_output: &[T], grad_weight: &mut [T]) {
    let (plane, out_plane, taps) = (conv.input_plane(), conv.output_plane(), conv.taps());
    let (filters, stride) = (conv.group_outputs(), conv.columns.stride());
    parallel::chunks(grad_weight, taps, conv.batch * out_plane * taps, |channel, target| {
        let mut totals = vec![0.0; taps];
        for image in 0..conv.batch {
            let grads = &grad_output[(image * conv.out_channels + channel) * out_plane..][..out_plane];
            let input = &input[(image * conv.in_channels + channel / filters) * plane..][..plane];
            for_each_overlap(conv, |tap, out, first, len| {
                let (grads, input) = (&grads[out..][..len], &input[first..]);
                totals[tap] += match stride {
                    1 => sums::dot(grads, &input[..len]),
                    _ => grads
                        .iter()
                        .zip(input.iter().step_by(stride))
                        .fold(T::zero(), |sum, (&grad, &value)| sum + grad * value)
                        .wide(),
                };
            });
        }
        target.iter_mut().zip(totals).for_each(|(to, total)| *to = T::of(total));
    });
}
