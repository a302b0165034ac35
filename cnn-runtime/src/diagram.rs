//! What flows where in a network, to draw: [`Diagram`].
//!
//! A generated network writes its graph down as [`Part`]s, which refer to its `LAYERS`.
//!
//! ```
//! use cnn_runtime::LayerInfo;
//! use cnn_runtime::diagram::{self, Part};
//!
//! const LAYERS: [LayerInfo; 2] = [
//!     LayerInfo::new("0", "conv3-8", &[8, 16, 16], &[8, 16, 16]).costs(584, 147_456, 2048),
//!     LayerInfo::new("1", "relu", &[8, 16, 16], &[8, 16, 16]),
//! ];
//! let residual = diagram::of(
//!     "Residual",
//!     &LAYERS,
//!     &[
//!         Part::Input("", &[8, 16, 16]),
//!         Part::Layers(2),
//!         Part::Add("", &[2, 0], &[8, 16, 16]),
//!         Part::Output("", 3),
//!     ],
//! );
//! assert!(residual.dot().contains("n0 -> n2 [label=\"8x16x16\"];"));
//! ```

pub use cnn_ir::diagram::{Detail, Diagram};

use cnn_ir::diagram::{Kind, Node};
use cnn_ir::dim::Dim;

use crate::LayerInfo;

/// A part of a graph. Inputs, layers and meetings give values, which are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// An input of the network: its name (empty where there is one) and shape.
    Input(&'a str, &'a [usize]),
    /// So many further rows of `LAYERS`, one after another, behind the value before them.
    Layers(usize),
    /// What follows goes on from this value.
    After(usize),
    /// A call of a block: its path, which that of its layers begins with, and how it is written.
    Call(&'a str, &'a str),
    /// A sum: the path of what is around it, the values, and the shape.
    Add(&'a str, &'a [usize], &'a [usize]),
    /// A product.
    Multiply(&'a str, &'a [usize], &'a [usize]),
    /// Channels one after another.
    Concat(&'a str, &'a [usize], &'a [usize]),
    /// Equal parts of the channels, one for each branch: the shape is that of one.
    Split(&'a str, &'a [usize], &'a [usize]),
    /// What is read of the inside of another network: the path of that network, the name there, the value of the
    /// network and the shape.
    Stage(&'a str, &'a str, usize, &'a [usize]),
    /// An output of the network: its name (empty where there is one) and the value.
    Output(&'a str, usize),
}

/// The diagram of these layers.
#[must_use]
pub fn of(name: &str, layers: &[LayerInfo], parts: &[Part<'_>]) -> Diagram {
    let mut rows = layers.iter();
    let mut nodes: Vec<Node> = Vec::with_capacity(layers.len() + parts.len());
    let mut calls = Vec::new();
    let mut before = 0;
    for part in parts {
        let meeting = |kind, path: &str, values: &[usize], shape: &[usize]| {
            Node::new(kind, path, shape.into(), values.to_vec())
        };
        match *part {
            Part::Input(name, shape) => nodes.push(Node::new(Kind::Input, name, shape.into(), Vec::new())),
            Part::Layers(count) => {
                for layer in rows.by_ref().take(count) {
                    nodes.push(Node {
                        text: layer.layer.to_owned(),
                        parameters: Dim::from(layer.params as u64),
                        in_place: layer.in_place,
                        ..Node::new(Kind::Layer, layer.path, layer.output.into(), vec![before])
                    });
                    before = nodes.len() - 1;
                }
            }
            Part::After(value) => before = value,
            Part::Call(path, source) => calls.push((path.to_owned(), source.to_owned())),
            Part::Add(path, values, shape) => nodes.push(meeting(Kind::Add, path, values, shape)),
            Part::Multiply(path, values, shape) => nodes.push(meeting(Kind::Multiply, path, values, shape)),
            Part::Concat(path, values, shape) => nodes.push(meeting(Kind::Concat, path, values, shape)),
            Part::Split(path, values, shape) => nodes.push(meeting(Kind::Split, path, values, shape)),
            Part::Stage(path, name, value, shape) => nodes.push(Node {
                text: name.to_owned(),
                ..Node::new(Kind::Stage, path, shape.into(), vec![value])
            }),
            Part::Output(name, value) => {
                let shape = nodes.get(value).map(|node| node.shape.clone()).unwrap_or_default();
                nodes.push(Node::new(Kind::Output, name, shape, vec![value]));
            }
        }
        if !matches!(part, Part::After(_) | Part::Call(..) | Part::Output(..)) {
            before = nodes.len().saturating_sub(1);
        }
    }
    Diagram::new(name, nodes, calls)
}
