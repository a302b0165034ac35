//! The picture as SVG.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::scene::{Point, Scene, way};
use super::{Arithmetic, Cell, Kind, formula, pair};
use crate::markup::escaped;

/// Around everything, in pixels.
const MARGIN: f64 = 24.0;
/// From one line of text to the next.
const LINE: f64 = 20.0;
/// The mean width of a character, which decides how wide the picture must be for its text.
const CHARACTER: f64 = 6.9;
/// Longer lines are broken, in characters.
const LONGEST_LINE: usize = 76;
/// Seconds at each position.
const SECONDS: f64 = 0.7;

/// Solarized's blue and cyan are those of the paper.
const STYLE: &str = "
.paper { fill: #ffffff } .ink { fill: #1d2730 } .soft { fill: #55626e }
text { font: 13px system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif }
.name { font: 600 16px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace }
.formula { font-size: 14px }
path { stroke: #1d2730; stroke-width: 1; stroke-linejoin: round }
.input { fill: #268bd2 } .output { fill: #2aa198 }
.inserted { fill: #ffffff } .padding { fill: #ffffff; stroke-dasharray: 3 2 }
.outpad { fill: #f3e3b3; stroke-dasharray: 3 2 }
.beyond { fill: none; stroke: #8a96a1; stroke-dasharray: 1 3 }
.unread { opacity: .38 }
.kernel { fill: #0b1a26; fill-opacity: .5; stroke: #0b1a26; stroke-width: 1.4 }
.extent { fill: none; stroke: #cb4b16; stroke-width: 2 }
.rays { fill: none; stroke: #cb4b16; stroke-width: 1; stroke-opacity: .75 }
.now { fill: #0d5d57; stroke: #cb4b16; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  .paper { fill: #14191e } .ink { fill: #e8edf1 } .soft { fill: #a4b0ba }
  path { stroke: #0c1013 }
  .inserted, .padding { fill: #2b343c; stroke: #93a1ac } .outpad { fill: #5b4f25; stroke: #93a1ac }
  .beyond { fill: none; stroke: #6d7983 }
  .kernel { fill: #05090c; stroke: #e8edf1 } .extent, .rays, .now { stroke: #ff9454 }
}
";

pub(super) fn draw(of: &Arithmetic, animated: bool) -> String {
    let scene = Scene::of(of);
    let heading = format!("{}: {} to {}", kind(of), pair(of.layer.input()), pair(of.layer.output()));
    let lines = text_lines(of);
    let [drawing_width, drawing_height] = scene.size();
    let longest = lines.iter().map(|(_, line)| line.chars().count()).max().unwrap_or(0);
    let inner_width = drawing_width.max(longest as f64 * CHARACTER);
    let legend = placed_legend(of, inner_width);
    let width = (inner_width + 2.0 * MARGIN).ceil();
    let top = MARGIN + 16.0 + LINE + 16.0;
    let legend_top = top + drawing_height + 34.0;
    let legend_bottom = legend.last().map_or(legend_top, |entry| legend_top + entry.y);
    let text_top = legend_bottom + 32.0;
    let height = (text_top + LINE * (lines.len() - 1) as f64 + MARGIN).ceil();

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">{}: {heading}</title>\n\
         <desc id=\"desc\">{}</desc>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
        escaped(of.layer.source()),
        escaped(&description(of)),
    );
    let mut text = |class: &str, y: f64, line: &str| {
        let _ = writeln!(
            svg,
            "<text class=\"{class}\" x=\"{MARGIN}\" y=\"{}\">{}</text>",
            number(y),
            escaped(line)
        );
    };
    text("ink name", MARGIN + 14.0, of.layer.source());
    text("soft", MARGIN + 14.0 + LINE, &heading);
    for (index, (class, line)) in lines.iter().enumerate() {
        text(class, text_top + LINE * index as f64, line);
    }
    let left = ((width - drawing_width) / 2.0).round();
    let _ = writeln!(svg, "<g transform=\"translate({left} {})\">", number(top));
    svg.push_str(&planes(of, &scene));
    svg.push_str(&window(of, &scene, animated));
    svg.push_str("</g>\n");
    for Entry { class, label, x, y } in &legend {
        let (x, y) = (x + MARGIN, y + legend_top);
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" d=\"M{x} {}h14v14h-14z\"/><text class=\"ink\" x=\"{}\" y=\"{y}\">{label}</text>",
            y - 11.0,
            x + 20.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn kind(of: &Arithmetic) -> &'static str {
    match of.layer.kind() {
        Kind::Convolution => "convolution",
        Kind::Transposed { .. } => "transposed convolution",
        Kind::MaxPooling => "maximum pooling",
        Kind::AveragePooling => "average pooling",
    }
}

/// For those who do not see the picture.
fn description(of: &Arithmetic) -> String {
    let extents = [of.slides[0].taps().len(), of.slides[1].taps().len()];
    let count = of.layer.output()[0] * of.layer.output()[1];
    format!(
        "A window of {} moves over an input of {}, padding included {}, and stands at {count} {}, each of which gives \
         one value of the {} output. {}",
        pair(extents),
        pair(of.layer.input()),
        pair([of.slides[0].cells().len(), of.slides[1].cells().len()]),
        if count == 1 { "position" } else { "positions" },
        pair(of.layer.output()),
        formula::formulas(of).join("; "),
    )
}

/// The class and the caption of what is drawn of this layer.
fn legend(of: &Arithmetic) -> Vec<(&'static str, &'static str)> {
    let has = |cell| of.slides.iter().any(|slide| slide.cells().contains(&cell));
    let window = match of.layer.kind() {
        Kind::Convolution | Kind::Transposed { .. } => "kernel",
        Kind::MaxPooling | Kind::AveragePooling => "window",
    };
    let all = [
        (true, "input", "input"),
        (has(Cell::Inserted), "inserted", "inserted zeros"),
        (has(Cell::Padding), "padding", "padding"),
        (has(Cell::OutputPadding), "outpad", "output padding"),
        (has(Cell::Beyond), "beyond", "behind the padding"),
        (true, "kernel", window),
        (true, "output", "output"),
    ];
    all.into_iter().filter(|(there, ..)| *there).map(|(_, class, label)| (class, label)).collect()
}

/// An entry of the legend, from the legend's corner.
struct Entry {
    class: &'static str,
    label: &'static str,
    x: f64,
    y: f64,
}

/// The legend in as many rows as it takes.
fn placed_legend(of: &Arithmetic, width: f64) -> Vec<Entry> {
    let (mut x, mut y) = (0.0, 0.0);
    let mut placed = Vec::new();
    for (class, label) in legend(of) {
        let wide = (20.0 + label.chars().count() as f64 * CHARACTER + 14.0).round();
        if x > 0.0 && x + wide > width {
            (x, y) = (0.0, y + LINE + 4.0);
        }
        placed.push(Entry { class, label, x, y });
        x += wide;
    }
    placed
}

/// What stands under the picture: the numbers, the formula, remarks. With the class of each line.
fn text_lines(of: &Arithmetic) -> Vec<(&'static str, String)> {
    let of_class = |class, lines: Vec<String>| lines.into_iter().map(move |line| (class, line));
    of_class("ink", formula::numbers(of))
        .chain(of_class("ink formula", formula::formulas(of)))
        .chain(of_class("soft", formula::remarks(of)))
        .flat_map(|(class, line)| broken(&line).into_iter().map(move |line| (class, line)))
        .collect()
}

/// The text in lines of at most [`LONGEST_LINE`] characters, broken at spaces, those that go on indented.
fn broken(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > LONGEST_LINE {
            lines.push(format!("\u{2003}{word}"));
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The cells of both planes, one path for all cells that look alike.
fn planes(of: &Arithmetic, scene: &Scene) -> String {
    let [rows, columns] = &of.slides;
    let mut paths: BTreeMap<(u8, &str), String> = BTreeMap::new();
    for (row, &vertical) in rows.cells().iter().enumerate() {
        for (column, &horizontal) in columns.cells().iter().enumerate() {
            let read = rows.reads(row) && columns.reads(column);
            let key = match (looks(vertical, horizontal), read) {
                ("input", true) => (5, "input"),
                ("input", false) => (4, "input unread"),
                ("inserted", true) => (3, "inserted"),
                ("inserted", false) => (3, "inserted unread"),
                ("padding", true) => (2, "padding"),
                ("padding", false) => (1, "padding unread"),
                ("outpad", _) => (2, "outpad"),
                _ => (0, "beyond"),
            };
            paths.entry(key).or_default().push_str(&outline(scene.lower_cell([row, column])));
        }
    }
    let output = paths.entry((6, "output")).or_default();
    for row in 0..of.layer.output()[0] {
        for column in 0..of.layer.output()[1] {
            output.push_str(&outline(scene.upper_cell([row, column])));
        }
    }
    paths.iter().map(|((_, class), path)| format!("<path class=\"{class}\" d=\"{path}\"/>\n")).collect()
}

/// What a cell is of which the row and the column are this.
fn looks(row: Cell, column: Cell) -> &'static str {
    let either = |cell| row == cell || column == cell;
    if either(Cell::Beyond) {
        "beyond"
    } else if either(Cell::OutputPadding) {
        "outpad"
    } else if either(Cell::Padding) {
        "padding"
    } else if either(Cell::Inserted) {
        "inserted"
    } else {
        "input"
    }
}

/// The kernel, the value that it gives, and the rays between them, at the first position or at all in turn.
fn window(of: &Arithmetic, scene: &Scene, animated: bool) -> String {
    let positions = of.positions();
    let Some(&[first_row, first_column]) = positions.first() else { return String::new() };
    let [rows, columns] = &of.slides;
    let mut taps = String::new();
    for row in rows.taps() {
        for column in columns.taps() {
            taps.push_str(&outline(scene.lower_cell([first_row + row, first_column + column])));
        }
    }
    let extents = [rows.extent() as f64, columns.extent() as f64];
    let outputs: Vec<[usize; 2]> = (0..of.layer.output()[0])
        .flat_map(|row| (0..of.layer.output()[1]).map(move |column| [row, column]))
        .collect();
    let rays: Vec<String> = positions
        .iter()
        .zip(&outputs)
        .map(|(&[row, column], &output)| {
            let below = scene.lower_box([row as f64, column as f64], extents);
            let above = scene.upper_cell(output);
            below.iter().zip(above).map(|(from, to)| format!("M{}L{}", point(*from), point(to))).collect()
        })
        .collect();
    let [kernel_moves, output_moves, rays_move] = if animated && positions.len() > 1 {
        let moves = |to: Vec<Point>| {
            let values: Vec<String> = to.into_iter().map(point).collect();
            animation("animateTransform", "transform\" type=\"translate", &values)
        };
        [
            moves(
                positions.iter().map(|[row, column]| way(row - first_row, column - first_column)).collect(),
            ),
            moves(outputs.iter().map(|[row, column]| way(*row, *column)).collect()),
            animation("animate", "d", &rays),
        ]
    } else {
        [String::new(), String::new(), String::new()]
    };
    let first = [first_row as f64, first_column as f64];
    format!(
        "<g>{kernel_moves}<path class=\"kernel\" d=\"{taps}\"/><path class=\"extent\" d=\"{}\"/></g>\n\
         <path class=\"rays\" d=\"{}\">{rays_move}</path>\n\
         <g>{output_moves}<path class=\"now\" d=\"{}\"/></g>\n",
        outline(scene.lower_box(first, extents)),
        rays[0],
        outline(scene.upper_cell([0, 0])),
    )
}

/// An attribute that takes one value after the other, for ever.
fn animation(element: &str, attribute: &str, values: &[String]) -> String {
    let seconds = SECONDS * values.len() as f64;
    format!(
        "<{element} attributeName=\"{attribute}\" calcMode=\"discrete\" dur=\"{}s\" repeatCount=\"indefinite\" \
         values=\"{}\"/>",
        number(seconds),
        values.join(";")
    )
}

fn outline(corners: [Point; 4]) -> String {
    let [a, b, c, d] = corners.map(point);
    format!("M{a}L{b}L{c}L{d}Z")
}

fn point([x, y]: Point) -> String {
    format!("{} {}", number(x), number(y))
}

/// At most one decimal, and never `-0`.
fn number(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0 + 0.0;
    tenths.to_string()
}
