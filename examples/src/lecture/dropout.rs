//! Dropout, of activations and of weights, where there are few pictures to learn from.
//!
//! N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014, and L. Wan et al.,
//! "Regularization of Neural Networks using DropConnect", 2013: what is learnt with masks overfits less.

use std::cmp::Ordering;

use cnn_runtime::Scheme;
use cnn_runtime::prelude::*;
use cnn_train::optim::AdamW;
use cnn_train::schedule::Schedule;

use super::data::Source;
use super::outcome::{Outcome, Run, compare_shares, compare_values, loss, percent};
use super::run::{Plan, Variant};

network! {
    // Two convolutions and a wide layer, which has most of the parameters.
    block Wide(hidden, mask) {
        conv5-16/2 relu -> pool2                                => 16x8x8
     -> conv5-32 relu -> pool2                                  => 32x4x4
     -> hidden relu -> mask -> fc10
    }

    /// Without masks.
    pub NoMask: 3x32x32 -> 10 { Wide(fc512, id) }

    /// Half of the wide layer's activations are dropped in each step.
    pub DropsActivations: 3x32x32 -> 10 { Wide(fc512, dropout(0.5)) }

    /// Half of the wide layer's weights are.
    pub DropsWeights: 3x32x32 -> 10 { Wide(fc512(dropconnect=0.5), id) }
}

/// The experiment.
pub(super) fn plan(is_quick: bool) -> Plan {
    let variant = |name, network| Variant {
        name,
        network,
        scheme: Scheme::KaimingNormal,
        // With masks SGD would be far from the end after these few steps.
        optimizer: AdamW::new(5e-4).into(),
        batch: 20,
    };
    Plan {
        title: "Dropout overfits less?",
        source: Source::Cifar,
        pictures: if is_quick { [300, 300] } else { [1_000, 1_000] },
        epochs: if is_quick { 5 } else { 20 },
        seeds: if is_quick { 1 } else { 3 },
        schedule: Schedule::constant(),
        judges_training: true,
        variants: vec![
            variant("none", |init, device| Ok(Box::new(NoMask::init(init, device)?))),
            variant("dropout", |init, device| Ok(Box::new(DropsActivations::init(init, device)?))),
            variant("dropconnect", |init, device| Ok(Box::new(DropsWeights::init(init, device)?))),
        ],
    }
}

/// What was seen of the gap between training and validation, both in inference mode, and of the accuracy.
pub(super) fn sentence(outcomes: &[Outcome], samples: usize) -> String {
    let [none, masked @ ..] = outcomes else { return String::new() };
    let seen = masked.iter().map(|outcome| {
        if let Some(epoch) = outcome.diverged() {
            return format!("with {} the loss was infinite in epoch {epoch}", outcome.name);
        }
        let gap = match compare_values(&outcome.each(gap), &none.each(gap)) {
            Ordering::Less => "smaller",
            Ordering::Equal => "the same but for noise",
            Ordering::Greater => "larger",
        };
        let shares = [outcome, none].map(|outcome| outcome.each(Run::final_accuracy));
        let accuracy = match compare_shares(&shares[0], &shares[1], samples) {
            Ordering::Less => "lower",
            Ordering::Equal => "the same but for noise",
            Ordering::Greater => "higher",
        };
        format!(
            "with {} it is {gap} ({}), and the accuracy {accuracy} ({})",
            outcome.name,
            loss(outcome.mean(self::gap)),
            percent(outcome.mean(Run::final_accuracy))
        )
    });
    let seen: Vec<String> = seen.collect();
    let without = match none.diverged() {
        Some(epoch) => format!("Without masks the loss was infinite in epoch {epoch}"),
        None => format!(
            "Without masks the validation loss is {} above that of what was learnt, and the validation accuracy {}",
            loss(none.mean(gap)),
            percent(none.mean(Run::final_accuracy))
        ),
    };
    format!("{without}; {}.", seen.join("; "))
}

/// How far the validation loss is above that of the training data; infinite where the run diverged.
fn gap(run: &Run) -> f64 {
    match (run.on_training, run.epochs.last()) {
        (Some(training), Some(last)) if run.diverged.is_none() => last.valid_loss - training.loss,
        _ => f64::INFINITY,
    }
}
