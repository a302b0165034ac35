//! What a tired person does to a declaration: one wrong edit.
//!
//! A kind of edit is a row of [`KINDS`]: its name, and a function that lists every place of a declaration where it may
//! happen, with every way in which it may happen there. Which place and which way is drawn elsewhere.

mod numbers;
mod options;
mod spelling;
mod structure;

use super::sources::Source;
use std::ops::Range;

/// A kind of edit.
pub(crate) struct Kind {
    /// How it is called in the report.
    pub(crate) name: &'static str,
    /// Where and how it may happen.
    pub(crate) places: fn(&Source) -> Vec<Place>,
}

/// The ways in which an edit may happen at one place.
pub(crate) type Place = Vec<Edit>;

/// Every kind of edit. Another is another row.
pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "padding", places: options::padding },
    Kind { name: "stride", places: numbers::stride },
    Kind { name: "kernel", places: numbers::kernel },
    Kind { name: "channels", places: numbers::channels },
    Kind { name: "features", places: numbers::features },
    Kind { name: "groups", places: numbers::groups },
    Kind { name: "repeat", places: numbers::repeat },
    Kind { name: "ceil", places: options::ceil },
    Kind { name: "option dropped", places: options::dropped },
    Kind { name: "layer dropped", places: structure::dropped },
    Kind { name: "layer doubled", places: structure::doubled },
    Kind { name: "layers swapped", places: structure::swapped },
    Kind { name: "name misspelt", places: spelling::names },
    Kind { name: "layer misspelt", places: spelling::layers },
    Kind { name: "stated shape", places: numbers::ascriptions },
    Kind { name: "declared shape", places: numbers::ports },
    Kind { name: "arrow missing", places: structure::arrows },
    Kind { name: "bracket missing", places: structure::brackets },
];

/// One edit: bytes of the text and what stands there instead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edit {
    replacements: Vec<(Range<usize>, String)>,
    /// Bytes of the text where the mistake shows as well: the bracket that is left alone.
    also: Vec<Range<usize>>,
}

/// A declaration with a mistake.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// The text.
    pub(crate) text: String,
    /// The bytes that were edited.
    pub(crate) places: Vec<Range<usize>>,
}

impl Edit {
    /// Other text in place of some bytes.
    fn replace(bytes: Range<usize>, text: impl Into<String>) -> Self {
        Self { replacements: vec![(bytes, text.into())], also: Vec::new() }
    }

    /// Text before a byte.
    fn insert(at: usize, text: impl Into<String>) -> Self {
        Self::replace(at..at, text)
    }

    /// Nothing in place of some bytes.
    fn remove(bytes: Range<usize>) -> Self {
        Self::replace(bytes, "")
    }

    /// The text with the edit made.
    pub(crate) fn apply(&self, text: &str) -> Mutant {
        let mut replacements = self.replacements.clone();
        replacements.sort_by_key(|(bytes, _)| bytes.start);
        let mut out = String::new();
        let mut places = Vec::new();
        let mut at = 0;
        for (bytes, new) in &replacements {
            out.push_str(&text[at..bytes.start]);
            places.push(out.len()..out.len() + new.len());
            out.push_str(new);
            at = bytes.end;
        }
        out.push_str(&text[at..]);
        // What stands behind a replacement has moved.
        let moved = |byte: usize| {
            let before = replacements.iter().filter(|(bytes, _)| bytes.end <= byte);
            before.fold(byte, |byte, (bytes, new)| byte + new.len() - bytes.len())
        };
        places.extend(self.also.iter().map(|bytes| moved(bytes.start)..moved(bytes.end)));
        Mutant { text: out, places }
    }
}

/// The head of a layer and the digits behind it.
fn stem(word: &str) -> (&str, &str) {
    let is_digit = |c: char| c.is_ascii_digit();
    let stem = word.trim_end_matches(is_digit);
    let rows = stem.strip_suffix('x').map(|rows| rows.trim_end_matches(is_digit));
    match rows {
        Some(head) if head.len() + 1 < stem.len() && !head.is_empty() => (head, &word[head.len()..]),
        _ => (stem, &word[stem.len()..]),
    }
}

/// Whether a word is a layer with a window.
fn has_window(word: &str) -> bool {
    matches!(stem(word).0, "conv" | "dw" | "deconv" | "pool" | "avgpool")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_move_with_the_text() {
        let edit =
            Edit { replacements: vec![(4..5, "xyz".into()), (1..2, String::new())], also: vec![0..1, 6..7] };
        let mutant = edit.apply("abcdefg");
        assert_eq!(mutant.text, "acdxyzfg");
        assert_eq!(mutant.places, [1..1, 3..6, 0..1, 7..8]);
    }

    #[test]
    fn stems() {
        assert_eq!(stem("conv7x1"), ("conv", "7x1"));
        assert_eq!(stem("conv3"), ("conv", "3"));
        assert_eq!(stem("max3"), ("max", "3"));
        assert_eq!(stem("relu"), ("relu", ""));
    }
}
