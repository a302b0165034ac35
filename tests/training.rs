//! Compiled training steps beside runs on tensors and candle's way back: outputs, gradients and running statistics; and
//! beside PyTorch's losses.

#[path = "models/formula.rs"]
#[allow(dead_code, reason = "the references use all of it")]
mod formula;
#[path = "training/frozen.rs"]
mod frozen;
#[path = "training/losses.rs"]
mod losses;
#[path = "training/taped.rs"]
mod taped;

use cnn_runtime::prelude::*;
use cnn_runtime::{Network, Pass, Result as RunResult, State, TrainingPlan};

network! {
    LeNet: 1x28x28 -> 10 {
        conv5-6(pad=2) relu -> pool2 -> conv5-16(valid) relu -> pool2 -> fc120 relu -> fc84 relu -> fc10
    }

    Vgg: 3x32x32 -> 10 {
        conv3-16 bn relu -> conv3-20 bn relu -> pool2 -> conv3-32 bn relu -> pool2 -> conv3-32 relu6
     -> pool3/2(pad=1) -> flatten -> fc24 relu -> dropout(0.4) -> fc10
    }

    Residual: 3x24x24 -> 7 {
        conv7-20/2(pad=3) bn relu -> pool3/2(pad=1)
     -> residual { conv3-20 bn relu -> conv3-20 bn } relu
     -> residual { conv3-32/2 bn relu -> conv3-32 bn } else (conv1-32/2 bn) relu
     -> residual { conv3-32 bn relu -> conv3-32 bn } relu -> gap -> fc: fc7
    }

    Mobile: 3x20x20 -> 5 {
        conv3-16/2 bn relu6 -> dw3 bn relu6 -> conv1-24 bn
     -> residual { conv1-48 bn relu6 -> dw3 bn relu6 -> conv1-24 bn }
     -> conv1-48 bn relu6 -> dw5/2 bn relu6 -> conv1-32 bn -> gap -> fc: fc5
    }

    Grouped: 6x14x14 -> 5 {
        conv3-24(groups=2) bn relu -> conv3-40/2(groups=4) relu
     -> residual { conv1-64 bn relu -> conv3-64(groups=16) bn relu -> conv1-40 bn } relu
     -> conv1-60(groups=5, bias=false) bn -> conv5-64/2(groups=2, pad=2) relu -> conv3-32(groups=2, dilation=2) relu6
     -> gap -> fc: fc5
    }

    Generator: 12x1x1 -> 3x18x18 {
        deconv4-40(bias=false) bn relu -> deconv4-24/2(pad=1) bn relu -> deconv3-20/2(pad=1, outpad=1) relu
     -> conv3-20 relu -> deconv5-18(pad=1) relu6 -> deconv2-16(groups=2) -> deconv4-3(bias=false, pad=2) tanh
    }

    Dropping: 6x12x12 -> 6 {
        conv3-20 relu -> dropout(0.3) -> conv3-24/2 -> dropout2d(0.4)
     -> residual { conv3-24 relu -> droppath(0.3) } -> gap -> flatten
     -> dropout(0.5) -> fc40(dropconnect=0.3) relu -> dropout(0.5) -> fc6(dropconnect=0.4)
    }

    Normed: 6x12x12 -> 4 {
        conv3-20 gn4 relu -> residual { conv3-20 gn5 relu -> conv3-20(bias=false) gn20 } relu
     -> conv3-24/2(bias=false) inorm relu6 -> conv3-32 gn2 tanh -> gap -> fc: fc4
    }

    Ends: 3x16x16 -> 5 {
        conv4-20/2(pad=1) leaky(0.2) -> conv3-20 bn leaky(0.1) -> conv3-24(groups=2) bn tanh -> dw3 sigmoid
     -> residual { conv1-24 bn } tanh -> avgpool2 -> leaky(0.3) -> flatten -> fc5
    }

    Mixed: 6x12x12 -> 4 {
        conv3-16 gn4 tanh -> concat { conv3-8 relu | conv1-12 relu | avgpool3/1(pad=1) }
     -> conv3-16(groups=2) relu -> lrn5 -> dropout(0.25) -> conv2-24/2(valid) prelu -> avgpool2 -> flatten
     -> fc: fc4
    }

    Excited: 3x16x16 -> 5 {
        conv3-24/2 bn silu -> mul { id | gap -> conv1-8 silu -> conv1-24 sigmoid }
     -> residual { dw3 bn hardswish -> conv1-24 bn } gelu -> mul { conv1-20 hardsigmoid | conv1-20 elu }
     -> conv3-16 gn4 silu -> conv3-16(bias=false) inorm gelu -> gap -> fc12 hardswish -> fc5
    }

    Next: 3x16x16 -> 5 {
        conv4-24/4(valid) ln -> residual { dw7 ln -> conv1-96(linear) gelu -> conv1-24(linear) scale(0.5) droppath(0.3) }
     -> ln conv2-40/2(valid) -> gap -> ln -> flatten -> fc20 ln silu -> fc5
    }
}

