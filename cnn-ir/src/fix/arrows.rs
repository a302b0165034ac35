//! Arrows that are missing.

use super::{Candidate, Search};
use crate::diagnostic::{Diagnostic, Edit, Problem};
use crate::token::TokenKind;

/// So many tokens before and behind the place of a mistake.
const NEAR: u32 = 4;

impl Search<'_> {
    /// `relu (conv3-64 ..)` is a layer with arguments; somebody meant a group behind an arrow.
    pub(super) fn arrows(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        let is_syntax = matches!(
            diagnostic.problem,
            Problem::Expected { .. }
                | Problem::UnknownWord { .. }
                | Problem::UnknownNumber { .. }
                | Problem::UnexpectedArgument { .. }
                | Problem::LayerAsNumber { .. }
                | Problem::UnknownOption { .. }
                | Problem::ArgumentCount { .. }
                | Problem::ExtraInCall { .. }
                | Problem::ArrowWithoutLayer
                | Problem::SpacedArrow
        );
        if !is_syntax || diagnostic.range.first == u32::MAX {
            return;
        }
        if matches!(diagnostic.problem, Problem::SpacedArrow) {
            let text = Some(format!("`->` for `- >`{}", self.in_line(diagnostic.range.first)));
            let edits = vec![Edit { range: diagnostic.range, text: "->".into() }];
            out.push(Candidate { cost: 10, edits, kind: (0, "arrow"), text });
        }
        let near = diagnostic.range.first.saturating_sub(NEAR)..=diagnostic.range.last.saturating_add(NEAR);
        for token in near {
            let Some(next) = self.table.get(token + 1) else { continue };
            let opens = matches!(next.kind, TokenKind::Open { .. } | TokenKind::Literal | TokenKind::Ident);
            if !opens
                || self.table.get(token).is_none_or(|token| matches!(token.kind, TokenKind::Open { .. }))
            {
                continue;
            }
            let (before, behind) = (&self.table.get(token).map_or("", |token| &token.text), &next.text);
            let line = self.in_line(token);
            out.push(Candidate {
                cost: 10 + token.abs_diff(diagnostic.range.first),
                edits: vec![Edit::behind(token, "->".into())],
                kind: (0, "arrow"),
                text: Some(format!("an arrow `->` between `{before}` and `{behind}`{line}")),
            });
        }
    }
}
