//! MobileNetV3 (Howard et al., "Searching for MobileNetV3", 2019), with torchvision's names.
//!
//! The batch norms have TensorFlow's numbers, as there.

use cnn_runtime::prelude::*;

network! {
    block Conv(k, c, act) { conv(kernel=k)-c/stride bn(eps=0.001, momentum=0.01) act }
    block Depthwise(k, act) { dw(kernel=k)/stride bn(eps=0.001, momentum=0.01) act }
    block Project(c) { conv1-c bn(eps=0.001, momentum=0.01) }
    // A quarter of the channels, rounded up to a multiple of 8.
    block SqueezeExcite() {
        mul { id | gap -> fc1: conv1-(8*((cin/4 + 7)/8)) relu -> fc2: conv1-cin hardsigmoid }
    }

    // The columns of the paper's tables: kernel, exp size, #out, NL; those with SE are `BneckSe`.
    block Bneck(k, exp, c, act) {
        residual { block: (Conv(1, exp, act) -> Depthwise(k, act, stride=stride) -> Project(c)) } else none
    }
    block BneckSe(k, exp, c, act) {
        residual {
            block: (Conv(1, exp, act) -> Depthwise(k, act, stride=stride) -> SqueezeExcite() -> Project(c))
        }
        else none
    }

    /// MobileNetV3-Small, the paper's table 2.
    pub MobileNetV3Small<CLASSES = 1000>: 3x224x224 -> CLASSES {
        // Its exp size is what arrives: nothing to expand.
        block First(c) { block: (Depthwise(3, relu, stride=stride) -> SqueezeExcite() -> Project(c)) }
        features: (
            Conv(3, 16, hardswish)/2            @stride2     => 16x112x112
         -> First(16)/2                         @stride4     => 16x56x56
         -> Bneck(3, 72, 24, relu)/2
         -> Bneck(3, 88, 24, relu)              @stride8     => 24x28x28
         -> BneckSe(5, 96, 40, hardswish)/2
         -> BneckSe(5, 240, 40, hardswish) x2
         -> BneckSe(5, 120, 48, hardswish)
         -> BneckSe(5, 144, 48, hardswish)      @stride16    => 48x14x14
         -> BneckSe(5, 288, 96, hardswish)/2
         -> BneckSe(5, 576, 96, hardswish) x2   @stride32    => 96x7x7
         -> Conv(1, 576, hardswish)
        )
     -> gap -> classifier: (fc1024 hardswish dropout(0.2) -> fc-CLASSES)
    }

    /// MobileNetV3-Large, the paper's table 1.
    pub MobileNetV3Large<CLASSES = 1000>: 3x224x224 -> CLASSES {
        // Its exp size is what arrives: nothing to expand.
        block First() { residual { block: (Depthwise(3, relu) -> Project(cin)) } }
        features: (
            Conv(3, 16, hardswish)/2
         -> First()                             @stride2     => 16x112x112
         -> Bneck(3, 64, 24, relu)/2
         -> Bneck(3, 72, 24, relu)              @stride4     => 24x56x56
         -> BneckSe(5, 72, 40, relu)/2
         -> BneckSe(5, 120, 40, relu) x2        @stride8     => 40x28x28
         -> Bneck(3, 240, 80, hardswish)/2
         -> Bneck(3, 200, 80, hardswish)
         -> Bneck(3, 184, 80, hardswish) x2
         -> BneckSe(3, 480, 112, hardswish)
         -> BneckSe(3, 672, 112, hardswish)     @stride16    => 112x14x14
         -> BneckSe(5, 672, 160, hardswish)/2
         -> BneckSe(5, 960, 160, hardswish) x2  @stride32    => 160x7x7
         -> Conv(1, 960, hardswish)
        )
     -> gap -> classifier: (fc1280 hardswish dropout(0.2) -> fc-CLASSES)
    }
}
