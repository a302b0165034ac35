//! `forward_train` by plans: what candle's `backward` makes of it.

use cnn_runtime::prelude::*;
use cnn_runtime::{Network, Pass};

use super::{LeNet, Residual, Vgg, deviation, numbers, tensor};

fn close(found: &Tensor, expected: &Tensor, what: &str) {
    let expected = numbers(expected);
    let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
    let error = deviation(&numbers(found), &expected);
    assert!(error < 1e-4 || largest < 1e-3, "{what}: {error:e}");
}

/// `forward_train` of one network beside the run on tensors of another of the same weights.
#[test]
fn gradients_are_candles() {
    let nets = [(); 2].map(|()| Vgg::init(Init::seed(3), &Device::Cpu).unwrap());
    for step in 0..3 {
        // Of two sizes, in turns.
        let x = Var::from_tensor(&tensor(step, &[3 + step as usize % 2, 3, 32, 32])).unwrap();
        let scaled = (x.as_tensor() * 0.5).unwrap();
        let pass = Pass::train(nets[0].state().generator());
        let expected = nets[0].forward_pass(&scaled, &pass).unwrap();
        let found = nets[1].forward_train(&scaled).unwrap();
        close(&found, &expected, "output");
        let back = |y: &Tensor| y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let (expected, found) = (back(&expected), back(&found));
        close(found.get(&x).unwrap(), expected.get(&x).unwrap(), "input");
        for ((name, theirs), (_, ours)) in nets[0].state().learned().zip(nets[1].state().learned()) {
            close(found.get(ours).unwrap(), expected.get(theirs).unwrap(), name);
        }
        for ((name, theirs, _), (_, ours, _)) in nets[0].state().named().zip(nets[1].state().named()) {
            close(ours, theirs, name);
        }
    }
}

/// Several steps that wait for their way back at the same time, gone back through in another order, and twice.
#[test]
fn steps_do_not_disturb_each_other() {
    let net = LeNet::init(Init::seed(1), &Device::Cpu).unwrap();
    let inputs = [1, 2, 3].map(|seed| tensor(seed, &[2, 1, 28, 28]));
    let expected = inputs.clone().map(|x| {
        let y = net.forward_pass(&x, &Pass::train(net.state().generator())).unwrap();
        y.sqr().unwrap().sum_all().unwrap().backward().unwrap()
    });
    let losses = inputs.clone().map(|x| net.forward_train(&x).unwrap().sqr().unwrap().sum_all().unwrap());
    for index in [1, 0, 2, 1, 1] {
        let store = losses[index].backward().unwrap();
        for (name, var) in net.state().learned() {
            close(store.get(var).unwrap(), expected[index].get(var).unwrap(), name);
        }
    }
    // The sum of all.
    let sum = ((&losses[0] + &losses[1]).unwrap() + &losses[2]).unwrap().backward().unwrap();
    for (name, var) in net.state().learned() {
        let all = expected.iter().map(|store| store.get(var).unwrap().clone());
        let all = all.reduce(|a, b| (a + b).unwrap()).unwrap();
        close(sum.get(var).unwrap(), &all, name);
    }
}

/// Another `backward` through a step with dropout and batch norms meets the same masks, and moves nothing.
#[test]
fn going_back_twice_repeats_the_step() {
    let net = Vgg::init(Init::seed(1), &Device::Cpu).unwrap();
    let x = tensor(1, &[4, 3, 32, 32]);
    let loss = net.forward_train(&x).unwrap().sqr().unwrap().sum_all().unwrap();
    let weight = net.state().learned().last().unwrap().1.clone();
    let first = loss.backward().unwrap().get(&weight).unwrap().clone();
    let statistics: Vec<Vec<f32>> = net.state().named().map(|(_, var, _)| numbers(var)).collect();
    let generator = net.state().generator().state();
    // Somebody else's step in between.
    net.forward_train(tensor(2, &[4, 3, 32, 32])).unwrap();
    let moved: Vec<Vec<f32>> = net.state().named().map(|(_, var, _)| numbers(var)).collect();
    assert_ne!(statistics, moved);
    let later = net.state().generator().state();
    assert_ne!(generator, later);
    let second = loss.backward().unwrap().get(&weight).unwrap().clone();
    close(&second, &first, "the second time");
    assert_eq!(net.state().generator().state(), later);
    assert_eq!(moved, net.state().named().map(|(_, var, _)| numbers(var)).collect::<Vec<_>>());
}

#[test]
fn what_is_frozen_has_no_gradient() {
    let net = Residual::init(Init::seed(1), &Device::Cpu).unwrap();
    let x = tensor(1, &[2, 3, 24, 24]);
    let gradients = || {
        let loss = net.forward_train(&x).unwrap().sqr().unwrap().sum_all().unwrap();
        let store = loss.backward().unwrap();
        net.state().named().filter(|(_, var, _)| store.get(var).is_some()).count()
    };
    let all = gradients();
    net.state().freeze_except(&["fc"]).unwrap();
    assert_eq!(gradients(), 2);
    net.state().freeze(&["fc"]).unwrap();
    assert!(!net.forward_train(&x).unwrap().track_op());
    net.state().unfreeze_all();
    assert_eq!(gradients(), all);
}

/// A network inside another one has steps of its own.
#[test]
fn plans_are_of_one_network() {
    network! {
        Inner: 1x8x8 -> 4x8x8 { conv3-4 bn relu }
        Outer: 1x8x8 -> 4x8x8 { inner: Inner -> conv3-4 relu }
    }
    let net = Outer::init(Init::seed(1), &Device::Cpu).unwrap();
    let x = tensor(1, &[2, 1, 8, 8]);
    for _ in 0..2 {
        let pass = Pass::train(net.state().generator());
        close(&net.forward_train(&x).unwrap(), &net.forward_pass(&x, &pass).unwrap(), "outer");
        close(&net.inner.forward_train(&x).unwrap(), &net.inner.forward_pass(&x, &pass).unwrap(), "inner");
    }
}
