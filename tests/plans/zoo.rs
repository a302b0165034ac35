//! The example models.

use std::sync::{Mutex, PoisonError};

use candle_nn::VarBuilder;
use cnn_examples::models::googlenet::TorchGoogLeNetAux;
use cnn_examples::models::zoo;
use cnn_runtime::prelude::*;

use crate::formula::{Weights, values};

/// Those that compute more are left out. They are of the layers of smaller siblings, but for U-Net, whose parts
/// (`deconv`, `crop(like @tap)`, `concat`) are tested in `language/plans.rs`, and `tests/models.rs` takes minutes for
/// such networks as it is.
const MOST: usize = 5_000_000_000;

/// One at a time: each uses all processors.
static ONE: Mutex<()> = Mutex::new(());

/// The weights of `tests/models.rs`: random ones of the right size for this network, also in its norms.
fn weights(name: &str) -> VarBuilder<'static> {
    let plain = ["alexnet", "vgg", "squeezenet", "lenet", "lecture", "tiny", "googlenet_paper"];
    let gain = if plain.iter().any(|start| name.starts_with(start)) { 1.0 } else { 0.05 };
    VarBuilder::from_backend(Box::new(Weights { gain }), DType::F32, Device::Cpu)
}

fn input(sizes: &[usize], batch: usize) -> Tensor {
    let dims = [&[batch], sizes].concat();
    Tensor::from_vec(values("input", dims.iter().product()), dims, &Device::Cpu).unwrap()
}

/// The largest difference, as a part of the largest value.
fn deviation(found: &Tensor, expected: &Tensor) -> Result<f32> {
    assert_eq!(found.dims(), expected.dims());
    let largest = |x: &Tensor| x.abs()?.max_all()?.to_scalar::<f32>();
    let scale = largest(expected)?;
    assert!(scale.is_finite() && scale > 0.0, "the values say nothing: the largest is {scale}");
    Ok(largest(&(found - expected)?)? / scale)
}

/// Compiled for one sample and for two, against `forward` on two.
fn check(name: &str, network: &dyn Network) -> Result<()> {
    let two = input(network.input_shape(), 2);
    let eager = network.forward_t(&two, false)?;
    let mut plan = network.compile(&CompileOptions::batch(2))?;
    assert!(plan.steps().iter().all(|row| row.algorithm != "eager"), "{plan}");
    let both = deviation(&plan.run(&two)?, &eager)?;
    assert!(both <= 2e-5, "{name}: {both}");
    let mut plan = network.compile(&CompileOptions::batch(1))?;
    for sample in 0..2 {
        let one = deviation(&plan.run(&two.narrow(0, sample, 1)?)?, &eager.narrow(0, sample, 1)?)?;
        assert!(one <= 2e-5, "{name}, sample {sample}: {one}");
    }
    Ok(())
}

macro_rules! models {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
            let name = stringify!($name);
            let network = zoo::find(name).unwrap().from_var_builder(weights(name)).unwrap();
            check(name, &*network).unwrap();
        })+

        /// The models that are tested.
        const TESTED: &[&str] = &[$(stringify!($name)),+];
    };
}

models! {
    alexnet alexnet_paper convnext_tiny dcgan_discriminator dcgan_generator densenet121 densenet169 efficientnet_b0
    googlenet googlenet_paper lecture lenet5 lenet5_mnist mobilenet_v2 mobilenet_v3_large mobilenet_v3_small resnet18
    resnet34 resnet50 shufflenet_v2_x1_0 squeezenet1_0 squeezenet1_1 tiny_vgg
}

#[test]
fn every_model_that_is_not_huge_is_tested() {
    let mut names: Vec<&str> =
        zoo::MODELS.iter().filter(|model| model.macs <= MOST).map(|model| model.name).collect();
    names.sort_unstable();
    assert_eq!(names, TESTED);
}

#[test]
fn several_outputs() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let network = TorchGoogLeNetAux::<10>::from_var_builder(weights("googlenet")).unwrap();
    let x = input(&[3, 224, 224], 1);
    let eager = network.forward(&x).unwrap();
    let mut plan = network.compile(&CompileOptions::batch(1)).unwrap();
    let outputs = plan.run_all(&[&x]).unwrap();
    let eager = [&*eager.logits, &*eager.logits1, &*eager.logits2];
    assert_eq!(outputs.len(), eager.len());
    for (found, expected) in outputs.iter().zip(eager) {
        let one = deviation(found, expected).unwrap();
        assert!(one <= 2e-5, "{one}");
    }
    let error = plan.run(&x).unwrap_err().to_string();
    assert_eq!(error, "the plan of `TorchGoogLeNetAux`: it has 3 outputs, found 1");
}
