//! Where branches meet: residual, dense, concat, add, mul; taps; several inputs and outputs.

use crate::plain::{self, CPU, Slide, close, names, param, relu, tensor};
use cnn_runtime::prelude::*;

fn conv(x: &Tensor, state: &State, path: &str, stride: usize) -> Tensor {
    let (weight, bias) = (param(state, &format!("{path}.weight")), param(state, &format!("{path}.bias")));
    let kernel = weight.dim(2).unwrap();
    let out = [x.dim(2).unwrap().div_ceil(stride), x.dim(3).unwrap().div_ceil(stride)];
    let slide = Slide::new([kernel; 2]).pad([kernel / 2; 4]).stride([stride; 2]);
    plain::conv(x, &weight, Some(&bias), slide, 1, out)
}

network! {
    pub(crate) Merges: 4x6x6 -> (
        identity: 4x6x6, projected: 6x3x3, absent: 6x3x3, kept: 4x6x6, dense: 7x6x6,
        concat: 9x6x6, add: 4x6x6, mul: 4x6x6, concat_taps: 8x6x6, add_taps: 4x6x6, mul_taps: 4x6x6,
        excited: 4x6x6, vector: 4x6x6, flat: 10, sum3: 5,
    ) {
        r1: residual { conv3-4 relu } @identity;
        r2: residual { conv3-6/2 } else short: (conv1-6/2) @projected;
        r3: residual { conv3-6/2 } else none @absent;
        r4: residual { conv3-4 } else none @kept;
        d: dense { conv3-3 relu } @dense;
        c: concat { conv1-2 | conv3-3 relu | id } @concat;
        a: add { conv1-4 | id | relu } @add;
        m: mul { conv1-4 sigmoid | conv3-4 } @mul;
        id @x -> left: conv3-4 @left -> right: conv1-4 @right;
        concat(@left, @right) @concat_taps;
        add(@left, @right, @x) @add_taps;
        mul(@right, @left) @mul_taps;
        mul { id | gap -> squeeze: conv1-2 relu -> excite: conv1-4 sigmoid } @excited;
        mul { gap -> gate: fc4 sigmoid | id } @vector;
        concat { f1: fc4 | f2: fc6 } @flat;
        add { s1: fc5 | gap -> s2: fc5 | gap -> s3: conv1-5 } -> flatten @sum3
    }
}

#[test]
fn merges() {
    let net = Merges::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    let x = tensor(&[2, 4, 6, 6]);
    let out = net.forward(&x).unwrap();
    close(&out.identity, &(relu(&conv(&x, state, "r1.0", 1)) + &x).unwrap());
    close(&out.projected, &(conv(&x, state, "r2.0", 2) + conv(&x, state, "r2.short.0", 2)).unwrap());
    close(&out.absent, &conv(&x, state, "r3.0", 2));
    close(&out.kept, &(conv(&x, state, "r4.0", 1) + &x).unwrap());
    close(&out.dense, &Tensor::cat(&[&x, &relu(&conv(&x, state, "d.0", 1))], 1).unwrap());
    let branches = [conv(&x, state, "c.0", 1), relu(&conv(&x, state, "c.1", 1)), x.clone()];
    close(&out.concat, &Tensor::cat(&branches, 1).unwrap());
    close(&out.add, &((conv(&x, state, "a.0", 1) + &x).unwrap() + relu(&x)).unwrap());
    let gate = plain::map(&conv(&x, state, "m.0", 1), |x| 1.0 / (1.0 + (-x).exp()));
    close(&out.mul, &(gate * conv(&x, state, "m.2", 1)).unwrap());
    let left = conv(&x, state, "left", 1);
    let right = conv(&left, state, "right", 1);
    close(&out.concat_taps, &Tensor::cat(&[&left, &right], 1).unwrap());
    close(&out.add_taps, &((&left + &right).unwrap() + &x).unwrap());
    close(&out.mul_taps, &(&left * &right).unwrap());
    // C and Cx1x1 over CxHxW.
    let mean = plain::adaptive(&x, [1, 1]);
    let sigmoid = |x: &Tensor| plain::map(x, |x| 1.0 / (1.0 + (-x).exp()));
    let gate = sigmoid(&conv(&relu(&conv(&mean, state, "squeeze", 1)), state, "excite", 1));
    close(&out.excited, &x.broadcast_mul(&gate).unwrap());
    let fc = |x: &Tensor, path: &str| {
        plain::linear(
            x,
            &param(state, &format!("{path}.weight")),
            Some(&param(state, &format!("{path}.bias"))),
        )
    };
    let gate = sigmoid(&fc(&mean, "gate")).reshape((2, 4, 1, 1)).unwrap();
    close(&out.vector, &x.broadcast_mul(&gate).unwrap());
    close(&out.flat, &Tensor::cat(&[fc(&x, "f1"), fc(&x, "f2")], 1).unwrap());
    let third = conv(&mean, state, "s3", 1).flatten_from(1).unwrap();
    close(&out.sum3, &((fc(&x, "s1") + fc(&mean, "s2")).unwrap() + third).unwrap());
}

