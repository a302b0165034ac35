//! The oracle against the language reference, and against networks whose shapes are known.

use super::{Oracle, Verdict};
use std::path::Path;

fn judge(text: &str) -> Verdict {
    Oracle::default().judge(text)
}

#[track_caller]
fn accepts(text: &str) {
    let verdict = judge(text);
    assert!(matches!(verdict, Verdict::Accepted), "{text}\n{verdict:?}");
}

#[track_caller]
fn rejects(text: &str) {
    let verdict = judge(text);
    assert!(matches!(verdict, Verdict::Rejected(_)), "{text}\n{verdict:?}");
}

/// The fenced texts of one language in the reference.
fn fenced(language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/language.md");
    let text = std::fs::read_to_string(path).unwrap();
    let opening = format!("```{language}\n");
    let blocks = text.split(&opening).skip(1);
    blocks.filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

#[test]
fn what_the_reference_declares() {
    let all = fenced("network");
    assert!(all.len() > 10);
    for text in all {
        let verdict = judge(&text);
        // Rust consts, Rust code and budgets are not decidable.
        let beyond = text.contains("SIDE")
            || text.contains("#[budget")
            || text.contains("rust(")
            || reads_a_stage(&text)
            || text.contains("::");
        let fine =
            matches!(verdict, Verdict::Accepted) || (beyond && matches!(verdict, Verdict::Undecided(_)));
        assert!(fine, "{text}\n{verdict:?}");
    }
}

/// What is inside networks that are layers is not judged.
fn reads_a_stage(text: &str) -> bool {
    text.contains("@body.") || text.contains("_:")
}

#[test]
fn what_the_reference_refuses() {
    for block in fenced("refused") {
        // Budgets and lints are not about shapes.
        for text in block.split("\n\n").filter(|text| !text.contains("#[") && !reads_a_stage(text)) {
            rejects(text);
        }
    }
}

#[test]
fn shapes() {
    accepts("N: 3x8x8 -> 4x4x4 { conv3-4/2 }");
    rejects("N: 3x8x8 -> 4x4x4 { conv3-4 }");
    rejects("N: 3x2x2 -> 4x1x1 { conv5-4(valid) }");
    rejects("N: 3x8x8 -> 4x8x8 { conv3-4(groups=2) }");
    accepts("N: 1x8x8 -> 4 { conv3-4 gap }");
    rejects("N: 4 -> 4x1x1 { relu }");
    rejects("N: 1x8x8 -> 1x8x8 { residual { conv3-1/2 } }");
    rejects("N: 1x8x8 -> 4x8x8 { residual { conv3-4 } else (conv1-3) }");
    accepts("N: 1x8x8 -> 4x8x8 { residual { conv3-4 } else (conv1-4) }");
    rejects("N: 1x8x8 -> 2x8x8 { concat { id | pool2 } }");
    accepts("N: 1x8x8 -> 2x8x8 { concat { id | pool2 up2 } }");
    rejects("N: 1x9x9 -> 2x9x9 { concat { id | pool2 up2 } }");
    rejects("N: 1x8x8 -> 1x8x8 { pool2(pad=2) }");
    accepts("N: 2x8x8 -> 2x8x8 { mul { id | gap } }");
    rejects("N: 2x8x8 -> 2x8x8 { mul { id | gap conv1-3 } }");
}

#[test]
fn symbols_and_generics() {
    rejects("N: [1, H, W] -> [1, H, W] { pool2 up2 }");
    accepts("N: [1, H, W] -> [1, H, W] where H % 2 == 0, W % 2 == 0 { pool2 up2 }");
    rejects("N: [1, H, W] -> [1, H, W] where H % 2 == 0, W % 4 == 0 { pool2 up2 pool4 up4 }");
    rejects("N: [1, H, W] -> [1, W, H] { id }");
    accepts("N<C = 8>: 1x8x8 -> C { conv3-8 gap }");
    // By the defaults they are equal; in general they are not, so the residual needs its shortcut.
    rejects("N<C = 1>: 1x8x8 -> [C, 8, 8] { residual { conv3-C } }");
    accepts("N<C = 1>: 1x8x8 -> [C, 8, 8] { residual { conv3-C } else (conv1-C) }");
}

#[test]
fn names() {
    rejects("N: 1x8x8 -> 1x8x8 { a: conv3-1 a: conv3-1 }");
    rejects("N: 1x8x8 -> 1x8x8 { (a: conv3-1) x2 }");
    accepts("N: 1x8x8 -> 1x8x8 { a: (conv3-1 conv3-1) x2 }");
    accepts("N: 1x8x8 -> 1x8x8 { block B() { a: conv3-1 } B x2 }");
    accepts("N: 1x8x8 -> 1x8x8 { (b[1..]: (a: conv3-1) x2) }");
}

#[test]
fn what_is_left_open() {
    for text in [
        "N: 1x8x8 -> 1x8x8 { conv3-SIDE }",
        "N: 1x8x8 -> 1x8x8 { rust(id) => 1x8x8 }",
        "N: 4x1x1 -> 4x1x1 { relu => 4 -> conv1-4 }",
    ] {
        let verdict = judge(text);
        assert!(matches!(verdict, Verdict::Undecided(_)), "{text}\n{verdict:?}");
    }
}
