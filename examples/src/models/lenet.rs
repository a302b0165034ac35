//! LeNet-5 (LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998).

use cnn_runtime::prelude::*;

network! {
    /// LeNet-5, with ReLU and max pooling where the paper has tanh and a trained average.
    pub LeNet5: 1x32x32 -> 10 {
        conv5-6(valid) relu -> pool2
     -> conv5-16(valid) relu -> pool2       => 16x5x5
     -> fc120 relu -> fc84 relu -> fc10
    }

    /// LeNet-5 for MNIST, in the lecture's pattern INPUT-CONV-RELU-POOL-FC.
    ///
    /// The first convolution pads the pictures of 28x28 pixels to the paper's 32x32.
    pub LeNet5Mnist: 1x28x28 -> 10 {
        conv1: conv5-6(pad=2) relu -> pool2        => 6x14x14
     -> conv2: conv5-16(valid) relu -> pool2       => 16x5x5
     -> fc1: fc120 relu -> fc2: fc84 relu -> fc3: fc10
    }
}

const _: () = assert!(LeNet5Mnist::PARAMS == LeNet5::PARAMS);
