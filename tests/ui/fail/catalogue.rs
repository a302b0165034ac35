// Every wrong declaration of the catalogue, `docs/errors`. Written by `cnn-ir/tests/catalogue.rs` with
// UPDATE_EXPECT=1; `deny(deprecated)` makes the lints errors, so that they are compared.
#![deny(deprecated)]

mod n0003 {
    use cnn_runtime::prelude::*;
    network! {
        Generated: 3x32x32 -> 10 {
            ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((
                conv3-32 relu
            ))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))
         -> gap -> fc10
        }
    }
}

mod n0004 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu, pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0005 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu - > pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0006 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu -> pool2 ->
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0007 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3 -> 32 relu -> pool2
         -> conv3-64 relu -> pool2
         -> gap -> fc10
        }
    }
}

mod n0008 {
    use cnn_runtime::prelude::*;
    network! {
        Wide: 3x32x32 -> 10 {
            conv3-4000000000 relu
         -> gap -> fc10
        }
    }
}

mod n0009 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 0x32x32 -> 10 {
            conv3-64 relu -> pool2
         -> gap -> fc10
        }
    }
}

mod n0010 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-64 relu -> gap
         -> dropout(0.5f32) -> fc10
        }
    }
}

mod n0011 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-64x2 relu -> pool2
         -> gap -> fc10
        }
    }
}

mod n0012 {
    use cnn_runtime::prelude::*;
    network! {
        ResNetLike: 3x32x32 -> 10 {
            conv3-16 bn relu
         -> (conv3-32/2 bn relu -> conv3-32 bn) else (conv1-32/2 bn) relu
         -> gap -> fc10
        }
    }
}

mod n0013 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            (conv3-32 relu) -> x2 -> pool2
         -> gap -> fc10
        }
    }
}

mod n0014 {
    use cnn_runtime::prelude::*;
    network! {
        Classifier: 3x224x224 -> 10 {
            crate::nets::Backbone -> gap -> fc10
        }
    }
}

mod n0101 {
    use cnn_runtime::prelude::*;
    network! {
        // LeNet-5, to be written.
    }
}

mod n0102 {
    use cnn_runtime::prelude::*;
    network! {
        ResNetLike: 3x32x32 -> 10 {
            conv3-32 bn relu
         -> residual { } relu
         -> gap -> fc10
        }
    }
}

