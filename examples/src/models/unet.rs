//! U-Net (Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation", 2015).

use cnn_runtime::prelude::*;

network! {
    /// U-Net (Ronneberger et al., 2015), half padding.
    pub UNet: 1x256x256 -> 2x256x256 {
        block Double(c) { (conv3-c relu) x2 }
        Double(64)   -> @e1 -> pool2
     -> Double(128)  -> @e2 -> pool2
     -> Double(256)  -> @e3 -> pool2
     -> Double(512)  -> @e4 -> pool2
     -> Double(1024)
     -> deconv2-512/2 -> @d4; concat(@e4, @d4) -> Double(512)
     -> deconv2-256/2 -> @d3; concat(@e3, @d3) -> Double(256)
     -> deconv2-128/2 -> @d2; concat(@e2, @d2) -> Double(128)
     -> deconv2-64/2  -> @d1; concat(@e1, @d1) -> Double(64)
     -> conv1-2
    }
}
