//! A network from elsewhere that takes and gives another shape than it is used with.
use cnn_runtime::prelude::*;

mod backbone {
    use cnn_runtime::prelude::*;

    network! { pub Net: 3x32x32 -> 64x8x8 { conv3-64/4 } }
}

network! {
    Net: 3x64x64 -> 10 {
        backbone: backbone::Net => 64x16x16
     -> gap -> fc10
    }
}

fn main() {}
