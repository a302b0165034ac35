//! Every head of the layer table, with its options.

use crate::plain::{self, CPU, Slide, close, flat, param, shake, tensor};
use cnn_runtime::prelude::*;

network! {
    pub(crate) Convs: 4x9x8 -> (
        half: 6x9x8, oblong: 5x9x8, strided: 6x5x4, valid: 6x7x6, full: 6x11x10, same: 6x5x4, padded: 6x10x9,
        pair: 6x7x10, sides: 6x8x9, dilated: 6x9x8, dilations: 6x7x2, grouped: 6x9x8, unbiased: 6x9x8,
        kernel: 6x5x8, strides: 6x9x4, dw: 4x9x8, dws: 4x5x4, dwk: 4x5x2,
    ) {
        half: conv3-6 @half;
        oblong: conv7x1-5 @oblong;
        strided: conv3-6/2 @strided;
        valid: conv3-6(valid) @valid;
        full: conv3-6(full) @full;
        same: conv4-6/2(same) @same;
        padded: conv4-6(pad=2) @padded;
        pair: conv3-6(pad=[0, 2]) @pair;
        sides: conv3-6(pad=[1, 0, 2, 1]) @sides;
        dilated: conv3-6(dilation=2) @dilated;
        dilations: conv3-6(dilation=[1, 3], valid) @dilations;
        grouped: conv3-6(groups=2) @grouped;
        unbiased: conv1-6(bias=false) @unbiased;
        kernel: conv(kernel=[3, 5])-6/[2, 1] @kernel;
        strides: conv3-6(stride=[1, 2]) @strides;
        dw: dw3 @dw;
        dws: dw3/2(bias=false) @dws;
        dwk: dw(kernel=5)/[1, 2](valid) @dwk
    }

    pub(crate) Deconvs: 4x5x4 -> (
        plain: 6x6x5, strided: 6x12x10, padded: 6x10x8, outpad: 6x10x8, grouped: 6x10x8, dilated: 6x9x8,
        half: 6x5x4, full: 6x3x2, pair: 6x10x6, like: 6x9x8,
    ) {
        plain: deconv2-6 @plain;
        strided: deconv4-6/2 @strided;
        padded: deconv4-6/2(pad=1) @padded;
        outpad: deconv3-6/2(pad=1, outpad=1) @outpad;
        grouped: deconv2-6/2(groups=2, bias=false) @grouped;
        dilated: deconv3-6(dilation=2) @dilated;
        half: deconv3-6(half) @half;
        full: deconv3-6(full) @full;
        pair: deconv(kernel=[2, 3])-6/[2, 1] @pair;
        up2 -> pad([0, 0, 0, 0]) crop(9x8) @big -> avgpool(5x4) -> like: deconv3-6/2(pad=1, like @big) @like
    }

    pub(crate) Pools: 3x9x8 -> (
        two: 3x4x4, three: 3x4x3, padded: 3x5x4, half: 3x9x8, ceil: 3x5x4, ceil3: 3x4x4, same: 3x5x4,
        dilated: 3x7x6, oblong: 3x4x8, kernel: 3x7x4,
        avg: 3x4x4, avgpad: 3x5x4, uncounted: 3x5x4, avgceil: 3x5x5, adaptive: 3x4x3, square: 3x2x2, gap: 3x1x1,
    ) {
        pool2 @two;
        pool3/2 @three;
        pool3/2(pad=1) @padded;
        pool3/1(half) @half;
        pool2(ceil) @ceil;
        pool3/2(ceil) @ceil3;
        pool3/2(same) @same;
        pool2/1(dilation=2) @dilated;
        pool2x1 @oblong;
        pool(kernel=[3, 2])/[1, 2] @kernel;
        avgpool2 @avg;
        avgpool3/2(pad=1) @avgpad;
        avgpool3/2(pad=1, count_include_pad=false) @uncounted;
        avgpool3/2(pad=1, ceil) @avgceil;
        avgpool(4x3) @adaptive;
        avgpool(2) @square;
        gap @gap
    }

    pub(crate) Shapes: 4x5x4 -> (
        nearest: 4x10x8, word: 4x10x8, bilinear: 4x15x12, oblong: 4x15x8, scaled: 4x5x12, shuffled: 1x10x8,
        flat: 80, same: 4x5x4, cropped: 4x3x2, like: 4x3x2, padded: 4x7x6, pair: 4x7x8, sides: 4x6x6,
    ) {
        up2 @nearest;
        up2(nearest) @word;
        up3(bilinear) @bilinear;
        up3x2 @oblong;
        up(scale=[1, 3]) @scaled;
        shuffle2 @shuffled;
        flatten @flat;
        id @same;
        crop(3x2) @cropped;
        avgpool(3x2) @target -> up3 -> crop(like @target) @like;
        pad(1) @padded;
        pad([1, 2]) @pair;
        pad([0, 1, 2, 0]) @sides
    }

    pub(crate) Norms: 6x3x4 -> (
        bn: 6x3x4, eps: 6x3x4, bare: 6x3x4, ln: 6x3x4, ln_eps: 6x3x4, ln_flat: 72, inorm: 6x3x4, inorm_affine: 6x3x4,
        gn: 6x3x4, gn1: 6x3x4, lrn: 6x3x4, lrn4: 6x3x4, scale: 6x3x4,
    ) {
        bn: bn @bn;
        eps: bn(eps=0.1, momentum=0.3) @eps;
        bare: bn(affine=false) @bare;
        ln: ln @ln;
        ln_eps: ln(eps=0.1) @ln_eps;
        flatten -> ln_flat: ln @ln_flat;
        inorm: inorm @inorm;
        inorm_affine: inorm(affine=true, eps=0.1) @inorm_affine;
        gn: gn3 @gn;
        gn1: gn1(eps=0.1) @gn1;
        lrn5 @lrn;
        lrn4(alpha=0.5, beta=0.6, k=2) @lrn4;
        scale: scale(0.25) @scale
    }

    pub(crate) Activations: 3x4x4 -> (
        a0: 3x4x4, a1: 3x4x4, a2: 3x4x4, a3: 3x4x4, a4: 3x4x4, a5: 3x4x4, a6: 3x4x4, a7: 3x4x4, a8: 3x4x4,
        a9: 3x4x4, a10: 3x4x4, a11: 3x4x4, a12: 3x4x4, a13: 3x4x4, a14: 3x4x4, a15: 3x4x4, a16: 3x4x4,
    ) {
        relu @a0;
        relu6 @a1;
        leaky @a2;
        leaky(0.2) @a3;
        leaky(slope=0.3) @a4;
        one: prelu @a5;
        many: prelu(channels) @a6;
        elu @a7;
        elu(0.5) @a8;
        gelu @a9;
        silu @a10;
        hardswish @a11;
        hardsigmoid @a12;
        sigmoid @a13;
        tanh @a14;
        softmax @a15;
        flatten -> softmax -> rust(|x: &Tensor| x.reshape((x.dim(0)?, 3, 4, 4))) => 3x4x4 -> @a16
    }

    pub(crate) Linears: 3x2x2 -> (digits: 7, sized: 5, dropped: 4) {
        digits: fc7 @digits;
        sized: fc-(2 + 3)(bias=false) @sized;
        dropped: fc4(dropconnect=0.5) @dropped
    }

    pub(crate) Drops: 8x3x3 -> (d: 8x3x3, half: 8x3x3, d2: 8x3x3, half2: 8x3x3, path: 8x3x3, path_default: 8x3x3) {
        dropout(0.25) @d;
        dropout @half;
        dropout2d(p=0.25) @d2;
        dropout2d @half2;
        droppath(0.5) @path;
        droppath @path_default
    }
}