/// Numbers that look random and are the same everywhere.
fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 2.0
        })
        .collect()
}

fn tensor(seed: u64, shape: &[usize]) -> Tensor {
    Tensor::from_vec(values(seed, shape.iter().product()), shape, &Device::Cpu).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference, relative to the largest value.
fn deviation(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
    let difference = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(found.iter().all(|value| value.is_finite()));
    difference / largest.max(1e-6)
}

/// Two steps of both, from the same weights and masks.
fn check<F>(
    name: &str,
    state: [&State; 2],
    shape: &[usize],
    outputs: &[usize],
    eager: F,
    mut plan: TrainingPlan,
) where
    F: Fn(&Tensor) -> RunResult<Tensor>,
{
    for step in 0..2 {
        let x = tensor(1 + step, shape);
        let gradient = tensor(7 + step, &[&[shape[0]], outputs].concat());
        let before = state[0].generator().state();
        let expected = eager(&x).unwrap();
        let store = (&expected * &gradient).unwrap().sum_all().unwrap().backward().unwrap();
        state[1].generator().set_state(before);
        let found = plan.forward(&[&x]).unwrap();
        let error = deviation(&numbers(&found), &numbers(&expected));
        assert!(error < 2e-5, "{name}: output {error:e}");
        plan.backward(&gradient).unwrap();
        let again = plan.backward(&gradient).unwrap_err().to_string();
        assert!(again.contains("`backward` needs a `forward` before it"), "{again}");
        let mut count = 0;
        for ((label, theirs, _), (_, ours, role)) in state[0].named().zip(state[1].named()) {
            if role != cnn_runtime::params::Role::Parameter {
                // A mean of what a norm gave is zero but for rounding.
                let (found, expected) = (numbers(ours), numbers(theirs));
                let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
                let error = deviation(&found, &expected);
                assert!(error < 1e-5 || largest < 1e-6, "{name}: {label} {error:e}");
                continue;
            }
            let expected = numbers(store.get(theirs).unwrap());
            let (_, found) = plan.gradients().find(|(var, _)| var.id() == ours.id()).unwrap();
            let error = deviation(found, &expected);
            // What is zero but for rounding (a bias before a norm) has nothing to be relative to.
            let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
            assert!(error < 1e-4 || largest < 1e-3, "{name}: gradient of {label}: {error:e} of {largest}");
            count += 1;
        }
        assert_eq!(count, plan.gradients().count(), "{name}");
    }
}

macro_rules! compare {
    ($network:ident, $batch:literal, $threads:literal) => {{
        let nets = [(); 2].map(|()| $network::init(Init::seed(3), &Device::Cpu).unwrap());
        let shape: Vec<usize> = [$batch].into_iter().chain($network::INPUT).collect();
        let name = stringify!($network);
        let plan = nets[1].compile_training(&CompileOptions::batch($batch).with_threads($threads)).unwrap();
        let states = [nets[0].state(), nets[1].state()];
        let eager = |x: &Tensor| nets[0].forward_pass(x, &Pass::train(nets[0].state().generator()));
        check(name, states, &shape, &$network::OUTPUT, eager, plan);
    }};
}

#[test]
fn lenet() {
    compare!(LeNet, 5, 1);
    compare!(LeNet, 3, 2);
}

#[test]
fn vgg() {
    compare!(Vgg, 4, 1);
    compare!(Vgg, 4, 3);
}

#[test]
fn residual() {
    compare!(Residual, 4, 1);
    compare!(Residual, 3, 2);
}

#[test]
fn mobile() {
    compare!(Mobile, 4, 1);
    compare!(Mobile, 3, 2);
}

#[test]
fn grouped() {
    compare!(Grouped, 4, 1);
    compare!(Grouped, 3, 2);
}

#[test]
fn transposed() {
    compare!(Generator, 4, 1);
    compare!(Generator, 3, 2);
}

#[test]
fn dropping() {
    compare!(Dropping, 4, 1);
    compare!(Dropping, 3, 2);
}

#[test]
fn normed() {
    compare!(Normed, 4, 1);
    compare!(Normed, 3, 2);
}

#[test]
fn ends() {
    compare!(Ends, 4, 1);
    compare!(Ends, 3, 2);
}

#[test]
fn mixed() {
    compare!(Mixed, 4, 1);
    compare!(Mixed, 3, 2);
}

#[test]
fn excited() {
    compare!(Excited, 4, 1);
    compare!(Excited, 3, 2);
}

#[test]
fn next() {
    compare!(Next, 4, 1);
    compare!(Next, 3, 2);
}
