//! The shape that an operation says is the shape that it gives, and what it refuses it refuses either way, in the same
//! words.

use candle_core::{DType, Device, Tensor};

use super::{Activation, Operation, Value};
use crate::layers::*;
use crate::params::{Builder, Params};
use crate::plan::Graph;
use crate::random::Generator;
use crate::{Init, Padding, Result, Window};

/// Shapes that fit and shapes that do not.
const SHAPES: &[&[usize]] = &[
    &[2, 4, 8, 8],
    &[1, 4, 5, 7],
    &[2, 4, 1, 1],
    &[2, 4, 2, 1],
    &[1, 8, 4, 4],
    &[2, 6, 8, 8],
    &[2, 4],
    &[1, 256],
    &[2, 4, 3],
    &[2, 4, 1, 1, 1],
    &[4],
    &[],
    &[0, 4, 8, 8],
    &[2, 4, 0, 8],
];

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).expect("zeros")
}

/// A message without the backtrace that candle may add.
fn words(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[track_caller]
fn agree(operation: &Operation, shapes: &[&[usize]]) {
    let tensors: Vec<Tensor> = shapes.iter().map(|shape| zeros(shape)).collect();
    let tensors: Vec<&Tensor> = tensors.iter().collect();
    let computed = <Tensor as Value>::apply(operation, &tensors).map(|y| y.dims().to_vec());
    let said = operation.shape(shapes);
    match (computed, said) {
        (Ok(computed), Ok(said)) => assert_eq!(computed, said, "{} of {shapes:?}", operation.name()),
        (Err(computed), Err(said)) => assert_eq!(words(&computed), words(&said)),
        (computed, said) => panic!("{} of {shapes:?}: {computed:?} and {said:?}", operation.name()),
    }
}

fn layer<L>(make: impl FnOnce(Params<'_>) -> Result<L>) -> L {
    let builder = Builder::init(&Init::seed(1), &Device::Cpu).expect("an initialiser");
    make(builder.root().pp("layer")).expect("a layer")
}

fn layers() -> Vec<Operation> {
    let conv = |config| Operation::Conv2d(layer(|p| Conv2d::new(p, config)));
    let deconv = |config| Operation::ConvTranspose2d(layer(|p| ConvTranspose2d::new(p, config)));
    let custom = |output: &[usize]| Operation::Custom(Custom::new("double", |x: &Tensor| x * 2.0, output));
    let three = Conv2dConfig::new(4, 6, [3, 3]);
    let four = ConvTranspose2dConfig::new(4, 6, [4, 3]);
    vec![
        conv(three),
        conv(three.with_padding([1, 1]).with_stride([2, 3]).with_groups(2)),
        conv(three.with_padding(Padding::Same).with_stride([2, 2])),
        conv(three.with_dilation([2, 4])),
        conv(Conv2dConfig::new(4, 8, [1, 1]).with_linear_weight().without_bias()),
        deconv(four),
        deconv(four.with_stride([2, 2]).with_padding([1, 1]).with_output_padding([1, 0]).with_groups(2)),
        deconv(four.with_stride([2, 2]).with_padding(Padding::Same)),
        deconv(four.with_padding([4, 4])),
        Operation::Linear { layer: layer(|p| Linear::new(p, LinearConfig::new(4, 3))), generator: None },
        Operation::Linear { layer: layer(|p| Linear::new(p, LinearConfig::new(256, 3))), generator: None },
        Operation::BatchNorm2d {
            layer: layer(|p| BatchNorm2d::new(p, BatchNormConfig::new(4))),
            train: false,
        },
        Operation::LayerNorm(layer(|p| LayerNorm::new(p, LayerNormConfig::new(4)))),
        Operation::InstanceNorm2d(layer(|p| InstanceNorm2d::new(p, InstanceNormConfig::new(4)))),
        Operation::GroupNorm(layer(|p| GroupNorm::new(p, GroupNormConfig::new(2, 4)))),
        Operation::PRelu(layer(|p| PRelu::new(p, 4))),
        Operation::PRelu(layer(|p| PRelu::new(p, 1))),
        Operation::Scale(layer(|p| Scale::new(p, 4, 1.0))),
        custom(&[0, 0, 0]),
        custom(&[0]),
    ]
}

fn functions() -> Vec<Operation> {
    let window = Window::new([3, 2]).with_stride([2, 2]);
    let windows = [
        window,
        window.with_ceil(),
        window.with_padding([1, 1]),
        window.with_padding([2, 2]),
        window.with_padding(Padding::Same),
        window.with_dilation([3, 3]),
    ];
    let pools = windows.into_iter().flat_map(|window| {
        [Operation::MaxPool2d(window), Operation::AvgPool2d { window, count_include_pad: true }]
    });
    let activations = [
        Activation::Relu,
        Activation::Relu6,
        Activation::LeakyRelu { slope: 0.1 },
        Activation::Elu { alpha: 1.0 },
        Activation::Gelu,
        Activation::Silu,
        Activation::HardSwish,
        Activation::HardSigmoid,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Softmax,
    ];
    let others = [
        Operation::AdaptiveAvgPool2d([3, 9]),
        Operation::AdaptiveAvgPool2d([0, 1]),
        Operation::GlobalAvgPool2d,
        Operation::UpsampleNearest2d([2, 3]),
        Operation::UpsampleBilinear2d([2, 1]),
        Operation::UpsampleNearest2d([usize::MAX, 3]),
        Operation::UpsampleBilinear2d([2, 0]),
        Operation::PixelShuffle(2),
        Operation::PixelShuffle(0),
        Operation::ChannelShuffle(4),
        Operation::ChannelShuffle(0),
        Operation::LocalResponseNorm { size: 5, alpha: 1e-4, beta: 0.75, k: 1.0 },
        Operation::LocalResponseNorm { size: 0, alpha: 1e-4, beta: 0.75, k: 1.0 },
        Operation::Flatten,
        Operation::Concat,
        Operation::Split { index: 1, parts: 2 },
        Operation::Split { index: 2, parts: 2 },
        Operation::Split { index: 0, parts: 0 },
        Operation::Crop2d([2, 1]),
        Operation::Crop2d([8, 0]),
        Operation::Pad2d { top: 1, bottom: 2, left: 3, right: 0 },
        Operation::Pad2d { top: usize::MAX, bottom: 2, left: 3, right: 0 },
    ];
    let activations = activations.into_iter().map(Operation::Activation);
    pools.chain(activations).chain(others).collect()
}

#[test]
fn of_one_value() {
    for operation in layers().iter().chain(&functions()) {
        for shape in SHAPES {
            agree(operation, &[shape]);
        }
        agree(operation, &[]);
    }
}

#[test]
fn of_two_values() {
    for operation in [Operation::Add, Operation::Mul, Operation::Concat, Operation::Flatten] {
        for first in SHAPES {
            for second in SHAPES {
                agree(&operation, &[first, second]);
            }
            agree(&operation, &[first, first, first]);
        }
    }
}

#[test]
fn training_is_not_recorded() {
    let record = |operation: &Operation| {
        Graph::record(&[vec![2, 4]], |inputs| Ok(vec![Value::apply(operation, &[&inputs[0]])?]))
    };
    let generator = Generator::seed(1);
    let mask = Operation::Mask { generator: generator.clone(), p: 0.5, rank: 2 };
    let norm = Operation::BatchNorm2d {
        layer: layer(|p| BatchNorm2d::new(p, BatchNormConfig::new(4))),
        train: true,
    };
    let dropping = Operation::Linear {
        layer: layer(|p| Linear::new(p, LinearConfig::new(4, 3).with_dropconnect(0.5))),
        generator: Some(generator),
    };
    for operation in [mask, norm, dropping] {
        let error = record(&operation).expect_err("training").to_string();
        assert!(error.contains("training cannot be compiled"), "{error}");
    }
    assert!(record(&Operation::Activation(Activation::Relu)).is_ok());
}

#[test]
fn recordings_do_not_mix() {
    let mut other = None;
    Graph::record(&[vec![2, 4]], |inputs| {
        other = Some(inputs[0].clone());
        Ok(Vec::new())
    })
    .expect("a recording");
    let other = other.expect("a value");
    let mixed = Graph::record(&[vec![2, 4]], |inputs| Ok(vec![inputs[0].add(&other)?]));
    assert!(mixed.expect_err("of two recordings").to_string().contains("recording"));
    assert!(Graph::record(&[], |_| Ok(vec![other.clone()])).is_err());
}

#[test]
fn what_is_named_is_kept_without_numbers() {
    let pass = crate::Pass::inference().tracing();
    Graph::record(&[vec![2, 4]], |inputs| Ok(vec![pass.keep("x", &inputs[0])?.relu()?]))
        .expect("a recording");
    assert_eq!(pass.kept("x").expect("kept").dims(), [2, 4]);
    assert!(pass.kept("y").expect_err("not kept").to_string().contains("kept: x"));
}
