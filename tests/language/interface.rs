//! What a declaration gives: saving and loading, training, tracing, the table, the boundary.

use crate::plain::{CPU, names, param, same_bits, shake, tensor};
use cnn_examples::models::lenet::LeNet5;
use cnn_runtime::prelude::*;
use expect_test::expect;

network! {
    /// A bit of everything that has state.
    pub(crate) Small<CLASSES = 4>: 2x8x8 -> CLASSES {
        block Unit(c) { residual { conv3-c/stride bn } else short: (conv1-c/stride bn) relu }
        stem: conv3-4 bn relu
     -> layer: Unit(4) x2/2 -> @mid
     -> up: deconv2-4/2 -> gn2 -> prelu -> scale(0.5)
     -> gap -> dropout(0.5) -> fc: fc-CLASSES
    }
}

/// A file that is deleted again.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir();
        Self(directory.join(format!("cnn-language-{}-{name}.safetensors", std::process::id())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn same_state(left: &State, right: &State) {
    assert_eq!(names(left), names(right));
    for (name, var, _) in left.named() {
        same_bits(var, &param(right, name));
    }
}

#[test]
fn saving_and_loading() {
    let net = Small::<4>::init(Init::seed(1), &CPU).unwrap();
    shake(net.state());
    let file = File::new("round-trip");
    net.save(&file.0).unwrap();
    let loaded = Small::<4>::load(&file.0, &CPU).unwrap();
    same_state(net.state(), loaded.state());
    let x = tensor(&[3, 2, 8, 8]);
    same_bits(&net.forward(&x).unwrap(), &loaded.forward(&x).unwrap());

    // Every difference in one error.
    let error = Small::<5>::load(&file.0, &CPU).unwrap_err().to_string();
    assert!(error.contains("fc.weight") && error.contains("fc.bias"), "{error}");

    // Another head.
    let other = Small::<5>::load_except(&file.0, &["fc"], Init::seed(9), &CPU).unwrap();
    let fresh = Small::<5>::init(Init::seed(9), &CPU).unwrap();
    for (name, var, _) in other.state().named() {
        let source = if name.starts_with("fc.") { fresh.state() } else { net.state() };
        same_bits(var, &param(source, name));
    }
}

#[test]
fn from_a_var_builder() {
    let net = Small::<4>::init(Init::seed(1), &CPU).unwrap();
    shake(net.state());
    let tensors = net.state().named().map(|(name, var, _)| (name.to_owned(), var.as_tensor().clone()));
    let vars = cnn_runtime::VarBuilder::from_tensors(tensors.collect(), DType::F32, &CPU);
    let copy = Small::<4>::from_var_builder(vars).unwrap();
    same_state(net.state(), copy.state());
    let x = tensor(&[3, 2, 8, 8]);
    same_bits(&net.forward(&x).unwrap(), &copy.forward(&x).unwrap());

    let nothing = cnn_runtime::VarBuilder::from_tensors(Default::default(), DType::F32, &CPU);
    let error = Small::<4>::from_var_builder(nothing).unwrap_err().to_string();
    assert!(error.contains("stem.weight") && error.contains("fc.bias"), "{error}");
}

#[test]
fn initialization_is_reproducible() {
    let net = Small::<4>::init(Init::seed(7), &CPU).unwrap();
    same_state(net.state(), Small::<4>::init(Init::seed(7), &CPU).unwrap().state());
    let other = Small::<4>::init(Init::seed(8), &CPU).unwrap();
    let values = |state: &State| crate::plain::flat(&param(state, "stem.weight"));
    assert_ne!(values(net.state()), values(other.state()));
    let double = Small::<4>::init(Init::seed(7).dtype(DType::F64), &CPU).unwrap();
    assert_eq!(param(double.state(), "stem.weight").dtype(), DType::F64);
    let x = tensor(&[1, 2, 8, 8]).to_dtype(DType::F64).unwrap();
    assert_eq!(double.forward(x).unwrap().dtype(), DType::F64);
}

#[test]
fn training_updates_running_statistics_and_drops_reproducibly() {
    let x = tensor(&[3, 2, 8, 8]);
    let run = || {
        let net = Small::<4>::init(Init::seed(7), &CPU).unwrap();
        let still = net.forward(&x).unwrap();
        let first = net.forward_train(&x).unwrap();
        let second = net.forward_train(&x).unwrap();
        (net, still, first, second)
    };
    let (net, still, first, second) = run();
    let (again, _, first_again, second_again) = run();
    same_bits(&first, &first_again);
    same_bits(&second, &second_again);
    same_state(net.state(), again.state());
    let values = crate::plain::flat;
    assert_ne!(values(&first), values(&second), "another mask");
    assert_ne!(values(&first), values(&still));
    let fresh = Small::<4>::init(Init::seed(7), &CPU).unwrap();
    for (name, var, role) in net.state().named() {
        let same = values(var) == values(&param(fresh.state(), name));
        assert_eq!(same, role == cnn_runtime::params::Role::Parameter, "{name}");
    }
    // Inference afterwards: the same twice, and not that of the fresh statistics.
    same_bits(&net.forward(&x).unwrap(), &net.forward(&x).unwrap());
    assert_ne!(values(&net.forward(&x).unwrap()), values(&still));
}

#[test]
fn every_parameter_gets_a_gradient() {
    let net = Small::<4>::init(Init::seed(7), &CPU).unwrap();
    let loss = net.forward_train(tensor(&[16, 2, 8, 8])).unwrap().sqr().unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    assert_eq!(net.trainable().len(), net.state().trainable().len());
    for (name, var, role) in net.state().named() {
        let has = gradients.get(var).is_some();
        assert_eq!(has, role == cnn_runtime::params::Role::Parameter, "{name}");
    }
}

#[test]
fn tracing() {
    let net = Small::<4>::init(Init::seed(7), &CPU).unwrap();
    let x = tensor(&[3, 2, 8, 8]);
    let seen: SmallTrace<4> = net.trace(&x).unwrap();
    let stem: &Batch<Chw<4, 8, 8>> = &seen.stem;
    same_bits(stem, &net.stem.forward(&x).unwrap());
    let (layer, mid): (&Batch<Chw<4, 4, 4>>, &Batch<Chw<4, 4, 4>>) = (&seen.layer, &seen.mid);
    same_bits(layer, mid);
    same_bits(&seen.up, &net.up.forward(layer).unwrap());
    same_bits(&seen.output, &net.forward(&x).unwrap());
    same_bits(&seen.fc, &seen.output);
}

#[test]
fn candles_traits() {
    let net = Small::<4>::init(Init::seed(7), &CPU).unwrap();
    let x = tensor(&[3, 2, 8, 8]);
    same_bits(&net.forward_t(&x, false).unwrap(), &net.forward(&x).unwrap());
    let same = Small::<4>::init(Init::seed(7), &CPU).unwrap();
    let other = Small::<4>::init(Init::seed(7), &CPU).unwrap();
    same_bits(&same.forward_t(&x, true).unwrap(), &other.forward_train(&x).unwrap());
}

#[test]
fn the_boundary() {
    let net = Small::<4>::init(Init::seed(7), &CPU).unwrap();
    let x = tensor(&[3, 2, 8, 8]);
    let batch = Batch::<Chw<2, 8, 8>>::try_from(&x).unwrap();
    // A tensor, a batch, by reference and by value.
    let expected = net.forward(&x).unwrap();
    same_bits(&net.forward(x.clone()).unwrap(), &expected);
    same_bits(&net.forward(&batch).unwrap(), &expected);
    same_bits(&net.forward(batch).unwrap(), &expected);
    for (dims, message) in [
        (&[3, 2, 8, 9][..], "Small: expected (N, 2, 8, 8), found (3, 2, 8, 9)"),
        (
            &[2, 8, 8],
            "Small: expected (N, 2, 8, 8), found (2, 8, 8); one sample needs a batch dimension: `unsqueeze(0)`",
        ),
    ] {
        assert_eq!(net.forward(tensor(dims)).unwrap_err().to_string(), message);
        assert_eq!(net.trace(tensor(dims)).unwrap_err().to_string(), message);
    }
    let double = x.to_dtype(DType::F64).unwrap();
    let _ = net.forward(double).unwrap_err();
}

#[test]
fn consts_and_rows() {
    const _: () = assert!(Small::<4>::PARAMS < 1000);
    assert_eq!(Small::<4>::LAYERS.iter().map(|layer| layer.params).sum::<usize>(), Small::<4>::PARAMS);
    assert_eq!(Small::<4>::LAYERS.iter().map(|layer| layer.macs).sum::<usize>(), Small::<4>::MACS);
    let made: usize =
        Small::<4>::init(Init::seed(1), &CPU).unwrap().trainable().iter().map(|v| v.elem_count()).sum();
    assert_eq!(made, Small::<4>::PARAMS);
    // stem, two units (the first with a projection), up, gn, prelu, scale, fc
    let by_hand = (72 + 8) + (144 + 8 + 16 + 8) + (144 + 8) + (64 + 4) + 8 + 1 + 4 + 20;
    assert_eq!(made, by_hand);
}

#[test]
fn the_summary_of_lenet() {
    expect![[r#"
        LeNet5
          path   layer            output    parameters     MACs  sees
          0      conv5-6(valid)   6x28x28          156  117,600  5x5
          1      relu             6x28x28                        5x5
          2      pool2            6x14x14                        6x6
          3      conv5-16(valid)  16x10x10       2,416  240,000  14x14
          4      relu             16x10x10                       14x14
          5      pool2            16x5x5                         16x16
          6      fc120            120           48,120   48,000
          7      relu             120
          8      fc84             84            10,164   10,080
          9      relu             84
          10     fc10             10               850      840
          total                                 61,706  416,520
          activations: 9,118 values (0.0 MiB in f32)
          weights: 0.2 MiB in f32"#]]
    .assert_eq(&LeNet5::summary().to_string());
}