mod n0103 {
    use cnn_runtime::prelude::*;
    network! {
        #![allow(dead_code)]
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0104 {
    use cnn_runtime::prelude::*;
    network! {
        #[network(runtime = my_nets::cnn_runtime)]
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0105 {
    use cnn_runtime::prelude::*;
    network! {
        SkipLike: 3x32x32 -> 10 {
            conv3-32 relu @skip -> conv3-32 relu @skip -> conv3-32 @last;
            add(@skip, @last) -> relu -> gap -> fc10
        }
    }
}

mod n0106 {
    use cnn_runtime::prelude::*;
    network! {
        MobileNetLike: 3x32x32 -> 10 {
            block dw(c) { dw3/stride bn relu6 -> conv1-c bn relu6 }
            conv3-16/2 bn relu6 -> dw(32) -> dw(64)/2
         -> gap -> fc10
        }
    }
}

mod n0107 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 32x32 -> 10 {
            conv5-6(valid) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0108 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x8x8 -> 10 {
            let side = 8;
            conv3-16 relu -> pool2
         -> conv3-32 relu -> pool2      => [32, side/16, side/16]
         -> gap -> fc10
        }
    }
}

mod n0109 {
    use cnn_runtime::prelude::*;
    network! {
        FcnLike: [3, H, W] -> 10 where H >= 32, V >= 32 {
            conv3-16/2 relu -> conv3-32/2 relu
         -> gap -> fc10
        }
    }
}

mod n0110 {
    use cnn_runtime::prelude::*;
    network! {
        FcnLike: [3, H, W] -> 10 where H % 32 == 32, W % 32 == 0 {
            conv3-16/2 relu -> conv3-32/2 relu
         -> gap -> fc10
        }
    }
}

mod n0111 {
    use cnn_runtime::prelude::*;
    network! {
        DepthNet: (image: 3x32x32, depth: 1x32x32) -> 10 {
            conv3-16 relu @i;
            depth -> conv3-16 relu @d;
            concat(@i, @d) -> conv3-32 relu -> gap -> fc10
        }
    }
}

mod n0112 {
    use cnn_runtime::prelude::*;
    network! {
        DepthNet: (image: 3x32x32, depth: 1x32x32) -> 10 {
            image -> conv3-16 relu @i
         -> depth -> conv3-16 relu @d;
            concat(@i, @d) -> conv3-32 relu -> gap -> fc10
        }
    }
}

mod n0113 {
    use cnn_runtime::prelude::*;
    network! {
        Detector: 3x32x32 -> (class: 10, box: 4) {
            conv3-16 relu -> conv3-32/2 relu -> gap @trunk -> fc10;
            @trunk -> fc4 @box
        }
    }
}

mod n0114 {
    use cnn_runtime::prelude::*;
    network! {
        #[allow(network::softmax_output, dead_code)]
        Probabilities: 3x32x32 -> 10 {
            conv3-32 relu -> gap -> fc10 softmax
        }
    }
}

mod n0115 {
    use cnn_runtime::prelude::*;
    network! {
        #[allow(network::softmax_outputs)]
        Probabilities: 3x32x32 -> 10 {
            conv3-32 relu -> gap -> fc10 softmax
        }
    }
}

mod n0201 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-32 relu -> maxpool2
         -> conv3-64 relu
         -> gap -> fc10
        }
    }
}

mod n0202 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 1x28x28 -> 10 {
            conv5-6(padding=2) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0203 {
    use cnn_runtime::prelude::*;
    network! {
        SqueezeNetLike: 3x32x32 -> 10 {
            conv3-64/2 relu -> pool3/2(ceiling)
         -> conv1-128 relu
         -> gap -> fc10
        }
    }
}

mod n0204 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            let width = 32;
            conv3-width relu -> pool2
         -> conv3-(2*widht) relu
         -> gap -> fc10
        }
    }
}

mod n0205 {
    use cnn_runtime::prelude::*;
    network! {
        UNetLike: 1x64x64 -> 2x64x64 {
            conv3-16 relu @skip -> pool2 -> conv3-32 relu -> up2 @up;
            concat(@skp, @up) -> conv3-16 relu -> conv1-2
        }
    }
}

mod n0206 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            block Unit(c, k = 3) { conv(kernel=k)-c/stride bn relu }
            Unit(32) -> Unit(64, kernel=5)/2
         -> gap -> fc10
        }
    }
}

mod n0207 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            block Head(p) { gap -> fc64 relu -> dropout p -> fc10 }
            conv3-32 relu -> pool2 -> Head(0.2)
        }
    }
}

mod n0208 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            block Unit(c, k) { conv(kernel=k)-c bn relu }
            Unit(32, conv3) -> pool2
         -> gap -> fc10
        }
    }
}

mod n0209 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            (conv: conv3-32 relu) x2 -> pool2
         -> gap -> fc: fc10
        }
    }
}

mod n0210 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            block Stage(c) { conv3-c relu -> pool2 }
            stage[1..]: Stage(32)
         -> gap -> fc: fc10
        }
    }
}

mod n0301 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv-32 relu -> pool2
         -> conv3-64 relu
         -> gap -> fc10
        }
    }
}

mod n0302 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-64 bn64 relu -> pool2
         -> gap -> fc10
        }
    }
}

mod n0303 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-32 relu -> conv3 relu -> pool2
         -> gap -> fc10
        }
    }
}

mod n0304 {
    use cnn_runtime::prelude::*;
    network! {
        MobileNetLike: 3x32x32 -> 10 {
            conv3-32/2 bn relu6
         -> dw3-32 bn relu6 -> conv1-64 bn relu6
         -> gap -> fc10
        }
    }
}

