//! Upsampling by whole factors: nearest and bilinear (half-pixel centres, PyTorch's `align_corners=False`).
use crate::{Float, parallel};

/// The sizes of an upsampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upsample {
    /// Images times channels.
    pub planes: usize,
    /// `[height, width]` of a map.
    pub input: [usize; 2],
    /// `[down, right]`.
    pub factors: [usize; 2],
}

impl Upsample {
    /// `[height, width]` of an upsampled map.
    #[must_use]
    pub const fn output(&self) -> [usize; 2] {
        [self.input[0] * self.factors[0], self.input[1] * self.factors[1]]
    }

    fn check(&self, input: usize, output: usize) {
        let [height, width] = self.output();
        let expected = (self.planes * self.input[0] * self.input[1], self.planes * height * width);
        assert_eq!((input, output), expected, "lengths of an upsampling's input and output");
    }
}

/// Writes every value `factors[0] x factors[1]` times.
///
/// # Panics
/// If a slice has another length than `upsample` says.
pub fn nearest<T: Float>(upsample: &Upsample, input: &[T], output: &mut [T]) {
    upsample.check(input.len(), output.len());
    let ([height, width], [down, right]) = (upsample.input, upsample.factors);
    let out_width = width * right;
    parallel::chunks(output, height * down * out_width, height * down * out_width, |index, output| {
        let input = &input[index * height * width..][..height * width];
        for (source, lines) in input.chunks_exact(width).zip(output.chunks_exact_mut(down * out_width)) {
            let (first, others) = lines.split_at_mut(out_width);
            for (&value, cell) in source.iter().zip(first.chunks_exact_mut(right)) {
                cell.fill(value);
            }
            others.chunks_exact_mut(out_width).for_each(|line| line.copy_from_slice(first));
        }
    });
}

/// Writes the gradient of [`nearest`]'s input: the sum over the copies of each value.
///
/// # Panics
/// If a slice has another length than `upsample` says.
pub fn nearest_gradient<T: Float>(upsample: &Upsample, grad_output: &[T], grad_input: &mut [T]) {
    upsample.check(grad_input.len(), grad_output.len());
    let ([height, width], [down, right]) = (upsample.input, upsample.factors);
    let (plane, out_width) = (height * width, width * right);
    parallel::chunks(grad_input, plane, plane * down * right, |index, target| {
        let grads = &grad_output[index * plane * down * right..][..plane * down * right];
        for (target, lines) in target.chunks_exact_mut(width).zip(grads.chunks_exact(down * out_width)) {
            target.fill(T::zero());
            for line in lines.chunks_exact(out_width) {
                for (to, cell) in target.iter_mut().zip(line.chunks_exact(right)) {
                    *to += cell.iter().fold(T::zero(), |sum, &grad| sum + grad);
                }
            }
        }
    });
}

/// Between which two input positions an output position lies, and how much of the second it takes.
#[derive(Clone, Copy, Debug)]
struct Between<T> {
    low: usize,
    high: usize,
    share: T,
}

fn between<T: Float>(size: usize, factor: usize) -> Vec<Between<T>> {
    let positions = (0..size * factor).map(|out| {
        let at = ((out as f64 + 0.5) / factor as f64 - 0.5).max(0.0);
        let low = (at as usize).min(size - 1);
        Between { low, high: (low + 1).min(size - 1), share: T::of(at - low as f64) }
    });
    positions.collect()
}

/// A bilinear interpolation of planes of one size, prepared.
#[derive(Clone, Debug)]
pub struct Bilinear<T> {
    width: usize,
    rows: Vec<Between<T>>,
    columns: Vec<Between<T>>,
}

impl<T: Float> Bilinear<T> {
    /// Prepares it.
    #[must_use]
    pub fn new(upsample: &Upsample) -> Self {
        let [height, width] = upsample.input;
        let [down, right] = upsample.factors;
        Self { width, rows: between(height, down), columns: between(width, right) }
    }

    /// Writes the interpolation of one plane.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn plane(&self, input: &[T], output: &mut [T]) {
        let Self { width, rows, columns } = self;
        for (row, line) in rows.iter().zip(output.chunks_exact_mut(columns.len())) {
            let (low, high) = (&input[row.low * width..][..*width], &input[row.high * width..][..*width]);
            for (column, to) in columns.iter().zip(line) {
                let mix = |line: &[T]| {
                    line[column.low] * (T::one() - column.share) + line[column.high] * column.share
                };
                *to = mix(low) * (T::one() - row.share) + mix(high) * row.share;
            }
        }
    }
}

/// Writes the bilinear interpolation, the borders' values continued outwards.
///
/// # Panics
/// If a slice has another length than `upsample` says.
pub fn bilinear<T: Float>(upsample: &Upsample, input: &[T], output: &mut [T]) {
    upsample.check(input.len(), output.len());
    let plane = upsample.input[0] * upsample.input[1];
    let prepared = Bilinear::new(upsample);
    let out_plane = prepared.rows.len() * prepared.columns.len();
    parallel::chunks(output, out_plane, 8 * out_plane, |index, output| {
        prepared.plane(&input[index * plane..][..plane], output);
    });
}

/// Adds the gradient of [`bilinear`]'s input to `grad_input`.
///
/// # Panics
/// If a slice has another length than `upsample` says.
pub fn bilinear_gradient<T: Float>(upsample: &Upsample, grad_output: &[T], grad_input: &mut [T]) {
    upsample.check(grad_input.len(), grad_output.len());
    let [height, width] = upsample.input;
    let rows = between::<T>(height, upsample.factors[0]);
    let columns = between::<T>(width, upsample.factors[1]);
    let out_plane = rows.len() * columns.len();
    parallel::chunks(grad_input, height * width, 8 * out_plane, |index, target| {
        let grads = &grad_output[index * out_plane..][..out_plane];
        for (row, line) in rows.iter().zip(grads.chunks_exact(columns.len())) {
            for (column, &grad) in columns.iter().zip(line) {
                let (low, high) = (grad * (T::one() - row.share), grad * row.share);
                target[row.low * width + column.low] += low * (T::one() - column.share);
                target[row.low * width + column.high] += low * column.share;
                target[row.high * width + column.low] += high * (T::one() - column.share);
                target[row.high * width + column.high] += high * column.share;
            }
        }
    });
}
