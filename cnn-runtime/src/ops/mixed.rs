//! Mixed precision: convolutions and fully connected layers in bf16, with parameters, norms' statistics and sums in f32.

use std::cell::Cell;

use candle_core::{DType, Result, Tensor};

thread_local! {
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `forward` in mixed precision, as PyTorch's `autocast` with `bfloat16` does: on CUDA devices convolutions and fully
/// connected layers take their input and weight in bf16 and give bf16, sums are made in `f32`, and what follows works on
/// bf16, with the norms' parameters and statistics in `f32`. The network's own parameters stay `f32`, and so are their
/// gradients. The cross-entropy is computed in `f32`.
///
/// `forward_train` is a compiled step there, whose output is `f32`. On the CPU it changes nothing. `backward` may be called
/// outside: it goes by what was done inside.
///
/// ```
/// use cnn_runtime::{Init, network, ops};
/// use cnn_runtime::prelude::*;
///
/// network! {
///     Tiny: 1x8x8 -> 3 { conv3-8 bn relu -> pool2 -> fc3 }
/// }
///
/// fn main() -> Result<()> {
///     let device = Device::Cpu; // or cnn_runtime::device::Choice::Cuda(0).open()?
///     let net = Tiny::init(Init::seed(1), &device)?;
///     let images = Tensor::zeros((4, 1, 8, 8), DType::F32, &device)?;
///     let labels = Tensor::new(&[0u32, 1, 2, 0], &device)?;
///     let logits = ops::autocast(|| net.forward_train(&images))?;
///     let gradients = ops::cross_entropy(&logits, &labels, 0.0)?.backward()?;
///     assert!(net.state().trainable().iter().all(|var| gradients.get(var).is_some()));
///     Ok(())
/// }
/// ```
pub fn autocast<R>(forward: impl FnOnce() -> R) -> R {
    /// Puts back what was, also where `forward` panics.
    struct Restore(bool);

    impl Drop for Restore {
        fn drop(&mut self) {
            ACTIVE.set(self.0);
        }
    }

    let _restore = Restore(ACTIVE.replace(true));
    forward()
}

/// Whether this thread is inside of [`autocast`].
pub(crate) fn is_active() -> bool {
    ACTIVE.get()
}

/// Input and weight of a product, in the type that it is computed in.
pub(super) fn factors(x: &Tensor, weight: &Tensor) -> Result<[Tensor; 2]> {
    let begins = ACTIVE.get() && x.device().is_cuda() && x.dtype() == DType::F32;
    let goes_on = x.dtype() == DType::BF16 && weight.dtype() == DType::F32;
    if begins || goes_on {
        Ok([x.to_dtype(DType::BF16)?, weight.to_dtype(DType::BF16)?])
    } else {
        Ok([x.clone(), weight.clone()])
    }
}

/// Two maps that meet, in the wider of their types.
pub(super) fn promoted(a: &Tensor, b: &Tensor) -> Result<[Tensor; 2]> {
    match (a.dtype(), b.dtype()) {
        (DType::BF16, DType::F32) => Ok([a.to_dtype(DType::F32)?, b.clone()]),
        (DType::F32, DType::BF16) => Ok([a.clone(), b.to_dtype(DType::F32)?]),
        _ => Ok([a.clone(), b.clone()]),
    }
}

/// Numbers of channels, in the type of the map that they are for.
pub(super) fn beside(x: &Tensor, numbers: &Tensor) -> Result<Tensor> {
    if x.dtype() == DType::BF16 && numbers.dtype() == DType::F32 {
        numbers.to_dtype(DType::BF16)
    } else {
        Ok(numbers.clone())
    }
}

/// What biases, norms' parameters and statistics are of, for maps of this type.
pub(super) const fn of_parameters(dtype: DType) -> DType {
    match dtype {
        DType::BF16 => DType::F32,
        other => other,
    }
}
