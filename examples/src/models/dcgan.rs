//! DCGAN (Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative
//! adversarial networks", 2015), with the names and widths of PyTorch's example.
//!
//! The paper's generator begins with 1,024 channels, PyTorch's example with 512. No layer has a bias.

use cnn_runtime::prelude::*;

network! {
    /// Noise to a picture, values from -1 to 1.
    pub DcganGenerator: 100x1x1 -> 3x64x64 {
        main: (
            deconv4-512 bn relu @stride16               => 512x4x4
         -> deconv4-256/2(pad=1) bn relu @stride8       => 256x8x8
         -> deconv4-128/2(pad=1) bn relu @stride4       => 128x16x16
         -> deconv4-64/2(pad=1) bn relu @stride2        => 64x32x32
         -> deconv4-3/2(pad=1, bias=false) tanh
        )
    }

    /// A picture to how likely it is not the generator's work, from 0 to 1.
    pub DcganDiscriminator: 3x64x64 -> 1 {
        main: (
            conv4-64/2(pad=1, bias=false) leaky(0.2) @stride2   => 64x32x32
         -> conv4-128/2(pad=1) bn leaky(0.2) @stride4           => 128x16x16
         -> conv4-256/2(pad=1) bn leaky(0.2) @stride8           => 256x8x8
         -> conv4-512/2(pad=1) bn leaky(0.2) @stride16          => 512x4x4
         -> conv4-1(valid, bias=false) sigmoid
        )
    }
}
