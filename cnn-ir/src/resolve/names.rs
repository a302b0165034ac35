//! Names and numbers: what a word in an expression stands for.

use super::walk::Walk;
use crate::ast::{ArgValue, Expr, ExprKind, Item, Operator};
use crate::diagnostic::Problem;
use crate::dim::{Atom, Dim};
use crate::layer::{self, Value};
use crate::nearest::nearest;
use crate::token::TokenRange;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The names in scope.
pub(super) type Names<'a> = BTreeMap<&'a str, Bound<'a>>;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Bound<'a> {
    /// A number.
    Size(Dim),
    /// A number with a fraction.
    Float(f64),
    /// A layer given to a block, with the names of where it was written.
    Layer(Rc<LayerArgument<'a>>),
    /// Something with an error, reported already.
    Broken,
}

/// A layer as the argument of a block.
#[derive(Clone, Debug)]
pub(super) struct LayerArgument<'a> {
    /// The item as written.
    pub(super) item: &'a Item,
    /// The names of where it was written.
    pub(super) names: Rc<Names<'a>>,
}

/// Evaluating an expression that has an error (reported already).
pub(super) struct Broken;

impl<'a> Walk<'_, 'a> {
    /// The value of an expression. `words` are the words that the layer knows besides.
    pub(super) fn value(&mut self, expr: &Expr, words: &[&str]) -> Result<Value, Broken> {
        match &expr.kind {
            ExprKind::Int(value) => Ok(Value::Size(Dim::from(*value))),
            ExprKind::Float(value) => Ok(Value::Float(*value)),
            ExprKind::Name(name) => self.named_value(name, expr.range, words),
            ExprKind::Negative(inner) => match self.value(inner, &[])? {
                Value::Size(dim) => Ok(Value::Size(&Dim::ZERO - &dim)),
                Value::Float(value) => Ok(Value::Float(-value)),
                _ => Err(self.not_a_number(expr)),
            },
            ExprKind::List(items) => {
                let mut sizes = Vec::new();
                for item in items {
                    sizes.push(self.size(item)?);
                }
                Ok(Value::List(sizes))
            }
            ExprKind::Binary(operator, left, right) => {
                let (left, right) = (self.value(left, &[])?, self.value(right, &[])?);
                self.binary(expr, *operator, left, right)
            }
            ExprKind::Broken => Err(Broken),
        }
    }

    /// The value of an expression that must be a size.
    pub(super) fn size(&mut self, expr: &Expr) -> Result<Dim, Broken> {
        match self.value(expr, &[])? {
            Value::Size(dim) => Ok(dim),
            _ => Err(self.not_a_number(expr)),
        }
    }

    fn not_a_number(&mut self, expr: &Expr) -> Broken {
        let text = self.text(expr.range);
        self.report(expr.range, Problem::NotASize { text });
        Broken
    }

    pub(super) fn named_value(
        &mut self,
        name: &str,
        range: TokenRange,
        words: &[&str],
    ) -> Result<Value, Broken> {
        match name {
            "true" => return Ok(Value::Bool(true)),
            "false" => return Ok(Value::Bool(false)),
            _ => {}
        }
        match self.frame.names.get(name) {
            Some(Bound::Size(dim)) => return Ok(Value::Size(dim.clone())),
            Some(Bound::Float(value)) => return Ok(Value::Float(*value)),
            Some(Bound::Broken) => return Err(Broken),
            Some(Bound::Layer(_)) => {
                let problem = Problem::LayerAsNumber { name: name.to_owned() };
                self.report(range, problem);
                return Err(Broken);
            }
            None => {}
        }
        if words.contains(&name) {
            return Ok(Value::Word(name.to_owned()));
        }
        if looks_like_a_const(name) {
            return Ok(Value::Size(Dim::atom(Atom::Const(name.to_owned()))));
        }
        let candidates = self.frame.names.keys().copied().chain(words.iter().copied());
        let nearest = nearest(name, candidates).map(str::to_owned);
        let problem = if words.is_empty() {
            let known = self.frame.names.keys().map(|&name| name.to_owned()).collect();
            Problem::UnknownNumber { name: name.to_owned(), nearest, known }
        } else {
            Problem::UnknownWord {
                name: name.to_owned(),
                nearest,
                known: words.iter().map(|&w| w.to_owned()).collect(),
            }
        };
        self.report(range, problem);
        Err(Broken)
    }

    fn binary(
        &mut self,
        expr: &Expr,
        operator: Operator,
        left: Value,
        right: Value,
    ) -> Result<Value, Broken> {
        if let (Value::Size(left), Value::Size(right)) = (&left, &right) {
            let divisor = match operator {
                Operator::Add => return Ok(Value::Size(left + right)),
                Operator::Subtract => return Ok(Value::Size(left - right)),
                Operator::Multiply => return Ok(Value::Size(left * right)),
                Operator::Divide | Operator::Remainder => right.number(),
            };
            let Some(divisor) = divisor.filter(|&divisor| divisor > 0) else {
                let text = self.text(expr.range);
                self.report(expr.range, Problem::BadDivision { text });
                return Err(Broken);
            };
            let quotient = left.floor_div(divisor);
            return Ok(Value::Size(match operator {
                Operator::Divide => quotient,
                _ => left - &(&quotient * &Dim::Number(divisor)),
            }));
        }
        let (Some(left), Some(right)) = (as_float(&left), as_float(&right)) else {
            return Err(self.not_a_number(expr));
        };
        Ok(Value::Float(match operator {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide => left / right,
            Operator::Remainder => left % right,
        }))
    }

    /// What an argument of a block stands for: a number or a layer.
    pub(super) fn bind(&mut self, value: &'a ArgValue) -> Bound<'a> {
        let layer = |item: &'a Item, names: &Rc<Names<'a>>| {
            Bound::Layer(Rc::new(LayerArgument { item, names: Rc::clone(names) }))
        };
        let value = match value {
            ArgValue::Item(item) => return layer(item, &self.frame.names),
            ArgValue::Word(item) => {
                let name = self.text(item.range);
                match self.frame.names.get(name.as_str()) {
                    Some(bound) => return bound.clone(),
                    None if layer::is_layer_word(&name) || self.network.block(&name).is_some() => {
                        return layer(item, &self.frame.names);
                    }
                    None => self.named_value(&name, item.range, &[]).map(|value| (value, item.range)),
                }
            }
            ArgValue::Expr(expr) => self.value(expr, &[]).map(|value| (value, expr.range)),
            ArgValue::Like(tap) => {
                self.report(tap.range(), Problem::LikeInCall);
                Err(Broken)
            }
        };
        match value {
            Ok((Value::Size(dim), _)) => Bound::Size(dim),
            Ok((Value::Float(value), _)) => Bound::Float(value),
            Ok((_, range)) => {
                let text = self.text(range);
                self.report(range, Problem::NotASize { text });
                Bound::Broken
            }
            Err(Broken) => Bound::Broken,
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "numbers of the language are below 2^31")]
fn as_float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        Value::Size(Dim::Number(value)) => Some(*value as f64),
        _ => None,
    }
}

/// `SIDE` is a Rust const; `H` and `W2` (one letter) are symbols.
pub(super) fn looks_like_a_const(name: &str) -> bool {
    let mut letters = name.chars().filter(|c| c.is_alphabetic());
    name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && letters.next().is_some()
        && letters.next().is_some()
}

/// `H`, `W`, `W2`: a size that is known at run time.
pub(crate) fn looks_like_a_symbol(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_uppercase()) && letters.all(|c| c.is_ascii_digit())
}