mod n0305 {
    use cnn_runtime::prelude::*;
    network! {
        ResNetLike: 3x32x32 -> 10 {
            block Basic(c) { residual { conv3-c bn relu -> conv3-c bn } else (conv1-c bn) relu }
            conv3-16 bn relu -> Basic-32
         -> gap -> fc10
        }
    }
}

mod n0306 {
    use cnn_runtime::prelude::*;
    network! {
        LeNetLike: 1x32x32 -> 10 {
            conv5-6(valid) relu -> pool2 -> gap
         -> fc6-84 relu -> fc10
        }
    }
}

mod n0307 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-32 bn relu/2
         -> conv3-64 bn relu
         -> gap -> fc10
        }
    }
}

mod n0308 {
    use cnn_runtime::prelude::*;
    network! {
        Discriminator: 3x32x32 -> 1 {
            conv4-64/2(pad=1) relu(0.2)
         -> conv4-128/2(pad=1) leaky(0.2)
         -> gap -> fc1
        }
    }
}

mod n0309 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-64 relu -> gap
         -> dropout(50) -> fc10
        }
    }
}

mod n0310 {
    use cnn_runtime::prelude::*;
    network! {
        MobileNetLike: 3x32x32 -> 10 {
            let width = 16;
            conv3-(width/32) bn relu6 -> conv3-width bn relu6
         -> gap -> fc10
        }
    }
}

mod n0311 {
    use cnn_runtime::prelude::*;
    network! {
        Generator: 64x8x8 -> 3x12x12 {
            let spread = 2147483648 * 2147483648 * 2;
            deconv3-3(dilation=spread) tanh
        }
    }
}

mod n0312 {
    use cnn_runtime::prelude::*;
    network! {
        MobileNetLike: 3x32x32 -> 10 {
            let alpha = 0.75;
            conv3-(alpha*32)/2 bn relu6 -> dw3 bn relu6 -> conv1-64 bn relu6
         -> gap -> fc10
        }
    }
}

mod n0313 {
    use cnn_runtime::prelude::*;
    network! {
        SqueezeExcite<R = 16>: 3x32x32 -> 10 {
            conv3-64 relu
         -> mul { id | gap -> fc-(64/R) relu -> fc64 sigmoid }
         -> gap -> fc10
        }
    }
}

mod n0314 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike<STRIDE = 2>: 3x32x32 -> 10 {
            conv3-32/STRIDE bn relu
         -> gap -> fc10
        }
    }
}

mod n0315 {
    use cnn_runtime::prelude::*;
    network! {
        ResNetLike: 3x32x32 -> 10 {
            block Basic(c) { residual { conv3-c bn relu -> conv3-c bn } relu }
            conv3-16 bn relu -> Basic(16) x0
         -> gap -> fc10
        }
    }
}

mod n0316 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-64 x2 relu -> pool2
         -> gap -> fc10
        }
    }
}

mod n0317 {
    use cnn_runtime::prelude::*;
    network! {
        Deep: 3x32x32 -> 10 {
            conv3-64 relu -> (conv3-64 relu) x50000
         -> gap -> fc10
        }
    }
}

mod n0318 {
    use cnn_runtime::prelude::*;
    network! {
        FractalLike: 3x32x32 -> 10 {
            block Fractal(c) { add { conv3-c relu | conv3-c relu -> Fractal(c) } }
            conv3-32 relu -> Fractal(32)
         -> gap -> fc10
        }
    }
}

mod n0319 {
    use cnn_runtime::prelude::*;
    network! {
        AutoEncoder: 3x32x32 -> 3x32x32 { Encoder() -> deconv4-3/2(pad=1) sigmoid }
        
        Encoder: 3x32x32 -> 16x16x16 { AutoEncoder() -> conv3-16/2 relu }
    }
}

