//! Edits that make a wrong declaration fit: searched, and each tried on the whole declaration.

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
}

/// Tokens to replace by other text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The tokens (at least one; an insertion repeats a token beside it).
    pub range: TokenRange,
    /// What to write in their place; empty to remove them.
    pub text: String,
}

impl Fit {
    /// The source text with the edit made.
    #[must_use]
    pub fn apply(&self, source: &str, lexed: &Lexed) -> String {
        let mut out = String::new();
        let mut at = 0;
        for edit in &self.edits {
            let start = lexed.positions.get(edit.range.first as usize).map_or(source.len(), |p| p.start);
            let end = lexed.positions.get(edit.range.last as usize).map_or(source.len(), |p| p.end);
            out.push_str(source.get(at..start).unwrap_or_default());
            out.push_str(&edit.text);
            at = end.max(start);
        }
        out.push_str(source.get(at..).unwrap_or_default());
        out
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
