//! Parts of the channels, and a look inside: stages, their gradients, stages of networks that are layers.

use crate::plain::{self, CPU, Slide, close, flat, names, param, relu, tensor};
use cnn_runtime::Network;
use cnn_runtime::prelude::*;

fn conv(x: &Tensor, state: &State, path: &str) -> Tensor {
    let (weight, bias) = (param(state, &format!("{path}.weight")), param(state, &format!("{path}.bias")));
    // A matrix is a 1x1 kernel.
    let kernel = weight.dim(2).unwrap_or(1);
    let (out, inner) = weight.dims2().unwrap_or_else(|_| (weight.dim(0).unwrap(), weight.dim(1).unwrap()));
    let weight = weight.reshape((out, inner, kernel, kernel)).unwrap();
    let size = [x.dim(2).unwrap(), x.dim(3).unwrap()];
    plain::conv(x, &weight, Some(&bias), Slide::new([kernel; 2]).pad([kernel / 2; 4]), 1, size)
}

network! {
    pub(crate) Parts: 6x4x3 -> (
        two: 8x4x3, three: 9x4x3, again: 6x4x3, flat: 7, shuffled: 6x4x3, matrix: 5x4x3, unbiased: 5x4x3,
    ) {
        s2: split { id | conv3-5 relu } @two;
        s3: split { conv1-4 | | conv3-3 } @three;
        r: split { id | conv1-3 } x2 @again;
        gap -> flatten -> f: split { fc4 | id } @flat;
        channelshuffle3 @shuffled;
        matrix: conv1-5(linear) @matrix;
        unbiased: conv1-5(linear, bias=false) @unbiased
    }
}

#[test]
fn parts_of_the_channels() {
    let net = Parts::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    let x = tensor(&[2, 6, 4, 3]);
    let out = net.forward(&x).unwrap();
    let part = |x: &Tensor, of: usize, index: usize| {
        let each = x.dim(1).unwrap() / of;
        let channels: Vec<u32> = (index * each..(index + 1) * each).map(|channel| channel as u32).collect();
        x.index_select(&Tensor::new(channels, &CPU).unwrap(), 1).unwrap()
    };
    let join = |parts: &[&Tensor]| Tensor::cat(parts, 1).unwrap();
    close(&out.two, &join(&[&part(&x, 2, 0), &relu(&conv(&part(&x, 2, 1), state, "s2.1"))]));
    let branches =
        [conv(&part(&x, 3, 0), state, "s3.0"), part(&x, 3, 1), conv(&part(&x, 3, 2), state, "s3.1")];
    close(&out.three, &join(&[&branches[0], &branches[1], &branches[2]]));
    let once = join(&[&part(&x, 2, 0), &conv(&part(&x, 2, 1), state, "r.0.1")]);
    close(&out.again, &join(&[&part(&once, 2, 0), &conv(&part(&once, 2, 1), state, "r.1.1")]));
    let pooled = plain::adaptive(&x, [1, 1]).flatten_from(1).unwrap();
    let (weight, bias) = (param(state, "f.0.weight"), param(state, "f.0.bias"));
    let left = plain::linear(&part(&pooled, 2, 0), &weight, Some(&bias));
    close(&out.flat, &join(&[&left, &part(&pooled, 2, 1)]));
    // Three groups of two channels: 0 2 4 1 3 5.
    let turns = Tensor::new(&[0u32, 2, 4, 1, 3, 5], &CPU).unwrap();
    close(&out.shuffled, &x.index_select(&turns, 1).unwrap());
    assert_eq!(param(state, "matrix.weight").dims(), [5, 6]);
    assert!(state.get("unbiased.bias").is_none());
    close(&out.matrix, &conv(&x, state, "matrix"));
}

network! {
    pub(crate) Seen: 2x3x3 -> 4 { first: conv1-2 @bare relu @half -> tail: (flatten -> fc4) }

    pub(crate) SeenTwice: 2x3x3 -> (low: 3, high: 3x1x1) {
        conv: conv3-3 @map -> gap @pooled -> fc: fc3 @low;
        @map -> gap -> @high
    }
}

