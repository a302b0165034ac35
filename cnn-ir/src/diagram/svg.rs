//! SVG: a picture that stands alone, without scripts, styles or references, and takes the colour of the text around
//! it, so that it can be read on light and on dark ground.

use super::layout::{Layout, Rect, Route, SMALL, TITLE, layout};
use super::{Detail, Kind, Node, View};
use std::fmt::Write;

/// What is filled alike.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Convolution,
    Pooling,
    Connected,
    Block,
    Other,
}

const FAMILIES: [(Family, &str); 5] = [
    (Family::Convolution, "#4a8fe0"),
    (Family::Pooling, "#e0604a"),
    (Family::Connected, "#3fae68"),
    (Family::Block, "#a06fd6"),
    (Family::Other, "currentColor"),
];

impl Family {
    fn of(node: &Node) -> Self {
        let word = node.text.trim_start_matches('(');
        let end = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
        match (node.kind, &word[..end]) {
            (Kind::Call, _) => Self::Block,
            (Kind::Layer, "conv" | "dw" | "deconv") => Self::Convolution,
            (Kind::Layer, "pool" | "avgpool" | "gap" | "up" | "shuffle") => Self::Pooling,
            (Kind::Layer, "fc") => Self::Connected,
            _ => Self::Other,
        }
    }
}

pub(super) fn render(name: &str, view: &View, detail: Detail) -> String {
    let layout = layout(view, detail);
    let (width, height) = (layout.width, layout.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" font-family=\"ui-monospace, Menlo, Consolas, monospace\" \
         fill=\"currentColor\" text-anchor=\"middle\">\n<title>{}</title>\n",
        escape(name)
    );
    groups(view, &layout, &mut out);
    edges(&layout, &mut out);
    nodes(view, &layout, &mut out);
    texts(view, &layout, &mut out);
    out.push_str("</svg>\n");
    out
}

fn rect(out: &mut String, rect: &Rect, radius: i64) {
    let Rect { x, y, width, height } = rect;
    let _ =
        writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>");
}

fn groups(view: &View, layout: &Layout, out: &mut String) {
    if layout.groups.is_empty() {
        return;
    }
    out.push_str(
        "<g fill-opacity=\".04\" stroke=\"currentColor\" stroke-opacity=\".35\" stroke-dasharray=\"4 3\">\n",
    );
    layout.groups.iter().for_each(|(_, place)| rect(out, place, 8));
    let _ = writeln!(out, "</g>\n<g font-size=\"{SMALL}\" text-anchor=\"start\" fill-opacity=\".75\">");
    for (group, place) in &layout.groups {
        text(out, [place.x + 8, place.y + 14], &view.heading(*group));
    }
    out.push_str("</g>\n");
}

fn edges(layout: &Layout, out: &mut String) {
    out.push_str("<path fill=\"none\" stroke=\"currentColor\" stroke-opacity=\".6\" d=\"");
    for route in &layout.routes {
        let _ = match *route {
            Route::Down { from: [x, y], to: [to_x, to_y], .. } if x == to_x => {
                write!(out, "M{x} {y}V{to_y}m-4 -5 4 5 4 -5")
            }
            Route::Down { from: [x, y], to: [to_x, to_y], turn: [turn, turned] } => {
                let half = (turn + turned) / 2;
                write!(out, "M{x} {y}V{turn}C{x} {half} {to_x} {half} {to_x} {turned}V{to_y}m-4 -5 4 5 4 -5")
            }
            Route::Beside { from: [x, y], to: [to_x, to_y], line } => {
                let (near, above) = (line - 8, to_y - 8);
                write!(
                    out,
                    "M{x} {y}H{near}Q{line} {y} {line} {}V{above}Q{line} {to_y} {near} {to_y}H{to_x}m5 -4 -5 4 5 4",
                    y + 8
                )
            }
        };
    }
    out.push_str("\"/>\n");
}

fn nodes(view: &View, layout: &Layout, out: &mut String) {
    for (family, colour) in FAMILIES {
        let mut members = String::new();
        for (node, place) in view.nodes.iter().zip(&layout.nodes) {
            if Family::of(node) == family {
                let is_round = !matches!(node.kind, Kind::Layer | Kind::Call);
                rect(&mut members, place, if is_round { place.height / 2 } else { 5 });
            }
        }
        if !members.is_empty() {
            let opacity = if family == Family::Other { ".06" } else { ".2" };
            let _ = writeln!(
                out,
                "<g fill=\"{colour}\" fill-opacity=\"{opacity}\" stroke=\"{colour}\">\n{members}</g>"
            );
        }
    }
}

fn texts(view: &View, layout: &Layout, out: &mut String) {
    let _ = writeln!(out, "<g font-size=\"{TITLE}\">");
    let mut small = String::new();
    for (node, place) in layout.nodes.iter().enumerate() {
        let (title, subtitle) = (view.title(node), view.subtitle(node));
        let x = place.middle();
        let middle = place.y + place.height / 2;
        if matches!(view.nodes[node].kind, Kind::Concat | Kind::Split | Kind::Stage) {
            text(&mut small, [x, middle + 3], &title);
        } else if subtitle.is_empty() {
            text(out, [x, middle + 4], &title);
        } else {
            text(out, [x, place.y + 16], &title);
            text(&mut small, [x, place.y + 30], &subtitle);
        }
    }
    let _ = writeln!(out, "</g>\n<g font-size=\"{SMALL}\" fill-opacity=\".75\">\n{small}</g>");
    let _ = writeln!(out, "<g font-size=\"{SMALL}\" text-anchor=\"start\" fill-opacity=\".75\">");
    for (node, place) in &layout.labels {
        text(out, *place, &view.nodes[*node].shape.to_string());
    }
    out.push_str("</g>\n");
}

fn text(out: &mut String, [x, y]: [i64; 2], words: &str) {
    let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\">{}</text>", escape(words));
}

/// Text in XML.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // No character data may hold these.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
