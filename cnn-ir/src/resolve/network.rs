//! One network: its header, its names, its paths.

use super::field::Field;
use super::names::{Bound, Names, looks_like_a_symbol};
use super::origin::{OriginId, Side, What};
use super::walk::{Frame, Level, Walk};
use super::{Flow, Shared};
use crate::ast::{self, Block, Expr, ExprKind, FactKind, ItemKind};
use crate::diagnostic::Problem;
use crate::dim::{Atom, Dim};
use crate::model::{Model, Port, Step, Totals};
use crate::nearest::nearest;
use crate::shape::Shape;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What the whole network sees.
pub(super) struct Scope<'a> {
    pub(super) ast: &'a ast::Network,
    /// Const generics, symbols, lets.
    pub(super) names: Rc<Names<'a>>,
}

impl<'a> Scope<'a> {
    pub(super) fn block(&self, name: &str) -> Option<&'a Block> {
        self.ast.blocks.iter().find(|block| block.name.text == name)
    }

    pub(super) fn block_names(&self) -> impl Iterator<Item = &'a str> {
        self.ast.blocks.iter().map(|block| block.name.text.as_str())
    }

    pub(super) fn is_input(&self, name: &str) -> bool {
        self.ast.inputs.iter().any(|port| port.name.as_ref().is_some_and(|own| own.text == name))
    }
}

pub(super) fn resolve<'a>(shared: &mut Shared<'a>, ast: &'a ast::Network) -> Model {
    check_duplicates(shared, ast);
    let mut scope = Scope { ast, names: Rc::new(header_names(shared, ast)) };
    lets(shared, &mut scope);
    let frame = Frame {
        names: Rc::clone(&scope.names),
        taps: BTreeMap::new(),
        paths: BTreeMap::new(),
        prefix: String::new(),
        is_root: true,
    };
    let mistakes = shared.diagnostics.len();
    // A fact about an unknown symbol was meant for one of the others: what it lacks is no news.
    let misnamed = ast.facts.iter().any(|fact| !scope.names.contains_key(fact.symbol.text.as_str()));
    let mut walk = new_walk(shared, &scope, frame);
    walk.undecided = misnamed;
    let inputs = walk.ports(&ast.inputs);
    let mut outputs = walk.ports(&ast.outputs);
    let (body, last) = walk.paths(&inputs, &outputs);
    if outputs.is_empty() {
        // A bare path gives what it gives.
        outputs.push(Port { name: None, shape: last.shape, range: ast.range });
    }
    if let Some((range, problem, flow)) = walk.vanishing.take()
        && !misnamed
        && walk.shared.diagnostics.len() == mistakes
    {
        walk.report_layer(range, range, problem, &flow);
    }
    let Walk { rows, instances, block_types, traced, named, obligations, .. } = walk;
    let held: Vec<Dim> = inputs.iter().map(|port| port.shape.values()).collect();
    let activations = rows.iter().map(|row| &row.activations).chain(&held).sum();
    let totals = Totals {
        parameters: rows.iter().map(|row| &row.parameters).sum(),
        macs: rows.iter().map(|row| &row.macs).sum(),
        activations,
    };
    for (what, total) in
        [("parameters", &totals.parameters), ("MACs", &totals.macs), ("activations", &totals.activations)]
    {
        // An i64 holds it, so that a usize does on the machines that candle runs on.
        if total.number().is_some_and(|total| total > i128::from(i64::MAX)) {
            shared.report(ast.name.range(), Problem::CountTooLarge { what }, Vec::new());
        }
    }
    let mut model = Model {
        name: ast.name.clone(),
        generics: ast.generics.iter().map(|generic| (generic.name.text.clone(), generic.default)).collect(),
        inputs,
        outputs,
        body,
        block_types,
        instances,
        rows,
        totals,
        traced,
        named,
        obligations,
        promises: Vec::new(),
    };
    if shared.diagnostics.is_empty() && !shared.quiet() {
        super::budget::check(shared, ast, &mut model, last.field);
    }
    model
}

