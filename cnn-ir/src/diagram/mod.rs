//! Pictures of a network: what flows where, as Mermaid, DOT or SVG, stage by stage or layer by layer.
//!
//! A [`Diagram`] is made of a [`Model`], or by the run time of what the macro wrote down. All renderers draw the same
//! [`View`] of it, which knows the level of detail and the groups.

mod dot;
mod layout;
mod mermaid;
mod stages;
mod svg;
mod tree;
mod view;

pub use view::{Group, View};

use crate::dim::Dim;
use crate::graph::{Graph, Source};
use crate::model::Model;
use crate::summary::Sizes;

/// How much of a network a diagram shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// A node for each item of the network's own paths: a call of a block, a layer with the norm and the activation
    /// behind it. Equal ones in a row are one: `Basic(64) x2`.
    #[default]
    Stages,
    /// A node for each layer, in groups of labels and calls.
    Layers,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An input of the network.
    Input,
    /// A layer, or one with what follows it in place.
    Layer,
    /// A call of a block.
    Call,
    /// A sum.
    Add,
    /// A product.
    Multiply,
    /// Channels one after another.
    Concat,
    /// Equal parts of the channels, one for each branch.
    Split,
    /// What is read of the inside of another network; its text is the name there.
    Stage,
    /// An output of the network.
    Output,
}

impl Kind {
    /// Whether values meet or part here.
    #[must_use]
    pub const fn is_joint(self) -> bool {
        matches!(self, Self::Add | Self::Multiply | Self::Concat | Self::Split)
    }
}

/// A node, and the edges that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its path, as in a weight file; of a sum and its like that of what is around it; the name of an input or output.
    pub path: String,
    /// As written: `conv3-64`.
    pub text: String,
    /// The shape of what leaves it.
    pub shape: Sizes,
    /// Learned values.
    pub parameters: Dim,
    /// Whether it works in place.
    pub in_place: bool,
    /// What arrives, by index; all come before it.
    pub from: Vec<usize>,
}

impl Node {
    /// A node without layer.
    #[must_use]
    pub fn new(kind: Kind, path: impl Into<String>, shape: Sizes, from: Vec<usize>) -> Self {
        let (path, text) = (path.into(), String::new());
        Self { kind, path, text, shape, parameters: Dim::ZERO, in_place: false, from }
    }
}

/// The diagram of a network.
///
/// ```
/// use cnn_ir::diagram::Detail;
///
/// let network: cnn_ir::Network = "Tiny: 3x8x8 -> 10 { conv3-4 relu -> pool2 -> fc10 }".parse().unwrap();
/// assert_eq!(
///     network.diagram().mermaid(),
///     "flowchart TD
///     n0([\"input\"])
///     n1[\"conv3-4 relu<br/>0: 112 parameters\"]
///     n2[\"pool2<br/>2\"]
///     n3[\"fc10<br/>3: 650 parameters\"]
///     n4([\"output\"])
///     n0 -->|3x8x8| n1
///     n1 -->|4x8x8| n2
///     n2 -->|4x4x4| n3
///     n3 -->|10| n4
/// "
/// );
/// assert!(network.diagram().detail(Detail::Layers).svg().starts_with("<svg "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagram {
    name: String,
    nodes: Vec<Node>,
    calls: Vec<(String, String)>,
    detail: Detail,
}

impl Diagram {
    /// A diagram of these layers, by the paths of the calls of blocks and how they are written.
    ///
    /// An edge that does not come from a node before is left out.
    #[must_use]
    pub fn new(name: &str, mut nodes: Vec<Node>, calls: Vec<(String, String)>) -> Self {
        for (index, node) in nodes.iter_mut().enumerate() {
            node.from.retain(|&from| from < index);
        }
        Self { name: name.to_owned(), nodes, calls, detail: Detail::default() }
    }

    /// The diagram of a resolved network.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let graph = Graph::of(model);
        let mut nodes: Vec<Node> = graph
            .values()
            .map(|value| {
                let node = graph.node(value);
                let kind = match node.source {
                    Source::Input(_) => Kind::Input,
                    Source::Sum => Kind::Add,
                    Source::Product => Kind::Multiply,
                    Source::Concat => Kind::Concat,
                    Source::Split => Kind::Split,
                    Source::Stage(_) => Kind::Stage,
                    Source::Layer(_) | Source::Network(_) | Source::Custom | Source::Broken => Kind::Layer,
                };
                let mut drawn = Node::new(kind, node.path.clone(), node.shape.into(), node.inputs.clone());
                if let Source::Input(port) = node.source {
                    drawn.path = port.name.as_ref().map(|name| name.text.clone()).unwrap_or_default();
                }
                if let Source::Stage(stage) = node.source {
                    drawn.text.clone_from(&stage.name);
                }
                if let Some(row) = node.row.and_then(|row| model.rows.get(row)) {
                    drawn.text.clone_from(&row.source);
                    drawn.parameters.clone_from(&row.parameters);
                    drawn.in_place = row.is_in_place();
                }
                drawn
            })
            .collect();
        for &(port, value) in &graph.outputs {
            let name = port.name.as_ref().map(|name| name.text.as_str()).unwrap_or_default();
            nodes.push(Node::new(Kind::Output, name, graph.node(value).shape.into(), vec![value]));
        }
        let calls = graph.calls.iter().map(|call| (call.path.clone(), call.source.to_owned()));
        Self::new(&model.name.text, nodes, calls.collect())
    }

    /// With this level of detail; without, it shows stages.
    #[must_use]
    pub fn detail(self, detail: Detail) -> Self {
        Self { detail, ..self }
    }

    /// The network's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is drawn: nodes, edges and groups at its level of detail.
    #[must_use]
    pub fn view(&self) -> View {
        match self.detail {
            Detail::Stages => View::new(stages::of(&self.nodes, &self.calls), &[]),
            Detail::Layers => View::new(self.nodes.clone(), &self.calls),
        }
    }

    /// As a flow chart of [Mermaid](https://mermaid.js.org), which GitHub and others draw in Markdown.
    #[must_use]
    pub fn mermaid(&self) -> String {
        mermaid::render(&self.view())
    }

    /// In the DOT language of [Graphviz](https://graphviz.org).
    #[must_use]
    pub fn dot(&self) -> String {
        dot::render(&self.name, &self.view())
    }

    /// As a picture of its own, in the colour of the text around it.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::render(&self.name, &self.view(), self.detail)
    }
}