mod n0320 {
    use cnn_runtime::prelude::*;
    network! {
        ResNetLike: 3x32x32 -> 10 {
            block Basic(c, act) { residual { conv3-c bn act -> conv3-c bn } else (conv1-c bn) act }
            conv3-16 bn relu -> Basic(32)
         -> gap -> fc10
        }
    }
}

mod n0321 {
    use cnn_runtime::prelude::*;
    network! {
        UNetLike: 1x64x64 -> 2x64x64 {
            block Up(c, size) { deconv2-c/2(size) bn relu }
            conv3-16 relu @skip -> pool2 -> conv3-32 relu
         -> Up(16, like @skip) @up;
            concat(@skip, @up) -> conv1-2
        }
    }
}

mod n0322 {
    use cnn_runtime::prelude::*;
    network! {
        Classifier: 3x32x32 -> 10 { conv3-32 relu -> gap -> Head() }
        
        Head<CLASSES>: 32 -> CLASSES { dropout(0.2) -> fc-CLASSES }
    }
}

mod n0323 {
    use cnn_runtime::prelude::*;
    network! {
        Matcher: 3x32x32 -> 10 { conv3-32 relu -> Compare() -> fc10 }
        
        Compare: (left: 32x32x32, right: 32x32x32) -> 32x32x32 {
            left -> conv1-32 @a;
            right -> conv1-32 @b;
            add(@a, @b)
        }
    }
}

mod n0324 {
    use cnn_runtime::prelude::*;
    network! {
        UNetLike: 1x64x64 -> 2x64x64 {
            conv3-16 relu @skip -> pool2
         -> conv3-32 relu -> up2
         -> concat(@skip) -> conv3-16 relu -> conv1-2
        }
    }
}

mod n0325 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid, pad=2) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0326 {
    use cnn_runtime::prelude::*;
    network! {
        Classifier<K = 16>: 3x32x32 -> 10 { Trunk(2*K) -> gap -> fc10 }
        
        Trunk<WIDTH = 32>: 3x32x32 -> [WIDTH, 16, 16] { conv3-WIDTH relu -> pool2 }
    }
}

mod n0327 {
    use cnn_runtime::prelude::*;
    network! {
        Classifier: 3x32x32 -> 10 { Trunk(32)/2 -> gap -> fc10 }
        
        Trunk<WIDTH = 32>: 3x32x32 -> [WIDTH, 16, 16] { conv3-WIDTH relu -> pool2 }
    }
}

mod n0328 {
    use cnn_runtime::prelude::*;
    network! {
        Net: 3x32x32 -> 10 {
            block Stem() { conv3-32 bn relu -> pool2 }
            Stem -> gap -> fc10
        }
        
        NetStem: 3x32x32 -> 32x16x16 { conv3-32 bn relu -> pool2 }
    }
}

mod n0329 {
    use cnn_runtime::prelude::*;
    network! {
        Wide: 3x32x32 -> 10 {
            conv3-64 relu -> gap
         -> fc2000000000 relu -> fc2000000000 relu -> fc2000000000 relu -> fc2000000000 relu -> fc10
        }
    }
}

mod n0330 {
    use cnn_runtime::prelude::*;
    network! {
        Detector: 3x64x64 -> 10 { body: Pyramid() -> conv3-64 relu -> gap -> fc10 }
        
        Pyramid: 3x64x64 -> (fine: 32x32x32, coarse: 64x16x16) {
            conv3-32/2 relu @fine -> conv3-64/2 relu @coarse
        }
    }
}

mod n0331 {
    use cnn_runtime::prelude::*;
    network! {
        N: 3x32x32 -> 10 { conv3-32 relu @body.fine -> gap -> fc10 }
    }
}

mod n0332 {
    use cnn_runtime::prelude::*;
    network! {
        N: 3x32x32 -> 10 { _: (conv3-32 relu) -> gap -> fc10 }
    }
}

