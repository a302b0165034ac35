//! What the kernel tests share: repeatable numbers, and comparison relative to the largest value.
#![allow(dead_code, reason = "each test file uses a part")]
use cnn_kernels::Float;

/// `len` numbers in -1..1 that depend on `seed` only (Knuth's MMIX linear congruential generator).
pub(crate) fn numbers(len: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    // f32 values, so that both dtypes start from the same numbers.
    (0..len).map(|_| f64::from(next() as f32)).collect()
}

pub(crate) fn cast<T: Float>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::of(value)).collect()
}

/// The largest error relative to the largest expected value (at least 1e-3) stays below `tolerance`.
#[track_caller]
pub(crate) fn assert_close<T: Float>(what: &str, found: &[T], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let scale = expected.iter().fold(1e-3, |top: f64, x| top.max(x.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found.wide() - expected).abs() / scale;
        assert!(error <= tolerance, "{what}[{index}]: {found:?} for {expected}, error {error:e} of {scale}");
    }
}

/// What a sum of a few hundred products may be off by.
pub(crate) fn tolerance<T: Float>() -> f64 {
    if T::epsilon().wide() > 1e-10 { 3e-6 } else { 1e-13 }
}

/// Runs the test in pools of one and of several threads: sharing takes other paths.
pub(crate) fn with_threads(body: impl Fn() + Send + Sync) {
    for threads in [1, 4] {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&body);
    }
}
