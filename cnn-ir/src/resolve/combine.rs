//! Where branches meet: residual, dense, concat, add, mul, split.

use super::Flow;
use super::field::Field;
use super::origin::{OriginId, Side, What};
use super::walk::{Level, Walk};
use crate::ast::{self, Ident, Item, Merge, Path};
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::model::{Meeting, Obligation, Relation, Shortcut, Step};
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
        let mut parents = vec![after.origin];
        let (shortcut, field) = match shortcut {
            _ if same == Some(true) => (Shortcut::Identity, flow.field.join(after.field)),
            Some(ast::Shortcut::None) => (Shortcut::Absent, after.field),
            Some(ast::Shortcut::Misplaced) => {
                steps.push(Step::Broken);
                return Flow::UNKNOWN;
            }
            Some(ast::Shortcut::Projection(projection)) => {
                let (projected, other) = self.projection(projection, flow.clone(), level);
                if !self.sides_meet(head_of(item), &after, &other, "residual") {
                    steps.push(Step::Broken);
                    return Flow::UNKNOWN;
                }
                parents.push(other.origin);
                (Shortcut::Projection(projected), after.field.join(other.field))
            }
            None => {
                let problem = Problem::ResidualShapes {
                    input: flow.shape.to_string(),
                    body: after.shape.to_string(),
                    decided: same.is_some(),
                };
                let sides = [
                    Side { name: "the body".into(), flow: &after },
                    Side { name: "its input".into(), flow: &flow },
                ];
                self.report_meeting(head_of(item), problem, "residual", &sides, &[]);
                steps.push(Step::Broken);
                return Flow::UNKNOWN;
            }
        };
        steps.push(Step::Residual { body: inner, shortcut, meeting: meeting(level, &after.shape) });
        parents.push(flow.origin);
        let origin = self.note(What::Merge("residual"), item.range, &after.shape, &parents);
        Flow { shape: after.shape, field, origin }
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

    /// Whether they fit, or may.
    fn sides_meet(&mut self, range: TokenRange, left: &Flow, right: &Flow, what: &'static str) -> bool {
        match left.shape.equals(&right.shape) {
            Some(true) => true,
            Some(false) => {
                let (left_shape, right_shape) = (left.shape.to_string(), right.shape.to_string());
                let problem = Problem::SidesDiffer { what, left: left_shape, right: right_shape };
                let sides = [
                    Side { name: "the body".into(), flow: left },
                    Side { name: "`else`".into(), flow: right },
                ];
                self.report_meeting(range, problem, "residual", &sides, &[]);
                false
            }
            None => self.oblige(right, &left.shape, range, "the other branch"),
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
        let sides = [flow, after];
        let shape = self.concat(head_of(item), &sides, &["its input", "the body"]);
        steps.push(Step::Dense { body: inner, meeting: meeting(level, &shape) });
        let [flow, after] = sides;
        let origin = self.note(What::Merge("dense"), item.range, &shape, &[after.origin, flow.origin]);
        Flow { shape, field, origin }
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
        let mut sides = Vec::new();
        let mut field: Option<Field> = None;
        let arrives = match merge {
            Merge::Split => self.part(item, branches.len(), flow),
            Merge::Concat | Merge::Add | Merge::Mul => flow.clone(),
        };
        for branch in branches {
            let (body, after) = self.branch(branch, arrives.clone(), level);
            bodies.push(body);
            field = Some(field.map_or(after.field, |field| field.join(after.field)));
            sides.push(after);
        }
        let shape = self.merge(head_of(item), merge, &sides, &[]);
        let arrives = arrives.shape;
        steps.push(Step::Branches { merge, arrives, branches: bodies, meeting: meeting(level, &shape) });
        let origin = self.met(merge, item.range, &shape, &sides);
        Flow { shape, field: field.unwrap_or(flow.field), origin }
    }

    /// What each branch of a `split` gets: an equal part of the channels.
    fn part(&mut self, item: &Item, branches: usize, flow: &Flow) -> Flow {
        let Some(channels) = flow.shape.channels() else { return Flow::UNKNOWN };
        let count = i128::try_from(branches.max(1)).unwrap_or(i128::MAX);
        let each = channels.floor_div(count);
        let whole = &each * &Dim::from(branches.max(1) as u64);
        match channels.equals(&whole) {
            Some(true) => {}
            Some(false) => {
                let problem = Problem::SplitDoesNotDivide {
                    channels: channels.to_string(),
                    branches: branches.to_string(),
                };
                let side = Side { name: String::new(), flow };
                self.report_meeting(head_of(item), problem, "split", &[side], &[]);
                return Flow::UNKNOWN;
            }
            None => {
                let right = Dim::from(branches.max(1) as u64);
                let message = format!("`split` into {branches} branches gets {channels} channels");
                let (left, range) = (channels.clone(), head_of(item));
                self.promise(Obligation { left, relation: Relation::Multiple, right, message, range });
            }
        }
        let shape = match &flow.shape {
            Shape::Chw([_, height, width]) => Shape::Chw([each, height.clone(), width.clone()]),
            Shape::Flat(_) => Shape::Flat(each),
            Shape::Unknown => Shape::Unknown,
        };
        let origin = self.note(What::Merge("split"), head_of(item), &shape, &[flow.origin]);
        Flow { shape, origin, ..flow.clone() }
    }

    pub(super) fn merge_taps(
        &mut self,
        item: &'a Item,
        merge: Merge,
        taps: &'a [Ident],
        level: &Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let mut sides = Vec::new();
        let mut field: Option<Field> = None;
        for tap in taps {
            let Some(flow) = self.find_tap(tap) else {
                steps.push(Step::Broken);
                return Flow::UNKNOWN;
            };
            field = Some(field.map_or(flow.field, |field| field.join(flow.field)));
            sides.push(flow);
        }
        if taps.len() < 2 {
            self.report(item.range, Problem::OneBranch { what: merge.keyword() });
        }
        let names: Vec<String> = taps.iter().map(|tap| format!("`@{}`", tap.text)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let shape = self.merge(item.range, merge, &sides, &names);
        let taps = taps.iter().map(|tap| tap.text.clone()).collect();
        steps.push(Step::Taps { merge, taps, meeting: meeting(level, &shape) });
        let origin = self.met(merge, item.range, &shape, &sides);
        Flow { shape, field: field.unwrap_or(Field::Unknown), origin }
    }

    fn met(&mut self, merge: Merge, range: TokenRange, shape: &Shape, sides: &[Flow]) -> Option<OriginId> {
        let parents: Vec<Option<OriginId>> = sides.iter().map(|side| side.origin).collect();
        self.note(What::Merge(merge.keyword()), range, shape, &parents)
    }

    /// Where the `sides` meet; unnamed ones are numbered in messages.
    fn merge(&mut self, range: TokenRange, merge: Merge, sides: &[Flow], names: &[&str]) -> Shape {
        match merge {
            Merge::Concat | Merge::Split => self.concat(range, sides, names),
            Merge::Add | Merge::Mul => self.broadcast(range, merge, sides, names),
        }
    }

    fn report_sides(&mut self, range: TokenRange, problem: Problem, sides: &[Flow], names: &[&str]) {
        let name =
            |index: usize| names.get(index).map_or(format!("branch {}", index + 1), ToString::to_string);
        let sides: Vec<Side<'_>> =
            sides.iter().enumerate().map(|(index, flow)| Side { name: name(index), flow }).collect();
        let offender = self.short(range);
        self.report_meeting(range, problem, &offender, &sides, &[]);
    }

    /// Channels one after another; heights and widths must agree.
    fn concat(&mut self, range: TokenRange, sides: &[Flow], names: &[&str]) -> Shape {
        if sides.iter().any(|side| side.shape.is_unknown()) {
            return Shape::Unknown;
        }
        let Some((first, rest)) = sides.split_first() else { return Shape::Unknown };
        let first = &first.shape;
        let mut total = first.channels().cloned().unwrap_or(Dim::ZERO);
        for side in rest {
            let shape = &side.shape;
            let meets = match (first, shape) {
                (Shape::Chw([_, height, width]), Shape::Chw([_, other_height, other_width])) => {
                    match (height.equals(other_height), width.equals(other_width)) {
                        (Some(true), Some(true)) => true,
                        (Some(false), _) | (_, Some(false)) => false,
                        _ => {
                            let channels = shape.channels().cloned().unwrap_or(Dim::ONE);
                            let stated = Shape::Chw([channels, height.clone(), width.clone()]);
                            if !self.oblige(side, &stated, range, "the height and width of the first branch")
                            {
                                return Shape::Unknown;
                            }
                            true
                        }
                    }
                }
                (Shape::Flat(_), Shape::Flat(_)) => true,
                _ => false,
            };
            if !meets {
                let shapes = sides.iter().map(|side| side.shape.to_string()).collect();
                self.report_sides(range, Problem::ConcatShapes { shapes }, sides, names);
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
    fn broadcast(&mut self, range: TokenRange, merge: Merge, sides: &[Flow], names: &[&str]) -> Shape {
        let shapes: Vec<&Shape> = sides.iter().map(|side| &side.shape).collect();
        if shapes.iter().any(|shape| shape.is_unknown()) {
            return Shape::Unknown;
        }
        // The largest is the one that is not Cx1x1.
        let full = shapes.iter().find(|shape| shape.as_flat().is_none()).or_else(|| {
            shapes.iter().find(|shape| matches!(shape, Shape::Chw(_))).or_else(|| shapes.first())
        });
        let Some(full) = full.map(|&full| full.clone()) else { return Shape::Unknown };
        for side in sides {
            let shape = &side.shape;
            let verdict = match (shape.equals(&full), shape.as_flat(), full.channels()) {
                (Some(true), ..) => continue,
                (_, Some(channels), Some(wanted)) => channels.equals(wanted),
                (verdict, ..) => verdict,
            };
            match verdict {
                Some(true) => {}
                None => {
                    if !self.oblige(side, &full, range, "the other branch") {
                        return Shape::Unknown;
                    }
                }
                Some(false) => {
                    let shapes = shapes.iter().map(ToString::to_string).collect();
                    let problem = Problem::MergeShapes { what: merge.keyword(), shapes };
                    self.report_sides(range, problem, sides, names);
                    return Shape::Unknown;
                }
            }
        }
        full
    }
}

/// Where values meet at this level.
fn meeting(level: &Level, output: &Shape) -> Meeting {
    Meeting { path: level.prefix.trim_end_matches('.').to_owned(), output: output.clone() }
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
