//! A position in the tokens, confined to one bracket at a time.

use crate::ast::Ident;
use crate::diagnostic::{Diagnostic, Problem};
use crate::spec::{self, BadNumber, Number};
use crate::token::{Delimiter, Token, TokenKind, TokenRange, TokenTable};

/// Brackets may nest this deep; deeper is an error, never a stack overflow.
const DEEPEST: u32 = 64;

pub(super) struct Cursor<'t> {
    table: &'t TokenTable,
    at: u32,
    end: u32,
    depth: u32,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(table: &'t TokenTable) -> Self {
        Self { table, at: 0, end: table.next_index(), depth: 0, diagnostics: Vec::new() }
    }

    pub(super) fn report(&mut self, range: TokenRange, problem: Problem) {
        self.diagnostics.push(Diagnostic::new(range, problem));
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.end
    }

    pub(super) fn position(&self) -> u32 {
        self.at
    }

    /// The token under the cursor, or the last one before it at the end of a bracket.
    pub(super) fn here(&self) -> TokenRange {
        let last = self.table.next_index().saturating_sub(1);
        TokenRange::at(if self.at_end() { self.end.min(last) } else { self.at })
    }

    /// From `first` to the token before the cursor.
    pub(super) fn since(&self, first: u32) -> TokenRange {
        TokenRange { first, last: self.at.saturating_sub(1).max(first) }
    }

    /// What is under the cursor, for "expected …, found …".
    pub(super) fn found(&self) -> String {
        if self.arrow(0) {
            return "`->`".into();
        }
        if self.fat_arrow(0) {
            return "`=>`".into();
        }
        match self.peek(0) {
            None if self.end >= self.table.next_index() => "the end".into(),
            None => match self.table.get(self.end) {
                Some(token) => format!("`{}`", token.text),
                None => "the end".into(),
            },
            Some(token) => format!("`{}`", token.text),
        }
    }

    pub(super) fn text(&self, range: TokenRange) -> String {
        self.table.text(range)
    }

    pub(super) fn peek(&self, ahead: u32) -> Option<&'t Token> {
        let index = self.at.checked_add(ahead)?;
        if index < self.end { self.table.get(index) } else { None }
    }

    pub(super) fn bump(&mut self) {
        // A bracket is stepped over whole.
        match self.peek(0).map(|token| token.kind) {
            Some(TokenKind::Open { partner, .. }) if partner < self.end => self.at = partner + 1,
            Some(_) => self.at += 1,
            None => {}
        }
    }

    pub(super) fn ident(&self, ahead: u32) -> Option<&'t str> {
        match self.peek(ahead) {
            Some(token) if token.kind == TokenKind::Ident => Some(&token.text),
            _ => None,
        }
    }

    pub(super) fn take_ident(&mut self) -> Option<Ident> {
        let text = self.ident(0)?.to_owned();
        let token = self.at;
        self.at += 1;
        Some(Ident { text, token })
    }

    pub(super) fn keyword(&mut self, word: &str) -> bool {
        let found = self.ident(0) == Some(word);
        if found {
            self.at += 1;
        }
        found
    }

    pub(super) fn punct(&self, ahead: u32, wanted: char) -> bool {
        matches!(self.peek(ahead), Some(token)
            if matches!(token.kind, TokenKind::Punct { character, .. } if character == wanted))
    }

    pub(super) fn take_punct(&mut self, wanted: char) -> bool {
        let found = self.punct(0, wanted);
        if found {
            self.at += 1;
        }
        found
    }

    fn joint(&self, ahead: u32, first: char, second: char) -> bool {
        matches!(self.peek(ahead), Some(token)
            if token.kind == TokenKind::Punct { character: first, joint: true })
            && self.punct(ahead + 1, second)
    }

    /// `->`
    pub(super) fn arrow(&self, ahead: u32) -> bool {
        self.joint(ahead, '-', '>')
    }

    /// `=>`
    pub(super) fn fat_arrow(&self, ahead: u32) -> bool {
        self.joint(ahead, '=', '>')
    }

    /// `==`
    pub(super) fn equals(&self, ahead: u32) -> bool {
        self.joint(ahead, '=', '=')
    }

    /// `::`
    pub(super) fn path_separator(&self, ahead: u32) -> bool {
        self.joint(ahead, ':', ':')
    }

    /// Takes `->`, or `- >` with a complaint.
    pub(super) fn take_arrow(&mut self) -> bool {
        if self.arrow(0) {
            self.at += 2;
            return true;
        }
        if self.punct(0, '-') && self.punct(1, '>') {
            let range = TokenRange { first: self.at, last: self.at + 1 };
            self.at += 2;
            self.report(range, Problem::SpacedArrow);
            return true;
        }
        false
    }

    pub(super) fn take_fat_arrow(&mut self) -> bool {
        let found = self.fat_arrow(0);
        if found {
            self.at += 2;
        }
        found
    }

    pub(super) fn bracket(&self, ahead: u32) -> Option<(Delimiter, u32)> {
        match self.peek(ahead)?.kind {
            TokenKind::Open { delimiter, partner } if partner < self.end => Some((delimiter, partner)),
            _ => None,
        }
    }

    pub(super) fn is_open(&self, ahead: u32, delimiter: Delimiter) -> bool {
        self.bracket(ahead).is_some_and(|(found, _)| found == delimiter)
    }

    /// Where the bracket under the cursor ends up, both ends included.
    pub(super) fn bracket_range(&self) -> TokenRange {
        match self.bracket(0) {
            Some((_, partner)) => TokenRange { first: self.at, last: partner },
            None => self.here(),
        }
    }

    /// Runs `inside` on the contents of the bracket under the cursor and steps behind it.
    pub(super) fn within<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let (_, partner) = self.bracket(0)?;
        if self.depth >= DEEPEST {
            self.report(self.here(), Problem::TooDeep);
            self.at = partner + 1;
            return None;
        }
        self.depth += 1;
        let outer_end = std::mem::replace(&mut self.end, partner);
        self.at += 1;
        let result = inside(self);
        self.at = partner + 1;
        self.end = outer_end;
        self.depth -= 1;
        Some(result)
    }

    /// `within`, and whatever is left over in the bracket is an error.
    pub(super) fn within_all<T>(
        &mut self,
        expected: &'static str,
        inside: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        self.within(|cursor| {
            let before = cursor.diagnostics.len();
            let result = inside(cursor);
            if !cursor.at_end() && cursor.diagnostics.len() == before {
                let problem = Problem::Expected { expected, found: cursor.found() };
                cursor.report(cursor.here(), problem);
            }
            result
        })
    }

    /// Takes a literal and decodes it; a bad one is reported and gives `None`.
    pub(super) fn take_number(&mut self) -> Option<Number> {
        let token = self.peek(0).filter(|token| token.kind == TokenKind::Literal)?;
        let range = self.here();
        self.at += 1;
        match spec::number(&token.text) {
            Number::Bad(reason) => {
                let text = token.text.to_string();
                self.report(
                    range,
                    match reason {
                        BadNumber::TooLarge => Problem::NumberTooLarge { text },
                        BadNumber::Hexadecimal => Problem::Hexadecimal { text },
                        BadNumber::NotANumber => Problem::NotANumber { text },
                    },
                );
                None
            }
            number => Some(number),
        }
    }

    /// Takes a plain whole number.
    pub(super) fn take_int(&mut self, expected: &'static str) -> Option<u64> {
        let range = self.here();
        if !self.is_literal(0) {
            let found = self.found();
            self.report(range, Problem::Expected { expected, found });
            return None;
        }
        match self.take_number()? {
            Number::Int(value) => Some(value),
            _ => {
                let found = format!("`{}`", self.text(range));
                self.report(range, Problem::Expected { expected, found });
                None
            }
        }
    }

    pub(super) fn is_literal(&self, ahead: u32) -> bool {
        self.peek(ahead).is_some_and(|token| token.kind == TokenKind::Literal)
    }

    /// Steps forward to the next `->`, `;` or `|`, or the end of the bracket.
    pub(super) fn skip_to_next_step(&mut self) {
        while !self.at_end() && !self.arrow(0) && !self.punct(0, ';') && !self.punct(0, '|') {
            self.bump();
        }
    }

    /// Steps forward behind the next `,`, or to the end of the bracket.
    pub(super) fn skip_past_comma(&mut self) {
        while !self.at_end() && !self.take_punct(',') {
            self.bump();
        }
    }
}
