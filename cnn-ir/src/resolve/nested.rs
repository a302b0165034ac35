//! What stands as a layer and has a network of its own: one of the same declaration, one from elsewhere, Rust code.

use super::Flow;
use super::calls::{copy_path, list_of};
use super::field::Field;
use super::origin::{Side, What};
use super::walk::{Level, TRANSPARENT, Walk};
use crate::ast::{self, ArgValue, Item, Network, ShapeExpr, Word};
use crate::diagnostic::Problem;
use crate::dim::{Atom, Dim};
use crate::layer::Value;
use crate::model::{Model, NetworkCall, NetworkTarget, Row, Stage, Step};
use crate::shape::Shape;
use crate::token::TokenRange;

/// A network of the same declaration, with the values of its const generics put in.
struct Local {
    target: NetworkTarget,
    name: String,
    input: Shape,
    /// `None` where it gives stages to read, and nothing that goes on.
    output: Option<Shape>,
    /// What it shows of itself: its labels, taps and outputs.
    stages: Vec<(String, Shape)>,
    /// Parameters, MACs, activations.
    costs: [Dim; 3],
    /// The names of what has tensors in it.
    paths: Vec<String>,
}

/// What a network gives to the one around it.
struct Given {
    /// What goes on, if anything does.
    output: Option<Shape>,
    /// What can be read as `@label.name`.
    stages: Vec<(String, Shape)>,
}

