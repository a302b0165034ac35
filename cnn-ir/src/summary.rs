//! The table of a network: a line for each layer, totals below.

use crate::dim::Dim;
use crate::model::{Model, Row};

/// The cells of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its path, as in a weight file.
    pub path: String,
    /// As written.
    pub layer: String,
    /// Its output's shape.
    pub output: String,
    /// Learned values.
    pub parameters: String,
    /// Multiply-accumulates.
    pub macs: String,
    /// Receptive field.
    pub receptive_field: String,
}

/// The lines of a network's table.
#[must_use]
pub fn lines(model: &Model) -> Vec<Line> {
    model.rows.iter().map(line).collect()
}

fn line(row: &Row) -> Line {
    Line {
        path: row.path.clone(),
        layer: row.source.clone(),
        output: row.output.to_string(),
        parameters: count(&row.parameters),
        macs: count(&row.macs),
        receptive_field: row.receptive_field.map_or_else(String::new, |[h, w]| format!("{h}x{w}")),
    }
}

/// `1234567` reads `1,234,567`; nothing for 0.
#[must_use]
pub fn count(dim: &Dim) -> String {
    match dim.number() {
        Some(0) => String::new(),
        Some(number) => grouped(number),
        None => dim.to_string(),
    }
}

/// Digits in groups of three.
#[must_use]
pub fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The table as Markdown, for rustdoc.
#[must_use]
pub fn markdown(model: &Model) -> String {
    use std::fmt::Write;
    let mut out = String::from(
        "| path | layer | output | parameters | MACs | sees |\n| --- | --- | --- | ---: | ---: | --- |\n",
    );
    for line in lines(model) {
        let layer = line.layer.replace('|', "\\|");
        let _ = writeln!(
            out,
            "| {} | `{layer}` | {} | {} | {} | {} |",
            line.path, line.output, line.parameters, line.macs, line.receptive_field
        );
    }
    let totals = &model.totals;
    let _ = writeln!(
        out,
        "| **total** | | | **{}** | **{}** | |",
        count(&totals.parameters),
        count(&totals.macs)
    );
    out
}
