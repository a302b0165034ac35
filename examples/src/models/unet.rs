//! U-Net (Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation", 2015).

use cnn_runtime::prelude::*;

network! {
    /// U-Net, the paper's figure 1, with half padding where the paper has none: the map is as large as the picture, and
    /// nothing has to be cropped.
    pub UNet<CLASSES = 2>: 1x256x256 -> [CLASSES, 256, 256] {
        block Double(c) { (conv3-c relu) x2 }
        Double(64)   -> @e1 -> pool2                                            => 64x128x128
     -> Double(128)  -> @e2 -> pool2                                            => 128x64x64
     -> Double(256)  -> @e3 -> pool2                                            => 256x32x32
     -> Double(512)  -> @e4 -> pool2                                            => 512x16x16
     -> Double(1024) -> @bottom
     -> deconv2-512/2 -> @d4; concat(@e4, @d4) -> Double(512) -> @u4            => 512x32x32
     -> deconv2-256/2 -> @d3; concat(@e3, @d3) -> Double(256) -> @u3            => 256x64x64
     -> deconv2-128/2 -> @d2; concat(@e2, @d2) -> Double(128) -> @u2            => 128x128x128
     -> deconv2-64/2  -> @d1; concat(@e1, @d1) -> Double(64) -> @u1             => 64x256x256
     -> conv1-CLASSES
    }
}
