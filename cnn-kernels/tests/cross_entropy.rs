//! Cross-entropy against its definition, written value by value in `f64`, and the same with any number of threads.

mod common;

use cnn_kernels::Float;
use cnn_kernels::cross_entropy::{CrossEntropy, Targets};
use common::{assert_close, cast, numbers, tolerance, with_threads};

/// The mean loss and its gradient for target probabilities.
fn definition(sizes: CrossEntropy, logits: &[f64], targets: &[f64]) -> (f64, Vec<f64>) {
    let CrossEntropy { batch, classes, smoothing } = sizes;
    let mut loss = 0.0;
    let mut gradient = Vec::new();
    for (logits, targets) in logits.chunks(classes).zip(targets.chunks(classes)) {
        let sum: f64 = logits.iter().map(|x| x.exp()).sum();
        let smoothed: Vec<f64> =
            targets.iter().map(|t| (1.0 - smoothing) * t + smoothing / classes as f64).collect();
        let total: f64 = smoothed.iter().sum();
        for (x, t) in logits.iter().zip(&smoothed) {
            loss -= t * (x.exp() / sum).ln();
            gradient.push((total * x.exp() / sum - t) / batch as f64);
        }
    }
    (loss / batch as f64, gradient)
}

fn check<T: Float>(sizes: CrossEntropy) {
    let CrossEntropy { batch, classes, .. } = sizes;
    let logits: Vec<f64> = numbers(batch * classes, 1).iter().map(|x| 4.0 * x).collect();
    let labels: Vec<u32> =
        numbers(batch, 2).iter().map(|x| ((x + 1.0) / 2.0 * classes as f64) as u32).collect();
    let mut hot = vec![0.0; batch * classes];
    labels.iter().enumerate().for_each(|(sample, &label)| hot[sample * classes + label as usize] = 1.0);
    let soft: Vec<f64> = numbers(batch * classes, 3).iter().map(|x| x.abs()).collect();
    let (input, soft_input) = (cast::<T>(&logits), cast::<T>(&soft));
    for (targets, values) in [(Targets::Classes(&labels), &hot), (Targets::Probabilities(&soft_input), &soft)]
    {
        let (loss, gradient) = definition(sizes, &logits, values);
        let gradient: Vec<f64> = gradient.iter().map(|g| -3.0 * g).collect();
        let mut found = vec![T::zero(); batch * classes];
        let both = sizes.loss_and_gradient(&input, targets, -3.0, &mut found);
        assert_close("gradient", &found, &gradient, tolerance::<T>());
        assert_close("loss", &[both], &[loss], tolerance::<T>());
        assert_eq!(both.to_bits(), sizes.loss(&input, targets).to_bits());
    }
}

#[test]
fn it_is_its_definition() {
    with_threads(|| {
        for (batch, classes) in [(1, 1), (1, 10), (7, 3), (64, 10), (1000, 10), (5, 1000), (3, 5001)] {
            for smoothing in [0.0, 0.1, 1.0] {
                check::<f32>(CrossEntropy { batch, classes, smoothing });
                check::<f64>(CrossEntropy { batch, classes, smoothing });
            }
        }
    });
}

#[test]
fn threads_do_not_show() {
    let sizes = CrossEntropy { batch: 999, classes: 37, smoothing: 0.1 };
    let logits = cast::<f32>(&numbers(999 * 37, 4));
    let labels: Vec<u32> = (0..999).map(|sample| sample % 37).collect();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| sizes.loss(&logits, Targets::Classes(&labels)).to_bits())
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn what_is_not_a_number_stays_visible() {
    let sizes = CrossEntropy { batch: 1, classes: 3, smoothing: 0.0 };
    assert!(sizes.loss(&[0f32, f32::NAN, 1.0], Targets::Classes(&[0])).is_nan());
    // A class that is out of the question.
    let loss = sizes.loss(&[0f32, f32::NEG_INFINITY, 0.0], Targets::Classes(&[0]));
    assert!((loss - 2f64.ln()).abs() < 1e-7);
    let loss = sizes.loss(&[0f32, f32::NEG_INFINITY, 0.0], Targets::Classes(&[1]));
    assert_eq!(loss, f64::INFINITY);
}

#[test]
#[should_panic(expected = "class Some(3) of 3 classes")]
fn a_class_that_is_not_there_is_a_mistake_of_the_caller() {
    let sizes = CrossEntropy { batch: 1, classes: 3, smoothing: 0.0 };
    sizes.loss(&[0f32; 3], Targets::Classes(&[3]));
}
