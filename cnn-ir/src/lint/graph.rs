//! What flows where: the model's tree as a graph of values, with every call put in.

use super::{Finding, Lint, Words};
use crate::ast::Merge;
use crate::layer::Op;
use crate::model::{Layer, Model, Shortcut, Step};
use crate::token::TokenRange;
use std::collections::BTreeMap;

/// A value, by its index in the graph. What a value is made of comes before it.
pub(super) type Value = usize;

/// What a value comes from.
#[derive(Clone, Copy)]
pub(super) enum Source<'m> {
    /// An input of the network.
    Input,
    /// A layer.
    Layer(&'m Layer),
    /// A sum: `residual` or `add`.
    Sum,
    /// Channels one after another: `dense` or `concat`.
    Concat,
    /// A product.
    Product,
    /// Another network, or Rust code: anything.
    Opaque,
}

/// A value of the graph.
pub(super) struct Node<'m> {
    /// What it comes from.
    pub(super) source: Source<'m>,
    /// What it is made of.
    pub(super) inputs: Vec<Value>,
    /// What is made of it; twice, where it is taken twice.
    pub(super) readers: Vec<Value>,
    /// Whether it has a name, under which it may be looked at.
    pub(super) is_tapped: bool,
    /// Whether the network gives it.
    pub(super) is_output: bool,
}

/// The values of a network. Taps, stated shapes and the edges of groups and blocks are not there: behind them the
/// value is the same.
pub(super) struct Graph<'m> {
    nodes: Vec<Node<'m>>,
    /// What the network gives: the name, where it has one, and the value.
    pub(super) outputs: Vec<(Option<&'m str>, Value)>,
}

impl<'m> Graph<'m> {
    pub(super) fn of(model: &'m Model) -> Self {
        let graph = Self { nodes: Vec::new(), outputs: Vec::new() };
        let mut builder = Builder { model, graph, taps: Vec::new() };
        for _ in &model.inputs {
            builder.node(Source::Input, Vec::new());
        }
        let start = if model.inputs.len() == 1 { 0 } else { builder.node(Source::Opaque, Vec::new()) };
        let last = builder.path(&model.body, start);
        for port in &model.outputs {
            let name = port.name.as_ref().map(|name| name.text.as_str());
            if let Some(value) = name.map_or(Some(last), |name| builder.tap(name)) {
                builder.graph.nodes[value].is_output = true;
                builder.graph.outputs.push((name, value));
            }
        }
        builder.graph
    }

    pub(super) fn node(&self, value: Value) -> &Node<'m> {
        &self.nodes[value]
    }

    pub(super) fn values(&self) -> std::ops::Range<Value> {
        0..self.nodes.len()
    }

    /// The layer that gives a value.
    pub(super) fn layer(&self, value: Value) -> Option<&'m Layer> {
        match self.nodes[value].source {
            Source::Layer(layer) => Some(layer),
            _ => None,
        }
    }

    /// The first value that a value is made of.
    pub(super) fn input(&self, value: Value) -> Option<Value> {
        self.nodes[value].inputs.first().copied()
    }

    /// What is made of a value, where that is one thing and the network does not give the value itself.
    pub(super) fn only_reader(&self, value: Value) -> Option<Value> {
        let node = &self.nodes[value];
        match node.readers.as_slice() {
            &[reader] if !node.is_output => Some(reader),
            _ => None,
        }
    }

    /// The layers by where they stand: one for each call and each copy, in the order of execution.
    pub(super) fn places(&self) -> BTreeMap<TokenRange, Vec<Value>> {
        let mut places: BTreeMap<TokenRange, Vec<Value>> = BTreeMap::new();
        for value in self.values() {
            if let Some(layer) = self.layer(value) {
                places.entry(layer.range).or_default().push(value);
            }
        }
        places
    }

    /// A finding at each place where a rule holds of every call and copy, in the words of the first.
    ///
    /// Who reads a block's body sees one layer. What is said of it must be true wherever the block is called, or
    /// the advice would break another call.
    pub(super) fn everywhere(&self, lint: Lint, rule: impl Fn(Value) -> Option<Words>) -> Vec<Finding> {
        let holds = |(range, values): (TokenRange, Vec<Value>)| {
            let (&first, rest) = values.split_first()?;
            let words = rule(first)?;
            rest.iter().all(|&value| rule(value).is_some()).then(|| words.at(lint, range))
        };
        self.places().into_iter().filter_map(holds).collect()
    }
}

