//! How a value came to be: for the trace of a message, and for the search of what to change.

use super::Flow;
use super::walk::Walk;
use crate::diagnostic::{Evidence, Problem, Trace, TraceRow};
use crate::dim::{Atom, Dim};
use crate::shape::Shape;
use crate::token::TokenRange;
use std::collections::{HashSet, VecDeque};

/// Handle of an [`Origin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct OriginId(usize);

/// One step that gave a value.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The tokens that gave it.
    pub(super) range: TokenRange,
    pub(super) what: What,
    shape: Shape,
    parents: Vec<OriginId>,
    /// The calls of blocks in which it stands, the innermost last.
    calls: Vec<TokenRange>,
}

impl Origin {
    pub(super) fn parent(&self) -> Option<OriginId> {
        self.parents.first().copied()
    }
}

/// What kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// An input of the network.
    Input,
    /// A layer, another network, Rust code.
    Layer,
    /// Branches met; the keyword.
    Merge(&'static str),
    /// `=> shape`: what stands before it was found to fit.
    Stated,
}

/// One of the values that met.
pub(super) struct Side<'f> {
    /// What to call it, where several meet.
    pub(super) name: String,
    pub(super) flow: &'f Flow,
}

/// Rows of a trace on one side.
const ROWS: usize = 4;
/// No search looks at more steps than these.
const SUSPECTS: usize = 96;

impl Walk<'_, '_> {
    /// Notes a step. While fixes are tried nobody will ask.
    pub(super) fn note(
        &mut self,
        what: What,
        range: TokenRange,
        shape: &Shape,
        parents: &[Option<OriginId>],
    ) -> Option<OriginId> {
        if self.shared.quiet() {
            return None;
        }
        let parents = parents.iter().copied().flatten().collect();
        let calls = self.calls.iter().map(|call| call.range).collect();
        self.origins.push(Origin { range, what, shape: shape.clone(), parents, calls });
        Some(OriginId(self.origins.len() - 1))
    }

    pub(super) fn origin(&self, id: OriginId) -> Option<&Origin> {
        self.origins.get(id.0)
    }

    /// Reports a problem of one value at a layer (or at an argument of it).
    pub(super) fn report_layer(
        &mut self,
        range: TokenRange,
        layer: TokenRange,
        problem: Problem,
        flow: &Flow,
    ) {
        if self.shared.quiet() || !problem.is_about_shapes() {
            self.report(range, problem);
            return;
        }
        let offender = self.short(layer);
        self.report_meeting(range, problem, &offender, &[Side { name: String::new(), flow }], &[]);
    }

