//! Convolution by its definition, where a faster way spread values that are not finite: minimal filtering over its tile,
//! the zeros between narrow groups over their block. PyTorch has such values only where a window sees one.

use std::ops::Range;

use super::epilogue::Epilogue;
use super::filter::Filter;
use crate::conv::Conv;
use crate::simd::{Kernel, LANES, Vector};

/// The most outputs at a time: a tile of minimal filtering.
const MOST: usize = 36;

/// Channels of a group, in and out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Groups {
    inputs: usize,
    outputs: usize,
}

impl Groups {
    pub(crate) fn of(weight: &Filter<'_>) -> Self {
        Self { inputs: weight.group_inputs, outputs: weight.group_outputs }
    }

    /// All channels in one.
    pub(crate) fn whole(conv: &Conv) -> Self {
        Self { inputs: conv.in_channels, outputs: conv.out_channels }
    }

    /// Whether there are several, which share blocks.
    pub(crate) fn are_mixed(self, conv: &Conv) -> bool {
        self.outputs < conv.out_channels
    }

    /// One for the output channels of a block that see an input channel, zero for others.
    fn seeing(self, block: usize, channel: usize) -> [f32; LANES] {
        std::array::from_fn(|lane| {
            let output = block * LANES + lane;
            f32::from(u8::from(output / self.outputs == channel / self.inputs))
        })
    }
}

/// Weights, from how they were packed.
pub(crate) trait Weights {
    /// Those of sixteen output channels.
    ///
    /// # Safety
    /// As [`Vector`]; there are such a block, an input channel and a tap.
    unsafe fn weight<V: Vector>(&self, block: usize, channel: usize, tap: usize) -> V;
}

/// Some outputs of a block of channels, computed again.
pub(crate) struct Again<'a, W> {
    pub(crate) conv: &'a Conv,
    pub(crate) groups: Groups,
    pub(crate) weights: &'a W,
    pub(crate) epilogue: &'a Epilogue,
    /// The sample's input, and the distance between its blocks.
    pub(crate) x: *const f32,
    pub(crate) plane: usize,
    pub(crate) block: usize,
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
    /// Of the block; null for none.
    pub(crate) bias: *const f32,
    /// Where the first output goes, and where its residual is.
    pub(crate) y: *mut f32,
    pub(crate) residual: *const f32,
}

impl<W: Weights> Kernel for Again<'_, W> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { conv, groups, weights, epilogue, x, plane, block, rows, columns, bias, y, residual } =
            self;
        let (height, width) = (rows.len(), columns.len());
        assert!(height * width <= MOST, "so many outputs at a time");
        // SAFETY: the caller's promise: positions are in the input, outputs in the map.
        unsafe {
            let mut sums = [V::zero(); MOST];
            let half = V::splat(0.5);
            for channel in 0..conv.in_channels {
                let seeing = groups.seeing(block, channel);
                let seeing = V::load(seeing.as_ptr());
                for ky in 0..conv.rows.kernel() {
                    for kx in 0..conv.columns.kernel() {
                        let weight = weights.weight::<V>(block, channel, ky * conv.columns.kernel() + kx);
                        for j in 0..height {
                            let Some(top) = conv.rows.position(rows.start + j, ky) else { continue };
                            for i in 0..width {
                                let Some(left) = conv.columns.position(columns.start + i, kx) else {
                                    continue;
                                };
                                let pixel = (top * conv.columns.input() + left) * LANES;
                                let value = *x.add(channel / LANES * plane + pixel + channel % LANES);
                                let sum = sums[j * width + i];
                                let more = weight.mul_add(V::splat(value), sum);
                                sums[j * width + i] = seeing.select_gt(half, more, sum);
                            }
                        }
                    }
                }
            }
            for j in 0..height {
                let line = j * conv.columns.output() * LANES;
                for i in 0..width {
                    let mut sum = sums[j * width + i];
                    if !bias.is_null() {
                        sum = sum.add(V::load(bias));
                    }
                    let place = line + i * LANES;
                    epilogue.store(sum, y.add(place), residual.wrapping_add(place));
                }
                epilogue.rest::<V>(y.add(line), width);
            }
        }
    }
}
