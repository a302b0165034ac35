//! Convolution as matrix products over unfolded blocks.
//!
//! A task owns whole images (or, for the input's gradient of few images, some channels of one), so no two threads
//! write the same value and the result does not depend on their number.
use super::{
    Conv,
    unfold::{Block, fold, unfold},
};
use crate::{
    Float,
    matmul::{Matrix, MatrixMut, Threads, Write, matmul},
    parallel,
};
use rayon::prelude::*;

/// Values of an unfolded block that one core works on: about half of a second-level cache in `f32`.
pub(super) const BLOCK: usize = 128 * 1024;
/// Pixels that a product should have, so that reading the weights pays.
pub(super) const PIXELS: usize = 192;
/// Values of an unfolded block that all cores work on together.
const SHARED_BLOCK: usize = 2 * 1024 * 1024;

impl Conv {
    /// Rows of the unfolded matrix of one group: the length of one window.
    pub(super) const fn depth(&self) -> usize {
        self.group_inputs() * self.taps()
    }

    /// Multiplications of one image.
    pub(super) const fn image_cost(&self) -> usize {
        self.out_channels * self.depth() * self.output_plane()
    }

    /// Blocks of output rows with about `values` values each, unfolded to `depth` rows.
    pub(super) fn blocks(&self, depth: usize, values: usize) -> impl Iterator<Item = Block> + use<> {
        let width = self.columns.output();
        let rows = ((values / depth.max(1)).max(PIXELS) / width).max(1);
        let height = self.rows.output();
        (0..height.div_ceil(rows))
            .map(move |index| Block { rows: index * rows..((index + 1) * rows).min(height) })
    }

    /// Images to multiply at once, so that a product has enough pixels, as long as every thread gets some.
    fn images_at_once(&self) -> usize {
        let wanted = PIXELS.div_ceil(self.output_plane());
        wanted.min(self.batch / (2 * parallel::threads()).max(1)).max(1)
    }

    fn is_small(&self) -> bool {
        self.batch.saturating_mul(self.image_cost()) < 1 << 18
    }
}

pub(super) fn forward<T: Float>(
    conv: &Conv,
    input: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    output: &mut [T],
) {
    let (in_image, out_image) =
        (conv.in_channels * conv.input_plane(), conv.out_channels * conv.output_plane());
    if conv.batch < parallel::threads() && !conv.is_small() {
        for (image, output) in input.chunks_exact(in_image).zip(output.chunks_exact_mut(out_image)) {
            forward_shared(conv, image, weight, bias, output);
        }
        return;
    }
    let at_once = conv.images_at_once();
    let body = |(images, outputs): (&[T], &mut [T])| {
        if at_once == 1 {
            forward_image(conv, images, weight, bias, outputs);
        } else {
            forward_images(conv, images, weight, bias, outputs);
        }
    };
    let (images, outputs) = (at_once * in_image, at_once * out_image);
    if conv.is_small() {
        input.chunks(images).zip(output.chunks_mut(outputs)).for_each(body);
    } else {
        input.par_chunks(images).zip(output.par_chunks_mut(outputs)).for_each(body);
    }
}

/// Starts `lines`, one per output channel, with the bias; says how the product is to be written.
fn start<'a, T: Float>(lines: impl Iterator<Item = &'a mut [T]>, bias: Option<&[T]>) -> Write {
    let Some(bias) = bias else { return Write::Set };
    lines.zip(bias).for_each(|(line, &value)| line.fill(value));
    Write::Add
}

/// One image on one thread, block by block.
fn forward_image<T: Float>(conv: &Conv, image: &[T], weight: &[T], bias: Option<&[T]>, output: &mut [T]) {
    let (plane, out_plane, depth) = (conv.input_plane(), conv.output_plane(), conv.depth());
    let write = start(output.chunks_exact_mut(out_plane), bias);
    for group in 0..conv.groups {
        let channels = &image[group * conv.group_inputs() * plane..][..conv.group_inputs() * plane];
        let weight = &weight[group * conv.group_outputs() * depth..][..conv.group_outputs() * depth];
        let weight = Matrix::new(weight, conv.group_outputs(), depth, depth);
        let output =
            &mut output[group * conv.group_outputs() * out_plane..][..conv.group_outputs() * out_plane];
        if conv.is_pointwise() {
            let pixels = Matrix::new(channels, depth, plane, plane);
            let output = MatrixMut::new(output, conv.group_outputs(), out_plane, out_plane);
            matmul(weight, pixels, output, write, Threads::One);
            continue;
        }
        for block in conv.blocks(depth, BLOCK) {
            let (first, pixels) =
                (block.rows.start * conv.columns.output(), block.rows.len() * conv.columns.output());
            T::with_scratch(depth * pixels, |matrix| {
                unfold(conv, channels, &block, matrix, pixels, 0);
                let output = MatrixMut::new(&mut output[first..], conv.group_outputs(), pixels, out_plane);
                matmul(weight, Matrix::new(matrix, depth, pixels, pixels), output, write, Threads::One);
            });
        }
    }
}

