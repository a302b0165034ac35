//! Vectors of 64-bit ARM.

use std::arch::aarch64::*;

use super::{Kernel, Vector};

/// NEON: 24 accumulators (6 pixels by 16 channels), four weights, one broadcast of 32 registers.
#[derive(Clone, Copy)]
pub(super) struct Neon([float32x4_t; 4]);

#[target_feature(enable = "neon")]
unsafe fn enter_neon<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller's promise.
    unsafe { kernel.run::<Neon>() }
}

/// `each!(i => expression)`, for the four quarters.
macro_rules! each {
    ($i:ident => $value:expr) => {{
        // SAFETY: the trait's contract: NEON is there, and pointers are valid.
        let at = |$i: usize| unsafe { $value };
        Self([at(0), at(1), at(2), at(3)])
    }};
}

impl Vector for Neon {
    const TILE_BLOCKS: usize = 1;
    const TILE_PIXELS: usize = 6;

    #[inline(always)]
    unsafe fn enter<K: Kernel>(kernel: K) -> K::Output {
        // SAFETY: the caller's promise.
        unsafe { enter_neon(kernel) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        each!(i => vld1q_f32(from.add(4 * i)))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        for (i, quarter) in self.0.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { vst1q_f32(to.add(4 * i), quarter) }
        }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        each!(_i => vdupq_n_f32(value))
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        each!(_i => vdupq_n_f32(0.0))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        each!(i => vaddq_f32(self.0[i], other.0[i]))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        each!(i => vsubq_f32(self.0[i], other.0[i]))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        each!(i => vmulq_f32(self.0[i], other.0[i]))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        each!(i => vdivq_f32(self.0[i], other.0[i]))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        each!(i => vfmaq_f32(term.0[i], self.0[i], factor.0[i]))
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        each!(i => vfmsq_f32(term.0[i], self.0[i], factor.0[i]))
    }

    // NaN in any operand gives NaN.
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        each!(i => vmaxq_f32(self.0[i], other.0[i]))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        each!(i => vminq_f32(self.0[i], other.0[i]))
    }

    #[inline(always)]
    unsafe fn max_nan(self, other: Self) -> Self {
        each!(i => vmaxq_f32(self.0[i], other.0[i]))
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        each!(i => vrndnq_f32(self.0[i]))
    }

    #[inline(always)]
    unsafe fn exp2_int(self) -> Self {
        each!(i => {
            let exponent = vaddq_s32(vcvtnq_s32_f32(self.0[i]), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        })
    }

    #[inline(always)]
    unsafe fn select_gt(self, limit: Self, yes: Self, no: Self) -> Self {
        each!(i => vbslq_f32(vcgtq_f32(self.0[i], limit.0[i]), yes.0[i], no.0[i]))
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let [a, b, c, d] = self.0;
        // SAFETY: NEON is there.
        unsafe { vaddvq_f32(vaddq_f32(vaddq_f32(a, b), vaddq_f32(c, d))) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        each!(i => vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from.add(4 * i)))))
    }
}