#[test]
fn convolutions() {
    let net = Convs::init(Init::seed(3), &CPU).unwrap();
    let x = tensor(&[2, 4, 9, 8]);
    let out = net.forward(&x).unwrap();
    let check = |name: &str, found: &Tensor, slide: Slide, groups: usize, has_bias: bool| {
        let (weight, bias) = (param(net.state(), &format!("{name}.weight")), format!("{name}.bias"));
        assert_eq!(net.state().get(&bias).is_some(), has_bias, "{bias}");
        let bias = has_bias.then(|| param(net.state(), &bias));
        let size = [found.dim(2).unwrap(), found.dim(3).unwrap()];
        close(found, &plain::conv(&x, &weight, bias.as_ref(), slide, groups, size));
    };
    let three = Slide::new([3, 3]);
    let half = three.pad([1; 4]);
    check("half", &out.half, half, 1, true);
    check("oblong", &out.oblong, Slide::new([7, 1]).pad([3, 3, 0, 0]), 1, true);
    check("strided", &out.strided, half.stride([2, 2]), 1, true);
    check("valid", &out.valid, three, 1, true);
    check("full", &out.full, three.pad([2; 4]), 1, true);
    // (5 - 1) 2 + 4 - 9 = 3 rows and (4 - 1) 2 + 4 - 8 = 2 columns are missing.
    check("same", &out.same, Slide::new([4, 4]).stride([2, 2]).pad([1, 2, 1, 1]), 1, true);
    check("padded", &out.padded, Slide::new([4, 4]).pad([2; 4]), 1, true);
    check("pair", &out.pair, three.pad([0, 0, 2, 2]), 1, true);
    check("sides", &out.sides, three.pad([1, 0, 2, 1]), 1, true);
    check("dilated", &out.dilated, three.dilation([2, 2]).pad([2; 4]), 1, true);
    check("dilations", &out.dilations, three.dilation([1, 3]), 1, true);
    check("grouped", &out.grouped, half, 2, true);
    check("unbiased", &out.unbiased, Slide::new([1, 1]), 1, false);
    check("kernel", &out.kernel, Slide::new([3, 5]).pad([1, 1, 2, 2]).stride([2, 1]), 1, true);
    check("strides", &out.strides, half.stride([1, 2]), 1, true);
    check("dw", &out.dw, half, 4, true);
    check("dws", &out.dws, half.stride([2, 2]), 4, false);
    check("dwk", &out.dwk, Slide::new([5, 5]).stride([1, 2]), 4, true);
}

