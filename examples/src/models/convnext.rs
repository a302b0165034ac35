//! ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022).

use cnn_runtime::prelude::*;

network! {
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
