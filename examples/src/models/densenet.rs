//! DenseNet (Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", 2016), with
//! torchvision's names.
//!
//! A column of the paper's table 1 each, DenseNet-BC with a growth rate of 32.

use cnn_runtime::prelude::*;

network! {
    // Adds 32 channels to those that arrive.
    block Layer() {
        dense { norm1: bn relu conv1: conv1-128(bias=false) -> norm2: bn relu conv2: conv3-32(bias=false) }
    }

    block Transition() { norm: bn relu conv: conv1-(cin/2)(bias=false) -> pool: avgpool2 }

    /// DenseNet-121.
    pub DenseNet121<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            conv0: conv7-64/2 norm0: bn relu0: relu @stride2 -> pool0: pool3/2(pad=1)
         -> denseblock1: (denselayer[1..]: Layer() x6)  @stride4  -> transition1: Transition()      => 128x28x28
         -> denseblock2: (denselayer[1..]: Layer() x12) @stride8  -> transition2: Transition()      => 256x14x14
         -> denseblock3: (denselayer[1..]: Layer() x24) @stride16 -> transition3: Transition()      => 512x7x7
         -> denseblock4: (denselayer[1..]: Layer() x16) -> norm5: bn                                => 1024x7x7
        )
     -> relu -> gap -> classifier: fc-CLASSES
    }

    /// DenseNet-169.
    pub DenseNet169<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            conv0: conv7-64/2 norm0: bn relu0: relu @stride2 -> pool0: pool3/2(pad=1)
         -> denseblock1: (denselayer[1..]: Layer() x6)  @stride4  -> transition1: Transition()      => 128x28x28
         -> denseblock2: (denselayer[1..]: Layer() x12) @stride8  -> transition2: Transition()      => 256x14x14
         -> denseblock3: (denselayer[1..]: Layer() x32) @stride16 -> transition3: Transition()      => 640x7x7
         -> denseblock4: (denselayer[1..]: Layer() x32) -> norm5: bn                                => 1664x7x7
        )
     -> relu -> gap -> classifier: fc-CLASSES
    }
}