#[test]
fn transposed_convolutions() {
    let net = Deconvs::init(Init::seed(3), &CPU).unwrap();
    let x = tensor(&[2, 4, 5, 4]);
    let out = net.forward(&x).unwrap();
    let check_on = |x: &Tensor, name: &str, found: &Tensor, slide: Slide, groups: usize, has_bias: bool| {
        let (weight, bias) = (param(net.state(), &format!("{name}.weight")), format!("{name}.bias"));
        assert_eq!(net.state().get(&bias).is_some(), has_bias, "{bias}");
        let bias = has_bias.then(|| param(net.state(), &bias));
        let size = [found.dim(2).unwrap(), found.dim(3).unwrap()];
        close(found, &plain::deconv(x, &weight, bias.as_ref(), slide, groups, size));
    };
    let check = |name: &str, found: &Tensor, slide: Slide, groups: usize, has_bias: bool| {
        check_on(&x, name, found, slide, groups, has_bias);
    };
    let (two, three, four) = (Slide::new([2, 2]), Slide::new([3, 3]), Slide::new([4, 4]));
    check("plain", &out.plain, two, 1, true);
    check("strided", &out.strided, four.stride([2, 2]), 1, true);
    check("padded", &out.padded, four.stride([2, 2]).pad([1; 4]), 1, true);
    check("outpad", &out.outpad, three.stride([2, 2]).pad([1; 4]), 1, true);
    check("grouped", &out.grouped, two.stride([2, 2]), 2, false);
    check("dilated", &out.dilated, three.dilation([2, 2]), 1, true);
    check("half", &out.half, three.pad([1; 4]), 1, true);
    check("full", &out.full, three.pad([2; 4]), 1, true);
    check("pair", &out.pair, Slide::new([2, 3]).stride([2, 1]), 1, true);
    // 2 * 5 - 1 = 9 rows without output padding, 2 * 4 - 1 = 7 columns: one more is needed.
    let big = plain::window(&plain::up_nearest(&x, [2, 2]), [0, 0], [9, 8]);
    let small = plain::adaptive(&big, [5, 4]);
    check_on(&small, "like", &out.like, three.stride([2, 2]).pad([1; 4]), 1, true);
}

