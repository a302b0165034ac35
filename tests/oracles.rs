//! Parameters and multiply-accumulates of the papers' networks, through the macro.
//!
//! The numbers were counted by another interpreter over the papers' tables; those with a twin in torchvision are
//! its published counts.

use cnn_examples::models::alexnet::AlexNet;
use cnn_examples::models::convnext::ConvNextTiny;
use cnn_examples::models::dcgan::DcganGenerator;
use cnn_examples::models::densenet::DenseNet121;
use cnn_examples::models::googlenet::GoogLeNet;
use cnn_examples::models::lenet::LeNet5;
use cnn_examples::models::mobilenet_v2::MobileNetV2;
use cnn_examples::models::resnet::{ResNet18, ResNet50};
use cnn_examples::models::squeezenet::SqueezeNet;
use cnn_examples::models::unet::UNet;
use cnn_examples::models::vgg::Vgg16;

/// Network, parameters, MACs.
const ORACLES: [(&str, usize, usize, usize, usize); 12] = [
    ("LeNet-5", LeNet5::PARAMS, 61_706, LeNet5::MACS, 416_520),
    ("AlexNet", AlexNet::PARAMS, 60_965_224, AlexNet::MACS, 724_406_816),
    ("VGG-16", Vgg16::<1000>::PARAMS, 138_357_544, Vgg16::<1000>::MACS, 15_470_264_320),
    ("GoogLeNet", GoogLeNet::PARAMS, 6_998_552, GoogLeNet::MACS, 1_582_671_872),
    ("ResNet-18", ResNet18::<1000>::PARAMS, 11_689_512, ResNet18::<1000>::MACS, 1_814_073_344),
    ("ResNet-50", ResNet50::<1000>::PARAMS, 25_557_032, ResNet50::<1000>::MACS, 4_089_184_256),
    ("DenseNet-121", DenseNet121::PARAMS, 7_978_856, DenseNet121::MACS, 2_834_161_664),
    ("MobileNetV2", MobileNetV2::PARAMS, 3_504_872, MobileNetV2::MACS, 300_774_272),
    ("U-Net", UNet::PARAMS, 31_030_658, UNet::MACS, 48_096_083_968),
    ("DCGAN generator", DcganGenerator::PARAMS, 3_576_704, DcganGenerator::MACS, 104_628_224),
    ("SqueezeNet 1.0", SqueezeNet::PARAMS, 1_248_424, SqueezeNet::MACS, 818_924_576),
    ("ConvNeXt-T", ConvNextTiny::PARAMS, 28_589_128, ConvNextTiny::MACS, 4_455_531_264),
];

#[test]
fn parameters_and_macs_are_the_published_ones() {
    for (network, parameters, published_parameters, macs, published_macs) in ORACLES {
        assert_eq!(parameters, published_parameters, "parameters of {network}");
        assert_eq!(macs, published_macs, "MACs of {network}");
    }
}

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
