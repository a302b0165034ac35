//! What the sentences say of results that are made up: that a claim was seen, that it was not, that runs diverged.

use cnn_train::trainer::EpochRecord;
use serde_json::json;

use super::outcome::{Outcome, Run, Score};
use super::page::{Seen, markdown};
use super::*;

/// An epoch with this training loss and accuracy; the validation loss is the training loss and a half.
fn epoch(number: usize, loss: f64, accuracy: f64) -> EpochRecord {
    serde_json::from_value(json!({
        "epoch": number, "train_loss": loss, "valid_loss": loss + 0.5, "accuracy": accuracy, "top5": 1.0,
        "learning_rate": 0.1, "global_step": number, "train_seconds": 1.0, "seconds": 1.0, "images_per_second": 1.0,
    }))
    .unwrap()
}

/// A run with these training losses, and this accuracy in every epoch.
fn run(losses: &[f64], accuracy: f64) -> Run {
    let epochs = losses.iter().enumerate().map(|(index, &loss)| epoch(index + 1, loss, accuracy)).collect();
    Run { epochs, seconds: 2.0, ..Run::default() }
}

fn outcome(name: &str, runs: impl IntoIterator<Item = Run>) -> Outcome {
    Outcome { name: name.to_owned(), parameters: 1000, runs: runs.into_iter().collect() }
}

/// One run that ends with this training loss.
fn ends(name: &str, loss: f64) -> Outcome {
    outcome(name, [run(&[2.3, loss], 0.5)])
}

/// Two runs with accuracies about this one.
fn right(name: &str, accuracy: f64) -> Outcome {
    outcome(name, [run(&[1.0], accuracy - 0.001), run(&[1.0], accuracy + 0.001)])
}

/// A run that diverged in its second epoch.
fn diverged(name: &str) -> Outcome {
    outcome(name, [Run { diverged: Some(2), ..run(&[5.0], 0.1) }])
}

#[test]
fn the_faster_activation_is_named_whichever_it_is() {
    let say = |relu: Outcome, others: &[Outcome]| {
        let outcomes: Vec<_> = std::iter::once(relu).chain(others.iter().cloned()).collect();
        Experiment::Activations.sentence(&outcomes, 1000)
    };
    let fast = |name| outcome(name, [run(&[2.0, 1.0, 0.6, 0.4], 0.6), run(&[1.8, 1.2, 0.8, 0.5], 0.6)]);
    let slow = |name| outcome(name, [run(&[2.1, 1.7, 1.4, 1.1], 0.5), run(&[2.1, 1.7, 1.2, 1.0], 0.5)]);
    // The mean of the slow one ends with 1.05, and that of the fast one is 1.1 after two epochs and 0.7 after three.
    assert_eq!(
        say(fast("ReLU"), &[slow("tanh"), fast("sigmoid")]),
        "ReLU learned faster than tanh, whose final training loss (1.05) it had after 3 of 4 epochs; and as fast as sigmoid, \
         but for noise (training losses of 0.45 and 0.45 after 4 epochs)."
    );
    assert_eq!(
        say(slow("ReLU"), &[fast("tanh")]),
        "ReLU learned more slowly than tanh, which had its final training loss (1.05) after 3 of 4 epochs."
    );
    let early = outcome("tanh", [run(&[1.5, 1.4, 1.3, 1.2], 0.5)]);
    assert!(
        say(fast("ReLU"), &[early])
            .ends_with("(1.20) it had after 2 of 4 epochs, though tanh was ahead until epoch 1.")
    );
    // Two per cent are noise.
    let close = say(ends("ReLU", 1.00), &[ends("tanh", 1.02)]);
    assert!(
        close.contains("as fast as tanh, but for noise (training losses of 1.00 and 1.02 after 2"),
        "{close}"
    );
    assert_eq!(
        say(diverged("ReLU"), &[ends("tanh", 1.0)]),
        "ReLU learned not at all, its loss infinite in epoch 2, where tanh did."
    );
    assert_eq!(
        say(ends("ReLU", 1.0), &[diverged("tanh")]),
        "ReLU learned where tanh did not, whose loss was infinite in epoch 2."
    );
    assert!(say(diverged("ReLU"), &[diverged("tanh")]).contains("(training losses of infinity and infinity"));
}

