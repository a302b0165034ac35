//! Paths and their items.

use super::args::{self, atom, shape};
use super::cursor::Cursor;
use crate::ast::{Ident, Item, ItemKind, Label, Merge, Path, Repeat, Shortcut, Word};
use crate::diagnostic::Problem;
use crate::layer;
use crate::spec;
use crate::token::Delimiter;

/// Items up to the end of the bracket, a `;` or a `|`.
pub(super) fn path(cursor: &mut Cursor<'_>) -> Path {
    let first = cursor.position();
    let mut items: Vec<Item> = Vec::new();
    // An arrow stands between two items: this is one that still waits for what follows it.
    let mut dangling = None;
    while !cursor.at_end() && ![';', '|', ','].iter().any(|&end| cursor.punct(0, end)) {
        let arrow = cursor.here();
        if cursor.take_arrow() {
            // `-> => shape` is no mistake; two arrows, or one before the first layer, are.
            if dangling.is_some() || items.is_empty() {
                cursor.report(cursor.since(arrow.first), Problem::ArrowWithoutLayer);
            }
            dangling = Some(cursor.since(arrow.first));
            continue;
        }
        if dangling.is_some() && cursor.is_literal(0) {
            number_after_arrow(cursor, items.last_mut());
            dangling = None;
            continue;
        }
        dangling = None;
        if cursor.ident(0) == Some("else") {
            // The residual that lacks it: that its shapes differ is the same mistake.
            let open = items.iter_mut().rev().find_map(|item| match &mut item.kind {
                ItemKind::Residual { shortcut: shortcut @ None, .. } => Some(shortcut),
                _ => None,
            });
            if let Some(shortcut) = open {
                *shortcut = Some(Shortcut::Misplaced);
            }
        }
        items.push(item(cursor));
    }
    if let Some(range) = dangling.filter(|_| !items.is_empty()) {
        cursor.report(range, Problem::ArrowWithoutLayer);
    }
    let range = if cursor.position() > first { cursor.since(first) } else { cursor.here() };
    Path { items, range }
}

/// `conv3 -> 64`: somebody meant `conv3-64`.
fn number_after_arrow(cursor: &mut Cursor<'_>, before: Option<&mut Item>) {
    let range = cursor.here();
    let number = cursor.text(range);
    let layer = match before.map(|item| &mut item.kind) {
        Some(ItemKind::Word(word)) if word.size.is_none() && takes_size(word, &number) => {
            // That its size is missing is the same mistake.
            word.size = Some(args::broken(range));
            Some(cursor.text(word.range))
        }
        _ => None,
    };
    cursor.report(range, Problem::NumberAsLayer { number, layer });
    cursor.bump();
}

/// Whether `number` may be the size that a layer lacks.
fn takes_size(word: &Word, number: &str) -> bool {
    let takes = layer::lookup(&word.head.text).is_some_and(|(head, _)| head.size.is_some());
    takes && matches!(spec::number(number), spec::Number::Int(_))
}

/// One item with its label.
pub(super) fn item(cursor: &mut Cursor<'_>) -> Item {
    let first = cursor.position();
    let label = label(cursor);
    if label.is_some() && (cursor.at_end() || cursor.arrow(0)) {
        let found = cursor.found();
        cursor.report(cursor.here(), Problem::Expected { expected: "a layer after the label", found });
        return Item { label, kind: ItemKind::Broken, range: cursor.since(first) };
    }
    let kind = kind(cursor);
    Item { label, kind, range: cursor.since(first) }
}

/// `name:` or `name[1..]:`
fn label(cursor: &mut Cursor<'_>) -> Option<Label> {
    cursor.ident(0)?;
    if cursor.punct(1, ':') && !cursor.path_separator(1) {
        let name = cursor.take_ident()?;
        cursor.bump();
        return Some(Label { name, numbered_from: None });
    }
    let behind = match cursor.bracket(1)? {
        (Delimiter::Bracket, partner) => partner - cursor.position() + 1,
        _ => return None,
    };
    if !cursor.punct(behind, ':') || cursor.path_separator(behind) {
        return None;
    }
    let name = cursor.take_ident()?;
    let numbered_from = cursor
        .within_all("`]`: a numbered label is written `name[1..]:`", |inside| {
            let from = inside.take_int("the first number, as in `name[1..]:`");
            while inside.take_punct('.') {}
            from
        })
        .flatten();
    cursor.bump();
    Some(Label { name, numbered_from: numbered_from.or(Some(0)) })
}

