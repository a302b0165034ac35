//! Sums over rows: in several lanes, so that the compiler may use vector registers, flushed to `f64` often enough
//! that rounding does not grow with the row.
use crate::Float;

const LANES: usize = 16;
/// Values summed in the row's own precision before they go to `f64`: 16 per lane.
const BLOCK: usize = LANES * 16;

/// Sums `term(x)` over a row.
#[inline(always)]
pub(crate) fn sum<T: Float>(row: &[T], term: impl Fn(T) -> T) -> f64 {
    let mut total = 0.0;
    for block in row.chunks(BLOCK) {
        let mut lanes = [T::zero(); LANES];
        let mut whole = block.chunks_exact(LANES);
        for values in &mut whole {
            for (lane, &value) in lanes.iter_mut().zip(values) {
                *lane += term(value);
            }
        }
        for (lane, &value) in lanes.iter_mut().zip(whole.remainder()) {
            *lane += term(value);
        }
        total += collect(lanes);
    }
    total
}

/// Sums `term(x, y)` over two rows of the same length.
#[inline(always)]
pub(crate) fn sum2<T: Float>(left: &[T], right: &[T], term: impl Fn(T, T) -> T) -> f64 {
    let mut total = 0.0;
    for (left, right) in left.chunks(BLOCK).zip(right.chunks(BLOCK)) {
        let mut lanes = [T::zero(); LANES];
        let (mut lefts, mut rights) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
        for (xs, ys) in (&mut lefts).zip(&mut rights) {
            for ((lane, &x), &y) in lanes.iter_mut().zip(xs).zip(ys) {
                *lane += term(x, y);
            }
        }
        for ((lane, &x), &y) in lanes.iter_mut().zip(lefts.remainder()).zip(rights.remainder()) {
            *lane += term(x, y);
        }
        total += collect(lanes);
    }
    total
}

/// The dot product.
#[inline(always)]
pub(crate) fn dot<T: Float>(left: &[T], right: &[T]) -> f64 {
    sum2(left, right, |x, y| x * y)
}

fn collect<T: Float>(lanes: [T; LANES]) -> f64 {
    lanes.into_iter().map(T::wide).sum()
}
