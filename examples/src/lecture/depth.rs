//! Plain networks against residual ones.
//!
//! K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", 2015, figure 6: a plain network learns
//! its training data the worse the deeper it is, though it could do what the shallower one does. With shortcuts it does not.

use std::cmp::Ordering;

use cnn_runtime::Scheme;
use cnn_runtime::prelude::*;
use cnn_train::optim::Sgd;
use cnn_train::schedule::Schedule;

use super::data::Source;
use super::outcome::{Outcome, compare_losses, loss};
use super::run::{Plan, Variant};

network! {
    // Two layers, and the same with a shortcut.
    block Plain(c) { conv3-c bn relu -> conv3-c bn relu }
    block Residual(c) { residual { conv3-c bn relu -> conv3-c bn } relu }

    // Where shapes change there is no shortcut in either, so that both have the same layers and the same parameters.
    block Deep(narrow, middle, wide) {
        conv3-8/2 bn relu  -> (narrow) x5                       => 8x16x16
     -> conv3-16/2 bn relu -> (middle) x5                       => 16x8x8
     -> conv3-32/2 bn relu -> (wide) x5                         => 32x4x4
     -> gap -> fc10
    }

    /// Ten layers, plain.
    pub Plain10: 3x32x32 -> 10 {
        conv3-8/2 bn relu  -> Plain(8)
     -> conv3-16/2 bn relu -> Plain(16)
     -> conv3-32/2 bn relu -> Plain(32)
     -> gap -> fc10
    }

    /// Thirty-four layers, plain.
    pub Plain34: 3x32x32 -> 10 { Deep(Plain(8), Plain(16), Plain(32)) }

    /// The same with fifteen shortcuts.
    pub Residual34: 3x32x32 -> 10 { Deep(Residual(8), Residual(16), Residual(32)) }
}

/// The experiment.
pub(super) fn plan(is_quick: bool) -> Plan {
    let variant = |name, network| Variant {
        name,
        network,
        // The paper's rate, momentum and initial weights; its weight decay is left out, for this is about the training loss.
        scheme: Scheme::KaimingNormal,
        optimizer: Sgd::new(0.1).momentum(0.9).into(),
        batch: 50,
    };
    Plan {
        title: "A deep plain network learns worse than a residual one?",
        source: Source::Cifar,
        pictures: if is_quick { [500, 200] } else { [2_700, 1_000] },
        epochs: if is_quick { 3 } else { 12 },
        seeds: if is_quick { 1 } else { 2 },
        schedule: Schedule::constant(),
        judges_training: false,
        variants: vec![
            variant("plain, 10 layers", |init, device| Ok(Box::new(Plain10::init(init, device)?))),
            variant("plain, 34 layers", |init, device| Ok(Box::new(Plain34::init(init, device)?))),
            variant("residual, 34 layers", |init, device| Ok(Box::new(Residual34::init(init, device)?))),
        ],
    }
}

/// What was seen of the training losses: of depth, and of shortcuts.
pub(super) fn sentence(outcomes: &[Outcome], _: usize) -> String {
    let [shallow, plain, residual] = outcomes else { return String::new() };
    let epochs = outcomes.iter().map(Outcome::epochs).max().unwrap_or(0);
    let of_depth = match compare_losses(shallow, plain) {
        Ordering::Less => "The deep plain network learned its training data worse than the shallow one",
        Ordering::Equal => "The deep plain network learned as the shallow one did, but for noise",
        Ordering::Greater => "The deep plain network learned better than the shallow one",
    };
    let of_shortcuts = match compare_losses(residual, plain) {
        Ordering::Less => "with shortcuts it learned better",
        Ordering::Equal => "shortcuts made no difference beyond noise",
        Ordering::Greater => "with shortcuts it learned worse",
    };
    let [shallow, plain, residual] = [shallow, plain, residual].map(|outcome| loss(outcome.final_loss()));
    format!(
        "{of_depth} (a training loss of {plain} after {epochs} epochs, not {shallow}), and {of_shortcuts} ({residual})."
    )
}
