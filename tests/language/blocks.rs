//! Blocks: parameters, defaults, `cin`, `stride`, layers as arguments, blocks in blocks, repeats.

use crate::plain::{self, CPU, Slide, close, names, param, relu, shake, tensor};
use cnn_runtime::prelude::*;

/// A 3x3 convolution with half padding.
fn conv3(x: &Tensor, state: &State, path: &str, stride: usize) -> Tensor {
    let (weight, bias) = (param(state, &format!("{path}.weight")), state.get(&format!("{path}.bias")));
    let out = [x.dim(2).unwrap().div_ceil(stride), x.dim(3).unwrap().div_ceil(stride)];
    let slide = Slide::new([3, 3]).pad([1; 4]).stride([stride; 2]);
    plain::conv(x, &weight, bias.map(|bias| bias.as_tensor()), slide, 1, out)
}

fn conv1(x: &Tensor, state: &State, path: &str, stride: usize) -> Tensor {
    let (weight, bias) = (param(state, &format!("{path}.weight")), state.get(&format!("{path}.bias")));
    let out = [x.dim(2).unwrap().div_ceil(stride), x.dim(3).unwrap().div_ceil(stride)];
    let slide = Slide::new([1, 1]).stride([stride; 2]);
    plain::conv(x, &weight, bias.map(|bias| bias.as_tensor()), slide, 1, out)
}

network! {
    /// Numbers as parameters: positional, by name, by default, from an earlier parameter, from `cin`.
    pub(crate) Parameters: 4x8x8 -> 6x4x4 {
        block Unit(c, k = 3, wide = 2*c) {
            conv(kernel=k)-wide/stride relu -> conv1-c
        }
        block Same() { conv1-cin -> conv1-(cin/2 + 1) }
        Unit(4)
     -> Unit(6, 1)
     -> Unit(k=5, c=4, wide=3)
     -> Unit(8, stride=2)
     -> Same()                      => 5x4x4
     -> Unit(6)/1
    }
}

#[test]
fn parameters_and_defaults() {
    let net = Parameters::init(Init::seed(1), &CPU).unwrap();
    assert_eq!(
        names(net.state()),
        [
            "0.0.weight [8, 4, 3, 3]",
            "0.0.bias [8]",
            "0.2.weight [4, 8, 1, 1]",
            "0.2.bias [4]",
            "1.0.weight [12, 4, 1, 1]",
            "1.0.bias [12]",
            "1.2.weight [6, 12, 1, 1]",
            "1.2.bias [6]",
            "2.0.weight [3, 6, 5, 5]",
            "2.0.bias [3]",
            "2.2.weight [4, 3, 1, 1]",
            "2.2.bias [4]",
            "3.0.weight [16, 4, 3, 3]",
            "3.0.bias [16]",
            "3.2.weight [8, 16, 1, 1]",
            "3.2.bias [8]",
            "4.0.weight [8, 8, 1, 1]",
            "4.0.bias [8]",
            "4.1.weight [5, 8, 1, 1]",
            "4.1.bias [5]",
            "5.0.weight [12, 5, 3, 3]",
            "5.0.bias [12]",
            "5.2.weight [6, 12, 1, 1]",
            "5.2.bias [6]",
        ]
    );
    let x = tensor(&[2, 4, 8, 8]);
    let state = net.state();
    let unit = |x: &Tensor, path: &str, kernel: usize, stride: usize| {
        let (weight, bias) =
            (param(state, &format!("{path}.0.weight")), param(state, &format!("{path}.0.bias")));
        let slide = Slide::new([kernel; 2]).pad([kernel / 2; 4]).stride([stride; 2]);
        let out = [x.dim(2).unwrap() / stride, x.dim(3).unwrap() / stride];
        let y = relu(&plain::conv(x, &weight, Some(&bias), slide, 1, out));
        conv1(&y, state, &format!("{path}.2"), 1)
    };
    let y = unit(&x, "0", 3, 1);
    let y = unit(&y, "1", 1, 1);
    let y = unit(&y, "2", 5, 1);
    let y = unit(&y, "3", 3, 2);
    let y = conv1(&conv1(&y, state, "4.0", 1), state, "4.1", 1);
    let y = unit(&y, "5", 3, 1);
    close(&net.forward(&x).unwrap(), &y);
}

network! {
    /// Layers as arguments: two calls with two layers are two structs; a group; a block; a default.
    pub(crate) Layers: 4x8x8 -> 4x8x8 {
        block Unit(act, norm = id) { conv: conv3-4 norm: norm act }
        block Own() { conv1-4 }
        Unit(relu)
     -> Unit(tanh)
     -> Unit(leaky(0.2), bn)
     -> Unit(act=(conv1-4 relu))
     -> Unit(Own())
     -> Unit(act=relu)
    }
}