/// The values of a tensor but for rounding.
fn nearly(found: &Tensor, wanted: &[f64]) {
    let found = flat(found);
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((wanted - found).abs() < 1e-5, "{found} for {wanted}");
    }
}

#[test]
fn gradients_of_stages() {
    let net = Seen::init(Init::seed(3), &CPU).unwrap();
    let x = tensor(&[1, 2, 3, 3]);
    // Twice the third score: its gradient at `half` is twice the third row of the matrix, at `bare` where that is
    // above zero.
    let (seen, slopes) = net.trace_gradients(&x, |output| output.narrow(1, 2, 1)?.sum_all()? * 2.0).unwrap();
    let row: Vec<f64> =
        flat(&param(net.state(), "tail.1.weight").get(2).unwrap()).iter().map(|w| 2.0 * w).collect();
    nearly(&slopes.half, &row);
    let bare = flat(&conv(&x, net.state(), "first"));
    nearly(&seen.bare, &bare);
    let gated: Vec<f64> = row.iter().zip(&bare).map(|(w, x)| if *x > 0.0 { *w } else { 0.0 }).collect();
    nearly(&slopes.bare, &gated);
    nearly(&slopes.first, &gated);
    nearly(&slopes.output, &[0.0, 0.0, 2.0, 0.0]);
    let names: Vec<&str> = seen.stages().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["first", "bare", "half", "tail"]);

    // The same of any network.
    let any: Box<dyn Network> = Box::new(net);
    assert_eq!((any.name(), any.input_shape(), any.output_shape()), ("Seen", &[2, 3, 3][..], &[4][..]));
    assert_eq!(any.layers().len(), Seen::LAYERS.len());
    let stages = any.stage_gradients(&x, &|output| output.narrow(1, 2, 1)?.sum_all()? * 2.0).unwrap();
    let (stage, gradient) = &stages[2];
    assert_eq!((stage.name.as_str(), stage.value.dims()), ("half", &[1, 2, 3, 3][..]));
    nearly(gradient, &row);
    let stages = any.stages(&x).unwrap();
    nearly(&stages[1].value, &bare);
    assert!(any.stages(&tensor(&[1, 2, 3, 4])).unwrap_err().to_string().contains("Seen"));
}

#[test]
fn gradients_of_several_outputs() {
    let net = SeenTwice::init(Init::seed(3), &CPU).unwrap();
    let x = tensor(&[2, 2, 3, 3]);
    // Of the sum of one output: a ninth at every place of the map, ones at that output, nothing at the other.
    let (seen, slopes) = net.trace_gradients(&x, |output| output.high.sum_all()).unwrap();
    nearly(&slopes.map, &[1.0 / 9.0; 54]);
    nearly(&slopes.conv, &[1.0 / 9.0; 54]);
    nearly(&slopes.output.high, &[1.0; 6]);
    nearly(&slopes.output.low, &[0.0; 6]);
    nearly(&slopes.pooled, &[0.0; 6]);
    nearly(&seen.output.high, &flat(&seen.pooled));
}

network! {
    pub(crate) Pyramid<WIDTH = 3>: 2x8x8 -> [WIDTH, 4, 4] {
        body: Backbone(4);
        @body.coarse -> lateral: conv1-WIDTH -> up2 -> @up;
        @body.fine -> conv1-WIDTH -> @same;
        add(@up, @same)
    }

    pub(crate) Backbone<WIDTH>: 2x8x8 -> (fine: [WIDTH, 4, 4], coarse: 5x2x2) {
        conv1: conv3-WIDTH relu -> pool2 @fine -> conv2: conv3-5 relu -> pool2 @coarse
    }

    /// What goes on behind a network, and a value inside it.
    pub(crate) Both: 2x8x8 -> 8x4x4 { inner: Half() -> @end; concat(@inner.seen, @end) }

    pub(crate) Half: 2x8x8 -> 4x4x4 { pool2 -> conv3-4 @seen relu }

    /// The trunk's names stand beside its own.
    pub(crate) Headed: 2x8x8 -> (class: 3, box: 4) { _: Half() -> gap @pooled -> fc: fc3 @class; @pooled -> box: fc4 @box }

    /// One below a label, and a look inside.
    pub(crate) Below: 2x8x8 -> 4x4x4 { trunk: (_: Half()); @_.seen -> tail: conv1-4 }
}

