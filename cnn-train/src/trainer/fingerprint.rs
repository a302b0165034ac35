//! What a run is configured with: for listeners to keep, and for a checkpoint to compare.

use std::collections::BTreeMap;

use cnn_runtime::Network;
use serde_json::{Value, json};

use super::Options;
use crate::batches::Batches;

/// Everything that the configuration of a run has.
pub(super) fn config(net: &dyn Network, options: &Options, train: &dyn Batches) -> Value {
    let state = net.state();
    let frozen: Vec<&str> =
        state.named().map(|(name, _, _)| name).filter(|name| state.is_frozen(name)).collect();
    json!({
        "network": {
            "name": net.name(),
            "input": net.input_shape(),
            "output": net.output_shape(),
            "dtype": state.dtype().as_str(),
        },
        "frozen": frozen,
        "optimizer": options.optimizer,
        "schedule": options.schedule,
        "epochs": options.epochs,
        "label_smoothing": options.label_smoothing,
        "clip_norm": options.clip_norm,
        "clip_value": options.clip_value,
        "accumulate": options.accumulate,
        "ema": options.ema,
        "mixup": options.mixup,
        "early_stopping": options.early_stopping,
        "seed": options.seed,
        "compiled": options.compiles,
        "mixed_precision": options.mixed_precision,
        "data": { "batches": train.len(), "samples": train.samples() },
    })
}

/// What must be the same for a run to go on: as texts, which compare exactly where numbers that were read may not.
pub(super) fn fingerprint(config: &Value, options: &Options) -> BTreeMap<String, String> {
    let fields = config.as_object().into_iter().flatten();
    fields
        .filter(|(key, _)| match key.as_str() {
            // When to stop may change, unless the learning rate depends on it.
            "epochs" => options.schedule.needs_length(),
            "early_stopping" => false,
            _ => true,
        })
        .map(|(key, value)| (key.clone(), value.to_string()))
        .collect()
}
