//! What flows where: the model's tree as a graph of values, with every call put in.
//!
//! Lints ask it what happens to a value before and behind a layer, diagrams draw it, and the macro writes it down for
//! the diagrams of the run time.

use crate::ast::Merge;
use crate::layer::Op;
use crate::model::{Layer, Meeting, Model, NetworkCall, Port, Shortcut, Stage, Step};
use crate::shape::Shape;
use crate::token::TokenRange;
use std::collections::BTreeMap;

/// A value, by its index in the graph. What a value is made of comes before it.
pub type Value = usize;

/// What a value comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'m> {
    /// An input of the network.
    Input(&'m Port),
    /// A layer.
    Layer(&'m Layer),
    /// A sum: `residual` or `add`.
    Sum,
    /// Channels one after another: `dense` or `concat`.
    Concat,
    /// A product.
    Product,
    /// Equal parts of the channels, one for each branch: `split`.
    Split,
    /// Another network.
    Network(&'m NetworkCall),
    /// What is read of the inside of another network.
    Stage(&'m Stage),
    /// Rust code.
    Custom,
    /// Something with an error.
    Broken,
}

/// A value of the graph.
#[derive(Clone, Debug)]
pub struct Node<'m> {
    /// What it comes from.
    pub source: Source<'m>,
    /// Full path of its layer, as in a weight file; of a sum and its like that of the labels and calls around it.
    pub path: String,
    /// Its shape.
    pub shape: &'m Shape,
    /// Its row of the table, where it has one: an index into [`Model::rows`].
    pub row: Option<usize>,
    /// What it is made of.
    pub inputs: Vec<Value>,
    /// What is made of it; twice, where it is taken twice.
    pub readers: Vec<Value>,
    /// Whether it has a name, under which it may be looked at.
    pub is_tapped: bool,
    /// Whether the network gives it.
    pub is_output: bool,
}

/// One call of a block.
#[derive(Clone, Debug)]
pub struct Call<'m> {
    /// Its full path.
    pub path: String,
    /// As it would be written alone.
    pub source: &'m str,
    /// The first of its values; the others follow.
    pub first: Value,
}

/// The values of a network. Taps, stated shapes and the edges of groups and blocks are not there: behind them the
/// value is the same.
#[derive(Clone, Debug)]
pub struct Graph<'m> {
    nodes: Vec<Node<'m>>,
    /// The calls of blocks, in the order of execution; an inner one behind the one around it.
    pub calls: Vec<Call<'m>>,
    /// What the network gives: the port, and the value.
    pub outputs: Vec<(&'m Port, Value)>,
}

static UNKNOWN: Shape = Shape::Unknown;

impl<'m> Graph<'m> {
    /// The graph of a network.
    #[must_use]
    pub fn of(model: &'m Model) -> Self {
        let graph = Self { nodes: Vec::new(), calls: Vec::new(), outputs: Vec::new() };
        let mut builder =
            Builder { model, graph, taps: Vec::new(), stages: Vec::new(), prefix: String::new(), rows: 0 };
        for port in &model.inputs {
            builder.node(Source::Input(port), String::new(), &port.shape, Vec::new());
        }
        let start = if model.inputs.is_empty() { builder.broken(Vec::new()) } else { 0 };
        let last = builder.path(&model.body, start);
        for port in &model.outputs {
            let value = port.name.as_ref().map_or(Some(last), |name| builder.tap(&name.text));
            if let Some(value) = value {
                builder.graph.nodes[value].is_output = true;
                builder.graph.outputs.push((port, value));
            }
        }
        builder.graph
    }

    /// The node of a value.
    ///
    /// # Panics
    /// For a value that is not one of [`Self::values`].
    #[must_use]
    pub fn node(&self, value: Value) -> &Node<'m> {
        &self.nodes[value]
    }

    /// All values, each behind what it is made of.
    #[must_use]
    pub fn values(&self) -> std::ops::Range<Value> {
        0..self.nodes.len()
    }

    /// The layer that gives a value.
    #[must_use]
    pub fn layer(&self, value: Value) -> Option<&'m Layer> {
        match self.nodes[value].source {
            Source::Layer(layer) => Some(layer),
            _ => None,
        }
    }

    /// The first value that a value is made of.
    #[must_use]
    pub fn input(&self, value: Value) -> Option<Value> {
        self.nodes[value].inputs.first().copied()
    }

    /// What is made of a value, where that is one thing and the network does not give the value itself.
    #[must_use]
    pub fn only_reader(&self, value: Value) -> Option<Value> {
        let node = &self.nodes[value];
        match node.readers.as_slice() {
            &[reader] if !node.is_output => Some(reader),
            _ => None,
        }
    }

    /// The layers by where they stand: one for each call and each copy, in the order of execution.
    #[must_use]
    pub fn places(&self) -> BTreeMap<TokenRange, Vec<Value>> {
        let mut places: BTreeMap<TokenRange, Vec<Value>> = BTreeMap::new();
        for value in self.values() {
            if let Some(layer) = self.layer(value) {
                places.entry(layer.range).or_default().push(value);
            }
        }
        places
    }
}

