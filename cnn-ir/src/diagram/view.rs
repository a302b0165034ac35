//! What all renderers draw: nodes, and groups of them.

use super::stages::prefixes;
use super::{Kind, Node};
use crate::dim::Dim;
use crate::summary::{Sizes, grouped};
use std::collections::HashMap;

/// Nodes that belong together: what a label names, or a call of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its full path.
    pub path: String,
    /// As written, where it is a call.
    pub text: String,
    /// The group around it.
    pub parent: Option<usize>,
    /// Its nodes, those of groups inside it among them.
    pub nodes: Vec<usize>,
}

/// A diagram at one level of detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The nodes; what arrives at one comes before it.
    pub nodes: Vec<Node>,
    /// The groups; each behind the one around it.
    pub groups: Vec<Group>,
    /// The innermost group of each node.
    owners: Vec<Option<usize>>,
    /// What is directly in no group, and in each.
    contents: Vec<Contents>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Contents {
    nodes: Vec<usize>,
    groups: Vec<usize>,
}

impl View {
    /// Groups nodes by their paths. A label around a single node makes no group; a call does.
    pub(super) fn new(nodes: Vec<Node>, calls: &[(String, String)]) -> Self {
        let calls: HashMap<&str, &str> =
            calls.iter().map(|(path, source)| (path.as_str(), source.as_str())).collect();
        let around = |node: &Node| match node.kind {
            Kind::Input | Kind::Output => Vec::new(),
            kind => prefixes(&node.path, kind.is_joint()).map(str::to_owned).collect::<Vec<_>>(),
        };
        let mut members: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            for path in around(node) {
                members.entry(path).or_default().push(index);
            }
        }
        let mut view = Self { nodes, groups: Vec::new(), owners: Vec::new(), contents: Vec::new() };
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for index in 0..view.nodes.len() {
            let mut parent: Option<usize> = None;
            for path in around(&view.nodes[index]) {
                if let Some(&known) = numbers.get(&path) {
                    parent = Some(known);
                    continue;
                }
                let Some(nodes) = members.get(&path) else { continue };
                let text = calls.get(path.as_str()).copied();
                // A label around another of the same nodes says no more than that.
                let same = parent.is_some_and(|parent| {
                    view.groups[parent].nodes.len() == nodes.len() && view.groups[parent].text.is_empty()
                });
                if text.is_none() && nodes.len() < 2 {
                    continue;
                }
                let text = text.unwrap_or_default().to_owned();
                match parent.filter(|_| same) {
                    Some(outer) => {
                        view.groups[outer].path.clone_from(&path);
                        view.groups[outer].text = text;
                        numbers.insert(path, outer);
                    }
                    None => {
                        numbers.insert(path.clone(), view.groups.len());
                        view.groups.push(Group { path, text, parent, nodes: nodes.clone() });
                        parent = Some(view.groups.len() - 1);
                    }
                }
            }
            view.owners.push(parent);
        }
        let place = |group: Option<usize>| group.map_or(0, |group| group + 1);
        view.contents.resize(view.groups.len() + 1, Contents::default());
        for (index, &owner) in view.owners.iter().enumerate() {
            view.contents[place(owner)].nodes.push(index);
        }
        for (index, group) in view.groups.iter().enumerate() {
            view.contents[place(group.parent)].groups.push(index);
        }
        view
    }

    /// The nodes and the groups directly in a group, or in none.
    pub(super) fn inside(&self, group: Option<usize>) -> (&[usize], &[usize]) {
        let contents = &self.contents[group.map_or(0, |group| group + 1)];
        (&contents.nodes, &contents.groups)
    }

    /// What a node is called: as written, or what it does; an input or output by its name.
    pub(super) fn title(&self, index: usize) -> String {
        let node = &self.nodes[index];
        match node.kind {
            Kind::Input if node.path.is_empty() => "input".to_owned(),
            Kind::Output if node.path.is_empty() => "output".to_owned(),
            Kind::Input | Kind::Output => plain(&node.path),
            Kind::Add => "+".to_owned(),
            Kind::Multiply => "×".to_owned(),
            Kind::Concat => "concat".to_owned(),
            Kind::Split => "split".to_owned(),
            Kind::Stage => plain(&format!("@{}", node.text)),
            Kind::Layer | Kind::Call => plain(&node.text),
        }
    }

    /// A layer's path inside its group, and its parameters.
    pub(super) fn subtitle(&self, index: usize) -> String {
        let node = &self.nodes[index];
        if !matches!(node.kind, Kind::Layer | Kind::Call) {
            return String::new();
        }
        let path = self.short_path(&node.path, self.owners[index]);
        match parameters(&node.parameters) {
            Some(parameters) if path.is_empty() => parameters,
            Some(parameters) => format!("{path}: {parameters}"),
            None => path,
        }
    }

    /// A group's label and how its call is written.
    pub(super) fn heading(&self, index: usize) -> String {
        let group = &self.groups[index];
        let path = self.short_path(&group.path, group.parent);
        if group.text.is_empty() { path } else { plain(&format!("{path}: {}", group.text)) }
    }

    fn short_path(&self, path: &str, group: Option<usize>) -> String {
        let around = group.map_or("", |group| &self.groups[group].path);
        let inner = path.strip_prefix(around).map(|rest| rest.trim_start_matches('.'));
        plain(inner.unwrap_or(path))
    }

    /// The shape of what goes over an edge: of a network inside a stage is read, not what goes on behind it.
    pub(super) fn carried(&self, from: usize, to: usize) -> &Sizes {
        let (from, to) = (&self.nodes[from], &self.nodes[to]);
        if to.kind == Kind::Stage { &to.shape } else { &from.shape }
    }

    /// Each edge: from where to where.
    pub(super) fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        self.nodes.iter().enumerate().flat_map(|(to, node)| node.from.iter().map(move |&from| (from, to)))
    }
}

fn parameters(count: &Dim) -> Option<String> {
    match count.number() {
        Some(0) => None,
        Some(1) => Some("1 parameter".to_owned()),
        Some(number) => Some(format!("{} parameters", grouped(number))),
        None => Some(plain(&format!("{count} parameters"))),
    }
}

/// The longest text that is drawn.
const LONGEST: usize = 60;

/// Text in one line, none of it invisible, and not without end: labels and `rust(..)` are the user's.
fn plain(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut out: String = text.chars().take(LONGEST).map(visible).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}
