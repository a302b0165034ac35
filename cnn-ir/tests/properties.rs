//! No text makes the parser or the checker panic: an error is a value, whatever is written and wherever it is cut.

use cnn_ir::{Network, Path};
use proptest::prelude::*;

/// Words, marks and numbers of the language, and some that it does not have.
const WORDS: &[&str] = &[
    "conv3-8",
    "conv3",
    "conv2-4/2",
    "dw3/2",
    "deconv4-8/2",
    "pool2",
    "pool3/2",
    "avgpool2",
    "gap",
    "up2",
    "shuffle2",
    "fc10",
    "fc",
    "bn",
    "ln",
    "gn4",
    "lrn5",
    "relu",
    "leaky",
    "dropout",
    "flatten",
    "id",
    "scale",
    "crop",
    "pad",
    "block",
    "residual",
    "else",
    "none",
    "dense",
    "concat",
    "add",
    "mul",
    "rust",
    "let",
    "where",
    "cin",
    "stride",
    "Unit",
    "Net",
    "c",
    "H",
    "x2",
    "x3/2",
    "x0",
    "pad=1",
    "groups=3",
    "dilation=2",
    "bias=false",
    "kernel=[3, 1]",
    "ceil",
    "same",
    "half",
    "valid",
    "like",
    "@a",
    "@b",
    "@",
    "->",
    "=>",
    "→",
    "×",
    "-",
    "/",
    "*",
    "%",
    "+",
    "=",
    ":",
    ";",
    ",",
    "|",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "#",
    "::",
    "..",
    "3x16x16",
    "[3, H, W]",
    "0",
    "1",
    "18446744073709551616",
    "0.5",
    "5M",
    "1e-6",
    "\"text\"",
    "r#type",
    "é",
    "$",
    "'",
];

/// A declaration without errors, to be cut and stirred.
const WHOLE: &str = "Net<K = 4>: [3, H, W] -> K where H % 8 == 0, W >= 16 {
    block Unit(c, act = relu) {
        residual { conv1: conv3-c/stride bn1: bn act -> conv3-c(groups=2) bn } else down: (conv1-c/stride bn) act
    }
    stem: conv7-64/2 bn relu -> pool3/2(pad=1) @a -> layer1: Unit(64) x2/2 -> concat { conv1-8 | pool3/1(pad=1) | id }
 -> dense { conv3-4 } x3 -> mul { id | gap -> conv1-148 sigmoid } -> up2(bilinear) -> gap -> fc: fc-K
}";

/// Both front ends, on the same text.
fn read(text: &str) {
    let _ = text.parse::<Network>();
    let _ = text.parse::<Path>();
}

proptest! {
    #[test]
    fn words_in_any_order(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        let body = words.join(" ");
        read(&body);
        read(&format!("Net: 3x16x16 -> 10 {{ {body} }}"));
        read(&format!("Net: 3x16x16 -> 10 {{ block Unit(c) {{ {body} }} Unit(4) -> {body} }}"));
    }

    #[test]
    fn any_text(text in "\\PC{0,80}") {
        read(&text);
    }
}

proptest! {
    // Each case reads four declarations, and searches fixes for them.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_declaration_that_is_cut_and_stirred(
        cut in 0..WHOLE.len(),
        at in 0..WHOLE.len(),
        word in prop::sample::select(WORDS),
    ) {
        read(&WHOLE[..cut]);
        read(&WHOLE[cut..]);
        read(&format!("{} {word} {}", &WHOLE[..at], &WHOLE[at..]));
        let (low, high) = (cut.min(at), cut.max(at));
        read(&format!("{}{}", &WHOLE[..low], &WHOLE[high..]));
    }
}

/// Otherwise the test above would stir what is broken already.
#[test]
fn the_declaration_to_stir_is_right() {
    if let Err(errors) = WHOLE.parse::<Network>() {
        panic!("{errors}");
    }
}
