//! A network from elsewhere that is not there.
use cnn_runtime::prelude::*;

network! {
    Net: 3x64x64 -> 10 {
        backbone: crate::backbones::Net => 64x16x16
     -> gap -> fc10
    }
}

fn main() {}
