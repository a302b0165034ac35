//! AlexNet, as its paper has it and as torchvision has it.

use cnn_runtime::prelude::*;

network! {
    /// AlexNet (Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks",
    /// 2012): two groups, local response normalization.
    ///
    /// The paper states an input of 224x224; its 55x55 positions of the first convolution need 227x227.
    pub AlexNet<CLASSES = 1000>: 3x227x227 -> CLASSES {
        conv11-96/4(valid) relu lrn5(k=2) @stride4 -> pool3/2           => 96x27x27
     -> conv5-256(groups=2) relu lrn5(k=2) @stride8 -> pool3/2          => 256x13x13
     -> conv3-384 relu -> conv3-384(groups=2) relu
     -> conv3-256(groups=2) relu @stride16 -> pool3/2                   => 256x6x6
     -> (fc4096 relu dropout(0.5)) x2 -> fc-CLASSES
    }

    /// torchvision's `alexnet`: the second version (Krizhevsky, "One weird trick for parallelizing convolutional neural
    /// networks", 2014), without groups and normalization.
    ///
    /// torchvision's adaptive pooling to 6x6 is left out: that is the size that arrives.
    pub TorchAlexNet<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            conv11-64/4(pad=2) relu @stride4 -> pool3/2                 => 64x27x27
         -> conv5-192 relu @stride8 -> pool3/2                          => 192x13x13
         -> conv3-384 relu -> conv3-256 relu -> conv3-256 relu @stride16
         -> pool3/2                                                     => 256x6x6
        )
     -> classifier: ((dropout(0.5) fc4096 relu) x2 -> fc-CLASSES)
    }
}
