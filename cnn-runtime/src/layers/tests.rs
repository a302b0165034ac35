//! The plumbing of layers: shapes, names, initial values, running statistics, shared variables.

use candle_core::{DType, Device, Module, ModuleT, Tensor};
use candle_nn::{Optimizer, SGD};

use super::*;
use crate::error::Error;
use crate::init::Init;
use crate::params::{Builder, State};
use crate::pass::Pass;
use crate::random::Generator;

/// Builds one layer, labelled `layer`.
fn build<L>(make: impl FnOnce(Params<'_>) -> Result<L>) -> (L, State) {
    let builder = Builder::init(&Init::seed(42), &Device::Cpu).expect("an initialiser");
    let layer = make(builder.root().pp("layer")).expect("a layer");
    (layer, builder.finish().expect("no differences"))
}

fn refused<L>(make: impl FnOnce(Params<'_>) -> Result<L>) -> String {
    let builder = Builder::init(&Init::seed(42), &Device::Cpu).expect("an initialiser");
    match make(builder.root().pp("layer")) {
        Err(error @ Error::Layer { .. }) => error.to_string(),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("was built"),
    }
}

/// `name dims role` of every tensor.
fn tensors(state: &State) -> Vec<String> {
    state.named().map(|(name, var, role)| format!("{name} {:?} {role:?}", var.dims())).collect()
}

fn ramp(dims: [usize; 4]) -> Tensor {
    let count: usize = dims.iter().product();
    let values: Vec<f32> = (0..count).map(|i| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0).collect();
    Tensor::from_vec(values, &dims, &Device::Cpu).expect("a ramp")
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("values")
}

#[test]
fn names_and_shapes_are_pytorchs() {
    let (_, state) = build(|p| Conv2d::new(p, Conv2dConfig::new(4, 6, [3, 5]).with_groups(2)));
    assert_eq!(tensors(&state), ["layer.weight [6, 2, 3, 5] Parameter", "layer.bias [6] Parameter"]);
    let config = ConvTranspose2dConfig::new(4, 6, [3, 5]).with_groups(2);
    let (_, state) = build(|p| ConvTranspose2d::new(p, config));
    assert_eq!(tensors(&state), ["layer.weight [4, 3, 3, 5] Parameter", "layer.bias [6] Parameter"]);
    let (_, state) = build(|p| Linear::new(p, LinearConfig::new(4, 6).without_bias()));
    assert_eq!(tensors(&state), ["layer.weight [6, 4] Parameter"]);
    let (_, state) = build(|p| BatchNorm2d::new(p, BatchNormConfig::new(3)));
    assert_eq!(
        tensors(&state),
        [
            "layer.weight [3] Parameter",
            "layer.bias [3] Parameter",
            "layer.running_mean [3] Buffer",
            "layer.running_var [3] Buffer"
        ]
    );
    let (_, state) = build(|p| BatchNorm2d::new(p, BatchNormConfig::new(3).without_affine()));
    assert_eq!(tensors(&state), ["layer.running_mean [3] Buffer", "layer.running_var [3] Buffer"]);
    let affine = ["layer.weight [4] Parameter", "layer.bias [4] Parameter"];
    let (_, state) = build(|p| LayerNorm::new(p, LayerNormConfig::new(4)));
    assert_eq!(tensors(&state), affine);
    let (_, state) = build(|p| GroupNorm::new(p, GroupNormConfig::new(2, 4)));
    assert_eq!(tensors(&state), affine);
    let (_, state) = build(|p| InstanceNorm2d::new(p, InstanceNormConfig::new(4).with_affine()));
    assert_eq!(tensors(&state), affine);
    let (_, state) = build(|p| InstanceNorm2d::new(p, InstanceNormConfig::new(4)));
    assert!(tensors(&state).is_empty());
    let (_, state) = build(|p| PRelu::new(p, 4));
    assert_eq!(tensors(&state), ["layer.weight [4] Parameter"]);
    let (_, state) = build(|p| Scale::new(p, 4, 1e-6));
    assert_eq!(tensors(&state), ["layer [4, 1, 1] Parameter"]);
}

#[test]
fn initial_bounds_are_pytorchs() {
    // 1 / sqrt(fan_in), computed by hand from PyTorch's rule for each weight's shape.
    let largest = |state: &State, name: &str| {
        values(state.get(name).expect("registered")).iter().fold(0f32, |most, v| v.abs().max(most))
    };
    let within = |found: f32, bound: f64| {
        assert!(f64::from(found) <= bound + 1e-7 && f64::from(found) > 0.9 * bound, "{found} {bound}");
    };
    let (_, state) = build(|p| Conv2d::new(p, Conv2dConfig::new(8, 64, [3, 3]).with_groups(2)));
    within(largest(&state, "layer.weight"), 1.0 / 6.0); // 4 * 9 inputs
    within(largest(&state, "layer.bias"), 1.0 / 6.0);
    let (_, state) = build(|p| ConvTranspose2d::new(p, ConvTranspose2dConfig::new(8, 64, [2, 2])));
    within(largest(&state, "layer.weight"), 1.0 / 16.0); // weight.size(1) = 64, times 4
    within(largest(&state, "layer.bias"), 1.0 / 16.0);
    let (_, state) = build(|p| Linear::new(p, LinearConfig::new(100, 50)));
    within(largest(&state, "layer.weight"), 0.1);
    within(largest(&state, "layer.bias"), 0.1);
}

#[test]
fn outputs_have_the_stated_shapes() {
    let x = ramp([2, 4, 9, 11]);
    let config = Conv2dConfig::new(4, 6, [3, 3]).with_stride([2, 1]).with_padding([1, 1]).with_groups(2);
    let (conv, _) = build(|p| Conv2d::new(p, config.with_dilation([1, 2]).without_bias()));
    assert_eq!(conv.forward(&x).expect("forward").dims(), [2, 6, 5, 9]);
    let config = ConvTranspose2dConfig::new(4, 6, [3, 3]).with_stride([2, 2]).with_padding([1, 1]);
    let (deconv, _) = build(|p| ConvTranspose2d::new(p, config.with_output_padding([1, 0])));
    assert_eq!(deconv.forward(&x).expect("forward").dims(), [2, 6, 18, 21]);
    let (linear, _) = build(|p| Linear::new(p, LinearConfig::new(4 * 9 * 11, 5)));
    assert_eq!(linear.forward(&x).expect("forward").dims(), [2, 5]);
    let (bn, _) = build(|p| BatchNorm2d::new(p, BatchNormConfig::new(4)));
    assert_eq!(bn.forward_t(&x, false).expect("forward").dims(), x.dims());
    let (ln, _) = build(|p| LayerNorm::new(p, LayerNormConfig::new(4)));
    assert_eq!(ln.forward(&x).expect("forward").dims(), x.dims());
    let (gn, _) = build(|p| GroupNorm::new(p, GroupNormConfig::new(2, 4)));
    assert_eq!(gn.forward(&x).expect("forward").dims(), x.dims());
    let (inorm, _) = build(|p| InstanceNorm2d::new(p, InstanceNormConfig::new(4)));
    assert_eq!(inorm.forward(&x).expect("forward").dims(), x.dims());
    let (prelu, _) = build(|p| PRelu::new(p, 4));
    assert_eq!(prelu.forward(&x).expect("forward").dims(), x.dims());
    let (scale, _) = build(|p| Scale::new(p, 4, 2.0));
    let doubled = values(&scale.forward(&x).expect("forward"));
    assert!(doubled.iter().zip(values(&x)).all(|(y, x)| *y == 2.0 * x));
}

#[test]
fn configurations_that_make_no_sense_are_refused_with_the_path() {
    let text = refused(|p| Conv2d::new(p, Conv2dConfig::new(64, 64, [3, 3]).with_groups(3)));
    assert_eq!(text, "layer: Conv2d: groups = 3 does not divide in_channels = 64");
    let text = refused(|p| Conv2d::new(p, Conv2dConfig::new(3, 8, [3, 3]).with_stride([1, 0])));
    assert_eq!(text, "layer: Conv2d: stride must be at least 1, found 0");
    refused(|p| Conv2d::new(p, Conv2dConfig::new(usize::MAX, usize::MAX, [3, 3])));
    refused(|p| {
        ConvTranspose2d::new(p, ConvTranspose2dConfig::new(8, 8, [2, 2]).with_output_padding([1, 0]))
    });
    refused(|p| Linear::new(p, LinearConfig::new(0, 8)));
    refused(|p| Linear::new(p, LinearConfig::new(8, 8).with_dropconnect(1.0)));
    refused(|p| BatchNorm2d::new(p, BatchNormConfig::new(8).with_momentum(1.5)));
    refused(|p| BatchNorm2d::new(p, BatchNormConfig::new(8).with_eps(f64::NAN)));
    refused(|p| GroupNorm::new(p, GroupNormConfig::new(3, 8)));
    refused(|p| PRelu::new(p, 0));
}

#[test]
fn batch_norm_moves_its_statistics_as_pytorch_does() {
    let (bn, state) = build(|p| BatchNorm2d::new(p, BatchNormConfig::new(2)));
    // Channel 0: 1, 2, 3, 6: mean 3, unbiased variance 14/3. Channel 1: 0, 0, 4, 4: mean 2, 16/3.
    let x = [1f32, 2., 0., 0., 3., 6., 4., 4.];
    let x = Tensor::from_slice(&x, (2, 2, 1, 2), &Device::Cpu).expect("a batch");
    let (mut mean, mut var) = ([0f64; 2], [1f64; 2]);
    for _ in 0..3 {
        bn.forward_t(&x, true).expect("forward");
        for (channel, (batch_mean, batch_var)) in [(3., 14. / 3.), (2., 16. / 3.)].into_iter().enumerate() {
            mean[channel] = 0.9 * mean[channel] + 0.1 * batch_mean;
            var[channel] = 0.9 * var[channel] + 0.1 * batch_var;
        }
    }
    let close = |name: &str, expected: [f64; 2]| {
        let found = values(state.get(name).expect("registered"));
        let near = |(found, expected): (&f32, f64)| (f64::from(*found) - expected).abs() < 1e-5;
        assert!(found.iter().zip(expected).all(near), "{name}: {found:?} {expected:?}");
    };
    close("layer.running_mean", mean);
    close("layer.running_var", var);

    // Inference uses them and leaves them alone.
    let y = values(&bn.forward_t(&x, false).expect("forward"));
    let expected = (1.0 - mean[0]) / (var[0] + 1e-5).sqrt();
    assert!((f64::from(y[0]) - expected).abs() < 1e-5, "{} {expected}", y[0]);
    close("layer.running_mean", mean);

    // Training normalizes with the biased variance: 14/4 of channel 0.
    let y = values(&bn.forward_t(&x, true).expect("forward"));
    assert!((f64::from(y[0]) - (1.0 - 3.0) / (3.5f64 + 1e-5).sqrt()).abs() < 1e-5);
}

#[test]
fn batch_norm_refuses_one_value_per_channel_in_training() {
    let (bn, state) = build(|p| BatchNorm2d::new(p, BatchNormConfig::new(4)));
    let x = ramp([1, 4, 1, 1]);
    let text = bn.forward_t(&x, true).expect_err("one value per channel").to_string();
    assert!(text.contains("more than one value per channel, found N=1, H=W=1"), "{text}");
    assert_eq!(values(state.get("layer.running_var").expect("registered")), [1.0; 4]);
    bn.forward_t(&x, false).expect("inference is fine");
    bn.forward_t(&ramp([2, 4, 1, 1]), true).expect("two are fine");
    let error = bn.forward_t(&ramp([2, 3, 2, 2]), true).expect_err("three channels").to_string();
    assert!(error.contains("(N, 4, H, W)"), "{error}");
}

#[test]
fn an_optimizers_step_reaches_the_layer() {
    let (conv, state) = build(|p| Conv2d::new(p, Conv2dConfig::new(2, 3, [3, 3])));
    let x = ramp([2, 2, 5, 5]);
    let loss = |conv: &Conv2d| conv.forward(&x).and_then(|y| y.sqr()).and_then(|y| y.sum_all());
    let before = loss(&conv).expect("a loss");
    let mut sgd = SGD::new(state.trainable(), 1e-3).expect("an optimizer");
    sgd.backward_step(&before).expect("a step");
    let after = loss(&conv.clone()).expect("a loss");
    let (before, after) = (values(&before)[0], values(&after)[0]);
    assert!(after < before, "{after} {before}");
}

#[test]
fn buffers_are_not_trained() {
    let (bn, state) = build(|p| BatchNorm2d::new(p, BatchNormConfig::new(2)));
    assert_eq!(state.trainable().len(), 2);
    let y = bn.forward_t(&ramp([2, 2, 3, 3]), false).and_then(|y| y.sqr()).and_then(|y| y.sum_all());
    let gradients = y.and_then(|y| y.backward()).expect("gradients");
    assert!(gradients.get(bn.running_mean()).is_none() && gradients.get(bn.running_var()).is_none());
    assert!(gradients.get(bn.weight().expect("affine")).is_some());
}

#[test]
fn dropconnect_drops_weights_in_training_only() {
    let (linear, _) =
        build(|p| Linear::new(p, LinearConfig::new(50, 40).without_bias().with_dropconnect(0.5)));
    // The identity shows the weight that was used.
    let eye = Tensor::eye(50, DType::F32, &Device::Cpu).expect("an identity");
    let whole = values(&linear.forward_pass(&eye, &Pass::eval()).expect("forward"));
    let used = values(&linear.forward_pass(&eye, &Pass::train(&Generator::seed(1))).expect("forward"));
    assert!(used.iter().zip(&whole).all(|(used, whole)| *used == 0.0 || (used - 2.0 * whole).abs() < 1e-6));
    let dropped = used.iter().filter(|value| **value == 0.0).count();
    assert!((800..1200).contains(&dropped), "{dropped} of 2000");
}
