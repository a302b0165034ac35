//! The walk through a path, item by item.

use super::layers;
use super::names::{Bound, LayerArgument, Names};
use super::network::Scope;
use super::origin::{Origin, What};
use super::{Flow, Shared};
use crate::ast::{Ident, Item, ItemKind, Label, Path, Repeat, Word};
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::layer;
use crate::model::{BlockType, Instance, Obligation, Row, Step};
use crate::shape::Shape;
use crate::token::TokenRange;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A struct that is being filled: the network's own, or a block's.
pub(super) struct Frame<'a> {
    pub(super) names: Rc<Names<'a>>,
    pub(super) taps: BTreeMap<String, Flow>,
    /// Paths that are taken, and by which token.
    pub(super) paths: BTreeMap<String, u32>,
    /// What stands before the paths of this struct in a weight file.
    pub(super) prefix: String,
    /// Whether this is the network's own struct.
    pub(super) is_root: bool,
}

/// The label of a network whose names stand beside those around it.
pub(super) const TRANSPARENT: &str = "_";

/// Siblings: what stands before their names inside the struct, and the position of the next.
pub(super) struct Level {
    pub(super) prefix: String,
    pub(super) next: usize,
}

impl Level {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix, next: 0 }
    }

    /// The path of the next child: its label, or its position; the label `_` stays at the path of the siblings.
    pub(super) fn child(&mut self, label: Option<&str>) -> String {
        if label == Some(TRANSPARENT) {
            return self.prefix.trim_end_matches('.').to_owned();
        }
        let position = self.next;
        self.next += 1;
        match label {
            Some(label) => format!("{}{label}", self.prefix),
            None => format!("{}{position}", self.prefix),
        }
    }
}

/// A group or combination, and how often it stands there.
struct Repeated<'a> {
    label: Option<&'a Label>,
    is_group: bool,
    repeat: Option<Repeat>,
}

impl<'a> Repeated<'a> {
    fn of(item: &'a Item, repeat: Option<Repeat>) -> Self {
        let is_group = matches!(item.kind, ItemKind::Group { .. });
        Self { label: item.label.as_ref(), is_group, repeat }
    }
}

/// A call of a block that is being walked.
pub(super) struct Caller {
    /// For messages: "in `layer1`: `Basic(64)`".
    pub(super) note: String,
    pub(super) range: TokenRange,
}

/// The resolution of one network.
pub(super) struct Walk<'s, 'a> {
    pub(super) shared: &'s mut Shared<'a>,
    pub(super) network: &'s Scope<'a>,
    pub(super) frame: Frame<'a>,
    pub(super) instances: Vec<Instance>,
    pub(super) block_types: Vec<BlockType>,
    pub(super) signatures: Vec<super::blocks::Signature>,
    pub(super) rows: Vec<Row>,
    pub(super) traced: Vec<(String, Shape)>,
    /// See [`Model::named`](crate::model::Model::named).
    pub(super) named: Vec<String>,
    pub(super) obligations: Vec<Obligation>,
    /// The calls that led here.
    pub(super) calls: Vec<Caller>,
    /// Whether sizes of symbols met that need not be equal (reported).
    pub(super) undecided: bool,
    /// The first layer that leaves nothing of small sizes: said where nothing else is wrong, because other facts may
    /// be missing too, and say more.
    pub(super) vanishing: Option<(TokenRange, Problem, Flow)>,
    /// How values came to be.
    pub(super) origins: Vec<Origin>,
    /// Blocks that are being walked, against recursion.
    pub(super) active: Vec<&'a str>,
}

