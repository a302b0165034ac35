//! The declaration around the body: attributes, name, generics, shapes, facts, blocks.

use super::args::{self, expr, shape};
use super::attributes;
use super::cursor::Cursor;
use super::path::path;
use crate::ast::{Block, Fact, FactKind, File, Generic, Let, Network, Parameter, Path, Port};
use crate::diagnostic::Problem;
use crate::token::Delimiter;

pub(super) fn file(cursor: &mut Cursor<'_>) -> File {
    let mut file = File::default();
    let mut shared = Vec::new();
    while !cursor.at_end() {
        let before = cursor.position();
        if is_block(cursor) {
            shared.extend(block(cursor));
        } else if let Some(network) = network(cursor, &mut file) {
            file.networks.push(network);
        }
        if cursor.position() == before {
            cursor.bump();
        }
    }
    // Each network has the shared blocks as if they stood in it, before its own.
    for network in &mut file.networks {
        network.blocks.splice(..0, shared.iter().cloned());
    }
    if file.networks.is_empty() && cursor.diagnostics.is_empty() {
        cursor.report(cursor.here(), Problem::NoNetwork);
    }
    file
}

fn network(cursor: &mut Cursor<'_>, file: &mut File) -> Option<Network> {
    let attributes = attributes::attributes(cursor, file);
    if cursor.at_end() {
        return None;
    }
    let first = cursor.position();
    let visibility = cursor.keyword("pub").then(|| {
        if cursor.is_open(0, Delimiter::Parenthesis) {
            cursor.bump();
        }
        cursor.since(first)
    });
    let Some(name) = cursor.take_ident() else {
        let found = cursor.found();
        let expected = "a network: `Name: 3x224x224 -> 1000 { .. }`";
        cursor.report(cursor.here(), Problem::Expected { expected, found });
        skip_to_body(cursor);
        cursor.bump();
        return None;
    };
    let mut network = Network {
        attributes: attributes.forwarded,
        budget: attributes.budget,
        lints: attributes.lints,
        visibility,
        range: name.range(),
        name,
        generics: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        facts: Vec::new(),
        blocks: Vec::new(),
        lets: Vec::new(),
        paths: Vec::new(),
    };
    signature(cursor, &mut network);
    if !cursor.is_open(0, Delimiter::Brace) {
        let found = cursor.found();
        cursor.report(cursor.here(), Problem::Expected { expected: "the network's body `{ .. }`", found });
        skip_to_body(cursor);
    }
    let range = cursor.bracket_range();
    let before = cursor.diagnostics.len();
    let has_body = cursor.within(|inside| body(inside, &mut network)).is_some();
    network.range = network.range.to(range);
    if has_body && network.paths.is_empty() && cursor.diagnostics.len() == before {
        cursor.report(range, Problem::EmptyPath);
    }
    Some(network)
}

/// `generics? ':' io '->' io where?`
fn signature(cursor: &mut Cursor<'_>, network: &mut Network) {
    if cursor.take_punct('<') {
        generics(cursor, network);
    }
    if !cursor.take_punct(':') {
        let found = cursor.found();
        let expected = "`:` and the input's shape, as in `Name: 3x224x224 -> 1000`";
        cursor.report(cursor.here(), Problem::Expected { expected, found });
        return skip_to_body(cursor);
    }
    match io(cursor) {
        Some(ports) => network.inputs = ports,
        None => return skip_to_body(cursor),
    }
    if !cursor.take_arrow() {
        let found = cursor.found();
        let expected = "`->` and the output's shape, as in `Name: 3x224x224 -> 1000`";
        cursor.report(cursor.here(), Problem::Expected { expected, found });
        // A shape that follows is the output's: only the arrow is missing.
        let shape =
            cursor.is_literal(0) || cursor.bracket(0).is_some_and(|(kind, _)| kind != Delimiter::Brace);
        if !shape {
            return skip_to_body(cursor);
        }
    }
    match io(cursor) {
        Some(ports) => network.outputs = ports,
        None => return skip_to_body(cursor),
    }
    if cursor.keyword("where") {
        facts(cursor, network);
    }
}

fn skip_to_body(cursor: &mut Cursor<'_>) {
    while !cursor.at_end() && !cursor.is_open(0, Delimiter::Brace) {
        cursor.bump();
    }
}

fn generics(cursor: &mut Cursor<'_>, network: &mut Network) {
    while !cursor.at_end() && !cursor.take_punct('>') {
        let _ = cursor.keyword("const");
        let Some(name) = cursor.take_ident() else {
            let found = cursor.found();
            let expected = "a const generic such as `CLASSES = 1000`";
            cursor.report(cursor.here(), Problem::Expected { expected, found });
            while !cursor.at_end() && !cursor.take_punct('>') && !cursor.is_open(0, Delimiter::Brace) {
                cursor.bump();
            }
            return;
        };
        // `const N: usize` as Rust writes it.
        if cursor.take_punct(':') {
            let _ = cursor.take_ident();
        }
        let default = if cursor.take_punct('=') { cursor.take_int("a number") } else { None };
        network.generics.push(Generic { name, default });
        let _ = cursor.take_punct(',');
    }
}

/// `shape` or `(name: shape, ..)`
pub(super) fn io(cursor: &mut Cursor<'_>) -> Option<Vec<Port>> {
    let named =
        cursor.is_open(0, Delimiter::Parenthesis) && cursor.ident(1).is_some() && cursor.punct(2, ':');
    if !named {
        return Some(vec![Port { name: None, shape: shape(cursor)? }]);
    }
    cursor.within(|inside| {
        let mut ports = Vec::new();
        while !inside.at_end() {
            let name = inside.take_ident();
            if name.is_none() || !inside.take_punct(':') {
                let found = inside.found();
                inside.report(inside.here(), Problem::Expected { expected: "`name: shape`", found });
                inside.skip_past_comma();
                continue;
            }
            if let Some(shape) = shape(inside) {
                ports.push(Port { name, shape });
            }
            args::separator(inside, "`,` or `)`");
        }
        ports
    })
}

