//! `#[budget(..)]`: what a network promises of its costs.

use super::field::Field;
use super::{Shared, origin};
use crate::ast::{self, Limit, Quantity};
use crate::diagnostic::{Evidence, Problem, Trace, TraceRow};
use crate::model::{Model, NetworkTarget, Promise, Row};
use crate::summary::grouped;

/// As many of the heaviest layers are shown.
const HEAVIEST: usize = 3;

/// Checks the budget of a network whose model is complete; `field` is what its output sees.
pub(super) fn check(shared: &mut Shared<'_>, ast: &ast::Network, model: &mut Model, field: Field) {
    for limit in &ast.budget {
        if limit.quantity == Quantity::ReceptiveField {
            receptive_field(shared, limit, field);
            continue;
        }
        let (what, constant, total) = match limit.quantity {
            Quantity::Parameters => ("parameters", "PARAMS", &model.totals.parameters),
            Quantity::Macs => ("MACs", "MACS", &model.totals.macs),
            _ => ("activations", "ACTIVATIONS", &model.totals.activations),
        };
        // Four bytes a value.
        let bytes = limit.quantity == Quantity::ActivationBytes;
        let bound = if bytes { limit.bound / 4 } else { limit.bound };
        let elsewhere = model.rows.iter().any(|row| matches!(row.network, Some(NetworkTarget::External(_))));
        match total.number() {
            _ if total.is_symbolic() => {
                shared.report(limit.range, Problem::BudgetUnknown { what }, Vec::new());
            }
            Some(total) if !elsewhere => {
                if total > i128::from(bound) {
                    let problem = over(limit, what, total, bytes);
                    let trace = heaviest(shared, &model.rows, limit, total);
                    shared.report_with(limit.range, problem, Vec::new(), trace, Evidence::default());
                }
            }
            _ => {
                let message = format!("the budget of {what} is {}", limit.written);
                model.promises.push(Promise { constant, at_most: bound, message, range: limit.range });
            }
        }
    }
}

fn over(limit: &Limit, what: &'static str, total: i128, bytes: bool) -> Problem {
    let (found, excess, unit) = if bytes {
        (total * 4, total * 4 - i128::from(limit.bound), " bytes")
    } else {
        (total, total - i128::from(limit.bound), "")
    };
    let percent = rounded(excess, i128::from(limit.bound));
    let over = match percent {
        0 => format!("{}{unit} too many", grouped(excess)),
        percent => format!("{}{unit} too many ({percent} %)", grouped(excess)),
    };
    let found = if bytes { format!("{} bytes of", grouped(found)) } else { grouped(found) };
    Problem::OverBudget { what, found, written: limit.written.clone(), over }
}

/// A share in percent, to the nearest.
fn rounded(part: i128, whole: i128) -> i128 {
    let whole = whole.max(1);
    (part.saturating_mul(200) + whole) / (2 * whole)
}

/// The layers that cost most.
fn heaviest(shared: &Shared<'_>, rows: &[Row], limit: &Limit, total: i128) -> Trace {
    let cost = |row: &Row| -> i128 {
        let cost = match limit.quantity {
            Quantity::Parameters => &row.parameters,
            Quantity::Macs => &row.macs,
            _ => &row.activations,
        };
        cost.number().unwrap_or(0)
    };
    let mut rows: Vec<&Row> = rows.iter().filter(|row| cost(row) > 0).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(cost(row)));
    let mut out = vec![TraceRow::Side { name: "the heaviest layers".into(), shape: None }];
    out.extend(rows.into_iter().take(HEAVIEST).map(|row| TraceRow::Step {
        line: shared.table.line(row.range.first),
        text: format!("{} {}", row.path, origin::cut(&row.source)),
        shape: format!("{} ({} %)", grouped(cost(row)), rounded(cost(row), total)),
    }));
    Trace { rows: out }
}

fn receptive_field(shared: &mut Shared<'_>, limit: &Limit, field: Field) {
    match (field, field.rows_and_columns()) {
        (Field::Whole, _) => {}
        (_, Some([rows, columns])) => {
            let smaller = rows.min(columns);
            if smaller < limit.bound {
                let problem = Problem::OverBudget {
                    what: "input rows and columns in its receptive field",
                    found: format!("{rows}x{columns}"),
                    written: limit.written.clone(),
                    over: format!("{} too few", grouped(i128::from(limit.bound - smaller))),
                };
                shared.report(limit.range, problem, Vec::new());
            }
        }
        (_, None) => {
            shared.report(
                limit.range,
                Problem::BudgetUnknown { what: "rows and columns that it sees" },
                Vec::new(),
            );
        }
    }
}
