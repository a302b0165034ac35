//! Generated code needs nothing in scope, and minds nothing that is.
#![deny(warnings)]

mod bare {
    // Names that the prelude would give, taken by something else.
    #![allow(dead_code, unused_macros, non_camel_case_types)]
    #![no_implicit_prelude]

    struct Result;
    struct Option;
    struct Vec;
    struct Tensor;
    struct Ok;
    struct Some;
    struct String;
    struct usize_;
    struct Self_;
    trait Module {}
    mod core {}
    mod std {}
    mod candle_core {}
    macro_rules! assert {
        () => {};
    }

    const SIDE: usize = 4;

    ::cnn_runtime::network! {
        pub(crate) Net<CLASSES = 3>: (a: [1, SIDE, SIDE], b: 1x4x4) -> (sum: 1x4x4, class: CLASSES) {
            block Unit(c) { residual { conv3-c bn } else short: (conv1-c bn) relu }
            a -> conv1-1 => 1x4x4 -> @x;
            b -> Unit(2) -> Unit(2) x2 -> Unit(1) -> @y;
            add(@x, @y) @sum -> dropout -> pool2 -> fc: fc-CLASSES @class
        }

        pub(crate) Single: 1x4x4 -> 3 { Unit() -> mul { id | gap } -> fc3 }

        Unit: 1x4x4 -> 1x4x4 { conv1-1 -> leaky(0.1) -> crop(4x4) }

        pub(crate) Path: 1x4x4 -> 3 { self::Single => 3 }
    }
}

fn main() {
    use cnn_runtime::prelude::*;
    let x = Tensor::zeros((2, 1, 4, 4), DType::F32, &Device::Cpu).unwrap();
    let net = bare::Net::<3>::init(Init::seed(1), &Device::Cpu).unwrap();
    assert_eq!(net.forward(&x, &x).unwrap().class.dims(), [2, 3]);
    let net = bare::Path::init(Init::seed(1), &Device::Cpu).unwrap();
    assert_eq!(net.forward_train(&x).unwrap().dims(), [2, 3]);
}
