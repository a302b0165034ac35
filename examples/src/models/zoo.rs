//! The models by name, for programs that are told which one to run.
//!
//! Names are torchvision's; what torchvision does not have, or has in another form, is named in the same style.
//!
//! ```
//! use cnn_examples::models::zoo;
//! use cnn_runtime::prelude::*;
//!
//! # fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//! let net: Box<dyn Network> = zoo::find("squeezenet1_1")?.init(Init::seed(1), &Device::Cpu)?;
//! assert_eq!((net.input_shape(), net.output_shape()), (&[3, 224, 224][..], &[1000][..]));
//!
//! let error = zoo::find("resnet81").unwrap_err().to_string();
//! assert!(error.starts_with("there is no model `resnet81`; the nearest name is `resnet18`. There are "));
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::path::Path;

use cnn_ir::nearest::nearest;
use cnn_runtime::VarBuilder;
use cnn_runtime::prelude::*;

use super::alexnet::{AlexNet, TorchAlexNet};
use super::convnext::ConvNextTiny;
use super::dcgan::{DcganDiscriminator, DcganGenerator};
use super::densenet::{DenseNet121, DenseNet169};
use super::efficientnet::EfficientNetB0;
use super::googlenet::{GoogLeNet, TorchGoogLeNet};
use super::lecture::{LectureNet, TinyVgg};
use super::lenet::{LeNet5, LeNet5Mnist};
use super::mobilenet_v2::MobileNetV2;
use super::mobilenet_v3::{MobileNetV3Large, MobileNetV3Small};
use super::resnet::{ResNet18, ResNet34, ResNet50, ResNet101, ResNet152};
use super::shufflenet_v2::ShuffleNetV2;
use super::squeezenet::{SqueezeNet1_0, SqueezeNet1_1};
use super::unet::UNet;
use super::vgg::{Vgg11, Vgg11Bn, Vgg13, Vgg13Bn, Vgg16, Vgg16Bn, Vgg19, Vgg19Bn};

/// A network, whichever it is, or why there is none.
type Built = Result<Box<dyn Network>>;

/// A model of the zoo, with its default number of classes.
#[derive(Clone, Copy)]
pub struct Model {
    /// As torchvision spells it: `resnet18`.
    pub name: &'static str,
    /// As people write it: `ResNet-18`.
    pub title: &'static str,
    /// Whether torchvision has a model of this name, with the same tensors and the same results.
    pub in_torchvision: bool,
    /// Learned values.
    pub parameters: usize,
    /// Multiply-accumulates of one sample.
    pub macs: usize,
    init: fn(Init, &Device) -> Built,
    load: fn(&Path, &Device) -> Built,
    compile_file: fn(&Path, &CompileOptions) -> Result<Plan>,
    load_except: fn(&Path, &[&str], Init, &Device) -> Built,
    from_var_builder: fn(VarBuilder<'_>) -> Built,
}

/// A row for each network.
macro_rules! models {
    ($($in_torchvision:literal $name:literal $title:literal $network:ty;)*) => {
        &[$(Model {
            name: $name,
            title: $title,
            in_torchvision: $in_torchvision,
            parameters: <$network>::PARAMS,
            macs: <$network>::MACS,
            init: |init, device| Ok(Box::new(<$network>::init(init, device)?)),
            load: |path, device| Ok(Box::new(<$network>::load(path, device)?)),
            compile_file: |path, options| <$network>::compile_file(path, options),
            load_except: |path, except, init, device| {
                Ok(Box::new(<$network>::load_except(path, except, init, device)?))
            },
            from_var_builder: |vars| Ok(Box::new(<$network>::from_var_builder(vars)?)),
        },)*]
    };
}

/// Every model: torchvision's, then the others, each part in the order of the alphabet.
pub const MODELS: &[Model] = models![
    true "alexnet" "AlexNet, second version" TorchAlexNet;
    true "convnext_tiny" "ConvNeXt-T" ConvNextTiny;
    true "densenet121" "DenseNet-121" DenseNet121;
    true "densenet169" "DenseNet-169" DenseNet169;
    true "efficientnet_b0" "EfficientNet-B0" EfficientNetB0;
    true "googlenet" "GoogLeNet with batch norm" TorchGoogLeNet;
    true "mobilenet_v2" "MobileNetV2" MobileNetV2;
    true "mobilenet_v3_large" "MobileNetV3-Large" MobileNetV3Large;
    true "mobilenet_v3_small" "MobileNetV3-Small" MobileNetV3Small;
    true "resnet18" "ResNet-18" ResNet18;
    true "resnet34" "ResNet-34" ResNet34;
    true "resnet50" "ResNet-50" ResNet50;
    true "resnet101" "ResNet-101" ResNet101;
    true "resnet152" "ResNet-152" ResNet152;
    true "shufflenet_v2_x1_0" "ShuffleNetV2 1x" ShuffleNetV2;
    true "squeezenet1_0" "SqueezeNet 1.0" SqueezeNet1_0;
    true "squeezenet1_1" "SqueezeNet 1.1" SqueezeNet1_1;
    true "vgg11" "VGG-11" Vgg11;
    true "vgg11_bn" "VGG-11 with batch norm" Vgg11Bn;
    true "vgg13" "VGG-13" Vgg13;
    true "vgg13_bn" "VGG-13 with batch norm" Vgg13Bn;
    true "vgg16" "VGG-16" Vgg16;
    true "vgg16_bn" "VGG-16 with batch norm" Vgg16Bn;
    true "vgg19" "VGG-19" Vgg19;
    true "vgg19_bn" "VGG-19 with batch norm" Vgg19Bn;
    false "alexnet_paper" "AlexNet, the paper's" AlexNet;
    false "dcgan_discriminator" "DCGAN's discriminator" DcganDiscriminator;
    false "dcgan_generator" "DCGAN's generator" DcganGenerator;
    false "googlenet_paper" "GoogLeNet, the paper's" GoogLeNet;
    false "lecture" "the lecture's INPUT-CONV-RELU-POOL-FC" LectureNet;
    false "lenet5" "LeNet-5" LeNet5;
    false "lenet5_mnist" "LeNet-5 for MNIST's 28x28" LeNet5Mnist;
    false "tiny_vgg" "the lecture's tiny VGG" TinyVgg;
    false "unet" "U-Net" UNet;
];

impl Model {
    /// The network with random weights.
    ///
    /// # Errors
    /// As the network's own `init`: if the device has no room for it, or cannot have the element type.
    pub fn init(&self, init: Init, device: &Device) -> Result<Box<dyn Network>> {
        (self.init)(init, device)
    }