    /// Reports a problem of values that met, or of one that met a stated shape.
    pub(super) fn report_meeting(
        &mut self,
        range: TokenRange,
        problem: Problem,
        offender: &str,
        sides: &[Side<'_>],
        stated: &[&Shape],
    ) {
        if self.shared.quiet() {
            self.report(range, problem);
            return;
        }
        let met = sides.iter().map(|side| &side.flow.shape).chain(stated.iter().copied());
        let evidence = Evidence {
            met: met.cloned().collect(),
            suspects: self.calls.iter().rev().map(|call| call.range).chain(self.suspects(sides)).collect(),
            uneven: self.uneven(sides),
        };
        let trace = self.trace(range, offender, sides);
        let notes = self.notes();
        self.shared.report_with(range, problem, notes, trace, evidence);
    }

    /// The steps that led to the sides, the nearest first, back to what is known to fit.
    fn suspects(&self, sides: &[Side<'_>]) -> Vec<TokenRange> {
        let mut queue: VecDeque<OriginId> = sides.iter().filter_map(|side| side.flow.origin).collect();
        let mut seen: HashSet<OriginId> = queue.iter().copied().collect();
        let mut ranges = Vec::new();
        while let Some(origin) = queue.pop_front().and_then(|id| self.origin(id)) {
            if ranges.len() >= SUSPECTS {
                break;
            }
            for range in std::iter::once(&origin.range).chain(origin.calls.iter().rev()) {
                if !ranges.contains(range) {
                    ranges.push(*range);
                }
            }
            if origin.what == What::Stated {
                continue;
            }
            queue.extend(origin.parents.iter().copied().filter(|parent| seen.insert(*parent)));
        }
        ranges
    }

    /// The layers that divide a size of symbols that need not be a multiple, in the order of the data.
    fn uneven(&self, sides: &[Side<'_>]) -> Vec<TokenRange> {
        let mut all: Vec<OriginId> = sides.iter().flat_map(|side| self.ancestors(side.flow.origin)).collect();
        all.sort_unstable();
        all.dedup();
        let floors = |origin: &Origin| -> Vec<Atom> {
            origin.shape.dims().iter().flat_map(Dim::floors).cloned().collect()
        };
        let mut ranges = Vec::new();
        for origin in all.into_iter().filter_map(|id| self.origin(id)) {
            let before: Vec<Atom> =
                origin.parents.iter().filter_map(|&parent| self.origin(parent)).flat_map(floors).collect();
            let new = floors(origin).iter().any(|atom| !before.contains(atom));
            if new && origin.what == What::Layer && !ranges.contains(&origin.range) {
                ranges.push(origin.range);
            }
        }
        ranges
    }

    fn trace(&self, range: TokenRange, offender: &str, sides: &[Side<'_>]) -> Trace {
        let mut rows = Vec::new();
        match sides {
            [side] => {
                let history = self.history(side.flow.origin, &HashSet::new());
                rows.extend(history.iter().rev().filter_map(|&id| self.row_of(id)));
            }
            sides => {
                // What all sides share stands before them.
                let ancestors: Vec<HashSet<OriginId>> =
                    sides.iter().map(|side| self.ancestors(side.flow.origin)).collect();
                let shared: HashSet<OriginId> = match ancestors.split_first() {
                    Some((first, rest)) => first
                        .iter()
                        .copied()
                        .filter(|id| rest.iter().all(|other| other.contains(id)))
                        .collect(),
                    None => HashSet::new(),
                };
                let fork = shared.iter().max().copied();
                rows.extend(fork.and_then(|id| self.row_of(id)));
                for side in sides {
                    let history = self.history(side.flow.origin, &shared);
                    let shape = history.is_empty().then(|| side.flow.shape.to_string());
                    rows.push(TraceRow::Side { name: side.name.clone(), shape });
                    rows.extend(history.iter().rev().filter_map(|&id| self.row_of(id)));
                }
            }
        }
        let line = self.shared.table.line(range.first);
        rows.push(TraceRow::Offender { line, text: offender.to_owned() });
        Trace { rows }
    }

    /// The last steps that changed the shape, the latest first.
    fn history(&self, from: Option<OriginId>, shared: &HashSet<OriginId>) -> Vec<OriginId> {
        let mut steps: Vec<OriginId> = Vec::new();
        let mut at = from.filter(|id| !shared.contains(id));
        while let Some((id, origin)) = at.and_then(|id| Some((id, self.origin(id)?))) {
            let before = origin.parents.first().and_then(|&parent| self.origin(parent));
            let changed = before.is_none_or(|before| before.shape != origin.shape);
            if changed || origin.what == What::Stated {
                steps.push(id);
            }
            if steps.len() >= ROWS || origin.what == What::Stated {
                break;
            }
            at = origin.parents.first().copied().filter(|parent| !shared.contains(parent));
        }
        steps
    }

    fn ancestors(&self, from: Option<OriginId>) -> HashSet<OriginId> {
        let mut all = HashSet::new();
        let mut open: Vec<OriginId> = from.into_iter().collect();
        while let Some(id) = open.pop() {
            if all.insert(id) {
                open.extend(self.origin(id).map(|origin| origin.parents.as_slice()).unwrap_or_default());
            }
        }
        all
    }

    fn row_of(&self, id: OriginId) -> Option<TraceRow> {
        let origin = self.origin(id)?;
        let text = match origin.what {
            What::Input => "input".to_owned(),
            What::Merge(keyword) => keyword.to_owned(),
            What::Layer => self.short(origin.range),
            What::Stated => format!("=> {}", self.short(origin.range)),
        };
        let line = self.shared.table.line(origin.range.first);
        Some(TraceRow::Step { line, text, shape: origin.shape.to_string() })
    }

    /// The text of a range; a long one is cut.
    pub(super) fn short(&self, range: TokenRange) -> String {
        cut(&self.shared.table.text(range))
    }
}

/// A long text is cut.
pub(super) fn cut(text: &str) -> String {
    if text.chars().count() > 40 {
        format!("{} ..", text.chars().take(36).collect::<String>())
    } else {
        text.to_owned()
    }
}
