//! Weights as they are stored: in `f32`, or in bf16, which has its exponent and the first eight bits of its digits.

use super::Buffer;
use super::buffer::Plain;
use super::kept::Kept;
use crate::simd::Vector;

/// A number of a weight.
pub(crate) trait Stored: Plain {
    /// The nearest, of two equally near the one that ends in a zero; NaN stays NaN.
    fn nearest(value: f32) -> Self;

    /// Its value.
    fn value(self) -> f32;

    /// Sixteen of them.
    ///
    /// # Safety
    /// As [`Vector`].
    unsafe fn load<V: Vector>(from: *const Self) -> V;
}

impl Stored for f32 {
    fn nearest(value: f32) -> Self {
        value
    }

    fn value(self) -> f32 {
        self
    }

    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const Self) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load(from) }
    }
}

/// The upper half of an `f32`.
impl Stored for u16 {
    fn nearest(value: f32) -> Self {
        let bits = value.to_bits();
        if value.is_nan() {
            return (bits >> 16) as u16 | 0x40;
        }
        ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
    }

    fn value(self) -> f32 {
        f32::from_bits(u32::from(self) << 16)
    }

    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const Self) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load_bf16(from) }
    }
}

/// Packed weights.
#[derive(Debug)]
pub(crate) enum Packed {
    F32(Kept),
    Bf16(Buffer<u16>),
}

impl Packed {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::F32(values) => values.bytes(),
            Self::Bf16(values) => size_of_val::<[u16]>(values),
        }
    }
}