mod n0401 {
    use cnn_runtime::prelude::*;
    network! {
        FcnLike: [3, H, W] -> 10 where H >= 2, W >= 2 {
            conv3-32 relu -> pool2 -> conv3-64 relu
         -> fc10
        }
    }
}

mod n0402 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu -> pool2 -> flatten
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0403 {
    use cnn_runtime::prelude::*;
    network! {
        Discriminator: 3x32x32 -> 1 {
            conv4-64/2 leaky(0.2)
         -> conv3-128 leaky(0.2)
         -> gap -> fc1
        }
    }
}

mod n0404 {
    use cnn_runtime::prelude::*;
    network! {
        ResNetLike: 3x64x64 -> 10 {
            conv7-64/2 bn relu -> pool3/2(pad=2)
         -> conv3-64 bn relu
         -> gap -> fc10
        }
    }
}

mod n0405 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 1x28x28 -> 10 {
            conv3-16 relu -> pool2
         -> conv3-32 relu -> pool2
         -> conv3-64 relu -> pool2
         -> conv3-64 relu -> pool2
         -> conv3-64 relu -> pool2
         -> fc10
        }
    }
}

mod n0406 {
    use cnn_runtime::prelude::*;
    network! {
        Generator: 100x1x1 -> 3x8x8 {
            deconv4-64(pad=2) bn relu
         -> deconv4-3/2(pad=1) tanh
        }
    }
}

mod n0407 {
    use cnn_runtime::prelude::*;
    network! {
        UNetLike: 1x64x64 -> 2x64x64 {
            conv3-16 relu @skip -> pool2 -> conv3-32 relu -> pool2 -> conv3-64 relu
         -> deconv2-16/2(like @skip) relu @up;
            concat(@skip, @up) -> conv1-2
        }
    }
}

mod n0408 {
    use cnn_runtime::prelude::*;
    network! {
        PoolNet: [3, H, W] -> 10 where H >= 32, W >= 32 {
            conv3-32 relu -> pool2(ceil, pad=1)
         -> gap -> fc10
        }
    }
}

mod n0409 {
    use cnn_runtime::prelude::*;
    network! {
        ResNeXtLike: 3x32x32 -> 10 {
            conv3-48 bn relu
         -> conv3-96(groups=32) bn relu
         -> gap -> fc10
        }
    }
}

mod n0410 {
    use cnn_runtime::prelude::*;
    network! {
        EspcnLike: 3x32x32 -> 3x96x96 {
            conv5-64 relu -> conv3-32 relu
         -> conv3-24 -> shuffle3
        }
    }
}

mod n0411 {
    use cnn_runtime::prelude::*;
    network! {
        UNetLike: 1x64x64 -> 2x58x58 {
            conv3-16(valid) relu @skip -> pool2 -> conv3-32(valid) relu
         -> deconv2-16/2 relu -> crop(like @skip) @up;
            concat(@skip, @up) -> conv1-2
        }
    }
}

mod n0412 {
    use cnn_runtime::prelude::*;
    network! {
        ResNetLike: 3x32x32 -> 10 {
            conv3-16 bn relu
         -> residual { conv3-32/2 bn relu -> conv3-32 bn } relu
         -> gap -> fc10
        }
    }
}

mod n0413 {
    use cnn_runtime::prelude::*;
    network! {
        ResNetLike: 3x32x32 -> 10 {
            conv3-16 bn relu
         -> residual { conv3-32/2 bn relu -> conv3-32 bn } else (conv1-32 bn) relu
         -> gap -> fc10
        }
    }
}

mod n0414 {
    use cnn_runtime::prelude::*;
    network! {
        UNetLike: 1x30x30 -> 2x30x30 {
            conv3-16 relu @e1 -> pool2 -> conv3-32 relu @e2 -> pool2 -> conv3-64 relu
         -> deconv2-32/2 @d2;
            concat(@e2, @d2) -> conv3-32 relu -> deconv2-16/2 @d1;
            concat(@e1, @d1) -> conv3-16 relu -> conv1-2
        }
    }
}

