// One wrong layer in a network of 50 layers is one error.
use cnn_runtime::prelude::*;

network! {
    pub ResNet50<CLASSES = 1000>: 3x224x224 -> CLASSES {
        block Bottleneck(c) {
            residual {
                conv1: conv1-c bn1: bn relu
             -> conv2: conv3-c/stride(valid) bn2: bn relu
             -> conv3: conv1-(4*c) bn3: bn
            }
            else downsample: (conv1-(4*c)/stride bn)
            relu
        }
        conv1: conv7-64/2 bn1: bn relu -> pool3/2(pad=1)
     -> layer1: Bottleneck(64)  x3
     -> layer2: Bottleneck(128) x4/2
     -> layer3: Bottleneck(256) x6/2
     -> layer4: Bottleneck(512) x3/2
     -> gap -> fc: fc-CLASSES
    }
}

fn main() {
    let net = ResNet50::<10>::init(Init::seed(1), &Device::Cpu).unwrap();
    let logits = net.forward(&Tensor::zeros((1, 3, 224, 224), DType::F32, &Device::Cpu).unwrap()).unwrap();
    println!("{:?}", logits.dims());
}
