//! Wrong numbers: strides, kernels, channels, features, groups, repeats, shapes.

use super::{Edit, Place, has_window, stem};
use crate::mutate::sources::Source;
use cnn_ir::ast::{Arg, ArgValue, Expr, ExprKind, Word};
use cnn_ir::token::TokenRange;

/// A number as a tired person types it: a digit dropped, doubled or swapped with the next; half, double, ten times,
/// one more, one less.
fn mistyped(number: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for at in 0..number.len() {
        let (before, from) = number.split_at(at);
        let (digit, behind) = from.split_at(1);
        wrong.push(format!("{before}{behind}"));
        wrong.push(format!("{before}{digit}{digit}{behind}"));
        if let Some(next) = behind.get(..1) {
            wrong.push(format!("{before}{next}{digit}{}", &behind[1..]));
        }
    }
    if let Ok(value) = number.parse::<u64>() {
        let others = [value / 2, value * 2, value * 10, value + 1, value.saturating_sub(1)];
        wrong.extend(others.iter().map(u64::to_string));
    }
    wrong.retain(|other| other != number && !other.is_empty() && !other.starts_with('0'));
    wrong.sort();
    wrong.dedup();
    wrong
}

/// A literal of one number or several, one of them mistyped.
fn mistyped_literal(source: &Source, token: u32) -> Place {
    let text = source.token(token);
    let bytes = source.bytes(TokenRange::at(token));
    let mut place = Vec::new();
    let mut at = bytes.start;
    for part in text.split('x') {
        let part_bytes = at..at + part.len();
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            place.extend(mistyped(part).into_iter().map(|new| Edit::replace(part_bytes.clone(), new)));
        }
        at += part.len() + 1;
    }
    place
}

/// Every literal of a range.
fn literals(source: &Source, range: TokenRange) -> Vec<Place> {
    let is_number = |&token: &u32| source.token(token).starts_with(|c: char| c.is_ascii_digit());
    (range.first..=range.last).filter(is_number).map(|token| mistyped_literal(source, token)).collect()
}

fn others(now: &str, usual: &[&str]) -> Vec<String> {
    usual.iter().filter(|other| **other != now).map(|other| (*other).to_owned()).collect()
}

/// `/2` forgotten, added, or another.
pub(super) fn stride(source: &Source) -> Vec<Place> {
    let windows = source.parts.words.iter().filter(|(word, _)| has_window(&word.head.text));
    windows.map(|(word, _)| stride_of(source, word)).collect()
}

fn stride_of(source: &Source, word: &Word) -> Place {
    match &word.stride {
        Some(stride) => {
            let bytes = source.bytes(stride.range);
            let slash = source.bytes(TokenRange::at(stride.range.first - 1)).start;
            let new = others(&source.text[bytes.clone()], &["1", "2", "3", "4"]);
            let mut place: Place = new.iter().map(|new| Edit::replace(bytes.clone(), new)).collect();
            place.push(Edit::remove(slash..bytes.end));
            place
        }
        None => {
            let behind = word.size.as_ref().map_or(word.head.range(), |size| size.range);
            vec![Edit::insert(source.bytes(behind).end, "/2")]
        }
    }
}

/// `conv3` for `conv5`; `conv1x7` for `conv7x1`.
pub(super) fn kernel(source: &Source) -> Vec<Place> {
    let usual = ["1", "2", "3", "4", "5", "7"];
    let mut places = Vec::new();
    for (word, _) in source.parts.words.iter().filter(|(word, _)| has_window(&word.head.text)) {
        let head = source.bytes(word.head.range());
        let (stem, digits) = stem(&word.head.text);
        let from = head.start + stem.len();
        let numbers: Vec<&str> = digits.split('x').filter(|number| !number.is_empty()).collect();
        let new = match numbers[..] {
            [] => Vec::new(),
            [number] => others(number, &usual),
            _ => {
                let mut new = vec![numbers.iter().rev().copied().collect::<Vec<_>>().join("x")];
                new.extend(others(numbers[0], &usual).iter().map(|rows| format!("{rows}x{}", numbers[1])));
                new.extend(
                    others(numbers[1], &usual).iter().map(|columns| format!("{}x{columns}", numbers[0])),
                );
                new.retain(|new| new != digits);
                new
            }
        };
        places.push(new.into_iter().map(|new| Edit::replace(from..head.end, new)).collect());
        places.push(option(source, word, "kernel", &usual));
    }
    places
}

