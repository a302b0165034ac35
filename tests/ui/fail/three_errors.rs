//! Every mistake at once, each at its place.
use cnn_runtime::prelude::*;

network! {
    Net: 3x32x32 -> 10 {
        conv3-64 rellu -> pool2     => 64x16x16
     -> conv3-64(pda=1) relu        => 64x16x16
     -> residual { conv3-128 }      => 128x16x16
     -> gap -> fc10
    }
}

fn main() {}
