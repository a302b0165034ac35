//! Shapes that are stated, and what must hold of sizes that are not numbers.

use super::Flow;
use super::origin::{Side, What};
use super::walk::Walk;
use crate::ast::ShapeExpr;
use crate::diagnostic::Problem;
use crate::dim::{Atom, Dim};
use crate::model::{Obligation, Relation};
use crate::shape::Shape;
use crate::token::TokenRange;

impl<'a> Walk<'_, 'a> {
    /// `=> shape`: where checking recovers.
    pub(super) fn ascription(&mut self, written: &'a ShapeExpr, flow: Flow) -> Flow {
        let Some(stated) = self.shape(written) else { return flow };
        match flow.shape.equals(&stated) {
            Some(true) => {}
            Some(false) if flow.shape.as_flat().is_some_and(|flat| Shape::Flat(flat.clone()) == stated) => {}
            Some(false) => {
                let problem = Problem::Ascription {
                    stated: stated.to_string(),
                    found: flow.shape.to_string(),
                    giver: self.giver(&flow),
                };
                let side = Side { name: String::new(), flow: &flow };
                let offender = format!("=> {}", self.quoted(written.range));
                self.report_meeting(written.range, problem, &offender, &[side], &[&stated]);
                // Which of the two is right nobody knows yet.
                return Flow::UNKNOWN;
            }
            None => {
                if !self.oblige(&flow, &stated, written.range, "the shape stated here") {
                    return Flow::UNKNOWN;
                }
            }
        }
        // A stated Cx1x1 or C does not change what flows.
        let shape =
            if flow.shape.as_flat().is_some() && stated.as_flat().is_some() { flow.shape } else { stated };
        let origin = self.note(What::Stated, written.range, &shape, &[flow.origin]);
        Flow { shape, origin, ..flow }
    }

    /// Notes that two shapes must be equal once their consts are known; with symbols it is an error now, and gives
    /// `false`.
    pub(super) fn oblige(&mut self, flow: &Flow, stated: &Shape, range: TokenRange, what: &str) -> bool {
        let found = &flow.shape;
        for (left, right) in found.dims().iter().zip(stated.dims()) {
            if left.equals(right) == Some(true) {
                continue;
            }
            if left.is_symbolic() || right.is_symbolic() {
                let problem = Problem::NotDecidable { found: found.to_string(), stated: stated.to_string() };
                let side = Side { name: String::new(), flow };
                let again = std::mem::replace(&mut self.undecided, true);
                if again && self.shared.tolerates_undecided() {
                    // The same facts are missing; what is proposed was tried on all of them.
                    return false;
                }
                let arrow = match what {
                    "the declared output" => "-> ",
                    "the shape stated here" => "=> ",
                    _ => "",
                };
                let offender = format!("{arrow}{}", self.short(range));
                self.report_meeting(range, problem, &offender, &[side], &[stated]);
                return false;
            }
            let message = match self.giver(flow) {
                Some(giver) => format!("`{giver}` gives {found}, but {what} is {stated}"),
                None => format!("{found} arrives, but {what} is {stated}"),
            };
            let (left, right) = (left.clone(), right.clone());
            self.promise(Obligation { left, relation: Relation::Equal, right, message, range });
        }
        true
    }

    /// Notes what must hold of consts and generics. A fix must at least fit the defaults of the generics.
    pub(super) fn promise(&mut self, obligation: Obligation) {
        if self.shared.quiet() {
            let value = |dim: &Dim| {
                let generics = &self.network.ast.generics;
                let value = dim.substitute(&|atom| match atom {
                    Atom::Generic(name) => {
                        let generic = generics.iter().find(|generic| generic.name.text == *name)?;
                        generic.default.map(Dim::from)
                    }
                    _ => None,
                });
                value.number()
            };
            let holds = match (value(&obligation.left), obligation.relation, value(&obligation.right)) {
                (Some(left), Relation::Equal, Some(right)) => left == right,
                (Some(left), Relation::AtLeast, Some(right)) => left >= right,
                (Some(left), Relation::Multiple, Some(right)) => right > 0 && left % right == 0,
                _ => true,
            };
            if !holds {
                self.shared.fail();
            }
        } else {
            self.obligations.push(obligation);
        }
    }

    /// A written shape.
    pub(super) fn shape(&mut self, written: &ShapeExpr) -> Option<Shape> {
        let mut sizes = Vec::new();
        for expr in &written.sizes {
            let size = self.size(expr).ok()?;
            if size.at_least(1) == Some(false) {
                self.report(expr.range, Problem::ZeroInShape { text: self.text(written.range) });
                return None;
            }
            sizes.push(size);
        }
        match <[Dim; 3]>::try_from(sizes) {
            Ok(chw) => Some(Shape::Chw(chw)),
            Err(mut sizes) if sizes.len() == 1 => sizes.pop().map(Shape::Flat),
            Err(sizes) => {
                self.report(
                    written.range,
                    Problem::ShapeRank { count: sizes.len(), text: self.text(written.range) },
                );
                None
            }
        }
    }
}
