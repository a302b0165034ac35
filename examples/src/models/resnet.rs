//! ResNet (He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015).

use cnn_runtime::prelude::*;

network! {
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
}
