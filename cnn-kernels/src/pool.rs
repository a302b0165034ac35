//! Maximum, average and adaptive average pooling, and their gradients. Each plane is pooled by itself.
use crate::{Float, parallel, window::Span};

/// The sizes of a pooling: `planes` maps of `rows.input() x columns.input()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Images times channels.
    pub planes: usize,
    /// The vertical axis.
    pub rows: Span,
    /// The horizontal axis.
    pub columns: Span,
}

impl Pool {
    /// Values of one input map.
    #[must_use]
    pub const fn input_plane(&self) -> usize {
        self.rows.input() * self.columns.input()
    }

    /// Values of one output map.
    #[must_use]
    pub const fn output_plane(&self) -> usize {
        self.rows.output() * self.columns.output()
    }

    fn check(&self, input: usize, output: usize) {
        let expected = (self.planes * self.input_plane(), self.planes * self.output_plane());
        assert_eq!((input, output), expected, "lengths of a pooling's input and output");
    }

    const fn is_halving(&self) -> bool {
        self.rows.is_pairs() && self.columns.is_pairs()
    }

    const fn cost(&self) -> usize {
        self.output_plane() * self.rows.kernel() * self.columns.kernel()
    }
}

/// Whether `value` takes the place of the maximum so far: PyTorch's rule, by which the first maximum in scan order
/// stays, and NaN, once seen, wins (the last NaN, for the gradient).
#[inline(always)]
fn replaces<T: Float>(value: T, maximum: T) -> bool {
    value > maximum || value.is_nan()
}

/// Writes the maximum of every window to `output`; padding counts as minus infinity.
///
/// # Panics
/// If a slice has another length than `pool` says.
pub fn max<T: Float>(pool: &Pool, input: &[T], output: &mut [T]) {
    pool.check(input.len(), output.len());
    let (plane, out_plane) = (pool.input_plane(), pool.output_plane());
    parallel::chunks(output, out_plane, pool.cost(), |index, output| {
        let input = &input[index * plane..][..plane];
        if pool.is_halving() {
            max_halving(pool, input, output);
        } else {
            max_plane(pool, input, output);
        }
    });
}

/// Windows of 2x2 side by side, the usual pooling: two rows at a time.
fn max_halving<T: Float>(pool: &Pool, input: &[T], output: &mut [T]) {
    let width = pool.columns.input();
    for (lines, output) in input.chunks_exact(2 * width).zip(output.chunks_exact_mut(pool.columns.output())) {
        let (upper, lower) = lines.split_at(width);
        for ((to, upper), lower) in output.iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2)) {
            let mut maximum = upper[0];
            for value in [upper[1], lower[0], lower[1]] {
                maximum = if replaces(value, maximum) { value } else { maximum };
            }
            *to = maximum;
        }
    }
}

/// The gradient of [`max_halving`].
fn max_halving_gradient<T: Float>(pool: &Pool, input: &[T], grads: &[T], target: &mut [T]) {
    let width = pool.columns.input();
    let rows = input.chunks_exact(2 * width).zip(target.chunks_exact_mut(2 * width));
    for ((lines, target), grads) in rows.zip(grads.chunks_exact(pool.columns.output())) {
        let ((upper, lower), (to_upper, to_lower)) = (lines.split_at(width), target.split_at_mut(width));
        let values = upper.chunks_exact(2).zip(lower.chunks_exact(2));
        let targets = to_upper.chunks_exact_mut(2).zip(to_lower.chunks_exact_mut(2));
        for (((upper, lower), (to_upper, to_lower)), &grad) in values.zip(targets).zip(grads) {
            let (mut place, mut maximum) = (0, upper[0]);
            for (at, value) in [(1, upper[1]), (2, lower[0]), (3, lower[1])] {
                let wins = replaces(value, maximum);
                (place, maximum) = if wins { (at, value) } else { (place, maximum) };
            }
            // Every value is written, without a branch that the data would mislead.
            let share = |at: i32| if place == at { grad } else { T::zero() };
            to_upper[0] += share(0);
            to_upper[1] += share(1);
            to_lower[0] += share(2);
            to_lower[1] += share(3);
        }
    }
}

