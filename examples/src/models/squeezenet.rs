//! SqueezeNet (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
//! 2016), with torchvision's names.

use cnn_runtime::prelude::*;

network! {
    block Fire(s, e1, e3) {
        squeeze: conv1-s relu
     -> concat { expand1x1: conv1-e1 relu | expand3x3: conv3-e3 relu }
    }

    /// SqueezeNet 1.0, the paper's table 1.
    #[allow(network::dropped_pixels)]
    pub SqueezeNet1_0<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            conv7-96/2(valid) relu @stride2 -> pool3/2(ceil)                              => 96x54x54
         -> Fire(16, 64, 64) x2 -> Fire(32, 128, 128) @stride4 -> pool3/2(ceil)           => 256x27x27
         -> Fire(32, 128, 128) -> Fire(48, 192, 192) x2 -> Fire(64, 256, 256) @stride8
         -> pool3/2(ceil) -> Fire(64, 256, 256)                                           => 512x13x13
        )
     -> classifier: (dropout(0.5) conv1-CLASSES relu -> gap)
    }

    /// SqueezeNet 1.1, the authors' later version: as good, with 2.4 times fewer operations.
    #[allow(network::dropped_pixels)]
    pub SqueezeNet1_1<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            conv3-64/2(valid) relu @stride2 -> pool3/2(ceil)                              => 64x55x55
         -> Fire(16, 64, 64) x2 @stride4 -> pool3/2(ceil)                                 => 128x27x27
         -> Fire(32, 128, 128) x2 @stride8 -> pool3/2(ceil)                               => 256x13x13
         -> Fire(48, 192, 192) x2 -> Fire(64, 256, 256) x2                                => 512x13x13
        )
     -> classifier: (dropout(0.5) conv1-CLASSES relu -> gap)
    }
}