struct Builder<'m> {
    model: &'m Model,
    graph: Graph<'m>,
    /// The taps that can be seen, the latest last.
    taps: Vec<(&'m str, Value)>,
}

impl<'m> Builder<'m> {
    fn node(&mut self, source: Source<'m>, inputs: Vec<Value>) -> Value {
        let value = self.graph.nodes.len();
        for &input in &inputs {
            self.graph.nodes[input].readers.push(value);
        }
        self.graph.nodes.push(Node {
            source,
            inputs,
            readers: Vec::new(),
            is_tapped: false,
            is_output: false,
        });
        value
    }

    fn tap(&self, name: &str) -> Option<Value> {
        self.taps.iter().rev().find(|(tap, _)| *tap == name).map(|&(_, value)| value)
    }

    /// A tap that must be there; without it anything.
    fn read(&mut self, name: &str) -> Value {
        self.tap(name).unwrap_or_else(|| self.node(Source::Opaque, Vec::new()))
    }

    /// A branch: its taps are its own.
    fn branch(&mut self, steps: &'m [Step], value: Value) -> Value {
        let outer = self.taps.len();
        let value = self.path(steps, value);
        self.taps.truncate(outer);
        value
    }

    fn path(&mut self, steps: &'m [Step], value: Value) -> Value {
        steps.iter().fold(value, |value, step| self.step(step, value))
    }

    fn step(&mut self, step: &'m Step, value: Value) -> Value {
        match step {
            Step::Layer(layer) => self.node(Source::Layer(layer), vec![value]),
            Step::Call(call) => call.copies.iter().fold(value, |value, (_, instance)| {
                // The body of a block sees no taps but its own.
                let outer = std::mem::take(&mut self.taps);
                let value = match self.model.instances.get(instance.0) {
                    Some(instance) => self.path(&instance.body, value),
                    None => self.node(Source::Opaque, vec![value]),
                };
                self.taps = outer;
                value
            }),
            Step::Residual { body, shortcut } => {
                let body = self.branch(body, value);
                match shortcut {
                    Shortcut::Identity => self.node(Source::Sum, vec![body, value]),
                    Shortcut::Projection(steps) => {
                        let projected = self.branch(steps, value);
                        self.node(Source::Sum, vec![body, projected])
                    }
                    Shortcut::Absent => body,
                }
            }
            Step::Dense { body } => {
                let body = self.branch(body, value);
                self.node(Source::Concat, vec![value, body])
            }
            Step::Branches { merge, branches } => {
                let mut values = Vec::new();
                for branch in branches {
                    // A part of the value is not the value.
                    let arrives = match merge {
                        Merge::Split => self.node(Source::Opaque, vec![value]),
                        Merge::Concat | Merge::Add | Merge::Mul => value,
                    };
                    values.push(self.branch(branch, arrives));
                }
                self.node(Source::of(*merge), values)
            }
            Step::Taps { merge, taps } => {
                let values = taps.iter().map(|tap| self.read(tap)).collect();
                self.node(Source::of(*merge), values)
            }
            Step::Tap(name) => {
                self.taps.push((&name.text, value));
                self.graph.nodes[value].is_tapped = true;
                value
            }
            Step::Read(name) => self.read(&name.text),
            Step::Input(index) if *index < self.model.inputs.len() => *index,
            Step::Keep(_) | Step::Flatten => value,
            Step::Input(_) | Step::Network(_) | Step::Custom { .. } | Step::Broken => {
                self.node(Source::Opaque, vec![value])
            }
        }
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
pub(super) fn passes(op: &Op) -> bool {
    match op {
        Op::Identity | Op::Flatten => true,
        Op::Dropout(p) | Op::Dropout2d(p) | Op::DropPath(p) => *p == 0.0,
        _ => false,
    }
}
