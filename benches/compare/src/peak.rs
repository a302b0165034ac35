//! The most that the processor can do: fused multiply-adds on registers alone.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};

/// Independent sums: more than the latency times the units of any processor today, and no more than there are
/// registers.
const SUMS: usize = 12;
const STEPS: usize = 2_000_000;
const TRIES: usize = 15;

/// GFLOP/s in `f32` of so many threads together, a multiply-add being two: the best of several tries.
pub fn gflops(threads: usize) -> f64 {
    (0..TRIES).map(|_| attempt(threads)).fold(0.0, f64::max)
}

fn attempt(threads: usize) -> f64 {
    let start = Barrier::new(threads);
    let rates = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let began = Instant::now();
                    let operations = Arch::new().dispatch(Loop);
                    operations / began.elapsed().as_secs_f64() / 1e9
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<f64>>()
    });
    rates.iter().sum()
}

struct Loop;

impl WithSimd for Loop {
    /// Operations that were done.
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let factor = simd.splat_f32s(black_box(0.5));
        let term = simd.splat_f32s(black_box(1.0));
        let mut sums = [simd.splat_f32s(0.0); SUMS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, term);
            }
        }
        for sum in sums {
            black_box(simd.reduce_sum_f32s(sum));
        }
        (STEPS * SUMS * S::F32_LANES * 2) as f64
    }
}
