//! The declarations that are tried: every `network! { .. }` of the examples, and those of the language reference.

use super::scan;
use cnn_ir::ast::{self, Item, ItemKind, Path, ShapeExpr, Shortcut, Word};
use cnn_ir::lex::{Lexed, lex};
use cnn_ir::parse::parse;
use cnn_ir::token::{TokenKind, TokenRange};
use std::ops::Range;

/// Where declarations are looked for, below the top of the project.
const FOLDER: &str = "examples";

/// Declarations stand there between fences.
const REFERENCE: &str = "docs/language.md";

/// One declaration: a network, or several that use each other.
#[derive(Debug)]
pub(crate) struct Source {
    /// The names of its networks.
    pub(crate) name: String,
    /// Its file, below the top of the project.
    pub(crate) file: String,
    /// How many networks it declares.
    pub(crate) networks: usize,
    /// The text.
    pub(crate) text: String,
    /// Its tokens.
    pub(crate) lexed: Lexed,
    /// What stands in it.
    pub(crate) parts: Parts,
}

/// What a declaration consists of, in the order of the tree.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Layers and calls, with whether they are calls of blocks.
    pub(crate) words: Vec<(Word, bool)>,
    /// The items of each path.
    pub(crate) paths: Vec<Vec<Step>>,
    /// `=> shape`
    pub(crate) ascriptions: Vec<TokenRange>,
    /// Shapes of inputs and outputs.
    pub(crate) ports: Vec<TokenRange>,
    /// Taps, labels and blocks, where they are named and where they are used.
    pub(crate) names: Vec<TokenRange>,
    /// Repeats.
    pub(crate) repeats: Vec<ast::Repeat>,
}

/// An item of a path.
#[derive(Debug)]
pub(crate) struct Step {
    /// Where.
    pub(crate) range: TokenRange,
    /// Whether it is a layer or a call.
    pub(crate) is_word: bool,
    /// Whether it is a group.
    pub(crate) is_group: bool,
}

impl Source {
    fn new(file: &str, text: &str) -> Result<Self, String> {
        let lexed = lex(text);
        let (tree, found) = parse(&lexed.table);
        let names: Vec<&str> = tree.networks.iter().map(|network| network.name.text.as_str()).collect();
        if names.is_empty() || !lexed.diagnostics.is_empty() || !found.is_empty() {
            return Err(format!("{file}: this declaration cannot be read:\n{text}"));
        }
        let (name, networks) = (names.join(", "), names.len());
        let parts = Parts::of(&tree);
        Ok(Self { name, networks, file: file.to_owned(), text: text.to_owned(), lexed, parts })
    }

    /// The bytes of a range of tokens.
    pub(crate) fn bytes(&self, range: TokenRange) -> Range<usize> {
        let position = |token: u32| self.lexed.positions.get(token as usize).cloned();
        let start = position(range.first).map_or(self.text.len(), |bytes| bytes.start);
        let end = position(range.last).map_or(self.text.len(), |bytes| bytes.end);
        start..end.max(start)
    }

    /// The text of a token.
    pub(crate) fn token(&self, index: u32) -> &str {
        self.lexed.table.get(index).map_or("", |token| &token.text)
    }
}

/// All declarations, in a fixed order.
pub(crate) fn find(top: &std::path::Path) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for path in rust_files(&top.join(FOLDER))? {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let file = path.strip_prefix(top).unwrap_or(&path).display().to_string();
        for declaration in scan::declarations(&text) {
            for part in apart(declaration)? {
                sources.push(Source::new(&file, &part)?);
            }
        }
    }
    let reference = top.join(REFERENCE);
    let text =
        std::fs::read_to_string(&reference).map_err(|error| format!("{}: {error}", reference.display()))?;
    for declaration in text.split("\n```network\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
        for part in apart(declaration)? {
            sources.push(Source::new(REFERENCE, &part)?);
        }
    }
    // What calls Rust code cannot be judged without rustc.
    sources.retain(|source| !source.text.contains("rust(") && !source.text.contains("::"));
    Ok(sources)
}

