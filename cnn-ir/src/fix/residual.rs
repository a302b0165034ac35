//! Shortcuts of residuals.

use super::spelling::Spelling;
use super::{Candidate, Search, cut};
use crate::ast::{ItemKind, Path, Shortcut};
use crate::diagnostic::{Diagnostic, Edit, Problem};
use crate::token::TokenRange;

impl Search<'_> {
    /// `else (conv1-c/stride bn)` for a residual that changes the shape.
    pub(super) fn projection(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        let Some(site) = self.sites.at(diagnostic.range) else { return };
        let ItemKind::Residual { body, shortcut, .. } = &site.item.kind else { return };
        let mut layers = Vec::new();
        self.spellings_of(body, &mut layers);
        let sized = layers.iter().rev().find(|spelling| spelling.size.is_some());
        let mut sizes: Vec<String> = sized.and_then(|spelling| spelling.size.clone()).into_iter().collect();
        sizes.extend(self.target(diagnostic).channels);
        let mut strides: Vec<String> = layers.iter().filter_map(|spelling| spelling.stride.clone()).collect();
        strides.dedup();
        strides.insert(0, String::new());
        let norm = if layers.iter().any(|spelling| spelling.head.name == "bn") { " bn" } else { "" };
        // Behind the body (and its repeat), in place of a shortcut that is there.
        let range = match shortcut {
            None => TokenRange { first: site.item.range.last + 1, last: site.item.range.last },
            Some(Shortcut::Projection(item)) => item.range,
            Some(Shortcut::None | Shortcut::Misplaced) => return,
        };
        // Its label names tensors, and stays.
        let label = match shortcut {
            Some(Shortcut::Projection(item)) => {
                item.label.as_ref().map(|label| format!("{}: ", label.name.text))
            }
            _ => None,
        };
        let label = label.unwrap_or_default();
        let line = self.in_line(range.last);
        let mut propose = |cost: u32, sort: &'static str, new: &str| {
            let text = if shortcut.is_some() { new.to_owned() } else { format!("else {new}") };
            out.push(Candidate {
                cost,
                edits: vec![Edit { range, text }],
                kind: (range.first, sort),
                text: Some(match shortcut {
                    None => format!("`else {new}` behind the residual{line}"),
                    Some(_) => format!("`else {new}` for the shortcut{line}"),
                }),
            });
        };
        let mut cost = 8;
        for size in &sizes {
            for stride in &strides {
                let slash = if stride.is_empty() { "" } else { "/" };
                propose(cost, "projection", &format!("{label}(conv1-{size}{slash}{stride}{norm})"));
                cost += 1;
            }
        }
        propose(19, "none", "none");
    }

    /// An `else` that stands too far behind, moved to its residual.
    pub(super) fn misplaced(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        let Problem::StrayElse = diagnostic.problem else { return };
        let Some(site) = self.sites.at(diagnostic.range) else { return };
        let residual =
            site.siblings.iter().take(site.index).rev().find(|item| {
                matches!(item.kind, ItemKind::Residual { shortcut: Some(Shortcut::Misplaced), .. })
            });
        let Some(residual) = residual else { return };
        let text = self.text(site.item.range);
        let line = self.in_line(residual.range.last);
        let words = Some(format!("`{}` right behind the residual{line}", cut(&text, 60)));
        let edits = vec![
            Edit::behind(residual.range.last, text),
            Edit { range: site.item.range, text: String::new() },
        ];
        out.push(Candidate { cost: 10, edits, kind: (0, "else"), text: words });
    }

    /// The layers of a path, those in brackets too.
    fn spellings_of(&self, path: &Path, out: &mut Vec<Spelling>) {
        for item in &path.items {
            match &item.kind {
                ItemKind::Word(word) => out.extend(Spelling::read(word, self.table)),
                ItemKind::Group { body, .. } => self.spellings_of(body, out),
                _ => {}
            }
        }
    }
}
