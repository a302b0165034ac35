//! What stable Rust cannot pass to a network inside another.
use cnn_runtime::prelude::*;

network! {
    Net<K = 4>: 8x4x4 -> K {
        block Classify() { Head(K) }
        gap -> Head(2*K) -> rust(|x: &Tensor| x.unsqueeze(2)?.unsqueeze(3)) => 8x1x1 -> Classify()
    }

    Head<CLASSES = 3>: 8x1x1 -> CLASSES { fc-CLASSES }
}

fn main() {}
