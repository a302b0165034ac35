//! Everything behind the parser: resolution, budgets, lints, and the search for fixes. Both front ends come through
//! here.

use crate::ast::{File, Level, Network};
use crate::diagnostic::{Diagnostic, Problem};
use crate::fix;
use crate::lint::{Finding, Lint, lint};
use crate::model::Model;
use crate::nearest::nearest;
use crate::resolve::resolve;
use crate::token::TokenTable;
use std::collections::HashSet;

/// Rows that are kept of a network with mistakes.
const LARGEST_TABLE: usize = 10_000;

/// What is known of a declaration.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The networks, in the order of the declaration; complete where nothing is wrong.
    pub models: Vec<Model>,
    /// What is wrong, in the order of the tokens.
    pub diagnostics: Vec<Diagnostic>,
    /// What is allowed and probably not meant; only looked for where nothing is wrong.
    pub warnings: Vec<Finding>,
}

/// Whether nothing at all is wrong with a declaration: budgets kept, no lint denied.
pub(crate) fn is_right(file: &File, table: &TokenTable) -> bool {
    let (models, diagnostics) = resolve(file, table);
    let mut networks = file.networks.iter().zip(&models);
    diagnostics.is_empty()
        && networks.all(|(network, model)| {
            let strict = network.lints.iter().any(|level| level.level == Level::Deny);
            !strict
                || lint(network, model, table)
                    .iter()
                    .all(|finding| level(network, finding.lint) != Level::Deny)
        })
}

/// Checks a declaration of which `found` is already known to be wrong.
#[must_use]
pub fn check(file: &File, table: &TokenTable, found: Vec<Diagnostic>) -> Checked {
    let (mut models, unresolved) = resolve(file, table);
    let mut diagnostics = found;
    diagnostics.extend(unresolved);
    let mut warnings = Vec::new();
    for network in &file.networks {
        diagnostics.extend(unknown_lints(network));
    }
    if diagnostics.is_empty() {
        // A block that stands between the networks is in all of them, and what is found in it is said once.
        let mut said = HashSet::new();
        for (network, model) in file.networks.iter().zip(&models) {
            for finding in lint(network, model, table) {
                match level(network, finding.lint) {
                    Level::Allow => {}
                    level if !said.insert((finding.lint, finding.range, level == Level::Deny)) => {}
                    Level::Warn => warnings.push(finding),
                    Level::Deny => diagnostics.push(denied(finding)),
                }
            }
        }
    }
    if !diagnostics.is_empty() {
        // The fields of a network with mistakes are of use to the code around it, but not the table of one without end.
        for model in models.iter_mut().filter(|model| model.rows.len() > LARGEST_TABLE) {
            model.rows.clear();
            model.body.clear();
        }
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.range.first);
    fix::search(file, table, &mut diagnostics);
    Checked { models, diagnostics, warnings }
}

/// What the last attribute that names it says; a lint warns where none does.
fn level(network: &Network, lint: Lint) -> Level {
    let named = network.lints.iter().rev().find(|level| level.name.text == lint.name());
    named.map_or(Level::Warn, |level| level.level)
}

fn unknown_lints(network: &Network) -> Vec<Diagnostic> {
    let names = || Lint::ALL.iter().map(|lint| lint.name());
    let unknown = network.lints.iter().filter(|level| Lint::from_name(&level.name.text).is_none());
    unknown
        .map(|level| {
            let name = level.name.text.clone();
            let nearest = nearest(&name, names()).map(str::to_owned);
            let known = names().map(str::to_owned).collect();
            Diagnostic::new(level.name.range(), Problem::UnknownLint { name, nearest, known })
        })
        .collect()
}

fn denied(finding: Finding) -> Diagnostic {
    let Finding { lint, range, headline, help } = finding;
    Diagnostic::new(range, Problem::DeniedLint { code: lint.code(), name: lint.name(), headline, help })
}
