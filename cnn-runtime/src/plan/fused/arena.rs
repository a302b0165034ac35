//! Where activations stand: one stretch of memory, shared by those that are not alive at the same time.

/// Something that needs memory from one step to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Block {
    /// Values.
    pub(in crate::plan) len: usize,
    /// The step that writes it first.
    pub(in crate::plan) first: usize,
    /// The last step that reads it.
    pub(in crate::plan) last: usize,
}

/// Values between the starts of two blocks are a multiple of this: a line of the cache.
const ALIGN: usize = 16;

/// The offset of each block, and the length of the whole. The largest are placed first, each in the smallest gap that
/// is free during its life (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", arXiv
/// 2001.03288).
pub(in crate::plan) fn place(blocks: &[Block]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(blocks[index].len), index));
    let mut offsets = vec![0; blocks.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(blocks.len());
    let mut whole = 0;
    for index in order {
        let block = blocks[index];
        let len = block.len.next_multiple_of(ALIGN);
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .map(|&other| (other, blocks[other]))
            .filter(|(_, other)| other.first <= block.last && block.first <= other.last)
            .map(|(other, taken)| (offsets[other], offsets[other] + taken.len.next_multiple_of(ALIGN)))
            .collect();
        taken.sort_unstable();
        let mut best: Option<(usize, usize)> = None;
        let mut end = 0;
        for (start, stop) in taken {
            if start >= end + len && best.is_none_or(|(gap, _)| start - end < gap) {
                best = Some((start - end, end));
            }
            end = end.max(stop);
        }
        let offset = best.map_or(end, |(_, offset)| offset);
        offsets[index] = offset;
        whole = whole.max(offset + len);
        placed.push(index);
    }
    (offsets, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alive_together_stands_apart_and_the_rest_shares() {
        let mut state = 7u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        for _ in 0..200 {
            let blocks: Vec<Block> = (0..1 + random(20))
                .map(|_| {
                    let first = random(10);
                    Block { len: 1 + random(100), first, last: first + random(5) }
                })
                .collect();
            let (offsets, whole) = place(&blocks);
            for (i, a) in blocks.iter().enumerate() {
                assert!(offsets[i] + a.len <= whole && offsets[i].is_multiple_of(ALIGN));
                for (j, b) in blocks.iter().enumerate().skip(i + 1) {
                    let together = a.first <= b.last && b.first <= a.last;
                    let apart = offsets[i] + a.len <= offsets[j] || offsets[j] + b.len <= offsets[i];
                    assert!(!together || apart, "{a:?} at {} and {b:?} at {}", offsets[i], offsets[j]);
                }
            }
        }
        let chain: Vec<Block> = (0..10).map(|i| Block { len: 64, first: i, last: i + 1 }).collect();
        assert_eq!(place(&chain).1, 128);
    }
}