/// One plane, a row of windows at a time: tap by tap, so that the inner loop runs along the row.
fn max_plane<T: Float>(pool: &Pool, input: &[T], output: &mut [T]) {
    let (width, stride) = (pool.columns.input(), pool.columns.stride());
    for (window, line) in output.chunks_exact_mut(pool.columns.output()).enumerate() {
        line.fill(T::neg_infinity());
        for tap_row in pool.rows.taps(window) {
            let Some(y) = pool.rows.position(window, tap_row) else { continue };
            for tap_column in 0..pool.columns.kernel() {
                let inside = pool.columns.windows(tap_column);
                let Some(x) = pool.columns.position(inside.start, tap_column) else { continue };
                let (source, line) = (&input[y * width + x..(y + 1) * width], &mut line[inside]);
                let merge = |(to, &value): (&mut T, &T)| *to = if replaces(value, *to) { value } else { *to };
                match stride {
                    1 => line.iter_mut().zip(source).for_each(merge),
                    2 => line.iter_mut().zip(source.iter().step_by(2)).for_each(merge),
                    _ => line.iter_mut().zip(source.iter().step_by(stride)).for_each(merge),
                }
            }
        }
    }
}

/// Adds every window's gradient to `grad_input` at the window's maximum (see [`max`]; the first of several).
///
/// # Panics
/// If a slice has another length than `pool` says.
pub fn max_gradient<T: Float>(pool: &Pool, input: &[T], grad_output: &[T], grad_input: &mut [T]) {
    pool.check(input.len(), grad_output.len());
    pool.check(grad_input.len(), grad_output.len());
    let (plane, out_plane, width) = (pool.input_plane(), pool.output_plane(), pool.columns.input());
    parallel::chunks(grad_input, plane, 2 * pool.cost(), |index, target| {
        let (input, grads) =
            (&input[index * plane..][..plane], &grad_output[index * out_plane..][..out_plane]);
        if pool.is_halving() {
            max_halving_gradient(pool, input, grads, target);
            return;
        }
        let mut grads = grads.iter();
        for row in 0..pool.rows.output() {
            let tap_rows = pool.rows.taps(row);
            for (column, &grad) in (0..pool.columns.output()).zip(&mut grads) {
                let tap_columns = pool.columns.taps(column);
                let mut best: Option<(usize, T)> = None;
                for y in tap_rows.clone().filter_map(|tap| pool.rows.position(row, tap)) {
                    for x in tap_columns.clone().filter_map(|tap| pool.columns.position(column, tap)) {
                        let value = input[y * width + x];
                        if best.is_none_or(|(_, maximum)| replaces(value, maximum)) {
                            best = Some((y * width + x, value));
                        }
                    }
                }
                if let Some((position, _)) = best {
                    target[position] += grad;
                }
            }
        }
    });
}

/// The average pooling's factor of every window along one axis: 1 / the number of taps that count.
fn shares(span: Span, count_padding: bool) -> Vec<f64> {
    let count = |window| if count_padding { span.padded_taps(window) } else { span.taps(window).len() };
    (0..span.output()).map(|window| 1.0 / count(window) as f64).collect()
}

/// Writes the average of every window to `output`. The padding counts as zeros if `count_padding`, else not at all;
/// the part of a window past the padding (`ceil_mode`) never counts.
///
/// # Panics
/// If a slice has another length than `pool` says.
pub fn average<T: Float>(pool: &Pool, count_padding: bool, input: &[T], output: &mut [T]) {
    pool.check(input.len(), output.len());
    let (row_shares, column_shares) = (shares(pool.rows, count_padding), shares(pool.columns, count_padding));
    let (plane, out_plane) = (pool.input_plane(), pool.output_plane());
    let (width, stride) = (pool.columns.input(), pool.columns.stride());
    parallel::chunks(output, out_plane, pool.cost(), |index, output| {
        let input = &input[index * plane..][..plane];
        for ((window, line), row_share) in
            output.chunks_exact_mut(pool.columns.output()).enumerate().zip(&row_shares)
        {
            line.fill(T::zero());
            for tap_row in pool.rows.taps(window) {
                let Some(y) = pool.rows.position(window, tap_row) else { continue };
                for tap_column in 0..pool.columns.kernel() {
                    let inside = pool.columns.windows(tap_column);
                    let Some(x) = pool.columns.position(inside.start, tap_column) else { continue };
                    let (source, line) = (&input[y * width + x..(y + 1) * width], &mut line[inside]);
                    line.iter_mut().zip(source.iter().step_by(stride)).for_each(|(to, &value)| *to += value);
                }
            }
            line.iter_mut().zip(&column_shares).for_each(|(to, share)| *to *= T::of(row_share * share));
        }
    });
}

