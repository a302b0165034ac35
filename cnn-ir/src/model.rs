//! The resolved network: every name looked up, every repeat unrolled, every shape and cost known.
//!
//! This is the only thing that lowering reads. It holds a tree ([`Step`]) because generated code keeps the
//! structure of the declaration, and a flat list of rows ([`Row`]) for tables and totals.

use crate::ast::{Ident, Merge};
use crate::dim::Dim;
use crate::layer::Op;
use crate::shape::Shape;
use crate::token::TokenRange;

/// Handle of a [`BlockType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockTypeId(pub usize);

/// Handle of an [`Instance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub usize);

/// A resolved network.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name.
    pub name: Ident,
    /// Its const generics and their defaults.
    pub generics: Vec<(String, Option<u64>)>,
    /// What it takes.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
    /// Its body.
    pub body: Vec<Step>,
    /// One for each struct that a block needs: a block called with different layers as arguments needs several.
    pub block_types: Vec<BlockType>,
    /// Every call of a block.
    pub instances: Vec<Instance>,
    /// One row for each layer, in the order of execution.
    pub rows: Vec<Row>,
    /// Sums over the rows.
    pub totals: Totals,
    /// Taps and labelled values of the network's own paths, for `trace`.
    pub traced: Vec<(String, Shape)>,
    /// Full paths of layers and networks that have tensors. Kept only where the declaration has the label `_`, because
    /// then two networks share these names.
    pub named: Vec<String>,
    /// What must hold of consts that the macro cannot see.
    pub obligations: Vec<Obligation>,
    /// What the budget promises of costs that the macro does not know.
    pub promises: Vec<Promise>,
}

/// How two sizes relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They are equal.
    Equal,
    /// The first is at least the second.
    AtLeast,
    /// The first is a multiple of the second.
    Multiple,
}

/// A promise of the budget that depends on consts or generics.
#[derive(Clone, Debug)]
pub struct Promise {
    /// The const of the type: `PARAMS`.
    pub constant: &'static str,
    /// Its largest value.
    pub at_most: u64,
    /// What it means that it is larger.
    pub message: String,
    /// Where.
    pub range: TokenRange,
}

/// A named or unnamed input or output.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its name, where there are several.
    pub name: Option<Ident>,
    /// Its shape.
    pub shape: Shape,
    /// Where it is declared.
    pub range: TokenRange,
}

/// A struct for a block.
#[derive(Clone, Debug)]
pub struct BlockType {
    /// The block's name, with the layers it was given where they differ between calls.
    pub name: String,
    /// Where the block is defined.
    pub definition: Ident,
    /// Its calls.
    pub instances: Vec<InstanceId>,
}

/// One call of a block.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Which struct.
    pub block: BlockTypeId,
    /// As it would be written alone: `Basic(128)/2` for the first copy of `Basic(128) x2/2`.
    pub source: String,
    /// Values of `cin`, `stride` and the block's own number parameters, by name.
    pub arguments: Vec<(String, Dim)>,
    /// Its body.
    pub body: Vec<Step>,
    /// What arrives.
    pub input: Shape,
    /// What leaves.
    pub output: Shape,
}

/// One step of a path: it takes the value so far and gives the next.
#[derive(Clone, Debug)]
pub enum Step {
    /// A layer.
    Layer(Layer),
    /// A block, or several copies of it one after another under one label.
    Call(Call),
    /// `residual`
    Residual {
        /// The branch that is added to the shortcut.
        body: Vec<Step>,
        /// The shortcut.
        shortcut: Shortcut,
        /// Where they meet.
        meeting: Meeting,
    },
    /// `dense`: concat(input, body).
    Dense {
        /// The appended branch.
        body: Vec<Step>,
        /// Where they meet.
        meeting: Meeting,
    },
    /// `concat`, `add`, `mul` of branches of the value so far.
    Branches {
        /// How they meet.
        merge: Merge,
        /// What each branch gets: the value so far, or a part of its channels.
        arrives: Shape,
        /// The branches.
        branches: Vec<Vec<Step>>,
        /// Where they meet.
        meeting: Meeting,
    },
    /// `concat(@a, @b)`: the value so far is dropped.
    Taps {
        /// How they meet.
        merge: Merge,
        /// The taps.
        taps: Vec<String>,
        /// Where they meet.
        meeting: Meeting,
    },
    /// Names the value so far.
    Tap(Ident),
    /// Goes on from a tap.
    Read(Ident),
    /// Goes on from an input (an index into [`Model::inputs`]).
    Input(usize),
    /// Records the value so far for `trace`.
    Keep(String),
    /// CxHxW becomes features at a boundary that is flat (Cx1x1).
    Flatten,
    /// Another network.
    Network(NetworkCall),
    /// `rust(expr) => shape`
    Custom {
        /// Where its parameters would be.
        path: String,
        /// The Rust expression, brackets included.
        expression: TokenRange,
        /// What arrives.
        input: Shape,
        /// What leaves, as stated.
        output: Shape,
    },
    /// Something with an error.
    Broken,
}