/// An option that is a number, with another number.
fn option(source: &Source, word: &Word, name: &str, usual: &[&str]) -> Place {
    let is_it = |arg: &&Arg| arg.name.as_ref().is_some_and(|option| option.text == name);
    match word.args.iter().find(is_it).map(|arg| &arg.value) {
        Some(ArgValue::Expr(Expr { kind: ExprKind::Int(_), range })) => {
            let bytes = source.bytes(*range);
            let new = others(&source.text[bytes.clone()], usual);
            new.into_iter().map(|new| Edit::replace(bytes.clone(), new)).collect()
        }
        _ => Vec::new(),
    }
}

/// Another number of channels: behind `-`, or given to a block.
pub(super) fn channels(source: &Source) -> Vec<Place> {
    let mut places = Vec::new();
    for (word, is_call) in &source.parts.words {
        if let Some(size) = &word.size
            && stem(&word.head.text).0 != "fc"
        {
            places.extend(literals(source, size.range));
        }
        for arg in word.args.iter().filter(|_| *is_call) {
            if let ArgValue::Expr(expr) = &arg.value {
                places.extend(literals(source, expr.range));
            }
        }
    }
    places
}

/// Another number of features.
pub(super) fn features(source: &Source) -> Vec<Place> {
    let mut places = Vec::new();
    for (word, _) in source.parts.words.iter().filter(|(word, _)| stem(&word.head.text).0 == "fc") {
        let bytes = source.bytes(word.head.range());
        let digits = bytes.start + "fc".len()..bytes.end;
        let new = mistyped(&source.text[digits.clone()]).into_iter();
        places.push(new.map(|new| Edit::replace(digits.clone(), new)).collect());
        places.extend(word.size.iter().flat_map(|size| literals(source, size.range)));
    }
    places
}

/// Other groups, also those of `gn`, `shuffle` and `channelshuffle`.
pub(super) fn groups(source: &Source) -> Vec<Place> {
    let usual = ["1", "2", "3", "4", "5", "8", "16", "32", "64"];
    let mut places = Vec::new();
    for (word, _) in &source.parts.words {
        places.push(option(source, word, "groups", &usual));
        let (stem, digits) = stem(&word.head.text);
        if matches!(stem, "gn" | "shuffle" | "channelshuffle") && !digits.is_empty() {
            let bytes = source.bytes(word.head.range());
            let from = bytes.start + stem.len();
            let new = others(digits, &usual).into_iter();
            places.push(new.map(|new| Edit::replace(from..bytes.end, new)).collect());
        }
    }
    places
}

/// More or fewer repeats, none, or another stride of the first.
pub(super) fn repeat(source: &Source) -> Vec<Place> {
    source.parts.repeats.iter().map(|repeat| repeat_of(source, *repeat)).collect()
}

fn repeat_of(source: &Source, repeat: cnn_ir::ast::Repeat) -> Place {
    let bytes = source.bytes(repeat.range);
    let (count, stride) = (repeat.count, repeat.stride);
    let written = |count: &str, stride: Option<u64>| match stride {
        Some(stride) => format!("x{count}/{stride}"),
        None => format!("x{count}"),
    };
    let mut counts = mistyped(&count.to_string());
    // `x240` for `x24` is a typing mistake; `x2424` is another language.
    counts.retain(|other| other.parse::<u64>().is_ok_and(|other| other <= 10 * count));
    let mut new: Vec<String> = counts.iter().map(|count| written(count, stride)).collect();
    new.push(String::new());
    let strides = [None, Some(1), Some(2), Some(3), Some(4)];
    new.extend(
        strides.iter().filter(|other| **other != stride).map(|other| written(&count.to_string(), *other)),
    );
    new.into_iter().map(|new| Edit::replace(bytes.clone(), new)).collect()
}

/// `=> 64x56x56` with one number wrong.
pub(super) fn ascriptions(source: &Source) -> Vec<Place> {
    source.parts.ascriptions.iter().flat_map(|range| literals(source, *range)).collect()
}

/// A shape in the header with one number wrong.
pub(super) fn ports(source: &Source) -> Vec<Place> {
    source.parts.ports.iter().flat_map(|range| literals(source, *range)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_numbers() {
        assert_eq!(mistyped("64"), ["128", "32", "4", "46", "6", "63", "640", "644", "65", "664"]);
        assert_eq!(mistyped("1"), ["10", "11", "2"]);
    }
}
