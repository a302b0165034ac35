//! GoogLeNet (Szegedy et al., "Going deeper with convolutions", 2014).

use cnn_runtime::prelude::*;

network! {
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
}
