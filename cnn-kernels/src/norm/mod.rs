//! Normalizations: `(x - mean) / sqrt(variance + eps)`, times a weight and plus a bias per channel, with mean and
//! (biased) variance taken over different sets of values.
//!
//! Sums are carried in `f64` and the variance is the mean of squared distances from the mean (two passes), so that
//! a large mean costs no digits.
pub mod batch;
pub mod group;
pub mod layer;

use crate::{Float, parallel, sums};

/// `1 / sqrt(variance + eps)`.
fn inverse_deviation<T: Float>(variance: T, eps: f64) -> f64 {
    1.0 / (variance.wide() + eps).sqrt()
}

/// Mean and biased variance of each part of the input: a part is the given rows.
fn statistics<'a, T: Float, R: Iterator<Item = &'a [T]>>(
    parts: usize,
    count: usize,
    rows: impl Fn(usize) -> R + Send + Sync,
    mean: &mut [T],
    variance: &mut [T],
) {
    let moments = parallel::map(parts, 2 * count, |part| part_moments(count, || rows(part)));
    for ((moments, mean), variance) in moments.into_iter().zip(mean).zip(variance) {
        (*mean, *variance) = moments;
    }
}

/// Mean and biased variance of the values of some rows.
fn part_moments<'a, T: Float, R: Iterator<Item = &'a [T]>>(count: usize, rows: impl Fn() -> R) -> (T, T) {
    let exact = rows().map(|row| sums::sum(row, |x| x)).sum::<f64>() / count as f64;
    let mean = T::of(exact);
    let squares: f64 = rows().map(|row| sums::sum(row, |x| (x - mean) * (x - mean))).sum();
    // Rounding the mean shifted every distance.
    let shift = exact - mean.wide();
    (mean, T::of((squares / count as f64 - shift * shift).max(0.0)))
}
