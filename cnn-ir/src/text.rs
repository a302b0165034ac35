//! The text front end: a declaration, or a bare path, from a string.

use crate::ast;
use crate::check::{Checked, check};
use crate::diagnostic::Diagnostic;
use crate::diagram::Diagram;
use crate::lex::{Lexed, lex};
use crate::lint::Lint;
use crate::model::Model;
use crate::parse::{parse, parse_path};
use crate::summary::Summary;
use crate::token::TokenRange;
use std::fmt;
use std::str::FromStr;

/// A declaration read from text and resolved. Where the text declares several networks, this is the last one.
#[derive(Clone, Debug)]
pub struct Network {
    models: Vec<Model>,
    warnings: Vec<(Lint, String)>,
}

impl Network {
    /// The resolved network.
    ///
    /// # Panics
    /// Never: a text without a network is an error when it is parsed.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.models[self.models.len() - 1]
    }

    /// The table of its layers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(self.model())
    }

    /// The graph of its layers, to draw.
    #[must_use]
    pub fn diagram(&self) -> Diagram {
        Diagram::of(self.model())
    }

    /// What is allowed and probably not meant: the lint, and the message with carets under its place.
    #[must_use]
    pub fn warnings(&self) -> &[(Lint, String)] {
        &self.warnings
    }

    /// All networks of the text.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }
}

/// A bare path, such as `conv3-64 → pool2 → fc1000`, which takes any input.
///
/// ```
/// let path: cnn_ir::Path = "conv3-64 → relu → pool2 → fc1000".parse().unwrap();
/// let network = path.on([3, 32, 32]).unwrap();
/// assert_eq!(network.model().rows[0].output.to_string(), "64x32x32");
/// ```
#[derive(Clone, Debug)]
pub struct Path {
    text: String,
    lexed: Lexed,
    path: ast::Path,
}

impl Path {
    /// The network that this path is on an input of these channels, height and width; its output is
    /// whatever it gives.
    ///
    /// # Errors
    /// Everything that does not fit, as text with a caret under each place.
    pub fn on(&self, [channels, height, width]: [u64; 3]) -> Result<Network, NetworkError> {
        let size = |n| ast::Expr { kind: ast::ExprKind::Int(n), range: self.path.range };
        let sizes = vec![size(channels), size(height), size(width)];
        let shape = ast::ShapeExpr { sizes, range: self.path.range };
        let port = ast::Port { name: None, shape };
        let network = ast::Network {
            attributes: Vec::new(),
            visibility: None,
            name: ast::Ident { text: "Path".into(), token: self.path.range.first },
            generics: Vec::new(),
            inputs: vec![port],
            outputs: Vec::new(),
            budget: Vec::new(),
            lints: Vec::new(),
            facts: Vec::new(),
            blocks: Vec::new(),
            lets: Vec::new(),
            paths: vec![self.path.clone()],
            range: self.path.range,
        };
        let file = ast::File { runtime_path: None, networks: vec![network] };
        finish(&file, &self.text, &self.lexed, Vec::new())
    }
}

impl FromStr for Path {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let mut lexed = lex(text);
        let (path, found) = parse_path(&lexed.table);
        lexed.diagnostics.extend(found);
        if lexed.diagnostics.is_empty() {
            Ok(Self { text: text.to_owned(), lexed, path })
        } else {
            Err(NetworkError::new(text, &lexed, &lexed.diagnostics))
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let lexed = lex(text);
        let (file, found) = parse(&lexed.table);
        finish(&file, text, &lexed, found)
    }
}

fn finish(
    file: &ast::File,
    text: &str,
    lexed: &Lexed,
    found: Vec<Diagnostic>,
) -> Result<Network, NetworkError> {
    if !lexed.diagnostics.is_empty() {
        // Where brackets do not match, everything behind them would be a mistake too.
        return Err(NetworkError::new(text, lexed, &lexed.diagnostics));
    }
    let Checked { models, diagnostics, warnings } = check(file, &lexed.table, found);
    if !diagnostics.is_empty() || models.is_empty() {
        return Err(NetworkError::new(text, lexed, &diagnostics));
    }
    let warnings = warnings
        .iter()
        .map(|warning| (warning.lint, render(text, lexed, "warning", warning.range, &warning.to_string())));
    Ok(Network { models, warnings: warnings.collect() })
}

/// Everything that is wrong with a text, rendered with a caret under each place.
#[derive(Clone, Debug)]
pub struct NetworkError {
    diagnostics: Vec<Diagnostic>,
    rendered: String,
}

impl NetworkError {
    fn new(text: &str, lexed: &Lexed, diagnostics: &[Diagnostic]) -> Self {
        let rendered: Vec<String> =
            diagnostics.iter().map(|d| render(text, lexed, "error", d.range, &d.to_string())).collect();
        Self { diagnostics: diagnostics.to_vec(), rendered: rendered.join("\n") }
    }

    /// The single messages.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered)
    }
}

impl std::error::Error for NetworkError {}

/// Headline, the line with carets, notes and help.
fn render(text: &str, lexed: &Lexed, kind: &str, range: TokenRange, message: &str) -> String {
    let position = |token: u32| lexed.positions.get(token as usize).cloned();
    let start = position(range.first).map_or(text.len(), |range| range.start).min(text.len());
    let end = position(range.last).map_or(text.len(), |range| range.end).clamp(start, text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let line_number = text[..start].matches('\n').count() + 1;
    let line = &text[line_start..line_end];
    let margin = line_number.to_string();
    let indent = text[line_start..start].chars().count();
    let carets = text[start..end.min(line_end)].chars().count().max(1);
    let (headline, rest) = message.split_once('\n').unwrap_or((message, ""));
    let mut out = format!("{kind}: {headline}\n{margin} | {line}\n{:1$} | ", "", margin.len());
    out.push_str(&format!("{:indent$}{}\n", "", "^".repeat(carets)));
    for line in rest.lines() {
        let line = format!("{:1$} | {line}", "", margin.len());
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
