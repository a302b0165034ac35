//! GoogLeNet (Szegedy et al., "Going deeper with convolutions", 2014), as its paper has it and as torchvision has it.

use cnn_runtime::prelude::*;

network! {
    /// GoogLeNet as in the paper's table 1, without auxiliary heads.
    pub GoogLeNet<CLASSES = 1000>: 3x224x224 -> CLASSES {
        block Inception(c1, r3, c3, r5, c5, p) {
            concat {
                conv1-c1 relu
              | conv1-r3 relu -> conv3-c3 relu
              | conv1-r5 relu -> conv5-c5 relu
              | pool3/1(half) -> conv1-p relu
            }
        }
        conv7-64/2 relu @stride2 -> pool3/2(ceil) -> lrn5
     -> conv1-64 relu -> conv3-192 relu -> lrn5 @stride4 -> pool3/2(ceil)    => 192x28x28
     -> Inception(64, 96, 128, 16, 32, 32)
     -> Inception(128, 128, 192, 32, 96, 64) @stride8 -> pool3/2(ceil)       => 480x14x14
     -> Inception(192, 96, 208, 16, 48, 64)
     -> Inception(160, 112, 224, 24, 64, 64)
     -> Inception(128, 128, 256, 24, 64, 64)
     -> Inception(112, 144, 288, 32, 64, 64)
     -> Inception(256, 160, 320, 32, 128, 128) @stride16 -> pool3/2(ceil)    => 832x7x7
     -> Inception(256, 160, 320, 32, 128, 128)
     -> Inception(384, 192, 384, 48, 128, 128) @stride32
     -> gap dropout(0.4) -> fc-CLASSES
    }
}

network! {
    // A convolution with batch norm.
    block Conv(k, c) { conv: conv(kernel=k)-c/stride bn: bn(eps=0.001) relu }

    // The columns of the paper's table: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
    block Inception(c1, r3, c3, r5, c5, p) {
        concat {
            branch1: Conv(1, c1)
          | branch2: (Conv(1, r3) -> Conv(3, c3))
          | branch3: (Conv(1, r5) -> Conv(3, c5))
          | branch4: (pool3/1(half) -> Conv(1, p))
        }
    }

    // One of the paper's auxiliary classifiers, which train the lower half.
    block Auxiliary(classes) {
        avgpool(4x4) -> conv: Conv(1, 128) -> fc1: fc1024 relu dropout(0.7) -> fc2: fc-classes
    }

    /// torchvision's `googlenet`: batch norm instead of local response normalization, 3x3 where the paper has 5x5, and
    /// 2x2 in the last max pooling. For training there is [`TorchGoogLeNetAux`].
    ///
    /// torchvision's pretrained weights expect `transform_input=True`: other means and deviations of the picture.
    pub TorchGoogLeNet<CLASSES = 1000>: 3x224x224 -> CLASSES {
        conv1: Conv(7, 64)/2 -> maxpool1: pool3/2(ceil)
     -> conv2: Conv(1, 64) -> conv3: Conv(3, 192) -> maxpool2: pool3/2(ceil)     => 192x28x28
     -> inception3a: Inception(64, 96, 128, 16, 32, 32)
     -> inception3b: Inception(128, 128, 192, 32, 96, 64)
     -> maxpool3: pool3/2(ceil)                                                  => 480x14x14
     -> inception4a: Inception(192, 96, 208, 16, 48, 64)
     -> inception4b: Inception(160, 112, 224, 24, 64, 64)
     -> inception4c: Inception(128, 128, 256, 24, 64, 64)
     -> inception4d: Inception(112, 144, 288, 32, 64, 64)
     -> inception4e: Inception(256, 160, 320, 32, 128, 128)
     -> maxpool4: pool2(ceil)                                                    => 832x7x7
     -> inception5a: Inception(256, 160, 320, 32, 128, 128)
     -> inception5b: Inception(384, 192, 384, 48, 128, 128)
     -> gap dropout(0.2) -> fc: fc-CLASSES
    }

    /// torchvision's `googlenet` with `aux_logits=True`: two auxiliary classifiers, whose losses the paper adds with a
    /// weight of 0.3.
    pub TorchGoogLeNetAux<CLASSES = 1000>: 3x224x224 -> (logits: CLASSES, logits1: CLASSES, logits2: CLASSES) {
        _: TorchGoogLeNet(CLASSES) @logits;
        @_.inception4a -> aux1: Auxiliary(CLASSES) @logits1;
        @_.inception4d -> aux2: Auxiliary(CLASSES) @logits2
    }
}
