//! The optimizers' kernels on many values: cut and shared as they are, each value is what it would be alone. (That a value is
//! right is shown beside PyTorch's, in cnn-train.)

mod common;

use cnn_kernels::optim::{Adam, Incoming, RmsProp, Sgd, add_scaled, lerp, sum_of_squares};
use common::{cast, numbers, with_threads};

const LEN: usize = 300_007;

/// Some of the values, those at the cuts among them.
fn places() -> impl Iterator<Item = usize> {
    (0..LEN)
        .step_by(997)
        .chain((1..10).flat_map(|cut| [cut * (1 << 15) - 1, cut * (1 << 15)]))
        .chain([LEN - 1])
}

fn check(step: impl Fn(&mut [f32], &[f32], [&mut [f32]; 3])) {
    let [weights, gradient] = [1, 2].map(|seed| cast::<f32>(&numbers(LEN, seed)));
    let state = [3, 4, 5].map(|seed| numbers(LEN, seed).iter().map(|x| x.abs() as f32).collect::<Vec<f32>>());
    let (mut all, mut kept) = (weights.clone(), state.clone());
    step(&mut all, &gradient, kept.each_mut().map(Vec::as_mut_slice));
    for place in places() {
        let (mut one, mut own) = ([weights[place]], state.each_ref().map(|values| [values[place]]));
        step(&mut one, &[gradient[place]], own.each_mut().map(|value| &mut value[..]));
        assert_eq!(all[place].to_bits(), one[0].to_bits(), "value {place}");
        for (kept, own) in kept.iter().zip(own) {
            assert_eq!(kept[place].to_bits(), own[0].to_bits(), "state {place}");
        }
    }
    assert_ne!(all, weights);
}

#[test]
fn many_values_are_what_each_is_alone() {
    let incoming = Incoming { scale: 0.7, limit: 0.5 };
    with_threads(|| {
        let sgd = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01 };
        check(|w, g, [a, _, _]| sgd.step(incoming, w, g, a));
        let plain = Sgd { momentum: 0.0, nesterov: false, ..sgd };
        check(|w, g, _| plain.step(incoming, w, g, &mut []));
        let adam = Adam {
            learning_rate: 0.1,
            betas: [0.9, 0.99],
            eps: 1e-8,
            weight_decay: 0.1,
            decoupled: true,
            step: 3,
        };
        check(|w, g, [a, b, _]| adam.step(incoming, w, g, [a, b], None));
        check(|w, g, [a, b, c]| adam.step(incoming, w, g, [a, b], Some(c)));
        let rms = RmsProp { learning_rate: 0.1, alpha: 0.9, eps: 1e-8, weight_decay: 0.1, momentum: 0.9 };
        check(|w, g, [a, _, _]| rms.step(incoming, w, g, a, None, None));
        check(|w, g, [a, b, _]| rms.step(incoming, w, g, a, Some(b), None));
        check(|w, g, _| lerp(w, g, 0.3));
        check(|w, g, _| add_scaled(w, g, 0.3));
    });
}

#[test]
fn a_gradient_that_is_not_a_number_stays_visible() {
    let mut weights = [0f32; 3];
    let incoming = Incoming { scale: 1.0, limit: 1.0 };
    let sgd = Sgd { learning_rate: 1.0, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    sgd.step(incoming, &mut weights, &[f32::NAN, f32::INFINITY, -7.0], &mut []);
    assert!(weights[0].is_nan());
    assert_eq!(weights[1..], [-1.0, 1.0]);
}

#[test]
fn squares_add_up() {
    // 1 + 4 + .. + n^2 = n (n + 1) (2 n + 1) / 6, exact in f64 and nearly so in lanes of f32.
    let values: Vec<f64> = (1..=LEN).map(|value| value as f64).collect();
    let n = LEN as f64;
    let expected = n * (n + 1.0) * (2.0 * n + 1.0) / 6.0;
    with_threads(|| {
        assert!((sum_of_squares(&values) / expected - 1.0).abs() < 1e-14);
        assert!((sum_of_squares(&cast::<f32>(&values)) / expected - 1.0).abs() < 1e-6);
    });
}

#[test]
#[should_panic(expected = "lengths of the weights and of their gradient")]
fn other_lengths_are_a_mistake_of_the_caller() {
    lerp(&mut [0f32; 3], &[0f32; 2], 0.5);
}
