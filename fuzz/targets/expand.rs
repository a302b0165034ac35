//! The macro: tokens to tokens, lowering included.

#![no_main]
#![allow(unreachable_pub, dead_code, reason = "the macro's modules are written for another crate")]

#[path = "../../cnn-macros/src/bridge.rs"]
mod bridge;
#[path = "../../cnn-macros/src/emit.rs"]
mod emit;
#[path = "../../cnn-macros/src/expand.rs"]
mod expand;
#[path = "../../cnn-macros/src/lower/mod.rs"]
mod lower;
mod words;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = words::text(data);
    for text in [format!("Net: 3x16x16 -> 10 {{ {text} }}"), text] {
        if let Ok(tokens) = text.parse::<proc_macro2::TokenStream>() {
            let _ = expand::expand(tokens).to_string();
        }
    }
});