fn kind(cursor: &mut Cursor<'_>) -> ItemKind {
    if cursor.punct(0, '@') {
        return tap(cursor).map_or(ItemKind::Broken, ItemKind::Tap);
    }
    if cursor.take_fat_arrow() {
        return shape(cursor).map_or(ItemKind::Broken, ItemKind::Ascription);
    }
    if cursor.is_open(0, Delimiter::Parenthesis) {
        return group(cursor);
    }
    match cursor.ident(0) {
        Some("residual" | "dense") if cursor.is_open(1, Delimiter::Parenthesis) => {
            cursor.bump();
            let found = cursor.found();
            let expected = "`{ .. }`: what a residual or a dense connection goes through stands in braces";
            cursor.report(cursor.here(), Problem::Expected { expected, found });
            cursor.bump();
            ItemKind::Broken
        }
        Some("residual") if cursor.is_open(1, Delimiter::Brace) => residual(cursor),
        Some("dense") if cursor.is_open(1, Delimiter::Brace) => {
            cursor.bump();
            let body = body(cursor);
            ItemKind::Dense { body, repeat: repeat(cursor) }
        }
        Some("concat") => merge(cursor, Merge::Concat),
        Some("add") => merge(cursor, Merge::Add),
        Some("mul") => merge(cursor, Merge::Mul),
        Some("split") => merge(cursor, Merge::Split),
        Some("rust") if cursor.is_open(1, Delimiter::Parenthesis) => custom(cursor),
        Some("else") => {
            cursor.report(cursor.here(), Problem::StrayElse);
            cursor.bump();
            if cursor.bracket(0).is_some() || cursor.ident(0).is_some() {
                cursor.bump();
            }
            ItemKind::Broken
        }
        Some(word) if spec::repeat_word(word).is_some() => {
            let text = word.to_owned();
            cursor.report(cursor.here(), Problem::StrayRepeat { text });
            let _ = repeat(cursor);
            ItemKind::Broken
        }
        Some(_) if cursor.path_separator(1) => external(cursor),
        Some(_) => word(cursor),
        None if cursor.path_separator(0) => external(cursor),
        None => {
            let found = cursor.found();
            let problem = if cursor.is_literal(0) {
                Problem::NumberAsLayer { number: found.trim_matches('`').to_owned(), layer: None }
            } else {
                Problem::Expected { expected: "a layer", found }
            };
            cursor.report(cursor.here(), problem);
            cursor.bump();
            cursor.skip_to_next_step();
            ItemKind::Broken
        }
    }
}

/// `@name`, or `@network.name` for a stage of a network that is a layer.
pub(super) fn tap(cursor: &mut Cursor<'_>) -> Option<Ident> {
    cursor.bump();
    let name = cursor.take_ident();
    if name.is_none() {
        let found = cursor.found();
        cursor.report(cursor.here(), Problem::Expected { expected: "the name of a tap after `@`", found });
    }
    let network = name?;
    if !(cursor.punct(0, '.') && cursor.ident(1).is_some()) {
        return Some(network);
    }
    cursor.bump();
    let stage = cursor.take_ident()?;
    Some(Ident { text: format!("{}.{}", network.text, stage.text), token: stage.token })
}

fn group(cursor: &mut Cursor<'_>) -> ItemKind {
    let body = bracketed_path(cursor);
    ItemKind::Group { body, repeat: repeat(cursor) }
}

