//! Names in generated code.

use proc_macro2::{Ident, Span};

/// The span of generated code that belongs to a token of the user's: errors point there, names stay hygienic.
pub(crate) fn located(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// An identifier; a keyword becomes a raw one.
pub(super) fn ident(name: &str, span: Span) -> Ident {
    let keyword = matches!(
        name,
        "as" | "async"
            | "await"
            | "box"
            | "break"
            | "const"
            | "continue"
            | "do"
            | "dyn"
            | "else"
            | "enum"
            | "extern"
            | "false"
            | "final"
            | "fn"
            | "for"
            | "gen"
            | "if"
            | "impl"
            | "in"
            | "let"
            | "loop"
            | "macro"
            | "match"
            | "mod"
            | "move"
            | "mut"
            | "override"
            | "priv"
            | "pub"
            | "ref"
            | "return"
            | "static"
            | "struct"
            | "trait"
            | "true"
            | "try"
            | "type"
            | "typeof"
            | "unsafe"
            | "unsized"
            | "use"
            | "virtual"
            | "where"
            | "while"
            | "yield"
            | "abstract"
            | "become"
    );
    // These cannot be raw.
    if matches!(name, "self" | "Self" | "super" | "crate" | "_" | "") {
        return Ident::new(&format!("{}_layer", name.trim_matches('_').to_lowercase()), span);
    }
    if keyword { Ident::new_raw(name, span) } else { Ident::new(name, span) }
}

/// `mixed_site`
pub(super) fn local(name: &str) -> Ident {
    ident(name, Span::mixed_site())
}

/// `basic_block` becomes `BasicBlock`.
pub(super) fn camel(name: &str) -> String {
    name.split('_')
        .map(|part| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect::<String>())
                .unwrap_or_default()
        })
        .collect()
}

/// A path as a field: `features.0` of a convolution becomes `features_0`, a bare `0` becomes `conv_0`.
pub(super) fn field(path: &str, kind: &str) -> String {
    let name: String = path.chars().map(|c| if c == '.' { '_' } else { c }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("{kind}_{name}") } else { name }
}
