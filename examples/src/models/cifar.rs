//! Small networks for the pictures of CIFAR-10.

use cnn_runtime::prelude::*;

network! {
    /// A small VGG with batch norms (Simonyan and Zisserman, 2015): three stages of two 3x3 convolutions.
    pub TinyVgg: 3x32x32 -> 10 {
        (conv3-32 bn relu) x2 -> pool2                          => 32x16x16
     -> (conv3-64 bn relu) x2 -> pool2                          => 64x8x8
     -> (conv3-128 bn relu) x2 -> pool2                         => 128x4x4
     -> fc256 relu -> dropout(0.5) -> fc10
    }

    // The paper's figure 2, with batch norms.
    block Basic(c) {
        residual { conv3-c/stride bn relu -> conv3-c bn } else (conv1-c/stride bn)
        relu
    }

    /// The ResNet of 14 layers for CIFAR-10 (He, Zhang, Ren and Sun, 2015, section 4.2, n = 2), with projections where
    /// shapes differ.
    pub ResNet14: 3x32x32 -> 10 {
        conv3-16 bn relu                                        => 16x32x32
     -> Basic(16) x2                                            => 16x32x32
     -> Basic(32) x2/2                                          => 32x16x16
     -> Basic(64) x2/2                                          => 64x8x8
     -> gap -> fc10
    }
}
