// A U-Net without facts says which it needs; a network that leaves nothing of small images, too.
use cnn_runtime::prelude::*;

network! {
    UNet: [1, H, W] -> [2, H, W] {
        block Double(c) { (conv3-c relu) x2 }
        Double(16) -> @e1
     -> pool2 -> Double(32) -> @e2
     -> pool2 -> Double(64) -> @e3
     -> pool2 -> Double(128)
     -> deconv2-64/2 -> @d3; concat(@e3, @d3) -> Double(64)
     -> deconv2-32/2 -> @d2; concat(@e2, @d2) -> Double(32)
     -> deconv2-16/2 -> @d1; concat(@e1, @d1) -> Double(16)
     -> conv1-2
    }

    Valid: [1, H, W] -> 10 { conv5-8(valid) relu -> pool2 -> conv5-16(valid) relu -> pool2 -> gap -> fc10 }
}

fn main() {}
