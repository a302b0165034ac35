//! Words that are misspelt.

use super::{Edit, Place, stem};
use crate::mutate::sources::Source;
use cnn_ir::token::TokenRange;

/// The letter to the right on a keyboard.
fn neighbour(letter: char) -> char {
    let rows = ["qwertyuiopo", "asdfghjklk", "zxcvbnmn", "QWERTYUIOPO", "ASDFGHJKLK", "ZXCVBNMN"];
    let next = |row: &&str| row.find(letter).and_then(|at| row[at + 1..].chars().next());
    rows.iter().find_map(next).unwrap_or('e')
}

/// A word with a letter dropped, doubled, swapped with the next, or its neighbour struck.
fn misspelt(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut wrong = Vec::new();
    for at in 0..letters.len() {
        let with = |new: &[char], skip: usize| -> String {
            letters[..at].iter().chain(new).chain(&letters[at + skip..]).collect()
        };
        wrong.push(with(&[], 1));
        wrong.push(with(&[letters[at], letters[at]], 1));
        wrong.push(with(&[neighbour(letters[at])], 1));
        if at + 1 < letters.len() {
            wrong.push(with(&[letters[at + 1], letters[at]], 2));
        }
    }
    // What does not begin with a letter is no word.
    wrong.retain(|other| other != word && other.starts_with(|c: char| c.is_alphabetic()));
    wrong.sort();
    wrong.dedup();
    wrong
}

/// Taps, labels and blocks, where they are named or used.
pub(super) fn names(source: &Source) -> Vec<Place> {
    let place = |range: &TokenRange| {
        let (bytes, name) = (source.bytes(*range), source.token(range.first));
        // A name that is misspelt where it is given shows wherever it is used.
        let others = source.parts.names.iter().filter(|other| *other != range);
        let same = others.filter(|other| source.token(other.first) == name);
        let also: Vec<_> = same.map(|other| source.bytes(*other)).collect();
        let edit = |new| Edit { also: also.clone(), ..Edit::replace(bytes.clone(), new) };
        misspelt(name).into_iter().map(edit).collect()
    };
    source.parts.names.iter().map(place).collect()
}

/// Heads of layers; their digits stay.
pub(super) fn layers(source: &Source) -> Vec<Place> {
    let layers = source.parts.words.iter().filter(|(_, is_call)| !is_call);
    let place = |range: TokenRange| {
        let (head, _) = stem(source.token(range.first));
        let start = source.bytes(range).start;
        misspelt(head).into_iter().map(|new| Edit::replace(start..start + head.len(), new)).collect()
    };
    layers.map(|(word, _)| place(word.head.range())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words() {
        let wrong = misspelt("relu");
        for word in ["rellu", "erlu", "reu", "reli"] {
            assert!(wrong.contains(&word.to_owned()), "{word}");
        }
        assert!(!wrong.contains(&"relu".to_owned()));
        assert!(!misspelt("x2").contains(&"2".to_owned()));
    }
}