    /// The network with the weights of a safetensors file.
    ///
    /// # Errors
    /// As the network's own `load`: if the file cannot be read, or holds other tensors.
    pub fn load(&self, path: impl AsRef<Path>, device: &Device) -> Result<Box<dyn Network>> {
        (self.load)(path.as_ref(), device)
    }

    /// A plan of the weights of a file, without the network.
    ///
    /// # Errors
    /// As the network's own `compile_file`.
    pub fn compile_file(&self, path: impl AsRef<Path>, options: &CompileOptions) -> Result<Plan> {
        (self.compile_file)(path.as_ref(), options)
    }

    /// The network with the weights of a file, but for the tensors below the names `except`, which are random.
    ///
    /// # Errors
    /// As the network's own `load_except`.
    pub fn load_except(
        &self,
        path: impl AsRef<Path>,
        except: &[&str],
        init: Init,
        device: &Device,
    ) -> Result<Box<dyn Network>> {
        (self.load_except)(path.as_ref(), except, init, device)
    }

    /// The network with the weights that candle's `VarBuilder` gives.
    ///
    /// # Errors
    /// As the network's own `from_var_builder`: if a tensor is missing or has another shape.
    pub fn from_var_builder(&self, vars: VarBuilder<'_>) -> Result<Box<dyn Network>> {
        (self.from_var_builder)(vars)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The model of this name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> std::result::Result<&'static Model, UnknownModel> {
    MODELS.iter().find(|model| model.name == name).ok_or_else(|| UnknownModel {
        nearest: nearest(name, MODELS.iter().map(|model| model.name)).map(str::to_owned),
        name: name.to_owned(),
    })
}

/// There is no model of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel {
    /// What was asked for.
    pub name: String,
    /// What it may have been meant to be.
    pub nearest: Option<String>,
}

impl fmt::Display for UnknownModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no model `{}`", self.name)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; the nearest name is `{nearest}`")?;
        }
        let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
        write!(f, ". There are {}", names.join(", "))
    }
}

impl std::error::Error for UnknownModel {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_there_once() {
        for (index, model) in MODELS.iter().enumerate() {
            assert!(MODELS[..index].iter().all(|other| other.name != model.name), "{}", model.name);
            assert_eq!(find(model.name).unwrap().name, model.name);
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_and_all() {
        let error = find("mobilenetv2").unwrap_err();
        assert_eq!(error.nearest.as_deref(), Some("mobilenet_v2"));
        let said = error.to_string();
        assert!(
            said.starts_with(
                "there is no model `mobilenetv2`; the nearest name is `mobilenet_v2`. There are "
            )
        );
        assert!(MODELS.iter().all(|model| said.contains(model.name)), "{said}");
        assert_eq!(find("").unwrap_err().nearest, None);
    }
}
