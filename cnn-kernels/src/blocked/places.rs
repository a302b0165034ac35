//! Where values stand, and that they do so within the arena and apart from each other.

use crate::simd::LANES;

/// Where an activation stands in the arena, in values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Its first value.
    pub offset: usize,
    /// From one sample to the next. More than [`len`](Self::len) where it is a part of the channels of another map.
    pub stride: usize,
    /// Channels, rows, columns.
    pub shape: [usize; 3],
}

impl Map {
    /// Blocks of channels.
    #[must_use]
    pub const fn blocks(&self) -> usize {
        self.shape[0].div_ceil(LANES)
    }

    /// Values of one block of channels of one sample.
    #[must_use]
    pub const fn plane(&self) -> usize {
        self.shape[1] * self.shape[2] * LANES
    }

    /// Values of one sample.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.blocks() * self.plane()
    }

    /// Whether it has no values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where plain values stand in the arena or outside: row-major, as (N, C, H, W) or (N, F).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// In the arena, from this offset, samples so far apart.
    Arena {
        /// Its first value.
        offset: usize,
        /// From one sample to the next.
        stride: usize,
    },
    /// An input of the run, by its number: samples follow each other.
    Input(usize),
    /// An output of the run, by its number: samples follow each other.
    Output(usize),
}

/// What a step's places must be within.
pub struct Limits<'p> {
    pub(crate) arena: usize,
    pub(crate) inputs: &'p [usize],
    pub(crate) outputs: &'p [usize],
    pub(crate) batch: usize,
}

/// Values of the arena: stretches of one length, at one distance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretches {
    pub(crate) offset: usize,
    pub(crate) stride: usize,
    pub(crate) len: usize,
}

impl From<&Map> for Stretches {
    fn from(map: &Map) -> Self {
        Self { offset: map.offset, stride: map.stride, len: map.len() }
    }
}

impl Plain {
    /// Where samples of that length stand in the arena, if they do.
    pub(crate) fn stretches(self, len: usize) -> Option<Stretches> {
        match self {
            Self::Arena { offset, stride } => Some(Stretches { offset, stride, len }),
            Self::Input(_) | Self::Output(_) => None,
        }
    }
}

