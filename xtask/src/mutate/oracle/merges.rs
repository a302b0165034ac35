//! Where branches meet.

use super::Walk;
use super::expressions::known;
use super::numbers::Relation;
use super::shapes::Shape;
use super::stop::{Checked, Place, unknown, wrong};
use cnn_ir::ast::Merge;

impl Walk<'_> {
    /// What `concat`, `add` or `mul` gives for these.
    pub(super) fn merge(&self, merge: Merge, shapes: &[Shape], place: &Place) -> Checked<Shape> {
        if shapes.len() < 2 {
            return wrong(place, format!("`{}` needs two branches or more", merge.keyword()));
        }
        match merge {
            Merge::Concat | Merge::Split => concat(shapes, place),
            Merge::Add | Merge::Mul => broadcast(shapes, place),
        }
    }

    /// What each branch of a `split` gets.
    pub(super) fn part(
        &self,
        branches: usize,
        value: Option<Shape>,
        place: &Place,
    ) -> Checked<Option<Shape>> {
        let Some(mut value) = value else { return wrong(place, "nothing arrives") };
        let count = i128::try_from(branches.max(1)).unwrap_or(i128::MAX);
        self.divides(count, value.channels(), place)?;
        value.sizes[0] = known(value.channels().each(|n| Some(n / count)))?;
        Ok(Some(value))
    }
}

/// The channels, one after another; heights and widths are equal.
fn concat(shapes: &[Shape], place: &Place) -> Checked<Shape> {
    let mut result = shapes[0].clone();
    if shapes.iter().any(|shape| shape.is_flat() != result.is_flat()) {
        if shapes.iter().all(|shape| shape.is_flat() || shape.is_pixel()) {
            return unknown("`concat` of C and Cx1x1");
        }
        return wrong(place, "`concat` of images and features");
    }
    if shapes.iter().any(|shape| shape.loose) {
        return unknown("`concat` of an image or features");
    }
    for shape in &shapes[1..] {
        for (one, other) in result.sizes[1..].iter().zip(&shape.sizes[1..]) {
            match one.compare(other) {
                Relation::Always | Relation::ByDefault => {}
                Relation::Never { generic: true } => {
                    return wrong(&place.later(), "`concat` by the defaults");
                }
                _ => return wrong(place, format!("`concat` of {result} and {shape}")),
            }
        }
        result.sizes[0] = known(result.sizes[0].plus(&shape.sizes[0]))?;
    }
    Ok(result)
}

/// Sum or product: equal shapes, with C and Cx1x1 broadcast over CxHxW.
fn broadcast(shapes: &[Shape], place: &Place) -> Checked<Shape> {
    let small = |shape: &&Shape| shape.is_flat() || shape.is_pixel();
    let full = shapes.iter().find(|shape| !small(shape));
    let mut result = full.unwrap_or(&shapes[0]).clone();
    for shape in shapes {
        if small(&shape) {
            let (one, all) = (Shape::flat(shape.channels().clone()), Shape::flat(result.channels().clone()));
            one.must_equal(&all, place, "what meets")?;
            // C with Cx1x1 alone: which of the two comes out is not said.
            result.loose |= full.is_none() && shape.is_flat() != result.is_flat();
        } else {
            shape.must_equal(&result, place, "what meets")?;
        }
    }
    Ok(result)
}
