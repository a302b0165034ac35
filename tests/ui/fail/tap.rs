//! A misspelt tap.
use cnn_runtime::prelude::*;

network! {
    Net: 3x32x32 -> 64x32x32 {
        conv3-64 relu -> @skip
     -> conv3-64 relu -> @out;
        add(@skp, @out)
    }
}

fn main() {}
