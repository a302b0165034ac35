//! Every network with a twin in torchvision against what that answered (see `models/README.md`).

#[path = "models/check.rs"]
mod check;
#[path = "models/compare.rs"]
mod compare;
#[path = "models/formula.rs"]
mod formula;
#[path = "models/recorded.rs"]
mod recorded;

use std::collections::BTreeSet;

use candle_core::{Device, Tensor};
use check::{Answer, Subject};
use cnn_examples::models::googlenet::TorchGoogLeNetAux;
use cnn_examples::models::zoo;
use cnn_runtime::{CompileOptions, Plan, Result, State};

macro_rules! twins {
    ($($name:ident: [$($stage:ident = $module:literal),*];)+) => {
        $(
            #[test]
            fn $name() {
                let modules = &[$((stringify!($stage), $module)),*];
                check::check(stringify!($name), build!($name), modules, &Device::Cpu);
            }
        )+

        /// The same on a GPU, where there is one.
        #[cfg(feature = "cuda")]
        mod on_a_gpu {
            use super::*;

            $(
                #[test]
                fn $name() {
                    let Some(gpu) = gpu(stringify!($name)) else { return };
                    let modules = &[$((stringify!($stage), $module)),*];
                    check::check(stringify!($name), build!($name), modules, &gpu);
                }
            )+
        }

        /// The networks that are tested.
        const TESTED: &[&str] = &[$(stringify!($name)),+];
    };
}

/// The first GPU; on a stand-in, which computes on the CPU, only for small networks.
#[cfg(feature = "cuda")]
fn gpu(name: &str) -> Option<Device> {
    let is_small = ["squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x1_0"].contains(&name);
    if std::env::var_os("CUDA_STANDIN").is_some() && !is_small {
        println!("skipped: the stand-in for a GPU is too slow for it");
        return None;
    }
    cnn_tests::gpu()
}

macro_rules! build {
    // Of three outputs, and so not in the zoo.
    (googlenet_aux) => {
        TorchGoogLeNetAux::<1000>::from_var_builder
    };
    ($name:ident) => {
        |vars| zoo::find(stringify!($name)).expect("a model of the zoo").from_var_builder(vars)
    };
}

// torchvision's names; the stages that are not called as the module there, and what that is called.
twins! {
    alexnet: [stride4 = "features.1", stride8 = "features.4", stride16 = "features.11"];
    vgg11: [
        stride1 = "features.1", stride2 = "features.4", stride4 = "features.9", stride8 = "features.14",
        stride16 = "features.19"
    ];
    vgg13: [
        stride1 = "features.3", stride2 = "features.8", stride4 = "features.13", stride8 = "features.18",
        stride16 = "features.23"
    ];
    vgg16: [
        stride1 = "features.3", stride2 = "features.8", stride4 = "features.15", stride8 = "features.22",
        stride16 = "features.29"
    ];
    vgg19: [
        stride1 = "features.3", stride2 = "features.8", stride4 = "features.17", stride8 = "features.26",
        stride16 = "features.35"
    ];
    vgg11_bn: [
        stride1 = "features.2", stride2 = "features.6", stride4 = "features.13", stride8 = "features.20",
        stride16 = "features.27"
    ];
    vgg13_bn: [
        stride1 = "features.5", stride2 = "features.12", stride4 = "features.19", stride8 = "features.26",
        stride16 = "features.33"
    ];
    vgg16_bn: [
        stride1 = "features.5", stride2 = "features.12", stride4 = "features.22", stride8 = "features.32",
        stride16 = "features.42"
    ];
    vgg19_bn: [
        stride1 = "features.5", stride2 = "features.12", stride4 = "features.25", stride8 = "features.38",
        stride16 = "features.51"
    ];
    googlenet: [];
    googlenet_aux: [logits = "fc", logits1 = "aux1", logits2 = "aux2"];
    resnet18: [stride2 = "relu"];
    resnet34: [stride2 = "relu"];
    resnet50: [stride2 = "relu"];
    resnet101: [stride2 = "relu"];
    resnet152: [stride2 = "relu"];
    densenet121: [
        stride2 = "features.relu0", stride4 = "features.denseblock1", stride8 = "features.denseblock2",
        stride16 = "features.denseblock3"
    ];
    densenet169: [
        stride2 = "features.relu0", stride4 = "features.denseblock1", stride8 = "features.denseblock2",
        stride16 = "features.denseblock3"
    ];
    squeezenet1_0: [
        stride2 = "features.1", stride4 = "features.5", stride8 = "features.10"
    ];
    squeezenet1_1: [
        stride2 = "features.1", stride4 = "features.4", stride8 = "features.7"
    ];
    mobilenet_v2: [
        stride2 = "features.1", stride4 = "features.3", stride8 = "features.6", stride16 = "features.13",
        stride32 = "features.17"
    ];
    mobilenet_v3_small: [
        stride2 = "features.0", stride4 = "features.1", stride8 = "features.3", stride16 = "features.8",
        stride32 = "features.11"
    ];
    mobilenet_v3_large: [
        stride2 = "features.1", stride4 = "features.3", stride8 = "features.6", stride16 = "features.12",
        stride32 = "features.15"
    ];
    efficientnet_b0: [
        stride2 = "features.1", stride4 = "features.2", stride8 = "features.3", stride16 = "features.5",
        stride32 = "features.7"
    ];
    shufflenet_v2_x1_0: [];
    convnext_tiny: [
        stride4 = "features.1", stride8 = "features.3", stride16 = "features.5", stride32 = "features.7"
    ];
}

impl Subject for TorchGoogLeNetAux {
    fn tensors(&self) -> &State {
        self.state()
    }

    fn answer(&self, images: &Tensor) -> Result<Answer> {
        let seen = self.trace(images)?;
        let stages = seen.stages().map(|(name, value)| (name.to_owned(), value.clone())).to_vec();
        let output = seen.output;
        let outputs = vec![
            ("logits", output.logits.into_inner()),
            ("logits1", output.logits1.into_inner()),
            ("logits2", output.logits2.into_inner()),
        ];
        Ok(Answer { outputs, stages })
    }

    fn plan(&self, options: &CompileOptions) -> Result<Plan> {
        self.compile(options)
    }
}

#[test]
fn no_network_is_left_out() {
    let twins = zoo::MODELS.iter().filter(|model| model.in_torchvision).map(|model| model.name);
    let twins: BTreeSet<&str> = twins.chain(["googlenet_aux"]).collect();
    assert_eq!(twins, TESTED.iter().copied().collect());
    assert_eq!(twins, recorded::names().iter().map(String::as_str).collect());
}
