//! Edits that were tried and fit.

use crate::lex::Lexed;
use crate::token::TokenRange;
use std::fmt;

/// An edit, perhaps at several places, after which the whole declaration was resolved again and fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// What to replace; the ranges do not overlap and are in order.
    pub edits: Vec<Edit>,
    /// For people: the new text, for what, and where.
    pub text: String,
    /// Whether nothing is wrong any more; else the declaration's other mistakes remain.
    pub complete: bool,
}

/// Tokens to replace by other text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    /// The tokens. An insertion has none: then `last` is the token before it, and `first` the one behind.
    pub range: TokenRange,
    /// What to write in their place; empty to remove them.
    pub text: String,
}

impl Edit {
    /// What to write behind a token.
    #[must_use]
    pub fn behind(token: u32, text: String) -> Self {
        Self { range: TokenRange { first: token + 1, last: token }, text }
    }

    pub(crate) fn is_insertion(&self) -> bool {
        self.range.first > self.range.last
    }
}

impl Fit {
    /// The source text with the edit made.
    #[must_use]
    pub fn apply(&self, source: &str, lexed: &Lexed) -> String {
        let mut out = String::new();
        let mut at = 0;
        for edit in &self.edits {
            let end = lexed.positions.get(edit.range.last as usize).map_or(source.len(), |p| p.end);
            let start = match lexed.positions.get(edit.range.first as usize) {
                Some(position) if !edit.is_insertion() => position.start,
                _ => end,
            };
            out.push_str(source.get(at..start).unwrap_or_default());
            // Words do not run together.
            out.push_str(if edit.is_insertion() { " " } else { "" });
            out.push_str(&edit.text);
            at = end.max(start);
        }
        out.push_str(source.get(at..).unwrap_or_default());
        out
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        f.write_str(if self.complete { "" } else { " (and the other mistakes corrected)" })
    }
}
