//! Where branches meet: residual, dense, concat, add, mul.

use super::Flow;
use super::field::Field;
use super::walk::{Level, Walk};
use crate::ast::{self, Ident, Item, Merge, Path};
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::model::{Shortcut, Step};
use crate::shape::Shape;
use crate::token::TokenRange;

impl<'a> Walk<'_, 'a> {
    #[allow(clippy::too_many_arguments, reason = "the parts of a residual")]
    pub(super) fn residual(
        &mut self,
        item: &'a Item,
        body: &'a Path,
        shortcut: Option<&'a ast::Shortcut>,
        flow: Flow,
        level: &mut Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let (inner, after) = self.branch(body, flow.clone(), level);
        let same = flow.shape.equals(&after.shape);
        let (shortcut, field) = match shortcut {
            _ if same == Some(true) => (Shortcut::Identity, flow.field.join(after.field)),
            Some(ast::Shortcut::None) => (Shortcut::Absent, after.field),
            Some(ast::Shortcut::Projection(projection)) => {
                let (projected, other) = self.projection(projection, flow, level);
                self.sides_meet(item.range, &after.shape, &other.shape, "residual");
                (Shortcut::Projection(projected), after.field.join(other.field))
            }
            None => {
                let problem = Problem::ResidualShapes {
                    input: flow.shape.to_string(),
                    body: after.shape.to_string(),
                    decided: same.is_some(),
                };
                self.report(head_of(item), problem);
                steps.push(Step::Broken);
                return Flow::UNKNOWN;
            }
        };
        steps.push(Step::Residual { body: inner, shortcut });
        Flow { shape: after.shape, field, source: Some(item.range) }
    }

    /// A branch: the taps that it names are its own, because outside it they need not be there.
    fn branch(&mut self, path: &'a Path, flow: Flow, level: &mut Level) -> (Vec<Step>, Flow) {
        let outer = self.frame.taps.clone();
        let result = self.path(path, flow, level);
        self.frame.taps = outer;
        result
    }

    /// The item behind `else`: a path of its own, whose names stand beside the body's.
    fn projection(&mut self, projection: &'a Item, flow: Flow, level: &mut Level) -> (Vec<Step>, Flow) {
        let mut steps = Vec::new();
        let position = level.next;
        let flow = self.items(std::slice::from_ref(projection), true, flow, level, &mut steps);
        if projection.label.is_some() {
            // A label names it: the layers behind it are counted as if it were not there, because for
            // another stride it is not.
            level.next = position;
        }
        (steps, flow)
    }

    fn sides_meet(&mut self, range: TokenRange, left: &Shape, right: &Shape, what: &'static str) {
        match left.equals(right) {
            Some(true) => {}
            Some(false) => {
                let problem = Problem::SidesDiffer { what, left: left.to_string(), right: right.to_string() };
                self.report(range, problem);
            }
            None => self.oblige(right, left, range, "the other branch"),
        }
    }

    pub(super) fn dense(
        &mut self,
        item: &'a Item,
        body: &'a Path,
        flow: Flow,
        level: &mut Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let (inner, after) = self.branch(body, flow.clone(), level);
        let field = flow.field.join(after.field);
        let shape = self.concat(head_of(item), &[flow.shape, after.shape]);
        steps.push(Step::Dense { body: inner });
        Flow { shape, field, source: Some(item.range) }
    }

    pub(super) fn branches(
        &mut self,
        item: &'a Item,
        merge: Merge,
        branches: &'a [Path],
        flow: &Flow,
        level: &mut Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        if branches.len() < 2 {
            self.report(item.range, Problem::OneBranch { what: merge.keyword() });
        }
        let mut bodies = Vec::new();
        let mut shapes = Vec::new();
        let mut field: Option<Field> = None;
        for branch in branches {
            let (body, after) = self.branch(branch, flow.clone(), level);
            bodies.push(body);
            shapes.push(after.shape);
            field = Some(field.map_or(after.field, |field| field.join(after.field)));
        }
        let shape = self.merge(head_of(item), merge, &shapes);
        steps.push(Step::Branches { merge, branches: bodies });
        Flow { shape, field: field.unwrap_or(flow.field), source: Some(item.range) }
    }

    pub(super) fn merge_taps(
        &mut self,
        item: &'a Item,
        merge: Merge,
        taps: &'a [Ident],
        steps: &mut Vec<Step>,
    ) -> Flow {
        if taps.len() < 2 {
            self.report(item.range, Problem::OneBranch { what: merge.keyword() });
        }
        let mut shapes = Vec::new();
        let mut field: Option<Field> = None;
        for tap in taps {
            let Some(flow) = self.find_tap(tap) else {
                steps.push(Step::Broken);
                return Flow::UNKNOWN;
            };
            field = Some(field.map_or(flow.field, |field| field.join(flow.field)));
            shapes.push(flow.shape);
        }
        let shape = self.merge(item.range, merge, &shapes);
        steps.push(Step::Taps { merge, taps: taps.iter().map(|tap| tap.text.clone()).collect() });
        Flow { shape, field: field.unwrap_or(Field::Unknown), source: Some(item.range) }
    }

    fn merge(&mut self, range: TokenRange, merge: Merge, shapes: &[Shape]) -> Shape {
        match merge {
            Merge::Concat => self.concat(range, shapes),
            Merge::Add | Merge::Mul => self.broadcast(range, merge, shapes),
        }
    }

    /// Channels one after another; heights and widths must agree.
    fn concat(&mut self, range: TokenRange, shapes: &[Shape]) -> Shape {
        if shapes.iter().any(Shape::is_unknown) {
            return Shape::Unknown;
        }
        let Some((first, rest)) = shapes.split_first() else { return Shape::Unknown };
        let mut total = first.channels().cloned().unwrap_or(Dim::ZERO);
        for shape in rest {
            let meets = match (first, shape) {
                (Shape::Chw([_, height, width]), Shape::Chw([_, other_height, other_width])) => {
                    match (height.equals(other_height), width.equals(other_width)) {
                        (Some(true), Some(true)) => true,
                        (Some(false), _) | (_, Some(false)) => false,
                        _ => {
                            let stated = Shape::Chw([Dim::ONE, height.clone(), width.clone()]);
                            let found = Shape::Chw([Dim::ONE, other_height.clone(), other_width.clone()]);
                            self.oblige(&found, &stated, range, "the height and width of the first branch");
                            true
                        }
                    }
                }
                (Shape::Flat(_), Shape::Flat(_)) => true,
                _ => false,
            };
            if !meets {
                let shapes = shapes.iter().map(ToString::to_string).collect();
                self.report(range, Problem::ConcatShapes { shapes });
                return Shape::Unknown;
            }
            total = &total + shape.channels().unwrap_or(&Dim::ZERO);
        }
        match first {
            Shape::Chw([_, height, width]) => Shape::Chw([total, height.clone(), width.clone()]),
            _ => Shape::Flat(total),
        }
    }

    /// Sum or product: equal shapes, or C and Cx1x1 over CxHxW.
    fn broadcast(&mut self, range: TokenRange, merge: Merge, shapes: &[Shape]) -> Shape {
        if shapes.iter().any(Shape::is_unknown) {
            return Shape::Unknown;
        }
        // The largest is the one that is not Cx1x1.
        let full = shapes.iter().find(|shape| shape.as_flat().is_none()).or_else(|| {
            shapes.iter().find(|shape| matches!(shape, Shape::Chw(_))).or_else(|| shapes.first())
        });
        let Some(full) = full.cloned() else { return Shape::Unknown };
        for shape in shapes {
            let verdict = match (shape.equals(&full), shape.as_flat(), full.channels()) {
                (Some(true), ..) => continue,
                (_, Some(channels), Some(wanted)) => channels.equals(wanted),
                (verdict, ..) => verdict,
            };
            match verdict {
                Some(true) => {}
                None => self.oblige(shape, &full, range, "the other branch"),
                Some(false) => {
                    let shapes = shapes.iter().map(ToString::to_string).collect();
                    self.report(range, Problem::MergeShapes { what: merge.keyword(), shapes });
                    return Shape::Unknown;
                }
            }
        }
        full
    }
}

/// The keyword of a combination: where its message stands.
fn head_of(item: &Item) -> TokenRange {
    match &item.label {
        // label `:` keyword
        Some(label) if label.numbered_from.is_none() => TokenRange::at(label.name.token + 2),
        Some(_) => item.range,
        None => TokenRange::at(item.range.first),
    }
}
