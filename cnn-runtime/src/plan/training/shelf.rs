//! Compiled training steps, between two uses of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::TrainingPlan;
use crate::plan::{CompileOptions, Precision};

/// Plans that wait, and steps that have none, are remembered up to so many.
const KEPT: usize = 6;

/// What a plan is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Where the network lies in the whole.
    pub(super) prefix: String,
    pub(super) shapes: Vec<Vec<usize>>,
    pub(super) input_gradients: bool,
    /// For each of the network's tensors.
    pub(super) frozen: Vec<bool>,
    /// On CUDA devices: what was asked for.
    pub(super) precision: Precision,
    pub(super) threads: usize,
}

/// A network's plans that nobody uses at the moment.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Plans>);

#[derive(Debug, Default)]
struct Plans {
    /// The last was used last.
    waiting: Vec<(Key, TrainingPlan)>,
    /// For these there is none.
    refused: Vec<Key>,
}

impl Shelf {
    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, key: &Key) -> Option<TrainingPlan> {
        let mut plans = self.plans();
        let index = plans.waiting.iter().rposition(|(other, _)| other == key)?;
        Some(plans.waiting.remove(index).1)
    }

    pub(super) fn put(&self, key: Key, plan: TrainingPlan) {
        let mut plans = self.plans();
        if plans.waiting.len() == KEPT {
            plans.waiting.remove(0);
        }
        plans.waiting.push((key, plan));
    }

    pub(super) fn is_refused(&self, key: &Key) -> bool {
        self.plans().refused.contains(key)
    }

    pub(super) fn refuse(&self, key: Key) {
        let mut plans = self.plans();
        if plans.refused.len() == KEPT {
            plans.refused.remove(0);
        }
        plans.refused.push(key);
    }
}

impl Key {
    /// How its plan is compiled.
    pub(super) fn options(&self) -> CompileOptions {
        let batch = self.shapes.first().and_then(|shape| shape.first()).copied().unwrap_or(0);
        let mut options =
            CompileOptions::batch(batch).with_threads(self.threads).with_precision(self.precision);
        for shape in &self.shapes {
            options = options.with_input(shape.get(1..).unwrap_or_default());
        }
        if self.input_gradients { options.with_input_gradients() } else { options }
    }
}
