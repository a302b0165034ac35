//! Numbers, shapes and arguments.

use super::cursor::Cursor;
use super::path;
use crate::ast::{Arg, ArgValue, Expr, ExprKind, Ident, Item, ItemKind, Operator, ShapeExpr, Word};
use crate::diagnostic::Problem;
use crate::layer;
use crate::spec::{self, Number};
use crate::token::{Delimiter, TokenRange};

/// `- - - 1` may nest this deep; deeper is an error, never a stack overflow. (Brackets have a bound of
/// their own, in the cursor.)
const DEEPEST: u32 = 64;

/// The most terms of one sum, or factors of one product.
const LONGEST: u32 = 256;

/// A number with `+ - * / %`, brackets and names.
pub(super) fn expr(cursor: &mut Cursor<'_>) -> Expr {
    sum(cursor, 0)
}

fn sum(cursor: &mut Cursor<'_>, depth: u32) -> Expr {
    let mut left = product(cursor, depth);
    for _ in 0..LONGEST {
        let operator = if cursor.punct(0, '+') {
            Operator::Add
        } else if cursor.punct(0, '-') && !cursor.arrow(0) {
            Operator::Subtract
        } else {
            return left;
        };
        cursor.bump();
        let right = product(cursor, depth);
        left = binary(operator, left, right);
    }
    too_long(cursor, left)
}

fn product(cursor: &mut Cursor<'_>, depth: u32) -> Expr {
    let mut left = primary(cursor, depth);
    for _ in 0..LONGEST {
        let operator = if cursor.punct(0, '*') {
            Operator::Multiply
        } else if cursor.punct(0, '/') {
            Operator::Divide
        } else if cursor.punct(0, '%') {
            Operator::Remainder
        } else {
            return left;
        };
        cursor.bump();
        let right = primary(cursor, depth);
        left = binary(operator, left, right);
    }
    too_long(cursor, left)
}

/// An expression of that many terms is a mistake, and its tree would be too deep to walk.
fn too_long(cursor: &mut Cursor<'_>, left: Expr) -> Expr {
    cursor.report(left.range, Problem::TooDeep);
    while !cursor.at_end() {
        cursor.bump();
    }
    broken(left.range)
}

fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
    let range = left.range.to(right.range);
    Expr { kind: ExprKind::Binary(operator, Box::new(left), Box::new(right)), range }
}

fn primary(cursor: &mut Cursor<'_>, depth: u32) -> Expr {
    let range = cursor.here();
    if depth > DEEPEST {
        let found = cursor.found();
        cursor.report(range, Problem::Expected { expected: "fewer nested brackets", found });
        cursor.bump();
        return Expr { kind: ExprKind::Broken, range };
    }
    if cursor.is_literal(0) {
        let kind = match cursor.take_number() {
            Some(Number::Int(value)) => ExprKind::Int(value),
            Some(Number::Float(value)) => ExprKind::Float(value),
            Some(Number::Sizes(sizes)) => {
                ExprKind::List(sizes.into_iter().map(|n| Expr { kind: ExprKind::Int(n), range }).collect())
            }
            Some(Number::Bad(_)) | None => ExprKind::Broken,
        };
        return Expr { kind, range };
    }
    if let Some(name) = cursor.take_ident() {
        return Expr { range: name.range(), kind: ExprKind::Name(name.text) };
    }
    if cursor.punct(0, '-') && !cursor.arrow(0) {
        cursor.bump();
        let inner = primary(cursor, depth + 1);
        let range = range.to(inner.range);
        return Expr { kind: ExprKind::Negative(Box::new(inner)), range };
    }
    let bracket = cursor.bracket_range();
    if cursor.is_open(0, Delimiter::Parenthesis) {
        let inner = cursor.within_all("an operator or `)`", |inside| sum(inside, depth + 1));
        return Expr { kind: inner.map_or(ExprKind::Broken, |inner| inner.kind), range: bracket };
    }
    if cursor.is_open(0, Delimiter::Bracket) {
        let items = cursor.within(|inside| list(inside, depth + 1)).unwrap_or_default();
        return Expr { kind: ExprKind::List(items), range: bracket };
    }
    let found = cursor.found();
    cursor.report(range, Problem::Expected { expected: "a number", found });
    Expr { kind: ExprKind::Broken, range }
}

fn list(cursor: &mut Cursor<'_>, depth: u32) -> Vec<Expr> {
    let mut items = Vec::new();
    while !cursor.at_end() {
        items.push(sum(cursor, depth));
        separator(cursor, "`,` or `]`");
    }
    items
}

