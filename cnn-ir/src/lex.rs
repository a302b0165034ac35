//! The text front end: a string becomes the same tokens that the compiler gives the macro.
//!
//! It also accepts `→` for `->` and `×` for `x`, which rustc's lexer refuses.

use crate::diagnostic::{Diagnostic, Problem};
use crate::token::{Delimiter, TokenRange, TokenTable};

/// The tokens of a text and where each stands.
#[derive(Clone, Debug, Default)]
pub struct Lexed {
    /// The tokens.
    pub table: TokenTable,
    /// Byte range of each token.
    pub positions: Vec<std::ops::Range<usize>>,
    /// What could not be read.
    pub diagnostics: Vec<Diagnostic>,
}

/// Splits a text into tokens. Never fails: what cannot be read is reported and passed over.
#[must_use]
pub fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer { text, at: 0, line: 1, counted: 0, out: Lexed::default() };
    lexer.run();
    lexer.out
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// The line of the byte `counted`.
    line: u32,
    counted: usize,
    out: Lexed,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(character) = self.peek(0) {
            let start = self.at;
            let newlines = self.text[self.counted..start].matches('\n').count();
            self.line = self.line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
            self.counted = start;
            self.out.table.at_line(self.line);
            match character {
                c if c.is_whitespace() => self.at += c.len_utf8(),
                '/' if self.peek(1) == Some('/') => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                }
                '/' if self.peek(1) == Some('*') => {
                    self.at += self.rest().find("*/").map_or(self.rest().len(), |end| end + 2);
                }
                '→' => {
                    self.at += character.len_utf8();
                    self.out.table.push_punct('-', true);
                    self.out.table.push_punct('>', false);
                    self.out.positions.extend([start..self.at, start..self.at]);
                }
                '×' => {
                    self.at += character.len_utf8();
                    // `(…) ×2` is a repeat; between two numbers it belongs to the literal.
                    let digits = self.take_while(|c| c.is_ascii_digit()).to_owned();
                    self.out.table.push_ident(&format!("x{digits}"));
                    self.out.positions.push(start..self.at);
                }
                c if c.is_ascii_digit() => self.number(start),
                c if is_word_start(c) => {
                    self.take_while(is_word);
                    self.out.table.push_ident(&self.text[start..self.at]);
                    self.out.positions.push(start..self.at);
                }
                '"' => self.string(start),
                '(' => self.open(Delimiter::Parenthesis),
                '[' => self.open(Delimiter::Bracket),
                '{' => self.open(Delimiter::Brace),
                ')' => self.close(Delimiter::Parenthesis),
                ']' => self.close(Delimiter::Bracket),
                '}' => self.close(Delimiter::Brace),
                c => {
                    self.at += c.len_utf8();
                    let joint =
                        self.peek(0).is_some_and(|next| next.is_ascii_punctuation() && !is_bracket(next));
                    self.out.table.push_punct(c, joint);
                    self.out.positions.push(start..self.at);
                }
            }
        }
        while let Some((opener, delimiter)) = self.out.table.innermost_open() {
            self.report(TokenRange::at(opener), Problem::UnclosedBracket { bracket: delimiter.open() });
            self.out.positions.push(self.at..self.at);
            self.out.table.close(delimiter);
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest().chars().nth(ahead)
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        while let Some(c) = self.peek(0).filter(|&c| accept(c)) {
            self.at += c.len_utf8();
        }
        &self.text[start..self.at]
    }

    /// `64`, `0.5`, `1e-6`, `3x224x224`, `3×3`, `4.5M`: one literal, as rustc would have it.
    fn number(&mut self, start: usize) {
        self.take_while(|c| c.is_ascii_digit() || c == '_');
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit() || c == '_');
        }
        if matches!(self.peek(0), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.peek(1), Some('+' | '-')));
            if self.peek(1 + sign).is_some_and(|c| c.is_ascii_digit()) {
                self.at += 1 + sign;
                self.take_while(|c| c.is_ascii_digit() || c == '_');
            }
        }
        self.take_while(|c| is_word(c) || c == '×');
        self.out.table.push_literal(&self.text[start..self.at].replace('×', "x"));
        self.out.positions.push(start..self.at);
    }

    fn string(&mut self, start: usize) {
        self.at += 1;
        loop {
            match self.peek(0) {
                None => break,
                Some('"') => {
                    self.at += 1;
                    break;
                }
                Some('\\') => {
                    self.at += 1;
                    self.at += self.peek(0).map_or(0, char::len_utf8);
                }
                Some(c) => self.at += c.len_utf8(),
            }
        }
        self.out.table.push_literal(&self.text[start..self.at]);
        self.out.positions.push(start..self.at);
    }

    fn open(&mut self, delimiter: Delimiter) {
        self.out.table.open(delimiter);
        self.out.positions.push(self.at..self.at + 1);
        self.at += 1;
    }

    fn close(&mut self, delimiter: Delimiter) {
        let range = self.at..self.at + 1;
        self.at += 1;
        if self.out.table.is_open(delimiter) {
            // What is open inside of it was never closed.
            while let Some((opener, inner)) =
                self.out.table.innermost_open().filter(|&(_, inner)| inner != delimiter)
            {
                self.report(TokenRange::at(opener), Problem::UnclosedBracket { bracket: inner.open() });
                self.out.positions.push(range.start..range.start);
                self.out.table.close(inner);
            }
            self.out.positions.push(range);
            self.out.table.close(delimiter);
            return;
        }
        // A stray bracket: said at the bracket, which is a token of no meaning.
        let here = self.out.table.next_index();
        self.out.table.push_punct(delimiter.close(), false);
        self.out.positions.push(range);
        self.report(TokenRange::at(here), Problem::StrayBracket { bracket: delimiter.close() });
    }

    fn report(&mut self, range: TokenRange, problem: Problem) {
        self.out.diagnostics.push(Diagnostic::new(range, problem));
    }
}

fn is_bracket(c: char) -> bool {
    matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '"')
}

fn is_word_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
