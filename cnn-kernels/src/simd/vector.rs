//! What a vector can do.

use super::Kernel;

/// Sixteen `f32`s.
///
/// # Safety of all functions
/// The processor must have the instructions of the implementing type, which [`Isa::run`](super::Isa::run) sees to;
/// pointers must be valid for sixteen values (of any alignment).
pub(crate) trait Vector: Copy {
    /// Blocks of output channels in the product's tile.
    const TILE_BLOCKS: usize;
    /// The most pixels in the product's tile: with their accumulators the registers are full.
    const TILE_PIXELS: usize;

    /// Calls a kernel through a function that is compiled with this instruction set, and is not inlined.
    unsafe fn enter<K: Kernel>(kernel: K) -> K::Output;

    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn splat(value: f32) -> Self;
    unsafe fn zero() -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self * factor + term`
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `term - self * factor`
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self;
    /// The larger; where `self` is NaN, NaN. What a NaN in `other` gives is not said.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller, with NaN as in [`max`](Self::max).
    unsafe fn min(self, other: Self) -> Self;
    /// The larger; NaN where either is NaN, as PyTorch's max pooling keeps it.
    unsafe fn max_nan(self, other: Self) -> Self;
    /// The nearest integers.
    unsafe fn round(self) -> Self;
    /// `2^self`, of integers from -126 to 127.
    unsafe fn exp2_int(self) -> Self;
    /// Lane by lane: `self > limit ? yes : no`
    unsafe fn select_gt(self, limit: Self, yes: Self, no: Self) -> Self;
    /// Sum of the lanes.
    unsafe fn sum(self) -> f32;
    /// Rows become columns.
    #[inline(always)]
    unsafe fn transposed(rows: [Self; 16]) -> [Self; 16] {
        let (mut values, mut columns) = ([[0.0f32; 16]; 16], rows);
        // SAFETY: the caller's promise; each array has sixteen values.
        unsafe {
            for (row, values) in rows.iter().zip(&mut values) {
                row.store(values.as_mut_ptr());
            }
            for (index, column) in columns.iter_mut().enumerate() {
                let mut lanes = [0.0f32; 16];
                for (lane, row) in lanes.iter_mut().zip(&values) {
                    *lane = row[index];
                }
                *column = Self::load(lanes.as_ptr());
            }
        }
        columns
    }

    /// Sixteen bf16 values, widened.
    unsafe fn load_bf16(from: *const u16) -> Self;
}
