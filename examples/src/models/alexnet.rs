//! AlexNet (Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012).

use cnn_runtime::prelude::*;

network! {
    /// AlexNet (Krizhevsky et al., 2012): two groups, local response normalization.
    pub AlexNet: 3x227x227 -> 1000 {
        conv11-96/4(valid) relu lrn5(k=2) -> pool3/2                => 96x27x27
     -> conv5-256(groups=2) relu lrn5(k=2) -> pool3/2               => 256x13x13
     -> conv3-384 relu -> conv3-384(groups=2) relu
     -> conv3-256(groups=2) relu -> pool3/2                         => 256x6x6
     -> (fc4096 relu dropout(0.5)) x2 -> fc1000
    }
}
