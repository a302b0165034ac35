//! The text front end: any text, as a declaration and as a bare path; and texts made of the language's words.

#![no_main]

mod words;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
    read(&words::text(data));
    read(&format!("Net: 3x16x16 -> 10 {{ {} }}", words::text(data)));
});

fn read(text: &str) {
    if let Err(error) = text.parse::<cnn_ir::Network>() {
        let lexed = cnn_ir::lex::lex(text);
        for fit in error.diagnostics().iter().flat_map(|diagnostic| &diagnostic.fits) {
            // What is proposed as the whole remedy must be one.
            let fixed = fit.apply(text, &lexed);
            assert!(!fit.complete || fixed.parse::<cnn_ir::Network>().is_ok(), "{text}\n{fixed}");
        }
    }
    let _ = text.parse::<cnn_ir::Path>();
}