/// The files below a folder that end in `.rs`, in order.
fn rust_files(folder: &std::path::Path) -> Result<Vec<std::path::PathBuf>, String> {
    let error = |error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The networks of one `network!`, each by itself where none uses another, with the shared blocks that it calls.
fn apart(declaration: &str) -> Result<Vec<String>, String> {
    let declaration = &without_attributes(declaration);
    let lexed = lex(declaration);
    let (tree, _) = parse(&lexed.table);
    let mentions = |range: TokenRange, name: &str| {
        let mut tokens = (range.first + 1..=range.last).filter_map(|index| lexed.table.get(index));
        tokens.any(|token| token.text.as_ref() == name)
    };
    let together = tree
        .networks
        .iter()
        .any(|network| tree.networks.iter().any(|other| mentions(network.range, &other.name.text)));
    if together || tree.networks.len() < 2 {
        return Ok(vec![declaration.to_owned()]);
    }
    let slice = |range: TokenRange| {
        let (start, end) = (&lexed.positions[range.first as usize], &lexed.positions[range.last as usize]);
        // The indentation of the first line, so that the lines stay below each other.
        let line = declaration[..start.start].rfind('\n').map_or(0, |newline| newline + 1);
        let indent = &declaration[line..start.start];
        let from = if indent.trim().is_empty() { line } else { start.start };
        &declaration[from..end.end]
    };
    let parts = tree.networks.iter().map(|network| {
        let start = network.visibility.map_or(network.range.first, |visibility| visibility.first);
        let mut ranges = vec![TokenRange { first: start, last: network.range.last }];
        let outside = |block: &&ast::Block| block.name.token < start || network.range.last < block.name.token;
        // A block may call those before and behind it.
        let mut shared: Vec<&ast::Block> = network.blocks.iter().filter(outside).collect();
        while let Some(called) =
            shared.iter().position(|block| ranges.iter().any(|&range| mentions(range, &block.name.text)))
        {
            let block = shared.remove(called);
            ranges.push(TokenRange { first: block.name.token - 1, last: block.body.range.last + 1 });
        }
        ranges.sort_by_key(|range| range.first);
        ranges.into_iter().map(slice).collect::<Vec<_>>().join("\n\n")
    });
    Ok(parts.collect())
}

/// A declaration without its attributes: budgets and lints are not about shapes.
fn without_attributes(declaration: &str) -> String {
    let lexed = lex(declaration);
    let is = |index: u32, text: &str| lexed.table.get(index).is_some_and(|token| token.text.as_ref() == text);
    let mut out = String::new();
    let mut at = 0;
    for index in (0..lexed.table.next_index()).filter(|&index| is(index, "#")) {
        let open = index + 1 + u32::from(is(index + 1, "!"));
        if let Some(TokenKind::Open { partner, .. }) = lexed.table.get(open).map(|token| token.kind) {
            out.push_str(declaration.get(at..lexed.positions[index as usize].start).unwrap_or_default());
            at = lexed.positions[partner as usize].end;
        }
    }
    out.push_str(declaration.get(at..).unwrap_or_default());
    out
}

impl Parts {
    fn of(tree: &ast::File) -> Self {
        let mut parts = Self::default();
        for network in &tree.networks {
            let blocks: Vec<&str> = network.blocks.iter().map(|block| block.name.text.as_str()).collect();
            for port in network.inputs.iter().chain(&network.outputs) {
                parts.ports.push(port.shape.range);
            }
            for block in &network.blocks {
                parts.names.push(block.name.range());
                for default in block.parameters.iter().filter_map(|parameter| parameter.default.as_ref()) {
                    parts.value(default, &blocks);
                }
                parts.path(&block.body, &blocks);
            }
            for path in &network.paths {
                parts.path(path, &blocks);
            }
        }
        parts
    }

    fn path(&mut self, path: &Path, blocks: &[&str]) {
        let step = |item: &Item| Step {
            range: item.range,
            is_word: matches!(item.kind, ItemKind::Word(_)),
            is_group: matches!(item.kind, ItemKind::Group { .. }),
        };
        self.paths.push(path.items.iter().map(step).collect());
        for item in &path.items {
            self.item(item, blocks);
        }
    }

    fn item(&mut self, item: &Item, blocks: &[&str]) {
        self.names.extend(item.label.as_ref().map(|label| label.name.range()));
        match &item.kind {
            ItemKind::Word(word) => {
                self.repeats.extend(word.repeat);
                for arg in &word.args {
                    self.value(&arg.value, blocks);
                }
                let is_call = blocks.contains(&word.head.text.as_str());
                if is_call {
                    self.names.push(word.head.range());
                }
                self.words.push((word.clone(), is_call));
            }
            ItemKind::Group { body, repeat } | ItemKind::Dense { body, repeat } => {
                self.path(body, blocks);
                self.repeats.extend(*repeat);
            }
            ItemKind::Residual { body, shortcut, repeat } => {
                self.path(body, blocks);
                if let Some(Shortcut::Projection(item)) = shortcut {
                    self.item(item, blocks);
                }
                self.repeats.extend(*repeat);
            }
            ItemKind::Branches { branches, repeat, .. } => {
                branches.iter().for_each(|branch| self.path(branch, blocks));
                self.repeats.extend(*repeat);
            }
            ItemKind::Taps { taps, .. } => self.names.extend(taps.iter().map(ast::Ident::range)),
            ItemKind::Tap(tap) => self.names.push(tap.range()),
            ItemKind::Ascription(ShapeExpr { range, .. }) => self.ascriptions.push(*range),
            ItemKind::Custom { .. } | ItemKind::External { .. } | ItemKind::Broken => {}
        }
    }

    fn value(&mut self, value: &ast::ArgValue, blocks: &[&str]) {
        match value {
            ast::ArgValue::Item(item) => self.item(item, blocks),
            ast::ArgValue::Like(tap) => self.names.push(tap.range()),
            ast::ArgValue::Word(_) | ast::ArgValue::Expr(_) => {}
        }
    }
}