#[test]
fn layers_as_arguments() {
    let net = Layers::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    shake(state);
    let x = tensor(&[2, 4, 8, 8]);
    let y = relu(&conv3(&x, state, "0.conv", 1));
    let y = plain::map(&conv3(&y, state, "1.conv", 1), f64::tanh);
    assert!(state.get("2.conv.bias").is_none(), "a norm follows");
    let y = plain::bn(&conv3(&y, state, "2.conv", 1), state, "2.norm", 1e-5);
    let y = plain::map(&y, |x| if x < 0.0 { 0.2 * x } else { x });
    let y = relu(&conv1(&conv3(&y, state, "3.conv", 1), state, "3.2", 1));
    let y = conv1(&conv3(&y, state, "4.conv", 1), state, "4.2.0", 1);
    let y = relu(&conv3(&y, state, "5.conv", 1));
    close(&net.forward(&x).unwrap(), &y);
}

network! {
    /// The numbers inside a layer that is an argument, or in an option, differ between the calls.
    pub(crate) Options: 8x8x8 -> 8x8x8 {
        block Norm(norm) { norm: norm }
        block Any(layer) { layer }
        block Eps(e) { norm: bn(eps=e) }
        block Padded(p) { pad(p) conv: conv3-8(valid) crop(8x8) }
        block Biased(layer) { conv: layer }
        gn2: Norm(gn2)
     -> gn4: Norm(gn4)
     -> gn_eps: Norm(gn4(eps=0.5))
     -> bn1: Eps(0.00001)
     -> bn2: Eps(0.5)
     -> bare: Norm(bn(affine=false))
     -> full: Norm(bn)
     -> p1: Padded(1)
     -> p2: Padded(2)
     -> b1: Biased(conv1-8)
     -> b2: Biased(conv1-8(bias=false))
     -> b3: Biased(dw3)
     -> b4: Biased(conv4-8(same))
     -> Any(pool3/1(same)) -> Any(pool3/1(half)) -> Any(pool3/2(same)) -> Any(up2) -> Any(up2(bilinear))
     -> Any(avgpool3/2(pad=1)) -> Any(avgpool3/1(pad=1, count_include_pad=false))
     -> Any(pool2(ceil)) -> Any(pool2) -> Any(up4)
    }
}

#[test]
fn options_that_differ_between_calls() {
    let net = Options::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    shake(state);
    let x = tensor(&[2, 8, 8, 8]);
    let seen = net.trace(&x).unwrap();
    let group = |x: &Tensor, path: &str, size: usize, eps: f64| {
        let affine =
            (param(state, &format!("{path}.norm.weight")), param(state, &format!("{path}.norm.bias")));
        plain::normalize(x, eps, Some((&affine.0, &affine.1)), |a, b| {
            a[0] == b[0] && a[1] / size == b[1] / size
        })
    };
    close(&seen.gn2, &group(&x, "gn2", 4, 1e-5));
    close(&seen.gn4, &group(&seen.gn2, "gn4", 2, 1e-5));
    close(&seen.gn_eps, &group(&seen.gn4, "gn_eps", 2, 0.5));
    close(&seen.bn1, &plain::bn(&seen.gn_eps, state, "bn1.norm", 1e-5));
    close(&seen.bn2, &plain::bn(&seen.bn1, state, "bn2.norm", 0.5));
    assert!(state.get("bare.norm.weight").is_none());
    close(&seen.bare, &plain::bn(&seen.bn2, state, "bare.norm", 1e-5));
    assert!(state.get("full.norm.weight").is_some());
    close(&seen.full, &plain::bn(&seen.bare, state, "full.norm", 1e-5));
    // The convolution of a padded image, and its centre.
    close(&seen.p1, &conv3(&seen.full, state, "p1.conv", 1));
    close(&seen.p2, &conv3(&seen.p1, state, "p2.conv", 1));
    close(&seen.b1, &conv1(&seen.p2, state, "b1.conv", 1));
    assert!(state.get("b2.conv.bias").is_none());
    close(&seen.b2, &conv1(&seen.b1, state, "b2.conv", 1));
    let (weight, bias) = (param(state, "b3.conv.weight"), param(state, "b3.conv.bias"));
    let slide = Slide::new([3, 3]).pad([1; 4]);
    close(&seen.b3, &plain::conv(&seen.b2, &weight, Some(&bias), slide, 8, [8, 8]));
    let (weight, bias) = (param(state, "b4.conv.weight"), param(state, "b4.conv.bias"));
    let slide = Slide::new([4, 4]).pad([1, 2, 1, 2]);
    close(&seen.b4, &plain::conv(&seen.b3, &weight, Some(&bias), slide, 1, [8, 8]));
    let three = Slide::new([3, 3]);
    let y = plain::max_pool(&seen.b4, three.pad([1; 4]), [8, 8]);
    let y = plain::max_pool(&y, three.pad([1; 4]), [8, 8]);
    let y = plain::max_pool(&y, three.stride([2, 2]).pad([0, 1, 0, 1]), [4, 4]);
    let y = plain::up_bilinear(&plain::up_nearest(&y, [2, 2]), [2, 2]);
    let y = plain::avg_pool(&y, three.stride([2, 2]).pad([1; 4]), true, [8, 8]);
    let y = plain::avg_pool(&y, three.pad([1; 4]), false, [8, 8]);
    let two = Slide::new([2, 2]).stride([2, 2]);
    let y = plain::max_pool(&plain::max_pool(&y, two, [4, 4]), two, [2, 2]);
    close(&seen.output, &plain::up_nearest(&y, [4, 4]));
}

