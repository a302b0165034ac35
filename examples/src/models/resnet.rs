//! ResNet (He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015), with torchvision's names.
//!
//! A column of the paper's table 1 each. torchvision strides in the 3x3 of a bottleneck, the paper in its first 1x1.

use cnn_runtime::prelude::*;

network! {
    // The paper's figure 5, left.
    block Basic(c) {
        residual { conv1: conv3-c/stride bn1: bn relu -> conv2: conv3-c bn2: bn }
        else downsample: (conv1-c/stride bn)
        relu
    }

    // The paper's figure 5, right.
    block Bottleneck(c) {
        residual {
            conv1: conv1-c bn1: bn relu
         -> conv2: conv3-c/stride bn2: bn relu
         -> conv3: conv1-(4*c) bn3: bn
        }
        else downsample: (conv1-(4*c)/stride bn)
        relu
    }

    /// ResNet-18.
    pub ResNet18<CLASSES = 1000>: 3x224x224 -> CLASSES {
        conv1: conv7-64/2 bn1: bn relu @stride2 -> pool3/2(pad=1)    => 64x56x56
     -> layer1: Basic(64) x2                                         => 64x56x56
     -> layer2: Basic(128) x2/2                                      => 128x28x28
     -> layer3: Basic(256) x2/2                                      => 256x14x14
     -> layer4: Basic(512) x2/2                                      => 512x7x7
     -> gap -> fc: fc-CLASSES
    }

    /// ResNet-34.
    pub ResNet34<CLASSES = 1000>: 3x224x224 -> CLASSES {
        conv1: conv7-64/2 bn1: bn relu @stride2 -> pool3/2(pad=1)    => 64x56x56
     -> layer1: Basic(64) x3                                         => 64x56x56
     -> layer2: Basic(128) x4/2                                      => 128x28x28
     -> layer3: Basic(256) x6/2                                      => 256x14x14
     -> layer4: Basic(512) x3/2                                      => 512x7x7
     -> gap -> fc: fc-CLASSES
    }

    /// ResNet-50.
    pub ResNet50<CLASSES = 1000>: 3x224x224 -> CLASSES {
        conv1: conv7-64/2 bn1: bn relu @stride2 -> pool3/2(pad=1)    => 64x56x56
     -> layer1: Bottleneck(64) x3                                    => 256x56x56
     -> layer2: Bottleneck(128) x4/2                                 => 512x28x28
     -> layer3: Bottleneck(256) x6/2                                 => 1024x14x14
     -> layer4: Bottleneck(512) x3/2                                 => 2048x7x7
     -> gap -> fc: fc-CLASSES
    }

    /// ResNet-101.
    pub ResNet101<CLASSES = 1000>: 3x224x224 -> CLASSES {
        conv1: conv7-64/2 bn1: bn relu @stride2 -> pool3/2(pad=1)    => 64x56x56
     -> layer1: Bottleneck(64) x3                                    => 256x56x56
     -> layer2: Bottleneck(128) x4/2                                 => 512x28x28
     -> layer3: Bottleneck(256) x23/2                                => 1024x14x14
     -> layer4: Bottleneck(512) x3/2                                 => 2048x7x7
     -> gap -> fc: fc-CLASSES
    }

    /// ResNet-152.
    pub ResNet152<CLASSES = 1000>: 3x224x224 -> CLASSES {
        conv1: conv7-64/2 bn1: bn relu @stride2 -> pool3/2(pad=1)    => 64x56x56
     -> layer1: Bottleneck(64) x3                                    => 256x56x56
     -> layer2: Bottleneck(128) x8/2                                 => 512x28x28
     -> layer3: Bottleneck(256) x36/2                                => 1024x14x14
     -> layer4: Bottleneck(512) x3/2                                 => 2048x7x7
     -> gap -> fc: fc-CLASSES
    }
}
