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
    ($($family:ident: $kind:ident, $least:literal, $many:expr;)+) => {
        $(
            #[test]
            fn $family() {
                run::check(&Family::load(stringify!($family)), $least, Kind::$kind, $many);
            }
        )+

        /// The families that are tested.
        const TESTED: &[&str] = &[$(stringify!($family)),+];
    };
}

/// Input values of a large batch: an operation on each makes work for several threads.
const MANY: usize = 140_000;

// What the cases of each are; how many it has at least, because a file that lost some must not pass; and the values of
// its large batches (less where every value costs much, none where the batch has an influence on the result).
families! {
    conv2d: Operation, 90, 15_000;
    conv_transpose2d: Operation, 30, 15_000;
    linear: Operation, 15, MANY;
    max_pool2d: Operation, 50, MANY;
    avg_pool2d: Operation, 45, MANY;
    adaptive_pool2d: Operation, 20, MANY;
    batch_norm: Operation, 20, MANY;
    batch_norm_layer: BatchNormLayer, 9, 0;
    norms: Operation, 50, MANY;
    activation: Operation, 100, MANY;
    weighted: Operation, 20, MANY;
    cross_entropy: Operation, 18, 0;
    nonfinite: Operation, 20, 0;
    resize: Operation, 35, MANY;
    moving: Operation, 50, MANY;
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
