//! DCGAN (Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative adversarial networks", 2015).

use cnn_runtime::prelude::*;

network! {
    /// DCGAN's generator (Radford et al., 2015), without biases.
    pub DcganGenerator: 100x1x1 -> 3x64x64 {
        deconv4-512(bias=false) bn relu
     -> deconv4-256/2(pad=1) bn relu
     -> deconv4-128/2(pad=1) bn relu
     -> deconv4-64/2(pad=1) bn relu
     -> deconv4-3/2(pad=1, bias=false) tanh
    }
}
