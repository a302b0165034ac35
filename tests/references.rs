//! Every operation and its gradients against what PyTorch answered (see `references/README.md`).
//!
//! Each case runs in both dtypes and with its tensors laid out in memory in three ways. One test per family; it
//! reports all that is wrong in all of its cases at once. `--nocapture` shows how close the right ones are.

#[path = "references/batch_norm_layer.rs"]
mod batch_norm_layer;
#[macro_use]
#[path = "references/families.rs"]
mod families;
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

use candle_core::Device;
use cases::Family;
use families::MANY;
use run::Kind;

macro_rules! families {
    ($($family:ident: $kind:ident, $least:literal, $many:expr;)+) => {
        $(
            #[test]
            fn $family() {
                run::check(&Family::load(stringify!($family)), $least, Kind::$kind, $many, &Device::Cpu);
            }
        )+

        /// The families that are tested.
        const TESTED: &[&str] = &[$(stringify!($family)),+];
    };
}

with_families!(families);

/// All operations that must have cases.
const NAMES: &[&str] = &[
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "hardswish",
    "hardsigmoid",
    "sigmoid",
    "tanh",
    "softmax",
    "max_pool2d",
    "avg_pool2d",
    "adaptive_avg_pool2d",
    "global_avg_pool2d",
    "upsample_nearest2d",
    "upsample_bilinear2d",
    "pixel_shuffle",
    "channel_shuffle",
    "local_response_norm",
    "crop2d",
    "pad2d",
    "flatten",
    "add",
    "mul",
    "concat",
    "conv2d",
    "conv_transpose2d",
    "linear",
    "batch_norm_train",
    "batch_norm_eval",
    "layer_norm",
    "group_norm",
    "instance_norm",
    "prelu",
    "scale",
    "cross_entropy",
    "cross_entropy_with_probabilities",
];

#[test]
fn no_family_is_left_out() {
    let recorded: BTreeSet<String> = cases::index().into_iter().map(|case| case.family).collect();
    let tested: BTreeSet<String> = TESTED.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(recorded, tested);
}

#[test]
fn every_operation_has_cases() {
    let recorded: BTreeSet<String> = cases::index().into_iter().map(|case| case.op).collect();
    let missing: Vec<_> = NAMES.iter().filter(|&&name| !recorded.contains(name)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}
