//! Tree to model: names, repeats, shapes and costs, in one walk.
//!
//! The walk carries a `Flow` (the value between two steps: its shape and receptive field) through the items
//! of a path. An error makes the shape [`Shape::Unknown`], which flows on in silence, so one mistake is one
//! message; a `=>` ascription or a fully connected layer makes it known again.

mod blocks;
mod budget;
mod calls;
mod combine;
mod field;
mod layers;
mod names;
mod nested;
mod network;
mod origin;
mod stated;
mod walk;

use crate::ast::{self, File};
use crate::diagnostic::{Diagnostic, Evidence, Mistake, Problem, Trace};
use crate::model::Model;
use crate::shape::Shape;
use crate::token::{TokenRange, TokenTable};
use field::Field;
pub(crate) use names::looks_like_a_symbol;
use origin::OriginId;
use std::collections::HashSet;

/// The most items that a network may unroll to.
const LARGEST_NETWORK: u32 = 100_000;

/// Networks may contain networks this deep.
const DEEPEST: usize = 32;

/// Resolves every network of a declaration. The models are in the order of the declaration; where there are
/// diagnostics, a model holds what could be resolved.
#[must_use]
pub fn resolve(file: &File, table: &TokenTable) -> (Vec<Model>, Vec<Diagnostic>) {
    let mut shared = Shared::new(file, table, None);
    shared.all();
    let models = shared
        .models
        .into_iter()
        .filter_map(|state| match state {
            State::Done(model) => Some(*model),
            State::Waiting | State::Busy => None,
        })
        .collect();
    shared.diagnostics.sort_by_key(|diagnostic| diagnostic.range.first);
    (models, shared.diagnostics)
}

/// Whether a declaration fits, mistakes in `tolerated` aside; and how many items it took to see that. One of more than
/// `most` items does not.
pub(crate) fn fits(file: &File, table: &TokenTable, tolerated: HashSet<Mistake>, most: u32) -> (bool, u32) {
    let mut shared = Shared::new(file, table, Some(Trial { tolerated, failed: false }));
    shared.remaining = shared.remaining.min(most);
    shared.all();
    let failed = shared.trial.is_none_or(|trial| trial.failed);
    (!failed, shared.walked)
}

/// What all networks of one declaration share.
struct Shared<'a> {
    file: &'a File,
    table: &'a TokenTable,
    diagnostics: Vec<Diagnostic>,
    /// A block with a mistake is walked once for every call: each mistake is reported once.
    reported: HashSet<Mistake>,
    models: Vec<State>,
    remaining: u32,
    /// Items that were walked.
    walked: u32,
    trial: Option<Trial>,
    /// Whether the names of a network may stand beside those of another: the label `_` is there.
    shares_names: bool,
}

/// A declaration of which only one thing is asked: whether it fits.
struct Trial {
    /// Mistakes that do not count, because they were there before.
    tolerated: HashSet<Mistake>,
    failed: bool,
}

enum State {
    Waiting,
    Busy,
    Done(Box<Model>),
}

impl<'a> Shared<'a> {
    fn new(file: &'a File, table: &'a TokenTable, trial: Option<Trial>) -> Self {
        Self {
            file,
            table,
            diagnostics: Vec::new(),
            reported: HashSet::new(),
            models: file.networks.iter().map(|_| State::Waiting).collect(),
            remaining: LARGEST_NETWORK,
            walked: 0,
            trial,
            shares_names: (0..table.next_index())
                .any(|index| table.get(index).is_some_and(|token| *token.text == *walk::TRANSPARENT)),
        }
    }

    fn all(&mut self) {
        self.check_names();
        for index in 0..self.file.networks.len() {
            self.model(index);
        }
    }

    /// Two networks of one name.
    fn check_names(&mut self) {
        let networks: &'a [ast::Network] = &self.file.networks;
        for (index, network) in networks.iter().enumerate() {
            if networks[..index].iter().any(|earlier| earlier.name.text == network.name.text) {
                let problem = Problem::Duplicate { what: "network", name: network.name.text.clone() };
                self.report(network.name.range(), problem, Vec::new());
            }
        }
        self.check_structs();
    }

    /// Generated structs: a network, its trace and outputs, and one for each block, named after both.
    fn check_structs(&mut self) {
        let networks: &'a [ast::Network] = &self.file.networks;
        let mut taken: HashSet<String> = HashSet::new();
        for network in networks {
            let name = &network.name.text;
            taken.extend([name.clone(), format!("{name}Trace"), format!("{name}Output")]);
        }
        for network in networks {
            let mut own = HashSet::new();
            for block in &network.blocks {
                // Two blocks of the very same name are reported as such.
                if !own.insert(block.name.text.as_str()) {
                    continue;
                }
                let mut letters = block.name.text.chars();
                let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
                let name = format!("{}{first}{}", network.name.text, letters.as_str());
                if !taken.insert(name.clone()) {
                    self.report(block.name.range(), Problem::StructTaken { name }, Vec::new());
                }
            }
        }
    }

    fn report(&mut self, range: TokenRange, problem: Problem, notes: Vec<String>) {
        self.report_with(range, problem, notes, Trace::default(), Evidence::default());
    }

    fn report_with(
        &mut self,
        range: TokenRange,
        problem: Problem,
        notes: Vec<String>,
        trace: Trace,
        evidence: Evidence,
    ) {
        let key = (range, std::mem::discriminant(&problem));
        if let Some(trial) = &self.trial {
            if !trial.tolerated.contains(&key) {
                self.fail();
            }
        } else if self.reported.insert(key) {
            self.diagnostics.push(Diagnostic { range, problem, notes, trace, evidence, fits: Vec::new() });
        }
    }

    /// Whether further shapes that need not be equal are no news.
    fn tolerates_undecided(&self) -> bool {
        self.trial.as_ref().is_none_or(|trial| !trial.failed)
    }

    /// One mistake decides a trial: nothing more is walked.
    fn fail(&mut self) {
        if let Some(trial) = &mut self.trial {
            trial.failed = true;
            self.remaining = 0;
        }
    }

    /// Whether only the verdict counts, because a fix is tried: no messages, rows and steps then.
    fn quiet(&self) -> bool {
        self.trial.is_some()
    }

    /// The model of a network, resolved now if it was not; `None` while it is being resolved (a cycle).
    fn model(&mut self, index: usize) -> Option<&Model> {
        let busy = self.models.iter().filter(|state| matches!(state, State::Busy)).count();
        if matches!(self.models.get(index)?, State::Waiting) && busy < DEEPEST {
            self.models[index] = State::Busy;
            let network: &'a ast::Network = &self.file.networks[index];
            let model = network::resolve(self, network);
            self.models[index] = State::Done(Box::new(model));
        }
        match &self.models[index] {
            State::Done(model) => Some(model),
            State::Waiting | State::Busy => None,
        }
    }
}

/// The value between two steps.
#[derive(Clone, Debug)]
struct Flow {
    shape: Shape,
    field: Field,
    /// What gave it.
    origin: Option<OriginId>,
}

impl Flow {
    const UNKNOWN: Self = Self { shape: Shape::Unknown, field: Field::Unknown, origin: None };
}
