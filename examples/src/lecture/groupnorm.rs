//! Batch norm against group norm, in small batches.
//!
//! Y. Wu and K. He, "Group Normalization", 2018, figure 1: with two pictures to a batch the statistics of batch norm are too
//! rough to learn well with, and group norm, which looks at one picture at a time, does not mind.

use std::cmp::Ordering;

use cnn_runtime::Scheme;
use cnn_runtime::prelude::*;
use cnn_train::optim::Sgd;
use cnn_train::schedule::Schedule;

use super::data::Source;
use super::outcome::{Outcome, Run, compare_shares, percent};
use super::run::{Plan, Variant};

network! {
    block Normed(norm) {
        conv3-16/2(bias=false) norm relu                        => 16x14x14
     -> conv3-32/2(bias=false) norm relu                        => 32x7x7
     -> conv3-64/2(bias=false) norm relu                        => 64x4x4
     -> gap -> fc10
    }

    /// With batch norms.
    pub ByBatch: 1x28x28 -> 10 { Normed(bn) }

    /// With group norms of eight groups.
    pub ByGroup: 1x28x28 -> 10 { Normed(gn8) }
}

/// Pictures to a step of the small batches and of the large ones.
const SMALL: usize = 2;
const LARGE: usize = 32;

/// The learning rate of the large batches; that of others is as much smaller as they are (the paper's section 4.1).
const RATE: f64 = 0.1;

/// The experiment.
pub(super) fn plan(is_quick: bool) -> Plan {
    let variant = |name, network, batch| Variant {
        name,
        network,
        scheme: Scheme::KaimingNormal,
        optimizer: Sgd::new(RATE * batch as f64 / LARGE as f64).momentum(0.9).into(),
        batch,
    };
    let by_batch: fn(Init, &Device) -> _ = |init, device| Ok(Box::new(ByBatch::init(init, device)?) as _);
    let by_group: fn(Init, &Device) -> _ = |init, device| Ok(Box::new(ByGroup::init(init, device)?) as _);
    Plan {
        title: "Group norm does not mind small batches, where batch norm does?",
        source: Source::Mnist,
        pictures: if is_quick { [500, 500] } else { [2_000, 2_000] },
        epochs: if is_quick { 2 } else { 6 },
        seeds: if is_quick { 1 } else { 2 },
        schedule: Schedule::cosine(),
        judges_training: false,
        variants: vec![
            variant("batch norm, batches of 2", by_batch, SMALL),
            variant("group norm, batches of 2", by_group, SMALL),
            variant("batch norm, batches of 32", by_batch, LARGE),
            variant("group norm, batches of 32", by_group, LARGE),
        ],
    }
}

/// What was seen in small batches, and in large ones.
pub(super) fn sentence(outcomes: &[Outcome], samples: usize) -> String {
    let [batch_small, group_small, batch_large, group_large] = outcomes else { return String::new() };
    let seen = |batch: &Outcome, group: &Outcome, size: usize| {
        let (left, right) = (batch.each(Run::final_accuracy), group.each(Run::final_accuracy));
        let who = match compare_shares(&left, &right, samples) {
            Ordering::Less => "group norm does better",
            Ordering::Equal => "there is no difference beyond noise",
            Ordering::Greater => "batch norm does better",
        };
        let [batch, group] = [batch, group].map(end);
        format!("with {size} pictures to a batch {who} ({group} with group norm, {batch} with batch norm)")
    };
    let (small, large) = (seen(batch_small, group_small, SMALL), seen(batch_large, group_large, LARGE));
    format!("W{}; {large}.", small.trim_start_matches('w'))
}

/// What a variant ended with.
fn end(outcome: &Outcome) -> String {
    match outcome.diverged() {
        Some(epoch) => format!("diverged in epoch {epoch}"),
        None => percent(outcome.mean(Run::final_accuracy)),
    }
}