network! {
    /// Blocks in blocks; the inner one's stride comes from the outer's.
    pub(crate) Nested: 3x8x8 -> 8x2x2 {
        block Inner(c, k) { conv(kernel=k)-c/stride relu }
        block Outer(c) { first: Inner(c, 3, stride=stride) -> Inner(2*c, 1) }
        block Outermost(c) { Outer(c)/stride -> tail: Outer(cin)/1 }
        Outermost(4)/2 -> conv1-4 -> last: Outer(4)/2
    }
}

#[test]
fn nested_blocks() {
    let net = Nested::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    assert_eq!(
        names(state).into_iter().filter(|name| name.contains("weight")).collect::<Vec<_>>(),
        [
            "0.0.first.0.weight [4, 3, 3, 3]",
            "0.0.1.0.weight [8, 4, 1, 1]",
            "0.tail.first.0.weight [3, 8, 3, 3]",
            "0.tail.1.0.weight [6, 3, 1, 1]",
            "1.weight [4, 6, 1, 1]",
            "last.first.0.weight [4, 4, 3, 3]",
            "last.1.0.weight [8, 4, 1, 1]",
        ]
    );
    let x = tensor(&[2, 3, 8, 8]);
    let outer = |x: &Tensor, path: &str, stride: usize| {
        let y = relu(&conv3(x, state, &format!("{path}.first.0"), stride));
        relu(&conv1(&y, state, &format!("{path}.1.0"), 1))
    };
    let y = outer(&outer(&x, "0.0", 2), "0.tail", 1);
    let y = outer(&conv1(&y, state, "1", 1), "last", 2);
    close(&net.forward(&x).unwrap(), &y);
}

network! {
    /// Repeats of calls, groups and residuals, with and without a first stride, with and without labels.
    pub(crate) Repeats: 2x16x16 -> (calls: 4x8x8, groups: 2x4x4, residuals: 2x8x8, plain: 2x16x16, dense: 6x16x16) {
        block Unit(c) { conv3-c/stride relu }
        stage: Unit(4) x3/2 @calls;
        g: (conv3-2/stride relu) x2/2 -> (conv3-2/stride) x2/2 @groups;
        res: residual { conv3-2/stride relu conv3-2 } x2/2 else short: conv1-2/stride @residuals;
        plain: residual { conv3-2 } x2 @plain;
        d: dense { conv3-2 } x2 @dense
    }
}

#[test]
fn repeats() {
    let net = Repeats::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    let weights: Vec<String> = names(state).into_iter().filter(|name| name.contains("weight")).collect();
    assert_eq!(
        weights,
        [
            "stage.0.0.weight [4, 2, 3, 3]",
            "stage.1.0.weight [4, 4, 3, 3]",
            "stage.2.0.weight [4, 4, 3, 3]",
            "g.0.weight [2, 2, 3, 3]",
            "g.2.weight [2, 2, 3, 3]",
            "2.weight [2, 2, 3, 3]",
            "3.weight [2, 2, 3, 3]",
            "res.0.0.weight [2, 2, 3, 3]",
            "res.0.2.weight [2, 2, 3, 3]",
            "res.0.short.weight [2, 2, 1, 1]",
            "res.1.0.weight [2, 2, 3, 3]",
            "res.1.2.weight [2, 2, 3, 3]",
            "plain.0.0.weight [2, 2, 3, 3]",
            "plain.1.0.weight [2, 2, 3, 3]",
            "d.0.0.weight [2, 2, 3, 3]",
            "d.1.0.weight [2, 4, 3, 3]",
        ]
    );
    let x = tensor(&[2, 2, 16, 16]);
    let out = net.forward(&x).unwrap();
    let mut y = relu(&conv3(&x, state, "stage.0.0", 2));
    for copy in ["stage.1.0", "stage.2.0"] {
        y = relu(&conv3(&y, state, copy, 1));
    }
    close(&out.calls, &y);
    let y = relu(&conv3(&relu(&conv3(&x, state, "g.0", 2)), state, "g.2", 1));
    close(&out.groups, &conv3(&conv3(&y, state, "2", 2), state, "3", 1));
    let body = conv3(&relu(&conv3(&x, state, "res.0.0", 2)), state, "res.0.2", 1);
    let y = (body + conv1(&x, state, "res.0.short", 2)).unwrap();
    let body = conv3(&relu(&conv3(&y, state, "res.1.0", 1)), state, "res.1.2", 1);
    close(&out.residuals, &(body + y).unwrap());
    let y = (&x + conv3(&x, state, "plain.0.0", 1)).unwrap();
    close(&out.plain, &(&y + conv3(&y, state, "plain.1.0", 1)).unwrap());
    let y = Tensor::cat(&[&x, &conv3(&x, state, "d.0.0", 1)], 1).unwrap();
    close(&out.dense, &Tensor::cat(&[&y, &conv3(&y, state, "d.1.0", 1)], 1).unwrap());
}