mod elsewhere {
    use cnn_runtime::prelude::*;

    network! {
        pub(crate) FromElsewhere: 2x8x8 -> 4x4x4 {
            body: crate::stages::Half => (seen: 4x4x4);
            @body.seen -> conv1-4
        }

        pub(crate) Generic: 2x8x8 -> 5x2x2 {
            body: super::Backbone::<6> => (coarse: 5x2x2, fine: 6x4x4);
            @body.fine -> pool2 -> conv1-5 -> @other;
            add(@body.coarse, @other)
        }
    }
}

fn half(x: &Tensor) -> Tensor {
    let size = [x.dim(2).unwrap() / 2, x.dim(3).unwrap() / 2];
    plain::max_pool(x, Slide::new([2, 2]).stride([2, 2]), size)
}

#[test]
fn stages_of_networks_that_are_layers() {
    let x = tensor(&[2, 2, 8, 8]);
    let net = Pyramid::<3>::init(Init::seed(5), &CPU).unwrap();
    let state = net.state();
    let fine = half(&relu(&conv(&x, state, "body.conv1")));
    let coarse = half(&relu(&conv(&fine, state, "body.conv2")));
    let up = plain::up_nearest(&conv(&coarse, state, "lateral"), [2, 2]);
    close(&net.forward(&x).unwrap(), &(up + conv(&fine, state, "3")).unwrap());
    // Its parts learn.
    let loss = net.forward_train(&x).unwrap().sqr().unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    for var in net.trainable() {
        assert!(gradients.get(&var).is_some(), "{:?}", var.dims());
    }

    let net = Both::init(Init::seed(5), &CPU).unwrap();
    let seen = conv(&half(&x), net.state(), "inner.1");
    close(&net.forward(&x).unwrap(), &Tensor::cat(&[&seen, &relu(&seen)], 1).unwrap());

    let net = elsewhere::FromElsewhere::init(Init::seed(5), &CPU).unwrap();
    let seen = conv(&half(&x), net.state(), "body.1");
    close(&net.forward(&x).unwrap(), &conv(&seen, net.state(), "1"));

    let net = elsewhere::Generic::init(Init::seed(5), &CPU).unwrap();
    let state = net.state();
    let fine = half(&relu(&conv(&x, state, "body.conv1")));
    let coarse = half(&relu(&conv(&fine, state, "body.conv2")));
    close(&net.forward(&x).unwrap(), &(coarse + conv(&half(&fine), state, "2")).unwrap());
    assert_eq!(elsewhere::Generic::PARAMS, Backbone::<6>::PARAMS + 6 * 5 + 5);
    assert_eq!(Half::STAGES, [("seen", &[4, 4, 4][..])]);
}

#[test]
fn names_of_a_trunk() {
    let net = Headed::init(Init::seed(1), &CPU).unwrap();
    let wanted = [
        "1.weight [4, 2, 3, 3]",
        "1.bias [4]",
        "fc.weight [3, 4]",
        "fc.bias [3]",
        "box.weight [4, 4]",
        "box.bias [4]",
    ];
    assert_eq!(names(net.state()), wanted);
    let below = Below::init(Init::seed(1), &CPU).unwrap();
    let wanted =
        ["trunk.1.weight [4, 2, 3, 3]", "trunk.1.bias [4]", "tail.weight [4, 4, 1, 1]", "tail.bias [4]"];
    assert_eq!(names(below.state()), wanted);
    let x = tensor(&[1, 2, 8, 8]);
    let seen = conv(&half(&x), below.state(), "trunk.1");
    close(&below.forward(&x).unwrap(), &conv(&seen, below.state(), "tail"));
}
