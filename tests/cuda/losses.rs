//! The first steps of training on the GPU beside PyTorch's, in `f32` and in mixed precision.

use std::path::Path;

use candle_core::Var;
use cnn_runtime::prelude::*;
use cnn_runtime::{Network, ops};
use cnn_train::optim::Sgd;

use crate::steps::{LeNet5, ResNet18, TinyVgg, batch, compiled, vars};

fn recorded(file: &str) -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("training").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(values: &serde_json::Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// How far the losses are, at most.
fn away(found: &[f64], expected: &[f64]) -> f64 {
    found.iter().zip(expected).map(|(a, b)| (a - b).abs() / b.abs()).fold(0.0, f64::max)
}

/// The gradients of the first batch, one after another.
fn gradients(net: &dyn Network, options: &CompileOptions) -> Vec<f64> {
    let device = net.state().device();
    let shape = [&[options.batch], net.input_shape()].concat();
    let (images, labels) = batch(&shape, net.output_shape()[0], 0);
    let mut plan = net.compile_training(options).unwrap();
    let logits = plan.forward(&[&images.to_device(device).unwrap()]).unwrap();
    let logits = Var::from_tensor(&logits).unwrap();
    let labels = Tensor::new(labels.as_slice(), &Device::Cpu).unwrap();
    let loss = ops::cross_entropy(&logits, &labels, 0.0).unwrap();
    plan.backward(loss.backward().unwrap().get(&logits).unwrap()).unwrap();
    let of = |var: &Var| {
        let (_, gradient) = plan.gradients().find(|(other, _)| other.id() == var.id()).unwrap();
        let values = gradient.to_tensor().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f64::from).collect::<Vec<f64>>()
    };
    net.state().learned().flat_map(|(_, var)| of(var)).collect()
}

fn check(name: &str, net: impl Fn(&Device) -> Box<dyn Network>, size: usize, rate: f64, gpu: &Device) {
    let steps = if crate::is_slow() { 2 } else { 5 };
    let sgd = || Sgd::new(rate).momentum(0.9).weight_decay(5e-4);
    let options = CompileOptions::batch(size);
    let losses = numbers(&recorded("losses.json")[format!("{name} sgd")]);
    let off = away(&compiled(&*net(gpu), &options, sgd(), steps), &losses);
    println!("{name}: {off:.1e} from PyTorch's losses");
    assert!(off < 1e-4, "{name}: {off:.1e} from PyTorch's losses");

    let mixed = options.clone().with_precision(Precision::Bf16);
    // PyTorch's first losses under autocast, and how far its first gradients are from those of f32.
    let autocast = &recorded("mixed.json")[name];
    let (losses, share) = (numbers(&autocast["losses"]), autocast["gradients"].as_f64().unwrap());
    let off = away(&compiled(&*net(gpu), &mixed, sgd(), steps), &losses);
    let [found, expected] = [(gpu, &mixed), (&Device::Cpu, &options)];
    let [found, expected] = [found, expected].map(|(device, options)| gradients(&*net(device), options));
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let apart = length(&mut found.iter().zip(&expected).map(|(a, b)| a - b));
    let apart = apart / length(&mut expected.iter().copied());
    println!(
        "{name}, mixed: {off:.1e} from PyTorch's losses; gradients {apart:.1e} from f32, PyTorch's {share:.1e}"
    );
    assert!(off < 2e-2, "{name}: {off:.1e} from PyTorch's losses under autocast");
    assert!(apart < 1.5 * share, "{name}: gradients are {apart:.1e} from f32, PyTorch's {share:.1e}");
}

macro_rules! check {
    ($network:ident, $name:literal, $batch:literal, $rate:literal) => {
        let Some(gpu) = cnn_tests::gpu() else { return };
        if crate::is_slow() && $name != "lenet5" {
            println!("skipped: the stand-in for a GPU is too slow for it");
            return;
        }
        let net = |device: &Device| -> Box<dyn Network> {
            Box::new($network::from_var_builder(vars(device)).unwrap())
        };
        check($name, net, $batch, $rate, &gpu);
    };
}

#[test]
fn lenet5() {
    check!(LeNet5, "lenet5", 32, 1e-2);
}

#[test]
fn tiny_vgg() {
    check!(TinyVgg, "tiny_vgg", 32, 5e-5);
}

#[test]
fn resnet18() {
    check!(ResNet18, "resnet18", 16, 5e-6);
}
