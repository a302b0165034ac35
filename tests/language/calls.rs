//! Rust in a network, networks in networks, paths to the runtime.

use crate::plain::{self, CPU, Slide, close, names, param, relu, tensor};
use cnn_runtime::prelude::*;

fn linear(x: &Tensor, state: &State, path: &str) -> Tensor {
    plain::linear(x, &param(state, &format!("{path}.weight")), Some(&param(state, &format!("{path}.bias"))))
}

network! {
    /// A closure, a layer with parameters of its own, a function, and one inside a repeated block.
    pub(crate) Custom: 2x3x3 -> 4 {
        block Half() { rust(|x: &Tensor| x / 2.0) => 2x3x3 }
        rust(|x: &Tensor| x + 1.0) => 2x3x3
     -> Half() x2
     -> shift: rust(Shift::new(&params)?) => 2x3x3
     -> rust(negate as fn(&Tensor) -> candle_core::Result<Tensor>) => [2, 3, 3]
     -> flatten -> fc: fc4
    }
}

fn negate(x: &Tensor) -> candle_core::Result<Tensor> {
    x.neg()
}

/// A layer of somebody's own, with a parameter.
struct Shift(candle_nn::Linear);

impl Shift {
    fn new(params: &cnn_runtime::params::Params<'_>) -> Result<Self> {
        use cnn_runtime::params::{Fill, Role};
        let weight =
            params.tensor("weight", (3, 3), Fill::Weight { fan_in: 3, fan_out: 3 }, Role::Parameter)?;
        let bias = params.tensor("bias", 3, Fill::Bias { fan_in: 3 }, Role::Parameter)?;
        Ok(Self(candle_nn::Linear::new(weight, Some(bias))))
    }
}

impl Module for Shift {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.0.forward(x)
    }
}

#[test]
fn rust_code() {
    let net = Custom::init(Init::seed(1), &CPU).unwrap();
    assert_eq!(
        names(net.state()),
        ["shift.weight [3, 3]", "shift.bias [3]", "fc.weight [4, 18]", "fc.bias [4]"]
    );
    let x = tensor(&[2, 2, 3, 3]);
    let y = ((&x + 1.0).unwrap() / 4.0).unwrap();
    let rows = y.reshape((12, 3)).unwrap();
    let y = linear(&rows, net.state(), "shift").reshape((2, 2, 3, 3)).unwrap().neg().unwrap();
    close(&net.forward(&x).unwrap(), &linear(&y, net.state(), "fc"));
}

network! {
    pub(crate) Lying: 2x3x3 -> 2x3x3 { rust(|x: &Tensor| x.narrow(1, 0, 1)) => 2x3x3 }
}

#[test]
fn a_stated_shape_is_checked_when_it_runs() {
    let net = Lying::init(Init::seed(1), &CPU).unwrap();
    let error = net.forward(tensor(&[1, 2, 3, 3])).unwrap_err().to_string();
    assert!(error.contains("was stated to give"), "{error}");
}

pub(crate) mod backbone {
    use cnn_runtime::prelude::*;

    network! {
        pub(crate) Net: 3x16x16 -> 8x4x4 {
            stem: conv3-4/2 bn relu -> body: conv3-8/2 relu
        }
        pub(crate) Head<CLASSES = 5>: 8x4x4 -> CLASSES { gap -> fc: fc-CLASSES }
    }
}

network! {
    /// A network of the same declaration as a layer (declared behind it), with its generics given.
    pub(crate) Whole: 3x16x16 -> 9 {
        features: Trunk()
     -> Tail(9)
    }

    pub(crate) Trunk: 3x16x16 -> 8x4x4 { conv3-4/2 relu -> conv3-8/2 relu }
    pub(crate) Tail<CLASSES = 3>: 8x4x4 -> CLASSES { gap -> fc: fc-CLASSES }

    /// The same by its name, and in a block.
    pub(crate) ByName<K = 4>: 8x4x4 -> K {
        tail: Tail(CLASSES=K) -> last: fc-K
    }

    /// In a block.
    pub(crate) InBlock: 8x4x4 -> 6 {
        block Classify() { Tail(6) }
        head: Classify()
    }

    /// Networks from elsewhere.
    pub(crate) External: 3x16x16 -> 7 {
        backbone: self::backbone::Net => 8x4x4
     -> crate::calls::backbone::Head::<7> => 7
    }
}

