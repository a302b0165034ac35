//! Bytes as words of the language, so that the fuzzer spends its time behind the lexer.

#![allow(dead_code, unreachable_pub, reason = "each target uses a part of it")]

use cnn_ir::token::{Delimiter, TokenTable};

/// What a byte stands for. Brackets need not match.
pub const WORDS: &[&str] = &[
    "Net",
    "block",
    "let",
    "where",
    "residual",
    "dense",
    "concat",
    "add",
    "mul",
    "else",
    "none",
    "rust",
    "like",
    "x2",
    "x3",
    "x",
    "conv3",
    "conv1",
    "conv4",
    "conv7x1",
    "dw3",
    "deconv4",
    "pool2",
    "pool3",
    "avgpool2",
    "avgpool",
    "gap",
    "up2",
    "shuffle2",
    "fc10",
    "fc",
    "bn",
    "gn4",
    "ln",
    "lrn5",
    "relu",
    "softmax",
    "dropout",
    "flatten",
    "id",
    "scale",
    "crop",
    "pad",
    "valid",
    "same",
    "half",
    "full",
    "ceil",
    "groups",
    "stride",
    "dilation",
    "kernel",
    "bias",
    "outpad",
    "cin",
    "H",
    "W",
    "K",
    "SIDE",
    "a",
    "b",
    "c",
    "label",
    "network",
    "budget",
    "allow",
    "params",
    "crate",
    "pub",
    "self",
    "true",
    "->",
    "=>",
    "==",
    ">=",
    "::",
    "-",
    "/",
    "*",
    "+",
    "%",
    ",",
    ";",
    ":",
    "@",
    "|",
    "=",
    "<",
    ">",
    "#",
    "!",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "1",
    "2",
    "3",
    "4",
    "8",
    "10",
    "16",
    "0",
    "64",
    "2147483648",
    "99999999999",
    "0.5",
    "1e-6",
    "3x32x32",
    "1x8x8",
    "7x7",
    "0x7",
    "64x2",
    "5M",
    "16MB",
    "\"s\"",
    "'a'",
];

/// The words of an input, with spaces between them.
pub fn text(data: &[u8]) -> String {
    let words: Vec<&str> = data.iter().map(|&byte| WORDS[usize::from(byte) % WORDS.len()]).collect();
    words.join(" ")
}

/// The words of an input as a token table. Brackets may stay open: an editor's tokens are not always whole.
pub fn table(data: &[u8]) -> TokenTable {
    let mut table = TokenTable::new();
    for (index, &byte) in data.iter().enumerate() {
        table.at_line(u32::try_from(index / 8).unwrap_or(0));
        let word = WORDS[usize::from(byte) % WORDS.len()];
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
    table
}
