//! The two number types of the kernels.
use std::cell::Cell;

/// `f32` or `f64`.
///
/// Sums over many values are carried in `f64` for both, so that the order of the work does not show in `f32`.
pub trait Float:
    num_traits::Float + num_traits::NumAssign + Default + Send + Sync + std::fmt::Debug + 'static
{
    /// Rounds to this type.
    fn of(value: f64) -> Self;

    /// Widens to `f64`.
    fn wide(self) -> f64;

    /// The error function, `2/sqrt(pi) * integral of exp(-t^2) from 0 to self`.
    #[must_use]
    fn erf(self) -> Self;

    /// Calls `body` with `len` values of unspecified content, kept by this thread from call to call: a fresh
    /// buffer would be paid for in page faults.
    fn with_scratch<R>(len: usize, body: impl FnOnce(&mut [Self]) -> R) -> R;
}

macro_rules! float {
    ($type:ty, $erf:path) => {
        impl Float for $type {
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            fn erf(self) -> Self {
                $erf(self)
            }

            fn with_scratch<R>(len: usize, body: impl FnOnce(&mut [Self]) -> R) -> R {
                thread_local!(static SCRATCH: Cell<Vec<$type>> = const { Cell::new(Vec::new()) });
                // Taken out while in use: a nested call then gets a buffer of its own.
                let mut buffer = SCRATCH.take();
                if buffer.len() < len {
                    buffer.resize(len, 0.0);
                }
                let result = body(&mut buffer[..len]);
                SCRATCH.set(buffer);
                result
            }
        }
    };
}

float!(f32, libm::erff);
float!(f64, libm::erf);
