//! What stands before a network: our attributes, and those that are handed on to its struct.

use super::args;
use super::cursor::Cursor;
use crate::ast::{File, Level, Limit, LintLevel, Quantity};
use crate::diagnostic::Problem;
use crate::token::{Delimiter, TokenRange};

/// The attributes of one network.
#[derive(Default)]
pub(super) struct Attributes {
    /// For the struct: doc comments, `#[allow(dead_code)]`, ..
    pub(super) forwarded: Vec<TokenRange>,
    pub(super) budget: Vec<Limit>,
    pub(super) lints: Vec<LintLevel>,
}

pub(super) fn attributes(cursor: &mut Cursor<'_>, file: &mut File) -> Attributes {
    let mut out = Attributes::default();
    while cursor.punct(0, '#') {
        let first = cursor.position();
        cursor.bump();
        let inner = cursor.take_punct('!');
        if !cursor.is_open(0, Delimiter::Bracket) {
            let found = cursor.found();
            cursor.report(cursor.here(), Problem::Expected { expected: "an attribute `#[..]`", found });
            break;
        }
        match cursor.ident(1) {
            Some("network") => {
                let path = cursor.within(crate_path).flatten();
                file.runtime_path = path.or(file.runtime_path);
            }
            Some("budget") if !inner => {
                out.budget.extend(cursor.within(budget).unwrap_or_default());
            }
            Some("allow" | "warn" | "deny" | "forbid") if !inner && cursor.ident(3) == Some("network") => {
                out.lints.extend(cursor.within(lint_levels).unwrap_or_default());
            }
            _ => {
                cursor.bump();
                if inner {
                    cursor.report(cursor.since(first), Problem::InnerAttribute);
                } else {
                    out.forwarded.push(cursor.since(first));
                }
            }
        }
    }
    out
}

/// `network(crate = path)` inside the attribute's brackets: the path's tokens.
fn crate_path(cursor: &mut Cursor<'_>) -> Option<TokenRange> {
    cursor.bump();
    cursor
        .within(|inside| {
            let known = inside.keyword("crate") && inside.take_punct('=');
            let first = inside.position();
            while !inside.at_end() {
                inside.bump();
            }
            if known && inside.position() > first {
                return Some(inside.since(first));
            }
            inside.report(inside.since(first), Problem::NetworkAttribute);
            None
        })
        .flatten()
}

/// `allow(network::a, network::b)` inside the attribute's brackets.
fn lint_levels(cursor: &mut Cursor<'_>) -> Vec<LintLevel> {
    let level = match cursor.take_ident().as_ref().map(|ident| ident.text.as_str()) {
        Some("allow") => Level::Allow,
        Some("warn") => Level::Warn,
        _ => Level::Deny,
    };
    let levels = cursor.within(|inside| {
        let mut levels = Vec::new();
        while !inside.at_end() {
            let first = inside.position();
            let ours = inside.keyword("network") && inside.path_separator(0);
            if ours {
                inside.bump();
                inside.bump();
            }
            match inside.take_ident() {
                Some(name) if ours => levels.push(LintLevel { name, level }),
                _ => {
                    inside.report(inside.since(first), Problem::MixedLints);
                    inside.skip_past_comma();
                    continue;
                }
            }
            args::separator(inside, "`,` or `)`");
        }
        levels
    });
    levels.unwrap_or_default()
}

/// `budget(params < 5M, activations < 16MB)` inside the attribute's brackets.
fn budget(cursor: &mut Cursor<'_>) -> Vec<Limit> {
    cursor.bump();
    if !cursor.is_open(0, Delimiter::Parenthesis) {
        cursor.report(cursor.here(), Problem::BudgetForm);
        return Vec::new();
    }
    let limits = cursor.within(|inside| {
        let mut limits = Vec::new();
        while !inside.at_end() {
            let first = inside.position();
            match limit(inside) {
                Some(limit) => limits.push(limit),
                None => {
                    while !inside.at_end() && !inside.punct(0, ',') {
                        inside.bump();
                    }
                    inside.report(inside.since(first), Problem::BudgetForm);
                }
            }
            let _ = inside.take_punct(',');
        }
        limits
    });
    limits.unwrap_or_default()
}

fn limit(cursor: &mut Cursor<'_>) -> Option<Limit> {
    let first = cursor.position();
    let quantity = match cursor.take_ident()?.text.as_str() {
        "params" | "parameters" => Quantity::Parameters,
        "macs" => Quantity::Macs,
        "activations" => Quantity::Activations,
        "receptive_field" => Quantity::ReceptiveField,
        _ => return None,
    };
    let relation = cursor.position();
    let upper = quantity != Quantity::ReceptiveField;
    if !cursor.take_punct(if upper { '<' } else { '>' }) {
        return None;
    }
    let strict = !cursor.take_punct('=');
    if !cursor.is_literal(0) {
        return None;
    }
    let (number, is_bytes) = amount(&cursor.text(cursor.here()))?;
    cursor.bump();
    let quantity = match (quantity, is_bytes) {
        (Quantity::Activations, true) => Quantity::ActivationBytes,
        (quantity, false) => quantity,
        _ => return None,
    };
    let bound = match (upper, strict) {
        (true, true) => number.checked_sub(1)?,
        (false, true) => number.checked_add(1)?,
        (_, false) => number,
    };
    let relation = cursor.text(TokenRange { first: relation, last: cursor.position() - 2 });
    let written = format!("{relation} {}", cursor.text(TokenRange::at(cursor.position() - 1)));
    Some(Limit { quantity, bound, written, range: cursor.since(first) })
}

/// `5M`, `4.5M`, `300_000`, `16MB`, `16MiB`: the number, and whether it counts bytes.
fn amount(text: &str) -> Option<(u64, bool)> {
    let plain: String = text.chars().filter(|&c| c != '_').collect();
    let digits = plain.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (factor, is_bytes) = match plain.get(digits.len()..)? {
        "" => (1_u64, false),
        "K" | "k" => (1_000, false),
        "M" => (1_000_000, false),
        "G" | "B" => (1_000_000_000, false),
        "KB" | "kB" => (1_000, true),
        "MB" => (1_000_000, true),
        "GB" => (1_000_000_000, true),
        "KiB" => (1 << 10, true),
        "MiB" => (1 << 20, true),
        "GiB" => (1 << 30, true),
        _ => return None,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut value = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let mut unit = factor;
    for digit in fraction.chars() {
        unit /= 10;
        value = value.checked_add(u64::from(digit.to_digit(10)?).checked_mul(unit)?)?;
    }
    Some((value, is_bytes))
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts() {
        assert_eq!(amount("5M"), Some((5_000_000, false)));
        assert_eq!(amount("4.5M"), Some((4_500_000, false)));
        assert_eq!(amount("16MB"), Some((16_000_000, true)));
        assert_eq!(amount("1MiB"), Some((1_048_576, true)));
        assert_eq!(amount("300_000"), Some((300_000, false)));
        assert_eq!(amount("5Q"), None);
        assert_eq!(amount("99999999999G"), None);
    }
}