network! {
    /// A residual that some calls project and others do not, beside one that is sometimes absent.
    pub(crate) Shortcuts: 4x8x8 -> 6x4x4 {
        block Projected(c) { residual { conv3-c/stride } else short: (conv1-c/stride bn) }
        block Skipped(c) { residual { conv3-c/stride } else none }
        Projected(4) -> Projected(6)/2 -> Projected(6) -> Skipped(6) -> Skipped(4) -> Skipped(6)
    }
}

#[test]
fn shortcuts_that_differ_between_calls() {
    let net = Shortcuts::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    crate::plain::shake(state);
    let projections: Vec<String> = names(state).into_iter().filter(|name| name.contains("short")).collect();
    assert_eq!(
        projections,
        [
            "1.short.0.weight [6, 4, 1, 1]",
            "1.short.1.weight [6]",
            "1.short.1.bias [6]",
            "1.short.1.running_mean [6]",
            "1.short.1.running_var [6]",
        ]
    );
    let x = tensor(&[2, 4, 8, 8]);
    let y = (conv(&x, state, "0.0", 1) + &x).unwrap();
    let weight = param(state, "1.short.0.weight");
    let short = plain::conv(&y, &weight, None, Slide::new([1, 1]).stride([2, 2]), 1, [4, 4]);
    let y = (conv(&y, state, "1.0", 2) + plain::bn(&short, state, "1.short.1", 1e-5)).unwrap();
    let y = (conv(&y, state, "2.0", 1) + &y).unwrap();
    let y = (conv(&y, state, "3.0", 1) + &y).unwrap();
    let y = conv(&y, state, "4.0", 1);
    close(&net.forward(&x).unwrap(), &conv(&y, state, "5.0", 1));
}

network! {
    /// Taps inside blocks, of one name in two blocks; a path that begins at a tap.
    pub(crate) Taps: 2x4x4 -> 6x4x4 {
        block A(c) { conv3-c @x -> relu -> @y }
        block B() { relu @x -> conv1-2 @y -> add(@x, @y) }
        B() -> B() -> A(2) -> @x; @x -> conv1-4 -> @y; concat(@x, @y)
    }
}

#[test]
fn taps_of_one_name_in_several_scopes() {
    let net = Taps::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    let x = tensor(&[2, 2, 4, 4]);
    let b = |x: &Tensor, path: &str| {
        let x = relu(x);
        (&x + conv(&x, state, path, 1)).unwrap()
    };
    let y = relu(&conv(&b(&b(&x, "0.1"), "1.1"), state, "2.0", 1));
    close(&net.forward(&x).unwrap(), &Tensor::cat(&[&y, &conv(&y, state, "3", 1)], 1).unwrap());
}

network! {
    /// Two inputs, three outputs; the inputs are used more than once.
    pub(crate) Ports: (left: 3x6x6, right: 2x3x3) -> (sum: 4x6x6, class: 10, box: 4) {
        left -> l: conv3-4 @l;
        right -> r: conv1-4 -> up2 @r;
        add(@l, @r) @sum -> gap -> class: fc10 @class;
        @sum -> gap @pooled;
        left -> gap @means;
        concat(@pooled, @means) -> boxes: conv1-4 -> flatten @box
    }
}

#[test]
fn several_inputs_and_outputs() {
    assert_eq!(Ports::INPUT, [("left", &[3usize, 6, 6][..]), ("right", &[2, 3, 3])]);
    assert_eq!(Ports::OUTPUT, [("sum", &[4usize, 6, 6][..]), ("class", &[10]), ("box", &[4])]);
    let net = Ports::init(Init::seed(1), &CPU).unwrap();
    let state = net.state();
    let (left, right) = (tensor(&[2, 3, 6, 6]), tensor(&[2, 2, 3, 3]));
    let out = net.forward(&left, &right).unwrap();
    let up = plain::up_nearest(&conv(&right, state, "r", 1), [2, 2]);
    let sum = (conv(&left, state, "l", 1) + up).unwrap();
    close(&out.sum, &sum);
    let pooled = plain::adaptive(&sum, [1, 1]);
    let (weight, bias) = (param(state, "class.weight"), param(state, "class.bias"));
    close(&out.class, &plain::linear(&pooled, &weight, Some(&bias)));
    let both = Tensor::cat(&[&pooled, &plain::adaptive(&left, [1, 1])], 1).unwrap();
    close(&out.r#box, &conv(&both, state, "boxes", 1).flatten_from(1).unwrap());
    let seen = net.trace(&left, &right).unwrap();
    close(&seen.l, &conv(&left, state, "l", 1));
    plain::same_bits(&seen.output.sum, &out.sum);
    let trained = net.forward_train(&left, &right).unwrap();
    plain::same_bits(&trained.class, &out.class);
    let error = net.forward(&right, &left).unwrap_err().to_string();
    assert!(error.contains("Ports") && error.contains("(N, 3, 6, 6)"), "{error}");
}
