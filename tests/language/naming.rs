//! Labels, paths, fields; odd names; several networks in one place; visibility.

use crate::plain::{CPU, close, names, tensor};
use cnn_runtime::prelude::*;

fn weights(state: &State) -> Vec<String> {
    let weights = names(state).into_iter().filter_map(|name| Some(name.split_once(".weight")?.0.to_owned()));
    weights.collect()
}

network! {
    pub(crate) Labels: 2x8x8 -> 5 {
        block Unit() { conv1-cin body: conv1-cin }
        block Deep() { inner: Unit() x2 }
        features: (
            conv1-2 relu
         -> (conv1-2 relu) x2
         -> stage: (conv1-2 -> deep: (conv1-2 first: conv1-2))
         -> Unit()
         -> Unit() x2
         -> named: Unit()
         -> many: Unit() x2
         -> unit[1..]: Unit() x2
         -> zero[0..]: Unit() x2
         -> group[3..]: (conv1-2) x2
         -> deeper: Deep()
        )
     -> pool2 -> classifier: (flatten fc7 relu -> last: fc5)
    }
}

#[test]
fn paths_are_those_of_pytorch() {
    let net = Labels::init(Init::seed(1), &CPU).unwrap();
    assert_eq!(
        weights(net.state()),
        [
            "features.0",
            "features.2",
            "features.4",
            "features.stage.0",
            "features.stage.deep.0",
            "features.stage.deep.first",
            "features.7.0",
            "features.7.body",
            "features.8.0",
            "features.8.body",
            "features.9.0",
            "features.9.body",
            "features.named.0",
            "features.named.body",
            "features.many.0.0",
            "features.many.0.body",
            "features.many.1.0",
            "features.many.1.body",
            "features.unit1.0",
            "features.unit1.body",
            "features.unit2.0",
            "features.unit2.body",
            "features.zero0.0",
            "features.zero0.body",
            "features.zero1.0",
            "features.zero1.body",
            "features.group3.0",
            "features.group4.0",
            "features.deeper.inner.0.0",
            "features.deeper.inner.0.body",
            "features.deeper.inner.1.0",
            "features.deeper.inner.1.body",
            "classifier.1",
            "classifier.last",
        ]
    );
    let paths: Vec<&str> = Labels::LAYERS.iter().map(|layer| layer.path).collect();
    assert_eq!(paths[0], "features.0");
    assert_eq!(paths[1], "features.1");
    assert_eq!(*paths.last().unwrap(), "classifier.last");
}

network! {
    /// Keywords, and the names that generated code uses itself.
    pub(crate) Odd: 2x4x4 -> (type: 2x4x4, fn: 2x4x4, output: 2x4x4) {
        block Self_(params, pass, x, r) { body: conv(kernel=params)-pass state: conv1-(x + r) x: id }
        type: conv1-2 @type;
        move: conv1-2 -> r#match: conv1-2 -> match_: conv1-2
     -> state: conv1-2 -> params: conv1-2 -> pass: conv1-2 -> x: conv1-2 -> self: conv1-2
     -> input: conv1-2 -> body: conv1-2 -> result: conv1-2 -> some: conv1-2 -> vec: conv1-2 -> core: conv1-2
     -> cnn_runtime: conv1-2 -> snake_case: conv1-2 -> x2y: conv1-2 -> _hidden: conv1-2 -> builder: conv1-2
     -> residual: conv1-2 -> block: conv1-2 -> conv: conv1-2 -> rust: conv1-2 -> concat: conv1-2 -> dense: conv1-2
     -> run: conv1-2 -> forward: conv1-2 -> init: conv1-2 -> device: conv1-2 -> path: conv1-2
     -> shortcut: residual { conv1-2 } -> branch_1: concat { one: conv1-1 | branch_2: conv1-1 }
     -> Self_(3, 2, 1, 1) -> Self_(1, 4, 0, 2)
     -> @fn -> relu -> @output
    }
}

#[test]
fn odd_names() {
    let net = Odd::init(Init::seed(1), &CPU).unwrap();
    let x = tensor(&[2, 2, 4, 4]);
    let out = net.forward(&x).unwrap();
    let conv = |layer: &cnn_runtime::layers::Conv2d| layer.forward(&x).unwrap();
    close(&out.r#type, &conv(&net.r#type));
    close(&out.output, &out.r#fn.relu().unwrap());
    let _ = (conv(&net.r#move), conv(&net.state_), conv(&net.params), conv(&net.pass), conv(&net.x));
    let names = weights(net.state());
    for name in
        ["type", "move", "state", "params", "pass", "x", "self", "core", "_hidden", "x2y", "shortcut.0"]
    {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
    let seen = net.trace(&x).unwrap();
    assert_eq!(seen.r#type.dims(), [2, 2, 4, 4]);
    assert_eq!(seen.output.output.dims(), [2, 2, 4, 4]);
    assert_eq!(seen.snake_case.dims(), [2, 2, 4, 4]);
}

// Two declarations in one module, with blocks of the same name, one private and one not.
network! {
    One: 1x2x2 -> 2 { block Unit(c) { conv1-c relu } Unit(2) -> Unit(3) -> fc2 }
    pub(super) Two: 1x2x2 -> 2 { block Unit(c) { conv1-c tanh } first: Unit(2) -> fc2 }
}

network! {
    pub(crate) Three: 1x2x2 -> 2 { block Unit() { bn } Unit() -> fc2 }
}

#[test]
fn several_networks_in_one_module() {
    let x = tensor(&[2, 1, 2, 2]);
    let (one, two) = (One::init(Init::seed(1), &CPU).unwrap(), Two::init(Init::seed(1), &CPU).unwrap());
    let three = Three::init(Init::seed(1), &CPU).unwrap();
    for dims in
        [one.forward(&x).unwrap().dims(), two.forward(&x).unwrap().dims(), three.forward(&x).unwrap().dims()]
    {
        assert_eq!(dims, [2, 2]);
    }
    assert_eq!(weights(one.state()), ["0.0", "1.0", "2"]);
    assert_eq!(weights(two.state()), ["first.0", "1"]);
    assert_eq!(weights(three.state()), ["0.0", "1"]);
    // A struct of a block is named after its network, and its fields after the layers.
    let block: &TwoUnit = &two.first;
    assert_eq!(block.conv_0.forward(&x).unwrap().dims(), [2, 2, 2, 2]);
}

/// In a function, where nothing else is in scope but what it declares.
#[test]
fn a_network_in_a_function() {
    const WIDTH: usize = 3;
    network! { Local: 1x2x2 -> 2 { block Unit(c) { conv1-c } Unit(WIDTH) -> fc2 } }
    let net = Local::init(Init::seed(1), &CPU).unwrap();
    assert_eq!(Local::PARAMS, 6 + 26);
    assert_eq!(net.forward(tensor(&[2, 1, 2, 2])).unwrap().dims(), [2, 2]);
}

macro_rules! declare {
    ($name:ident, $classes:literal, $hidden:expr) => {
        network! { $name: 1x2x2 -> $classes { fc-$hidden relu -> fc-$classes } }
    };
}

declare!(FromMacro, 3, 5);

/// `macro_rules!` fragments arrive in groups of their own.
#[test]
fn a_network_from_a_macro() {
    assert_eq!(FromMacro::PARAMS, 25 + 18);
}
