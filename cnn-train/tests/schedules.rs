//! The schedules beside PyTorch's (see `pytorch/generate.py`).

use cnn_train::schedule::{Length, OneCycle, Schedule, Span};
use serde_json::Value;

/// The learning rate of the references.
const PEAK: f64 = 0.3;

fn recorded(name: &str) -> Vec<(f64, Option<f64>)> {
    let all: Value = serde_json::from_str(include_str!("pytorch/schedules.json")).unwrap();
    let values = all[name].as_array().unwrap_or_else(|| panic!("no {name}")).iter();
    values
        .map(|value| match value.as_array() {
            Some(pair) => (pair[0].as_f64().unwrap(), pair[1].as_f64()),
            None => (value.as_f64().unwrap(), None),
        })
        .collect()
}

fn same(name: &str, schedule: &Schedule, steps_per_epoch: usize) {
    let recorded = recorded(name);
    // A reference that moves with epochs has a value for each.
    let steps = recorded.len() * steps_per_epoch;
    let run = Length { steps_per_epoch, steps };
    for step in 0..steps {
        let (rate, momentum) = recorded[step / steps_per_epoch];
        let ours = PEAK * schedule.factor(step, run);
        assert!((ours - rate).abs() < 1e-13, "{name}, step {step}: {ours}, PyTorch has {rate}");
        match (schedule.momentum(step, run), momentum) {
            (None, None) => {}
            (Some(ours), Some(theirs)) if (ours - theirs).abs() < 1e-13 => {}
            (ours, theirs) => panic!("{name}, step {step}: momentum {ours:?}, PyTorch has {theirs:?}"),
        }
    }
}

#[test]
fn they_are_pytorchs_step_by_step() {
    same("constant", &Schedule::constant(), 1);
    same("step 4 0.5", &Schedule::step(4, 0.5).per_step(), 1);
    same("milestones 3 4 10 0.1", &Schedule::milestones([3, 4, 10], 0.1).per_step(), 1);
    same("exponential 0.9", &Schedule::exponential(0.9).per_step(), 1);
    same("cosine 20", &Schedule::cosine(), 1);
    same("cosine 20 to 0.01", &Schedule::cosine_to(0.01), 1);
    same("one cycle 50", &Schedule::one_cycle(), 1);
    let cycle = OneCycle::new().rise(0.2).divisors(10.0, 100.0).momentum(0.8, 0.9);
    same("one cycle 37, 0.2, 10, 100", &cycle.into(), 1);
    same("one cycle 40 linear", &OneCycle::new().linear().into(), 1);
    let warm = |schedule: Schedule, steps, from| schedule.warm_up(Span::Steps(steps), from);
    same("warm-up 5 from 0.1, cosine 20", &warm(Schedule::cosine(), 5, 0.1), 1);
    same("warm-up 4 from 0.25, step 6 0.5", &warm(Schedule::step(6, 0.5).per_step(), 4, 0.25), 1);
}

#[test]
fn they_are_pytorchs_epoch_by_epoch() {
    same("step 4 0.5", &Schedule::step(4, 0.5), 7);
    same("milestones 3 4 10 0.1", &Schedule::milestones([10, 3, 4], 0.1), 3);
    same("exponential 0.9", &Schedule::exponential(0.9), 5);
    same("cosine 20", &Schedule::cosine().per_epoch(), 6);
}

#[test]
fn a_warm_up_in_epochs_is_one_in_their_steps() {
    let run = Length { steps_per_epoch: 9, steps: 90 };
    let [epochs, steps] =
        [Span::Epochs(2), Span::Steps(18)].map(|span| Schedule::step(3, 0.1).warm_up(span, 0.01));
    for step in 0..100 {
        assert_eq!(epochs.factor(step, run), steps.factor(step, run));
    }
    assert_eq!(epochs.factor(17, run), 0.01 + 0.99 * 17.0 / 18.0);
    // The steps of the curve are counted from the end of the warm-up.
    assert_eq!((epochs.factor(18 + 26, run), epochs.factor(18 + 27, run)), (1.0, 0.1));
}

#[test]
fn odd_lengths_give_numbers() {
    for schedule in [
        Schedule::constant(),
        Schedule::step(0, 0.5),
        Schedule::milestones([], 0.5),
        Schedule::cosine(),
        Schedule::one_cycle(),
        OneCycle::new().rise(0.0).into(),
        OneCycle::new().rise(1.0).into(),
        Schedule::cosine().warm_up(Span::Epochs(1000), 0.1),
    ] {
        for steps in [0, 1, 2, 3] {
            for steps_per_epoch in [0, 1, 5] {
                for step in 0..6 {
                    let run = Length { steps_per_epoch, steps };
                    let factor = schedule.factor(step, run);
                    assert!((0.0..=1.0).contains(&factor), "{schedule:?} {run:?} {step}: {factor}");
                }
            }
        }
    }
}
