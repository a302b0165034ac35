//! What a plan says about itself.

use std::fmt;

use cnn_kernels::blocked::Step;

use super::fuse::Fused;
use super::layout::{Task, What};
use crate::plan::Memory;

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The layers that it computes: `conv2d + batch_norm + relu`.
    pub layers: String,
    /// What it gives, with the batch dimension.
    pub output: Vec<usize>,
    /// How: `winograd 4x4, 3x3, by stages`.
    pub algorithm: String,
    /// Bytes of the weights that it reads.
    pub weight_bytes: usize,
    /// Multiply-accumulates of the layer by its definition, for the whole batch.
    pub macs: usize,
}

pub(super) fn row(fused: &Fused, task: &Task, step: &dyn Step) -> Row {
    let (node, layers, macs) = match task.what {
        What::Node(index) => (index, fused.nodes[index].layers.clone(), fused.nodes[index].macs()),
        What::Copy { node, .. } | What::Carry(node) => (node, "(layout)".to_owned(), 0),
    };
    let output = fused.nodes[node].shape.clone();
    Row { layers, output, algorithm: step.algorithm(), weight_bytes: step.weight_bytes(), macs }
}

/// The steps as a table, and what they come to.
pub(in crate::plan) fn table(rows: &[Row], memory: Memory, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|row| {
            let sizes: Vec<String> = row.output.iter().map(ToString::to_string).collect();
            let macs = if row.macs > 0 { format!("{:.1}", row.macs as f64 / 1e6) } else { String::new() };
            let bytes = if row.weight_bytes > 0 { kib(row.weight_bytes) } else { String::new() };
            [row.layers.clone(), sizes.join("x"), row.algorithm.clone(), macs, bytes]
        })
        .collect();
    let heads = ["layers", "output", "algorithm", "MMACs", "weights"].map(str::to_owned);
    let lines: Vec<&[String; 5]> = std::iter::once(&heads).chain(&cells).collect();
    let widths: [usize; 5] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0));
    for [layers, output, algorithm, macs, bytes] in lines {
        let [a, b, c, d, e] = widths;
        writeln!(f, "{layers:a$}  {output:b$}  {algorithm:c$}  {macs:>d$}  {bytes:>e$}")?;
    }
    let total: usize = rows.iter().map(|row| row.macs).sum();
    let Memory { weights, activations, scratch } = memory;
    let [weights, activations, scratch] = [weights, activations, scratch].map(kib);
    let total = total as f64 / 1e6;
    write!(f, "{total:.1} MMACs; weights {weights}, activations {activations}, scratch {scratch}")
}

fn kib(bytes: usize) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}
