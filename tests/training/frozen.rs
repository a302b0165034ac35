//! Networks of which a part is frozen.

use cnn_runtime::prelude::*;
use cnn_runtime::{Network, Pass};

use super::{LeNet, Mixed, Mobile, Residual, deviation, numbers, tensor};

/// A plan beside candle's way back: the same output and gradients; what is frozen has none, and stays.
fn check(net: &dyn Network, frozen: &[&str]) {
    net.state().freeze(frozen).unwrap();
    let shape: Vec<usize> = [4].into_iter().chain(net.input_shape().iter().copied()).collect();
    // Statistics that are not those of a new network.
    let x = tensor(5, &shape);
    net.forward_pass(&x, &Pass::train(net.state().generator())).unwrap();
    let statistics = |net: &dyn Network| -> Vec<(String, Vec<f32>)> {
        let frozen = net.state().named().filter(|(name, _, _)| net.state().is_frozen(name));
        frozen.map(|(name, var, _)| (name.to_owned(), numbers(var))).collect()
    };
    let before = statistics(net);
    assert!(!before.is_empty());
    let options = CompileOptions::batch(4).with_threads(2).with_input_gradients();
    let mut plan = net.compile_training(&options).unwrap();
    let generator = net.state().generator();
    let state = generator.state();
    let input = Var::from_tensor(&x).unwrap();
    let expected = net.forward_pass(&input, &Pass::train(generator)).unwrap();
    let gradient = tensor(9, expected.dims());
    let store = (&expected * &gradient).unwrap().sum_all().unwrap().backward().unwrap();
    generator.set_state(state);
    let found = plan.forward(&[&x]).unwrap();
    let error = deviation(&numbers(&found), &numbers(&expected));
    assert!(error < 2e-5, "{}: output {error:e}", net.name());
    plan.backward(&gradient).unwrap();
    let learned: Vec<(&str, &Var)> = net.state().learned().collect();
    assert_eq!(learned.len(), plan.gradients().count(), "{}", net.name());
    for (name, var) in learned {
        let (_, found) = plan.gradients().find(|(other, _)| other.id() == var.id()).unwrap();
        let expected = numbers(store.get(var).unwrap());
        let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
        let error = deviation(found.as_slice().unwrap(), &expected);
        assert!(error < 1e-4 || largest < 1e-3, "{}: gradient of {name}: {error:e}", net.name());
    }
    let found = plan.input_gradient(0).unwrap();
    let error = deviation(&numbers(&found), &numbers(store.get(&input).unwrap()));
    assert!(error < 1e-4, "{}: gradient of the input: {error:e}", net.name());
    assert_eq!(before, statistics(net));
    let refused = plan.input_gradient(1).unwrap_err().to_string();
    assert!(refused.contains("no gradient of input 1"), "{refused}");
}

#[test]
fn the_rest_learns_the_same() {
    let init = || Init::seed(3);
    let mobile = Mobile::init(init(), &Device::Cpu).unwrap();
    let names: Vec<&str> = mobile.state().named().map(|(name, _, _)| name).collect();
    let first: Vec<&str> = names[..names.len() / 2].to_vec();
    check(&mobile, &first);
    // Nothing but the last layer.
    let mobile = Mobile::init(init(), &Device::Cpu).unwrap();
    mobile.state().freeze_except(&["fc"]).unwrap();
    check(&mobile, &[]);
    // In the middle: gradients go through what is frozen.
    let residual = Residual::init(init(), &Device::Cpu).unwrap();
    let names: Vec<&str> = residual.state().named().map(|(name, _, _)| name).collect();
    check(&residual, &names[8..22]);
    let residual = Residual::init(init(), &Device::Cpu).unwrap();
    residual.state().freeze_statistics();
    check(&residual, &[]);
    // A weight without its bias.
    let lenet = LeNet::init(init(), &Device::Cpu).unwrap();
    check(&lenet, &["0.weight", "6.weight", "10.weight"]);
    let mixed = Mixed::init(init(), &Device::Cpu).unwrap();
    check(&mixed, &["0"]);
}

#[test]
fn nothing_but_the_head_is_gone_back_through() {
    let mobile = Mobile::init(Init::seed(3), &Device::Cpu).unwrap();
    let steps = || {
        let plan = mobile.compile_training(&CompileOptions::batch(4)).unwrap();
        plan.steps().into_iter().filter(|step| step.contains("gradient")).count()
    };
    let all = steps();
    mobile.state().freeze_except(&["fc"]).unwrap();
    let head = steps();
    assert!(head <= 3 && all > 20, "{head} of {all}");
    let unknown = mobile.state().freeze(&["fcc"]).unwrap_err().to_string();
    assert!(unknown.contains("no tensor is at `fcc` or below") && unknown.contains("fc"), "{unknown}");
    mobile.state().unfreeze(&["fc"]).unwrap();
    assert_eq!(mobile.trainable().len(), 2);
}
