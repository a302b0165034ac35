//! Numbers as written, evaluated.

use super::Walk;
use super::heads;
use super::numbers::Number;
use super::scope::{Frame, Value, is_const};
use super::stop::{Checked, unknown, wrong_at};
use cnn_ir::ast::{ArgValue, Expr, ExprKind, Item, ItemKind, Operator};
use cnn_ir::token::TokenRange;
use std::rc::Rc;

/// "Whole numbers are at most 2147483648."
const LARGEST: i128 = 1 << 31;

impl<'a> Walk<'a> {
    /// A number as written, or a list of them.
    pub(super) fn value(&self, expr: &Expr, frame: &Frame<'a>) -> Checked<Value<'a>> {
        match &expr.kind {
            ExprKind::Int(value) => Ok(Value::Number(self.assignments.constant(i128::from(*value)))),
            ExprKind::Float(value) => Ok(Value::Real(*value)),
            ExprKind::Name(name) => self.named(name, expr.range, frame),
            ExprKind::Negative(inner) => match self.value(inner, frame)? {
                Value::Real(value) => Ok(Value::Real(-value)),
                inner => {
                    let inner = whole(inner, expr.range)?;
                    known(inner.each(i128::checked_neg)).map(Value::Number)
                }
            },
            ExprKind::List(items) => {
                let items: Checked<Vec<Number>> = items.iter().map(|item| self.number(item, frame)).collect();
                Ok(Value::List(items?))
            }
            ExprKind::Binary(operator, left, right) => {
                let (left, divisor) = (self.value(left, frame)?, right.range);
                let right = self.value(right, frame)?;
                if matches!(left, Value::Real(_)) || matches!(right, Value::Real(_)) {
                    return unknown("an expression of fractions");
                }
                let (left, right) = (whole(left, expr.range)?, whole(right, expr.range)?);
                if matches!(operator, Operator::Divide | Operator::Remainder)
                    && right.visible().is_none_or(|value| value < 1)
                {
                    return wrong_at(divisor, "a divisor is a number of at least 1");
                }
                known(left.with(&right, |a, b| match operator {
                    Operator::Add => a.checked_add(b),
                    Operator::Subtract => a.checked_sub(b),
                    Operator::Multiply => a.checked_mul(b),
                    Operator::Divide => Some(a.div_euclid(b)),
                    Operator::Remainder => Some(a.rem_euclid(b)),
                }))
                .map(Value::Number)
            }
            ExprKind::Broken => unknown("what could not be read"),
        }
    }

    /// A whole number.
    pub(super) fn number(&self, expr: &Expr, frame: &Frame<'a>) -> Checked<Number> {
        whole(self.value(expr, frame)?, expr.range)
    }

    /// A size of a shape or a layer: a whole number of at least 1.
    pub(super) fn size(&self, expr: &Expr, frame: &Frame<'a>) -> Checked<Number> {
        let number = self.number(expr, frame)?;
        if let Some(bad) = number.real().iter().find(|&&value| value < 1) {
            return wrong_at(expr.range, format!("a size of {bad}"));
        }
        bounded(number)
    }

    /// What a word stands for where a number is needed.
    pub(super) fn named(&self, name: &str, range: TokenRange, frame: &Frame<'a>) -> Checked<Value<'a>> {
        let special = match name {
            "cin" => frame.cin.clone().map(Value::Number),
            "stride" => frame.stride.clone(),
            _ => None,
        };
        match special.or_else(|| frame.values.get(name).cloned()) {
            Some(Value::Layer(..)) => wrong_at(range, format!("`{name}` is a layer, not a number")),
            Some(value) => Ok(value),
            None if frame.unclear && matches!(name, "cin" | "stride") => {
                unknown(format!("whether `{name}` is known"))
            }
            None if is_const(name) => unknown(format!("the Rust const `{name}`")),
            None => wrong_at(range, format!("`{name}` is not a number that is known here")),
        }
    }

    /// What is given to a block.
    pub(super) fn argument(&self, given: &'a ArgValue, frame: &Rc<Frame<'a>>) -> Checked<Value<'a>> {
        match given {
            ArgValue::Expr(expr) => self.value(expr, frame),
            ArgValue::Item(item) => Ok(Value::Layer(item, frame.clone())),
            ArgValue::Like(tap) => wrong_at(tap.range(), "`like` is for layers"),
            ArgValue::Word(item) => {
                let Some(word) = lone_word(item) else { return unknown("an argument of this kind") };
                if matches!(word, "cin" | "stride") {
                    return self.named(word, item.range, frame);
                }
                if let Some(value) = frame.values.get(word) {
                    return Ok(value.clone());
                }
                if heads::find(word).is_some() || self.block(word).is_some() {
                    return Ok(Value::Layer(item, frame.clone()));
                }
                if is_const(word) || self.other(word).is_some() || matches!(word, "true" | "false") {
                    return unknown(format!("`{word}` as an argument"));
                }
                wrong_at(item.range, format!("`{word}` is neither a number nor a layer"))
            }
        }
    }
}

/// The word of an item that is nothing but a word.
pub(super) fn lone_word(item: &Item) -> Option<&str> {
    match &item.kind {
        ItemKind::Word(word) if item.label.is_none() => Some(&word.head.text),
        _ => None,
    }
}

/// A value that must be a whole number.
pub(super) fn whole(value: Value<'_>, range: TokenRange) -> Checked<Number> {
    match value {
        Value::Number(number) => Ok(number),
        Value::Real(_) => wrong_at(range, "a fraction where a whole number is needed"),
        Value::List(_) => wrong_at(range, "a list where a number is needed"),
        Value::Layer(..) => wrong_at(range, "a layer where a number is needed"),
    }
}

/// A size that is not larger than any number of the language.
pub(super) fn bounded(number: Number) -> Checked<Number> {
    if number.real().iter().any(|&value| value > LARGEST) {
        return unknown("a size above 2^31");
    }
    Ok(number)
}

/// A result that did not overflow.
pub(super) fn known(number: Option<Number>) -> Checked<Number> {
    number.map_or_else(|| unknown("a number beyond all bounds"), Ok)
}
