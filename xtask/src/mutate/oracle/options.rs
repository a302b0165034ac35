//! The arguments of a layer, read against its row of the table.

use super::Walk;
use super::expressions::{lone_word, whole};
use super::heads::{Head, Kind};
use super::numbers::Number;
use super::scope::{Frame, Value};
use super::stop::{Checked, unknown, wrong_at};
use cnn_ir::ast::{Arg, ArgValue, Ident, Word};
use cnn_ir::token::TokenRange;
use std::collections::HashMap;

/// What was given to a layer.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    /// `name=value`; lists of one number, two or four.
    pub(super) named: HashMap<&'static str, Vec<Number>>,
    /// Words that stand alone.
    pub(super) words: Vec<&'static str>,
    /// A value without a name.
    pub(super) lone: Option<Vec<Number>>,
    /// `like @tap`
    pub(super) like: Option<&'a Ident>,
}

impl<'a> Given<'a> {
    /// Whether a word stands there.
    pub(super) fn says(&self, word: &str) -> bool {
        self.words.contains(&word)
    }
}

impl<'a> Walk<'a> {
    /// Reads a layer's arguments.
    pub(super) fn given(&self, head: &Head, word: &'a Word, frame: &Frame<'a>) -> Checked<Given<'a>> {
        let mut given = Given::default();
        for arg in &word.args {
            match &arg.name {
                Some(name) => {
                    let Some(&(option, kind)) = head.options.iter().find(|(option, _)| *option == name.text)
                    else {
                        return wrong_at(arg.range, format!("`{}` has no option `{}`", head.name, name.text));
                    };
                    let numbers = self.option(kind, arg, frame)?;
                    if given.named.insert(option, numbers).is_some() {
                        return unknown(format!("`{option}` twice"));
                    }
                }
                None => self.unnamed(head, arg, frame, &mut given)?,
            }
        }
        if given.words.iter().filter(|word| !matches!(**word, "ceil" | "channels" | "linear")).count() > 1 {
            return unknown("two words that exclude each other");
        }
        if ["same", "ceil"].iter().all(|word| given.words.contains(word)) {
            return unknown("`same` and `ceil`");
        }
        let padding = given.words.iter().any(|word| matches!(*word, "half" | "valid" | "full" | "same"));
        if padding && given.named.contains_key("pad") {
            return unknown("a padding word and `pad=`");
        }
        Ok(given)
    }

    fn unnamed(&self, head: &Head, arg: &'a Arg, frame: &Frame<'a>, given: &mut Given<'a>) -> Checked<()> {
        match &arg.value {
            ArgValue::Like(tap) if head.like => {
                given.like = Some(tap);
                return Ok(());
            }
            ArgValue::Word(item) => {
                let wanted = lone_word(item).unwrap_or_default();
                if let Some(&word) = head.words.iter().find(|word| **word == wanted) {
                    if frame.values.contains_key(word) {
                        return unknown(format!("`{word}` is a number and a word"));
                    }
                    given.words.push(word);
                    return Ok(());
                }
                // What is no word of the layer must be a number.
                if head.lone.is_none() && frame.values.contains_key(wanted) {
                    return wrong_at(arg.range, format!("`{}` does not take `{wanted}`", head.name));
                }
            }
            _ => {}
        }
        let Some(kind) = head.lone else {
            // A misspelt word that could be a const stays what it is: no argument of this layer.
            return wrong_at(arg.range, format!("`{}` does not take this", head.name));
        };
        let numbers = self.option(kind, arg, frame)?;
        if given.lone.replace(numbers).is_some() {
            return unknown("two values without names");
        }
        Ok(())
    }

    /// The value of an option. Fractions are checked and forgotten: no shape depends on them.
    fn option(&self, kind: Kind, arg: &'a Arg, frame: &Frame<'a>) -> Checked<Vec<Number>> {
        if kind == Kind::Bool {
            return match &arg.value {
                ArgValue::Word(item) if matches!(lone_word(item), Some("true" | "false")) => Ok(Vec::new()),
                _ => wrong_at(arg.range, "neither `true` nor `false`"),
            };
        }
        let value = match &arg.value {
            ArgValue::Expr(expr) => self.value(expr, frame)?,
            ArgValue::Word(item) => self.named(lone_word(item).unwrap_or_default(), item.range, frame)?,
            ArgValue::Item(_) | ArgValue::Like(_) => return wrong_at(arg.range, "not a number"),
        };
        match kind {
            Kind::Extent => extents(value, 1, &[1, 2], arg.range),
            Kind::Extra => extents(value, 0, &[1, 2], arg.range),
            Kind::Padding => extents(value, 0, &[1, 2, 4], arg.range),
            Kind::Sizes => {
                let numbers = match value {
                    Value::List(numbers) => numbers,
                    value => vec![whole(value, arg.range)?],
                };
                if !matches!(numbers.len(), 1 | 2) {
                    return wrong_at(arg.range, format!("{} sizes", numbers.len()));
                }
                if numbers.iter().any(|number| number.real().iter().any(|&value| value < 1)) {
                    return wrong_at(arg.range, "a size of 0");
                }
                Ok(numbers)
            }
            Kind::Count => {
                let number = whole(value, arg.range)?;
                match number.visible() {
                    Some(value) if value < 1 => wrong_at(arg.range, "a count of 0"),
                    Some(_) => Ok(vec![number]),
                    None => wrong_at(arg.range, "must be a number that the macro can see"),
                }
            }
            Kind::Real | Kind::Probability => {
                let value = match value {
                    Value::Real(value) => value,
                    value => match whole(value, arg.range)?.visible() {
                        Some(0) => 0.0,
                        Some(_) => 1.0,
                        None => return unknown("a fraction that is a name"),
                    },
                };
                if kind == Kind::Probability && !(0.0..1.0).contains(&value) {
                    return wrong_at(arg.range, "a probability is at least 0 and below 1");
                }
                Ok(Vec::new())
            }
            Kind::Bool => Ok(Vec::new()),
        }
    }
}

/// Numbers that the macro must see, each of at least `least`.
pub(super) fn extents(
    value: Value<'_>,
    least: i128,
    counts: &[usize],
    range: TokenRange,
) -> Checked<Vec<Number>> {
    let numbers = match value {
        Value::List(numbers) => numbers,
        value => vec![whole(value, range)?],
    };
    if !counts.contains(&numbers.len()) {
        return wrong_at(range, format!("{} numbers", numbers.len()));
    }
    for number in &numbers {
        match number.visible() {
            None => return wrong_at(range, "must be a number that the macro can see"),
            Some(value) if value < least => return wrong_at(range, format!("{value} is too small")),
            Some(_) => {}
        }
    }
    Ok(numbers)
}
