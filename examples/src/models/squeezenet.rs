//! SqueezeNet (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016).

use cnn_runtime::prelude::*;

network! {
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
}
