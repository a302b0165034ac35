//! The token front end: tables that no lexer would make, as an editor's half-typed invocations may.

#![no_main]

mod words;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let table = words::table(data);
    let (file, found) = cnn_ir::parse::parse(&table);
    let _ = cnn_ir::check::check(&file, &table, found);
    let _ = cnn_ir::parse::parse_path(&table);
});