impl<'a> Walk<'_, 'a> {
    pub(super) fn report(&mut self, range: TokenRange, problem: Problem) {
        let notes = self.notes();
        self.shared.report(range, problem, notes);
    }

    pub(super) fn notes(&self) -> Vec<String> {
        if self.shared.quiet() {
            Vec::new()
        } else {
            self.calls.iter().map(|call| call.note.clone()).collect()
        }
    }

    /// The layer that gave a value, as written; a long one is cut.
    pub(super) fn giver(&self, flow: &Flow) -> Option<String> {
        let mut origin = self.origin(flow.origin?)?;
        // What a shape was stated of says more than the statement.
        while origin.what == What::Stated {
            origin = self.origin(origin.parent()?)?;
        }
        (origin.what != What::Input).then(|| self.short(origin.range))
    }

    /// Tokens as text.
    pub(super) fn text(&self, range: TokenRange) -> String {
        self.shared.table.text(range)
    }

    /// Tokens as text for a message or a table; nothing where nobody will read it.
    pub(super) fn quoted(&self, range: TokenRange) -> String {
        if self.shared.quiet() { String::new() } else { self.text(range) }
    }

    /// Walks a path from `flow`.
    pub(super) fn path(&mut self, path: &'a Path, flow: Flow, level: &mut Level) -> (Vec<Step>, Flow) {
        let mut steps = Vec::new();
        let flow = self.items(&path.items, true, flow, level, &mut steps);
        (steps, flow)
    }

    /// Walks items one after another; a tap at the `beginning` of a path is read, not named.
    pub(super) fn items(
        &mut self,
        items: &'a [Item],
        beginning: bool,
        flow: Flow,
        level: &mut Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let mut flow = flow;
        for (index, item) in items.iter().enumerate() {
            if self.exhausted(item) {
                return Flow::UNKNOWN;
            }
            flow = self.item(item, beginning && index == 0, &items[index + 1..], flow, level, steps);
        }
        flow
    }

    /// Whether the network has grown beyond what it may (reported once).
    pub(super) fn exhausted(&mut self, item: &Item) -> bool {
        match self.shared.remaining.checked_sub(1) {
            Some(remaining) => {
                self.shared.remaining = remaining;
                self.shared.walked += 1;
                if remaining == 0 {
                    self.report(item.range, Problem::TooManyLayers);
                }
                remaining == 0
            }
            None => true,
        }
    }

    fn item(
        &mut self,
        item: &'a Item,
        first: bool,
        next: &'a [Item],
        flow: Flow,
        level: &mut Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let label = item.label.as_ref();
        if let Some(label) = label.filter(|label| label.numbered_from.is_some() && item.repeat().is_none()) {
            self.report(
                label.name.range(),
                Problem::NumberedWithoutRepeat { label: label.name.text.clone() },
            );
        }
        if let Some(label) = label.filter(|label| label.name.text == TRANSPARENT && !self.is_network(item)) {
            self.report(label.name.range(), Problem::TransparentLabel);
        }
        let flow = match &item.kind {
            ItemKind::Word(word) => self.word(item, word, next, flow, level, steps),
            ItemKind::Group { body, .. } if body.items.is_empty() => {
                // That nothing is in it was reported.
                steps.push(Step::Broken);
                Flow::UNKNOWN
            }
            ItemKind::Group { body, repeat } => {
                self.repeated(Repeated::of(item, *repeat), level, flow, steps, |walk, flow, level, steps| {
                    let (inner, flow) = walk.path(body, flow, level);
                    steps.extend(inner);
                    flow
                })
            }
            ItemKind::Residual { body, shortcut, repeat } => {
                self.repeated(Repeated::of(item, *repeat), level, flow, steps, |walk, flow, level, steps| {
                    walk.residual(item, body, shortcut.as_ref(), flow, level, steps)
                })
            }
            ItemKind::Dense { body, repeat } => {
                self.repeated(Repeated::of(item, *repeat), level, flow, steps, |walk, flow, level, steps| {
                    walk.dense(item, body, flow, level, steps)
                })
            }
            ItemKind::Branches { merge, branches, repeat } => {
                self.repeated(Repeated::of(item, *repeat), level, flow, steps, |walk, flow, level, steps| {
                    walk.branches(item, *merge, branches, &flow, level, steps)
                })
            }
            ItemKind::Taps { merge, taps } => self.merge_taps(item, *merge, taps, level, steps),
            ItemKind::Tap(name) if first => self.read(name, steps),
            ItemKind::Tap(name) => self.tap(name, flow, steps),
            ItemKind::Ascription(shape) => self.ascription(shape, flow),
            ItemKind::Custom { expression, output } => {
                let path = self.claim(item, level);
                self.custom(item, path, *expression, output, flow, steps)
            }
            ItemKind::External { path, outputs } => {
                let own = self.claim(item, level);
                self.external(item, own, *path, outputs, flow, steps)
            }
            ItemKind::Broken => {
                steps.push(Step::Broken);
                Flow::UNKNOWN
            }
        };
        // Labelled values of the network's own paths can be looked at with `trace`.
        if let Some(label) = label
            && self.frame.is_root
            && level.prefix.is_empty()
            && label.name.text != TRANSPARENT
            && !self.gives_stages(item)
            && !self.traced.iter().any(|(name, _)| *name == label.name.text)
        {
            self.traced.push((label.name.text.clone(), flow.shape.clone()));
            steps.push(Step::Keep(label.name.text.clone()));
        }
        flow
    }

    /// A group or combination: transparent without a label, a level of its own with one; once or repeated.
    fn repeated(
        &mut self,
        repeated: Repeated<'a>,
        level: &mut Level,
        flow: Flow,
        steps: &mut Vec<Step>,
        mut body: impl FnMut(&mut Self, Flow, &mut Level, &mut Vec<Step>) -> Flow,
    ) -> Flow {
        let Repeated { label, is_group, repeat } = repeated;
        let count = self.count(repeat);
        let mut flow = flow;
        let mut inner = label.map(|label| {
            let path = level.child(Some(&label.name.text));
            Level::new(format!("{path}."))
        });
        for copy in 0..count {
            if self.shared.remaining == 0 {
                return Flow::UNKNOWN;
            }
            // `x3/2`: the first copy has the stride.
            let names = repeat.and_then(|repeat| repeat.stride).map(|stride| {
                let mut names = (*self.frame.names).clone();
                names.insert("stride", Bound::Size(Dim::from(if copy == 0 { stride } else { 1 })));
                std::mem::replace(&mut self.frame.names, Rc::new(names))
            });
            flow = match (&mut inner, label) {
                (None, _) | (_, None) => body(self, flow, level, steps),
                (Some(level), Some(label)) => {
                    let numbered = label.numbered_from.is_some() || (repeat.is_some() && !is_group);
                    if numbered {
                        let number = label.numbered_from.unwrap_or(0) + copy;
                        // `layer.0.`, or with a numbered label `layer1.`
                        let stem = level.prefix.trim_end_matches('.');
                        let dot = if label.numbered_from.is_some() { "" } else { "." };
                        let mut own = Level::new(format!("{stem}{dot}{number}."));
                        body(self, flow, &mut own, steps)
                    } else {
                        body(self, flow, level, steps)
                    }
                }
            };
            if let Some(names) = names {
                self.frame.names = names;
            }
        }
        flow
    }

    /// How often; 0 is an error.
    pub(super) fn count(&mut self, repeat: Option<Repeat>) -> u64 {
        match repeat {
            None => 1,
            Some(Repeat { count: 0, range, .. }) => {
                self.report(range, Problem::RepeatZero);
                1
            }
            Some(Repeat { stride: Some(0), range, .. }) => {
                self.report(range, Problem::ZeroInLayer { layer: self.text(range), what: "stride" });
                1
            }
            Some(Repeat { count, .. }) => count,
        }
    }

    /// Takes the path of a leaf for an item.
    pub(super) fn claim(&mut self, item: &Item, level: &mut Level) -> String {
        let path = level.child(item.label.as_ref().map(|label| label.name.text.as_str()));
        self.claim_path(item, path)
    }

    /// Whether an item is another network, once.
    fn is_network(&self, item: &Item) -> bool {
        match &item.kind {
            ItemKind::Word(word) => self.network_of(word).is_some() && word.repeat.is_none(),
            ItemKind::External { .. } => true,
            _ => false,
        }
    }

    /// The network of this declaration that a word names.
    pub(super) fn network_of(&self, word: &Word) -> Option<usize> {
        let name = &word.head.text;
        if self.network.block(name).is_some() {
            return None;
        }
        self.shared.file.networks.iter().position(|network| network.name.text == *name)
    }

    /// Whether an item gives no value that goes on, but stages to read.
    pub(super) fn gives_stages(&self, item: &Item) -> bool {
        match &item.kind {
            ItemKind::Word(word) => {
                let network = self.network_of(word).and_then(|index| self.shared.file.networks.get(index));
                network.is_some_and(|network| network.outputs.iter().any(|port| port.name.is_some()))
            }
            ItemKind::External { outputs, .. } => outputs.iter().any(|port| port.name.is_some()),
            _ => false,
        }
    }

    /// Notes that a path is taken; two layers of one path would share their weights' names.
    pub(super) fn claim_path(&mut self, item: &Item, path: String) -> String {
        if path.is_empty() {
            // A network from elsewhere whose names are not known here.
            return path;
        }
        if let Some(token) = self.frame.paths.insert(path.clone(), item.range.first) {
            let range = item.label.as_ref().map_or(item.range, |label| label.name.range());
            let repeated = token == item.range.first;
            self.report(range, Problem::DuplicatePath { path: path.clone(), repeated });
        }
        path
    }

    /// A word: a layer parameter, a block, a network, or a layer.
    pub(super) fn word(
        &mut self,
        item: &'a Item,
        word: &'a Word,
        next: &'a [Item],
        flow: Flow,
        level: &mut Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let name = word.head.text.as_str();
        let bare = !word.has_parentheses && word.size.is_none() && word.stride.is_none();
        match self.frame.names.get(name).cloned() {
            Some(Bound::Layer(argument)) if bare => {
                return self.layer_argument(item, &argument, next, flow, level, steps);
            }
            Some(Bound::Broken) if bare => {
                steps.push(Step::Broken);
                return Flow::UNKNOWN;
            }
            _ => {}
        }
        if let Some(block) = self.network.block(name) {
            return self.call(item, word, block, flow, level, steps);
        }
        if let Some(index) = self.shared.file.networks.iter().position(|network| network.name.text == name) {
            return self.local_network(item, word, index, flow, level, steps);
        }
        if let Some(repeat) = word.repeat.filter(|_| layer::lookup(name).is_some()) {
            let layer = self.text(word.range);
            self.report(repeat.range, Problem::RepeatOfLayer { layer, repeat: self.text(repeat.range) });
        }
        match layer::lookup(name) {
            Some((head, digits)) => {
                let path = self.claim(item, level);
                self.layer(item, word, head, digits, path, next, flow, steps)
            }
            None => {
                self.unknown_word(word);
                // It would have been a sibling all the same.
                let _ = level.child(None);
                steps.push(Step::Broken);
                Flow::UNKNOWN
            }
        }
    }

    /// A layer that was given to the block: walked with the names of where it was written.
    fn layer_argument(
        &mut self,
        item: &'a Item,
        argument: &Rc<LayerArgument<'a>>,
        next: &'a [Item],
        flow: Flow,
        level: &mut Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        if self.calls.len() > 64 {
            self.report(item.range, Problem::TooDeep);
            return Flow::UNKNOWN;
        }
        let outer = std::mem::replace(&mut self.frame.names, Rc::clone(&argument.names));
        // The label of the place where it is used names it.
        let flow = match (&argument.item.kind, &item.label) {
            (ItemKind::Word(word), _) => {
                let labelled = if item.label.is_some() { item } else { argument.item };
                self.word(labelled, word, next, flow, level, steps)
            }
            (ItemKind::Group { body, repeat }, Some(label)) => {
                let repeated = Repeated { label: Some(label), is_group: true, repeat: *repeat };
                self.repeated(repeated, level, flow, steps, |walk, flow, level, steps| {
                    let (inner, flow) = walk.path(body, flow, level);
                    steps.extend(inner);
                    flow
                })
            }
            _ => self.item(argument.item, false, next, flow, level, steps),
        };
        self.frame.names = outer;
        flow
    }

    fn unknown_word(&mut self, word: &Word) {
        let name = word.head.text.clone();
        let names = self.frame.names.clone();
        if let Some(Bound::Size(_) | Bound::Float(_)) = names.get(name.as_str()) {
            self.report(word.head.range(), Problem::NumberAsWord { name });
            return;
        }
        if self.network.is_input(&name) {
            self.report(word.head.range(), Problem::InputInside { name });
            return;
        }
        if self.shared.quiet() {
            // Nobody reads which name is near.
            self.report(word.head.range(), layers::unknown_to_nobody(name));
            return;
        }
        let layers =
            names.iter().filter(|(_, bound)| matches!(bound, Bound::Layer(_))).map(|(name, _)| *name);
        let blocks: Vec<&str> = self.network.block_names().chain(layers).collect();
        let networks = self.shared.file.networks.iter().map(|network| network.name.text.as_str());
        let problem = layers::unknown(&name, blocks.into_iter().chain(networks).collect());
        self.report(word.head.range(), problem);
    }

    fn tap(&mut self, name: &'a Ident, flow: Flow, steps: &mut Vec<Step>) -> Flow {
        if name.text.contains('.') {
            self.report(name.range(), Problem::StageNamed { name: name.text.clone() });
            return flow;
        }
        if self.frame.taps.insert(name.text.clone(), flow.clone()).is_some() {
            self.report(name.range(), Problem::Duplicate { what: "tap", name: name.text.clone() });
            // Which of the two is meant is not known.
            self.frame.taps.insert(name.text.clone(), Flow::UNKNOWN);
        }
        // Kept before it is named, so that what reads the tap has a part in its gradient.
        if self.frame.is_root && !self.traced.iter().any(|(traced, _)| *traced == name.text) {
            self.traced.push((name.text.clone(), flow.shape.clone()));
            steps.push(Step::Keep(name.text.clone()));
        }
        steps.push(Step::Tap(name.clone()));
        flow
    }

    fn read(&mut self, name: &'a Ident, steps: &mut Vec<Step>) -> Flow {
        match self.find_tap(name) {
            Some(flow) => {
                steps.push(Step::Read(name.clone()));
                flow
            }
            None => {
                steps.push(Step::Broken);
                Flow::UNKNOWN
            }
        }
    }

    /// The value of a tap; an unknown one is reported.
    pub(super) fn find_tap(&mut self, name: &Ident) -> Option<Flow> {
        if let Some(flow) = self.frame.taps.get(name.text.as_str()) {
            return Some(flow.clone());
        }
        let known: Vec<String> = self.frame.taps.keys().cloned().collect();
        let nearest =
            crate::nearest::nearest(&name.text, known.iter().map(String::as_str)).map(str::to_owned);
        self.report(name.range(), Problem::UnknownTap { name: name.text.clone(), nearest, known });
        None
    }
}