#[test]
fn pools() {
    let net = Pools::init(Init::seed(3), &CPU).unwrap();
    let x = tensor(&[2, 3, 9, 8]);
    let out = net.forward(&x).unwrap();
    let (two, three) = (Slide::new([2, 2]), Slide::new([3, 3]));
    let (two2, three2) = (two.stride([2, 2]), three.stride([2, 2]));
    let max = |found: &Tensor, slide: Slide| {
        close(found, &plain::max_pool(&x, slide, [found.dim(2).unwrap(), found.dim(3).unwrap()]));
    };
    max(&out.two, two2);
    max(&out.three, three2);
    max(&out.padded, three2.pad([1; 4]));
    max(&out.half, three.pad([1; 4]));
    max(&out.ceil, two2);
    max(&out.ceil3, three2);
    max(&out.same, three2.pad([1, 1, 0, 1]));
    max(&out.dilated, two.dilation([2, 2]));
    max(&out.oblong, Slide::new([2, 1]).stride([2, 1]));
    max(&out.kernel, Slide::new([3, 2]).stride([1, 2]));
    let avg = |found: &Tensor, slide: Slide, count: bool| {
        close(found, &plain::avg_pool(&x, slide, count, [found.dim(2).unwrap(), found.dim(3).unwrap()]));
    };
    avg(&out.avg, two2, true);
    avg(&out.avgpad, three2.pad([1; 4]), true);
    avg(&out.uncounted, three2.pad([1; 4]), false);
    avg(&out.avgceil, three2.pad([1; 4]), true);
    close(&out.adaptive, &plain::adaptive(&x, [4, 3]));
    close(&out.square, &plain::adaptive(&x, [2, 2]));
    close(&out.gap, &plain::adaptive(&x, [1, 1]));
}

#[test]
fn arrangements() {
    let net = Shapes::init(Init::seed(3), &CPU).unwrap();
    let x = tensor(&[2, 4, 5, 4]);
    let out = net.forward(&x).unwrap();
    close(&out.nearest, &plain::up_nearest(&x, [2, 2]));
    close(&out.word, &plain::up_nearest(&x, [2, 2]));
    close(&out.bilinear, &plain::up_bilinear(&x, [3, 3]));
    close(&out.oblong, &plain::up_nearest(&x, [3, 2]));
    close(&out.scaled, &plain::up_nearest(&x, [1, 3]));
    close(&out.shuffled, &plain::shuffle(&x, 2));
    close(&out.flat, &x.flatten_from(1).unwrap());
    close(&out.same, &x);
    close(&out.cropped, &plain::window(&x, [-1, -1], [3, 2]));
    let large = plain::up_nearest(&plain::adaptive(&x, [3, 2]), [3, 3]);
    close(&out.like, &plain::window(&large, [-3, -2], [3, 2]));
    close(&out.padded, &plain::window(&x, [1, 1], [7, 6]));
    close(&out.pair, &plain::window(&x, [1, 2], [7, 8]));
    close(&out.sides, &plain::window(&x, [0, 2], [6, 6]));
    assert_eq!(net.state().named().count(), 0);
}

