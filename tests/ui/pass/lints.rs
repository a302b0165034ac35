//! Generated code has no warnings.
#![deny(warnings, missing_docs, unused, unreachable_pub, nonstandard_style, elided_lifetimes_in_paths)]
#![deny(missing_debug_implementations, unused_qualifications, unused_lifetimes, single_use_lifetimes)]
#![deny(trivial_casts, trivial_numeric_casts, private_interfaces, private_bounds, unsafe_code)]
#![deny(unused_results, let_underscore_drop, rust_2018_idioms, rust_2021_compatibility)]

use cnn_runtime::prelude::*;

const WIDTH: usize = 8;

network! {
    /// Everything that makes code.
    Everything<CLASSES = 10>: 3x16x16 -> CLASSES {
        block Unit(c, act, p = 0.1) {
            residual { conv1: conv3-c/stride bn act -> drop: droppath(p) } else short: (conv1-c/stride bn)
            relu
        }
        block Nothing() { id }
        block Custom() { rust(|x: &Tensor| x + 1.0) => [cin, 8, 8] }
        let hidden = 2*4;
        stem: conv3-hidden bn relu @x
     -> layer: Unit(WIDTH, relu) x2/2 -> Unit(WIDTH, tanh, 0.2) -> Nothing()
     -> dense { conv3-4 } -> concat { conv1-4 | pool3/1(half) -> conv1-4 } @y
     -> mul { id | gap -> conv1-8 sigmoid } -> Custom()
     -> type: deconv2-8/2 -> up: conv3-8 -> crop(like @x) @z;
        add(@x, @z) -> gn4 prelu scale(0.1) lrn5 dropout -> avgpool(2x2) -> flatten
     -> fc16(dropconnect=0.5) ln softmax -> fc: fc-CLASSES
    }

    Ports: (left: 1x4x4, right: [1, H, W]) -> (sum: 1x4x4, class: 3) where H >= 4, W % 2 == 0 {
        left -> @l;
        right -> avgpool(4x4) @r;
        add(@l, @r) @sum -> Head() @class
    }

    Head: 1x4x4 -> 3 { fc3 }
}

mod inner {
    use cnn_runtime::prelude::*;

    network! {
        /// Seen by the crate.
        pub(crate) Net: 1x2x2 -> 2 { block Unit(c) { conv1-c } Unit(3) -> fc2 }
    }

    network! { pub(super) Other: 1x2x2 -> 2 { Inner() } Inner: 1x2x2 -> 2 { fc2 } }
}

network! { Outer: 1x2x2 -> 2 { backbone: inner::Net => 2 } }

network! { Unused: 1x2x2 -> 2 { block Unit() { relu } Unit() -> fc2 } }

fn main() -> Result<()> {
    let x = Tensor::zeros((2, 3, 16, 16), DType::F32, &Device::Cpu)?;
    let net = Everything::<10>::init(Init::seed(1), &Device::Cpu)?;
    assert_eq!(net.forward(&x)?.dims(), [2, 10]);
    assert_eq!(net.forward_train(&x)?.dims(), [2, 10]);
    let x = Tensor::zeros((1, 1, 4, 4), DType::F32, &Device::Cpu)?;
    assert_eq!(Ports::init(Init::seed(1), &Device::Cpu)?.forward(&x, &x)?.class.dims(), [1, 3]);
    assert_eq!(inner::Other::PARAMS + Outer::PARAMS, 10 + 32);
    assert_eq!(Outer::OUTPUT, inner::Net::OUTPUT);
    Ok(())
}
