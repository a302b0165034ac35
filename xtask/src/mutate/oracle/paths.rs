//! Paths, item by item.

use super::Walk;
use super::scope::{Site, Value, join};
use super::shapes::Shape;
use super::stop::{Checked, Place, Stop, unknown, wrong, wrong_at};
use cnn_ir::ast::{Ident, Item, ItemKind, Label, Path, Repeat, Shortcut};

/// The most items that are surely allowed, and the least that are surely not: what counts as an item is described,
/// but not to the last one.
const SURELY_FINE: usize = 50_000;
const SURELY_TOO_MANY: usize = 200_000;

impl<'a> Walk<'a> {
    /// What a path gives for what arrives, if anything does.
    pub(super) fn path(&mut self, path: &'a Path, input: Option<Shape>, site: &Site<'a>) -> Checked<Shape> {
        let mut value = input;
        for (index, item) in path.items.iter().enumerate() {
            self.passed += 1;
            if self.passed > SURELY_TOO_MANY {
                return wrong_at(item.range, "too many items");
            }
            let first = index == 0;
            value = Some(match &item.kind {
                ItemKind::Tap(tap) if item.label.is_some() => {
                    return unknown(format!("a label before `@{}`", tap.text));
                }
                ItemKind::Tap(tap) if first => self.tap(tap, site)?,
                ItemKind::Tap(tap) => {
                    let Some(value) = value else { return unknown("a tap of nothing") };
                    let mut taps = site.taps.borrow_mut();
                    if site.argument || taps.insert(tap.text.clone(), value.clone()).is_some() {
                        return unknown(format!("`@{}` is named twice, or in an argument", tap.text));
                    }
                    value
                }
                ItemKind::Word(word) if first && site.inputs.contains_key(&word.head.text) => {
                    if item.label.is_some() || word.range.first != word.range.last {
                        return unknown("an input with something");
                    }
                    site.inputs[&word.head.text].clone()
                }
                _ => self.item(item, value, site)?,
            });
        }
        match value {
            Some(value) => Ok(value),
            None => wrong_at(path.range, "an empty path without an input"),
        }
    }

    /// A tap that is read.
    pub(super) fn tap(&self, tap: &Ident, site: &Site<'a>) -> Checked<Shape> {
        if site.argument {
            return unknown("a tap in an argument");
        }
        if tap.text.contains('.') {
            return unknown("a stage of another network");
        }
        match site.taps.borrow().get(&tap.text) {
            Some(shape) => Ok(shape.clone()),
            None => wrong_at(tap.range(), format!("there is no tap `@{}` before this", tap.text)),
        }
    }

    /// What one item gives.
    pub(super) fn item(&mut self, item: &'a Item, input: Option<Shape>, site: &Site<'a>) -> Checked<Shape> {
        let place = Place::at(item.range);
        let inside = &site.inside();
        match &item.kind {
            ItemKind::Group { body, repeat } => {
                let shared = item.label.as_ref().filter(|label| label.numbered_from.is_none());
                let names = match shared {
                    // A labelled group that repeats goes on counting.
                    Some(label) => inside.below(site.child(Some(label))),
                    None => inside.clone(),
                };
                let numbered = item.label.as_ref().filter(|_| shared.is_none());
                self.copies(numbered, *repeat, input, &names, |walk, value, site| {
                    walk.path(body, value, site)
                })
            }
            ItemKind::Residual { body, shortcut, repeat } => {
                self.copies(item.label.as_ref(), *repeat, input, inside, |walk, value, site| {
                    let Some(value) = value else { return wrong(&place, "nothing arrives") };
                    walk.residual(body, shortcut.as_ref(), value, site, &place)
                })
            }
            ItemKind::Dense { body, repeat } => {
                self.copies(item.label.as_ref(), *repeat, input, inside, |walk, value, site| {
                    let Some(value) = value else { return wrong(&place, "nothing arrives") };
                    let more = walk.path(body, Some(value.clone()), site)?;
                    walk.merge(cnn_ir::ast::Merge::Concat, &[value, more], &place)
                })
            }
            ItemKind::Branches { merge, branches, repeat } => {
                self.copies(item.label.as_ref(), *repeat, input, inside, |walk, value, site| {
                    let value = match merge {
                        cnn_ir::ast::Merge::Split => walk.part(branches.len(), value, &place)?,
                        _ => value,
                    };
                    let given: Checked<Vec<Shape>> =
                        branches.iter().map(|branch| walk.path(branch, value.clone(), site)).collect();
                    walk.merge(*merge, &given?, &place)
                })
            }
            ItemKind::Taps { merge, taps } => {
                let given: Checked<Vec<Shape>> = taps.iter().map(|tap| self.tap(tap, site)).collect();
                if taps.len() == 1 {
                    return unknown("one tap alone");
                }
                self.merge(*merge, &given?, &place)
            }
            ItemKind::Ascription(stated) => {
                if item.label.is_some() {
                    return unknown("a label before `=>`");
                }
                let Some(mut value) = input else { return wrong(&place, "nothing arrives") };
                let stated = self.shape(stated, &site.frame)?;
                value.must_be(&stated, &place, "what is stated here")?;
                value.loose |= stated.is_flat() && !value.is_flat();
                Ok(value)
            }
            ItemKind::Word(word) => self.word(item, word, input, inside),
            ItemKind::Tap(_) => unknown("a tap in place of an item"),
            ItemKind::Custom { .. } | ItemKind::External { .. } => unknown("Rust code"),
            ItemKind::Broken => unknown("what could not be read"),
        }
    }

