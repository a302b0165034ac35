//! A network is one layer: it has no repeat, stride or size, and no arguments but its generics.
use cnn_runtime::prelude::*;

network! {
    Net: 8x4x4 -> 8x4x4 { Unit() x2 -> Unit()/2 -> Unit(3) -> Wide(WIDHT=8) -> Unit()-8 }
    Unit: 8x4x4 -> 8x4x4 { conv3-8 }
    Wide<WIDTH = 8>: 8x4x4 -> 8x4x4 { conv3-WIDTH conv3-8 }
}

fn main() {}
