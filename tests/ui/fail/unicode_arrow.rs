//! The arrow of a paper, pasted.
use cnn_runtime::prelude::*;

network! {
    Net: 3x32x32 -> 10 {
        conv3-64 relu → pool2
     -> gap -> fc10
    }
}

fn main() {}