impl<'a> Walk<'_, 'a> {
    /// A network of the same declaration, once or repeated.
    pub(super) fn local_network(
        &mut self,
        item: &'a Item,
        word: &'a Word,
        index: usize,
        flow: Flow,
        level: &mut Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let list = list_of(item, word, level);
        let Some(local) = self.local(word, index) else {
            if list.is_none() {
                // It would have been a sibling all the same.
                let _ = level.child(None);
            }
            steps.push(Step::Broken);
            return Flow::UNKNOWN;
        };
        if local.output.is_none() {
            self.end_of_path(item, word.range);
        }
        let mut flow = flow;
        for copy in 0..self.count(word.repeat) {
            if copy > 0 && self.exhausted(item) {
                return Flow::UNKNOWN;
            }
            let path = copy_path(item, list.as_deref(), copy, level);
            let path = if is_transparent(item) {
                // Its names stand beside those around it.
                for inner in &local.paths {
                    let own = if path.is_empty() { inner.clone() } else { format!("{path}.{inner}") };
                    let own = self.claim_path(item, own);
                    self.named.push(format!("{}{own}", self.frame.prefix));
                }
                path
            } else {
                let path = self.claim_path(item, path);
                if self.shared.shares_names {
                    self.named.push(format!("{}{path}", self.frame.prefix));
                }
                path
            };
            let input = self.enter(&local, flow, word.range, steps);
            let stages = if word.repeat.is_none() { local.stages.clone() } else { Vec::new() };
            let given = Given { output: local.output.clone(), stages };
            let (target, costs) = (local.target.clone(), local.costs.clone());
            flow = self.network_step(item, path, target, &input, given, costs, word.range, steps);
        }
        flow
    }

    /// Looks at the call; `None` after an error (reported).
    fn local(&mut self, word: &'a Word, index: usize) -> Option<Local> {
        let network = &self.shared.file.networks[index];
        let name = network.name.text.clone();
        let stride = word.repeat.filter(|repeat| repeat.stride.is_some()).map(|repeat| repeat.range);
        let extra = word.size.as_ref().map(|size| size.range);
        let extra = extra.or(word.stride.as_ref().map(|stride| stride.range)).or(stride);
        let known = |name: &str| network.generics.iter().any(|generic| generic.name.text == name);
        let unknown = word.args.iter().enumerate().find(|(position, arg)| match &arg.name {
            Some(name) => !known(&name.text),
            None => *position >= network.generics.len(),
        });
        if let Some(range) = extra.or(unknown.map(|(_, arg)| arg.range)) {
            self.report(range, Problem::ExtraInCall { network: name });
            return None;
        }
        let generics = self.generics_of(word, network)?;
        let Some(model) = self.shared.model(index) else {
            self.report(word.head.range(), Problem::RecursiveNetwork { name });
            return None;
        };
        let [input] = model.inputs.as_slice() else {
            self.report(word.range, Problem::SeveralPorts { network: name });
            return None;
        };
        let substitute = |dim: &Dim| {
            dim.substitute(&|atom| match atom {
                Atom::Generic(name) => {
                    let position = network.generics.iter().position(|generic| generic.name.text == *name)?;
                    generics.get(position).cloned()
                }
                _ => None,
            })
        };
        let shape = |shape: &Shape| match shape {
            Shape::Chw(dims) => Shape::Chw(dims.each_ref().map(&substitute)),
            Shape::Flat(dim) => Shape::Flat(substitute(dim)),
            Shape::Unknown => Shape::Unknown,
        };
        let output = match model.outputs.as_slice() {
            [output] if output.name.is_none() => Some(shape(&output.shape)),
            _ => None,
        };
        Some(Local {
            input: shape(&input.shape),
            output,
            stages: model.traced.iter().map(|(name, stage)| (name.clone(), shape(stage))).collect(),
            costs: own_costs(model).map(|cost| substitute(&cost)),
            paths: model.named.clone(),
            target: NetworkTarget::Local { name: network.name.clone(), generics },
            name,
        })
    }

    /// The values of a network's const generics in a call; `None` after an error (reported).
    fn generics_of(&mut self, word: &'a Word, network: &Network) -> Option<Vec<Dim>> {
        let mut generics = Vec::new();
        for (position, generic) in network.generics.iter().enumerate() {
            let written =
                word.args.iter().find(|arg| arg.name.as_ref().is_some_and(|n| n.text == generic.name.text));
            let written = written.or_else(|| word.args.get(position).filter(|arg| arg.name.is_none()));
            let value = match written.map(|arg| &arg.value) {
                Some(ArgValue::Expr(expr)) => self.size(expr).ok()?,
                Some(ArgValue::Word(item)) => {
                    let name = self.text(item.range);
                    match self.named_value(&name, item.range, &[]) {
                        Ok(Value::Size(dim)) => dim,
                        _ => return None,
                    }
                }
                Some(ArgValue::Item(item)) => {
                    let name = self.text(item.range);
                    self.report(item.range, Problem::LayerAsNumber { name });
                    return None;
                }
                Some(ArgValue::Like(_)) => {
                    self.report(word.range, Problem::LikeInCall);
                    return None;
                }
                None => match generic.default {
                    Some(default) => Dim::from(default),
                    None => {
                        let problem = Problem::GenericMissing {
                            network: network.name.text.clone(),
                            generic: generic.name.text.clone(),
                        };
                        self.report(word.range, problem);
                        return None;
                    }
                },
            };
            // Stable Rust takes a const generic as an argument by itself or not at all, and a block's struct has
            // none.
            let alone = self.network.ast.generics.iter().any(|own| {
                let own = Dim::atom(Atom::Generic(own.name.text.clone()));
                self.frame.is_root && own == value
            });
            if !alone && has_generic(&value) {
                let range = written.map_or(word.range, |arg| arg.range);
                let (network, value) = (network.name.text.clone(), value.to_string());
                self.report(range, Problem::GenericOfNetwork { network, value });
                return None;
            }
            generics.push(value);
        }
        Some(generics)
    }

    /// Checks what arrives at a network, and gives what it takes (features, where Cx1x1 arrives and it takes C).
    fn enter(&mut self, local: &Local, flow: Flow, range: TokenRange, steps: &mut Vec<Step>) -> Flow {
        let mut flow = flow;
        if let (Some(features), Shape::Flat(_), Shape::Chw(_)) =
            (flow.shape.as_flat().cloned(), &local.input, &flow.shape)
        {
            steps.push(Step::Flatten);
            flow.shape = Shape::Flat(features);
        }
        match flow.shape.equals(&local.input) {
            Some(true) => {}
            Some(false) => {
                let problem = Problem::NetworkInput {
                    network: local.name.clone(),
                    wanted: local.input.to_string(),
                    found: flow.shape.to_string(),
                };
                let side = Side { name: String::new(), flow: &flow };
                let offender = self.short(range);
                self.report_meeting(range, problem, &offender, &[side], &[&local.input]);
            }
            None => {
                let _ = self.oblige(&flow, &local.input, range, "what the network takes");
            }
        }
        flow
    }

    /// A network from elsewhere.
    pub(super) fn external(
        &mut self,
        item: &'a Item,
        path: String,
        rust_path: TokenRange,
        outputs: &'a [ast::Port],
        flow: Flow,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let mut given = Given { output: None, stages: Vec::new() };
        for port in outputs {
            match (self.shape(&port.shape), &port.name) {
                (Some(shape), None) => given.output = Some(shape),
                (Some(shape), Some(name)) => given.stages.push((name.text.clone(), shape)),
                (None, _) => {
                    steps.push(Step::Broken);
                    return Flow::UNKNOWN;
                }
            }
        }
        if given.output.is_none() {
            self.end_of_path(item, rust_path);
        }
        if flow.shape.is_unknown() {
            steps.push(Step::Broken);
            let Some(shape) = given.output else { return Flow::UNKNOWN };
            let origin = self.note(What::Layer, item.range, &shape, &[]);
            return Flow { shape, field: Field::Unknown, origin };
        }
        let target = NetworkTarget::External(rust_path);
        self.network_step(item, path, target, &flow, given, [Dim::ZERO; 3], item.range, steps)
    }

    /// Behind a network of several outputs nothing goes on: it ends one of the paths, and others begin with
    /// `@label.name`.
    fn end_of_path(&mut self, item: &Item, range: TokenRange) {
        let mut ends = self.network.ast.paths.iter().filter_map(|path| path.items.last());
        if item.label.is_none() || !ends.any(|end| std::ptr::eq(end, item)) {
            self.several(item, range);
        }
    }

    /// Reports a network of several outputs from which something would have to go on.
    pub(super) fn several(&mut self, item: &Item, range: TokenRange) {
        let network = match &item.kind {
            ast::ItemKind::Word(word) => word.head.text.clone(),
            _ => self.quoted(range),
        };
        let label = item.label.as_ref().map(|label| label.name.text.clone());
        self.report(range, Problem::SeveralOutputs { network, label });
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a call")]
    fn network_step(
        &mut self,
        item: &Item,
        path: String,
        target: NetworkTarget,
        flow: &Flow,
        Given { output, stages }: Given,
        [parameters, macs, activations]: [Dim; 3],
        range: TokenRange,
        steps: &mut Vec<Step>,
    ) -> Flow {
        // A row shows one shape: where nothing goes on, that of the last stage.
        let shown =
            output.as_ref().or(stages.last().map(|(_, shape)| shape)).cloned().unwrap_or(Shape::Unknown);
        self.rows.push(Row {
            path: format!("{}{path}", self.frame.prefix).trim_end_matches('.').to_owned(),
            source: self.text(range),
            input: flow.shape.clone(),
            output: shown.clone(),
            parameters,
            macs,
            activations,
            receptive_field: None,
            leaves: Vec::new(),
            network: Some(target.clone()),
            range,
        });
        let label = item.label.as_ref().map(|label| label.name.clone());
        let origin = self.note(What::Layer, range, &shown, &[flow.origin]);
        let mut readable = Vec::new();
        for (name, shape) in stages {
            let Some(label) = &label else { break };
            let tap = format!("{}.{name}", label.text);
            let origin = self.note(What::Layer, range, &shape, &[flow.origin]);
            self.frame.taps.insert(tap.clone(), Flow { shape: shape.clone(), field: Field::Unknown, origin });
            readable.push(Stage { tap, name, shape });
        }
        let (input, goes_on) = (flow.shape.clone(), output.is_some());
        steps.push(Step::Network(NetworkCall {
            path,
            target,
            input,
            output: shown.clone(),
            goes_on,
            stages: readable,
            range,
            label,
        }));
        if goes_on { Flow { shape: shown, field: Field::Unknown, origin } } else { Flow::UNKNOWN }
    }

    /// `rust(expr) => shape`
    pub(super) fn custom(
        &mut self,
        item: &'a Item,
        path: String,
        expression: TokenRange,
        output: &'a ShapeExpr,
        flow: Flow,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let Some(output) = self.shape(output) else {
            steps.push(Step::Broken);
            return Flow::UNKNOWN;
        };
        self.rows.push(Row {
            path: format!("{}{path}", self.frame.prefix),
            source: self.text(item.range),
            input: flow.shape.clone(),
            output: output.clone(),
            parameters: Dim::ZERO,
            macs: Dim::ZERO,
            activations: output.values(),
            receptive_field: None,
            leaves: Vec::new(),
            network: None,
            range: item.range,
        });
        steps.push(Step::Custom { path, expression, input: flow.shape, output: output.clone() });
        let origin = self.note(What::Layer, item.range, &output, &[flow.origin]);
        Flow { shape: output, field: Field::Unknown, origin }
    }
}

/// Whether the names of a network stand beside those around it.
fn is_transparent(item: &Item) -> bool {
    item.label.as_ref().is_some_and(|label| label.name.text == TRANSPARENT)
}

/// Parameters, MACs and activations of a network as a layer: its inputs are held by what stands before it.
fn own_costs(model: &Model) -> [Dim; 3] {
    let activations = model.rows.iter().map(|row| &row.activations).sum();
    [model.totals.parameters.clone(), model.totals.macs.clone(), activations]
}

/// Whether a size depends on a const generic.
fn has_generic(size: &Dim) -> bool {
    let found = std::cell::Cell::new(false);
    let _ = size.substitute(&|atom| {
        if matches!(atom, Atom::Generic(_)) {
            found.set(true);
        }
        None
    });
    found.get()
}