/// Several small images as one product on one thread.
fn forward_images<T: Float>(conv: &Conv, images: &[T], weight: &[T], bias: Option<&[T]>, outputs: &mut [T]) {
    let (out_plane, depth, out_channels) = (conv.output_plane(), conv.depth(), conv.group_outputs());
    let (in_image, out_image) = (conv.in_channels * conv.input_plane(), conv.out_channels * out_plane);
    let pixels = images.len() / in_image * out_plane;
    T::with_scratch((depth + out_channels) * pixels, |scratch| {
        let (matrix, product) = scratch.split_at_mut(depth * pixels);
        for group in 0..conv.groups {
            unfold_images(conv, images, group, matrix);
            let weight = Matrix::new(&weight[group * out_channels * depth..], out_channels, depth, depth);
            let bias = bias.map(|bias| &bias[group * out_channels..][..out_channels]);
            let write = start(product.chunks_exact_mut(pixels), bias);
            let matrix = Matrix::new(matrix, depth, pixels, pixels);
            matmul(
                weight,
                matrix,
                MatrixMut::new(product, out_channels, pixels, pixels),
                write,
                Threads::One,
            );
            for (index, output) in outputs.chunks_exact_mut(out_image).enumerate() {
                let planes = &mut output[group * out_channels * out_plane..][..out_channels * out_plane];
                for (channel, plane) in planes.chunks_exact_mut(out_plane).enumerate() {
                    plane.copy_from_slice(&product[channel * pixels + index * out_plane..][..out_plane]);
                }
            }
        }
    });
}

/// One group of several whole images as one matrix.
fn unfold_images<T: Float>(conv: &Conv, images: &[T], group: usize, matrix: &mut [T]) {
    let in_image = conv.in_channels * conv.input_plane();
    let (out_plane, inputs) = (conv.output_plane(), conv.group_inputs() * conv.input_plane());
    let pixels = images.len() / in_image * out_plane;
    let whole = Block { rows: 0..conv.rows.output() };
    for (index, image) in images.chunks_exact(in_image).enumerate() {
        let channels = &image[group * inputs..][..inputs];
        unfold(conv, channels, &whole, matrix, pixels, index * out_plane);
    }
}

/// One image on all threads.
fn forward_shared<T: Float>(conv: &Conv, image: &[T], weight: &[T], bias: Option<&[T]>, output: &mut [T]) {
    let (plane, out_plane, depth) = (conv.input_plane(), conv.output_plane(), conv.depth());
    if conv.groups >= 2 * parallel::threads() {
        // Groups are independent: one task each, as an image with fewer channels.
        let alone = Conv {
            batch: 1,
            in_channels: conv.group_inputs(),
            out_channels: conv.group_outputs(),
            groups: 1,
            ..*conv
        };
        let outputs = output.par_chunks_exact_mut(alone.out_channels * out_plane);
        outputs.enumerate().for_each(|(group, output)| {
            let image = &image[group * alone.in_channels * plane..][..alone.in_channels * plane];
            let weight = &weight[group * alone.weight_len()..][..alone.weight_len()];
            let bias = bias.map(|bias| &bias[group * alone.out_channels..][..alone.out_channels]);
            forward_image(&alone, image, weight, bias, output);
        });
        return;
    }
    let write = start(output.chunks_exact_mut(out_plane), bias);
    let mut matrix = Vec::new();
    for group in 0..conv.groups {
        let channels = &image[group * conv.group_inputs() * plane..][..conv.group_inputs() * plane];
        let weight =
            Matrix::new(&weight[group * conv.group_outputs() * depth..], conv.group_outputs(), depth, depth);
        let output =
            &mut output[group * conv.group_outputs() * out_plane..][..conv.group_outputs() * out_plane];
        if conv.is_pointwise() {
            let pixels = Matrix::new(channels, depth, plane, plane);
            let output = MatrixMut::new(output, conv.group_outputs(), out_plane, out_plane);
            matmul(weight, pixels, output, write, Threads::Pool);
            continue;
        }
        for block in conv.blocks(depth, SHARED_BLOCK) {
            let (first, pixels) =
                (block.rows.start * conv.columns.output(), block.rows.len() * conv.columns.output());
            matrix.resize(depth * pixels, T::zero());
            let (lines, cost) = (conv.taps() * pixels, conv.taps() * pixels);
            parallel::chunks(&mut matrix[..depth * pixels], lines, cost, |channel, lines| {
                unfold(conv, &channels[channel * plane..][..plane], &block, lines, pixels, 0);
            });
            let output = MatrixMut::new(&mut output[first..], conv.group_outputs(), pixels, out_plane);
            matmul(weight, Matrix::new(&matrix, depth, pixels, pixels), output, write, Threads::Pool);
        }
    }
}