#[test]
fn runs_whose_ranges_overlap_do_not_differ() {
    let noisy = |name, losses: [f64; 2]| outcome(name, losses.map(|loss| run(&[2.3, loss], 0.5)));
    let say = |relu, tanh| Experiment::Activations.sentence(&[relu, tanh], 1000);
    // The mean is lower by far, and one of the seeds says otherwise.
    let overlap = say(noisy("ReLU", [0.5, 1.1]), noisy("tanh", [1.0, 2.0]));
    assert!(overlap.starts_with("ReLU learned as fast as tanh, but for noise"), "{overlap}");
    let apart = say(noisy("ReLU", [0.5, 0.9]), noisy("tanh", [1.0, 2.0]));
    assert!(apart.starts_with("ReLU learned faster than tanh"), "{apart}");
}

#[test]
fn batch_norm_is_judged_at_each_learning_rate() {
    let say = |outcomes: [Outcome; 4]| Experiment::BatchNorm.sentence(&outcomes, 1000);
    let four = |losses: [f64; 4]| losses.map(|loss| ends("", loss));
    assert_eq!(
        say(four([0.5, 1.0, 0.6, 2.3])),
        "Batch norm learned faster at both learning rates: the training loss after 2 epochs is 0.50 with it and 1.00 without \
         at 0.01, 0.60 with it and 2.30 without at 0.1."
    );
    assert!(
        say(four([1.0, 0.5, 2.3, 0.6]))
            .starts_with("Batch norm learned more slowly at both learning rates: ")
    );
    assert!(say(four([1.0, 1.0, 2.3, 2.3])).starts_with("No difference beyond noise: "));
    assert!(
        say(four([1.0, 0.5, 0.6, 2.3]))
            .starts_with("Batch norm learned more slowly at a learning rate of 0.01 and faster at 0.1: ")
    );
    assert!(say(four([1.0, 1.01, 0.6, 2.3])).starts_with(
        "Batch norm learned as fast, but for noise, at a learning rate of 0.01 and faster at 0.1: "
    ));
    let [with_low, without_low, with_high, _] = four([0.5, 1.0, 0.6, 0.0]);
    assert_eq!(
        say([with_low, without_low, with_high, diverged("")]),
        "Batch norm learned faster at both learning rates: the training loss after 2 epochs is 0.50 with it and 1.00 without \
         at 0.01, 0.60 with it and infinite since epoch 2 without at 0.1."
    );
}

#[test]
fn group_norm_is_judged_at_each_batch_size() {
    let say = |accuracies: [f64; 4]| {
        Experiment::GroupNorm.sentence(&accuracies.map(|accuracy| right("", accuracy)), 1000)
    };
    assert_eq!(
        say([0.8, 0.9, 0.95, 0.951]),
        "With 2 pictures to a batch group norm does better (90.0 % with group norm, 80.0 % with batch norm); with 32 pictures \
         to a batch there is no difference beyond noise (95.1 % with group norm, 95.0 % with batch norm)."
    );
    let opposite = say([0.9, 0.8, 0.8, 0.9]);
    assert!(opposite.starts_with("With 2 pictures to a batch batch norm does better"), "{opposite}");
    assert!(opposite.contains("; with 32 pictures to a batch group norm does better"), "{opposite}");
    let outcomes = [diverged(""), right("", 0.9), right("", 0.9), right("", 0.9)];
    let said = Experiment::GroupNorm.sentence(&outcomes, 1000);
    assert!(
        said.contains("group norm does better (90.0 % with group norm, diverged in epoch 2 with"),
        "{said}"
    );
    // Two points of a hundred samples are noise.
    let said =
        Experiment::GroupNorm.sentence(&[0.88, 0.9, 0.9, 0.9].map(|accuracy| right("", accuracy)), 100);
    assert!(said.starts_with("With 2 pictures to a batch there is no difference beyond noise"), "{said}");
}

