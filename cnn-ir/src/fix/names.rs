//! Misspelt names: those that are near, at the place or where the name was given.

use super::{Candidate, Search};
use crate::ast::ItemKind;
use crate::diagnostic::{Diagnostic, Edit, Problem};
use crate::layer;
use crate::nearest::distance;
use crate::token::TokenRange;
use std::collections::HashSet;

impl Search<'_> {
    pub(super) fn names(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        let range = diagnostic.range;
        match &diagnostic.problem {
            Problem::UnknownLayer { name, nearest, .. } => {
                self.offer(range, name, nearest.iter().cloned(), 10, out);
                let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
                let heads = layer::HEADS.iter().flat_map(|head| match head.digits {
                    Some(_) => vec![format!("{}{digits}", head.name), head.name.to_owned()],
                    None => vec![head.name.to_owned()],
                });
                let names = heads.chain(self.own_names(range)).filter(|other| near(name, other));
                self.offer(range, name, names, 12, out);
                self.misnamed(range, name, out);
            }
            Problem::UnknownOption { option, options, words, nearest, .. } => {
                self.offer(range, option, nearest.iter().cloned(), 9, out);
                let names = options.iter().chain(*words).map(|&name| name.to_owned());
                self.offer(range, option, names.filter(|other| near(option, other)), 10, out);
            }
            Problem::UnknownTap { name, known, .. } => {
                let first = out.len();
                self.offer(range, name, known.iter().cloned(), 10, out);
                // Or the tap that nobody reads was meant, and its name is wrong.
                for site in self.sites.all() {
                    if let ItemKind::Tap(tap) = &site.item.kind
                        && (site.index > 0 || site.siblings.len() == 1)
                        && near(name, &tap.text)
                    {
                        self.offer(tap.range(), &tap.text, std::iter::once(name.clone()), 11, out);
                    }
                }
                self.as_taps(out.get_mut(first..).unwrap_or_default());
            }
            Problem::Expected { found, .. } => {
                // `concat(skip, up)`
                let name = found.trim_matches('`');
                let is_tap = self
                    .sites
                    .all()
                    .any(|site| matches!(&site.item.kind, ItemKind::Tap(tap) if tap.text == name));
                if is_tap {
                    let edits = vec![Edit { range, text: format!("@{name}") }];
                    out.push(Candidate { cost: 9, edits, kind: (range.first, "name"), text: None });
                }
            }
            Problem::NoBeginning { inputs } => {
                if let Some(site) = self.sites.at(range)
                    && let ItemKind::Word(word) = &site.item.kind
                {
                    self.offer(word.head.range(), &word.head.text, inputs.iter().cloned(), 10, out);
                }
            }
            Problem::OutputWithoutTap { name, .. } => {
                let taps: Vec<TokenRange> = self
                    .sites
                    .all()
                    .filter_map(|site| match &site.item.kind {
                        ItemKind::Tap(tap) if site.block.is_none() => Some(tap.range()),
                        _ => None,
                    })
                    .collect();
                let first = out.len();
                for tap in taps {
                    let old = self.text(tap);
                    self.offer(range, name, std::iter::once(old.clone()), 11, out);
                    self.offer(tap, &old, std::iter::once(name.clone()), 10, out);
                }
                // The name in the header has no `@`.
                let taps = out.get_mut(first..).unwrap_or_default().iter_mut();
                taps.filter(|candidate| candidate.kind.0 != range.first)
                    .for_each(|candidate| self.as_taps(std::slice::from_mut(candidate)));
            }
            Problem::UnknownWord { name, known, nearest }
            | Problem::UnknownNumber { name, known, nearest }
            | Problem::UnknownSymbol { name, known, nearest }
            | Problem::UnknownParameter { name, known, nearest, .. } => {
                self.offer(range, name, nearest.iter().cloned(), 10, out);
                // A fact that is missing comes before one that is there already.
                let (free, stated): (Vec<_>, Vec<_>) = known
                    .iter()
                    .filter(|other| related(name, other))
                    .cloned()
                    .partition(|other| !self.has_fact(other));
                self.offer(range, name, free.into_iter(), 12, out);
                self.offer(range, name, stated.into_iter(), 15, out);
                self.misnamed(range, name, out);
                self.as_rust_has_it(diagnostic, name, out);
            }
            _ => {}
        }
    }

    fn has_fact(&self, symbol: &str) -> bool {
        self.file.networks.iter().any(|network| network.facts.iter().any(|fact| fact.symbol.text == symbol))
    }

    /// `bias=False`, `pad=same`, `relu => pool2`: words that stand where a number is needed.
    fn as_rust_has_it(&self, diagnostic: &Diagnostic, name: &str, out: &mut Vec<Candidate>) {
        let range = diagnostic.range;
        let lower = name.to_lowercase();
        if lower != name && matches!(lower.as_str(), "true" | "false") {
            self.offer(range, name, std::iter::once(lower), 9, out);
        }
        let before = range.first.checked_sub(2);
        let Some(before) = before.map(|first| TokenRange { first, last: range.first - 1 }) else { return };
        let text = self.text(before);
        if text == "pad=" && ["half", "valid", "full", "same"].contains(&name) {
            let edits = vec![Edit { range: before.to(range), text: name.to_owned() }];
            out.push(Candidate { cost: 8, edits, kind: (range.first, "name"), text: None });
        }
        if text == "=>" && layer::is_layer_word(name) {
            let edits = vec![Edit { range: before, text: "->".into() }];
            out.push(Candidate { cost: 8, edits, kind: (range.first, "name"), text: None });
        }
    }

    /// The name was given elsewhere, and misspelt there: a parameter, a block, a network.
    fn misnamed(&self, range: TokenRange, name: &str, out: &mut Vec<Candidate>) {
        // A block that stands between the networks is in all of them.
        let mut seen = HashSet::new();
        for network in &self.file.networks {
            let blocks = network.blocks.iter().map(|block| &block.name);
            let parameters = network
                .blocks
                .iter()
                .flat_map(|block| block.parameters.iter().map(|parameter| &parameter.name));
            let lets = network.lets.iter().map(|binding| &binding.name);
            let generics = network.generics.iter().map(|generic| &generic.name);
            for given in blocks.chain(parameters).chain(lets).chain(generics) {
                if given.range() != range && near(name, &given.text) && seen.insert(given.token) {
                    self.offer(given.range(), &given.text, std::iter::once(name.to_owned()), 14, out);
                }
            }
        }
    }

    /// Names that the declaration gives.
    fn own_names(&self, range: TokenRange) -> Vec<String> {
        let mut names = Vec::new();
        for network in &self.file.networks {
            names.push(network.name.text.clone());
            for block in &network.blocks {
                names.push(block.name.text.clone());
                if block.body.range.first <= range.first && range.last <= block.body.range.last {
                    names.extend(block.parameters.iter().map(|parameter| parameter.name.text.clone()));
                }
            }
        }
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    /// Says `@skip` where the name of a tap is exchanged.
    fn as_taps(&self, candidates: &mut [Candidate]) {
        for candidate in candidates {
            let [Edit { range, text }] = candidate.edits.as_slice() else { continue };
            let line = self.in_line(range.first);
            candidate.text = Some(format!("`@{text}` for `@{}`{line}", self.text(*range)));
        }
    }

    fn offer(
        &self,
        range: TokenRange,
        old: &str,
        names: impl Iterator<Item = String>,
        cost: u32,
        out: &mut Vec<Candidate>,
    ) {
        for name in names {
            let steps =
                u32::try_from(distance(&old.to_lowercase(), &name.to_lowercase()).min(6)).unwrap_or(6);
            // Each name is an answer of its own.
            let kind = (range.first, "name");
            out.push(Candidate {
                cost: cost + steps,
                edits: vec![Edit { range, text: name }],
                kind,
                text: None,
            });
        }
    }
}

/// Whether one of two names may stand for the other: a slip, a beginning, or all letters the same.
fn related(name: &str, other: &str) -> bool {
    let (name, other) = (name.to_lowercase(), other.to_lowercase());
    let begins = name.len().min(other.len()) > 1 && (name.starts_with(&other) || other.starts_with(&name));
    let initial = name.chars().next() == other.chars().next() && name.len().min(other.len()) == 1;
    near(&name, &other) || begins || initial || (name.len() == 1 && other.len() == 1)
}

fn near(name: &str, other: &str) -> bool {
    let limit = (name.len().min(other.len()) / 3).clamp(1, 3);
    // Most names are too long or too short to be near.
    let alike = name.chars().count().abs_diff(other.chars().count()) <= limit;
    alike && name != other && distance(&name.to_lowercase(), &other.to_lowercase()) <= limit
}
