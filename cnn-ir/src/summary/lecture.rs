//! The lecture's form: `CONV3-64: [224x224x64]  memory: 224*224*64=3.2M  weights: (3*3*3)*64 = 1,728`.

use super::{Entry, Sizes, Summary, grouped, number};
use crate::dim::Dim;
use std::fmt;

/// A network in the form of the lecture (Stanford's CS231n, the table of VGG-16); print it.
///
/// There is a line for the input, and one for each layer that holds memory or has weights: what works in place and has
/// none (an activation, dropout) is not there. A shape is rows, columns, channels. Memory is what the output of one
/// sample holds. The weights of a convolution or a fully connected layer are counted without its bias, as in the
/// lecture; the total has all.
#[derive(Clone, Copy, Debug)]
pub struct Lecture<'s>(pub(super) &'s Summary);

impl fmt::Display for Lecture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { inputs, layers, totals, .. } = self.0;
        let inputs = inputs.iter().map(|(name, sizes)| {
            let name = if name.is_empty() { "INPUT".to_owned() } else { format!("INPUT {name}") };
            [head(&name, sizes), memory(sizes, sizes.product().as_ref()), "0".to_owned()]
        });
        let layers = layers.iter().filter(|layer| !layer.in_place || layer.parameters != Dim::ZERO);
        let rows: Vec<[String; 3]> = inputs
            .chain(layers.map(|layer| {
                let held = match &layer.activations {
                    held if *held == Dim::ZERO && !layer.in_place => None,
                    held => Some(held),
                };
                [head(&capitals(&layer.layer), &layer.output), memory(&layer.output, held), weights(layer)]
            }))
            .collect();
        let width = |cell: usize| rows.iter().map(|row| row[cell].chars().count()).max().unwrap_or(0);
        let (a, b) = (width(0), width(1));
        for [head, memory, weights] in &rows {
            writeln!(f, "{head:a$}  memory: {memory:b$}  weights: {weights}")?;
        }
        if let Some(held) = &totals.activations {
            match held.number() {
                Some(values) => {
                    let megabytes = values as f64 * 4.0 / 1e6;
                    let values = grouped(values);
                    writeln!(
                        f,
                        "TOTAL memory: {values} * 4 bytes ~= {megabytes:.2} MB / image (forward only)"
                    )?;
                }
                None => writeln!(f, "TOTAL memory: ({held}) * 4 bytes / image (forward only)")?,
            }
        }
        write!(f, "TOTAL params: {}", number(&totals.parameters))?;
        let biases: Dim = self.0.layers.iter().map(biases).collect::<Vec<_>>().iter().sum();
        if biases != Dim::ZERO {
            write!(f, " ({} of them biases)", number(&biases))?;
        }
        Ok(())
    }
}

/// `conv3-64(pad=1)` reads `CONV3-64(pad=1)`.
fn capitals(layer: &str) -> String {
    let end = layer.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(layer.len());
    let (word, rest) = layer.split_at(end);
    // The name of a network stays as it is, and the Rust path of one.
    if word.starts_with(|c: char| c.is_ascii_lowercase()) && !rest.starts_with(':') {
        format!("{}{rest}", word.to_ascii_uppercase())
    } else {
        layer.to_owned()
    }
}

/// Rows, columns, channels.
fn spatial(sizes: &Sizes) -> Vec<String> {
    match sizes.words().as_slice() {
        [channels, height, width] => vec![height.clone(), width.clone(), channels.clone()],
        sizes => sizes.to_vec(),
    }
}

fn head(name: &str, sizes: &Sizes) -> String {
    match spatial(sizes).as_slice() {
        [features] => format!("{name}: [1x1x{features}]"),
        sizes => format!("{name}: [{}]", sizes.join("x")),
    }
}

/// `224*224*64=3.2M`
fn memory(sizes: &Sizes, held: Option<&Dim>) -> String {
    let formula = spatial(sizes).join("*");
    // What a network inside holds is not its output alone.
    let is_output = held.is_none_or(|held| sizes.product().as_ref() == Some(held));
    match held.map(|held| held.number().map(round).ok_or(held)) {
        Some(Ok(rounded)) if is_output && sizes.dims().len() > 1 => format!("{formula}={rounded}"),
        Some(Ok(rounded)) => rounded,
        Some(Err(held)) if !is_output => held.to_string(),
        Some(Err(_)) | None => formula,
    }
}

/// As the lecture rounds: from 10,000 on to two digits, `802816` is `800K`, `3211264` is `3.2M`.
fn round(values: i128) -> String {
    let (unit, letter) = match values {
        ..10_000 => return values.to_string(),
        10_000..995_000 => (1e3, 'K'),
        995_000..995_000_000 => (1e6, 'M'),
        _ => (1e9, 'G'),
    };
    let scaled = values as f64 / unit;
    if scaled < 9.95 {
        return format!("{scaled:.1}{letter}");
    }
    let digits = 10_f64.powi(scaled.log10().floor() as i32 - 1);
    format!("{:.0}{letter}", (scaled / digits).round() * digits)
}

/// `(3*3*3)*64 = 1,728`: one filter, times filters.
fn weights(layer: &Entry) -> String {
    let formula = match layer.weight.words().as_slice() {
        [first, second, rows, columns] => {
            // The filters of a transposed convolution stand second.
            let transposed = layer.weight.dims().first() != layer.output.dims().first();
            let (filters, channels) = if transposed { (second, first) } else { (first, second) };
            format!("({rows}*{columns}*{channels})*{filters}")
        }
        [out_features, in_features] => {
            let flattened = layer.input.dims().len() == 3
                && layer.input.product().as_ref() == layer.weight.dims()[1].as_ref();
            let inner = if flattened { spatial(&layer.input).join("*") } else { in_features.clone() };
            format!("{inner}*{out_features}")
        }
        _ => return number(&layer.parameters),
    };
    match layer.weight.product().and_then(|product| product.number()) {
        Some(product) => format!("{formula} = {}", grouped(product)),
        None => formula,
    }
}

/// What a layer has beside its weight.
fn biases(layer: &Entry) -> Dim {
    match layer.weight.product() {
        Some(weight) if !layer.weight.is_empty() => &layer.parameters - &weight,
        _ => Dim::ZERO,
    }
}
