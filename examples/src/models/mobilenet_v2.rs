//! MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: inverted residuals and linear bottlenecks",
//! 2018), with torchvision's names.

use cnn_runtime::prelude::*;

network! {
    /// MobileNetV2, the paper's table 2.
    pub MobileNetV2<CLASSES = 1000>: 3x224x224 -> CLASSES {
        block ConvBnRelu6(k, c) { conv(kernel=k)-c/stride bn relu6 }
        block Depthwise() { dw3/stride bn relu6 }
        block First(c) { conv: (Depthwise() -> conv1-c bn) }
        block Inverted(t, c) {
            residual { conv: (ConvBnRelu6(1, t*cin) -> Depthwise(stride=stride) -> conv1-c bn) } else none
        }
        features: (
            ConvBnRelu6(3, 32, stride=2)
         -> First(16)              @stride2     => 16x112x112
         -> Inverted(6, 24) x2/2   @stride4     => 24x56x56
         -> Inverted(6, 32) x3/2   @stride8     => 32x28x28
         -> Inverted(6, 64) x4/2
         -> Inverted(6, 96) x3     @stride16    => 96x14x14
         -> Inverted(6, 160) x3/2
         -> Inverted(6, 320)       @stride32    => 320x7x7
         -> ConvBnRelu6(1, 1280)
        )
     -> gap -> classifier: (dropout(0.2) -> fc-CLASSES)
    }
}
