//! A misspelt layer.
use cnn_runtime::prelude::*;

network! {
    Net: 3x32x32 -> 10 {
        conv3-64 -> rellu -> pool2
     -> gap -> fc10
    }
}

fn main() {}
