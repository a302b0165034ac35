//! Compiled training steps beside runs on tensors and candle's way back: outputs, gradients and running statistics; and
//! beside PyTorch's losses.

#[path = "models/formula.rs"]
#[allow(dead_code, reason = "the references use all of it")]
mod formula;
#[path = "training/frozen.rs"]
mod frozen;
#[path = "training/losses.rs"]
mod losses;
#[path = "training/networks.rs"]
mod networks;
#[path = "training/steps.rs"]
mod steps;
#[path = "training/taped.rs"]
mod taped;

use cnn_runtime::prelude::*;
use cnn_runtime::{Network, Pass, Result as RunResult, State, TrainingPlan};
use networks::*;

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
            let error = deviation(found.as_slice().unwrap(), &expected);
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
