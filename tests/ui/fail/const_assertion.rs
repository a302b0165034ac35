//! A size that only the compiler knows, and that does not fit.
use cnn_runtime::prelude::*;

const SIDE: usize = 32;
const WIDTH: usize = 48;

network! {
    Net: [3, SIDE, SIDE] -> 10 {
        conv3-64 relu -> pool2      => [64, 16, 16]
     -> conv3-64                    => [WIDTH, 16, 16]
     -> gap -> fc10
    }
}

fn main() {}
