//! Layers, arrows and brackets: left out, doubled, in the wrong order.

use super::{Edit, Place};
use crate::mutate::sources::{Source, Step};
use cnn_ir::token::{TokenKind, TokenRange};

/// Whether an arrow stands right before a token.
fn arrow_before(source: &Source, token: u32) -> bool {
    token >= 2 && source.token(token - 2) == "-" && source.token(token - 1) == ">"
}

/// A layer or call left out, with an arrow.
pub(super) fn dropped(source: &Source) -> Vec<Place> {
    let mut places = Vec::new();
    for path in &source.parts.paths {
        for (index, Step { range, is_word, .. }) in path.iter().enumerate() {
            if !is_word {
                continue;
            }
            let before = index.checked_sub(1).map(|index| source.bytes(path[index].range).end);
            let behind = path.get(index + 1).map(|next| next.range);
            let bytes = source.bytes(*range);
            // One arrow stays: an item is left between two of them, or the first or last goes with its own.
            let removed = match (before, behind) {
                (None, Some(next)) => bytes.start..source.bytes(next).start,
                (Some(_), Some(next)) if arrow_before(source, range.first) => {
                    bytes.start..source.bytes(next).start
                }
                (Some(before), _) => before..bytes.end,
                (None, None) => bytes,
            };
            places.push(vec![Edit::remove(removed)]);
        }
    }
    places
}

/// A layer or call twice.
pub(super) fn doubled(source: &Source) -> Vec<Place> {
    let words = source.parts.paths.iter().flatten().filter(|step| step.is_word);
    let twice = |step: &Step| {
        let bytes = source.bytes(step.range);
        vec![Edit::insert(bytes.end, format!(" -> {}", &source.text[bytes]))]
    };
    words.map(twice).collect()
}

/// A layer or call and what stands behind it, the other way round.
pub(super) fn swapped(source: &Source) -> Vec<Place> {
    let mut places = Vec::new();
    for path in &source.parts.paths {
        for pair in path.windows(2) {
            let [left, right] = pair else { continue };
            let one_word = left.is_word || right.is_word;
            let both = (left.is_word || left.is_group) && (right.is_word || right.is_group);
            // A group needs an arrow before it.
            let arrow = (left.is_word && right.is_word) || arrow_before(source, right.range.first);
            if !one_word || !both || !arrow {
                continue;
            }
            let (one, other) = (source.bytes(left.range), source.bytes(right.range));
            let texts = (source.text[other.clone()].to_owned(), source.text[one.clone()].to_owned());
            if texts.0 != texts.1 {
                let replacements = vec![(one, texts.0), (other, texts.1)];
                places.push(vec![Edit { replacements, also: Vec::new() }]);
            }
        }
    }
    places
}

/// An arrow left out.
pub(super) fn arrows(source: &Source) -> Vec<Place> {
    let arrow = |&token: &u32| {
        let joint = source.lexed.table.get(token).map(|token| token.kind);
        joint == Some(TokenKind::Punct { character: '-', joint: true }) && source.token(token + 1) == ">"
    };
    let tokens = (0..source.lexed.table.next_index()).filter(arrow);
    let edit = |token: u32| {
        let bytes = source.bytes(TokenRange { first: token, last: token + 1 });
        // `a->b` becomes two words, not one.
        let glued = source.text[..bytes.start].ends_with(|c: char| !c.is_whitespace())
            && source.text[bytes.end..].starts_with(|c: char| !c.is_whitespace());
        vec![Edit::replace(bytes, if glued { " " } else { "" })]
    };
    tokens.map(edit).collect()
}

/// A brace, parenthesis or bracket left out.
pub(super) fn brackets(source: &Source) -> Vec<Place> {
    let bracket = |token: u32| {
        let partner = match source.lexed.table.get(token)?.kind {
            TokenKind::Open { partner, .. } | TokenKind::Close { partner, .. } => partner,
            _ => return None,
        };
        let mut edit = Edit::remove(source.bytes(TokenRange::at(token)));
        edit.also.push(source.bytes(TokenRange::at(partner)));
        Some(vec![edit])
    };
    (0..source.lexed.table.next_index()).filter_map(bracket).collect()
}
