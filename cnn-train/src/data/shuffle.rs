//! The order of the samples in an epoch: the same on every machine.
//!
//! What is drawn belongs to a seed and a place in the run, so that it does not depend on what was drawn before it.

use cnn_runtime::random::Stream;

/// The numbers `0..count` in the random order of `epoch` (Fisher and Yates's shuffle).
///
/// ```
/// let mut order = cnn_train::data::shuffle::order(5, 42, 0);
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

/// A number in `0..bound`, each as likely as any other.
///
/// # Panics
/// If `bound` is not from 1 to 2^32.
pub fn below(stream: &mut Stream, bound: usize) -> usize {
    let (numbers, bound) = (1 << 32, bound as u64);
    assert!((1..=numbers).contains(&bound), "32 random bits cannot choose from {bound} things");
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
}
