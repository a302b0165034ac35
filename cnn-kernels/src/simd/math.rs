//! Functions of vectors that take more than an instruction.

#![allow(clippy::excessive_precision, reason = "the coefficients as published")]

use super::Vector;

/// Highest and lowest arguments between which `exp` neither overflows nor vanishes in `f32`.
const LIMIT: f32 = 87.3;

/// `exp(x)`, within 2 units in the last place: `x = n ln 2 + r`, and a polynomial of degree 6 in `r` (its coefficients
/// are those of Cephes' `expf`, Moshier 1992). Beyond ±87.3 it stays at what it is there.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(crate) unsafe fn exp<V: Vector>(x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let clamped = x.max(V::splat(-LIMIT)).min(V::splat(LIMIT));
        let n = clamped.mul(V::splat(std::f32::consts::LOG2_E)).round();
        // ln 2 in two parts, the first with few bits, so that n times it is exact.
        let r = n.neg_mul_add(V::splat(0.693_359_375), clamped);
        let r = n.neg_mul_add(V::splat(-2.121_944_4e-4), r);
        let coefficients = [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.000_000_1e-1f32];
        let mut p = V::splat(1.987_569_1e-4);
        for coefficient in coefficients {
            p = p.mul_add(r, V::splat(coefficient));
        }
        let y = p.mul_add(r.mul(r), r).add(V::splat(1.0));
        y.mul(n.exp2_int())
    }
}

/// `1 / (1 + exp(-x))`
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(crate) unsafe fn sigmoid<V: Vector>(x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let one = V::splat(1.0);
        one.div(one.add(exp(V::zero().sub(x))))
    }
}

/// The hyperbolic tangent: small arguments by their series, where the quotient of exponentials would cancel.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(crate) unsafe fn tanh<V: Vector>(x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let square = x.mul(x);
        // Cephes' `tanhf` below 0.625.
        let mut p = V::splat(-5.704_988_7e-3);
        for coefficient in [2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328_2e-1f32] {
            p = p.mul_add(square, V::splat(coefficient));
        }
        let small = p.mul(square).mul_add(x, x);
        let one = V::splat(1.0);
        let e = exp(x.add(x));
        let large = one.sub(V::splat(2.0).div(e.add(one)));
        square.select_gt(V::splat(0.625 * 0.625), large, small)
    }
}

/// `x Phi(x)`, `Phi` being the normal distribution.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(crate) unsafe fn gelu<V: Vector>(x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe { x.mul(normal(x)[0]) }
}

/// The derivative of [`gelu`]: `Phi(x) + x phi(x)`, `phi` being the normal density.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
pub(crate) unsafe fn gelu_slope<V: Vector>(x: V) -> V {
    const DENSITY: f32 = 0.5 * std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
    // SAFETY: the caller's promise.
    unsafe {
        let [distribution, gaussian] = normal(x);
        x.mul(gaussian).mul_add(V::splat(DENSITY), distribution)
    }
}

/// The normal distribution, by the complementary error function as a rational polynomial times a Gaussian (Abramowitz and
/// Stegun 7.1.26, absolute error below 1.5e-7); and that Gaussian, `exp(-x² / 2)`.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn normal<V: Vector>(x: V) -> [V; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let one = V::splat(1.0);
        let negative = V::zero().sub(x);
        let z = x.max(negative).mul(V::splat(std::f32::consts::FRAC_1_SQRT_2));
        let t = one.div(z.mul_add(V::splat(0.327_591_1), one));
        let mut p = V::splat(1.061_405_4);
        for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_72, 0.254_829_6f32] {
            p = p.mul_add(t, V::splat(coefficient));
        }
        let gaussian = exp(V::zero().sub(z.mul(z)));
        // erfc(|x| / sqrt 2)
        let tail = p.mul(t).mul(gaussian);
        let half = V::splat(0.5);
        let upper = half.neg_mul_add(tail, one);
        [x.select_gt(V::zero(), upper, half.mul(tail)), gaussian]
    }
}
