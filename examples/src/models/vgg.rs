//! VGG (Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014).

use cnn_runtime::prelude::*;

network! {
    /// VGG-16, configuration D (Simonyan & Zisserman, 2014).
    pub Vgg16<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            (conv3-64  relu) x2 -> pool2      => 64x112x112
         -> (conv3-128 relu) x2 -> pool2      => 128x56x56
         -> (conv3-256 relu) x3 -> pool2      => 256x28x28
         -> (conv3-512 relu) x3 -> pool2      => 512x14x14
         -> (conv3-512 relu) x3 -> pool2      => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }
}
