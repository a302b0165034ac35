//! What precisions cost: a network that somebody else trained, compiled, on all test digits.

use candle_core::safetensors::load;
use cnn_examples::{mnist, paths};
use cnn_runtime::prelude::*;
use cnn_train::Batches;

network! {
    #[allow(network::dropped_pixels)]
    Digits: 1x28x28 -> 10 {
        conv1: conv3-32 relu -> pool2
        -> conv2: conv3-64 relu -> pool2
        -> conv3: conv3-128 relu -> pool2
        -> flatten -> fc1: fc256 relu -> fc2: fc10
    }
}

/// Right answers of 10,000 by PyTorch (`data/mnist_cnn/README.md`).
const PYTORCH: usize = 9906;

/// How many of the test digits it names, and how far its logits of the first are from PyTorch's.
fn measure(precision: Precision) -> (usize, f32) {
    const BATCH: usize = 500;
    let folder = paths::repository().join("data");
    let options = CompileOptions::batch(BATCH).with_precision(precision);
    let mut plan = Digits::compile_file(folder.join("mnist_cnn/mnist_cnn.safetensors"), &options).unwrap();
    let test = mnist::read_folder(&folder.join("mnist")).unwrap().test;
    assert_eq!(test.len(), 10_000);
    let reference = load(folder.join("mnist_cnn/mnist_cnn_reference.safetensors"), &Device::Cpu).unwrap();
    let (mut right, mut difference) = (0, 0.0);
    for (index, batch) in mnist::validation(test, BATCH).unwrap().epoch(0, 0).unwrap().enumerate() {
        let batch = batch.unwrap();
        let logits = plan.run(&batch.inputs).unwrap();
        let named = logits.argmax(1).unwrap().to_vec1::<u32>().unwrap();
        let labels = batch.labels.to_vec1::<u32>().unwrap();
        right += named.iter().zip(&labels).filter(|(named, label)| named == label).count();
        if index == 0 {
            let found = logits.narrow(0, 0, 32).unwrap();
            let apart = (found - &reference["logits"]).unwrap().abs().unwrap().max_all().unwrap();
            difference = apart.to_scalar().unwrap();
        }
    }
    println!("{precision:?}: {right} of 10,000 right; logits within {difference:.1e} of PyTorch's");
    (right, difference)
}

#[test]
fn single_precision_reads_what_pytorch_reads() {
    for precision in [Precision::F32, Precision::Exact] {
        let (right, difference) = measure(precision);
        assert_eq!(right, PYTORCH, "{precision:?}");
        assert!(difference < 1e-4, "{precision:?}: {difference}");
    }
}

#[test]
fn bf16_reads_nearly_all_of_it() {
    for (precision, most) in [(Precision::Bf16Linear, 0.1), (Precision::Bf16, 0.1)] {
        let (right, difference) = measure(precision);
        assert!(right.abs_diff(PYTORCH) <= 5, "{precision:?}: {right}");
        assert!(difference > 1e-4 && difference < most, "{precision:?}: {difference}");
    }
}
