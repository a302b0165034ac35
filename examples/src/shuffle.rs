//! The order of the pictures in an epoch, and by how much each is moved: the same on every machine.
//!
//! What is drawn belongs to a seed and a place in the run, so that it does not depend on what was drawn before it.

use cnn_runtime::random::Stream;

/// The numbers `0..count` in the random order of `epoch` (Fisher and Yates's shuffle).
///
/// ```
/// let mut order = cnn_examples::shuffle::order(5, 42, 0);
/// order.sort();
/// assert_eq!(order, [0, 1, 2, 3, 4]);
/// ```
///
/// # Panics
/// If `count` is above 2^32.
pub fn order(count: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut stream = Stream::keyed(seed, &format!("order of epoch {epoch}"));
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, below(&mut stream, last + 1));
    }
    order
}

/// By how many pixels picture `index` moves down and to the right in `epoch`: each from `-reach` to `reach`.
pub fn shift(reach: u8, seed: u64, epoch: usize, index: usize) -> [i32; 2] {
    let mut stream = Stream::keyed(seed, &format!("shift of picture {index} in epoch {epoch}"));
    let reach = i32::from(reach);
    [(); 2].map(|()| below(&mut stream, 2 * reach as usize + 1) as i32 - reach)
}

/// A number in `0..bound`, each as likely as any other; `bound` is from 1 to 2^32.
fn below(stream: &mut Stream, bound: usize) -> usize {
    let (numbers, bound) = (1 << 32, bound as u64);
    assert!(bound <= numbers, "{bound} things are more than 32 random bits can choose from");
    // The last, incomplete run of `bound` numbers would favour the small ones: draw again.
    let complete = numbers - numbers % bound;
    loop {
        let drawn = u64::from(stream.next_u32());
        if drawn < complete {
            return (drawn % bound) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_order_holds_every_number_once() {
        for count in [0, 1, 2, 3, 1000] {
            let order = order(count, 7, 3);
            assert_eq!(order.len(), count);
            assert_eq!(order.iter().collect::<HashSet<_>>().len(), count);
            assert!(order.iter().all(|&index| index < count));
        }
    }

    #[test]
    fn orders_repeat_with_the_seed_and_differ_with_seed_and_epoch() {
        assert_eq!(order(100, 42, 0), order(100, 42, 0));
        assert_ne!(order(100, 42, 0), order(100, 42, 1));
        assert_ne!(order(100, 42, 0), order(100, 43, 0));
    }

    #[test]
    fn every_order_is_about_as_frequent() {
        let mut frequencies = std::collections::HashMap::new();
        for epoch in 0..6000 {
            *frequencies.entry(order(3, 1, epoch)).or_insert(0_i32) += 1;
        }
        // Six orders, 1,000 times each; the standard deviation is 29.
        assert_eq!(frequencies.len(), 6);
        assert!(frequencies.values().all(|times| (times - 1000).abs() < 150), "{frequencies:?}");
    }

    #[test]
    fn shifts_stay_within_reach_and_use_all_of_it() {
        let drawn: HashSet<_> = (0..1000).map(|index| shift(2, 42, 0, index)).collect();
        assert_eq!(drawn.len(), 25);
        assert!(drawn.iter().flatten().all(|move_by| (-2..=2).contains(move_by)));
        assert_eq!(shift(0, 42, 0, 0), [0, 0]);
        assert_eq!(shift(2, 42, 1, 5), shift(2, 42, 1, 5));
    }
}
