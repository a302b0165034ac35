//! Arguments of layers: padding, `ceil`, and anything that is left out.

use super::{Edit, Place, has_window, stem};
use crate::mutate::sources::Source;
use cnn_ir::ast::{Arg, ArgValue, ItemKind, Word};
use cnn_ir::token::TokenRange;
use std::ops::Range;

const PADDINGS: [&str; 8] = ["pad=0", "pad=1", "pad=2", "pad=3", "valid", "same", "full", "half"];

/// Another padding, or none, or one where none was.
pub(super) fn padding(source: &Source) -> Vec<Place> {
    let windows = source.parts.words.iter().filter(|(word, _)| has_window(&word.head.text));
    windows.map(|(word, _)| padding_of(source, word)).collect()
}

fn padding_of(source: &Source, word: &Word) -> Place {
    let now = word.args.iter().find(|arg| {
        arg.name.as_ref().is_some_and(|name| name.text == "pad")
            || matches!(lone_word(arg), Some("half" | "valid" | "full" | "same"))
    });
    let Some(now) = now else {
        return PADDINGS.iter().map(|new| add(source, word, new)).collect();
    };
    let bytes = source.bytes(now.range);
    let others = PADDINGS.iter().filter(|new| source.text[bytes.clone()] != ***new);
    let mut place: Place = others.map(|new| Edit::replace(bytes.clone(), *new)).collect();
    place.push(drop(source, now));
    place
}

/// `ceil` forgotten, or where it does not belong.
pub(super) fn ceil(source: &Source) -> Vec<Place> {
    let pools =
        source.parts.words.iter().filter(|(word, _)| matches!(stem(&word.head.text).0, "pool" | "avgpool"));
    let edit = |(word, _): &(Word, bool)| match word.args.iter().find(|arg| lone_word(arg) == Some("ceil")) {
        Some(arg) => vec![drop(source, arg)],
        None => vec![add(source, word, "ceil")],
    };
    pools.map(edit).collect()
}

/// An argument left out.
pub(super) fn dropped(source: &Source) -> Vec<Place> {
    let args = source.parts.words.iter().flat_map(|(word, _)| &word.args);
    args.map(|arg| vec![drop(source, arg)]).collect()
}

/// The word of an argument that is nothing else.
fn lone_word(arg: &Arg) -> Option<&str> {
    match &arg.value {
        ArgValue::Word(item) if arg.name.is_none() => match &item.kind {
            ItemKind::Word(word) => Some(&word.head.text),
            _ => None,
        },
        _ => None,
    }
}

/// An argument less, with its comma, or with the parentheses if it is alone.
fn drop(source: &Source, arg: &Arg) -> Edit {
    let at = |token: u32| source.bytes(TokenRange::at(token));
    let (before, behind) = (arg.range.first - 1, arg.range.last + 1);
    let bytes: Range<usize> = match (source.token(before), source.token(behind)) {
        ("(", ")") => at(before).start..at(behind).end,
        (",", _) => at(before).start..at(arg.range.last).end,
        (_, ",") => at(arg.range.first).start..at(behind + 1).start,
        _ => source.bytes(arg.range),
    };
    Edit::remove(bytes)
}

/// An argument more, in the layer's parentheses or in new ones.
fn add(source: &Source, word: &Word, new: &str) -> Edit {
    let end = source.bytes(TokenRange::at(word.range.last));
    // The last token may be the bracket of a size, as in `conv1-(4*c)`.
    let in_last = |arg: &Arg| arg.range.last + 1 == word.range.last;
    if source.token(word.range.last) == ")" && word.args.last().is_some_and(in_last) {
        return Edit::insert(end.start, format!(", {new}"));
    }
    Edit::insert(end.end, format!("({new})"))
}