/// The path inside the bracket under the cursor.
fn bracketed_path(cursor: &mut Cursor<'_>) -> Path {
    let range = cursor.bracket_range();
    let before = cursor.diagnostics.len();
    let inside = cursor.within(|inside| {
        let path = path(inside);
        if !inside.at_end() {
            let problem =
                Problem::Expected { expected: "a layer or the end of the group", found: inside.found() };
            inside.report(inside.here(), problem);
        }
        path
    });
    match inside {
        Some(path) if !path.items.is_empty() => path,
        _ => {
            if cursor.diagnostics.len() == before {
                cursor.report(range, Problem::EmptyPath);
            }
            Path { items: Vec::new(), range }
        }
    }
}

/// `{ path }`, or a complaint that it is missing.
fn body(cursor: &mut Cursor<'_>) -> Path {
    if cursor.is_open(0, Delimiter::Brace) {
        return bracketed_path(cursor);
    }
    let found = cursor.found();
    cursor.report(cursor.here(), Problem::Expected { expected: "`{ .. }`", found });
    Path { items: Vec::new(), range: cursor.here() }
}

fn residual(cursor: &mut Cursor<'_>) -> ItemKind {
    cursor.bump();
    let body = body(cursor);
    let mut repeated = repeat(cursor);
    let shortcut = if cursor.keyword("else") {
        Some(if cursor.keyword("none") {
            Shortcut::None
        } else {
            Shortcut::Projection(Box::new(item(cursor)))
        })
    } else {
        None
    };
    if repeated.is_none() {
        repeated = repeat(cursor);
    }
    ItemKind::Residual { body, shortcut, repeat: repeated }
}

/// `concat { a | b }` or `concat(@a, @b)`; `split { a | b }`
fn merge(cursor: &mut Cursor<'_>, merge: Merge) -> ItemKind {
    cursor.bump();
    if cursor.is_open(0, Delimiter::Parenthesis) && merge != Merge::Split {
        let before = cursor.diagnostics.len();
        let taps = cursor.within(|inside| {
            let mut taps = Vec::new();
            while !inside.at_end() {
                if inside.punct(0, '@') {
                    taps.extend(tap(inside));
                } else {
                    let found = inside.found();
                    inside.report(inside.here(), Problem::Expected { expected: "a tap such as `@a`", found });
                    inside.bump();
                }
                args::separator(inside, "`,` or `)`");
            }
            taps
        });
        if cursor.diagnostics.len() > before {
            return ItemKind::Broken;
        }
        return ItemKind::Taps { merge, taps: taps.unwrap_or_default() };
    }
    if cursor.is_open(0, Delimiter::Brace) {
        let branches = cursor.within(|inside| {
            let mut branches = vec![path(inside)];
            while !inside.at_end() {
                if !inside.take_punct('|') {
                    let found = inside.found();
                    inside.report(inside.here(), Problem::Expected { expected: "`|` or `}`", found });
                    inside.bump();
                }
                branches.push(path(inside));
            }
            branches
        });
        return ItemKind::Branches { merge, branches: branches.unwrap_or_default(), repeat: repeat(cursor) };
    }
    let found = cursor.found();
    let expected = match merge {
        Merge::Concat => "`concat { a | b }` or `concat(@a, @b)`",
        Merge::Add => "`add { a | b }` or `add(@a, @b)`",
        Merge::Mul => "`mul { a | b }` or `mul(@a, @b)`",
        Merge::Split => "`split { a | b }`",
    };
    cursor.report(cursor.here(), Problem::Expected { expected, found });
    if cursor.bracket(0).is_some() {
        cursor.bump();
    }
    ItemKind::Broken
}

/// `rust(expr) => shape`
fn custom(cursor: &mut Cursor<'_>) -> ItemKind {
    let first = cursor.position();
    cursor.bump();
    let expression = cursor.bracket_range();
    cursor.bump();
    let whole = cursor.since(first);
    if !cursor.take_fat_arrow() {
        cursor.report(whole, Problem::ShapeNotStated { layer: "rust(..)".into() });
        return ItemKind::Broken;
    }
    shape(cursor).map_or(ItemKind::Broken, |output| ItemKind::Custom { expression, output })
}

