//! ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022), with torchvision's names.

use cnn_runtime::prelude::*;

network! {
    /// ConvNeXt-T, the paper's table 9.
    ///
    /// torchvision changes the order of the dimensions around its norms and linear layers; `id` stands where it does,
    /// because that counts as a layer there.
    pub ConvNextTiny<CLASSES = 1000>: 3x224x224 -> CLASSES {
        // `i` of 18 blocks come before: the deeper, the more often a block is dropped, up to 0.1.
        block Block(c, i) {
            residual {
                block: (dw7 id ln(eps=1e-6) conv1-(4*c)(linear) gelu conv1-c(linear) id)
                layer_scale: scale(1e-6) droppath(0.1*i/17)
            }
        }
        block Stem(c) { conv4-c/4(valid) ln(eps=1e-6) }
        block Down(c) { ln(eps=1e-6) conv2-c/2(valid) }
        block Three(c, i) { Block(c, i) -> Block(c, i + 1) -> Block(c, i + 2) }
        block Nine(c, i) {
            Block(c, i)     -> Block(c, i + 1) -> Block(c, i + 2)
         -> Block(c, i + 3) -> Block(c, i + 4) -> Block(c, i + 5)
         -> Block(c, i + 6) -> Block(c, i + 7) -> Block(c, i + 8)
        }
        features: (
            Stem(96) -> Three(96, i=0)        @stride4     => 96x56x56
         -> Down(192) -> Three(192, i=3)      @stride8     => 192x28x28
         -> Down(384) -> Nine(384, i=6)       @stride16    => 384x14x14
         -> Down(768) -> Three(768, i=15)     @stride32    => 768x7x7
        )
     -> gap -> classifier: (ln(eps=1e-6) -> flatten -> fc-CLASSES)
    }
}
