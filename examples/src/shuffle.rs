//! By how much each picture is moved in an epoch: the same on every machine.
//!
//! What is drawn belongs to a seed and a place in the run, so that it does not depend on what was drawn before it.

use cnn_runtime::random::Stream;
use cnn_train::data::shuffle::below;

/// By how many pixels picture `index` moves down and to the right in `epoch`: each from `-reach` to `reach`.
pub fn shift(reach: u8, seed: u64, epoch: usize, index: usize) -> [i32; 2] {
    let mut stream = Stream::keyed(seed, &format!("shift of picture {index} in epoch {epoch}"));
    let reach = i32::from(reach);
    [(); 2].map(|()| below(&mut stream, 2 * reach as usize + 1) as i32 - reach)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn shifts_stay_within_reach_and_use_all_of_it() {
        let drawn: HashSet<_> = (0..1000).map(|index| shift(2, 42, 0, index)).collect();
        assert_eq!(drawn.len(), 25);
        assert!(drawn.iter().flatten().all(|move_by| (-2..=2).contains(move_by)));
        assert_eq!(shift(0, 42, 0, 0), [0, 0]);
        assert_eq!(shift(2, 42, 1, 5), shift(2, 42, 1, 5));
    }
}
