//! The table of a network: a line for each layer, totals below. As text, as Markdown, and in the lecture's form.

mod lecture;
mod sizes;

pub use lecture::Lecture;
pub use sizes::Sizes;

use crate::dim::Dim;
use crate::model::{Model, Row};
use std::fmt;

/// What is known of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path, as in a weight file.
    pub path: String,
    /// As written.
    pub layer: String,
    /// What arrives.
    pub input: Sizes,
    /// What leaves.
    pub output: Sizes,
    /// The shape of the weight of a convolution or a fully connected layer, as PyTorch has it; empty for others.
    pub weight: Sizes,
    /// Learned values.
    pub parameters: Dim,
    /// Multiply-accumulates of one sample.
    pub macs: Dim,
    /// Values that its output holds in memory.
    pub activations: Dim,
    /// Whether its output takes no memory of its own.
    pub in_place: bool,
    /// Rows and columns of the input that one output value sees; `None` where that is all of it or not known.
    pub receptive_field: Option<[usize; 2]>,
}

impl Entry {
    fn of(row: &Row) -> Self {
        Self {
            path: row.path.clone(),
            layer: row.source.clone(),
            input: Sizes::from(&row.input),
            output: Sizes::from(&row.output),
            weight: row.weight().map(Sizes::from).unwrap_or_default(),
            parameters: row.parameters.clone(),
            macs: row.macs.clone(),
            activations: row.activations.clone(),
            in_place: row.is_in_place(),
            receptive_field: row.receptive_field.map(|field| field.map(|side| side as usize)),
        }
    }
}

/// Sums over a network, where they are known before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Learned values.
    pub parameters: Dim,
    /// Multiply-accumulates of one sample.
    pub macs: Option<Dim>,
    /// Values that one sample holds in memory, its inputs among them.
    pub activations: Option<Dim>,
}

/// The table of a network's layers; print it.
///
/// ```
/// let network: cnn_ir::Network = "Tiny: 3x8x8 -> 10 { conv3-4 relu -> pool2 -> fc10 }".parse().unwrap();
/// let summary = network.summary();
/// assert!(summary.to_string().contains("3      fc10     10             650    640"));
/// assert!(summary.lecture().to_string().contains("CONV3-4: [8x8x4]  memory: 8*8*4=256  weights: (3*3*3)*4 = 108"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The network's name.
    pub name: String,
    /// What it takes: names (empty where there is one) and shapes.
    pub inputs: Vec<(String, Sizes)>,
    /// Its layers, in the order of execution.
    pub layers: Vec<Entry>,
    /// Sums over them.
    pub totals: Totals,
}

const HEADINGS: [&str; 6] = ["path", "layer", "output", "parameters", "MACs", "sees"];

impl Summary {
    /// The table of a resolved network.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let inputs = model.inputs.iter().map(|port| {
            let name = port.name.as_ref().map(|name| name.text.clone()).unwrap_or_default();
            (name, Sizes::from(&port.shape))
        });
        Self {
            name: model.name.text.clone(),
            inputs: inputs.collect(),
            layers: model.rows.iter().map(Entry::of).collect(),
            totals: Totals {
                parameters: model.totals.parameters.clone(),
                macs: Some(model.totals.macs.clone()),
                activations: Some(model.totals.activations.clone()),
            },
        }
    }

    /// In the form of the lecture CS231n: memory and weights of each layer that has some, totals below.
    #[must_use]
    pub fn lecture(&self) -> Lecture<'_> {
        Lecture(self)
    }

    /// As a Markdown table, for rustdoc.
    #[must_use]
    pub fn markdown(&self) -> String {
        use fmt::Write;
        let mut out = format!("| {} |\n| --- | --- | --- | ---: | ---: | --- |\n", HEADINGS.join(" | "));
        for layer in &self.layers {
            let [path, layer, output, parameters, macs, field] = cells(layer);
            let layer = layer.replace('|', "\\|");
            let _ = writeln!(out, "| {path} | `{layer}` | {output} | {parameters} | {macs} | {field} |");
        }
        let (parameters, macs) = (count(&self.totals.parameters), optional(self.totals.macs.as_ref()));
        let _ = writeln!(out, "| **total** | | | **{parameters}** | **{macs}** | |");
        out
    }
}

fn cells(layer: &Entry) -> [String; 6] {
    [
        layer.path.clone(),
        layer.layer.clone(),
        layer.output.to_string(),
        count(&layer.parameters),
        count(&layer.macs),
        layer.receptive_field.map_or_else(String::new, |[h, w]| format!("{h}x{w}")),
    ]
}

/// `1234567` reads `1,234,567`; nothing for 0.
fn count(dim: &Dim) -> String {
    if *dim == Dim::ZERO { String::new() } else { number(dim) }
}

/// A count, 0 included.
fn number(dim: &Dim) -> String {
    dim.number().map_or_else(|| dim.to_string(), grouped)
}

/// A count that may not be known before it runs.
fn optional(dim: Option<&Dim>) -> String {
    dim.map_or_else(|| "?".to_owned(), count)
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

/// `(0.2 MiB in f32)`, of values that are a number.
fn mebibytes(values: &Dim) -> Option<String> {
    let mebibytes = values.number()? as f64 * 4.0 / (1024.0 * 1024.0);
    Some(format!("{mebibytes:.1} MiB in f32"))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(self.layers.iter().map(cells));
        let (parameters, macs) = (number(&totals.parameters), optional(totals.macs.as_ref()));
        rows.push(["total".into(), String::new(), String::new(), parameters, macs, String::new()]);
        let mut widths = [0; 6];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        writeln!(f, "{}", self.name)?;
        for [path, layer, output, parameters, macs, field] in &rows {
            let [a, b, c, d, e, _] = widths;
            let line = format!("  {path:a$}  {layer:b$}  {output:c$}  {parameters:>d$}  {macs:>e$}  {field}");
            writeln!(f, "{}", line.trim_end())?;
        }
        if let Some(activations) = &totals.activations {
            write!(f, "  activations: {} values", number(activations))?;
            match mebibytes(activations) {
                Some(size) => writeln!(f, " ({size})")?,
                None => writeln!(f)?,
            }
        }
        let weights = mebibytes(&totals.parameters);
        write!(f, "  weights: {}", weights.unwrap_or_else(|| format!("{} values", totals.parameters)))
    }
}
