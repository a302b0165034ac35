//! The networks of the lecture: Stanford's CS231n, "Convolutional neural networks: architectures, convolution / pooling
//! layers" (<https://cs231n.github.io/convolutional-networks/>).

use cnn_runtime::prelude::*;

network! {
    /// The lecture's first example, INPUT-CONV-RELU-POOL-FC on the pictures of CIFAR-10.
    ///
    /// Twelve filters, as there; that they are 3x3 is this declaration's choice.
    pub LectureNet<CLASSES = 10>: 3x32x32 -> CLASSES {
        conv: conv3-12 -> relu: relu    => 12x32x32
     -> pool: pool2                     => 12x16x16
     -> fc: fc-CLASSES
    }

    /// The lecture's "tiny VGG", whose activations it shows in columns: CONV-RELU-CONV-RELU-POOL three times, then FC.
    ///
    /// Every layer has a label, so that `trace` shows it. Ten filters of 3x3 in each convolution.
    pub TinyVgg<CLASSES = 10>: 3x32x32 -> CLASSES {
        conv1: conv3-10 -> relu1: relu -> conv2: conv3-10 -> relu2: relu -> pool1: pool2    => 10x16x16
     -> conv3: conv3-10 -> relu3: relu -> conv4: conv3-10 -> relu4: relu -> pool2: pool2    => 10x8x8
     -> conv5: conv3-10 -> relu5: relu -> conv6: conv3-10 -> relu6: relu -> pool3: pool2    => 10x4x4
     -> fc: fc-CLASSES
    }
}
