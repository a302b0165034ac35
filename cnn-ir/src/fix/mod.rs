//! Edits that make a wrong declaration fit: searched, and each tried on the whole declaration.
//!
//! For a mistake, the rooms of this module propose edits (`layers`: the numbers and options of a layer; `structure`:
//! layers removed, added, exchanged; `residual`: shortcuts; `stated`: declared shapes; `names`: misspelt names; `arrows`:
//! arrows that are missing; `form`: what a layer does not take; `facts`: what is known of symbols), each with a cost: how far it is from what was written. The cheapest first, each is made in the tokens,
//! and the result is parsed and resolved as if it had been written. What is shown as `fits:` went through that; nothing
//! is trusted because it looks right.
//!
//! The search is bounded by the number of items that are walked, not by time: the same declaration gives the same
//! message everywhere.

mod arrows;
mod facts;
mod form;
mod layers;
mod names;
mod residual;
mod sites;
mod spelling;
mod stated;
mod structure;

use crate::ast::{ExprKind, File};
use crate::check::is_right;
use crate::diagnostic::{Diagnostic, Edit, Fit, Mistake};
use crate::lex::lex;
use crate::parse::parse;
use crate::resolve;
use crate::token::{TokenRange, TokenTable};
use sites::Sites;
use std::collections::HashSet;

/// An edit that might help.
#[derive(Clone, Debug)]
struct Candidate {
    /// How far it is from what was written; about 10 for the smallest change where the mistake shows.
    cost: u32,
    edits: Vec<Edit>,
    /// What tells it from others of its kind: of each kind only the best is shown.
    kind: Kind,
    /// What to say instead of "`new` for `old`".
    text: Option<String>,
}

/// A place and a sort of change.
type Kind = (u32, &'static str);

/// So many characters of an edit are shown.
const LONGEST: usize = 80;
/// Of so many mistakes fixes are searched; where there are more, the text is not a declaration yet.
const SEARCHED: usize = 8;
/// As many are shown.
const SHOWN: usize = 3;
/// Items that may be walked for one mistake, and for all of a declaration. An optimized build walks about two million
/// a second, a debug build a tenth of that.
const WORK: u32 = 20_000;
const WORK_IN_ALL: u32 = 30_000;

/// Searches fixes for the mistakes of a declaration and notes them.
pub fn search(file: &File, table: &TokenTable, diagnostics: &mut [Diagnostic]) {
    let sites = Sites::of(file);
    let mistakes: Vec<Mistake> = diagnostics.iter().map(Diagnostic::identity).collect();
    // Sizes of symbols are expressions, and take longer than numbers.
    let symbolic = file
        .networks
        .iter()
        .flat_map(|network| &network.inputs)
        .any(|port| port.shape.sizes.iter().any(|size| !matches!(size.kind, ExprKind::Int(_))));
    let weight = if symbolic { 4 } else { 1 };
    let mut search = Search { file, table, sites, mistakes, weight, work: WORK_IN_ALL };
    for (index, diagnostic) in diagnostics.iter_mut().enumerate().take(SEARCHED) {
        let fits = search.fits(index, diagnostic);
        diagnostic.fits = fits;
    }
}

struct Search<'a> {
    file: &'a File,
    table: &'a TokenTable,
    sites: Sites<'a>,
    mistakes: Vec<Mistake>,
    /// What an item counts for.
    weight: u32,
    /// Items that may still be walked.
    work: u32,
}

