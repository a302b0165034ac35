//! Tokens that are nothing of the language.
use cnn_runtime::prelude::*;

network! { fn main() { let x: Vec<u8> = "text".into(); x += 'c' ^ !1..=2; } }

network! { Net: 3x8x8 -> 10 { $$ ## => => ; ; | | } }

network! { ( ) [ ] { } < > : -> => @ ; }

fn main() {}