mod n0415 {
    use cnn_runtime::prelude::*;
    network! {
        FpnLike: 3x32x32 -> 16x16x16 {
            conv3-16/2 relu @low -> conv3-32/2 relu -> up2 @high;
            add(@low, @high)
        }
    }
}

mod n0416 {
    use cnn_runtime::prelude::*;
    network! {
        Classifier: 3x64x64 -> 10 { conv3-16/2 relu -> pool2 -> Trunk() -> fc10 }
        
        Trunk: 16x32x32 -> 32 { conv3-32 relu -> gap }
    }
}

mod n0417 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 1x28x28 -> 10 {
            conv5-6(valid) relu -> pool2
         -> conv5-16(valid) relu -> pool2       => 16x5x5
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0418 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84
        }
    }
}

mod n0419 {
    use cnn_runtime::prelude::*;
    network! {
        UNetLike: [1, H, W] -> [2, H, W] {
            conv3-16 relu @skip -> pool2 -> conv3-32 relu -> up2 @up;
            concat(@skip, @up) -> conv3-16 relu -> conv1-2
        }
    }
}

mod n0420 {
    use cnn_runtime::prelude::*;
    network! {
        LeNetLike: [1, H, W] -> 10 {
            conv5-6(valid) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> gap -> fc10
        }
    }
}

mod n0421 {
    use cnn_runtime::prelude::*;
    network! {
        N: 3x32x32 -> 10 {
            conv3-25 relu
         -> split { id | conv3-12 bn relu } -> channelshuffle2
         -> gap -> fc10
        }
    }
}

mod n0501 {
    use cnn_runtime::prelude::*;
    network! {
        #[budget(params = 62K)]
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0502 {
    use cnn_runtime::prelude::*;
    network! {
        #[budget(macs < 10M)]
        FcnLike: [3, H, W] -> 10 {
            conv3-32/2 relu -> conv3-64/2 relu
         -> gap -> fc10
        }
    }
}

mod n0503 {
    use cnn_runtime::prelude::*;
    network! {
        #[budget(params < 60K)]
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10
        }
    }
}

mod n0601 {
    use cnn_runtime::prelude::*;
    network! {
        AlexNetLike: 3x224x224 -> 10 {
            conv11-96/4(valid) relu
         -> conv5-256 relu
         -> gap -> fc10
        }
    }
}

mod n0602 {
    use cnn_runtime::prelude::*;
    network! {
        ResNetLike: 3x32x32 -> 10 {
            conv3-32 @stem bn relu
         -> residual { conv3-32 bn relu -> conv3-32 bn } relu
         -> gap -> fc10
        }
    }
}

mod n0603 {
    use cnn_runtime::prelude::*;
    network! {
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) relu -> pool2
         -> conv5-16(valid) relu -> pool2
         -> fc120 relu -> fc84 relu -> fc10 softmax
        }
    }
}

mod n0604 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-32 relu -> pool2 relu
         -> conv3-64 relu
         -> gap -> fc10
        }
    }
}

mod n0605 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-32 relu -> pool2
         -> conv3-64 -> conv3-64 relu
         -> gap -> fc10
        }
    }
}

mod n0606 {
    use cnn_runtime::prelude::*;
    network! {
        Classifier: 3x32x32 -> 10 {
            conv3-16 relu -> gap @trunk -> fc4;
            @trunk -> fc10
        }
    }
}

mod n0607 {
    use cnn_runtime::prelude::*;
    network! {
        DeepLabLike: 3x64x64 -> 10 {
            conv3-32/2 bn relu
         -> gap -> conv1-64 bn relu -> fc10
        }
    }
}

mod n0608 {
    use cnn_runtime::prelude::*;
    network! {
        VggLike: 3x32x32 -> 10 {
            conv3-32 bn relu -> dropout2d(0.1) -> conv3-64 bn relu
         -> gap -> fc10
        }
    }
}

fn main() {}