/// `path::to::Network => shape` or `path::to::Network => (stage: shape, ..)`
fn external(cursor: &mut Cursor<'_>) -> ItemKind {
    let first = cursor.position();
    let mut depth = 0_i32;
    loop {
        if cursor.path_separator(0) {
            cursor.bump();
            cursor.bump();
        } else if cursor.punct(0, '<') {
            depth += 1;
            cursor.bump();
        } else if cursor.punct(0, '>') && depth > 0 {
            depth -= 1;
            cursor.bump();
        } else if depth > 0 && !cursor.at_end() && !cursor.fat_arrow(0) {
            cursor.bump();
        } else if cursor.ident(0).is_some() {
            cursor.bump();
            if !cursor.path_separator(0) && depth == 0 {
                break;
            }
        } else {
            break;
        }
    }
    let path = cursor.since(first);
    if !cursor.take_fat_arrow() {
        cursor.report(path, Problem::ShapeNotStated { layer: cursor.text(path) });
        return ItemKind::Broken;
    }
    super::header::io(cursor).map_or(ItemKind::Broken, |outputs| ItemKind::External { path, outputs })
}

/// `word(args)-size/stride(args) repeat`
fn word(cursor: &mut Cursor<'_>) -> ItemKind {
    let first = cursor.position();
    let Some(head) = cursor.take_ident() else { return ItemKind::Broken };
    let mut word = Word {
        head,
        size: None,
        stride: None,
        args: Vec::new(),
        has_parentheses: false,
        repeat: None,
        range: cursor.here(),
    };
    arguments(cursor, &mut word);
    if cursor.punct(0, '-') && !cursor.arrow(0) && !cursor.punct(1, '>') {
        cursor.bump();
        word.size = size(cursor, &word.head.text);
    }
    if cursor.take_punct('/') {
        word.stride = atom(cursor, "the stride after `/`");
    }
    arguments(cursor, &mut word);
    word.range = cursor.since(first);
    word.repeat = repeat(cursor);
    ItemKind::Word(word)
}

fn arguments(cursor: &mut Cursor<'_>, word: &mut Word) {
    if cursor.is_open(0, Delimiter::Parenthesis) {
        word.has_parentheses = true;
        word.args.extend(cursor.within(args::args).unwrap_or_default());
    }
}

/// What follows the `-` of `conv3-64`.
fn size(cursor: &mut Cursor<'_>, head: &str) -> Option<crate::ast::Expr> {
    let range = cursor.here();
    if cursor.is_literal(0)
        && let Some((filters, repeats)) = cursor.text(range).split_once('x')
    {
        // `conv3-64x2`: one literal to rustc, and no size.
        let problem =
            Problem::RepeatInSize { layer: format!("{head}-{filters}"), repeat: format!("x{repeats}") };
        cursor.report(range, problem);
        cursor.bump();
        return Some(args::broken(range));
    }
    if cursor.ident(0).is_some_and(layer::is_layer_word) && cursor.punct(1, '-') {
        // `conv3- conv3-64`: a lost `>`.
        let found = cursor.found();
        cursor.report(range, Problem::Expected { expected: "the number of channels after `-`", found });
        return None;
    }
    atom(cursor, "the number of channels after `-`")
}

/// `x3` or `x3/2`
fn repeat(cursor: &mut Cursor<'_>) -> Option<Repeat> {
    let word = cursor.ident(0)?;
    let digits = match spec::repeat_word(word) {
        Some(digits) => digits.to_owned(),
        // `x 3`
        None if word == "x" && cursor.is_literal(1) => {
            cursor.bump();
            cursor.text(cursor.here())
        }
        None => return None,
    };
    let first = cursor.position();
    cursor.bump();
    let count = match spec::number(&digits) {
        spec::Number::Int(count) => count,
        _ => {
            cursor.report(cursor.since(first), Problem::NumberTooLarge { text: digits });
            1
        }
    };
    let stride = if cursor.take_punct('/') { cursor.take_int("the stride of the first copy") } else { None };
    Some(Repeat { count, stride, range: cursor.since(first) })
}
