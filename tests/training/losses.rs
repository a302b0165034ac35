//! The first 50 steps beside PyTorch's: the same weights, data and order, and the same losses.

use std::collections::BTreeMap;
use std::path::Path;

use cnn_runtime::prelude::*;
use cnn_runtime::{Network, ops};
use cnn_train::optim::{AdamW, Config, Optimizer, Sgd};

use crate::steps::{BATCHES, LeNet5, ResNet18, TinyVgg, batch, compiled, vars};

/// The losses of a loop written by hand, with candle's way back.
fn by_hand(net: &dyn Network, batch_size: usize, config: impl Into<Config>, steps: usize) -> Vec<f64> {
    let shape = [&[batch_size], net.input_shape()].concat();
    let mut optimizer = Optimizer::new(net.state(), config).unwrap();
    let step = |index: usize| {
        let (images, labels) = batch(&shape, net.output_shape()[0], index % BATCHES);
        let labels = Tensor::new(labels.as_slice(), &Device::Cpu).unwrap();
        let loss = ops::cross_entropy(&net.forward_t(&images, true).unwrap(), &labels, 0.0).unwrap();
        optimizer.backward_step(&loss).unwrap();
        f64::from(loss.to_scalar::<f32>().unwrap())
    };
    (0..steps).map(step).collect()
}

fn check(name: &str, way: &str, found: &[f64]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("training/losses.json");
    let recorded: BTreeMap<String, Vec<f64>> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let away = found.iter().zip(&recorded[name]).map(|(a, b)| (a - b).abs() / b.abs());
    let away = away.fold(0.0, f64::max);
    println!("{name}, {way}, {} steps: {away:.1e} from PyTorch", found.len());
    assert!(away < 1e-4, "{name}, {way}: {away:.1e} from PyTorch's losses");
}

macro_rules! compare {
    ($network:ident, $name:literal, $batch:literal, [$sgd:literal, $adamw:literal], $by_hand:literal) => {
        let net = || $network::from_var_builder(vars(&Device::Cpu)).unwrap();
        let options = CompileOptions::batch($batch);
        let sgd = || Sgd::new($sgd).momentum(0.9).weight_decay(5e-4);
        let adamw = || AdamW::new($adamw).weight_decay(0.01);
        let names = [concat!($name, " sgd"), concat!($name, " adamw")];
        check(names[0], "compiled", &compiled(&net(), &options, sgd(), 50));
        check(names[1], "compiled", &compiled(&net(), &options, adamw(), 50));
        check(names[0], "by hand", &by_hand(&net(), $batch, sgd(), $by_hand));
        check(names[1], "by hand", &by_hand(&net(), $batch, adamw(), $by_hand));
    };
}

#[test]
fn lenet5() {
    compare!(LeNet5, "lenet5", 32, [1e-2, 5e-5], 50);
}

#[test]
fn tiny_vgg() {
    compare!(TinyVgg, "tiny_vgg", 32, [5e-5, 2e-5], 50);
}

#[test]
fn resnet18() {
    compare!(ResNet18, "resnet18", 16, [5e-6, 1e-6], 10);
}
