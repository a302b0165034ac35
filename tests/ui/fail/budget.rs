// A budget that is not kept.
use cnn_runtime::prelude::*;

const WIDTH: usize = 64;

network! {
    #[budget(params < 60K, macs < 400K, activations < 16KB, receptive_field >= 20)]
    LeNet5: 1x32x32 -> 10 {
        conv5-6(valid) relu -> pool2 -> conv5-16(valid) relu -> pool2 => 16x5x5 -> fc120 relu -> fc84 relu -> fc10
    }
}

network! {
    #[budget(params < 1K)]
    OfAConst: 3x8x8 -> 10 { conv3-WIDTH relu -> gap -> fc10 }
}

network! {
    #[budget(params = 5M, size < 3)]
    Form: 3x8x8 -> 10 { gap -> fc10 }
}

fn main() {}
