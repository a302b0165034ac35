//! What a plan says about itself.

use cnn_kernels::blocked::Step;

use super::fuse::{Fused, Kind};
use super::layout::{Task, What};

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The layers that it computes: `conv2d + batch_norm2d + relu`.
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
    let (layers, output, macs) = match task.what {
        What::Node(index) => {
            let node = &fused.nodes[index];
            let macs = match &node.kind {
                Kind::Conv(conv) => {
                    conv.geometry.output_len() * conv.geometry.weight_len() / conv.geometry.out_channels
                }
                Kind::Linear(linear) => node.shape[0] * linear.features.iter().product::<usize>(),
                _ => 0,
            };
            (node.layers.clone(), node.shape.clone(), macs)
        }
        What::Copy { node, .. } => ("(layout)".to_owned(), fused.nodes[node].shape.clone(), 0),
    };
    Row { layers, output, algorithm: step.algorithm(), weight_bytes: step.weight_bytes(), macs }
}
