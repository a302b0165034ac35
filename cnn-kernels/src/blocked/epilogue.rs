//! What is done to a convolution's sums before they are stored: bias, residual, activation.

use super::Map;
use crate::elementwise::Activation;
use crate::simd::{LANES, Vector, math};

/// An activation of one vector. Where it is the same for a loop, the compiler moves the choice out of it.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(crate) unsafe fn activate<V: Vector>(activation: Activation, x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = V::zero();
        match activation {
            Activation::Relu => x.max(zero),
            Activation::Relu6 => x.max(zero).min(V::splat(6.0)),
            Activation::LeakyRelu { slope } => x.select_gt(zero, x, x.mul(V::splat(slope as f32))),
            Activation::Elu { alpha } => {
                // exp(x) - 1 loses digits near 0, where it is 2 tanh(x/2) / (1 - tanh(x/2)).
                let t = math::tanh(x.mul(V::splat(0.5)));
                let expm1 = t.add(t).div(V::splat(1.0).sub(t));
                x.select_gt(zero, x, expm1.mul(V::splat(alpha as f32)))
            }
            Activation::Gelu => math::gelu(x),
            Activation::Silu => x.mul(math::sigmoid(x)),
            Activation::HardSwish => x.mul(hardsigmoid(x)),
            Activation::HardSigmoid => hardsigmoid(x),
            Activation::Sigmoid => math::sigmoid(x),
            Activation::Tanh => math::tanh(x),
        }
    }
}

#[inline(always)]
unsafe fn hardsigmoid<V: Vector>(x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let y = x.add(V::splat(3.0)).max(V::zero()).min(V::splat(6.0));
        y.mul(V::splat(1.0 / 6.0))
    }
}

/// The functions of one or two instructions, on the registers; those that take more are done over what was stored, by a
/// function of their own ([`Epilogue::rest`]): unrolled they would be most of the code.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn clip<V: Vector>(activation: Option<Activation>, x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        match activation {
            Some(Activation::Relu) => x.max(V::zero()),
            Some(Activation::Relu6) => x.max(V::zero()).min(V::splat(6.0)),
            _ => x,
        }
    }
}

/// What follows the sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epilogue {
    /// Whether values are added before the activation.
    pub(crate) residual: bool,
    pub(crate) activation: Option<Activation>,
}

impl Epilogue {
    /// The sums as they are.
    pub(crate) const NONE: Self = Self { residual: false, activation: None };

    pub(crate) fn new(residual: Option<Map>, activation: Option<Activation>) -> Self {
        Self { residual: residual.is_some(), activation }
    }

    /// Stores one vector; `residual` is read where there is one.
    ///
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    pub(crate) unsafe fn store<V: Vector>(&self, mut sum: V, y: *mut f32, residual: *const f32) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.residual {
                sum = sum.add(V::load(residual));
            }
            clip(self.activation, sum).store(y);
        }
    }

    /// Stores a tile of `P` pixels by `B` blocks, of which those of `y` and `residual` stand `block` apart.
    ///
    /// # Safety
    /// As [`Vector`]; pixels and blocks lie in their buffers.
    #[inline(always)]
    pub(crate) unsafe fn store_tile<V: Vector, const P: usize, const B: usize>(
        &self,
        mut sums: [[V; B]; P],
        bias: *const f32,
        y: *mut f32,
        residual: *const f32,
        block: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            if !bias.is_null() {
                let bias: [V; B] = std::array::from_fn(|b| V::load(bias.add(b * LANES)));
                for sums in &mut sums {
                    for (sum, &bias) in sums.iter_mut().zip(&bias) {
                        *sum = sum.add(bias);
                    }
                }
            }
            for (p, sums) in sums.iter().enumerate() {
                for (b, &sum) in sums.iter().enumerate() {
                    let place = b * block + p * LANES;
                    self.store(sum, y.add(place), residual.wrapping_add(place));
                }
            }
            for b in 0..B {
                self.rest::<V>(y.add(b * block), P);
            }
        }
    }

    /// What [`store`](Self::store) left of the activation, over vectors in a row.
    ///
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    pub(crate) unsafe fn rest<V: Vector>(&self, y: *mut f32, vectors: usize) {
        match self.activation {
            None | Some(Activation::Relu | Activation::Relu6) => {}
            // SAFETY: the caller's promise.
            Some(activation) => unsafe { V::enter(Apply { activation, y, vectors }) },
        }
    }
}

struct Apply {
    activation: Activation,
    y: *mut f32,
    vectors: usize,
}

impl crate::simd::Kernel for Apply {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            for i in 0..self.vectors {
                let y = self.y.add(i * LANES);
                activate(self.activation, V::load(y)).store(y);
            }
        }
    }
}
