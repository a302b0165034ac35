//! Words in a path: layers, blocks, layers that were given to a block, other networks.

use super::Walk;
use super::heads;
use super::numbers::Number;
use super::scope::{Frame, Site, Value, is_const};
use super::shapes::Shape;
use super::stop::{Checked, Place, Stop, unknown, wrong, wrong_at};
use cnn_ir::ast::{ArgValue, Block, ExprKind, Item, ItemKind, Label, Network, Repeat, Word};
use std::collections::HashMap;
use std::rc::Rc;

impl<'a> Walk<'a> {
    /// What a word gives.
    pub(super) fn word(
        &mut self,
        item: &'a Item,
        word: &'a Word,
        input: Option<Shape>,
        site: &Site<'a>,
    ) -> Checked<Shape> {
        let name = word.head.text.as_str();
        let place = Place::at(item.range);
        match site.frame.values.get(name).cloned() {
            Some(Value::Layer(given, frame)) => {
                let bare = word.range.first == word.range.last && word.repeat.is_none();
                if !bare {
                    return unknown(format!("`{name}`, a layer that was given, with something"));
                }
                return self.given_layer(item.label.as_ref(), given, frame, input, site);
            }
            Some(_) => return wrong(&place, format!("`{name}` is a number, not a layer")),
            None => {}
        }
        if let Some(block) = self.block(name) {
            return self.call(item.label.as_ref(), block, word, input, site);
        }
        if heads::find(name).is_none() {
            if let Some(network) = self.other(name) {
                return self.network(item.label.as_ref(), network, word, input, site);
            }
            let is_input =
                self.network.inputs.iter().flat_map(|port| &port.name).any(|input| input.text == name);
            if is_input || matches!(name, "cin" | "stride") || is_const(name) {
                return unknown(format!("`{name}` as a layer"));
            }
            return wrong_at(word.head.range(), format!("`{name}` is not a layer"));
        }
        if item.label.as_ref().is_some_and(|label| label.numbered_from.is_some()) {
            return unknown("a numbered label before a layer");
        }
        let Some(input) = input else { return wrong(&place, "this path does not say what it begins with") };
        let given = self.layer(word, &input, site)?;
        self.take_name(site.child(item.label.as_ref()), &place)?;
        Ok(given)
    }

    /// A layer that was given to a block: named like a layer, with the numbers of the place where it was written.
    fn given_layer(
        &mut self,
        label: Option<&Label>,
        given: &'a Item,
        frame: Rc<Frame<'a>>,
        input: Option<Shape>,
        site: &Site<'a>,
    ) -> Checked<Shape> {
        let inner = Site { frame, taps: Rc::default(), argument: true, ..site.below(site.child(label)) };
        self.item(given, input, &inner)
    }

    /// The call of a block.
    fn call(
        &mut self,
        label: Option<&'a Label>,
        block: &'a Block,
        word: &'a Word,
        input: Option<Shape>,
        site: &Site<'a>,
    ) -> Checked<Shape> {
        let name = block.name.text.as_str();
        if let Some(size) = &word.size {
            return wrong(&Place::at(word.range).or(size.range), "a size behind the call of a block");
        }
        if self.open.contains(&name) {
            if site.argument {
                return unknown("a block within itself, by way of an argument");
            }
            return wrong_at(word.range, format!("`{name}` calls itself"));
        }
        let stride = match &word.stride {
            Some(expr) => Some(self.value(expr, &site.frame)?),
            None => None,
        };
        if stride.is_some() && word.repeat.is_some_and(|repeat| repeat.count > 1 || repeat.stride.is_some()) {
            return unknown("the stride of a call that is repeated");
        }
        // A repeat gives the copies their number `stride`, and nothing else around the call does.
        let outside =
            Site { frame: Rc::new(Frame { stride: None, ..(*site.frame).clone() }), ..site.clone() };
        let written = site.frame.clone();
        let unlabelled = label.is_none();
        self.copies(label, word.repeat, input, &outside, |walk, value, copy| {
            let Some(value) = value else { return wrong_at(word.range, "nothing arrives") };
            let copy_stride = stride.clone().or_else(|| copy.frame.stride.clone());
            let frame = walk.bind(block, word, &written, copy_stride, &value)?;
            // An unlabelled call is one child, each copy of it.
            let names = if unlabelled { copy.below(copy.child(None)) } else { copy.clone() };
            let inner = Site { frame: Rc::new(frame), taps: Rc::default(), ..names };
            walk.open.push(name);
            let given = walk.path(&block.body, Some(value), &inner);
            walk.open.pop();
            given
        })
    }

