//! Every operation and its gradients against what PyTorch answered (see `references/README.md`).
//!
//! Each case runs in both dtypes and with its tensors laid out in memory in three ways. One test per family; it
//! reports all that is wrong in all of its cases at once. `--nocapture` shows how close the right ones are.

#[path = "references/batch_norm_layer.rs"]
mod batch_norm_layer;
#[path = "references/cases.rs"]
mod cases;
#[path = "references/compare.rs"]
mod compare;
#[path = "references/layouts.rs"]
mod layouts;
#[path = "references/operations.rs"]
mod operations;
#[path = "references/run.rs"]
mod run;

use std::collections::BTreeSet;

use cases::Family;
use run::Kind;

macro_rules! families {
    ($($family:ident: $kind:ident, $least:literal;)+) => {
        $(
            #[test]
            fn $family() {
                run::check(&Family::load(stringify!($family)), $least, Kind::$kind);
            }
        )+

        /// The families that are tested.
        const TESTED: &[&str] = &[$(stringify!($family)),+];
    };
}

// What the cases of each are, and how many cases it has at least: a file that lost some must not pass.
families! {
    conv2d: Operation, 80;
    conv_transpose2d: Operation, 30;
    linear: Operation, 15;
    max_pool2d: Operation, 50;
    avg_pool2d: Operation, 40;
    adaptive_pool2d: Operation, 20;
    batch_norm: Operation, 20;
    batch_norm_layer: BatchNormLayer, 9;
    norms: Operation, 45;
    activation: Operation, 100;
    weighted: Operation, 20;
    nonfinite: Operation, 20;
    resize: Operation, 35;
    moving: Operation, 50;
}

#[test]
fn no_family_is_left_out() {
    let recorded: BTreeSet<String> = cases::index().into_iter().map(|case| case.family).collect();
    let tested: BTreeSet<String> = TESTED.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(recorded, tested);
}

#[test]
fn every_operation_has_cases() {
    let recorded: BTreeSet<String> = cases::index().into_iter().map(|case| case.op).collect();
    let missing: Vec<_> = operations::NAMES.iter().filter(|&&name| !recorded.contains(name)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}
