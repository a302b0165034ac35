//! The token front end: tables that no lexer would make, as an editor's half-typed invocations may.

#![no_main]

mod words;

use cnn_ir::token::{Delimiter, TokenTable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut table = TokenTable::new();
    for (index, &byte) in data.iter().enumerate() {
        table.at_line(u32::try_from(index / 8).unwrap_or(0));
        let word = words::WORDS[usize::from(byte) % words::WORDS.len()];
        let mut letters = word.chars();
        let Some(first) = letters.next() else { continue };
        match first {
            '(' => table.open(Delimiter::Parenthesis),
            '[' => table.open(Delimiter::Bracket),
            '{' => table.open(Delimiter::Brace),
            ')' | ']' | '}' => {
                let delimiter = match first {
                    ')' => Delimiter::Parenthesis,
                    ']' => Delimiter::Bracket,
                    _ => Delimiter::Brace,
                };
                if !table.close(delimiter) {
                    // rust-analyzer hands over lone brackets as punctuation.
                    table.push_punct(first, byte >= 128);
                }
            }
            c if c.is_ascii_digit() || c == '"' || c == '\'' => table.push_literal(word),
            c if c.is_alphabetic() => table.push_ident(word),
            _ => {
                let all: Vec<char> = word.chars().collect();
                for (at, &character) in all.iter().enumerate() {
                    table.push_punct(character, at + 1 < all.len() || byte >= 128);
                }
            }
        }
    }
    // Brackets may stay open: an editor's tokens are not always whole.
    let (file, found) = cnn_ir::parse::parse(&table);
    let _ = cnn_ir::check::check(&file, &table, found);
    let _ = cnn_ir::parse::parse_path(&table);
});
