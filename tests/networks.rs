//! Networks from declaration to output: names, shapes, training, saving.

use cnn_examples::models::convnext::ConvNextTiny;
use cnn_examples::models::dcgan::DcganGenerator;
use cnn_examples::models::densenet::DenseNet121;
use cnn_examples::models::googlenet::GoogLeNet;
use cnn_examples::models::lenet::LeNet5;
use cnn_examples::models::mobilenet_v2::MobileNetV2;
use cnn_examples::models::resnet::ResNet18;
use cnn_examples::models::squeezenet::SqueezeNet1_0;
use cnn_runtime::prelude::*;

fn image(channels: usize, size: usize) -> Tensor {
    let values: Vec<f32> =
        (0..channels * size * size).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 500.0).collect();
    Tensor::from_vec(values, (1, channels, size, size), &Device::Cpu).unwrap()
}

#[test]
fn lenet_runs_and_its_names_are_pytorchs() {
    let net = LeNet5::init(Init::seed(1), &Device::Cpu).unwrap();
    let logits = net.forward(image(1, 32)).unwrap();
    assert_eq!(logits.dims(), [1, 10]);
    let names: Vec<&str> = net.state().named().map(|(name, _, _)| name).collect();
    assert_eq!(
        names,
        [
            "0.weight",
            "0.bias",
            "3.weight",
            "3.bias",
            "6.weight",
            "6.bias",
            "8.weight",
            "8.bias",
            "10.weight",
            "10.bias"
        ]
    );
}

#[test]
fn the_parameters_that_are_made_are_those_that_were_counted() {
    fn made(state: &State) -> usize {
        state.trainable().iter().map(|var| var.elem_count()).sum()
    }
    let (init, cpu) = (Init::seed(1), Device::Cpu);
    assert_eq!(made(LeNet5::init(init, &cpu).unwrap().state()), LeNet5::PARAMS);
    assert_eq!(made(ResNet18::<10>::init(init, &cpu).unwrap().state()), ResNet18::<10>::PARAMS);
    assert_eq!(made(DenseNet121::<10>::init(init, &cpu).unwrap().state()), DenseNet121::<10>::PARAMS);
    assert_eq!(made(MobileNetV2::<10>::init(init, &cpu).unwrap().state()), MobileNetV2::<10>::PARAMS);
    assert_eq!(made(GoogLeNet::<10>::init(init, &cpu).unwrap().state()), GoogLeNet::<10>::PARAMS);
    assert_eq!(made(SqueezeNet1_0::<10>::init(init, &cpu).unwrap().state()), SqueezeNet1_0::<10>::PARAMS);
    assert_eq!(made(DcganGenerator::init(init, &cpu).unwrap().state()), DcganGenerator::PARAMS);
    assert_eq!(made(ConvNextTiny::<10>::init(init, &cpu).unwrap().state()), ConvNextTiny::<10>::PARAMS);
}

#[test]
fn resnet18_runs_traces_and_has_torchvisions_names() {
    let net = ResNet18::<10>::init(Init::seed(1), &Device::Cpu).unwrap();
    let seen = net.trace(image(3, 224)).unwrap();
    assert_eq!(seen.layer1.dims(), [1, 64, 56, 56]);
    assert_eq!(seen.layer4.dims(), [1, 512, 7, 7]);
    assert_eq!(seen.output.dims(), [1, 10]);
    let state = net.state();
    assert!(state.get("layer2.0.downsample.1.running_var").is_some());
    assert!(state.get("layer1.0.downsample.0.weight").is_none());
    assert_eq!(state.named().count(), 122 - 20);
}

network! {
    /// A head on a backbone that another crate declares: two of its stages.
    Segmenter<CLASSES = 5>: 3x224x224 -> [CLASSES, 56, 56] {
        body: cnn_examples::models::resnet::ResNet18::<10> => (layer4: 512x7x7, layer1: 64x56x56);
        @body.layer4 -> deep: conv1-64 -> up8 -> @coarse;
        add(@body.layer1, @coarse) -> head: conv1-CLASSES
    }

    /// What a stage is fed to.
    Head: 512x7x7 -> 3 { gap -> fc3 }
}

#[test]
fn a_backbone_of_another_crate_gives_its_features() {
    let net = Segmenter::<5>::init(Init::seed(1), &Device::Cpu).unwrap();
    let x = image(3, 224);
    let found = net.forward(&x).unwrap();
    assert_eq!(found.dims(), [1, 5, 56, 56]);
    assert_eq!(Segmenter::<5>::PARAMS, ResNet18::<10>::PARAMS + (512 * 64 + 64) + (64 * 5 + 5));
    assert!(net.state().get("body.layer4.1.bn2.running_var").is_some());

    // The backbone's features as a struct, typed; what the segmenter makes of them by candle's own convolution.
    let seen = net.body.trace(&x).unwrap();
    let layer4: &Batch<Chw<512, 7, 7>> = &seen.layer4;
    let layer1: &Batch<Chw<64, 56, 56>> = &seen.layer1;
    let get = |name: &str| net.state().get(name).unwrap().as_tensor().clone();
    let conv = |x: &Tensor, name: &str| {
        let bias = get(&format!("{name}.bias")).reshape((1, (), 1, 1)).unwrap();
        x.conv2d(&get(&format!("{name}.weight")), 0, 1, 1, 1).unwrap().broadcast_add(&bias).unwrap()
    };
    let coarse = conv(layer4, "deep").upsample_nearest2d(56, 56).unwrap();
    let wanted = conv(&(coarse + layer1.as_ref()).unwrap(), "head");
    let difference = (wanted - found.as_ref()).unwrap().abs().unwrap().max_all().unwrap();
    assert!(difference.to_scalar::<f32>().unwrap() < 1e-4, "{difference}");

    // A stage is what it says: it goes where its shape is taken.
    let head = Head::init(Init::seed(1), &Device::Cpu).unwrap();
    assert_eq!(head.forward(layer4).unwrap().dims(), [1, 3]);
}
