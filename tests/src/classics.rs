//! The networks of the papers, declared once for the tests.

use cnn_runtime::prelude::*;

network! {
    /// LeNet-5 (LeCun et al., 1998), with ReLU and max pooling.
    pub LeNet5: 1x32x32 -> 10 {
        conv5-6(valid) relu -> pool2
     -> conv5-16(valid) relu -> pool2       => 16x5x5
     -> fc120 relu -> fc84 relu -> fc10
    }

    /// AlexNet (Krizhevsky et al., 2012): two groups, local response normalization.
    pub AlexNet: 3x227x227 -> 1000 {
        conv11-96/4(valid) relu lrn5(k=2) -> pool3/2                => 96x27x27
     -> conv5-256(groups=2) relu lrn5(k=2) -> pool3/2               => 256x13x13
     -> conv3-384 relu -> conv3-384(groups=2) relu
     -> conv3-256(groups=2) relu -> pool3/2                         => 256x6x6
     -> (fc4096 relu dropout(0.5)) x2 -> fc1000
    }

    /// VGG-16, configuration D (Simonyan & Zisserman, 2014).
    pub Vgg16<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            (conv3-64  relu) x2 -> pool2      => 64x112x112
         -> (conv3-128 relu) x2 -> pool2      => 128x56x56
         -> (conv3-256 relu) x3 -> pool2      => 256x28x28
         -> (conv3-512 relu) x3 -> pool2      => 512x14x14
         -> (conv3-512 relu) x3 -> pool2      => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }

    /// GoogLeNet (Szegedy et al., 2014), without auxiliary heads.
    pub GoogLeNet: 3x224x224 -> 1000 {
        block Inception(c1, r3, c3, r5, c5, p) {
            concat {
                conv1-c1 relu
              | conv1-r3 relu -> conv3-c3 relu
              | conv1-r5 relu -> conv5-c5 relu
              | pool3/1(half) -> conv1-p relu
            }
        }
        conv7-64/2 relu -> pool3/2(ceil) -> lrn5
     -> conv1-64 relu -> conv3-192 relu -> lrn5 -> pool3/2(ceil)     => 192x28x28
     -> Inception(64, 96, 128, 16, 32, 32)
     -> Inception(128, 128, 192, 32, 96, 64) -> pool3/2(ceil)        => 480x14x14
     -> Inception(192, 96, 208, 16, 48, 64)
     -> Inception(160, 112, 224, 24, 64, 64)
     -> Inception(128, 128, 256, 24, 64, 64)
     -> Inception(112, 144, 288, 32, 64, 64)
     -> Inception(256, 160, 320, 32, 128, 128) -> pool3/2(ceil)      => 832x7x7
     -> Inception(256, 160, 320, 32, 128, 128)
     -> Inception(384, 192, 384, 48, 128, 128)
     -> gap dropout(0.4) -> fc1000
    }

    pub ResNet18<CLASSES = 1000>: 3x224x224 -> CLASSES {
        block Basic(c) {
            residual { conv1: conv3-c/stride bn1: bn relu -> conv2: conv3-c bn2: bn }
            else downsample: (conv1-c/stride bn)
            relu
        }
        conv1: conv7-64/2 bn1: bn relu -> pool3/2(pad=1)      => 64x56x56
     -> layer1: Basic(64)  x2
     -> layer2: Basic(128) x2/2
     -> layer3: Basic(256) x2/2
     -> layer4: Basic(512) x2/2                               => 512x7x7
     -> gap -> fc: fc-CLASSES
    }

    /// ResNet-50 (He et al., 2015), stride on the 3x3.
    pub ResNet50<CLASSES = 1000>: 3x224x224 -> CLASSES {
        block Bottleneck(c) {
            residual {
                conv1: conv1-c bn1: bn relu
             -> conv2: conv3-c/stride bn2: bn relu
             -> conv3: conv1-(4*c) bn3: bn
            }
            else downsample: (conv1-(4*c)/stride bn)
            relu
        }
        conv1: conv7-64/2 bn1: bn relu -> pool3/2(pad=1)
     -> layer1: Bottleneck(64)  x3
     -> layer2: Bottleneck(128) x4/2
     -> layer3: Bottleneck(256) x6/2
     -> layer4: Bottleneck(512) x3/2                          => 2048x7x7
     -> gap -> fc: fc-CLASSES
    }

    /// DenseNet-121 (Huang et al., 2016).
    pub DenseNet121: 3x224x224 -> 1000 {
        block Layer(k) {
            dense { norm1: bn relu conv1: conv1-(4*k)(bias=false) -> norm2: bn relu conv2: conv3-k(bias=false) }
        }
        block Transition() {
            norm: bn relu conv: conv1-(cin/2)(bias=false) -> pool: avgpool2
        }
        features: (
            conv0: conv7-64/2 norm0: bn relu0: relu -> pool0: pool3/2(pad=1)
         -> denseblock1: (denselayer[1..]: Layer(32) x6)  -> transition1: Transition()
         -> denseblock2: (denselayer[1..]: Layer(32) x12) -> transition2: Transition()
         -> denseblock3: (denselayer[1..]: Layer(32) x24) -> transition3: Transition()
         -> denseblock4: (denselayer[1..]: Layer(32) x16) -> norm5: bn     => 1024x7x7
        )
     -> relu -> gap -> classifier: fc1000
    }

    /// MobileNetV2 (Sandler et al., 2018), with torchvision's names.
    pub MobileNetV2: 3x224x224 -> 1000 {
        block ConvBnRelu6(k, c) { conv(kernel=k)-c/stride bn relu6 }
        block Depthwise() { dw3/stride bn relu6 }
        block First(c) { conv: (Depthwise() -> conv1-c bn) }
        block Inverted(t, c) {
            residual { conv: (ConvBnRelu6(1, t*cin) -> Depthwise(stride=stride) -> conv1-c bn) } else none
        }
        features: (
            ConvBnRelu6(3, 32, stride=2)
         -> First(16)                                          => 16x112x112
         -> Inverted(6, 24) x2/2
         -> Inverted(6, 32) x3/2
         -> Inverted(6, 64) x4/2
         -> Inverted(6, 96) x3
         -> Inverted(6, 160) x3/2
         -> Inverted(6, 320)                                   => 320x7x7
         -> ConvBnRelu6(1, 1280)
        )
     -> gap -> classifier: (dropout(0.2) -> fc1000)
    }

    /// U-Net (Ronneberger et al., 2015), half padding.
    pub UNet: 1x256x256 -> 2x256x256 {
        block Double(c) { (conv3-c relu) x2 }
        Double(64)   -> @e1 -> pool2
     -> Double(128)  -> @e2 -> pool2
     -> Double(256)  -> @e3 -> pool2
     -> Double(512)  -> @e4 -> pool2
     -> Double(1024)
     -> deconv2-512/2 -> @d4; concat(@e4, @d4) -> Double(512)
     -> deconv2-256/2 -> @d3; concat(@e3, @d3) -> Double(256)
     -> deconv2-128/2 -> @d2; concat(@e2, @d2) -> Double(128)
     -> deconv2-64/2  -> @d1; concat(@e1, @d1) -> Double(64)
     -> conv1-2
    }

    /// DCGAN's generator (Radford et al., 2015), without biases.
    pub DcganGenerator: 100x1x1 -> 3x64x64 {
        deconv4-512(bias=false) bn relu
     -> deconv4-256/2(pad=1) bn relu
     -> deconv4-128/2(pad=1) bn relu
     -> deconv4-64/2(pad=1) bn relu
     -> deconv4-3/2(pad=1, bias=false) tanh
    }

    /// SqueezeNet 1.0 (Iandola et al., 2016).
    #[allow(network::dropped_pixels)]
    pub SqueezeNet: 3x224x224 -> 1000 {
        block Fire(s, e1, e3) {
            squeeze: conv1-s relu
         -> concat { expand1x1: conv1-e1 relu | expand3x3: conv3-e3 relu }
        }
        conv7-96/2(valid) relu -> pool3/2(ceil)
     -> Fire(16, 64, 64) -> Fire(16, 64, 64) -> Fire(32, 128, 128) -> pool3/2(ceil)
     -> Fire(32, 128, 128) -> Fire(48, 192, 192) -> Fire(48, 192, 192) -> Fire(64, 256, 256) -> pool3/2(ceil)
     -> Fire(64, 256, 256)
     -> dropout(0.5) -> conv1-1000 relu -> gap
    }

    /// ConvNeXt-T (Liu et al., 2022).
    pub ConvNextTiny: 3x224x224 -> 1000 {
        block Block(c) {
            residual { dw7 ln conv1-(4*c) gelu conv1-c layer_scale: scale(1e-6) droppath(0.1) }
        }
        block Down(c) { ln conv2-c/2(valid) }
        conv4-96/4(valid) ln
     -> Block(96) x3  -> Down(192)
     -> Block(192) x3 -> Down(384)
     -> Block(384) x9 -> Down(768)
     -> Block(768) x3
     -> gap ln -> fc1000
    }
}
