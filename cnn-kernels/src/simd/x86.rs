//! Vectors of x86-64.

use std::arch::x86_64::*;

use super::{Kernel, Vector};

/// AVX-512: 28 accumulators (14 pixels by 32 channels), two weights, one broadcast of 32 registers.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

/// AVX2: 12 accumulators (6 pixels by 16 channels), two weights, one broadcast of 16 registers.
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn enter_avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller's promise.
    unsafe { kernel.run::<Avx512>() }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn enter_avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller's promise.
    unsafe { kernel.run::<Avx2>() }
}

// SAFETY of all blocks below: the trait's contract, the processor has the instructions and pointers are valid.

impl Vector for Avx512 {
    const TILE_BLOCKS: usize = 2;
    const TILE_PIXELS: usize = 14;

    #[inline(always)]
    unsafe fn enter<K: Kernel>(kernel: K) -> K::Output {
        // SAFETY: the caller's promise.
        unsafe { enter_avx512(kernel) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_setzero_ps() })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_fnmadd_ps(self.0, factor.0, term.0) })
    }

    // The instruction gives its second operand where one is NaN.
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_max_ps(other.0, self.0) })
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_min_ps(other.0, self.0) })
    }

    #[inline(always)]
    unsafe fn max_nan(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            let larger = _mm512_max_ps(self.0, other.0);
            Self(_mm512_mask_mov_ps(larger, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0), self.0))
        }
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0) })
    }

    #[inline(always)]
    unsafe fn exp2_int(self) -> Self {
        // SAFETY: as above.
        unsafe {
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent)))
        }
    }

    #[inline(always)]
    unsafe fn select_gt(self, limit: Self, yes: Self, no: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, limit.0);
            Self(_mm512_mask_blend_ps(mask, no.0, yes.0))
        }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: as above.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: as above.
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)))
        }
    }

    #[inline(always)]
    unsafe fn transposed(rows: [Self; 16]) -> [Self; 16] {
        let (mut quarters, mut columns) = (rows, rows);
        // SAFETY: as above.
        unsafe {
            // Within each four rows: columns k, 4 + k, 8 + k and 12 + k, four values each.
            for four in 0..4 {
                let (a, b) = (rows[4 * four].0, rows[4 * four + 1].0);
                let (c, d) = (rows[4 * four + 2].0, rows[4 * four + 3].0);
                let pairs = [
                    _mm512_castps_pd(_mm512_unpacklo_ps(a, b)),
                    _mm512_castps_pd(_mm512_unpackhi_ps(a, b)),
                    _mm512_castps_pd(_mm512_unpacklo_ps(c, d)),
                    _mm512_castps_pd(_mm512_unpackhi_ps(c, d)),
                ];
                let low = [_mm512_unpacklo_pd(pairs[0], pairs[2]), _mm512_unpackhi_pd(pairs[0], pairs[2])];
                let high = [_mm512_unpacklo_pd(pairs[1], pairs[3]), _mm512_unpackhi_pd(pairs[1], pairs[3])];
                quarters[4 * four] = Self(_mm512_castpd_ps(low[0]));
                quarters[4 * four + 1] = Self(_mm512_castpd_ps(low[1]));
                quarters[4 * four + 2] = Self(_mm512_castpd_ps(high[0]));
                quarters[4 * four + 3] = Self(_mm512_castpd_ps(high[1]));
            }
            for k in 0..4 {
                let (first, second) = (quarters[k].0, quarters[4 + k].0);
                let (third, fourth) = (quarters[8 + k].0, quarters[12 + k].0);
                let even = [
                    _mm512_shuffle_f32x4::<0x88>(first, second),
                    _mm512_shuffle_f32x4::<0x88>(third, fourth),
                ];
                let odd = [
                    _mm512_shuffle_f32x4::<0xdd>(first, second),
                    _mm512_shuffle_f32x4::<0xdd>(third, fourth),
                ];
                columns[k] = Self(_mm512_shuffle_f32x4::<0x88>(even[0], even[1]));
                columns[4 + k] = Self(_mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]));
                columns[8 + k] = Self(_mm512_shuffle_f32x4::<0xdd>(even[0], even[1]));
                columns[12 + k] = Self(_mm512_shuffle_f32x4::<0xdd>(odd[0], odd[1]));
            }
        }
        columns
    }
}

impl Vector for Avx2 {
    const TILE_BLOCKS: usize = 1;
    const TILE_PIXELS: usize = 6;

    #[inline(always)]
    unsafe fn enter<K: Kernel>(kernel: K) -> K::Output {
        // SAFETY: the caller's promise.
        unsafe { enter_avx2(kernel) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: as above.
        let value = unsafe { _mm256_set1_ps(value) };
        Self(value, value)
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as above.
        let zero = unsafe { _mm256_setzero_ps() };
        Self(zero, zero)
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_div_ps(self.0, other.0), _mm256_div_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, term.0), _mm256_fmadd_ps(self.1, factor.1, term.1)) }
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            Self(_mm256_fnmadd_ps(self.0, factor.0, term.0), _mm256_fnmadd_ps(self.1, factor.1, term.1))
        }
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_max_ps(other.0, self.0), _mm256_max_ps(other.1, self.1)) }
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_min_ps(other.0, self.0), _mm256_min_ps(other.1, self.1)) }
    }

    #[inline(always)]
    unsafe fn max_nan(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            let larger = self.max_raw(other);
            Self(
                _mm256_blendv_ps(larger.0, self.0, _mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0)),
                _mm256_blendv_ps(larger.1, self.1, _mm256_cmp_ps::<_CMP_UNORD_Q>(self.1, self.1)),
            )
        }
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        const MODE: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: as above.
        unsafe { Self(_mm256_round_ps::<MODE>(self.0), _mm256_round_ps::<MODE>(self.1)) }
    }

    #[inline(always)]
    unsafe fn exp2_int(self) -> Self {
        // SAFETY: as above.
        unsafe { Self(exp2_int_256(self.0), exp2_int_256(self.1)) }
    }

    #[inline(always)]
    unsafe fn select_gt(self, limit: Self, yes: Self, no: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            let (low, high) =
                (_mm256_cmp_ps::<_CMP_GT_OQ>(self.0, limit.0), _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, limit.1));
            Self(_mm256_blendv_ps(no.0, yes.0, low), _mm256_blendv_ps(no.1, yes.1, high))
        }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: as above.
        unsafe {
            let eight = _mm256_add_ps(self.0, self.1);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: as above.
        unsafe { Self(load_bf16_256(from), load_bf16_256(from.add(8))) }
    }
}

// Functions, not closures: a closure that is not inlined is compiled without the instruction set.

impl Avx2 {
    #[inline(always)]
    unsafe fn max_raw(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
    }
}

#[inline(always)]
unsafe fn exp2_int_256(x: __m256) -> __m256 {
    // SAFETY: as above.
    unsafe {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
    }
}

#[inline(always)]
unsafe fn load_bf16_256(from: *const u16) -> __m256 {
    // SAFETY: as above.
    unsafe {
        let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
    }
}
