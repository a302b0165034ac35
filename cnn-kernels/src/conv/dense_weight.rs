//! The weight's gradient of a dense convolution: products of the output's gradient with unfolded blocks.
use super::{
    Conv,
    dense::{BLOCK, PIXELS, gather},
    unfold::{Block, unfold},
};
use crate::{
    Float,
    matmul::{Matrix, MatrixMut, Threads, Write, matmul},
    parallel,
};

/// How the weight's gradient is shared: by shape only, so that its rounding does not depend on the machine.
struct Shares {
    /// Input channels of a group, per task.
    channels: usize,
    /// Images per task; the tasks' gradients are added in order.
    images: usize,
}

impl Shares {
    /// Tasks wanted: enough for some cores, few enough that they are worth starting.
    const TASKS: usize = 16;

    fn of(conv: &Conv) -> Self {
        let (inputs, groups) = (conv.group_inputs(), conv.groups);
        // Large weights are split by channel, which needs no sum over tasks; small ones by image.
        let large = conv.weight_len() > 1 << 15 && groups * inputs >= Self::TASKS;
        if large {
            let wanted = inputs.div_ceil(Self::TASKS.div_ceil(groups));
            let channels = (1..=wanted).rev().find(|&divisor| inputs.is_multiple_of(divisor)).unwrap_or(1);
            Self { channels, images: conv.batch }
        } else {
            Self { channels: inputs, images: conv.batch.div_ceil(Self::TASKS) }
        }
    }
}

pub(super) fn weight_gradient<T: Float>(conv: &Conv, input: &[T], grad_output: &[T], grad_weight: &mut [T]) {
    let Shares { channels, images } = Shares::of(conv);
    let (in_image, out_image) =
        (conv.in_channels * conv.input_plane(), conv.out_channels * conv.output_plane());
    let (parts, image_parts) = (conv.in_channels / channels, conv.batch.div_ceil(images));
    let cost = images * conv.image_cost() / parts;
    let results = parallel::map(parts * image_parts, cost, |task| {
        let (part, image_part) = (task % parts, task / parts);
        let first = image_part * images;
        let count = images.min(conv.batch - first);
        let input = &input[first * in_image..][..count * in_image];
        let grads = &grad_output[first * out_image..][..count * out_image];
        weight_gradient_part(conv, input, grads, part * channels, channels)
    });
    grad_weight.fill(T::zero());
    let (outputs, depth, lines) = (conv.group_outputs(), conv.depth(), channels * conv.taps());
    for (task, result) in results.iter().enumerate() {
        let first = task % parts * channels;
        let (group, offset) = (first / conv.group_inputs(), first % conv.group_inputs() * conv.taps());
        let rows = grad_weight[group * outputs * depth..].chunks_exact_mut(depth).take(outputs);
        for (row, result) in rows.zip(result.chunks_exact(lines)) {
            row[offset..][..lines].iter_mut().zip(result).for_each(|(to, &from)| *to += from);
        }
    }
}

/// The weight's gradient over some images, for `channels` input channels of one group starting with `first`.
fn weight_gradient_part<T: Float>(
    conv: &Conv,
    input: &[T],
    grads: &[T],
    first: usize,
    channels: usize,
) -> Vec<T> {
    let (plane, out_plane) = (conv.input_plane(), conv.output_plane());
    let (outputs, lines) = (conv.group_outputs(), channels * conv.taps());
    let group = first / conv.group_inputs();
    let (in_image, out_image) = (conv.in_channels * plane, conv.out_channels * out_plane);
    let mut result = vec![T::zero(); outputs * lines];
    let mut add = |grads: Matrix<'_, T>, matrix: Matrix<'_, T>| {
        let result = MatrixMut::new(&mut result, outputs, lines, lines);
        matmul(grads, matrix.transposed(), result, Write::Add, Threads::One);
    };
    let at_once = (2 * PIXELS).div_ceil(out_plane);
    if at_once > 1 {
        let whole = Block { rows: 0..conv.rows.output() };
        for (images, grads) in input.chunks(at_once * in_image).zip(grads.chunks(at_once * out_image)) {
            let pixels = grads.len() / conv.out_channels;
            T::with_scratch((lines + outputs) * pixels, |scratch| {
                let (matrix, gathered) = scratch.split_at_mut(lines * pixels);
                for (index, image) in images.chunks_exact(in_image).enumerate() {
                    let channels = &image[first * plane..][..channels * plane];
                    unfold(conv, channels, &whole, matrix, pixels, index * out_plane);
                }
                gather(conv, grads, group, gathered);
                add(
                    Matrix::new(gathered, outputs, pixels, pixels),
                    Matrix::new(matrix, lines, pixels, pixels),
                );
            });
        }
        return result;
    }
    for (image, grads) in input.chunks_exact(in_image).zip(grads.chunks_exact(out_image)) {
        let image = &image[first * plane..][..channels * plane];
        let grads = &grads[group * outputs * out_plane..][..outputs * out_plane];
        if conv.is_pointwise() {
            add(Matrix::new(grads, outputs, out_plane, out_plane), Matrix::new(image, lines, plane, plane));
            continue;
        }
        for block in conv.blocks(lines, BLOCK) {
            let (start, pixels) =
                (block.rows.start * conv.columns.output(), block.rows.len() * conv.columns.output());
            T::with_scratch(lines * pixels, |matrix| {
                unfold(conv, image, &block, matrix, pixels, 0);
                let grads = Matrix::new(&grads[start..], outputs, pixels, out_plane);
                add(grads, Matrix::new(matrix, lines, pixels, pixels));
            });
        }
    }
    result
}
