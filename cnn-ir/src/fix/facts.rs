//! What is known of symbols: the weakest facts with which everything fits.

use super::{Candidate, Search};
use crate::ast::{Expr, ExprKind, FactKind, Network};
use crate::diagnostic::{Diagnostic, Edit, Problem};
use crate::token::{TokenKind, TokenRange};
use std::collections::BTreeMap;

/// Moduli that are tried, the usual ones first.
const MODULI: [u64; 20] = [1, 2, 4, 8, 16, 32, 64, 128, 3, 5, 6, 7, 9, 10, 12, 20, 24, 28, 36, 48];
/// With other remainders than 0 up to here.
const REMAINDERS: u64 = 32;
/// A size that is large enough for everything; the bound that is needed is searched below it.
const LARGE: u64 = 4096;

/// Items that may be walked for facts.
const WORK: u32 = super::WORK / 4;

/// What is known of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    modulus: u64,
    remainder: u64,
    at_least: u64,
}

type Facts = BTreeMap<String, Known>;

impl Search<'_> {
    /// Adds the weakest facts that let everything fit, if facts can.
    pub(super) fn facts(
        &self,
        index: usize,
        diagnostic: &Diagnostic,
        work: &mut u32,
        out: &mut Vec<Candidate>,
    ) {
        if !self.is_symbolic(diagnostic) {
            return;
        }
        let within = |network: &&Network| {
            network.range.first <= diagnostic.range.first && diagnostic.range.last <= network.range.last
        };
        let Some(network) = self.file.networks.iter().find(within) else { return };
        let Some((place, given)) = self.written(network) else { return };
        // An `fc` on an image of any size needs a `gap` as well.
        let gap = match diagnostic.problem {
            Problem::FeaturesNotKnown { .. } => diagnostic.range.first.checked_sub(1),
            _ => None,
        };
        let also: Vec<Edit> = gap.map(|token| Edit::behind(token, "gap ->".into())).into_iter().collect();
        let edits = |facts: &Facts| {
            let mut edits = vec![self.clause(place, facts)];
            edits.extend(also.iter().cloned());
            edits
        };
        let limit = work.saturating_sub(WORK);
        let mut holds = |facts: &Facts| {
            // What is left is for the other rooms.
            *work > limit && self.holds(index, &edits(facts), work).is_some()
        };
        let Some(mut facts) = first_that_holds(&given, &mut holds) else { return };
        weaken(&mut facts, &given, &mut holds);
        let edits = edits(&facts);
        let mut text = match edits.first().map(|edit| edit.text.trim()) {
            Some("") | None => String::new(),
            Some(clause) => format!("`{clause}`"),
        };
        if gap.is_some() {
            let and = if text.is_empty() { "" } else { " and " };
            text.push_str(&format!("{and}`gap ->` before `{}`", self.text(diagnostic.range)));
        }
        let causes: Vec<String> = diagnostic
            .evidence
            .uneven
            .iter()
            .map(|&range| match self.table.line(range.first) {
                Some(line) => format!("`{}` in line {line}", self.text(range)),
                None => format!("`{}`", self.text(range)),
            })
            .collect();
        if !causes.is_empty() {
            text.push_str(&format!(", because of {}", causes.join(", ")));
        }
        out.push(Candidate { cost: 5, edits, kind: (place.first, "facts"), text: Some(text) });
    }

    /// Where the facts of a network stand (or would), and what they say of its symbols.
    fn written(&self, network: &Network) -> Option<(TokenRange, Facts)> {
        let open = match self.table.get(network.range.last)?.kind {
            TokenKind::Close { partner, .. } => partner,
            _ => return None,
        };
        let behind = open.checked_sub(1)?;
        let place = match network.facts.first() {
            // With the word `where`.
            Some(first) => TokenRange { first: first.range.first.checked_sub(1)?, last: behind },
            None => TokenRange { first: open, last: behind },
        };
        let mut facts = Facts::new();
        for expr in network.inputs.iter().flat_map(|port| &port.shape.sizes) {
            symbols(expr, network, &mut facts);
        }
        for fact in &network.facts {
            let known = facts.get_mut(&fact.symbol.text)?;
            match fact.kind {
                // A fact that can never hold was reported, and says nothing here.
                FactKind::Modulo { modulus, remainder } if remainder >= modulus => {}
                FactKind::Modulo { modulus, remainder } => {
                    (known.modulus, known.remainder) = (modulus, remainder)
                }
                FactKind::AtLeast(bound) => known.at_least = bound.max(known.at_least),
            }
        }
        (!facts.is_empty()).then_some((place, facts))
    }

    /// The `where` clause that says these facts.
    fn clause(&self, place: TokenRange, facts: &Facts) -> Edit {
        let mut parts = Vec::new();
        for (symbol, known) in facts {
            if known.modulus > 1 {
                parts.push(format!("{symbol} % {} == {}", known.modulus, known.remainder));
            }
            if known.at_least > smallest(*known) {
                parts.push(format!("{symbol} >= {}", known.at_least));
            }
        }
        let clause = if parts.is_empty() { String::new() } else { format!("where {}", parts.join(", ")) };
        Edit { range: place, text: clause }
    }
}

