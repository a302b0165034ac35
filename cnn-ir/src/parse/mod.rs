//! Tokens to tree. Parsing never fails: it gives a tree and what was wrong with the text.
//!
//! Recovery points are `->`, `;`, `,` and the end of a bracket: what cannot be read becomes
//! [`ItemKind::Broken`](crate::ast::ItemKind::Broken), whose shape is unknown and causes no further message.

mod args;
mod attributes;
mod cursor;
mod header;
mod path;

use crate::ast::File;
use crate::diagnostic::{Diagnostic, Problem};
use crate::token::{TokenRange, TokenTable};
use cursor::Cursor;

/// Reads all networks of a declaration.
#[must_use]
pub fn parse(table: &TokenTable) -> (File, Vec<Diagnostic>) {
    let mut cursor = Cursor::new(table);
    let file = header::file(&mut cursor);
    (file, cursor.diagnostics)
}

/// Reads a bare path (`conv3-64 -> pool2 -> fc1000`), as the text front end allows it.
#[must_use]
pub fn parse_path(table: &TokenTable) -> (crate::ast::Path, Vec<Diagnostic>) {
    let mut cursor = Cursor::new(table);
    let path = path::path(&mut cursor);
    if !cursor.at_end() {
        let here = cursor.here();
        cursor.report(here, Problem::Expected { expected: "the end of the path", found: cursor.found() });
    }
    if path.items.is_empty() && cursor.diagnostics.is_empty() {
        cursor.report(TokenRange::at(0), Problem::EmptyPath);
    }
    (path, cursor.diagnostics)
}
