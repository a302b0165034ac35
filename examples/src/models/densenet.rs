//! DenseNet (Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", 2016).

use cnn_runtime::prelude::*;

network! {
    /// DenseNet-121 (Huang et al., 2016).
    pub DenseNet121: 3x224x224 -> 1000 {
        block Layer(k) {
            dense { norm1: bn relu conv1: conv1-(4*k)(bias=false) -> norm2: bn relu conv2: conv3-k(bias=false) }
        }
        block Transition() {
            norm: bn relu conv: conv1-(cin/2)(bias=false) -> pool: avgpool2
        }
        features: (
            conv0: conv7-64/2 norm0: bn relu0: relu -> pool0: pool3/2(pad=1)
         -> denseblock1: (denselayer[1..]: Layer(32) x6)  -> transition1: Transition()
         -> denseblock2: (denselayer[1..]: Layer(32) x12) -> transition2: Transition()
         -> denseblock3: (denselayer[1..]: Layer(32) x24) -> transition3: Transition()
         -> denseblock4: (denselayer[1..]: Layer(32) x16) -> norm5: bn     => 1024x7x7
        )
     -> relu -> gap -> classifier: fc1000
    }
}