/// The second branch of a residual.
#[derive(Clone, Debug)]
pub enum Shortcut {
    /// The input itself.
    Identity,
    /// A projection of the input.
    Projection(Vec<Step>),
    /// None: the body alone.
    Absent,
}

/// Where values meet: a sum, a product or a concatenation, which has no row in the table.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// The labels around it inside the struct that owns it: `features`; empty without.
    pub path: String,
    /// What leaves.
    pub output: Shape,
}

/// A layer in a path.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it does.
    pub op: Op,
    /// Its path inside the struct that owns it: `conv1`, `features.0`.
    pub path: String,
    /// What arrives.
    pub input: Shape,
    /// What leaves.
    pub output: Shape,
    /// As written, without label.
    pub source: String,
    /// Where.
    pub range: TokenRange,
    /// The label's token, where it has one of its own.
    pub label: Option<Ident>,
}

/// A call of a block.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which struct.
    pub block: BlockTypeId,
    /// Its copies: the path inside the owning struct, and the instance.
    pub copies: Vec<(String, InstanceId)>,
    /// Whether the copies form one list (a labelled repeat), and under which path.
    pub list: Option<String>,
    /// As written, without label.
    pub source: String,
    /// Where.
    pub range: TokenRange,
    /// The label's token.
    pub label: Option<Ident>,
}

/// Another network as a layer.
#[derive(Clone, Debug)]
pub struct NetworkCall {
    /// Its path inside the owning struct.
    pub path: String,
    /// Which network.
    pub target: NetworkTarget,
    /// What arrives.
    pub input: Shape,
    /// What leaves; where nothing goes on, the last stage.
    pub output: Shape,
    /// Whether a value goes on behind it; a network of several outputs gives stages only.
    pub goes_on: bool,
    /// What can be read of its inside.
    pub stages: Vec<Stage>,
    /// Where.
    pub range: TokenRange,
    /// The label's token.
    pub label: Option<Ident>,
}

/// A labelled or tapped value inside a network that is a layer.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The tap that reads it: `label.name`.
    pub tap: String,
    /// Its name inside.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
}

/// Where a network used as a layer is declared.
#[derive(Clone, Debug)]
pub enum NetworkTarget {
    /// In the same `network!`: its name and the values of its const generics.
    Local {
        /// Its name.
        name: Ident,
        /// The values of its const generics.
        generics: Vec<Dim>,
    },
    /// Elsewhere: a Rust path.
    External(TokenRange),
}

/// One line of the table: a layer, with its cost.
#[derive(Clone, Debug)]
pub struct Row {
    /// Full path, as in a weight file.
    pub path: String,
    /// As written, without label.
    pub source: String,
    /// What arrives.
    pub input: Shape,
    /// What leaves.
    pub output: Shape,
    /// Learned values.
    pub parameters: Dim,
    /// Multiply-accumulates of one sample.
    pub macs: Dim,
    /// Values that its output holds in memory; 0 where it works in place.
    pub activations: Dim,
    /// Receptive field `[rows, columns]` of one output value on the input; `None` where it is the whole input
    /// or not known.
    pub receptive_field: Option<[u64; 2]>,
    /// Its tensors: leaf name, shape, trainable.
    pub leaves: Vec<crate::layer::Leaf>,
    /// Another network's constants stand in for this row's costs.
    pub network: Option<NetworkTarget>,
    /// Where.
    pub range: TokenRange,
}

impl Row {
    /// The shape of the weight of a convolution or a fully connected layer, as PyTorch has it.
    #[must_use]
    pub fn weight(&self) -> Option<&[Dim]> {
        let weight = self.leaves.iter().find(|leaf| leaf.name == "weight" && leaf.shape.len() > 1);
        weight.map(|leaf| leaf.shape.as_slice())
    }

    /// Whether its output takes no memory of its own.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.network.is_none() && self.activations == Dim::ZERO
    }
}

/// Sums over a network.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Learned values.
    pub parameters: Dim,
    /// Multiply-accumulates of one sample.
    pub macs: Dim,
    /// Values held: the inputs and every output that is not made in place.
    pub activations: Dim,
}

/// What must hold of two sizes, where the macro cannot decide it.
#[derive(Clone, Debug)]
pub struct Obligation {
    /// One size.
    pub left: Dim,
    /// What it must be of the other.
    pub relation: Relation,
    /// The other.
    pub right: Dim,
    /// What it means that it does not hold: where, which layer, which shapes.
    pub message: String,
    /// Where.
    pub range: TokenRange,
}
