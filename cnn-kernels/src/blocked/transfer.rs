//! Values from one place and layout to another.

use super::places::{Limits, Stretches};
use super::program::{Step, sealed::Run};
use super::team::Member;
use super::{Map, Memory, Needs, Plain};
use crate::simd::LANES;

/// A copy.
#[derive(Debug)]
pub struct Move {
    batch: usize,
    from: Place,
    to: Place,
    shape: [usize; 3],
}

/// A place in either layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In blocks of channels; of this channel of it, the first that is meant.
    Map(Map, usize),
    /// Row-major.
    Plain(Plain),
    /// As a map of its own has them, in blocks of channels.
    Blocks(Plain),
}

impl Move {
    /// Copies (channels, rows, columns) of every sample.
    ///
    /// # Panics
    /// Where the places have not these sizes, and where blocks are to become anything but a whole map, or the reverse.
    #[must_use]
    pub fn new(batch: usize, shape: [usize; 3], from: Place, to: Place) -> Self {
        for place in [from, to] {
            if let Place::Map(map, first) = place {
                assert!(
                    first + shape[0] <= map.shape[0] && map.shape[1..] == shape[1..],
                    "{place:?} of {shape:?}"
                );
            }
        }
        match (from, to) {
            (Place::Blocks(_), other) | (other, Place::Blocks(_)) => {
                let whole = matches!(other, Place::Map(map, 0) if map.shape == shape);
                assert!(whole, "blocks to or from {other:?}, which is no map of {shape:?}");
            }
            _ => {}
        }
        Self { batch, from, to, shape }
    }

    /// Values of a sample in blocks.
    fn blocks_len(&self) -> usize {
        self.shape[0].next_multiple_of(LANES) * self.shape[1] * self.shape[2]
    }
}

impl Step for Move {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "copy".to_owned()
    }
}

impl Run for Move {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        let stretches = [(self.from, false), (self.to, true)].map(|(place, written)| match place {
            Place::Map(map, first) => {
                limits.map(&map);
                // The blocks that its channels lie in.
                let (block, end) = (first / LANES, (first + self.shape[0]).div_ceil(LANES));
                let offset = map.offset + block * map.plane();
                Some(Stretches { offset, stride: map.stride, len: (end - block) * map.plane() })
            }
            Place::Plain(plain) => {
                let len = self.shape.iter().product();
                limits.plain(plain, len, written);
                plain.stretches(len)
            }
            Place::Blocks(plain) => {
                limits.plain(plain, self.blocks_len(), written);
                plain.stretches(self.blocks_len())
            }
        });
        if let [Some(read), Some(written)] = stretches {
            limits.apart(read, written);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let [channels, height, width] = self.shape;
        let (pixels, len) = (height * width, channels * height * width);
        let blocks = channels.div_ceil(LANES);
        member.each(self.batch * blocks, |item| {
            let (n, block) = (item / blocks, item % blocks);
            let plane = pixels * LANES;
            let in_map = |map: Map| memory.arena.wrapping_add(map.offset + n * map.stride + block * plane);
            match (self.from, self.to) {
                (Place::Map(map, _), Place::Blocks(plain)) => {
                    let to = memory.plain_mut(plain, n, self.blocks_len()).wrapping_add(block * plane);
                    // SAFETY: the places were checked; items write different blocks.
                    unsafe { to.copy_from(in_map(map), plane) };
                    return;
                }
                (Place::Blocks(plain), Place::Map(map, _)) => {
                    let from = memory.plain(plain, n, self.blocks_len()).wrapping_add(block * plane);
                    // SAFETY: as above.
                    unsafe { in_map(map).copy_from(from, plane) };
                    return;
                }
                _ => {}
            }
            let mine = block * LANES..channels.min((block + 1) * LANES);
            // The first value of a channel, and the distance of its pixels.
            let source = |c: usize| match self.from {
                Place::Map(map, first) => {
                    let c = first + c;
                    let offset = map.offset + n * map.stride + c / LANES * map.plane() + c % LANES;
                    (memory.arena.wrapping_add(offset).cast_const(), LANES)
                }
                Place::Plain(plain) => (memory.plain(plain, n, len).wrapping_add(c * pixels), 1),
                Place::Blocks(_) => unreachable!("blocks are copied above"),
            };
            let target = |c: usize| match self.to {
                Place::Map(map, first) => {
                    let c = first + c;
                    let offset = map.offset + n * map.stride + c / LANES * map.plane() + c % LANES;
                    (memory.arena.wrapping_add(offset), LANES)
                }
                Place::Plain(plain) => (memory.plain_mut(plain, n, len).wrapping_add(c * pixels), 1),
                Place::Blocks(_) => unreachable!("blocks are copied above"),
            };
            for c in mine.clone() {
                let ((from, from_step), (to, to_step)) = (source(c), target(c));
                for pixel in 0..pixels {
                    // SAFETY: the places were checked; items write different channels.
                    unsafe { *to.add(pixel * to_step) = *from.add(pixel * from_step) };
                }
            }
            // Lanes without a channel: what was there before might be NaN, which no weight of zero would silence.
            if let Place::Map(map, first) = self.to
                && first + mine.end == map.shape[0]
            {
                let last = map.blocks() * LANES;
                for lane in map.shape[0]..last {
                    let offset = map.offset + n * map.stride + lane / LANES * map.plane() + lane % LANES;
                    for pixel in 0..pixels {
                        // SAFETY: the last block is in the map.
                        unsafe { *memory.arena.wrapping_add(offset).add(pixel * LANES) = 0.0 };
                    }
                }
            }
        });
    }
}
