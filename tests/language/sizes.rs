//! Const generics, Rust consts, `let`, symbols with facts, ascriptions.

use crate::plain::{self, CPU, Slide, close, names, param, tensor};
use cnn_runtime::prelude::*;

const SIDE: usize = 8;
const WIDTH: usize = 6;

network! {
    /// Const generics with and without defaults, in expressions, in shapes, in blocks.
    pub(crate) Generic<CLASSES = 10, const HIDDEN: usize = 4>: 3x4x4 -> CLASSES {
        block Unit(c) { residual { conv3-c bn } relu }
        conv1-HIDDEN                                => [HIDDEN, 4, 4]
     -> Unit(HIDDEN) -> Unit(HIDDEN) -> Unit(2*HIDDEN - HIDDEN)
     -> wide: conv1-(3*HIDDEN + 1)(bias=false)      => [3*HIDDEN + 1, 4, 4]
     -> gap -> hidden: fc-(2*CLASSES) -> fc: fc-CLASSES
    }

    /// Without a default.
    pub(crate) Needed<N>: N -> 2 { fc: fc2 }
}

#[test]
fn const_generics() {
    assert_eq!((Generic::<10>::INPUT, Generic::<10>::OUTPUT), ([3, 4, 4], [10]));
    let parameters = |classes: usize, hidden: usize| {
        let unit = 9 * hidden * hidden + 2 * hidden;
        let wide = 3 * hidden + 1;
        4 * hidden + 3 * unit + wide * hidden + (wide + 1) * 2 * classes + (2 * classes + 1) * classes
    };
    assert_eq!(Generic::<10>::PARAMS, parameters(10, 4));
    assert_eq!(Generic::<7, 2>::PARAMS, parameters(7, 2));
    // `Generic` in a type is `Generic<10, 4>`.
    let net: Generic = Generic::init(Init::seed(1), &CPU).unwrap();
    assert_eq!(net.forward(tensor(&[2, 3, 4, 4])).unwrap().dims(), [2, 10]);
    let net = Generic::<7, 2>::init(Init::seed(1), &CPU).unwrap();
    assert_eq!(net.state().trainable().iter().map(|var| var.elem_count()).sum::<usize>(), parameters(7, 2));
    assert_eq!(param(net.state(), "wide.weight").dims(), [7, 2, 1, 1]);
    assert_eq!(param(net.state(), "hidden.weight").dims(), [14, 7]);
    let logits: Batch<Flat<7>> = net.forward(tensor(&[2, 3, 4, 4])).unwrap();
    assert_eq!(logits.dims(), [2, 7]);
    let seen = net.trace(tensor(&[2, 3, 4, 4])).unwrap();
    assert_eq!((seen.wide.dims(), seen.hidden.dims()), (&[2, 7, 4, 4][..], &[2, 14][..]));

    let net = Needed::<5>::init(Init::seed(1), &CPU).unwrap();
    let x = tensor(&[3, 5]);
    let (weight, bias) = (param(net.state(), "fc.weight"), param(net.state(), "fc.bias"));
    close(&net.forward(&x).unwrap(), &plain::linear(&x, &weight, Some(&bias)));
    let _ = net.forward(tensor(&[3, 6])).unwrap_err();
}

network! {
    /// Rust consts as sizes, `let`, expressions with all operators.
    pub(crate) Consts: [3, SIDE, SIDE] -> 10 {
        let width = 2*4;
        let narrow = width/3 + 7%4 - 1;
        let slope = 0.5;
        conv3-WIDTH => [WIDTH, SIDE, SIDE]
     -> conv1-width leaky(slope) -> pool2 => [8, SIDE/2, SIDE/2]
     -> conv1-narrow -> conv1-(-(2 - (3*2)) + 1) => [5, SIDE/2, SIDE/2]
     -> fc: fc10
    }
}

