//! The networks that are trained, where `cnn_examples` has none of these sizes. Labels give the names of the weights' file,
//! which are torchvision's.

use cnn_runtime::prelude::*;

network! {
    /// Two stages of VGG for images of 32x32.
    pub SmallVgg: 3x32x32 -> 10 {
        conv1: conv3-64 relu -> conv2: conv3-64 relu -> pool2
     -> conv3: conv3-128 relu -> conv4: conv3-128 relu -> pool2
     -> fc1: fc256 relu -> fc2: fc10
    }

    block Basic(c) {
        residual { conv1: conv3-c/stride bn1: bn relu -> conv2: conv3-c bn2: bn }
        else downsample: (conv1-c/stride bn)
        relu
    }

    /// ResNet-18 for images of 64x64.
    pub ResNet18: 3x64x64 -> 1000 {
        conv1: conv7-64/2 bn1: bn relu -> pool3/2(pad=1)
     -> layer1: Basic(64) x2
     -> layer2: Basic(128) x2/2
     -> layer3: Basic(256) x2/2
     -> layer4: Basic(512) x2/2      => 512x2x2
     -> gap -> fc: fc1000
    }

    /// MobileNetV2 for images of 64x64. The dropout of its classifier drops nothing: masks would differ.
    pub MobileNetV2: 3x64x64 -> 1000 {
        block ConvBnRelu6(k, c) { conv(kernel=k)-c/stride bn relu6 }
        block Depthwise() { dw3/stride bn relu6 }
        block First(c) { conv: (Depthwise() -> conv1-c bn) }
        block Inverted(t, c) {
            residual { conv: (ConvBnRelu6(1, t*cin) -> Depthwise(stride=stride) -> conv1-c bn) } else none
        }
        features: (
            ConvBnRelu6(3, 32, stride=2)
         -> First(16)
         -> Inverted(6, 24) x2/2
         -> Inverted(6, 32) x3/2
         -> Inverted(6, 64) x4/2
         -> Inverted(6, 96) x3
         -> Inverted(6, 160) x3/2
         -> Inverted(6, 320)         => 320x2x2
         -> ConvBnRelu6(1, 1280)
        )
     -> gap -> classifier: (dropout(0) -> fc1000)
    }
}
