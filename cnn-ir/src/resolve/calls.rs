//! Calls of a block: its arguments, its copies, the walk through its body.

use super::Flow;
use super::names::{Bound, Names};
use super::walk::{Caller, Frame, Level, Walk};
use crate::ast::{Block, Item, Word};
use crate::diagnostic::Problem;
use crate::model::{Call, Instance, Step};
use crate::nearest::nearest;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Blocks may call blocks this deep.
const DEEPEST: usize = 64;

/// Where the copies of a labelled repeat stand.
pub(super) fn list_of(item: &Item, word: &Word, level: &mut Level) -> Option<String> {
    let label = item.label.as_ref().filter(|_| word.repeat.is_some())?;
    Some(level.child(Some(&label.name.text)))
}

/// The path of one copy of a call.
pub(super) fn copy_path(item: &Item, list: Option<&str>, copy: u64, level: &mut Level) -> String {
    match (list, &item.label) {
        (Some(stem), Some(label)) => match label.numbered_from {
            Some(from) => format!("{stem}{}", from + copy),
            None => format!("{stem}.{copy}"),
        },
        _ => level.child(item.label.as_ref().map(|label| label.name.text.as_str())),
    }
}

impl<'a> Walk<'_, 'a> {
    /// A block, once or repeated.
    pub(super) fn call(
        &mut self,
        item: &'a Item,
        word: &'a Word,
        block: &'a Block,
        flow: Flow,
        level: &mut Level,
        steps: &mut Vec<Step>,
    ) -> Flow {
        let source = self.quoted(word.range);
        if self.active.len() >= DEEPEST {
            self.report(word.head.range(), Problem::TooDeep);
            steps.push(Step::Broken);
            return Flow::UNKNOWN;
        }
        if self.active.contains(&block.name.text.as_str()) {
            let problem = Problem::RecursiveBlock { name: block.name.text.clone() };
            if self.shared.diagnostics.iter().all(|other| other.problem != problem) {
                self.report(word.head.range(), problem);
            }
            steps.push(Step::Broken);
            return Flow::UNKNOWN;
        }
        let Some(bound) = self.arguments(word, block) else {
            steps.push(Step::Broken);
            return Flow::UNKNOWN;
        };
        let stride = self.call_stride(word);
        let count = self.count(word.repeat);
        let mut copies = Vec::new();
        let mut flow = flow;
        let list = list_of(item, word, level);
        let note = match &item.label {
            Some(label) => format!("in `{}`: `{source}`", label.name.text),
            None => format!("in `{source}`"),
        };
        self.calls.push(Caller { note, range: word.range });
        self.active.push(&block.name.text);
        for copy in 0..count {
            if self.shared.remaining == 0 {
                break;
            }
            let path = copy_path(item, list.as_deref(), copy, level);
            let path = self.claim_path(item, path);
            let first_stride = word.repeat.and_then(|repeat| repeat.stride).or(stride).unwrap_or(1);
            let stride = if copy == 0 { first_stride } else { 1 };
            let (mut instance, after) = self.instance(block, &bound, stride, &path, flow);
            flow = after;
            if !self.shared.quiet() {
                let strided = copy == 0 && word.repeat.is_some_and(|repeat| repeat.stride.is_some());
                instance.source = if strided { format!("{source}/{stride}") } else { source.clone() };
                let id = self.intern(instance);
                copies.push((path, id));
            }
        }
        self.active.pop();
        self.calls.pop();
        let label = item.label.as_ref().map(|label| label.name.clone());
        // The copies of a labelled repeat form a list, as long as they are of one type (with errors they
        // may not be).
        let block_of = |id: crate::model::InstanceId| self.instances[id.0].block;
        let one_type = copies.windows(2).all(|pair| block_of(pair[0].1) == block_of(pair[1].1));
        match (list, copies.first()) {
            (Some(list), Some(&(_, first))) if one_type => {
                let block = block_of(first);
                steps.push(Step::Call(Call {
                    block,
                    copies,
                    list: Some(list),
                    source,
                    range: word.range,
                    label,
                }));
            }
            _ => {
                for copy in copies {
                    let block = block_of(copy.1);
                    let (source, label) = (source.clone(), label.clone());
                    let copies = vec![copy];
                    steps.push(Step::Call(Call {
                        block,
                        copies,
                        list: None,
                        source,
                        range: word.range,
                        label,
                    }));
                }
            }
        }
        flow
    }

    /// The stride behind `/`.
    fn call_stride(&mut self, word: &'a Word) -> Option<u64> {
        let expr = word.stride.as_ref()?;
        let size = self.size(expr).ok()?;
        match size.number().and_then(|stride| u64::try_from(stride).ok()).filter(|&stride| stride > 0) {
            Some(stride) => Some(stride),
            None => {
                let text = self.text(expr.range);
                self.report(expr.range, Problem::NumberNotVisible { what: "the stride", text });
                None
            }
        }
    }

    /// The block's parameters with the values of this call; `None` after an error (reported).
    fn arguments(&mut self, word: &'a Word, block: &'a Block) -> Option<Names<'a>> {
        let mut bound: Names<'a> = BTreeMap::new();
        let mut intact = true;
        if let Some(size) = &word.size {
            let problem = Problem::SizeOfCall { name: block.name.text.clone() };
            self.report(size.range, problem);
            intact = false;
        }
        let mut positional = block.parameters.iter();
        for arg in &word.args {
            let parameter = match &arg.name {
                None => positional.next().map(|parameter| parameter.name.text.as_str()),
                Some(name) if name.text == "stride" => Some("stride"),
                Some(name) => {
                    let found = block.parameters.iter().find(|parameter| parameter.name.text == name.text);
                    if found.is_none() {
                        let known: Vec<String> =
                            block.parameters.iter().map(|parameter| parameter.name.text.clone()).collect();
                        let problem = Problem::UnknownParameter {
                            block: block.name.text.clone(),
                            name: name.text.clone(),
                            nearest: nearest(&name.text, known.iter().map(String::as_str)).map(str::to_owned),
                            known,
                        };
                        self.report(name.range(), problem);
                        intact = false;
                        continue;
                    }
                    found.map(|parameter| parameter.name.text.as_str())
                }
            };
            let Some(parameter) = parameter else {
                self.report(arg.range, self.argument_count(word, block));
                intact = false;
                continue;
            };
            let value = self.bind(&arg.value);
            if bound.insert(parameter, value).is_some() {
                let problem = Problem::Duplicate { what: "argument", name: parameter.to_owned() };
                self.report(arg.range, problem);
                intact = false;
            }
        }
        for parameter in &block.parameters {
            let name = parameter.name.text.as_str();
            if bound.contains_key(name) {
                continue;
            }
            match &parameter.default {
                Some(value) => {
                    // A default may use the parameters before it.
                    let mut names = (*self.network.names).clone();
                    names.extend(bound.iter().map(|(&name, value)| (name, value.clone())));
                    let outer = std::mem::replace(&mut self.frame.names, Rc::new(names));
                    let value = self.bind(value);
                    self.frame.names = outer;
                    bound.insert(name, value);
                }
                None if intact => {
                    self.report(word.range, self.argument_count(word, block));
                    return None;
                }
                None => return None,
            }
        }
        intact.then_some(bound)
    }

    fn argument_count(&self, word: &Word, block: &Block) -> Problem {
        Problem::ArgumentCount {
            block: block.name.text.clone(),
            parameters: block.parameters.iter().map(|parameter| parameter.name.text.clone()).collect(),
            needed: block.parameters.iter().filter(|parameter| parameter.default.is_none()).count(),
            found: word.args.len(),
        }
    }

    /// Walks the block's body for one call.
    fn instance(
        &mut self,
        block: &'a Block,
        bound: &Names<'a>,
        stride: u64,
        path: &str,
        flow: Flow,
    ) -> (Instance, Flow) {
        let mut names = (*self.network.names).clone();
        let cin = match flow.shape.channels() {
            Some(channels) => Bound::Size(channels.clone()),
            None => Bound::Broken,
        };
        names.insert("cin", cin);
        names.insert("stride", Bound::Size(stride.into()));
        names.extend(bound.iter().map(|(&name, value)| (name, value.clone())));
        let arguments = names
            .iter()
            .filter(|(name, _)| matches!(**name, "cin" | "stride") || bound.contains_key(**name))
            .filter_map(|(&name, value)| match value {
                Bound::Size(dim) => Some((name.to_owned(), dim.clone())),
                _ => None,
            })
            .collect();
        let frame = Frame {
            names: Rc::new(names),
            taps: BTreeMap::new(),
            paths: BTreeMap::new(),
            prefix: format!("{}{path}.", self.frame.prefix),
            is_root: false,
        };
        let outer = std::mem::replace(&mut self.frame, frame);
        let input = flow.shape.clone();
        let (body, after) = self.path(&block.body, flow, &mut Level::new(String::new()));
        self.frame = outer;
        let block = crate::model::BlockTypeId(usize::MAX);
        let output = after.shape.clone();
        (Instance { block, source: String::new(), arguments, body, input, output }, after)
    }
}