#[test]
fn consts_and_lets() {
    assert_eq!(Consts::INPUT, [3, 8, 8]);
    let net = Consts::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    let weights: Vec<String> = names(state).into_iter().filter(|name| name.contains("weight")).collect();
    assert_eq!(
        weights,
        [
            "0.weight [6, 3, 3, 3]",
            "1.weight [8, 6, 1, 1]",
            "4.weight [4, 8, 1, 1]",
            "5.weight [5, 4, 1, 1]",
            "fc.weight [10, 80]",
        ]
    );
    assert_eq!(Consts::PARAMS, 6 * 28 + 8 * 7 + 4 * 9 + 5 * 5 + 10 * 81);
    let x = tensor(&[2, 3, 8, 8]);
    let conv = |x: &Tensor, path: &str, kernel: usize, size: usize| {
        let (weight, bias) = (param(state, &format!("{path}.weight")), param(state, &format!("{path}.bias")));
        let slide = Slide::new([kernel; 2]).pad([kernel / 2; 4]);
        plain::conv(x, &weight, Some(&bias), slide, 1, [size; 2])
    };
    let y = plain::map(&conv(&conv(&x, "0", 3, 8), "1", 1, 8), |x| if x < 0.0 { 0.5 * x } else { x });
    let y = plain::max_pool(&y, Slide::new([2, 2]).stride([2, 2]), [4, 4]);
    let y = conv(&conv(&y, "4", 1, 4), "5", 1, 4);
    let fc = plain::linear(&y, &param(state, "fc.weight"), Some(&param(state, "fc.bias")));
    close(&net.forward(&x).unwrap(), &fc);
}

network! {
    /// Sizes that are known when it runs.
    pub(crate) Symbols: [3, H, W] -> [2, H, W] where H % 4 == 0, W % 4 == 0, W >= 8 {
        stem: conv3-4 @e
     -> pool2 conv3-4 pool2          => [4, H/4, W/4]
     -> up2 -> deconv2-4/2 @d;
        add(@e, @d) -> head: conv1-2
    }

    /// Floors that no fact resolves, and a vector at the end.
    pub(crate) Pooled: [1, H, W] -> 6 where H >= 2, W >= 2 { pool2 -> conv3-6/2 -> gap }

    /// The size of a tap that is known when it runs.
    pub(crate) Cropped: [1, H, W] -> [2, H, W] where H % 2 == 0, W % 2 == 0 {
        id @x -> pad(3) -> crop(like @x) @c; concat(@x, @c)
    }
}

#[test]
fn symbols() {
    assert_eq!((Symbols::INPUT, Symbols::OUTPUT), ([3, 0, 0], [2, 0, 0]));
    let net = Symbols::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    let conv = |x: &Tensor, path: &str| {
        let (weight, bias) = (param(state, &format!("{path}.weight")), param(state, &format!("{path}.bias")));
        let kernel = weight.dim(2).unwrap();
        let slide = Slide::new([kernel; 2]).pad([kernel / 2; 4]);
        plain::conv(x, &weight, Some(&bias), slide, 1, [x.dim(2).unwrap(), x.dim(3).unwrap()])
    };
    for [h, w] in [[8, 12], [4, 16]] {
        let x = tensor(&[2, 3, h, w]);
        let two = Slide::new([2, 2]).stride([2, 2]);
        let e = conv(&x, "stem");
        let y = conv(&plain::max_pool(&e, two, [h / 2, w / 2]), "2");
        let y = plain::up_nearest(&plain::max_pool(&y, two, [h / 4, w / 4]), [2, 2]);
        let (weight, bias) = (param(state, "5.weight"), param(state, "5.bias"));
        let d = plain::deconv(&y, &weight, Some(&bias), two, 1, [h, w]);
        close(&net.forward(&x).unwrap(), &conv(&(e + d).unwrap(), "head"));
    }
    let net = Pooled::init(Init::seed(1), &CPU).unwrap();
    for [h, w] in [[7, 9], [2, 3]] {
        assert_eq!(net.forward(tensor(&[2, 1, h, w])).unwrap().dims(), [2, 6]);
    }
    let net = Cropped::init(Init::seed(1), &CPU).unwrap();
    for [h, w] in [[6, 8], [2, 4]] {
        let x = tensor(&[2, 1, h, w]);
        close(&net.forward(&x).unwrap(), &Tensor::cat(&[&x, &x], 1).unwrap());
    }
}

#[test]
fn facts_are_checked_at_the_boundary() {
    let net = Symbols::init(Init::seed(1), &CPU).unwrap();
    let error = net.forward(tensor(&[1, 3, 10, 12])).unwrap_err().to_string();
    assert!(error.contains("H = 10 does not fit") && error.contains("H % 4 == 0"), "{error}");
    assert!(error.contains("8 (crop) or 12 (pad)"), "{error}");
    let error = net.forward(tensor(&[1, 3, 8, 4])).unwrap_err().to_string();
    assert!(error.contains("W = 4 does not fit") && error.contains("W >= 8"), "{error}");
}
