//! A network as a whole: its header, its inputs and outputs.

use super::Walk;
use super::expressions::whole;
use super::heads;
use super::numbers::{Assignments, Number, Sizes};
use super::scope::{Frame, Site, Value, is_symbol};
use super::shapes::Shape;
use super::stop::{Checked, Place, Stop, unknown, wrong, wrong_at};
use super::windows::Windows;
use cnn_ir::ast::{Expr, ExprKind, FactKind, File, Level, Network, Port, ShapeExpr};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Checks a network with its generics at their defaults and its symbols at several sizes.
pub(super) fn check(tree: &File, network: &Network, windows: &mut Windows) -> Checked<()> {
    let has_symbols = !symbols(network).is_empty();
    match check_for(tree, network, Sizes::All, windows) {
        Err(Stop::Wrong(mut failure)) if has_symbols => {
            // Small sizes fail at a window where usual ones fail only where shapes meet: it may be reported at both.
            if let Err(Stop::Wrong(usual)) = check_for(tree, network, Sizes::Usual, windows) {
                failure.ranges.extend(usual.ranges);
            }
            Err(Stop::Wrong(failure))
        }
        done => done,
    }
}

fn check_for<'a>(
    tree: &'a File,
    network: &'a Network,
    sizes: Sizes,
    windows: &'a mut Windows,
) -> Checked<()> {
    if let Some(twice) = twice(tree.networks.iter().map(|network| network.name.text.as_str())) {
        return unknown(format!("two networks `{twice}`"));
    }
    let symbols = symbols(network);
    facts(network, &symbols)?;
    let mut generics = Vec::new();
    for generic in &network.generics {
        match generic.default {
            Some(default) => generics.push((generic.name.text.clone(), i128::from(default))),
            None => return unknown("a generic without a default"),
        }
    }
    let allows = |symbol: &str, size: i128| {
        network.facts.iter().filter(|fact| fact.symbol.text == symbol).all(|fact| match fact.kind {
            FactKind::Modulo { modulus, remainder } => size % i128::from(modulus) == i128::from(remainder),
            FactKind::AtLeast(least) => size >= i128::from(least),
        })
    };
    let Some(assignments) = Assignments::new(&generics, &symbols, sizes, allows) else {
        return unknown("facts that nothing satisfies");
    };
    let names = network.generics.iter().map(|generic| &generic.name.text).chain(&symbols);
    let values =
        names.filter_map(|name| Some((name.clone(), Value::Number(assignments.of(name)?)))).collect();
    let mut walk = Walk {
        tree,
        network,
        assignments: &assignments,
        windows,
        layers: HashSet::new(),
        open: vec![&network.name.text],
        passed: 0,
        aside: false,
        doubt: None,
    };
    // What borrows from the assignments ends here.
    let done = walk_through(&mut walk, values);
    if done.is_ok()
        && (!network.budget.is_empty() || network.lints.iter().any(|lint| lint.level == Level::Deny))
    {
        return unknown("a budget, or a lint that is an error");
    }
    match (done, walk.doubt.take()) {
        (Ok(_), Some(why)) => unknown(why),
        (done, _) => done.map(|_| ()),
    }
}

fn walk_through<'a>(walk: &mut Walk<'a>, values: HashMap<String, Value<'a>>) -> Checked<Vec<Shape>> {
    let frame = walk.header(values)?;
    walk.body(frame)
}

