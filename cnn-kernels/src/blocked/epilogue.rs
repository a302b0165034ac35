//! What is done to a convolution's sums before they are stored: bias, residual, activation.

use crate::simd::{LANES, Vector, math};

/// An activation that is applied value by value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// The value itself.
    #[default]
    Identity,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x` or `slope * x`
    Leaky(f32),
    /// `x` or `alpha * (exp(x) - 1)`
    Elu(f32),
    /// `x * Phi(x)`
    Gelu,
    /// `x * sigmoid(x)`
    Silu,
    /// `x * relu6(x + 3) / 6`
    Hardswish,
    /// `relu6(x + 3) / 6`
    Hardsigmoid,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// One vector. Where the enum is known outside a loop the compiler moves the choice out of it.
    ///
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    pub(crate) unsafe fn apply<V: Vector>(self, x: V) -> V {
        // SAFETY: the caller's promise.
        unsafe {
            let zero = V::zero();
            match self {
                Self::Identity => x,
                Self::Relu => x.max(zero),
                Self::Relu6 => x.max(zero).min(V::splat(6.0)),
                Self::Leaky(slope) => x.select_gt(zero, x, x.mul(V::splat(slope))),
                Self::Elu(alpha) => {
                    // exp(x) - 1 loses digits near 0, where it is 2 tanh(x/2) / (1 - tanh(x/2)).
                    let t = math::tanh(x.mul(V::splat(0.5)));
                    let expm1 = t.add(t).div(V::splat(1.0).sub(t));
                    x.select_gt(zero, x, expm1.mul(V::splat(alpha)))
                }
                Self::Gelu => math::gelu(x),
                Self::Silu => x.mul(math::sigmoid(x)),
                Self::Hardswish => x.mul(hardsigmoid(x)),
                Self::Hardsigmoid => hardsigmoid(x),
                Self::Sigmoid => math::sigmoid(x),
                Self::Tanh => math::tanh(x),
            }
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

/// What follows the sums.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue {
    /// Added before the activation: the distance of its blocks of channels.
    pub(crate) residual: Option<usize>,
    pub(crate) activation: Activation,
}

impl Epilogue {
    /// The sums as they are.
    pub(crate) const NONE: Self = Self { residual: None, activation: Activation::Identity };

    /// Stores a tile of `P` pixels by `B` blocks.
    ///
    /// # Safety
    /// As [`Vector`]; pixels and blocks lie in their buffers.
    #[inline(always)]
    pub(crate) unsafe fn store<V: Vector, const P: usize, const B: usize>(
        &self,
        mut sums: [[V; B]; P],
        bias: *const f32,
        y: *mut f32,
        residual: *const f32,
        out_block: usize,
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
            if let Some(block) = self.residual {
                for (p, sums) in sums.iter_mut().enumerate() {
                    for (b, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.add(V::load(residual.add(b * block + p * LANES)));
                    }
                }
            }
            match self.activation {
                Activation::Identity => {}
                Activation::Relu => {
                    for sum in sums.iter_mut().flatten() {
                        *sum = sum.max(V::zero());
                    }
                }
                Activation::Relu6 => {
                    for sum in sums.iter_mut().flatten() {
                        *sum = sum.max(V::zero()).min(V::splat(6.0));
                    }
                }
                // Longer ones over what was stored: unrolled they would be most of the code.
                _ => {}
            }
            for (p, sums) in sums.iter().enumerate() {
                for (b, sum) in sums.iter().enumerate() {
                    sum.store(y.add(b * out_block + p * LANES));
                }
            }
            if !matches!(self.activation, Activation::Identity | Activation::Relu | Activation::Relu6) {
                for b in 0..B {
                    apply_to::<V>(self.activation, y.add(b * out_block), P);
                }
            }
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
                self.activation.apply(V::load(y)).store(y);
            }
        }
    }
}

/// An activation over vectors in a row, by a function of its own.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(crate) unsafe fn apply_to<V: Vector>(activation: Activation, y: *mut f32, vectors: usize) {
    // SAFETY: the caller's promise.
    unsafe { V::enter(Apply { activation, y, vectors }) }
}
