//! Mermaid flow charts.

use super::{Kind, View};
use std::fmt::Write;

pub(super) fn render(view: &View) -> String {
    let mut out = String::from("flowchart TD\n");
    group(view, None, 1, &mut out);
    for (from, to) in view.edges() {
        let _ = writeln!(out, "    n{from} -->|{}| n{to}", escape(&view.carried(from, to).to_string()));
    }
    out
}

fn group(view: &View, at: Option<usize>, depth: usize, out: &mut String) {
    let indent = "    ".repeat(depth);
    let (nodes, groups) = view.inside(at);
    for &node in nodes {
        let mut text = escape(&view.title(node));
        let subtitle = view.subtitle(node);
        if !subtitle.is_empty() {
            let _ = write!(text, "<br/>{}", escape(&subtitle));
        }
        let (open, close) = match view.nodes[node].kind {
            Kind::Input | Kind::Output | Kind::Concat | Kind::Split | Kind::Stage => ("([", "])"),
            Kind::Add | Kind::Multiply => ("((", "))"),
            Kind::Call => ("[[", "]]"),
            Kind::Layer => ("[", "]"),
        };
        let _ = writeln!(out, "{indent}n{node}{open}\"{text}\"{close}");
    }
    for &inner in groups {
        let _ = writeln!(out, "{indent}subgraph g{inner}[\"{}\"]", escape(&view.heading(inner)));
        group(view, Some(inner), depth + 1, out);
        let _ = writeln!(out, "{indent}end");
    }
}

/// What could mean something to Mermaid, Markdown or HTML becomes a number: `#35;`.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let safe = c.is_alphanumeric() || matches!(c, ' ' | '-' | '+' | ',' | '.' | ':' | '/' | '×' | '…');
        if safe {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}
