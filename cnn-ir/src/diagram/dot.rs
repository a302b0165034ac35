//! The DOT language of Graphviz.

use super::{Kind, View};
use std::fmt::Write;

pub(super) fn render(name: &str, view: &View) -> String {
    let mut out = format!("digraph \"{}\" {{\n", escape(name));
    out.push_str("    node [shape=box, style=rounded, fontname=monospace, fontsize=12];\n");
    out.push_str("    edge [fontname=monospace, fontsize=10];\n");
    group(view, None, 1, &mut out);
    for (from, to) in view.edges() {
        let shape = escape(&view.carried(from, to).to_string());
        let _ = writeln!(out, "    n{from} -> n{to} [label=\"{shape}\"];");
    }
    out.push_str("}\n");
    out
}

fn group(view: &View, at: Option<usize>, depth: usize, out: &mut String) {
    let indent = "    ".repeat(depth);
    let (nodes, groups) = view.inside(at);
    for &node in nodes {
        let mut text = escape(&view.title(node));
        let subtitle = view.subtitle(node);
        if !subtitle.is_empty() {
            let _ = write!(text, "\\n{}", escape(&subtitle));
        }
        let shape = match view.nodes[node].kind {
            Kind::Input | Kind::Output | Kind::Concat | Kind::Split | Kind::Stage => ", shape=ellipse",
            Kind::Add | Kind::Multiply => ", shape=circle",
            Kind::Call => ", peripheries=2",
            Kind::Layer => "",
        };
        let _ = writeln!(out, "{indent}n{node} [label=\"{text}\"{shape}];");
    }
    for &inner in groups {
        let _ = writeln!(out, "{indent}subgraph cluster_{inner} {{");
        let _ = writeln!(out, "{indent}    label=\"{}\";", escape(&view.heading(inner)));
        group(view, Some(inner), depth + 1, out);
        let _ = writeln!(out, "{indent}}}");
    }
}

/// In a quoted string a backslash begins an escape, and `&` an entity.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}
