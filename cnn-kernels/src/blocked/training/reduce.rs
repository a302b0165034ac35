//! Sums that were computed in parts, put together and written in a layer's own order.

use super::super::Memory;
use super::super::team::Member;
use crate::blocked::part;
use crate::simd::LANES;

/// Partial gradients of a weight: part, block of channels, value of a channel, lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    /// How many there are of each.
    pub(super) parts: usize,
    /// Channels, and the values that each has.
    pub(super) channels: usize,
    pub(super) values: usize,
}

impl Parts {
    pub(super) fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Values of one part.
    pub(super) fn part_len(&self) -> usize {
        self.blocks() * self.values * LANES
    }

    pub(super) fn len(&self) -> usize {
        self.parts * self.part_len()
    }

    /// The first of a block's values in a part.
    pub(super) fn at(&self, part: usize, block: usize, value: usize) -> usize {
        part * self.part_len() + (block * self.values + value) * LANES
    }

    /// A phase that writes the sums to an output of the run: channel by channel.
    ///
    /// # Safety
    /// The scratch holds the parts, and the output has a value for each of a channel.
    pub(super) unsafe fn reduce(
        &self,
        member: &mut Member<'_>,
        memory: &Memory<'_>,
        scratch: *const f32,
        output: usize,
    ) {
        let to = memory.outputs[output];
        let chunks = self.values.div_ceil(256);
        member.each(self.blocks() * chunks, |item| {
            let (block, chunk) = (item / chunks, part(self.values, chunks, item % chunks));
            let lanes = LANES.min(self.channels - block * LANES);
            for value in chunk {
                let mut sums = [0.0f32; LANES];
                for part in 0..self.parts {
                    let from = scratch.wrapping_add(self.at(part, block, value));
                    for (lane, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: the caller's promise.
                        *sum += unsafe { *from.add(lane) };
                    }
                }
                for (lane, sum) in sums.iter().enumerate().take(lanes) {
                    // SAFETY: the caller's promise; items write different values.
                    unsafe { *to.add((block * LANES + lane) * self.values + value) = *sum };
                }
            }
        });
    }
}

/// Into how many parts a batch is taken, so that so many items become work for all threads.
pub(super) fn batch_parts(threads: usize, items: usize, batch: usize) -> usize {
    if threads == 1 { 1 } else { (3 * threads).div_ceil(items.max(1)).min(batch).max(1) }
}