/// The smallest size of the modulus and remainder.
fn smallest(known: Known) -> u64 {
    if known.remainder == 0 { known.modulus } else { known.remainder }
}

/// The symbols of an input's shape, of which nothing is known yet.
fn symbols(expr: &Expr, network: &Network, facts: &mut Facts) {
    match &expr.kind {
        ExprKind::Name(name)
            if crate::resolve::looks_like_a_symbol(name)
                && !network.generics.iter().any(|generic| generic.name.text == *name) =>
        {
            facts.insert(name.clone(), Known { modulus: 1, remainder: 0, at_least: 1 });
        }
        ExprKind::Binary(_, left, right) => {
            symbols(left, network, facts);
            symbols(right, network, facts);
        }
        _ => {}
    }
}

/// The smallest modulus (and remainder) of all symbols, with sizes that are large enough.
fn first_that_holds(given: &Facts, holds: &mut impl FnMut(&Facts) -> bool) -> Option<Facts> {
    let all = |modulus: u64, remainder: u64| -> Facts {
        given.keys().map(|symbol| (symbol.clone(), Known { modulus, remainder, at_least: LARGE })).collect()
    };
    let multiples = MODULI.iter().map(|&modulus| (modulus, 0));
    let others = MODULI
        .iter()
        .filter(|&&modulus| modulus <= REMAINDERS)
        .flat_map(|&modulus| (1..modulus).map(move |remainder| (modulus, remainder)));
    // What was given stays true: only more may be asked for.
    let stricter = |&(modulus, remainder): &(u64, u64)| {
        given
            .values()
            .all(|known| modulus % known.modulus == 0 && remainder % known.modulus == known.remainder)
    };
    let candidates = multiples.chain(others).filter(stricter);
    candidates.map(|(modulus, remainder)| all(modulus, remainder)).find(|facts| holds(facts))
}

/// Weaker facts that hold as well: symbol by symbol, first the modulus, then the bound.
fn weaken(facts: &mut Facts, given: &Facts, holds: &mut impl FnMut(&Facts) -> bool) {
    let names: Vec<String> = facts.keys().cloned().collect();
    for name in &names {
        let Some(&found) = facts.get(name) else { continue };
        let divisors: Vec<u64> = (1..found.modulus).filter(|divisor| found.modulus % divisor == 0).collect();
        for modulus in divisors {
            let remainder = found.remainder % modulus;
            facts.insert(name.clone(), Known { modulus, remainder, at_least: found.at_least });
            if holds(facts) {
                break;
            }
            facts.insert(name.clone(), found);
        }
    }
    for name in &names {
        let Some(&found) = facts.get(name) else { continue };
        // What was given is kept.
        let floor = given.get(name).map_or(1, |given| given.at_least);
        let (mut low, mut high) = (floor, found.at_least.max(floor));
        while low < high {
            let middle = low + (high - low) / 2;
            facts.insert(name.clone(), Known { at_least: middle, ..found });
            if holds(facts) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        // The next size of that modulus and remainder.
        let steps = high.saturating_sub(found.remainder).div_ceil(found.modulus);
        let at_least = (steps * found.modulus + found.remainder).max(smallest(found));
        facts.insert(name.clone(), Known { at_least, ..found });
    }
}
