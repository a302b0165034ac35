//! Readers of what the renderers write, as strict as the languages and stricter than their programs.

use cnn_ir::diagram::{Detail, Diagram, View};
use std::collections::{BTreeMap, BTreeSet};

/// Reads everything that a diagram writes, at both levels of detail.
pub(crate) fn all(diagram: &Diagram) {
    for detail in [Detail::Stages, Detail::Layers] {
        let diagram = diagram.clone().detail(detail);
        let view = diagram.view();
        let edges = edges(&view);
        mermaid(&diagram.mermaid(), &view, &edges);
        dot(&diagram.dot(), &view, &edges);
        svg(&diagram.svg(), &view);
    }
}

/// All edges join nodes, from the earlier to the later.
fn edges(view: &View) -> Vec<(usize, usize)> {
    let mut edges = Vec::new();
    for (to, node) in view.nodes.iter().enumerate() {
        for &from in &node.from {
            assert!(from < to, "an edge from {from} to {to}");
            edges.push((from, to));
        }
    }
    edges
}

/// A number behind a letter: `n12`.
fn number(text: &str, letter: char) -> usize {
    let digits = text.strip_prefix(letter).unwrap_or_else(|| panic!("{text:?}"));
    digits.parse().unwrap_or_else(|_| panic!("{text:?}"))
}

/// Text between quotes: letters, some marks, `#35;` and `<br/>`.
fn mermaid_text(text: &str) {
    for part in text.split("<br/>") {
        let mut rest = part;
        while let Some(at) = rest.find('#') {
            let (plain, entity) = rest.split_at(at);
            mermaid_plain(plain);
            let (code, behind) = entity[1..].split_once(';').unwrap_or_else(|| panic!("{text:?}"));
            assert!(code.parse::<u32>().ok().and_then(char::from_u32).is_some(), "{text:?}");
            rest = behind;
        }
        mermaid_plain(rest);
    }
}

fn mermaid_plain(text: &str) {
    let known = |c: char| c.is_alphanumeric() || " -+,.:/×…".contains(c);
    assert!(text.chars().all(known), "{text:?}");
}

fn mermaid(text: &str, view: &View, edges: &[(usize, usize)]) {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("flowchart TD"));
    let (mut nodes, mut groups, mut found, mut open) = (BTreeSet::new(), BTreeSet::new(), Vec::new(), 0);
    for line in lines {
        let line = line.trim_start();
        if line == "end" {
            assert!(open > 0);
            open -= 1;
        } else if let Some(group) = line.strip_prefix("subgraph ") {
            let (group, label) = group.split_once("[\"").unwrap();
            assert!(groups.insert(number(group, 'g')));
            mermaid_text(label.strip_suffix("\"]").unwrap());
            open += 1;
        } else if let Some((from, edge)) = line.split_once(" -->|") {
            let (label, to) = edge.split_once("| ").unwrap();
            mermaid_text(label);
            found.push((number(from, 'n'), number(to, 'n')));
        } else {
            let end = line.find(['[', '(']).unwrap_or_else(|| panic!("{line:?}"));
            let (node, label) = line.split_at(end);
            let (before, rest) = label.split_once('"').unwrap();
            let (label, behind) = rest.rsplit_once('"').unwrap();
            let brackets = [("[", "]"), ("([", "])"), ("((", "))"), ("[[", "]]")];
            assert!(brackets.contains(&(before, behind)), "{line:?}");
            mermaid_text(label);
            assert!(nodes.insert(number(node, 'n')), "{line:?} twice");
        }
    }
    assert_eq!(open, 0);
    assert_eq!(nodes, (0..view.nodes.len()).collect());
    assert_eq!(groups, (0..view.groups.len()).collect());
    assert_eq!(found, edges);
}

/// The text of a quoted string at the beginning, and what follows it.
fn dot_string(text: &str) -> (&str, &str) {
    let inner = text.strip_prefix('"').unwrap_or_else(|| panic!("{text:?}"));
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => {
                assert!(matches!(c, '"' | '\\' | 'n'), "{text:?}");
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (&inner[..at], &inner[at + 1..]),
            _ => assert!(!c.is_control()),
        }
    }
    panic!("{text:?} does not end");
}