/// Adds every window's gradient, in equal shares, to `grad_input`; `count_padding` as in [`average`].
///
/// # Panics
/// If a slice has another length than `pool` says.
pub fn average_gradient<T: Float>(pool: &Pool, count_padding: bool, grad_output: &[T], grad_input: &mut [T]) {
    pool.check(grad_input.len(), grad_output.len());
    let (row_shares, column_shares) = (shares(pool.rows, count_padding), shares(pool.columns, count_padding));
    let (plane, out_plane) = (pool.input_plane(), pool.output_plane());
    let (width, out_width, stride) = (pool.columns.input(), pool.columns.output(), pool.columns.stride());
    parallel::chunks(grad_input, plane, pool.cost(), |index, target| {
        let grads = &grad_output[index * out_plane..][..out_plane];
        T::with_scratch(out_width, |line| {
            for ((window, grads), row_share) in grads.chunks_exact(out_width).enumerate().zip(&row_shares) {
                for ((to, &grad), share) in line.iter_mut().zip(grads).zip(&column_shares) {
                    *to = grad * T::of(row_share * share);
                }
                for tap_row in pool.rows.taps(window) {
                    let Some(y) = pool.rows.position(window, tap_row) else { continue };
                    for tap_column in 0..pool.columns.kernel() {
                        let inside = pool.columns.windows(tap_column);
                        let Some(x) = pool.columns.position(inside.start, tap_column) else { continue };
                        let target = &mut target[y * width + x..(y + 1) * width];
                        target
                            .iter_mut()
                            .step_by(stride)
                            .zip(&line[inside])
                            .for_each(|(to, &grad)| *to += grad);
                    }
                }
            }
        });
    });
}

/// The sizes of an adaptive average pooling: bin `o` of `out` covers `floor(o size / out) .. ceil((o + 1) size / out)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adaptive {
    /// Images times channels.
    pub planes: usize,
    /// `[height, width]` of a map.
    pub input: [usize; 2],
    /// `[height, width]` of a pooled map.
    pub output: [usize; 2],
}

impl Adaptive {
    fn check(&self, input: usize, output: usize) {
        let expected =
            (self.planes * self.input[0] * self.input[1], self.planes * self.output[0] * self.output[1]);
        assert_eq!((input, output), expected, "lengths of a pooling's input and output");
    }

    fn bins(&self, axis: usize) -> Vec<std::ops::Range<usize>> {
        let (size, out) = (self.input[axis], self.output[axis]);
        (0..out).map(|bin| bin * size / out..((bin + 1) * size).div_ceil(out)).collect()
    }
}

/// Writes the average of every bin to `output`.
///
/// # Panics
/// If a slice has another length than `pool` says.
pub fn adaptive_average<T: Float>(pool: &Adaptive, input: &[T], output: &mut [T]) {
    pool.check(input.len(), output.len());
    let (rows, columns, width) = (pool.bins(0), pool.bins(1), pool.input[1]);
    let (plane, out_plane) = (pool.input[0] * width, pool.output[0] * pool.output[1]);
    parallel::chunks(output, out_plane, plane, |index, output| {
        let input = &input[index * plane..][..plane];
        let mut output = output.iter_mut();
        for ys in &rows {
            for (xs, to) in columns.iter().zip(&mut output) {
                let sum: f64 = if xs.len() == width {
                    crate::sums::sum(&input[ys.start * width..ys.end * width], |x| x)
                } else {
                    let lines = ys.clone().map(|y| &input[y * width + xs.start..y * width + xs.end]);
                    lines.map(|line| line.iter().map(|x| x.wide()).sum::<f64>()).sum()
                };
                *to = T::of(sum / (ys.len() * xs.len()) as f64);
            }
        }
    });
}

/// Adds every bin's gradient, in equal shares, to `grad_input`.
///
/// # Panics
/// If a slice has another length than `pool` says.
pub fn adaptive_average_gradient<T: Float>(pool: &Adaptive, grad_output: &[T], grad_input: &mut [T]) {
    pool.check(grad_input.len(), grad_output.len());
    let (rows, columns, width) = (pool.bins(0), pool.bins(1), pool.input[1]);
    let (plane, out_plane) = (pool.input[0] * width, pool.output[0] * pool.output[1]);
    parallel::chunks(grad_input, plane, plane, |index, target| {
        let mut grads = grad_output[index * out_plane..][..out_plane].iter();
        for ys in &rows {
            for (xs, grad) in columns.iter().zip(&mut grads) {
                let share = T::of(grad.wide() / (ys.len() * xs.len()) as f64);
                for y in ys.clone() {
                    target[y * width + xs.start..y * width + xs.end].iter_mut().for_each(|to| *to += share);
                }
            }
        }
    });
}
