//! A scale, a shift and an activation, channel by channel.

use super::direct::padded;
use super::epilogue::activate;
use super::{Activation, Buffer};
use crate::simd::{LANES, Vector};

/// `activation(scale * x + shift)`.
#[derive(Debug)]
pub(crate) struct Affine {
    scale: Option<Buffer>,
    shift: Option<Buffer>,
    activation: Option<Activation>,
}

impl Affine {
    /// # Panics
    /// Where there is not one value per channel.
    pub(crate) fn new(
        channels: usize,
        [scale, shift]: [Option<&[f32]>; 2],
        activation: Option<Activation>,
    ) -> Self {
        let lanes = |values: Option<&[f32]>| {
            values.map(|values| {
                assert_eq!(values.len(), channels, "one value per channel");
                padded(values, channels)
            })
        };
        Self { scale: lanes(scale), shift: lanes(shift), activation }
    }

    pub(crate) fn bytes(&self) -> usize {
        4 * [&self.scale, &self.shift].into_iter().flatten().map(|buffer| buffer.len()).sum::<usize>()
    }

    /// That of one block of channels.
    ///
    /// # Safety
    /// As [`Vector`]; there is such a block.
    #[allow(
        clippy::manual_map,
        reason = "a closure that is not inlined is compiled without the instruction set"
    )]
    #[inline(always)]
    pub(crate) unsafe fn block<V: Vector>(&self, block: usize) -> AffineBlock<V> {
        // SAFETY: the caller's promise.
        unsafe {
            let scale = match &self.scale {
                Some(buffer) => Some(V::load(buffer.pointer().add(block * LANES))),
                None => None,
            };
            let shift = match &self.shift {
                Some(buffer) => Some(V::load(buffer.pointer().add(block * LANES))),
                None => None,
            };
            AffineBlock { scale, shift, activation: self.activation }
        }
    }
}

/// [`Affine`] of sixteen channels.
#[derive(Clone, Copy)]
pub(crate) struct AffineBlock<V> {
    scale: Option<V>,
    shift: Option<V>,
    activation: Option<Activation>,
}

impl<V: Vector> AffineBlock<V> {
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    pub(crate) unsafe fn of(self, mut x: V) -> V {
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(scale) = self.scale {
                x = x.mul(scale);
            }
            if let Some(shift) = self.shift {
                x = x.add(shift);
            }
            match self.activation {
                Some(activation) => activate(activation, x),
                None => x,
            }
        }
    }
}
