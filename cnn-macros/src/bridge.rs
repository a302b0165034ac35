//! Between the compiler's tokens and `cnn-ir`'s.

use cnn_ir::diagnostic::{Diagnostic, Problem};
use cnn_ir::token::{Delimiter, TokenKind, TokenRange, TokenTable};
use proc_macro2::{Spacing, Span, TokenStream, TokenTree};

/// The tokens of a declaration, both ways.
pub(crate) struct Bridge {
    table: TokenTable,
    /// The tree at each index; for a closing bracket, the group again.
    trees: Vec<TokenTree>,
}

impl Bridge {
    pub(crate) fn new(input: TokenStream) -> Self {
        let mut bridge = Self { table: TokenTable::new(), trees: Vec::new() };
        bridge.push(input);
        bridge
    }

    fn push(&mut self, stream: TokenStream) {
        for tree in stream {
            self.at_line(tree.span());
            match &tree {
                TokenTree::Ident(ident) => {
                    // `r#match` is the name `match`: in a weight file, and as the field that it becomes.
                    let text = ident.to_string();
                    self.table.push_ident(text.strip_prefix("r#").unwrap_or(&text));
                    self.trees.push(tree);
                }
                TokenTree::Literal(literal) => {
                    self.table.push_literal(&literal.to_string());
                    self.trees.push(tree);
                }
                TokenTree::Punct(punct) => {
                    self.table.push_punct(punct.as_char(), punct.spacing() == Spacing::Joint);
                    self.trees.push(tree);
                }
                TokenTree::Group(group) => {
                    let delimiter = match group.delimiter() {
                        proc_macro2::Delimiter::Parenthesis => Delimiter::Parenthesis,
                        proc_macro2::Delimiter::Bracket => Delimiter::Bracket,
                        proc_macro2::Delimiter::Brace => Delimiter::Brace,
                        // What `macro_rules!` puts around its fragments.
                        proc_macro2::Delimiter::None => {
                            self.push(group.stream());
                            continue;
                        }
                    };
                    self.table.open(delimiter);
                    self.trees.push(tree.clone());
                    self.push(group.stream());
                    self.at_line(group.span_close());
                    self.table.close(delimiter);
                    self.trees.push(tree);
                }
            }
        }
    }

    fn at_line(&mut self, span: Span) {
        self.table.at_line(u32::try_from(span.start().line).unwrap_or(u32::MAX));
    }

    pub(crate) fn table(&self) -> &TokenTable {
        &self.table
    }

    /// The span of one token (of the bracket itself, for a bracket).
    pub(crate) fn span(&self, token: u32) -> Span {
        let kind = self.table.get(token).map(|token| token.kind);
        match (self.trees.get(token as usize), kind) {
            (Some(TokenTree::Group(group)), Some(TokenKind::Close { .. })) => group.span_close(),
            (Some(TokenTree::Group(group)), _) => group.span_open(),
            (Some(tree), _) => tree.span(),
            (None, _) => Span::call_site(),
        }
    }

    /// The compiler's tokens of a range.
    pub(crate) fn stream(&self, range: TokenRange) -> TokenStream {
        let mut out = TokenStream::new();
        let mut at = range.first;
        while at <= range.last {
            let Some(tree) = self.trees.get(at as usize) else { break };
            out.extend([tree.clone()]);
            at = match self.table.get(at).map(|token| token.kind) {
                Some(TokenKind::Open { partner, .. }) if partner != u32::MAX => partner + 1,
                _ => at + 1,
            };
        }
        out
    }

    /// Characters that people paste and rustc's lexer drops: `→`, `×` and dashes, one message each.
    pub(crate) fn unicode(&self) -> Vec<Diagnostic> {
        let Some(text) = Span::call_site().source_text() else { return Vec::new() };
        ['→', '×', '–', '−']
            .into_iter()
            .filter(|&character| code(&text).any(|line| line.contains(character)))
            .map(|character| Diagnostic::new(TokenRange::at(u32::MAX), Problem::UnicodeArrow { character }))
            .collect()
    }
}

/// The lines of a source text without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split("//").next().unwrap_or_default())
}
