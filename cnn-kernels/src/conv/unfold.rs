//! Patches of the input as a matrix (im2col), and its adjoint (col2im), for a block of output rows.
use super::Conv;
use crate::Float;
use std::ops::Range;

/// A block of output pixels: rows `rows` of one image.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) rows: Range<usize>,
}

/// Unfolds one image's channels: row `(channel, tap row, tap column)` of the matrix starts at
/// `that * row_stride + first` and has one value per output pixel of `block`, 0 where the tap is in the padding.
pub(super) fn unfold<T: Float>(
    conv: &Conv,
    channels: &[T],
    block: &Block,
    matrix: &mut [T],
    row_stride: usize,
    first: usize,
) {
    let (width, out_width, stride) = (conv.columns.input(), conv.columns.output(), conv.columns.stride());
    let pixels = block.rows.len() * out_width;
    for (channel, plane) in channels.chunks_exact(conv.input_plane()).enumerate() {
        for tap_row in 0..conv.rows.kernel() {
            for tap_column in 0..conv.columns.kernel() {
                let row = (channel * conv.rows.kernel() + tap_row) * conv.columns.kernel() + tap_column;
                let line = &mut matrix[row * row_stride + first..][..pixels];
                let inside = conv.columns.windows(tap_column);
                for (out_row, line) in block.rows.clone().zip(line.chunks_exact_mut(out_width)) {
                    let Some(y) = conv.rows.position(out_row, tap_row) else {
                        line.fill(T::zero());
                        continue;
                    };
                    let Some(x) = conv.columns.position(inside.start, tap_column) else {
                        line.fill(T::zero());
                        continue;
                    };
                    let source = &plane[y * width + x..(y + 1) * width];
                    line[..inside.start].fill(T::zero());
                    line[inside.end..].fill(T::zero());
                    let line = &mut line[inside.clone()];
                    match stride {
                        1 => line.copy_from_slice(&source[..line.len()]),
                        2 => copy_strided::<T, 2>(line, source),
                        _ => line
                            .iter_mut()
                            .zip(source.iter().step_by(stride))
                            .for_each(|(to, &from)| *to = from),
                    }
                }
            }
        }
    }
}

/// The stride as a constant, so that the compiler may shuffle instead of stepping.
fn copy_strided<T: Float, const STRIDE: usize>(line: &mut [T], source: &[T]) {
    line.iter_mut().zip(source.iter().step_by(STRIDE)).for_each(|(to, &from)| *to = from);
}

/// Adds a matrix laid out as [`unfold`]'s to the channels of one image, each value where it came from.
pub(super) fn fold<T: Float>(
    conv: &Conv,
    matrix: &[T],
    row_stride: usize,
    first: usize,
    block: &Block,
    channels: &mut [T],
) {
    let (width, out_width, stride) = (conv.columns.input(), conv.columns.output(), conv.columns.stride());
    let pixels = block.rows.len() * out_width;
    for (channel, plane) in channels.chunks_exact_mut(conv.input_plane()).enumerate() {
        for tap_row in 0..conv.rows.kernel() {
            for tap_column in 0..conv.columns.kernel() {
                let row = (channel * conv.rows.kernel() + tap_row) * conv.columns.kernel() + tap_column;
                let line = &matrix[row * row_stride + first..][..pixels];
                let inside = conv.columns.windows(tap_column);
                let Some(x) = conv.columns.position(inside.start, tap_column) else { continue };
                for (out_row, line) in block.rows.clone().zip(line.chunks_exact(out_width)) {
                    let Some(y) = conv.rows.position(out_row, tap_row) else { continue };
                    let target = &mut plane[y * width + x..(y + 1) * width];
                    let line = &line[inside.clone()];
                    if stride == 1 {
                        target[..line.len()].iter_mut().zip(line).for_each(|(to, &from)| *to += from);
                    } else {
                        target.iter_mut().step_by(stride).zip(line).for_each(|(to, &from)| *to += from);
                    }
                }
            }
        }
    }
}