#[test]
fn networks_in_networks() {
    let x = tensor(&[2, 3, 16, 16]);
    let conv = |x: &Tensor, state: &State, path: &str| {
        let weight = param(state, &format!("{path}.weight"));
        let bias = param(state, &format!("{path}.bias"));
        let out = [x.dim(2).unwrap() / 2, x.dim(3).unwrap() / 2];
        let slide = Slide::new([3, 3]).pad([1; 4]).stride([2, 2]);
        plain::conv(x, &weight, Some(&bias), slide, 1, out)
    };
    let net = Whole::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    assert_eq!(
        names(state),
        [
            "features.0.weight [4, 3, 3, 3]",
            "features.0.bias [4]",
            "features.2.weight [8, 4, 3, 3]",
            "features.2.bias [8]",
            "1.fc.weight [9, 8]",
            "1.fc.bias [9]",
        ]
    );
    assert_eq!(Whole::PARAMS, Trunk::PARAMS + Tail::<9>::PARAMS);
    let y = relu(&conv(&relu(&conv(&x, state, "features.0")), state, "features.2"));
    close(&net.forward(&x).unwrap(), &linear(&plain::adaptive(&y, [1, 1]), state, "1.fc"));
    // The part is a network in its own right, with names of its own.
    assert_eq!(net.features.forward(&x).unwrap().dims(), [2, 8, 4, 4]);
    assert_eq!(names(net.features.state())[0], "0.weight [4, 3, 3, 3]");

    assert_eq!(ByName::<6>::PARAMS, 9 * 6 + 7 * 6);
    let net = InBlock::init(Init::seed(1), &CPU).unwrap();
    assert_eq!(names(net.state()), ["head.0.fc.weight [6, 8]", "head.0.fc.bias [6]"]);
    assert_eq!(InBlock::PARAMS, 54);

    let net = External::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    let weights: Vec<String> = names(state).into_iter().filter(|name| !name.contains("bias")).collect();
    assert_eq!(
        weights,
        [
            "backbone.stem.weight [4, 3, 3, 3]",
            "backbone.1.weight [4]",
            "backbone.1.running_mean [4]",
            "backbone.1.running_var [4]",
            "backbone.body.weight [8, 4, 3, 3]",
            "1.fc.weight [7, 8]",
        ]
    );
    assert_eq!(External::PARAMS, backbone::Net::PARAMS + backbone::Head::<7>::PARAMS);
    // Each counts its own input; as a layer that is what stands before it.
    let inputs =
        backbone::Net::INPUT.iter().product::<usize>() + backbone::Head::<7>::INPUT.iter().product::<usize>();
    let held = backbone::Net::ACTIVATIONS + backbone::Head::<7>::ACTIVATIONS - inputs;
    assert_eq!(External::ACTIVATIONS, 3 * 16 * 16 + held);
    assert_eq!(External::LAYERS.iter().map(|layer| layer.activations).sum::<usize>(), held);
    assert_eq!(External::MACS, backbone::Net::MACS + backbone::Head::<7>::MACS);
    let weight = param(state, "backbone.stem.weight");
    let slide = Slide::new([3, 3]).pad([1; 4]).stride([2, 2]);
    let y = plain::conv(&x, &weight, None, slide, 1, [8, 8]);
    let y = relu(&plain::bn(&y, state, "backbone.1", 1e-5));
    let y = relu(&conv(&y, state, "backbone.body"));
    close(&net.forward(&x).unwrap(), &linear(&plain::adaptive(&y, [1, 1]), state, "1.fc"));
}

network! {
    pub(crate) Same: 4x6x6 -> 4x6x6 { conv3-4 relu }

    /// Each copy of a network has weights of its own; branches can be repeated like groups.
    pub(crate) Copies: 4x6x6 -> 16x6x6 { stage: Same() x2 -> concat { id | id } x2 }
}

#[test]
fn networks_and_branches_can_be_repeated() {
    let x = tensor(&[2, 4, 6, 6]);
    let net = Copies::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    assert_eq!(
        names(state),
        [
            "stage.0.0.weight [4, 4, 3, 3]",
            "stage.0.0.bias [4]",
            "stage.1.0.weight [4, 4, 3, 3]",
            "stage.1.0.bias [4]",
        ]
    );
    let mut y = x.clone();
    for path in ["stage.0.0", "stage.1.0"] {
        let (weight, bias) = (param(state, &format!("{path}.weight")), param(state, &format!("{path}.bias")));
        y = relu(&plain::conv(&y, &weight, Some(&bias), Slide::new([3, 3]).pad([1; 4]), 1, [6, 6]));
    }
    let four = Tensor::cat(&[&y, &y, &y, &y], 1).unwrap();
    close(&net.forward(&x).unwrap(), &four);
}

/// The runtime under another name.
mod renamed {
    pub(crate) use cnn_runtime as engine;
}

mod elsewhere {
    cnn_runtime::network! {
        #![network(crate = crate::calls::renamed::engine)]
        pub(crate) Net: 1x4x4 -> 2 {
            block Unit(c) { residual { conv3-c bn } else (conv1-c bn) relu }
            Unit(3) -> pool2 -> dropout -> fc: fc2
        }
    }
}

#[test]
fn a_renamed_runtime() {
    let net = elsewhere::Net::init(Init::seed(1), &CPU).unwrap();
    assert_eq!(net.forward(tensor(&[2, 1, 4, 4])).unwrap().dims(), [2, 2]);
}