impl Limits<'_> {
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    /// The value behind the last.
    ///
    /// # Panics
    /// Where that is beyond the arena, or samples overlap.
    fn end(&self, place: Stretches) -> usize {
        let Stretches { offset, stride, len } = place;
        let last = (self.batch - 1).checked_mul(stride).and_then(|last| last.checked_add(offset));
        let end = last.and_then(|last| last.checked_add(len)).filter(|&end| end <= self.arena);
        let Some(end) = end else { panic!("{place:?} in an arena of {}", self.arena) };
        assert!(self.batch == 1 || stride >= len, "samples of {place:?} overlap");
        end
    }

    /// # Panics
    /// Where the map reaches beyond the arena.
    pub(crate) fn map(&self, map: &Map) {
        let sizes = [map.shape[0].checked_next_multiple_of(LANES), Some(map.shape[1]), Some(map.shape[2])];
        let len = sizes.into_iter().try_fold(1usize, |len, size| len.checked_mul(size?));
        assert!(len.is_some(), "{map:?} has more values than can be counted");
        self.end(Stretches::from(map));
    }

    /// # Panics
    /// Where a sample of that length reaches beyond what it is in, or is written to an input.
    pub(crate) fn plain(&self, plain: Plain, len: usize, written: bool) {
        let lengths = match plain {
            Plain::Arena { offset, stride } => {
                self.end(Stretches { offset, stride, len });
                return;
            }
            Plain::Input(_) if written => panic!("inputs are not written"),
            Plain::Input(index) => self.inputs.get(index),
            Plain::Output(index) => self.outputs.get(index),
        };
        assert_eq!(lengths.copied(), self.batch.checked_mul(len), "the length of {plain:?}");
    }

    /// So many values in a row, of the whole batch.
    ///
    /// # Panics
    /// Where they reach beyond the arena.
    pub(crate) fn whole(&self, offset: usize, len: usize) {
        let end = offset.checked_add(len).filter(|&end| end <= self.arena);
        assert!(end.is_some(), "{len} values from {offset} in an arena of {}", self.arena);
    }

    /// So many values in a row share none with samples that were found to be in the arena.
    ///
    /// # Panics
    /// Where they share one.
    pub(crate) fn whole_apart(&self, offset: usize, len: usize, place: Stretches) {
        self.whole(offset, len);
        let apart = offset + len <= place.offset || self.end(place) <= offset;
        assert!(apart, "{len} values from {offset} and {place:?}");
    }

    /// Values in a row that are read and others that are written, offset and length of each, lie in the arena and apart.
    ///
    /// # Panics
    /// Where they do not.
    pub(crate) fn apart_rows(&self, read: [usize; 2], written: [usize; 2]) {
        for [offset, len] in [read, written] {
            self.whole(offset, len);
        }
        let apart = read[0] + read[1] <= written[0] || written[0] + written[1] <= read[0];
        assert!(apart, "{read:?} is read and {written:?} written");
    }

    /// An input or an output that is no batch has that many values.
    ///
    /// # Panics
    /// Where it has not, or there is none.
    pub(crate) fn parameter(&self, index: usize, len: usize) {
        assert_eq!(self.inputs.get(index), Some(&len), "the length of input {index}");
    }

    /// As [`parameter`](Self::parameter), of an output.
    ///
    /// # Panics
    /// As there.
    pub(crate) fn result(&self, index: usize, len: usize) {
        assert_eq!(self.outputs.get(index), Some(&len), "the length of output {index}");
    }

    /// What is read and what is written share no value. Both were found to be in the arena.
    ///
    /// # Panics
    /// Where they share one, or it cannot be told.
    pub(crate) fn apart(&self, read: Stretches, written: Stretches) {
        let extent = |place: Stretches| place.offset..self.end(place);
        let (a, b) = (extent(read), extent(written));
        if a.end <= b.start || b.end <= a.start {
            return;
        }
        // Parts of the channels of one map: beside each other in every sample.
        let stride = read.stride;
        let beside = self.batch > 1 && stride == written.stride && {
            let ahead = (written.offset % stride + stride - read.offset % stride) % stride;
            ahead >= read.len && stride - ahead >= written.len
        };
        assert!(beside, "{read:?} is read and {written:?} written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(batch: usize) -> Limits<'static> {
        Limits { arena: 1000, inputs: &[], outputs: &[], batch }
    }

    /// Whether two places share a value, value by value.
    fn share(batch: usize, a: Stretches, b: Stretches) -> bool {
        let values = |place: Stretches| -> Vec<usize> {
            let sample = |n: usize| (0..place.len).map(move |i| place.offset + n * place.stride + i);
            (0..batch).flat_map(sample).collect()
        };
        let b = values(b);
        values(a).iter().any(|value| b.contains(value))
    }

    #[test]
    fn places_that_share_a_value_are_refused() {
        for batch in 1..=3 {
            for offset in 0..40 {
                for (len, other_len) in [(1, 1), (4, 16), (16, 4), (10, 10)] {
                    let a = Stretches { offset: 20, stride: 20, len };
                    let b = Stretches { offset, stride: 20, len: other_len };
                    let limits = limits(batch);
                    let accepted = std::panic::catch_unwind(|| limits.apart(a, b)).is_ok();
                    assert_eq!(accepted, !share(batch, a, b), "{a:?} {b:?}, batch {batch}");
                }
            }
        }
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        for (offset, stride, shape) in [
            (usize::MAX, 0, [1, 1, 1]),
            (0, usize::MAX, [1, 1, 1]),
            (0, 0, [1, usize::MAX, 2]),
            (0, 0, [usize::MAX, 1, 1]),
            (0, 0, [16, usize::MAX / 8, 1]),
        ] {
            let map = Map { offset, stride, shape };
            assert!(std::panic::catch_unwind(|| limits(3).map(&map)).is_err(), "{map:?}");
        }
    }
}
