use cnn_runtime::prelude::*;

network! {
    /// LeNet-5.
    pub LeNet5: 1x32x32 -> 10 {
        conv5-6 relu -> pool2
     -> conv5-16(valid) relu -> pool2       => 16x5x5
     -> fc120 relu -> fc84 relu -> fc10
    }
}

fn main() {}