    /// The numbers and layers of a block's body.
    fn bind(
        &self,
        block: &'a Block,
        word: &'a Word,
        written: &Rc<Frame<'a>>,
        stride: Option<Value<'a>>,
        input: &Shape,
    ) -> Checked<Frame<'a>> {
        if input.loose {
            return unknown("the number `cin` of an image or features");
        }
        let mut given: HashMap<&str, Value<'a>> = HashMap::new();
        let mut stated_stride = None;
        let mut in_order = block.parameters.iter();
        let mut named = false;
        for arg in &word.args {
            let parameter = match &arg.name {
                Some(name) if name.text == "stride" => {
                    let value = self.argument(&arg.value, written)?;
                    if stated_stride.replace(value).is_some() || stride.is_some() {
                        return unknown("two strides of a call");
                    }
                    continue;
                }
                Some(name) => {
                    named = true;
                    match block.parameters.iter().find(|parameter| parameter.name.text == name.text) {
                        Some(parameter) => parameter,
                        None if name.text == "cin" => return unknown("`cin` as an argument"),
                        None => return wrong_at(arg.range, format!("no parameter `{}`", name.text)),
                    }
                }
                None if named => return unknown("an argument without a name behind one with a name"),
                None => match in_order.next() {
                    Some(parameter) => parameter,
                    None => return wrong(&Place::at(word.range).or(arg.range), "too many arguments"),
                },
            };
            let value = self.argument(&arg.value, written)?;
            if matches!(value, Value::List(_)) {
                return wrong_at(arg.range, "an argument is a number or a layer");
            }
            if given.insert(&parameter.name.text, value).is_some() {
                return unknown("an argument twice");
            }
        }
        // The network's own numbers, the parameters, and the two numbers of every block.
        let mut frame = Frame {
            values: self.networks_values(written),
            cin: Some(input.channels().clone()),
            stride: Some(
                stated_stride.or(stride).unwrap_or_else(|| Value::Number(self.assignments.constant(1))),
            ),
            unclear: false,
        };
        for parameter in &block.parameters {
            let name = parameter.name.text.as_str();
            if frame.values.contains_key(name)
                || matches!(name, "cin" | "stride")
                || self.block(name).is_some()
            {
                return unknown(format!("a parameter called `{name}`"));
            }
            let value = match (given.remove(name), &parameter.default) {
                (Some(value), _) => value,
                (None, Some(default)) => {
                    let frame = Frame { cin: None, stride: None, unclear: true, ..frame.clone() };
                    self.argument(default, &Rc::new(frame))?
                }
                (None, None) => {
                    return wrong_at(word.range, format!("`{name}` of `{}` is not given", block.name.text));
                }
            };
            frame.values.insert(name.to_owned(), value);
        }
        Ok(frame)
    }

    /// The generics, symbols and `let`s of a frame, without the parameters of the block that it belongs to.
    fn networks_values(&self, frame: &Frame<'a>) -> HashMap<String, Value<'a>> {
        let network = self.network;
        let own = |name: &str| {
            network.generics.iter().any(|generic| generic.name.text == name)
                || network.lets.iter().any(|binding| binding.name.text == name)
                || super::scope::is_symbol(name)
        };
        let values = frame.values.iter().filter(|(name, _)| own(name));
        values.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// One of the same `network!` as a layer.
    fn network(
        &mut self,
        label: Option<&Label>,
        network: &'a Network,
        word: &'a Word,
        input: Option<Shape>,
        site: &Site<'a>,
    ) -> Checked<Shape> {
        let place = Place::at(word.range);
        if word.size.is_some() || word.stride.is_some() {
            return wrong(&place, "a network takes no size and no stride");
        }
        if matches!(word.repeat, Some(Repeat { stride: Some(_), .. })) {
            return unknown("a network that is repeated with a stride");
        }
        if !super::network::symbols(network).is_empty() {
            return unknown("a network of symbols as a layer");
        }
        if self.open.contains(&network.name.text.as_str()) {
            return wrong(&place, format!("`{}` contains itself", network.name.text));
        }
        let [takes] = &network.inputs[..] else {
            return wrong(&place, "a network of several inputs as a layer");
        };
        if label.is_some_and(|label| label.name.text == "_") {
            return unknown("names beside those around them");
        }
        let [gives] = &network.outputs[..] else {
            return unknown("a network of several outputs as a layer");
        };
        let values = self.generics_of(network, word, site)?;
        let mut inner = Walk {
            tree: self.tree,
            network,
            assignments: self.assignments,
            windows: &mut *self.windows,
            layers: Default::default(),
            open: self.open.iter().copied().chain([network.name.text.as_str()]).collect(),
            passed: self.passed,
            aside: false,
            doubt: None,
        };
        let frame = inner.header(values)?;
        let (takes, gives) = (inner.shape(&takes.shape, &frame)?, inner.shape(&gives.shape, &frame)?);
        // By itself the network is checked elsewhere; with other numbers it may not fit, which is not found here.
        if let Err(Stop::Wrong(failure)) = inner.body(frame) {
            if word.args.is_empty() {
                return Err(Stop::Wrong(failure));
            }
            return unknown(format!("in `{}`: {}", network.name.text, failure.reason));
        }
        self.copies(label, word.repeat, input, site, |walk, value, copy| {
            let Some(value) = value else { return wrong(&place, "nothing arrives") };
            value.must_equal(&takes, &place, "what the network takes")?;
            if label.is_none() {
                walk.take_name(copy.child(None), &place)?;
            }
            Ok(gives.clone())
        })
    }

    /// The const generics that are given to a network.
    fn generics_of(
        &self,
        network: &Network,
        word: &'a Word,
        site: &Site<'a>,
    ) -> Checked<HashMap<String, Value<'a>>> {
        let mut values = HashMap::new();
        let mut in_order = network.generics.iter();
        for arg in &word.args {
            let generic = match &arg.name {
                Some(name) => network.generics.iter().find(|generic| generic.name.text == name.text),
                None => in_order.next(),
            };
            let Some(generic) = generic else {
                return wrong(&Place::at(word.range).or(arg.range), "no such const generic");
            };
            let plain = match &arg.value {
                ArgValue::Expr(expr) => matches!(expr.kind, ExprKind::Int(_)),
                ArgValue::Word(item) => matches!(item.kind, ItemKind::Word(_)),
                _ => false,
            };
            if !plain {
                return unknown("a const generic that is neither a number nor a name");
            }
            values.insert(generic.name.text.clone(), self.argument(&arg.value, &site.frame)?);
        }
        for generic in &network.generics {
            let default: Option<Number> = generic.default.map(|n| self.assignments.constant(i128::from(n)));
            match default {
                _ if values.contains_key(&generic.name.text) => {}
                Some(default) => {
                    values.insert(generic.name.text.clone(), Value::Number(default));
                }
                None => return wrong_at(word.range, format!("`{}` is not given", generic.name.text)),
            }
        }
        Ok(values)
    }
}