fn dot(text: &str, view: &View, edges: &[(usize, usize)]) {
    let mut lines = text.lines();
    let (_, rest) = dot_string(lines.next().and_then(|line| line.strip_prefix("digraph ")).unwrap());
    assert_eq!(rest, " {");
    let (mut nodes, mut groups, mut found, mut open) = (BTreeSet::new(), 0, Vec::new(), 1);
    for line in lines {
        let line = line.trim_start();
        if line == "}" {
            open -= 1;
        } else if let Some(group) = line.strip_prefix("subgraph cluster_") {
            assert!(group.ends_with(" {"), "{line:?}");
            (open, groups) = (open + 1, groups + 1);
        } else if let Some(label) = line.strip_prefix("label=") {
            assert_eq!(dot_string(label).1, ";");
        } else if line.starts_with("node [") || line.starts_with("edge [") {
            assert!(line.ends_with("];"));
        } else if let Some((from, edge)) = line.split_once(" -> ").filter(|(from, _)| !from.contains('"')) {
            let (to, label) = edge.split_once(" [label=").unwrap();
            assert_eq!(dot_string(label).1, "];");
            found.push((number(from, 'n'), number(to, 'n')));
        } else {
            let (node, label) = line.split_once(" [label=").unwrap_or_else(|| panic!("{line:?}"));
            let (_, rest) = dot_string(label);
            assert!(
                ["];", ", shape=ellipse];", ", shape=circle];", ", peripheries=2];"].contains(&rest),
                "{line:?}"
            );
            assert!(nodes.insert(number(node, 'n')), "{line:?} twice");
        }
    }
    assert_eq!((open, groups), (0, view.groups.len()));
    assert_eq!(nodes, (0..view.nodes.len()).collect());
    assert_eq!(found, edges);
}

#[derive(Clone, Copy, Debug)]
struct Rect {
    x: i64,
    y: i64,
    right: i64,
    bottom: i64,
}

impl Rect {
    fn of(node: roxmltree::Node<'_, '_>) -> Self {
        let get = |name: &str| node.attribute(name).unwrap().parse::<i64>().unwrap();
        let (x, y) = (get("x"), get("y"));
        Self { x, y, right: x + get("width"), bottom: y + get("height") }
    }

    fn is_inside(&self, other: &Self) -> bool {
        self.x >= other.x && self.y >= other.y && self.right <= other.right && self.bottom <= other.bottom
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.x < other.right && other.x < self.right && self.y < other.bottom && other.y < self.bottom
    }
}

/// It is XML, nothing in it could run or load, all stands inside the picture, and no two nodes overlap.
fn svg(text: &str, view: &View) {
    let document = roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let root = document.root_element();
    let size = |name: &str| root.attribute(name).unwrap().parse::<i64>().unwrap();
    let picture = Rect { x: 0, y: 0, right: size("width"), bottom: size("height") };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut nodes, mut groups) = (Vec::new(), Vec::new());
    for element in document.descendants().filter(roxmltree::Node::is_element) {
        let name = element.tag_name().name();
        *counts.entry(name).or_default() += 1;
        assert!(["svg", "title", "g", "rect", "text", "path"].contains(&name), "<{name}>");
        let quiet = |attribute: roxmltree::Attribute<'_, '_>| {
            let name = attribute.name();
            !name.starts_with("on") && !["href", "style", "class", "id"].contains(&name)
        };
        assert!(element.attributes().all(quiet), "{element:?}");
        if name == "rect" {
            let is_group = element.parent().unwrap().has_attribute("stroke-dasharray");
            if is_group { groups.push(Rect::of(element)) } else { nodes.push(Rect::of(element)) }
        }
    }
    assert_eq!(counts.get("title"), Some(&1));
    assert_eq!(nodes.len(), view.nodes.len());
    assert!(groups.len() <= view.groups.len());
    for (index, rect) in nodes.iter().enumerate() {
        assert!(rect.is_inside(&picture), "{rect:?} in {picture:?}");
        let other = nodes[..index].iter().find(|other| rect.overlaps(other));
        assert!(other.is_none(), "{rect:?} and {other:?}");
        // A node is in a group or out of it.
        let cut = groups.iter().find(|group| rect.overlaps(group) && !rect.is_inside(group));
        assert!(cut.is_none(), "{rect:?} and {cut:?}");
    }
}