#[test]
fn depth_and_shortcuts_are_judged_apart() {
    let say = |losses: [f64; 3]| Experiment::Depth.sentence(&losses.map(|loss| ends("", loss)), 1000);
    assert_eq!(
        say([0.8, 1.4, 0.6]),
        "The deep plain network learned its training data worse than the shallow one (a training loss of 1.40 after 2 epochs, \
         not 0.80), and with shortcuts it learned better (0.60)."
    );
    assert_eq!(
        say([0.8, 0.6, 1.4]),
        "The deep plain network learned better than the shallow one (a training loss of 0.60 after 2 epochs, not 0.80), and \
         with shortcuts it learned worse (1.40)."
    );
    assert_eq!(
        say([0.8, 0.81, 0.79]),
        "The deep plain network learned as the shallow one did, but for noise (a training loss of 0.81 after 2 epochs, not \
         0.80), and shortcuts made no difference beyond noise (0.79)."
    );
    let said = Experiment::Depth.sentence(&[ends("", 0.8), diverged(""), ends("", 0.6)], 1000);
    assert!(said.contains("worse than the shallow one (a training loss of infinity"), "{said}");
    assert!(said.ends_with("and with shortcuts it learned better (0.60)."), "{said}");
}

#[test]
fn masks_are_judged_by_gap_and_accuracy() {
    // The validation loss is 0.5 above the loss of training, which is 0.6; in inference mode the loss there is `learnt`.
    let learnt = |name: &str, loss: f64, accuracy: f64| {
        let on_training = Some(Score { loss, accuracy: 1.0 });
        outcome(name, [Run { on_training, ..run(&[0.6], accuracy) }])
    };
    let say = |outcomes: &[Outcome]| Experiment::Dropout.sentence(outcomes, 1000);
    let without = learnt("none", 0.1, 0.8);
    assert_eq!(
        say(&[without.clone(), learnt("dropout", 0.5, 0.9), learnt("dropconnect", 0.0, 0.7)]),
        "Without masks the validation loss is 1.00 above that of what was learnt, and the validation accuracy 80.0 %; with \
         dropout it is smaller (0.60), and the accuracy higher (90.0 %); with dropconnect it is larger (1.10), and the \
         accuracy lower (70.0 %)."
    );
    let said = say(&[without.clone(), learnt("dropout", 0.1, 0.8), diverged("dropconnect")]);
    assert!(said.contains("with dropout it is the same but for noise (1.00)"), "{said}");
    assert!(said.ends_with("; with dropconnect the loss was infinite in epoch 2."), "{said}");
    let said = say(&[diverged("none"), without]);
    assert!(said.starts_with("Without masks the loss was infinite in epoch 2; "), "{said}");
}

#[test]
fn results_that_are_not_there_are_no_sentence() {
    for experiment in Experiment::ALL {
        assert_eq!(experiment.sentence(&[], 1000), "");
    }
}

#[test]
fn variants_have_different_names_and_networks_that_can_be_compared() {
    for experiment in Experiment::ALL {
        for plan in [experiment.plan(false), experiment.plan(true)] {
            let mut names: Vec<_> = plan.variants.iter().map(|variant| variant.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), plan.variants.len());
        }
    }
    let parameters = |experiment: Experiment| -> Vec<usize> {
        let variants = experiment.plan(true).variants;
        let count = |variant: &run::Variant| {
            let net = (variant.network)(cnn_runtime::Init::seed(1), &cnn_runtime::Device::Cpu).unwrap();
            net.state().trainable().iter().map(|var| var.elem_count()).sum()
        };
        variants.iter().map(count).collect()
    };
    for experiment in [Experiment::Activations, Experiment::GroupNorm, Experiment::Dropout] {
        let counts = parameters(experiment);
        assert!(counts.iter().all(|&count| count == counts[0]), "{experiment:?} {counts:?}");
    }
    let depth = parameters(Experiment::Depth);
    assert!(depth[0] < depth[1] && depth[1] == depth[2], "{depth:?}");
}

#[test]
fn the_page_has_every_sentence_picture_and_table() {
    let seen = Seen {
        experiment: Experiment::Depth,
        title: "Deep?",
        outcomes: vec![ends("plain", 0.5), diverged("residual")],
        sentence: "It is.".to_owned(),
    };
    let page = markdown(std::slice::from_ref(&seen));
    for part in ["## Deep?\n\nIt is.\n\n![Deep?](depth.svg)\n\n```text\nvariant", "plain ", "residual "] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let lines: Vec<_> = seen.table().lines().map(str::to_owned).collect();
    assert_eq!(lines[1], "plain           1000        0.50      50.0 %     50.0 %      2.0");
    assert!(lines[2].contains("infinity"), "{}", lines[2]);
}