fn new_walk<'s, 'a>(shared: &'s mut Shared<'a>, network: &'s Scope<'a>, frame: Frame<'a>) -> Walk<'s, 'a> {
    Walk {
        shared,
        network,
        frame,
        instances: Vec::new(),
        block_types: Vec::new(),
        signatures: Vec::new(),
        rows: Vec::new(),
        traced: Vec::new(),
        named: Vec::new(),
        obligations: Vec::new(),
        calls: Vec::new(),
        undecided: false,
        vanishing: None,
        origins: Vec::new(),
        active: Vec::new(),
    }
}

fn check_duplicates<'a>(shared: &mut Shared<'a>, ast: &'a ast::Network) {
    let mut check = |what: &'static str, names: Vec<&'a ast::Ident>| {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(&name.text) {
                let problem = Problem::Duplicate { what, name: name.text.clone() };
                shared.report(name.range(), problem, Vec::new());
            }
        }
    };
    check("const generic", ast.generics.iter().map(|generic| &generic.name).collect());
    check("block", ast.blocks.iter().map(|block| &block.name).collect());
    check("input", ast.inputs.iter().filter_map(|port| port.name.as_ref()).collect());
    check("output", ast.outputs.iter().filter_map(|port| port.name.as_ref()).collect());
    for block in &ast.blocks {
        check("parameter", block.parameters.iter().map(|parameter| &parameter.name).collect());
    }
    for block in &ast.blocks {
        let name = &block.name.text;
        if crate::layer::is_layer_word(name) {
            shared.report(block.name.range(), Problem::NameTaken { name: name.clone() }, Vec::new());
        }
    }
}

/// Const generics, and the symbols of the input shapes with the facts about them.
fn header_names<'a>(shared: &mut Shared<'a>, ast: &'a ast::Network) -> Names<'a> {
    let mut names: Names<'a> = BTreeMap::new();
    for generic in &ast.generics {
        let atom = Atom::Generic(generic.name.text.clone());
        names.insert(&generic.name.text, Bound::Size(Dim::atom(atom)));
    }
    let mut symbols: BTreeSet<&'a str> = BTreeSet::new();
    for port in &ast.inputs {
        for expr in &port.shape.sizes {
            collect_symbols(expr, &names, &mut symbols);
        }
    }
    for fact in &ast.facts {
        if !symbols.contains(fact.symbol.text.as_str()) {
            let known: Vec<String> = symbols.iter().map(|&symbol| symbol.to_owned()).collect();
            let near = nearest(&fact.symbol.text, symbols.iter().copied()).map(str::to_owned);
            let problem = Problem::UnknownSymbol { name: fact.symbol.text.clone(), nearest: near, known };
            shared.report(fact.symbol.range(), problem, Vec::new());
        }
    }
    for symbol in symbols {
        let (mut modulus, mut remainder, mut at_least) = (1, 0, 1);
        for fact in ast.facts.iter().filter(|fact| fact.symbol.text == symbol) {
            match fact.kind {
                FactKind::Modulo { modulus: m, remainder: r } => match both((modulus, remainder), (m, r)) {
                    Some(joined) => (modulus, remainder) = joined,
                    None => {
                        let text = shared.table.text(fact.range);
                        let alone = both((1, 0), (m, r)).is_none();
                        let others = ast.facts.iter().filter(|other| {
                            other.symbol.text == symbol && matches!(other.kind, FactKind::Modulo { .. })
                        });
                        let earlier =
                            others.map(|other| shared.table.text(other.range)).next().filter(|_| !alone);
                        shared.report(fact.range, Problem::ImpossibleFact { text, earlier }, Vec::new());
                    }
                },
                FactKind::AtLeast(bound) => at_least = bound.max(at_least),
            }
        }
        names.insert(symbol, Bound::Size(Dim::symbol(symbol, modulus, remainder, at_least)));
    }
    names
}

/// No size is known to be a multiple of more than this; and it bounds the search below.
const LARGEST_MODULUS: u64 = 1 << 20;