/// Takes a comma, or complains about what stands there and goes on behind the next one.
pub(super) fn separator(cursor: &mut Cursor<'_>, expected: &'static str) {
    if cursor.at_end() || cursor.take_punct(',') {
        return;
    }
    let broken_already = cursor.diagnostics.last().is_some_and(|last| last.range == cursor.here());
    if !broken_already {
        let found = cursor.found();
        cursor.report(cursor.here(), Problem::Expected { expected, found });
    }
    cursor.skip_past_comma();
}

/// `64` or `c` or `(4*c)`: what may follow `-` and `/`.
pub(super) fn atom(cursor: &mut Cursor<'_>, expected: &'static str) -> Option<Expr> {
    let readable = cursor.is_literal(0)
        || cursor.ident(0).is_some()
        || cursor.is_open(0, Delimiter::Parenthesis)
        || cursor.is_open(0, Delimiter::Bracket);
    if readable {
        return Some(primary(cursor, 0));
    }
    let found = cursor.found();
    cursor.report(cursor.here(), Problem::Expected { expected, found });
    None
}

/// `3x224x224`, `[3, H, W]`, `CLASSES`, `10`
pub(super) fn shape(cursor: &mut Cursor<'_>) -> Option<ShapeExpr> {
    let first = cursor.position();
    let spaced = cursor.is_literal(0) && cursor.ident(1).is_some_and(|word| word.starts_with('x'));
    let tuple = cursor.is_open(0, Delimiter::Parenthesis) && cursor.is_literal(1) && cursor.punct(2, ',');
    if spaced || tuple {
        // `3 x 32 x 32`, `(3, 32, 32)`
        cursor.bump();
        while spaced && (cursor.is_literal(0) || cursor.ident(0).is_some_and(|word| word.starts_with('x'))) {
            cursor.bump();
        }
        let range = cursor.since(first);
        let found = format!("`{}`", cursor.text(range));
        cursor.report(
            range,
            Problem::Expected { expected: "a shape such as `3x224x224` or `[3, H, W]`", found },
        );
        return None;
    }
    let size = atom(cursor, "a shape such as `3x224x224`, `[3, H, W]` or `1000`")?;
    let range = size.range;
    let sizes = match size.kind {
        ExprKind::List(sizes) => sizes,
        ExprKind::Broken => return None,
        _ => vec![size],
    };
    Some(ShapeExpr { sizes, range })
}

/// The contents of an argument list.
pub(super) fn args(cursor: &mut Cursor<'_>) -> Vec<Arg> {
    let mut args = Vec::new();
    while !cursor.at_end() {
        let first = cursor.position();
        let named = cursor.ident(0).is_some() && cursor.punct(1, '=') && !cursor.equals(1);
        let name = if named { cursor.take_ident() } else { None };
        if named {
            cursor.bump();
        }
        let value = value(cursor);
        args.push(Arg { name, value, range: cursor.since(first) });
        separator(cursor, "`,` or `)`");
    }
    args
}

/// The value of an argument, or of a parameter's default.
pub(super) fn value(cursor: &mut Cursor<'_>) -> ArgValue {
    if cursor.ident(0) == Some("like") && cursor.punct(1, '@') {
        cursor.bump();
        return match path::tap(cursor) {
            Some(tap) => ArgValue::Like(tap),
            None => ArgValue::Expr(Expr { kind: ExprKind::Broken, range: cursor.here() }),
        };
    }
    let is_item = cursor.ident(0).is_some_and(|word| {
        cursor.is_open(1, Delimiter::Parenthesis)
            || cursor.is_open(1, Delimiter::Brace)
            || spec::split_word(word).is_some_and(|(head, digits)| !digits.is_empty() && layer::is_head(head))
    });
    // A layer in brackets, `(conv3-64 relu)`, is an item as well.
    let is_group =
        cursor.is_open(0, Delimiter::Parenthesis) && cursor.ident(1).is_some_and(layer::is_layer_word);
    if is_item || is_group {
        return ArgValue::Item(Box::new(path::item(cursor)));
    }
    let expr = expr(cursor);
    let ExprKind::Name(name) = &expr.kind else { return ArgValue::Expr(expr) };
    let head = Ident { text: name.clone(), token: expr.range.first };
    let word = Word {
        head,
        size: None,
        stride: None,
        args: Vec::new(),
        has_parentheses: false,
        repeat: None,
        range: expr.range,
    };
    ArgValue::Word(Box::new(Item { label: None, kind: ItemKind::Word(word), range: expr.range }))
}

/// An argument that could not be read.
pub(super) fn broken(range: TokenRange) -> Expr {
    Expr { kind: ExprKind::Broken, range }
}