struct Builder<'m> {
    model: &'m Model,
    graph: Graph<'m>,
    /// The taps that can be seen, the latest last.
    taps: Vec<(&'m str, Value)>,
    /// What can be read of the networks passed so far, each with its network.
    stages: Vec<(&'m Stage, Value)>,
    /// What stands before the paths of the struct that is being walked: `layer1.0.`
    prefix: String,
    /// Rows passed so far: they are in the order of execution too.
    rows: usize,
}

impl<'m> Builder<'m> {
    fn node(&mut self, source: Source<'m>, path: String, shape: &'m Shape, inputs: Vec<Value>) -> Value {
        let value = self.graph.nodes.len();
        for &input in &inputs {
            self.graph.nodes[input].readers.push(value);
        }
        self.graph.nodes.push(Node {
            source,
            path,
            shape,
            row: None,
            inputs,
            readers: Vec::new(),
            is_tapped: false,
            is_output: false,
        });
        value
    }

    /// What has a row.
    fn row(&mut self, source: Source<'m>, path: &str, shape: &'m Shape, input: Value) -> Value {
        let value = self.at(source, path, shape, vec![input]);
        self.graph.nodes[value].row = Some(self.rows);
        self.rows += 1;
        value
    }

    /// What stands at a path inside the struct that is being walked.
    fn at(&mut self, source: Source<'m>, path: &str, shape: &'m Shape, inputs: Vec<Value>) -> Value {
        let path = format!("{}{path}", self.prefix);
        self.node(source, path.trim_end_matches('.').to_owned(), shape, inputs)
    }

    fn meet(&mut self, source: Source<'m>, meeting: &'m Meeting, inputs: Vec<Value>) -> Value {
        self.at(source, &meeting.path, &meeting.output, inputs)
    }

    fn broken(&mut self, inputs: Vec<Value>) -> Value {
        self.node(Source::Broken, String::new(), &UNKNOWN, inputs)
    }

    fn tap(&self, name: &str) -> Option<Value> {
        self.taps.iter().rev().find(|(tap, _)| *tap == name).map(|&(_, value)| value)
    }

    /// A tap that must be there; without it anything.
    fn read(&mut self, name: &str) -> Value {
        if let Some(value) = self.tap(name) {
            return value;
        }
        let stage = self.stages.iter().rev().find(|(stage, _)| stage.tap == name);
        match stage.copied() {
            Some((stage, network)) => {
                let path = self.graph.nodes[network].path.clone();
                let value = self.node(Source::Stage(stage), path, &stage.shape, vec![network]);
                self.taps.push((&stage.tap, value));
                value
            }
            None => self.broken(Vec::new()),
        }
    }

    /// A branch: its taps are its own.
    fn branch(&mut self, steps: &'m [Step], value: Value) -> Value {
        let outer = (self.taps.len(), self.stages.len());
        let value = self.path(steps, value);
        self.taps.truncate(outer.0);
        self.stages.truncate(outer.1);
        value
    }

    fn path(&mut self, steps: &'m [Step], value: Value) -> Value {
        steps.iter().fold(value, |value, step| self.step(step, value))
    }

    fn step(&mut self, step: &'m Step, value: Value) -> Value {
        match step {
            Step::Layer(layer) => self.row(Source::Layer(layer), &layer.path, &layer.output, value),
            Step::Call(call) => {
                call.copies.iter().fold(value, |value, (path, instance)| self.call(path, instance.0, value))
            }
            Step::Residual { body, shortcut, meeting } => {
                let body = self.branch(body, value);
                match shortcut {
                    Shortcut::Identity => self.meet(Source::Sum, meeting, vec![body, value]),
                    Shortcut::Projection(steps) => {
                        let projected = self.branch(steps, value);
                        self.meet(Source::Sum, meeting, vec![body, projected])
                    }
                    Shortcut::Absent => body,
                }
            }
            Step::Dense { body, meeting } => {
                let body = self.branch(body, value);
                self.meet(Source::Concat, meeting, vec![value, body])
            }
            Step::Branches { merge, arrives, branches, meeting } => {
                let value = match merge {
                    Merge::Split => self.at(Source::Split, &meeting.path, arrives, vec![value]),
                    Merge::Concat | Merge::Add | Merge::Mul => value,
                };
                let values = branches.iter().map(|branch| self.branch(branch, value)).collect();
                self.meet(Source::of(*merge), meeting, values)
            }
            Step::Taps { merge, taps, meeting } => {
                let values = taps.iter().map(|tap| self.read(tap)).collect();
                self.meet(Source::of(*merge), meeting, values)
            }
            Step::Tap(name) => {
                self.taps.push((&name.text, value));
                self.graph.nodes[value].is_tapped = true;
                value
            }
            Step::Read(name) => self.read(&name.text),
            Step::Input(index) if *index < self.model.inputs.len() => *index,
            Step::Keep(_) | Step::Flatten => value,
            Step::Network(call) => {
                let value = self.row(Source::Network(call), &call.path, &call.output, value);
                self.stages.extend(call.stages.iter().map(|stage| (stage, value)));
                value
            }
            Step::Custom { path, output, .. } => self.row(Source::Custom, path, output, value),
            Step::Input(_) | Step::Broken => self.broken(vec![value]),
        }
    }

    /// One copy of a call. The body of a block sees no taps but its own.
    fn call(&mut self, path: &str, instance: usize, value: Value) -> Value {
        let Some(instance) = self.model.instances.get(instance) else { return self.broken(vec![value]) };
        let path = format!("{}{path}", self.prefix);
        let outer = std::mem::replace(&mut self.prefix, format!("{path}."));
        self.graph.calls.push(Call { path, source: &instance.source, first: self.graph.nodes.len() });
        let taps = (std::mem::take(&mut self.taps), std::mem::take(&mut self.stages));
        let value = self.path(&instance.body, value);
        (self.taps, self.stages) = taps;
        self.prefix = outer;
        value
    }
}

impl Source<'_> {
    fn of(merge: Merge) -> Self {
        match merge {
            Merge::Concat | Merge::Split => Self::Concat,
            Merge::Add => Self::Sum,
            Merge::Mul => Self::Product,
        }
    }
}

/// Whether a layer gives what arrives: `id`, dropout that drops nothing, and the same values in a row.
pub(crate) fn passes(op: &Op) -> bool {
    match op {
        Op::Identity | Op::Flatten => true,
        Op::Dropout(p) | Op::Dropout2d(p) | Op::DropPath(p) => *p == 0.0,
        _ => false,
    }
}