/// Words that stand where a size does in the shapes of the inputs, and are no generics.
pub(super) fn symbols(network: &Network) -> Vec<String> {
    fn collect(expr: &Expr, found: &mut Vec<String>) {
        match &expr.kind {
            ExprKind::Name(name) if is_symbol(name) && !found.contains(name) => found.push(name.clone()),
            ExprKind::Binary(_, left, right) => {
                collect(left, found);
                collect(right, found);
            }
            ExprKind::Negative(inner) => collect(inner, found),
            ExprKind::List(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for size in network.inputs.iter().flat_map(|port| &port.shape.sizes) {
        collect(size, &mut found);
    }
    // "A const generic may be a single letter; it comes before symbols."
    found.retain(|name| network.generics.iter().all(|generic| generic.name.text != *name));
    found
}

fn facts(network: &Network, symbols: &[String]) -> Checked<()> {
    for fact in &network.facts {
        if !symbols.contains(&fact.symbol.text) {
            return wrong_at(fact.range, format!("`{}` is not a symbol of an input", fact.symbol.text));
        }
        if matches!(fact.kind, FactKind::Modulo { modulus: 0, .. }) {
            return wrong_at(fact.range, "a divisor is a number of at least 1");
        }
    }
    Ok(())
}

fn twice<'n>(names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

impl<'a> Walk<'a> {
    /// Names of the header and the `let`s.
    pub(super) fn header(&mut self, values: HashMap<String, Value<'a>>) -> Checked<Rc<Frame<'a>>> {
        let network = self.network;
        for block in &network.blocks {
            let name = &block.name.text;
            if heads::find(name).is_some() {
                return wrong_at(block.name.range(), format!("the block `{name}` is called like a layer"));
            }
        }
        if let Some(name) = twice(network.blocks.iter().map(|block| block.name.text.as_str())) {
            return wrong_at(network.range, format!("the block `{name}` is there twice"));
        }
        let generics = network.generics.iter().map(|generic| &generic.name.text);
        let all = generics
            .chain(network.lets.iter().map(|binding| &binding.name.text))
            .chain(network.blocks.iter().map(|block| &block.name.text))
            .chain(self.tree.networks.iter().map(|network| &network.name.text));
        if let Some(name) = twice(all.map(String::as_str)) {
            return unknown(format!("two things are called `{name}`"));
        }
        let mut frame = Frame { values, ..Frame::default() };
        for binding in &network.lets {
            let name = &binding.name.text;
            if is_symbol(name) || matches!(name.as_str(), "cin" | "stride") {
                return unknown(format!("a `let` called `{name}`"));
            }
            let value = whole(self.value(&binding.value, &frame)?, binding.value.range)?;
            frame.values.insert(name.clone(), Value::Number(value));
        }
        Ok(Rc::new(frame))
    }

    /// A shape as written.
    pub(super) fn shape(&self, shape: &ShapeExpr, frame: &Frame<'a>) -> Checked<Shape> {
        if !matches!(shape.sizes.len(), 1 | 3) {
            return wrong_at(shape.range, format!("a shape of {} sizes", shape.sizes.len()));
        }
        let sizes: Checked<Vec<Number>> = shape.sizes.iter().map(|size| self.size(size, frame)).collect();
        let place = Place::at(shape.range);
        match sizes {
            Ok(sizes) => Ok(Shape { sizes, loose: false }),
            // What is wrong with one size may be said of the whole shape.
            Err(Stop::Wrong(failure)) => {
                let place = failure.ranges.iter().fold(place, |place, range| place.or(*range));
                wrong(&place, failure.reason)
            }
            Err(stop) => Err(stop),
        }
    }

    /// All paths, and what they give.
    pub(super) fn body(&mut self, frame: Rc<Frame<'a>>) -> Checked<Vec<Shape>> {
        let network = self.network;
        let mut inputs = HashMap::new();
        let mut only = None;
        for port in &network.inputs {
            let shape = self.shape(&port.shape, &frame)?;
            if let Some(name) = &port.name {
                let again = inputs.insert(name.text.clone(), shape.clone()).is_some();
                if again || heads::find(&name.text).is_some() {
                    return unknown(format!("an input called `{}`", name.text));
                }
            }
            only = Some(shape);
        }
        if network.inputs.len() > 1 {
            only = None;
        }
        let stated: Checked<Vec<Shape>> =
            network.outputs.iter().map(|port| self.shape(&port.shape, &frame)).collect();
        let stated = stated?;
        if let Some(twice) =
            twice(network.outputs.iter().filter_map(|port| Some(port.name.as_ref()?.text.as_str())))
        {
            return unknown(format!("two outputs `{twice}`"));
        }
        let site = Site {
            frame,
            taps: Rc::default(),
            names: Rc::default(),
            inputs: Rc::new(inputs),
            argument: false,
        };
        let mut end = None;
        for path in &network.paths {
            end = Some((self.path(path, only.clone(), &site)?, path));
        }
        for (port, stated) in network.outputs.iter().zip(&stated) {
            self.output(port, stated, end.as_ref(), &site)?;
        }
        Ok(stated)
    }

    fn output(
        &self,
        port: &Port,
        stated: &Shape,
        end: Option<&(Shape, &'a cnn_ir::ast::Path)>,
        site: &Site<'a>,
    ) -> Checked<()> {
        let place = Place::at(port.shape.range);
        if let Some(name) = &port.name {
            let Some(given) = site.taps.borrow().get(&name.text).cloned() else {
                return wrong(&place.or(name.range()), format!("no tap is called `{}`", name.text));
            };
            let places = self.tap_range(name.text.as_str()).map_or(place.clone(), |range| place.or(range));
            return given.must_be(stated, &places, "the output");
        }
        let Some((given, path)) = end else { return unknown("a network without a path") };
        let place = path.items.last().map_or(place.clone(), |item| place.or(item.range));
        given.must_be(stated, &place, "the output")
    }

    /// The item before the tap of this name: what gives an output.
    fn tap_range(&self, name: &str) -> Option<cnn_ir::token::TokenRange> {
        use cnn_ir::ast::ItemKind;
        self.network.paths.iter().find_map(|path| {
            let named = |kind: &ItemKind| matches!(kind, ItemKind::Tap(tap) if tap.text == name);
            let at = path.items.iter().skip(1).position(|item| named(&item.kind))?;
            Some(path.items[at].range.to(path.items[at + 1].range))
        })
    }
}
