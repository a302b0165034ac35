//! The first 50 steps beside PyTorch's: the same weights, data and order, and the same losses.

use std::collections::BTreeMap;
use std::path::Path;

use candle_nn::var_builder::VarBuilder;
use cnn_kernels::cross_entropy::{CrossEntropy, Targets};
use cnn_runtime::prelude::*;
use cnn_runtime::{Network, ops};
use cnn_train::optim::{AdamW, Config, Optimizer, Sgd};

use crate::formula::{self, Weights};

network! {
    LeNet5: 1x28x28 -> 10 {
        conv1: conv5-6(pad=2) relu -> pool2 -> conv2: conv5-16(valid) relu -> pool2
     -> fc1: fc120 relu -> fc2: fc84 relu -> fc3: fc10
    }

    TinyVgg: 3x32x32 -> 10 {
        conv1: conv3-16 bn1: bn relu -> conv2: conv3-16 bn2: bn relu -> pool2
     -> conv3: conv3-32 bn3: bn relu -> conv4: conv3-32 bn4: bn relu -> pool2
     -> fc1: fc64 relu -> fc2: fc10
    }

    block Basic(c) {
        residual { conv1: conv3-c/stride bn1: bn relu -> conv2: conv3-c bn2: bn }
        else downsample: (conv1-c/stride bn)
        relu
    }

    ResNet18: 3x64x64 -> 10 {
        conv1: conv7-64/2 bn1: bn relu -> pool3/2(pad=1)
     -> layer1: Basic(64) x2 -> layer2: Basic(128) x2/2 -> layer3: Basic(256) x2/2 -> layer4: Basic(512) x2/2
     -> gap -> fc: fc10
    }
}

/// Batches of an epoch.
const BATCHES: usize = 10;

/// Images with a bright square for their class, as `generate.py` makes them.
fn batch(shape: &[usize], classes: usize, index: usize) -> (Tensor, Vec<u32>) {
    let mut images = formula::values(&format!("batch{index}"), shape.iter().product());
    let labels: Vec<u32> = formula::values(&format!("labels{index}"), shape[0])
        .into_iter()
        .map(|value| ((value + 1.0) * (classes as f32 / 2.0)) as u32)
        .collect();
    let (plane, width) = (shape[2] * shape[3], shape[3]);
    for (image, &label) in images.chunks_mut(shape[1] * plane).zip(&labels) {
        let (row, column) = (label as usize / 4 * 6, label as usize % 4 * 6);
        for map in image.chunks_mut(plane) {
            for y in row..row + 6 {
                map[y * width + column..][..6].iter_mut().for_each(|value| *value += 1.0);
            }
        }
    }
    (Tensor::from_vec(images, shape, &Device::Cpu).unwrap(), labels)
}

fn vars() -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Weights { gain: 1.0 }), DType::F32, Device::Cpu)
}

/// The losses of a run by the compiled step.
fn compiled(net: &dyn Network, batch_size: usize, config: impl Into<Config>, steps: usize) -> Vec<f64> {
    let shape = [&[batch_size], net.input_shape()].concat();
    let classes = net.output_shape()[0];
    let mut plan = net.compile_training(&CompileOptions::batch(batch_size)).unwrap();
    let mut optimizer = Optimizer::new(net.state(), config).unwrap();
    let entropy = CrossEntropy { batch: batch_size, classes, smoothing: 0.0 };
    let mut gradient = vec![0.0; batch_size * classes];
    let step = |index: usize| {
        let (images, labels) = batch(&shape, classes, index % BATCHES);
        let logits = plan.forward(&[&images]).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let loss = entropy.loss_and_gradient(&logits, Targets::Classes(&labels), 1.0, &mut gradient);
        let at_logits = Tensor::from_slice(&gradient, (batch_size, classes), &Device::Cpu).unwrap();
        plan.backward(&at_logits).unwrap();
        let gradients: Vec<Option<&[f32]>> = optimizer
            .vars()
            .map(|(_, var)| plan.gradients().find(|(other, _)| other.id() == var.id())?.1.as_slice())
            .collect();
        optimizer.step_slices(&gradients).unwrap();
        loss
    };
    (0..steps).map(step).collect()
}

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
        let net = || $network::from_var_builder(vars()).unwrap();
        let sgd = || Sgd::new($sgd).momentum(0.9).weight_decay(5e-4);
        let adamw = || AdamW::new($adamw).weight_decay(0.01);
        let names = [concat!($name, " sgd"), concat!($name, " adamw")];
        check(names[0], "compiled", &compiled(&net(), $batch, sgd(), 50));
        check(names[1], "compiled", &compiled(&net(), $batch, adamw(), 50));
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