#[test]
fn normalizations() {
    let net = Norms::init(Init::seed(3), &CPU).unwrap();
    let state = net.state();
    assert_eq!(flat(&param(state, "scale")), [0.25; 6]);
    shake(state);
    let x = tensor(&[2, 6, 3, 4]);
    let out = net.forward(&x).unwrap();
    close(&out.bn, &plain::bn(&x, state, "bn", 1e-5));
    close(&out.eps, &plain::bn(&x, state, "eps", 0.1));
    assert!(state.get("bare.weight").is_none() && state.get("bare.bias").is_none());
    close(&out.bare, &plain::bn(&x, state, "bare", 1e-5));
    let affine =
        |path: &str| (param(state, &format!("{path}.weight")), param(state, &format!("{path}.bias")));
    let position = |a: [usize; 4], b: [usize; 4]| a[0] == b[0] && a[2..] == b[2..];
    let check = |found: &Tensor, path: &str, eps: f64, same: &dyn Fn([usize; 4], [usize; 4]) -> bool| {
        let (weight, bias) = affine(path);
        close(found, &plain::normalize(&x, eps, Some((&weight, &bias)), same));
    };
    check(&out.ln, "ln", 1e-5, &position);
    check(&out.ln_eps, "ln_eps", 0.1, &position);
    let (weight, bias) = affine("ln_flat");
    let features = x.reshape((2, 72, 1, 1)).unwrap();
    let flat_norm = plain::normalize(&features, 1e-5, Some((&weight, &bias)), |a, b| a[0] == b[0]);
    close(&out.ln_flat, &flat_norm.flatten_from(1).unwrap());
    assert!(state.get("inorm.weight").is_none());
    close(&out.inorm, &plain::normalize(&x, 1e-5, None, |a, b| a[..2] == b[..2]));
    check(&out.inorm_affine, "inorm_affine", 0.1, &|a, b| a[..2] == b[..2]);
    check(&out.gn, "gn", 1e-5, &|a, b| a[0] == b[0] && a[1] / 2 == b[1] / 2);
    check(&out.gn1, "gn1", 0.1, &|a, b| a[0] == b[0]);
    close(&out.lrn, &plain::lrn(&x, 5, 1e-4, 0.75, 1.0));
    close(&out.lrn4, &plain::lrn(&x, 4, 0.5, 0.6, 2.0));
    let factor = param(state, "scale").flatten_all().unwrap().reshape((1, 6, 1, 1)).unwrap();
    close(&out.scale, &x.broadcast_mul(&factor).unwrap());
}

#[test]
fn a_batch_norms_momentum() {
    let net = Norms::init(Init::seed(3), &CPU).unwrap();
    let x = tensor(&[2, 6, 3, 4]);
    net.forward_train(&x).unwrap();
    // (1 - momentum) 0 + momentum mean
    let mean = flat(&x.mean((0, 2, 3)).unwrap());
    for (path, momentum) in [("bn", 0.1), ("eps", 0.3), ("bare", 0.1)] {
        let running = flat(&param(net.state(), &format!("{path}.running_mean")));
        for (running, mean) in running.iter().zip(&mean) {
            assert!((running - momentum * mean).abs() < 1e-6, "{path}: {running} {mean}");
        }
    }
}

#[test]
fn activations() {
    let net = Activations::init(Init::seed(3), &CPU).unwrap();
    assert_eq!(flat(&param(net.state(), "one.weight")), [0.25]);
    shake(net.state());
    // Up to 8, for the upper bends.
    let x = (tensor(&[2, 3, 4, 4]) * 8.0).unwrap();
    let out = net.forward(&x).unwrap();
    let check = |found: &Tensor, function: &dyn Fn(f64) -> f64| close(found, &plain::map(&x, function));
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    check(&out.a0, &|x| x.max(0.0));
    check(&out.a1, &|x| x.clamp(0.0, 6.0));
    check(&out.a2, &|x| if x < 0.0 { 0.01 * x } else { x });
    check(&out.a3, &|x| if x < 0.0 { 0.2 * x } else { x });
    check(&out.a4, &|x| if x < 0.0 { 0.3 * x } else { x });
    let one = flat(&param(net.state(), "one.weight"))[0];
    check(&out.a5, &|x| if x < 0.0 { one * x } else { x });
    let many = param(net.state(), "many.weight");
    assert_eq!(many.dims(), [3]);
    let slopes = x.broadcast_mul(&many.reshape((1, 3, 1, 1)).unwrap()).unwrap();
    close(&out.a6, &x.lt(0.0f32).unwrap().where_cond(&slopes, &x).unwrap());
    check(&out.a7, &|x| if x < 0.0 { x.exp_m1() } else { x });
    check(&out.a8, &|x| if x < 0.0 { 0.5 * x.exp_m1() } else { x });
    close(&out.a9, &x.gelu_erf().unwrap());
    check(&out.a10, &|x| x * sigmoid(x));
    check(&out.a11, &|x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0);
    check(&out.a12, &|x| (x + 3.0).clamp(0.0, 6.0) / 6.0);
    check(&out.a13, &sigmoid);
    check(&out.a14, &f64::tanh);
    close(&out.a15, &candle_nn::ops::softmax(&x, 1).unwrap());
    let features = candle_nn::ops::softmax(&x.flatten_from(1).unwrap(), 1).unwrap();
    close(&out.a16, &features.reshape((2, 3, 4, 4)).unwrap());
}

