//! The product that everything is made of: a tile of pixels by output channels, over taps and input channels.
//!
//! Pixels stand at a fixed distance (16 values in the blocked layout, 4 in that of the first layer), so that their
//! values are broadcast from constant offsets; weights are packed in the order in which they are read. Convolutions of
//! any window, 1x1 convolutions and the products of Winograd's algorithm differ in their taps only.

use super::epilogue::Epilogue;
use super::stored::Stored;
use crate::simd::{Isa, Kernel, LANES, Vector};

/// What all tiles of a product have in common.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    /// Offsets of the taps from a pixel.
    pub(crate) taps: &'a [usize],
    /// Input channels.
    pub(crate) channels: usize,
    /// Distance between blocks of input channels.
    pub(crate) block: usize,
    /// Distance between blocks of output channels.
    pub(crate) out_block: usize,
}

/// One tile.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a, T> {
    pub(crate) product: &'a Product<'a>,
    pub(crate) epilogue: &'a Epilogue,
    /// Where the first pixel's channels begin.
    pub(crate) x: *const f32,
    /// The packed weights of its output channels.
    pub(crate) weights: *const T,
    /// Where its first output goes.
    pub(crate) y: *mut f32,
    /// Where its residual begins; read where the epilogue has one.
    pub(crate) residual: *const f32,
    /// The bias of its output channels; null for none.
    pub(crate) bias: *const f32,
}

/// A tile of `P` pixels, `DISTANCE` values apart, by `B` blocks of output channels.
struct Sized<'a, T, const P: usize, const B: usize, const DISTANCE: usize>(Tile<'a, T>);

impl<T: Stored, const P: usize, const B: usize, const DISTANCE: usize> Kernel
    for Sized<'_, T, P, B, DISTANCE>
{
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Tile { product, epilogue, x, weights, y, residual, bias } = self.0;
        // SAFETY: the caller's promise: all that the product reads and writes lies in its buffers.
        unsafe {
            let mut sums = [[V::zero(); B]; P];
            let mut w = weights;
            let mut left = product.channels;
            let mut base = x;
            while left > 0 {
                let channels = left.min(if DISTANCE < LANES { DISTANCE } else { LANES });
                for &tap in product.taps {
                    let mut from = base.add(tap);
                    for _ in 0..channels {
                        let weights: [V; B] = std::array::from_fn(|b| T::load(w.add(b * LANES)));
                        w = w.add(B * LANES);
                        for (p, sums) in sums.iter_mut().enumerate() {
                            let value = V::splat(*from.add(p * DISTANCE));
                            for (sum, &weight) in sums.iter_mut().zip(&weights) {
                                *sum = weight.mul_add(value, *sum);
                            }
                        }
                        from = from.add(1);
                    }
                }
                left -= channels;
                // Behind the last block it points anywhere, and is not read.
                base = base.wrapping_add(product.block);
            }
            epilogue.store_tile::<V, P, B>(sums, bias, y, residual, product.out_block);
        }
    }
}

/// Computes a tile.
///
/// # Safety
/// The processor has the instructions of `V`; `blocks` and `pixels` are within the tile of `V`; the taps, from every
/// pixel and for all channels, lie in the input's buffer, and the outputs in that of the output.
#[inline(always)]
pub(crate) unsafe fn tile<V: Vector, T: Stored, const DISTANCE: usize>(
    tile: Tile<'_, T>,
    blocks: usize,
    pixels: usize,
) {
    macro_rules! sizes {
        ($blocks:literal: $($pixels:literal)*) => {
            match pixels {
                // SAFETY: the caller's promise.
                $($pixels => unsafe { V::enter(Sized::<T, $pixels, $blocks, DISTANCE>(tile)) },)*
                _ => unreachable!("a tile of {pixels} pixels"),
            }
        };
    }
    // The most pixels of a type are constants: what it cannot have is not compiled for it.
    if V::TILE_PIXELS == 14 {
        if blocks == 2 {
            sizes!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        } else {
            sizes!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        }
    } else if V::TILE_PIXELS == 6 {
        sizes!(1: 1 2 3 4 5 6);
    } else {
        sizes!(1: 1 2 3 4);
    }
}

/// Packs weights for the tile: groups of output channels, in each input blocks, taps and channels, in each the output
/// channels. `weight(o, c, tap)` is a weight.
pub(crate) fn pack<T: Stored>(
    isa: Isa,
    [out_channels, in_channels, taps]: [usize; 3],
    distance: usize,
    mut weight: impl FnMut(usize, usize, usize) -> f32,
    packed: &mut [T],
) {
    let (group_blocks, _) = isa.tile();
    let block = distance.min(LANES);
    let mut values = packed.iter_mut();
    let blocks = out_channels.div_ceil(LANES);
    for first in (0..blocks).step_by(group_blocks) {
        let width = group_blocks.min(blocks - first) * LANES;
        for c0 in (0..in_channels).step_by(block) {
            for tap in 0..taps {
                for c in c0..in_channels.min(c0 + block) {
                    for o in first * LANES..first * LANES + width {
                        let Some(value) = values.next() else { return };
                        *value = T::nearest(if o < out_channels { weight(o, c, tap) } else { 0.0 });
                    }
                }
            }
        }
    }
}

/// How many values [`pack`] writes.
pub(crate) const fn packed_len([out_channels, in_channels, taps]: [usize; 3]) -> usize {
    out_channels.div_ceil(LANES) * LANES * in_channels * taps
}