/// What two facts say together: the number that leaves `r1` modulo `m1` and `r2` modulo `m2`; `None` where there
/// is none (or where it is beyond all sizes).
fn both((m1, r1): (u64, u64), (m2, r2): (u64, u64)) -> Option<(u64, u64)> {
    if m2 == 0 || r2 >= m2 {
        return None;
    }
    let gcd = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let modulus = m1.checked_mul(m2 / gcd(m1, m2)).filter(|&modulus| modulus <= LARGEST_MODULUS)?;
    // Every step of `m1` keeps the first fact; at most `m2` of them pass before the second repeats.
    let step = (0..modulus / m1).find(|step| (r1 + step * m1) % m2 == r2)?;
    Some((modulus, r1 + step * m1))
}

fn collect_symbols<'a>(expr: &'a Expr, names: &Names<'a>, symbols: &mut BTreeSet<&'a str>) {
    match &expr.kind {
        ExprKind::Name(name) if looks_like_a_symbol(name) && !names.contains_key(name.as_str()) => {
            symbols.insert(name);
        }
        ExprKind::Binary(_, left, right) => {
            collect_symbols(left, names, symbols);
            collect_symbols(right, names, symbols);
        }
        ExprKind::Negative(inner) => collect_symbols(inner, names, symbols),
        ExprKind::List(items) => items.iter().for_each(|item| collect_symbols(item, names, symbols)),
        ExprKind::Name(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Broken => {}
    }
}

/// `let` bindings, each seeing those before it.
fn lets<'a>(shared: &mut Shared<'a>, scope: &mut Scope<'a>) {
    for binding in &scope.ast.lets {
        let frame = Frame {
            names: Rc::clone(&scope.names),
            taps: BTreeMap::new(),
            paths: BTreeMap::new(),
            prefix: String::new(),
            is_root: true,
        };
        let value = match new_walk(shared, scope, frame).value(&binding.value, &[]) {
            Ok(crate::layer::Value::Size(dim)) => Bound::Size(dim),
            Ok(crate::layer::Value::Float(value)) => Bound::Float(value),
            Ok(_) => {
                let text = shared.table.text(binding.value.range);
                shared.report(binding.value.range, Problem::NotASize { text }, Vec::new());
                Bound::Broken
            }
            Err(_) => Bound::Broken,
        };
        let mut names = (*scope.names).clone();
        names.insert(&binding.name.text, value);
        scope.names = Rc::new(names);
    }
}

