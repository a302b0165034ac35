//! A small generator of random numbers (SplitMix64), the same everywhere and forever.

/// The generator.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The generator of one run: `seed` is the user's, `index` the run's.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut random = Self { state: seed };
        random.state = random.next() ^ index;
        // Once more, so that neighbouring runs do not share their numbers.
        random.state = random.next();
        random
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// One of several; `None` of none. (The bias of the remainder is far below what is measured here.)
    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        let count = u64::try_from(from.len()).ok().filter(|&count| count > 0)?;
        from.get(usize::try_from(self.next() % count).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_forever_and_different_for_each_run() {
        let first = |seed, index| Random::new(seed, index).next();
        assert_eq!(first(1, 0), first(1, 0));
        let mut all: Vec<u64> = (0..100).flat_map(|run| [first(1, run), first(2, run)]).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200);
    }
}
