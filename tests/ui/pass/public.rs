//! Public networks are documented, and so is everything in them.
#![deny(warnings, missing_docs, missing_debug_implementations)]
#![allow(unreachable_pub)]

cnn_runtime::network! {
    /// Documented by the user.
    pub Net<CLASSES = 10>: 3x16x16 -> CLASSES {
        block Unit(c) { residual { conv1: conv3-c/stride bn } else short: (conv1-c/stride bn) relu }
        stem: conv3-8 -> layer: Unit(8) x2/2 -> Unit(8) -> @mid -> gap -> fc: fc-CLASSES
    }

    pub Undocumented: (a: 1x4x4, b: 1x4x4) -> (sum: 1x4x4, flat: 16) {
        a -> @x; b -> @y; add(@x, @y) @sum -> flatten @flat
    }
}

fn main() {}
