//! Texts compared token by token: white space and comments do not count.

use cnn_ir::lex::lex;
use std::ops::Range;

/// The words of a text.
pub(crate) fn words(text: &str) -> Vec<String> {
    let table = lex(text).table;
    (0..table.next_index()).filter_map(|index| Some(table.get(index)?.text.to_string())).collect()
}

/// How many tokens must be replaced, added or removed to get from one text to another (Levenshtein's distance).
pub(crate) fn distance(from: &[String], to: &[String]) -> usize {
    let same = |(a, b): &(&String, &String)| a == b;
    let start = from.iter().zip(to).take_while(same).count();
    let (from, to) = (&from[start..], &to[start..]);
    let end = from.iter().rev().zip(to.iter().rev()).take_while(same).count();
    let (from, to) = (&from[..from.len() - end], &to[..to.len() - end]);
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, word) in from.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(word != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

/// The tokens that overlap one of the places, and the ones next to them.
pub(crate) fn near(text: &str, places: &[Range<usize>]) -> Vec<u32> {
    let positions = lex(text).positions;
    let mut found = Vec::new();
    for place in places {
        // The first that ends behind the beginning, the last that begins before the end; one more on both sides.
        let first = positions.partition_point(|token| token.end <= place.start).saturating_sub(1);
        let behind = positions.partition_point(|token| token.start < place.end.max(place.start));
        found.extend((first..=behind).filter_map(|index| u32::try_from(index).ok()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let distance = |from: &str, to: &str| super::distance(&words(from), &words(to));
        assert_eq!(distance("a -> b", "a->b"), 0);
        assert_eq!(distance("conv3-64 relu", "conv5-64 relu"), 1);
        assert_eq!(distance("pool2 -> fc10", "pool2(pad=1) -> fc10"), 5);
        assert_eq!(distance("a b c d", "b c e d f"), 3);
    }

    #[test]
    fn neighbours() {
        // a ( b ) c: the letter, and nothing where `b` was.
        assert_eq!(near("a ( b ) c", std::slice::from_ref(&(4..5))), [1, 2, 3]);
        assert_eq!(near("a ( ) c", std::slice::from_ref(&(4..4))), [1, 2]);
    }
}
