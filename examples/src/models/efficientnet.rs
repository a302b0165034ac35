//! EfficientNet (Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019), with
//! torchvision's names.

use cnn_runtime::prelude::*;

network! {
    /// EfficientNet-B0, the paper's table 1.
    pub EfficientNetB0<CLASSES = 1000>: 3x224x224 -> CLASSES {
        block Conv(k, c) { conv(kernel=k)-c/stride bn silu }
        block Depthwise(k) { dw(kernel=k)/stride bn silu }
        block Project(c) { conv1-c bn }
        block SqueezeExcite(r) { mul { id | gap -> fc1: conv1-r silu -> fc2: conv1-cin sigmoid } }
        block Inner(k, t, c) {
            Conv(1, t*cin) -> Depthwise(k, stride=stride) -> SqueezeExcite(cin/4) -> Project(c)
        }

        // The first of a stage changes the shape, the others add to what arrives. `i` blocks of 16 come before: the
        // deeper, the more often a block is dropped, up to 0.2.
        block MBConv1(c) { block: (Depthwise(3) -> SqueezeExcite(cin/4) -> Project(c)) }
        block MBConv6(k, c) { block: Inner(k, 6, c, stride=stride) }
        block Further(k, i) { residual { block: Inner(k, 6, cin) droppath(0.2*i/16) } }

        block First(c) { MBConv1(c) }
        block One(k, c) { MBConv6(k, c, stride=stride) }
        block Two(k, c, i) { MBConv6(k, c, stride=stride) -> Further(k, i + 1) }
        block Three(k, c, i) { MBConv6(k, c, stride=stride) -> Further(k, i + 1) -> Further(k, i + 2) }
        block Four(k, c, i) {
            MBConv6(k, c, stride=stride) -> Further(k, i + 1) -> Further(k, i + 2) -> Further(k, i + 3)
        }

        features: (
            Conv(3, 32)/2
         -> First(16)             @stride2     => 16x112x112
         -> Two(3, 24, i=1)/2     @stride4     => 24x56x56
         -> Two(5, 40, i=3)/2     @stride8     => 40x28x28
         -> Three(3, 80, i=5)/2
         -> Three(5, 112, i=8)    @stride16    => 112x14x14
         -> Four(5, 192, i=11)/2
         -> One(3, 320)           @stride32    => 320x7x7
         -> Conv(1, 1280)
        )
     -> gap -> classifier: (dropout(0.2) -> fc-CLASSES)
    }
}
