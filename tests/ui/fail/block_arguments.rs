//! Another number of arguments than a block takes, and one that it has not.
use cnn_runtime::prelude::*;

network! {
    Net: 3x32x32 -> 10 {
        block Unit(c, k = 3) { conv(kernel=k)-c relu }
        Unit(64)
     -> Unit(64, 3, 1)
     -> Unit()
     -> Unit(64, kernel=3)
     -> gap -> fc10
    }
}

fn main() {}
