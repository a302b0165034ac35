//! Parameters and multiply-accumulates of the papers' networks, through the macro.
//!
//! The numbers were counted by another interpreter over the papers' tables; those with a twin in torchvision are
//! its published counts.

use cnn_examples::models::alexnet::{AlexNet, TorchAlexNet};
use cnn_examples::models::convnext::ConvNextTiny;
use cnn_examples::models::dcgan::DcganGenerator;
use cnn_examples::models::densenet::{DenseNet121, DenseNet169};
use cnn_examples::models::efficientnet::EfficientNetB0;
use cnn_examples::models::googlenet::{GoogLeNet, TorchGoogLeNet, TorchGoogLeNetAux};
use cnn_examples::models::lenet::LeNet5;
use cnn_examples::models::mobilenet_v2::MobileNetV2;
use cnn_examples::models::mobilenet_v3::{MobileNetV3Large, MobileNetV3Small};
use cnn_examples::models::resnet::{ResNet18, ResNet34, ResNet50, ResNet101, ResNet152};
use cnn_examples::models::shufflenet_v2::ShuffleNetV2;
use cnn_examples::models::squeezenet::{SqueezeNet1_0, SqueezeNet1_1};
use cnn_examples::models::unet::UNet;
use cnn_examples::models::vgg::{Vgg11, Vgg11Bn, Vgg13, Vgg13Bn, Vgg16, Vgg16Bn, Vgg19, Vgg19Bn};

/// Network, parameters, MACs.
type Row = (&'static str, usize, usize, usize, usize);

/// What a network has, beside what was counted.
macro_rules! rows {
    ($($name:literal $network:ty, $parameters:literal, $macs:literal;)*) => {
        &[$(($name, <$network>::PARAMS, $parameters, <$network>::MACS, $macs),)*]
    };
}

const ORACLES: &[Row] = rows![
    "LeNet-5" LeNet5, 61_706, 416_520;
    "AlexNet" AlexNet, 60_965_224, 724_406_816;
    "VGG-16" Vgg16, 138_357_544, 15_470_264_320;
    "GoogLeNet" GoogLeNet, 6_998_552, 1_582_671_872;
    "ResNet-18" ResNet18, 11_689_512, 1_814_073_344;
    "ResNet-50" ResNet50, 25_557_032, 4_089_184_256;
    "DenseNet-121" DenseNet121, 7_978_856, 2_834_161_664;
    "MobileNetV2" MobileNetV2, 3_504_872, 300_774_272;
    "U-Net" UNet, 31_030_658, 48_096_083_968;
    "DCGAN generator" DcganGenerator, 3_576_704, 104_628_224;
    "SqueezeNet 1.0" SqueezeNet1_0, 1_248_424, 818_924_576;
    "ConvNeXt-T" ConvNextTiny, 28_589_128, 4_455_531_264;
];

#[test]
fn parameters_and_macs_are_the_published_ones() {
    for &(network, parameters, published_parameters, macs, published_macs) in ORACLES {
        assert_eq!(parameters, published_parameters, "parameters of {network}");
        assert_eq!(macs, published_macs, "MACs of {network}");
    }
}

/// torchvision 0.29.2's `num_params` of each model's weights, and its `_ops` in millions: it publishes thousands of
/// millions to three places.
const TORCHVISION: &[Row] = rows![
    "alexnet" TorchAlexNet, 61_100_840, 714;
    "vgg11" Vgg11, 132_863_336, 7_609;
    "vgg11_bn" Vgg11Bn, 132_868_840, 7_609;
    "vgg13" Vgg13, 133_047_848, 11_308;
    "vgg13_bn" Vgg13Bn, 133_053_736, 11_308;
    "vgg16" Vgg16, 138_357_544, 15_470;
    "vgg16_bn" Vgg16Bn, 138_365_992, 15_470;
    "vgg19" Vgg19, 143_667_240, 19_632;
    "vgg19_bn" Vgg19Bn, 143_678_248, 19_632;
    "googlenet" TorchGoogLeNet, 6_624_904, 1_498;
    "resnet18" ResNet18, 11_689_512, 1_814;
    "resnet34" ResNet34, 21_797_672, 3_664;
    "resnet50" ResNet50, 25_557_032, 4_089;
    "resnet101" ResNet101, 44_549_160, 7_801;
    "resnet152" ResNet152, 60_192_808, 11_514;
    "densenet121" DenseNet121, 7_978_856, 2_834;
    "densenet169" DenseNet169, 14_149_480, 3_360;
    "squeezenet1_0" SqueezeNet1_0, 1_248_424, 819;
    "squeezenet1_1" SqueezeNet1_1, 1_235_496, 349;
    "mobilenet_v2" MobileNetV2, 3_504_872, 301;
    "mobilenet_v3_small" MobileNetV3Small, 2_542_856, 57;
    "mobilenet_v3_large" MobileNetV3Large, 5_483_032, 217;
    "efficientnet_b0" EfficientNetB0, 5_288_548, 386;
    "shufflenet_v2_x1_0" ShuffleNetV2, 2_278_604, 145;
    "convnext_tiny" ConvNextTiny, 28_589_128, 4_456;
];

#[test]
fn parameters_and_macs_are_torchvisions() {
    for &(network, parameters, published_parameters, macs, published_macs) in TORCHVISION {
        assert_eq!(parameters, published_parameters, "parameters of {network}");
        assert_eq!((macs + 500_000) / 1_000_000, published_macs, "millions of MACs of {network}");
    }
}

/// The sum over the `state_dict` of torchvision's `googlenet` with `aux_logits=True`.
const _: () = assert!(TorchGoogLeNetAux::<1000>::PARAMS == 13_004_888);
/// The lecture's VGG-16 table sums to 15,237,608 values.
const _: () = assert!(Vgg16::<1000>::ACTIVATIONS == 15_237_608);
const _: () = assert!(ResNet18::<1000>::PARAMS < 12_000_000);

#[test]
fn the_consts_describe_the_network() {
    assert_eq!(LeNet5::INPUT, [1, 32, 32]);
    assert_eq!(LeNet5::OUTPUT, [10]);
    assert_eq!(ResNet18::<10>::OUTPUT, [10]);
    assert_eq!(LeNet5::LAYERS.len(), 11);
    let sum: usize = ResNet50::<1000>::LAYERS.iter().map(|layer| layer.params).sum();
    assert_eq!(sum, ResNet50::<1000>::PARAMS);
    let conv1 = ResNet18::<1000>::LAYERS[0];
    assert_eq!((conv1.path, conv1.layer, conv1.output), ("conv1", "conv7-64/2", &[64, 112, 112][..]));
    assert_eq!(conv1.receptive_field, Some([7, 7]));
    // The last 3x3 of ResNet-18 sees 435 pixels (Araujo et al., 2019, table of ResNet-v1 networks: 435 for 18).
    let last = ResNet18::<1000>::LAYERS.iter().rev().find(|layer| layer.layer.starts_with("conv3")).unwrap();
    assert_eq!(last.receptive_field, Some([435, 435]));
}
