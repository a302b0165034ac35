// What is read of a network from elsewhere must be there, in that shape.
use cnn_runtime::prelude::*;

network! {
    pub Trunk: 3x16x16 -> 8x4x4 { conv1: conv3-8/2 relu @fine -> conv2: conv3-8/2 relu }
}

network! {
    Misspelt: 3x16x16 -> 8x8x8 { body: self::Trunk => (fien: 8x8x8); @body.fien -> relu }
}

network! {
    AnotherShape: 3x16x16 -> 8x4x4 { body: self::Trunk => (fine: 8x4x4); @body.fine -> relu }
}

fn main() {}