pub(super) fn input_gradient<T: Float>(conv: &Conv, weight: &[T], grad_output: &[T], grad_input: &mut [T]) {
    let (in_image, out_image) =
        (conv.in_channels * conv.input_plane(), conv.out_channels * conv.output_plane());
    let threads = parallel::threads();
    if conv.is_small() {
        let images = grad_output.chunks_exact(out_image).zip(grad_input.chunks_exact_mut(in_image));
        images.for_each(|(grads, image)| input_gradient_channels(conv, weight, grads, 0, image));
        return;
    }
    let at_once = conv.images_at_once();
    if at_once > 1 {
        let grads = grad_output.par_chunks(at_once * out_image);
        grads.zip(grad_input.par_chunks_mut(at_once * in_image)).for_each(|(grads, images)| {
            input_gradient_images(conv, weight, grads, images);
        });
        return;
    }
    // Few images: some channels of one image each.
    let mut channels = conv.in_channels;
    if conv.batch < 2 * threads {
        let wanted =
            conv.in_channels.div_ceil((2 * threads).div_ceil(conv.batch)).min(conv.group_inputs()).max(1);
        channels =
            (1..=wanted).rev().find(|&divisor| conv.group_inputs().is_multiple_of(divisor)).unwrap_or(1);
    }
    let parts = conv.in_channels / channels;
    grad_input.par_chunks_exact_mut(channels * conv.input_plane()).enumerate().for_each(|(index, part)| {
        let grads = &grad_output[index / parts * out_image..][..out_image];
        input_gradient_channels(conv, weight, grads, index % parts * channels, part);
    });
}

/// Some channels, starting with `first`, of one image: all of its channels, or a part of one group's.
fn input_gradient_channels<T: Float>(conv: &Conv, weight: &[T], grads: &[T], first: usize, part: &mut [T]) {
    let (plane, out_plane, depth) = (conv.input_plane(), conv.output_plane(), conv.depth());
    let outputs = conv.group_outputs();
    let channels = (part.len() / plane).min(conv.group_inputs());
    let lines = channels * conv.taps();
    for (index, part) in part.chunks_exact_mut(channels * plane).enumerate() {
        let first = first + index * channels;
        let group = first / conv.group_inputs();
        let weight = &weight[group * outputs * depth + first % conv.group_inputs() * conv.taps()..];
        let weight = Matrix::new(weight, outputs, lines, depth).transposed();
        let grads = &grads[group * outputs * out_plane..][..outputs * out_plane];
        if conv.is_pointwise() {
            let target = MatrixMut::new(part, lines, plane, plane);
            matmul(
                weight,
                Matrix::new(grads, outputs, out_plane, out_plane),
                target,
                Write::Add,
                Threads::One,
            );
            continue;
        }
        for block in conv.blocks(lines, BLOCK) {
            let (start, pixels) =
                (block.rows.start * conv.columns.output(), block.rows.len() * conv.columns.output());
            T::with_scratch(lines * pixels, |matrix| {
                let grads = Matrix::new(&grads[start..], outputs, pixels, out_plane);
                matmul(
                    weight,
                    grads,
                    MatrixMut::new(matrix, lines, pixels, pixels),
                    Write::Set,
                    Threads::One,
                );
                fold(conv, matrix, pixels, 0, &block, part);
            });
        }
    }
}

/// Several small images as one product on one thread.
fn input_gradient_images<T: Float>(conv: &Conv, weight: &[T], grads: &[T], images: &mut [T]) {
    let (plane, out_plane, depth) = (conv.input_plane(), conv.output_plane(), conv.depth());
    let (inputs, outputs) = (conv.group_inputs(), conv.group_outputs());
    let pixels = grads.len() / conv.out_channels;
    let whole = Block { rows: 0..conv.rows.output() };
    T::with_scratch((depth + outputs) * pixels, |scratch| {
        let (matrix, gathered) = scratch.split_at_mut(depth * pixels);
        for group in 0..conv.groups {
            gather(conv, grads, group, gathered);
            let weight = Matrix::new(&weight[group * outputs * depth..], outputs, depth, depth).transposed();
            let grads = Matrix::new(gathered, outputs, pixels, pixels);
            matmul(weight, grads, MatrixMut::new(matrix, depth, pixels, pixels), Write::Set, Threads::One);
            for (index, image) in images.chunks_exact_mut(conv.in_channels * plane).enumerate() {
                let channels = &mut image[group * inputs * plane..][..inputs * plane];
                fold(conv, matrix, pixels, index * out_plane, &whole, channels);
            }
        }
    });
}

/// One group's output channels of several images as one matrix: a row per channel, image after image.
pub(super) fn gather<T: Float>(conv: &Conv, grads: &[T], group: usize, gathered: &mut [T]) {
    let (out_plane, outputs) = (conv.output_plane(), conv.group_outputs());
    let pixels = grads.len() / conv.out_channels;
    for (index, image) in grads.chunks_exact(conv.out_channels * out_plane).enumerate() {
        let planes = image[group * outputs * out_plane..].chunks_exact(out_plane).take(outputs);
        for (channel, plane) in planes.enumerate() {
            gathered[channel * pixels + index * out_plane..][..out_plane].copy_from_slice(plane);
        }
    }
}