impl<'a> Walk<'_, 'a> {
    fn ports(&mut self, written: &'a [ast::Port]) -> Vec<Port> {
        written
            .iter()
            .map(|port| Port {
                name: port.name.clone(),
                shape: self.shape(&port.shape).unwrap_or(Shape::Unknown),
                range: port.shape.range,
            })
            .collect()
    }

    fn paths(&mut self, inputs: &[Port], outputs: &[Port]) -> (Vec<Step>, Flow) {
        let ast: &'a ast::Network = self.network.ast;
        let mut steps = Vec::new();
        let mut level = Level::new(String::new());
        let mut last = Flow::UNKNOWN;
        for (index, path) in ast.paths.iter().enumerate() {
            let (flow, rest) = self.start(path, inputs, &mut steps, index);
            // Behind an input's name, a tap names.
            let beginning = rest.len() == path.items.len();
            last = self.items(rest, beginning, flow, &mut level, &mut steps);
        }
        if ast.paths.is_empty() {
            return (steps, last);
        }
        match outputs {
            [output] if output.name.is_none() => {
                let end = ast.paths.last().and_then(|path| path.items.last());
                if let Some(end) = end.filter(|end| self.gives_stages(end)) {
                    self.several(end, end.range);
                }
                let flattened = self.meets_output(&last, output, None);
                steps.extend(flattened.then_some(Step::Flatten));
            }
            outputs => self.named_outputs(outputs, &mut steps),
        }
        (steps, last)
    }

    /// Where a path begins: at a named input, at a tap, or at the only input.
    fn start(
        &mut self,
        path: &'a ast::Path,
        inputs: &[Port],
        steps: &mut Vec<Step>,
        index: usize,
    ) -> (Flow, &'a [ast::Item]) {
        let origins: Vec<Option<OriginId>> =
            inputs.iter().map(|port| self.note(What::Input, port.range, &port.shape, &[])).collect();
        let at = |index: usize| {
            let shape = inputs.get(index).map_or(Shape::Unknown, |port| port.shape.clone());
            Flow { shape, field: Field::INPUT, origin: origins.get(index).copied().flatten() }
        };
        let items = path.items.as_slice();
        match items.first().map(|item| &item.kind) {
            Some(ItemKind::Word(word)) if self.network.is_input(&word.head.text) => {
                let input = inputs
                    .iter()
                    .position(|port| port.name.as_ref().is_some_and(|name| name.text == word.head.text))
                    .unwrap_or(0);
                steps.push(Step::Input(input));
                (at(input), &items[1..])
            }
            Some(ItemKind::Tap(_)) => (Flow::UNKNOWN, items),
            // `concat(@a, @b)` needs no beginning.
            Some(ItemKind::Taps { .. }) => (Flow::UNKNOWN, items),
            _ if inputs.len() > 1 => {
                let inputs =
                    inputs.iter().filter_map(|port| port.name.as_ref()).map(|name| name.text.clone());
                self.report(first_of(path), Problem::NoBeginning { inputs: inputs.collect() });
                // A word that means nothing was meant to be an input: that is the same mistake.
                let meant = match items.first().map(|item| &item.kind) {
                    Some(ItemKind::Word(word)) => !self.is_known(&word.head.text),
                    _ => false,
                };
                (Flow::UNKNOWN, if meant { &items[1..] } else { items })
            }
            _ => {
                if index > 0 {
                    steps.push(Step::Input(0));
                }
                (at(0), items)
            }
        }
    }

    /// Whether a word is a layer, a block or a network.
    fn is_known(&self, word: &str) -> bool {
        crate::layer::is_layer_word(word)
            || self.network.block(word).is_some()
            || self.shared.file.networks.iter().any(|network| network.name.text == word)
    }

    /// Checks what leaves against a declared output; `true` where Cx1x1 must become C.
    fn meets_output(&mut self, flow: &Flow, output: &Port, tap: Option<&str>) -> bool {
        match flow.shape.equals(&output.shape) {
            Some(true) => false,
            Some(false) => {
                let flat = match (flow.shape.as_flat(), &output.shape) {
                    (Some(features), Shape::Flat(_)) => Some(Shape::Flat(features.clone())),
                    _ => None,
                };
                match flat.as_ref().map(|flat| flat.equals(&output.shape)) {
                    Some(Some(true)) => return true,
                    Some(None) => {
                        let shape = flat.unwrap_or(Shape::Unknown);
                        let flat = Flow { shape, ..flow.clone() };
                        let _ = self.oblige(&flat, &output.shape, output.range, "the declared output");
                        return true;
                    }
                    _ => {}
                }
                let problem = Problem::OutputShape {
                    output: tap.map(str::to_owned),
                    stated: output.shape.to_string(),
                    found: flow.shape.to_string(),
                    giver: self.giver(flow),
                };
                let side = Side { name: String::new(), flow };
                let offender = format!("-> {}", self.quoted(output.range));
                self.report_meeting(output.range, problem, &offender, &[side], &[&output.shape]);
                false
            }
            None => {
                let _ = self.oblige(flow, &output.shape, output.range, "the declared output");
                false
            }
        }
    }

    /// Several outputs: each is the tap of its name.
    fn named_outputs(&mut self, outputs: &[Port], steps: &mut Vec<Step>) {
        for output in outputs {
            let Some(name) = &output.name else { continue };
            let Some(flow) = self.frame.taps.get(name.text.as_str()).cloned() else {
                let taps: Vec<&str> = self.frame.taps.keys().map(String::as_str).collect();
                let near = nearest(&name.text, taps).map(str::to_owned);
                self.report(
                    name.range(),
                    Problem::OutputWithoutTap { name: name.text.clone(), nearest: near },
                );
                continue;
            };
            if self.meets_output(&flow, output, Some(&name.text)) {
                steps.push(Step::Read(name.clone()));
                steps.push(Step::Flatten);
                steps.push(Step::Tap(name.clone()));
            }
        }
    }
}

fn first_of(path: &ast::Path) -> crate::token::TokenRange {
    path.items.first().map_or(path.range, |item| item.range)
}