#[test]
fn fully_connected() {
    let net = Linears::init(Init::seed(3), &CPU).unwrap();
    let x = tensor(&[2, 3, 2, 2]);
    let out = net.forward(&x).unwrap();
    let of = |name: &str| param(net.state(), name);
    close(&out.digits, &plain::linear(&x, &of("digits.weight"), Some(&of("digits.bias"))));
    close(&out.sized, &plain::linear(&x, &of("sized.weight"), None));
    assert!(net.state().get("sized.bias").is_none());
    close(&out.dropped, &plain::linear(&x, &of("dropped.weight"), Some(&of("dropped.bias"))));
    // In training each weight is 0 or doubled: on a one-hot input, so is each output without its bias.
    let one_hot = Tensor::eye(12, DType::F32, &CPU).unwrap().reshape((12, 3, 2, 2)).unwrap();
    let trained = net.forward_train(&one_hot).unwrap().dropped.broadcast_sub(&of("dropped.bias")).unwrap();
    let weight = of("dropped.weight").t().unwrap().contiguous().unwrap();
    let mut dropped = 0;
    for (found, weight) in flat(&trained).iter().zip(flat(&weight)) {
        let zero = found.abs() < 1e-6;
        dropped += usize::from(zero);
        assert!(zero || (found - 2.0 * weight).abs() < 1e-5, "{found} {weight}");
    }
    assert!((8..40).contains(&dropped), "{dropped} of 48");
}

#[test]
fn dropouts() {
    let net = Drops::init(Init::seed(3), &CPU).unwrap();
    let x = tensor(&[64, 8, 3, 3]);
    let still = net.forward(&x).unwrap();
    for same in [&still.d, &still.half, &still.d2, &still.half2, &still.path, &still.path_default] {
        plain::same_bits(same, &x);
    }
    let out = net.forward_train(&x).unwrap();
    // Blocks of `size` values fall together, with probability `p`.
    let check = |found: &Tensor, size: usize, p: f64| {
        let (found, x) = (flat(found), flat(&x));
        let mut fallen = 0.0;
        for (found, x) in found.chunks(size).zip(x.chunks(size)) {
            let zero = found.iter().all(|value| *value == 0.0);
            fallen += f64::from(u8::from(zero));
            let kept = |(found, x): (&f64, &f64)| (found - x / (1.0 - p)).abs() < 1e-5;
            assert!(zero || found.iter().zip(x).all(kept));
        }
        let count = (x.len() / size) as f64;
        // Six standard deviations.
        assert!((fallen / count - p).abs() < 6.0 * (p * (1.0 - p) / count).sqrt(), "{}", fallen / count);
    };
    check(&out.d, 1, 0.25);
    check(&out.half, 1, 0.5);
    check(&out.d2, 9, 0.25);
    check(&out.half2, 9, 0.5);
    check(&out.path, 72, 0.5);
    check(&out.path_default, 72, 0.1);
}
