//! ShuffleNetV2 (Ma, Zhang, Zheng and Sun, "ShuffleNet V2: practical guidelines for efficient CNN architecture design",
//! 2018), with torchvision's names.

use cnn_runtime::prelude::*;

network! {
    /// ShuffleNetV2 1x, the paper's table 5.
    pub ShuffleNetV2<CLASSES = 1000>: 3x224x224 -> CLASSES {
        // The paper's figure 3, d and c.
        block Down(c) {
            concat {
                branch1: (dw3/2 bn -> conv1-(c/2) bn relu)
              | branch2: (conv1-(c/2) bn relu -> dw3/2 bn -> conv1-(c/2) bn relu)
            }
            channelshuffle2
        }
        block Unit() {
            split { | branch2: (conv1-(cin/2) bn relu -> dw3 bn -> conv1-(cin/2) bn relu) } channelshuffle2
        }
        conv1: (conv3-24/2 bn relu) -> maxpool: pool3/2(pad=1)    => 24x56x56
     -> stage2: (Down(116) -> Unit() x3)                          => 116x28x28
     -> stage3: (Down(232) -> Unit() x7)                          => 232x14x14
     -> stage4: (Down(464) -> Unit() x3)                          => 464x7x7
     -> conv5: (conv1-1024 bn relu)
     -> gap -> fc: fc-CLASSES
    }
}
