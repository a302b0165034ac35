//! VGG (Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014), with
//! torchvision's names.
//!
//! A column of the paper's table 1 each, and each a second time with batch norm, as torchvision has it. torchvision's
//! adaptive pooling to 7x7 is left out: that is the size that arrives.

use cnn_runtime::prelude::*;

network! {
    /// VGG-11, configuration A.
    pub Vgg11<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            conv3-64 relu @stride1 -> pool2              => 64x112x112
         -> conv3-128 relu @stride2 -> pool2             => 128x56x56
         -> (conv3-256 relu) x2 @stride4 -> pool2        => 256x28x28
         -> (conv3-512 relu) x2 @stride8 -> pool2        => 512x14x14
         -> (conv3-512 relu) x2 @stride16 -> pool2       => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }

    /// VGG-13, configuration B.
    pub Vgg13<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            (conv3-64 relu) x2 @stride1 -> pool2         => 64x112x112
         -> (conv3-128 relu) x2 @stride2 -> pool2        => 128x56x56
         -> (conv3-256 relu) x2 @stride4 -> pool2        => 256x28x28
         -> (conv3-512 relu) x2 @stride8 -> pool2        => 512x14x14
         -> (conv3-512 relu) x2 @stride16 -> pool2       => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }

    /// VGG-16, configuration D.
    pub Vgg16<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            (conv3-64 relu) x2 @stride1 -> pool2         => 64x112x112
         -> (conv3-128 relu) x2 @stride2 -> pool2        => 128x56x56
         -> (conv3-256 relu) x3 @stride4 -> pool2        => 256x28x28
         -> (conv3-512 relu) x3 @stride8 -> pool2        => 512x14x14
         -> (conv3-512 relu) x3 @stride16 -> pool2       => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }

    /// VGG-19, configuration E.
    pub Vgg19<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            (conv3-64 relu) x2 @stride1 -> pool2         => 64x112x112
         -> (conv3-128 relu) x2 @stride2 -> pool2        => 128x56x56
         -> (conv3-256 relu) x4 @stride4 -> pool2        => 256x28x28
         -> (conv3-512 relu) x4 @stride8 -> pool2        => 512x14x14
         -> (conv3-512 relu) x4 @stride16 -> pool2       => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }

    /// VGG-11, configuration A, with batch norm; the convolutions keep their biases.
    #[allow(network::bias_before_norm)]
    pub Vgg11Bn<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            conv3-64(bias=true) bn relu @stride1 -> pool2            => 64x112x112
         -> conv3-128(bias=true) bn relu @stride2 -> pool2           => 128x56x56
         -> (conv3-256(bias=true) bn relu) x2 @stride4 -> pool2      => 256x28x28
         -> (conv3-512(bias=true) bn relu) x2 @stride8 -> pool2      => 512x14x14
         -> (conv3-512(bias=true) bn relu) x2 @stride16 -> pool2     => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }

    /// VGG-13, configuration B, with batch norm; the convolutions keep their biases.
    #[allow(network::bias_before_norm)]
    pub Vgg13Bn<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            (conv3-64(bias=true) bn relu) x2 @stride1 -> pool2       => 64x112x112
         -> (conv3-128(bias=true) bn relu) x2 @stride2 -> pool2      => 128x56x56
         -> (conv3-256(bias=true) bn relu) x2 @stride4 -> pool2      => 256x28x28
         -> (conv3-512(bias=true) bn relu) x2 @stride8 -> pool2      => 512x14x14
         -> (conv3-512(bias=true) bn relu) x2 @stride16 -> pool2     => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }

    /// VGG-16, configuration D, with batch norm; the convolutions keep their biases.
    #[allow(network::bias_before_norm)]
    pub Vgg16Bn<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            (conv3-64(bias=true) bn relu) x2 @stride1 -> pool2       => 64x112x112
         -> (conv3-128(bias=true) bn relu) x2 @stride2 -> pool2      => 128x56x56
         -> (conv3-256(bias=true) bn relu) x3 @stride4 -> pool2      => 256x28x28
         -> (conv3-512(bias=true) bn relu) x3 @stride8 -> pool2      => 512x14x14
         -> (conv3-512(bias=true) bn relu) x3 @stride16 -> pool2     => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }

    /// VGG-19, configuration E, with batch norm; the convolutions keep their biases.
    #[allow(network::bias_before_norm)]
    pub Vgg19Bn<CLASSES = 1000>: 3x224x224 -> CLASSES {
        features: (
            (conv3-64(bias=true) bn relu) x2 @stride1 -> pool2       => 64x112x112
         -> (conv3-128(bias=true) bn relu) x2 @stride2 -> pool2      => 128x56x56
         -> (conv3-256(bias=true) bn relu) x4 @stride4 -> pool2      => 256x28x28
         -> (conv3-512(bias=true) bn relu) x4 @stride8 -> pool2      => 512x14x14
         -> (conv3-512(bias=true) bn relu) x4 @stride16 -> pool2     => 512x7x7
        )
     -> classifier: ((fc4096 relu dropout(0.5)) x2 -> fc-CLASSES)
    }
}
