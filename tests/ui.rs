//! What the compiler says of a misuse, word for word, and what it must accept without a warning.
//!
//! The messages around the macro's own are rustc's, so the files are compared on one version only.
//! `TRYBUILD=overwrite cargo test -p cnn-tests --test ui` rewrites what is expected; read the difference.

use std::process::Command;

/// The compiler whose messages the `.stderr` files hold.
const RUSTC: &str = "rustc 1.95.0 ";

#[test]
fn ui() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc runs").stdout;
    let version = String::from_utf8_lossy(&version);
    if !version.starts_with(RUSTC) {
        println!("skipped: the messages are those of {RUSTC}, this is {}", version.trim());
        return;
    }
    let tests = trybuild::TestCases::new();
    tests.pass("ui/pass/*.rs");
    tests.compile_fail("ui/fail/*.rs");
}

/// The README and the language reference show an error; this is it.
#[test]
fn the_documentation_shows_what_the_compiler_says() {
    let message = include_str!("ui/fail/readme.stderr").replace("ui/fail/readme.rs", "src/main.rs");
    for (name, text) in [
        ("README.md", include_str!("../README.md")),
        ("docs/language.md", include_str!("../docs/language.md")),
    ] {
        assert!(text.contains(message.trim_end()), "{name} lacks this message:\n{message}");
    }
}
