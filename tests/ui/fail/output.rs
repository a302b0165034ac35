//! Another output than declared.
use cnn_runtime::prelude::*;

network! {
    Net: 3x32x32 -> 10 {
        conv3-64 relu -> pool2 -> gap -> fc: fc100
    }
}

fn main() {}
