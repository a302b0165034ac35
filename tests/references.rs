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

macro_rules! families {
    ($($family:ident: $run:path, $least:literal;)+) => {
        $(
            #[test]
            fn $family() {
                run::check(&Family::load(stringify!($family)), $least, $run);
            }
        )+

        /// The families that are tested.
        const TESTED: &[&str] = &[$(stringify!($family)),+];
    };
}

// How each runs, and how many cases it has at least: a file that lost some must not pass.
families! {
    conv2d: run::operation, 80;
    conv_transpose2d: run::operation, 30;
    linear: run::operation, 15;
    max_pool2d: run::operation, 50;
    avg_pool2d: run::operation, 40;
    adaptive_pool2d: run::operation, 20;
    batch_norm: run::operation, 20;
    batch_norm_layer: batch_norm_layer::steps, 9;
    norms: run::operation, 45;
    activation: run::operation, 100;
    weighted: run::operation, 20;
    nonfinite: run::operation, 20;
    resize: run::operation, 35;
    moving: run::operation, 50;
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