impl Search<'_> {
    fn fits(&mut self, index: usize, diagnostic: &Diagnostic) -> Vec<Fit> {
        let mut candidates = Vec::new();
        self.names(diagnostic, &mut candidates);
        self.arrows(diagnostic, &mut candidates);
        self.form(diagnostic, &mut candidates);
        self.misplaced(diagnostic, &mut candidates);
        let mut work = WORK.min(self.work);
        let before = work;
        if diagnostic.problem.is_about_shapes() {
            self.facts(index, diagnostic, &mut work, &mut candidates);
            self.stated(diagnostic, &mut candidates);
            self.layers(diagnostic, &mut candidates);
            self.projection(diagnostic, &mut candidates);
            self.structure(diagnostic, &mut candidates);
        }
        candidates.sort_by_key(|candidate| candidate.cost);
        let mut tried: HashSet<Vec<Edit>> = HashSet::new();
        let mut kinds: HashSet<Kind> = HashSet::new();
        let mut seen: HashSet<String> = HashSet::new();
        let (mut fits, mut partial) = (Vec::new(), Vec::new());
        for candidate in candidates {
            if fits.len() >= SHOWN || work == 0 {
                break;
            }
            if kinds.contains(&candidate.kind) || !tried.insert(candidate.edits.clone()) {
                continue;
            }
            let Some(complete) = self.holds(index, &candidate.edits, &mut work) else { continue };
            let text = candidate.text.unwrap_or_else(|| self.say(&candidate.edits));
            // Two ways to the same declaration, or two that would read the same, are one.
            if !kinds.insert(candidate.kind)
                || !seen.insert(self.result(&candidate.edits))
                || !seen.insert(text.clone())
            {
                continue;
            }
            let fit = Fit { edits: candidate.edits, text, complete };
            if complete { fits.push(fit) } else { partial.push(fit) }
        }
        self.work -= before - work;
        fits.extend(partial);
        fits.truncate(SHOWN);
        fits
    }

    /// Whether the declaration fits with these edits: wholly, but for its other mistakes, or not.
    fn holds(&self, index: usize, edits: &[Edit], work: &mut u32) -> Option<bool> {
        let lexed: Vec<(TokenRange, TokenTable)> = edits
            .iter()
            .map(|edit| {
                let lexed = lex(&edit.text);
                lexed.diagnostics.is_empty().then_some((edit.range, lexed.table))
            })
            .collect::<Option<_>>()?;
        let replacements: Vec<(TokenRange, &TokenTable)> =
            lexed.iter().map(|(range, table)| (*range, table)).collect();
        let table = self.table.replaced(&replacements)?;
        let (file, found) = parse(&table);
        let others: HashSet<Mistake> = self
            .mistakes
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != index)
            .filter_map(|(_, mistake)| Some((moved(mistake.0, &replacements)?, mistake.1)))
            .collect();
        let found: Vec<Mistake> = found.iter().map(Diagnostic::identity).collect();
        if found.iter().any(|mistake| !others.contains(mistake)) {
            *work = work.saturating_sub(table.next_index() / 8 + 1);
            return None;
        }
        let mut fits = |tolerated: HashSet<Mistake>| {
            let (fits, walked) = resolve::fits(&file, &table, tolerated, WORK);
            // Reading the tokens is work too.
            *work = work.saturating_sub(walked.saturating_mul(self.weight) + table.next_index() / 8 + 1);
            fits
        };
        if found.is_empty() && fits(HashSet::new()) {
            let promises =
                file.networks.iter().any(|network| !network.budget.is_empty() || !network.lints.is_empty());
            // Budgets and lints look at the whole model, which a trial does not build.
            return (!promises || is_right(&file, &table)).then_some(true);
        }
        (!others.is_empty() && fits(others)).then_some(false)
    }

    /// "`new` for `old` in line 3"
    fn say(&self, edits: &[Edit]) -> String {
        let parts: Vec<String> = edits
            .iter()
            .map(|edit| {
                let line = self.in_line(edit.range.first);
                let old = self.table.text(edit.range);
                if edit.text.is_empty() {
                    format!("without `{}`{line}", old.trim_start_matches("-> ").trim_end_matches(" ->"))
                } else if edit.is_insertion() {
                    let behind = self.table.text(TokenRange::at(edit.range.first));
                    format!("`{}` before `{behind}`{line}", edit.text)
                } else {
                    format!("`{}` for `{}`{line}", cut(&edit.text, LONGEST), cut(&old, LONGEST))
                }
            })
            .collect();
        parts.join(", ")
    }

    fn text(&self, range: TokenRange) -> String {
        self.table.text(range)
    }

    /// " in line 3", where lines are known.
    fn in_line(&self, token: u32) -> String {
        self.table.line(token).map_or_else(String::new, |line| format!(" in line {line}"))
    }

    /// The tokens after the edits, as text.
    fn result(&self, edits: &[Edit]) -> String {
        let mut out = String::new();
        let mut at = 0;
        let copy = |out: &mut String, from: u32, to: u32| {
            for token in (from..to).filter_map(|token| self.table.get(token)) {
                out.push_str(&token.text);
                out.push(' ');
            }
        };
        for edit in edits {
            copy(&mut out, at, edit.range.first);
            let lexed = lex(&edit.text);
            let tokens = (0..lexed.table.next_index()).filter_map(|token| lexed.table.get(token));
            tokens.for_each(|token| {
                out.push_str(&token.text);
                out.push(' ');
            });
            at = edit.range.last + 1;
        }
        copy(&mut out, at, self.table.next_index());
        out
    }
}

/// A long text is cut: what a message shows of it must still be read.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    format!("{} ..", text.chars().take(longest).collect::<String>())
}

/// Where tokens stand after the replacements; `None` where they were replaced.
fn moved(range: TokenRange, replacements: &[(TokenRange, &TokenTable)]) -> Option<TokenRange> {
    let shift = |token: u32| {
        let mut at = i64::from(token);
        for (range, table) in replacements {
            if token > range.last {
                at += i64::from(table.next_index()) - (i64::from(range.last) - i64::from(range.first) + 1);
            } else if token >= range.first {
                return None;
            }
        }
        u32::try_from(at).ok()
    };
    Some(TokenRange { first: shift(range.first)?, last: shift(range.last)? })
}