    /// Runs something as often as is written behind it, and gives each copy its number `stride` and its names.
    pub(super) fn copies(
        &mut self,
        label: Option<&Label>,
        repeat: Option<Repeat>,
        input: Option<Shape>,
        site: &Site<'a>,
        mut copy: impl FnMut(&mut Self, Option<Shape>, &Site<'a>) -> Checked<Shape>,
    ) -> Checked<Shape> {
        let Some(repeat) = repeat else {
            let site = match label {
                Some(Label { numbered_from: Some(_), .. }) => return unknown("a numbered label, once"),
                Some(label) => site.below(site.child(Some(label))),
                None => site.clone(),
            };
            return copy(self, input, &site);
        };
        if repeat.count == 0 || repeat.stride == Some(0) {
            return wrong_at(repeat.range, "a repeat or stride of 0");
        }
        let prefix = label.map(|label| site.child(Some(label)));
        let mut value = input;
        for index in 0..repeat.count {
            self.passed += 1;
            let names = match (&prefix, label.and_then(|label| label.numbered_from)) {
                (Some(prefix), Some(from)) => site.below(format!("{prefix}{}", from + index)),
                (Some(prefix), None) => site.below(join(prefix, &index.to_string())),
                (None, _) => site.clone(),
            };
            // A repeat that says nothing of the stride leaves it as it is around it.
            let Some(first) = repeat.stride else {
                value = Some(copy(self, value, &names.repeated())?);
                continue;
            };
            let stride = if index == 0 { i128::from(first) } else { 1 };
            let stride = Value::Number(self.assignments.constant(stride));
            value = Some(copy(self, value, &names.with_stride(stride))?);
        }
        match value {
            Some(value) => Ok(value),
            None => wrong_at(repeat.range, "nothing arrives"),
        }
    }

    fn residual(
        &mut self,
        body: &'a Path,
        shortcut: Option<&'a Shortcut>,
        input: Shape,
        site: &Site<'a>,
        place: &Place,
    ) -> Checked<Shape> {
        let given = self.path(body, Some(input.clone()), site)?;
        if given.same_for_all(&input) {
            if let Some(Shortcut::Projection(item)) = shortcut {
                self.look_aside(item, input, site);
            }
            return Ok(given);
        }
        match shortcut {
            Some(Shortcut::None) => Ok(given),
            Some(Shortcut::Projection(item)) => {
                let other = self.item(item, Some(input), site)?;
                other.must_equal(&given, place, "the two sides of the residual")?;
                Ok(given)
            }
            // Its `else` stands elsewhere: the parser refused that, and a declaration like this is not judged.
            Some(Shortcut::Misplaced) => unknown("a misplaced `else`"),
            None if given.differ_in_rank_only(&input) => unknown("a residual of C and Cx1x1"),
            None => wrong(place, format!("the residual adds {given} to {input}")),
        }
    }

    /// A shortcut that is not needed for these shapes: the language reference does not say whether it is checked.
    fn look_aside(&mut self, item: &'a Item, input: Shape, site: &Site<'a>) {
        let aside = std::mem::replace(&mut self.aside, true);
        let taps = site.taps.borrow().clone();
        if let Err(Stop::Wrong(failure)) = self.item(item, Some(input), site) {
            self.doubt = Some(format!("a shortcut that is not used: {}", failure.reason));
        }
        *site.taps.borrow_mut() = taps;
        self.aside = aside;
    }

    /// Takes the name of a layer.
    pub(super) fn take_name(&mut self, name: String, place: &Place) -> Checked<()> {
        if self.passed > SURELY_FINE {
            return unknown("very many items");
        }
        if self.aside {
            return Ok(());
        }
        if self.layers.contains(&name) {
            return wrong(place, format!("two layers would be called `{name}`"));
        }
        self.layers.insert(name);
        Ok(())
    }
}
