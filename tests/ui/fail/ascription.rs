//! A shape that is stated and not met.
use cnn_runtime::prelude::*;

network! {
    Net: 3x32x32 -> 10 {
        conv3-64 relu -> pool2      => 64x16x16
     -> conv3-128/2 relu            => 128x16x16
     -> gap -> fc10
    }
}

fn main() {}
