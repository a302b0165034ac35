//! With batch norm and without, at two learning rates.
//!
//! S. Ioffe and C. Szegedy, "Batch Normalization", 2015: networks with it learn faster, and at learning rates that others do not
//! bear.

use std::cmp::Ordering;

use cnn_runtime::Scheme;
use cnn_runtime::prelude::*;
use cnn_train::optim::Sgd;
use cnn_train::schedule::Schedule;

use super::data::Source;
use super::outcome::{Outcome, compare_losses, loss};
use super::run::{Plan, Variant};

network! {
    // A small VGG (Simonyan and Zisserman, 2015): nine layers.
    block Vgg(norm) {
        (conv3-16 norm relu) x2 -> pool2                        => 16x16x16
     -> (conv3-32 norm relu) x2 -> pool2                        => 32x8x8
     -> (conv3-64 norm relu) x4 -> gap                          => 64x1x1
     -> fc10
    }

    /// The layers alone.
    pub Without: 3x32x32 -> 10 { Vgg(id) }

    /// With a batch norm behind every convolution, which then has no bias.
    pub With: 3x32x32 -> 10 { Vgg(bn) }
}

/// The two learning rates, as the names have them.
const LOW: &str = "0.01";
const HIGH: &str = "0.1";

/// The experiment.
pub(super) fn plan(is_quick: bool) -> Plan {
    let variant = |name, network, rate| Variant {
        name,
        network,
        // He et al., 2015: without it the network that has no norms would not learn at all.
        scheme: Scheme::KaimingNormal,
        optimizer: Sgd::new(rate).momentum(0.9).into(),
        batch: 50,
    };
    let with: fn(Init, &Device) -> _ = |init, device| Ok(Box::new(With::init(init, device)?) as _);
    let without: fn(Init, &Device) -> _ = |init, device| Ok(Box::new(Without::init(init, device)?) as _);
    Plan {
        title: "Batch norm learns faster, and bears higher learning rates?",
        source: Source::Cifar,
        pictures: if is_quick { [400, 200] } else { [2_700, 1_000] },
        epochs: if is_quick { 3 } else { 8 },
        seeds: if is_quick { 1 } else { 2 },
        schedule: Schedule::constant(),
        judges_training: false,
        variants: vec![
            variant("batch norm, rate 0.01", with, 0.01),
            variant("none, rate 0.01", without, 0.01),
            variant("batch norm, rate 0.1", with, 0.1),
            variant("none, rate 0.1", without, 0.1),
        ],
    }
}

/// What was seen at each of the learning rates.
pub(super) fn sentence(outcomes: &[Outcome], _: usize) -> String {
    let [with_low, without_low, with_high, without_high] = outcomes else { return String::new() };
    let pairs = [(LOW, with_low, without_low), (HIGH, with_high, without_high)];
    let [low, high] = pairs.map(|(_, with, without)| compare_losses(with, without));
    let verdict = match (low, high) {
        (Ordering::Less, Ordering::Less) => "Batch norm learned faster at both learning rates".to_owned(),
        (Ordering::Greater, Ordering::Greater) => {
            "Batch norm learned more slowly at both learning rates".to_owned()
        }
        (Ordering::Equal, Ordering::Equal) => "No difference beyond noise".to_owned(),
        (low, high) => format!(
            "Batch norm learned {} at a learning rate of {LOW} and {} at {HIGH}",
            speed(low),
            speed(high)
        ),
    };
    let seen = pairs
        .map(|(rate, with, without)| format!("{} with it and {} without at {rate}", end(with), end(without)));
    let epochs = outcomes.iter().map(Outcome::epochs).max().unwrap_or(0);
    format!("{verdict}: the training loss after {epochs} epochs is {}, {}.", seen[0], seen[1])
}

fn speed(losses: Ordering) -> &'static str {
    match losses {
        Ordering::Less => "faster",
        Ordering::Equal => "as fast, but for noise,",
        Ordering::Greater => "more slowly",
    }
}

/// What a variant ended with.
fn end(outcome: &Outcome) -> String {
    match outcome.diverged() {
        Some(epoch) => format!("infinite since epoch {epoch}"),
        None => loss(outcome.final_loss()),
    }
}