/// `H % 32 == 0, W >= 64`
fn facts(cursor: &mut Cursor<'_>, network: &mut Network) {
    while !cursor.at_end() && !cursor.is_open(0, Delimiter::Brace) {
        let first = cursor.position();
        match fact(cursor) {
            Some((symbol, kind)) => {
                network.facts.push(Fact { symbol, kind, range: cursor.since(first) });
            }
            None => {
                while !cursor.at_end() && !cursor.punct(0, ',') && !cursor.is_open(0, Delimiter::Brace) {
                    cursor.bump();
                }
            }
        }
        let _ = cursor.take_punct(',');
    }
}

fn fact(cursor: &mut Cursor<'_>) -> Option<(crate::ast::Ident, FactKind)> {
    let expected = "a fact such as `H % 32 == 0` or `W >= 64`";
    let symbol = cursor.take_ident();
    let Some(symbol) = symbol else {
        let found = cursor.found();
        cursor.report(cursor.here(), Problem::Expected { expected, found });
        return None;
    };
    if cursor.take_punct('%') {
        let modulus = cursor.take_int("the divisor, as in `H % 32 == 0`")?;
        if !cursor.equals(0) {
            let found = cursor.found();
            cursor.report(cursor.here(), Problem::Expected { expected: "`== 0`", found });
            return None;
        }
        cursor.bump();
        cursor.bump();
        let remainder = cursor.take_int("what is left, as in `H % 32 == 0`")?;
        return Some((symbol, FactKind::Modulo { modulus, remainder }));
    }
    if cursor.take_punct('>') {
        let strict = !cursor.take_punct('=');
        let bound = cursor.take_int("the smallest size, as in `W >= 64`")?;
        return Some((symbol, FactKind::AtLeast(bound + u64::from(strict))));
    }
    let found = cursor.found();
    let expected = match (cursor.punct(0, '='), cursor.punct(0, '<')) {
        (true, _) => "`%` or `>=`: a size that is one number is written in the shape",
        (_, true) => "`%` or `>=`: every size that is large enough must fit",
        _ => expected,
    };
    cursor.report(cursor.here(), Problem::Expected { expected, found });
    None
}

/// `(block | let)* path (';' path)* ';'?`
fn body(cursor: &mut Cursor<'_>, network: &mut Network) {
    while !cursor.at_end() {
        if is_block(cursor) {
            network.blocks.extend(block(cursor));
        } else if cursor.ident(0) == Some("let") && cursor.ident(1).is_some() {
            if let Some(binding) = binding(cursor) {
                network.lets.push(binding);
            }
        } else if !cursor.take_punct(';') {
            let path = path(cursor);
            if !path.items.is_empty() {
                network.paths.push(path);
            }
            if cursor.punct(0, '|') || cursor.punct(0, ',') {
                let found = cursor.found();
                let expected = "`->` or `;`: branches stand in `concat { a | b }`";
                cursor.report(cursor.here(), Problem::Expected { expected, found });
                cursor.bump();
            }
        }
    }
}

/// `block Name`; a network may be called `block`.
fn is_block(cursor: &Cursor<'_>) -> bool {
    cursor.ident(0) == Some("block") && cursor.ident(1).is_some()
}

fn block(cursor: &mut Cursor<'_>) -> Option<Block> {
    cursor.bump();
    let name = cursor.take_ident()?;
    let mut parameters = Vec::new();
    if cursor.is_open(0, Delimiter::Parenthesis) {
        parameters = cursor.within(block_parameters).unwrap_or_default();
    }
    if !cursor.is_open(0, Delimiter::Brace) {
        let found = cursor.found();
        cursor.report(cursor.here(), Problem::Expected { expected: "the block's body `{ .. }`", found });
        return None;
    }
    let range = cursor.bracket_range();
    let body = cursor.within_all("a layer or the end of the block", path)?;
    if body.items.is_empty() {
        cursor.report(range, Problem::EmptyPath);
        return Some(Block { name, parameters, body: Path { items: Vec::new(), range } });
    }
    Some(Block { name, parameters, body })
}

fn block_parameters(cursor: &mut Cursor<'_>) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    while !cursor.at_end() {
        let Some(name) = cursor.take_ident() else {
            let found = cursor.found();
            cursor.report(cursor.here(), Problem::Expected { expected: "a parameter's name", found });
            cursor.skip_past_comma();
            continue;
        };
        let default = cursor.take_punct('=').then(|| args::value(cursor));
        parameters.push(Parameter { name, default });
        args::separator(cursor, "`,` or `)`");
    }
    parameters
}

fn binding(cursor: &mut Cursor<'_>) -> Option<Let> {
    cursor.bump();
    let name = cursor.take_ident()?;
    if !cursor.take_punct('=') {
        let found = cursor.found();
        cursor.report(cursor.here(), Problem::Expected { expected: "`=`, as in `let width = 64;`", found });
        cursor.skip_to_next_step();
        return None;
    }
    let value = expr(cursor);
    if !cursor.take_punct(';') {
        let found = cursor.found();
        cursor.report(cursor.here(), Problem::Expected { expected: "`;` after the `let`", found });
    }
    Some(Let { name, value })
}
