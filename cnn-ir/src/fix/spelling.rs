//! A layer taken apart as it is written, and put together again with a part changed.

use crate::ast::Word;
use crate::layer::{self, Head};
use crate::token::TokenTable;

/// The parts of `conv3-64/2(pad=1)`.
#[derive(Clone, Debug)]
pub(super) struct Spelling {
    pub(super) head: &'static Head,
    /// `3`, `7x1`, or nothing.
    pub(super) digits: String,
    pub(super) size: Option<String>,
    pub(super) stride: Option<String>,
    pub(super) args: Vec<String>,
}

impl Spelling {
    /// `None` for what is not a layer (or not spelt like one).
    pub(super) fn read(word: &Word, table: &TokenTable) -> Option<Self> {
        let (head, _) = layer::lookup(&word.head.text)?;
        let digits = word.head.text.strip_prefix(head.name)?.to_owned();
        Some(Self {
            head,
            digits,
            size: word.size.as_ref().map(|size| {
                let text = table.text(size.range);
                // The parentheses of `-(4*c)` do not belong to the expression's tokens.
                let bare = text.starts_with(['(', '[']) || text.chars().all(char::is_alphanumeric);
                if bare { text } else { format!("({text})") }
            }),
            stride: word.stride.as_ref().map(|stride| table.text(stride.range)),
            args: word.args.iter().map(|arg| table.text(arg.range)).collect(),
        })
    }

    pub(super) fn write(&self) -> String {
        let (front, behind): (Vec<&String>, Vec<&String>) =
            self.args.iter().partition(|arg| self.size.is_some() && arg.starts_with("kernel"));
        let parentheses = |args: Vec<&String>| {
            let args: Vec<&str> = args.into_iter().map(String::as_str).collect();
            if args.is_empty() { String::new() } else { format!("({})", args.join(", ")) }
        };
        let size = self.size.as_ref().map_or_else(String::new, |size| format!("-{size}"));
        let stride = self.stride.as_ref().map_or_else(String::new, |stride| format!("/{stride}"));
        format!(
            "{}{}{}{size}{stride}{}",
            self.head.name,
            self.digits,
            parentheses(front),
            parentheses(behind)
        )
    }

    /// The argument of a name, as `name=`.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.args
            .iter()
            .position(|arg| arg.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('=')))
    }

    /// The number of `name=number`.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.args.get(self.position(name)?)?.split('=').nth(1)?.trim().parse().ok()
    }

    /// With `name=value` in place of what it was.
    pub(super) fn with_option(&self, name: &str, value: Option<&str>) -> Self {
        let mut out = self.clone();
        let text = value.map(|value| format!("{name}={value}"));
        match (self.position(name), text) {
            (Some(position), Some(text)) => out.args[position] = text,
            (Some(position), None) => {
                out.args.remove(position);
            }
            (None, Some(text)) => out.args.push(text),
            (None, None) => {}
        }
        out
    }

    /// With this padding (`valid`, `pad=1`) in place of what it was; nothing for the default.
    pub(super) fn with_padding(&self, padding: &str) -> Self {
        let mut out = self.clone();
        let is_padding = |arg: &String| {
            ["half", "valid", "full", "same"].contains(&arg.as_str())
                || arg.strip_prefix("pad").is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let first = out.args.iter().position(is_padding);
        out.args.retain(|arg| !is_padding(arg));
        if !padding.is_empty() {
            out.args.insert(first.unwrap_or(out.args.len()).min(out.args.len()), padding.to_owned());
        }
        out
    }

    /// With a word such as `ceil`, or without it.
    pub(super) fn toggled(&self, word: &str) -> Self {
        let mut out = self.clone();
        match out.args.iter().position(|arg| arg == word) {
            Some(position) => {
                out.args.remove(position);
            }
            None => out.args.push(word.to_owned()),
        }
        out
    }
}
