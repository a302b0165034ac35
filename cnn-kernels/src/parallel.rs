//! Sharing a slice among threads, or not, by the amount of work.
use rayon::prelude::*;

/// Work worth a task of its own, in about one simple operation on one value. Entering rayon's pool costs some
/// 25 microseconds, in which one core does at least this much.
const GRAIN: usize = 1 << 16;

/// Calls `body(index, chunk)` for every chunk of `chunk` values (the last may be shorter).
///
/// `cost` is the work of one chunk, in simple operations.
pub(crate) fn chunks<T: Send>(
    slice: &mut [T],
    chunk: usize,
    cost: usize,
    body: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    let chunk = chunk.max(1);
    let count = slice.len().div_ceil(chunk);
    if is_small(count, cost) {
        slice.chunks_mut(chunk).enumerate().for_each(|(index, part)| body(index, part));
    } else {
        slice
            .par_chunks_mut(chunk)
            .with_min_len(grain(cost))
            .enumerate()
            .for_each(|(index, part)| body(index, part));
    }
}

/// `[body(0), body(1), ..., body(count - 1)]`; `cost` as in [`chunks`].
pub(crate) fn map<R: Send>(count: usize, cost: usize, body: impl Fn(usize) -> R + Send + Sync) -> Vec<R> {
    if is_small(count, cost) {
        (0..count).map(body).collect()
    } else {
        (0..count).into_par_iter().with_min_len(grain(cost)).map(body).collect()
    }
}

/// Threads of the current pool.
pub(crate) fn threads() -> usize {
    rayon::current_num_threads()
}

fn is_small(count: usize, cost: usize) -> bool {
    count <= 1 || count.saturating_mul(cost) < 2 * GRAIN
}

fn grain(cost: usize) -> usize {
    (GRAIN / 4 / cost.max(1)).max(1)
}
