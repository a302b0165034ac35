//! Sums that were computed in parts, put together and written in a layer's own order.

use super::super::Memory;
use super::super::team::Member;
use std::ops::Range;

use crate::blocked::part;
use crate::simd::{Isa, Kernel, LANES, Vector};

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
        isa: Isa,
        memory: &Memory<'_>,
        scratch: *const f32,
        output: usize,
    ) {
        let to = memory.outputs[output];
        let chunks = self.values.div_ceil(256);
        member.each(self.blocks() * chunks, |item| {
            let (block, chunk) = (item / chunks, part(self.values, chunks, item % chunks));
            let lanes = 0..LANES.min(self.channels - block * LANES);
            let to = to.wrapping_add(block * LANES * self.values + chunk.start);
            let sums = Sums { of: self, scratch, block, lanes, values: chunk, to, distance: self.values };
            // SAFETY: the caller's promise; items write different values.
            unsafe { isa.run(sums) }
        });
    }

    /// As [`reduce`](Self::reduce), where each group of channels has some of the values: `first` says from which one on, of a
    /// block's values.
    ///
    /// # Safety
    /// As [`reduce`](Self::reduce), of as many values as a group has; they are among the block's.
    pub(super) unsafe fn reduce_groups(
        &self,
        member: &mut Member<'_>,
        isa: Isa,
        memory: &Memory<'_>,
        [scratch, output]: [usize; 2],
        [group, values]: [usize; 2],
        first: impl Fn(usize, usize) -> usize,
    ) {
        let (scratch, to) = (memory.shared.wrapping_add(scratch).cast_const(), memory.outputs[output]);
        member.each(self.blocks(), |block| {
            let channels = block * LANES..self.channels.min((block + 1) * LANES);
            for index in channels.start / group..=(channels.end - 1) / group {
                let some = channels.start.max(index * group)..channels.end.min((index + 1) * group);
                let start = first(block, index);
                let sums = Sums {
                    of: self,
                    scratch,
                    block,
                    lanes: some.start - channels.start..some.end - channels.start,
                    values: start..start + values,
                    to: to.wrapping_add(some.start * values),
                    distance: values,
                };
                // SAFETY: the caller's promise; items write different channels.
                unsafe { isa.run(sums) }
            }
        });
    }
}

/// Some values of some channels of a block.
struct Sums<'a> {
    of: &'a Parts,
    scratch: *const f32,
    block: usize,
    lanes: Range<usize>,
    values: Range<usize>,
    /// Where the first goes, and how far the next channel's is.
    to: *mut f32,
    distance: usize,
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, scratch, block, lanes, values, to, distance } = self;
        // SAFETY: the caller's promise.
        unsafe {
            let mut first = values.start;
            while first < values.end {
                let count = LANES.min(values.end - first);
                let mut rows = [V::zero(); LANES];
                for (index, row) in rows.iter_mut().enumerate().take(count) {
                    for part in 0..of.parts {
                        *row = row.add(V::load(scratch.add(of.at(part, block, first + index))));
                    }
                }
                let columns = V::transposed(rows);
                for (index, column) in columns[lanes.clone()].iter().enumerate() {
                    let to = to.add(index * distance + first - values.start);
                    if count == LANES {
                        column.store(to);
                    } else {
                        let mut few = [0.0f32; LANES];
                        column.store(few.as_mut_ptr());
                        to.copy_from_nonoverlapping(few.as_ptr(), count);
                    }
                }
                first += count;
            }
        }
    }
}

/// Into how many parts a batch is taken, so that so many items become work for all threads.
pub(super) fn batch_parts(threads: usize, items: usize, batch: usize) -> usize {
    if threads == 1 { 1 } else { (3 * threads).div_ceil(items.max(1)).min(batch).max(1) }
}
