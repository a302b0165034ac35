//! Every operation's gradients against central differences in `f64`, and `f32` against `f64`.
use super::{super::*, Function, differentiate, error, numbers, values};
use crate::{Padding, Window};
use candle_core::{DType, Device, Tensor};

/// Central differences with this step are right to about its square.
const STEP: f64 = 1e-5;

#[track_caller]
fn check(what: &str, f: Function<'_>, inputs: &[Tensor]) {
    let (y, gradients) = differentiate(f, inputs);
    let weights = numbers(y.dims(), 99);
    let loss = |inputs: &[Tensor]| -> f64 {
        (f(inputs).unwrap() * &weights).unwrap().sum_all().unwrap().to_scalar().unwrap()
    };
    for (index, (input, gradient)) in inputs.iter().zip(&gradients).enumerate() {
        let start = values(input);
        let mut slopes = Vec::new();
        for at in 0..start.len() {
            let moved = |by: f64| {
                let mut moved = start.clone();
                moved[at] += by;
                let mut inputs = inputs.to_vec();
                inputs[index] = Tensor::from_vec(moved, input.dims(), &Device::Cpu).unwrap();
                loss(&inputs)
            };
            slopes.push((moved(STEP) - moved(-STEP)) / (2.0 * STEP));
        }
        let expected = Tensor::from_vec(slopes, input.dims(), &Device::Cpu).unwrap();
        let error = error(gradient, &expected);
        assert!(error < 2e-8, "{what}: gradient {index} is off by {error:e}");
    }
    // The same in f32.
    let narrow: Vec<Tensor> = inputs.iter().map(|x| x.to_dtype(DType::F32).unwrap()).collect();
    let wide: Vec<Tensor> = narrow.iter().map(|x| x.to_dtype(DType::F64).unwrap()).collect();
    let ((y, found), (expected, wanted)) = (differentiate(f, &narrow), differentiate(f, &wide));
    assert_eq!(y.dtype(), DType::F32);
    // The numbers that weigh the outputs are rounded too: a few units in the last place.
    assert!(error(&y, &expected) < 3e-6, "{what}: f32 is off by {:e}", error(&y, &expected));
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!(error(found, wanted) < 1e-5, "{what}: f32 gradient is off by {:e}", error(found, wanted));
    }
}

#[test]
fn convolutions() {
    let x = numbers(&[2, 4, 5, 6], 1);
    let cases = [
        ("plain", Window::new([3, 3]), 1, [3, 4, 3, 3]),
        ("strided", Window::new([3, 2]).with_stride([2, 1]).with_padding([1, 0]), 1, [3, 4, 3, 2]),
        ("grouped", Window::new([3, 3]).with_padding([1, 1]), 2, [6, 2, 3, 3]),
        ("depthwise", Window::new([3, 3]).with_padding([1, 1]).with_stride([2, 2]), 4, [8, 1, 3, 3]),
        ("dilated", Window::new([2, 3]).with_dilation([3, 2]).with_padding([1, 2]), 1, [2, 4, 2, 3]),
        ("pointwise", Window::new([1, 1]), 1, [3, 4, 1, 1]),
        ("same", Window::new([3, 4]).with_stride([2, 2]).with_padding(Padding::Same), 1, [2, 4, 3, 4]),
        (
            "asymmetric",
            Window::new([3, 3]).with_padding(Padding::Explicit { top: 2, bottom: 0, left: 0, right: 1 }),
            1,
            [2, 4, 3, 3],
        ),
    ];
    for (what, window, groups, weight) in cases {
        let (w, b) = (numbers(&weight, 2), numbers(&[weight[0]], 3));
        check(what, &|i| conv2d(&i[0], &i[1], Some(&i[2]), &window, groups), &[x.clone(), w.clone(), b]);
        check(what, &|i| conv2d(&i[0], &i[1], None, &window, groups), &[x.clone(), w]);
    }
}

#[test]
fn transposed_convolutions() {
    let x = numbers(&[2, 4, 3, 4], 1);
    let cases = [
        ("plain", Window::new([3, 3]), [0, 0], 1, [4, 3, 3, 3], [5, 6]),
        (
            "dcgan",
            Window::new([4, 4]).with_stride([2, 2]).with_padding([1, 1]),
            [0, 0],
            1,
            [4, 3, 4, 4],
            [6, 8],
        ),
        (
            "outpad",
            Window::new([3, 2]).with_stride([2, 3]).with_padding([1, 0]),
            [1, 2],
            1,
            [4, 2, 3, 2],
            [6, 13],
        ),
        ("grouped", Window::new([3, 3]).with_stride([2, 1]), [0, 0], 2, [4, 3, 3, 3], [7, 6]),
        (
            "dilated",
            Window::new([2, 3]).with_dilation([2, 2]).with_padding([1, 1]),
            [1, 0],
            1,
            [4, 2, 2, 3],
            [4, 6],
        ),
        ("depthwise", Window::new([2, 2]).with_stride([2, 2]), [0, 0], 4, [4, 1, 2, 2], [6, 8]),
        ("pointwise", Window::new([1, 1]), [0, 0], 1, [4, 2, 1, 1], [3, 4]),
        (
            "same",
            Window::new([3, 3]).with_stride([2, 2]).with_padding(Padding::Same),
            [0, 0],
            1,
            [4, 2, 3, 3],
            [6, 8],
        ),
    ];
    for (what, window, output_padding, groups, weight, size) in cases {
        let (w, b) = (numbers(&weight, 2), numbers(&[weight[1] * groups], 3));
        let f: Function<'_> = &|i| conv_transpose2d(&i[0], &i[1], i.get(2), &window, output_padding, groups);
        assert_eq!(f(&[x.clone(), w.clone()]).unwrap().dims()[2..], size, "{what}");
        check(what, f, &[x.clone(), w.clone(), b]);
        check(what, f, &[x.clone(), w]);
    }
}

/// A transposed convolution puts `x * weight` where the convolution that it transposes would look.
#[test]
fn a_transposed_convolution_scatters() {
    let (x, w) = (numbers(&[1, 1, 2, 2], 1), numbers(&[1, 1, 3, 3], 2));
    let window = Window::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
    let found = values(&conv_transpose2d(&x, &w, None, &window, [1, 1], 1).unwrap());
    let (x, w, mut expected) = (values(&x), values(&w), [0.0; 16]);
    for (iy, ix, ky, kx) in (0..36usize).map(|i| (i / 18, i / 9 % 2, i / 3 % 3, i % 3)) {
        if let (Some(y), Some(column)) =
            ((2usize * iy + ky).checked_sub(1), (2usize * ix + kx).checked_sub(1))
        {
            expected[y * 4 + column] += x[iy * 2 + ix] * w[ky * 3 + kx];
        }
    }
    found.iter().zip(expected).for_each(|(found, expected)| assert!((found - expected).abs() < 1e-15));
}

#[test]
fn linear_layers() {
    let (w, b) = (numbers(&[3, 8], 2), numbers(&[3], 3));
    for x in [numbers(&[5, 8], 1), numbers(&[1, 8], 1), numbers(&[3, 2, 2, 2], 1)] {
        check("linear", &|i| linear(&i[0], &i[1], Some(&i[2])), &[x.clone(), w.clone(), b.clone()]);
        check("linear", &|i| linear(&i[0], &i[1], None), &[x, w.clone()]);
    }
}

#[test]
fn pools() {
    let x = numbers(&[2, 2, 7, 8], 1);
    let windows = [
        Window::new([2, 2]).with_stride([2, 2]),
        Window::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]),
        Window::new([3, 3]).with_stride([2, 2]).with_ceil(),
        Window::new([3, 3]).with_stride([3, 3]),
        Window::new([2, 3]).with_stride([1, 2]).with_padding(Padding::Same),
        Window::new([3, 2])
            .with_padding(Padding::Explicit { top: 0, bottom: 2, left: 1, right: 0 })
            .with_ceil(),
    ];
    for window in &windows {
        check("max", &|i| max_pool2d(&i[0], window), std::slice::from_ref(&x));
        check("average", &|i| avg_pool2d(&i[0], window, true), std::slice::from_ref(&x));
        check("average", &|i| avg_pool2d(&i[0], window, false), std::slice::from_ref(&x));
    }
    for size in [[3, 3], [7, 7], [1, 1], [9, 4]] {
        check("adaptive", &|i| adaptive_avg_pool2d(&i[0], size), std::slice::from_ref(&x));
    }
    check("global", &|i| global_avg_pool2d(&i[0]), &[x]);
}

#[test]
fn resizing_and_moving() {
    let x = numbers(&[2, 8, 3, 4], 1);
    let cases: [(&str, Function<'_>); 8] = [
        ("nearest", &|i| upsample_nearest2d(&i[0], [2, 3])),
        ("bilinear", &|i| upsample_bilinear2d(&i[0], [2, 3])),
        ("pixel shuffle", &|i| pixel_shuffle(&i[0], 2)),
        ("channel shuffle", &|i| channel_shuffle(&i[0], 4)),
        ("crop", &|i| crop2d(&i[0], [2, 1])),
        ("pad", &|i| pad2d(&i[0], 1, 0, 2, 3)),
        ("flatten", &|i| flatten(&i[0])),
        ("concat", &|i| concat(&[&i[0], &i[0].narrow(1, 0, 2)?])),
    ];
    for (what, f) in cases {
        check(what, f, std::slice::from_ref(&x));
    }
}

#[test]
fn activations() {
    // Beyond the kinks at -3, 3 and 6, none of which is met exactly.
    let x = (numbers(&[2, 3, 5, 5], 1) * 8.0).unwrap();
    let cases: [(&str, Function<'_>); 11] = [
        ("relu", &|i| relu(&i[0])),
        ("relu6", &|i| relu6(&i[0])),
        ("leaky", &|i| leaky_relu(&i[0], 0.2)),
        ("elu", &|i| elu(&i[0], 0.7)),
        ("gelu", &|i| gelu(&i[0])),
        ("silu", &|i| silu(&i[0])),
        ("hardswish", &|i| hardswish(&i[0])),
        ("hardsigmoid", &|i| hardsigmoid(&i[0])),
        ("sigmoid", &|i| sigmoid(&i[0])),
        ("tanh", &|i| tanh(&i[0])),
        ("softmax", &|i| softmax(&i[0])),
    ];
    for (what, f) in cases {
        check(what, f, std::slice::from_ref(&x));
    }
    check("prelu", &|i| prelu(&i[0], &i[1]), &[x.clone(), numbers(&[1], 2)]);
    check("prelu", &|i| prelu(&i[0], &i[1]), &[x, numbers(&[3], 2)]);
}

/// Values and gradients that PyTorch 2.15 gives at the kinks, for NaN too.
#[test]
fn kinks() {
    let x = Tensor::new(&[-3f64, 0., 3., 6.], &Device::Cpu).unwrap();
    let cases: [(Function<'_>, [f64; 4]); 6] = [
        (&|i| relu(&i[0]), [0., 0., 1., 1.]),
        (&|i| relu6(&i[0]), [0., 0., 1., 0.]),
        (&|i| leaky_relu(&i[0], 0.25), [0.25, 0.25, 1., 1.]),
        (&|i| elu(&i[0], 0.5), [0.5 * (-3f64).exp(), 0.5, 1., 1.]),
        (&|i| hardswish(&i[0]), [0., 0.5, 1., 1.]),
        (&|i| hardsigmoid(&i[0]), [0., 1. / 6., 0., 0.]),
    ];
    for (f, expected) in cases {
        let (_, gradients) = differentiate(f, std::slice::from_ref(&x));
        let weights = values(&numbers(&[4], 99));
        let found: Vec<f64> = values(&gradients[0]).iter().zip(weights).map(|(g, w)| g / w).collect();
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} for {expected:?}");
        let nan = f(&[Tensor::new(&[f64::NAN], &Device::Cpu).unwrap()]).unwrap();
        assert!(values(&nan)[0].is_nan());
    }
}

#[test]
fn norms() {
    let x = numbers(&[3, 4, 3, 2], 1);
    let (w, b) = (numbers(&[4], 2), numbers(&[4], 3));
    let (mean, var) = (numbers(&[4], 4), numbers(&[4], 5).sqr().unwrap());
    let cases: [(&str, Function<'_>); 5] = [
        ("batch train", &|i| Ok(batch_norm_train(&i[0], i.get(1), i.get(2), 1e-3)?.0)),
        ("layer", &|i| layer_norm(&i[0], i.get(1), i.get(2), 1e-3)),
        ("group", &|i| group_norm(&i[0], 2, i.get(1), i.get(2), 1e-3)),
        ("group 1", &|i| group_norm(&i[0], 1, i.get(1), i.get(2), 1e-3)),
        ("batch eval", &|i| {
            let (mean, var) = (mean.to_dtype(i[0].dtype())?, var.to_dtype(i[0].dtype())?);
            batch_norm_eval(&i[0], &mean, &var, i.get(1), i.get(2), 1e-1)
        }),
    ];
    let flat = numbers(&[5, 4], 6);
    for (what, f) in cases {
        for x in [&x, &flat] {
            check(what, f, &[x.clone(), w.clone(), b.clone()]);
            check(what, f, std::slice::from_ref(x));
        }
    }
    let f: Function<'_> = &|i| instance_norm(&i[0], i.get(1), i.get(2), 1e-3);
    check("instance", f, &[x.clone(), w, b]);
    check("instance", f, &[x]);
}

#[test]
fn training_statistics() {
    let x = numbers(&[3, 2, 2, 2], 1);
    let (_, mean, variance) = batch_norm_train(&x, None, None, 1e-5).unwrap();
    assert!(!mean.track_op() && !variance.track_op());
    let rows = x.transpose(0, 1).unwrap().flatten_from(1).unwrap().to_vec2::<f64>().unwrap();
    for ((row, mean), variance) in rows.iter().zip(values(&mean)).zip(values(&variance)) {
        let expected = row.iter().sum::<f64>() / 12.0;
        assert!((mean - expected).abs() < 1e-14);
        let expected = row.iter().map(|x| (x - expected).powi(2)).sum::<f64>() / 12.0;
        assert!((variance - expected).abs() < 1e-14, "the biased variance");
    }
}

#[test]
fn sums_and_products() {
    let x = numbers(&[2, 3, 2, 4], 1);
    for other in [numbers(&[2, 3, 2, 4], 2), numbers(&[2, 3, 1, 1], 2), numbers(&[2, 3], 2)] {
        check("add", &|i| add(&i[0], &i[1]), &[x.clone(), other.clone()]);
        check("add", &|i| add(&i[1], &i[0]), &[x.clone(), other.clone()]);
        check("mul", &|i| mul(&i[0], &i[1]), &[x.clone(), other.clone()]);
        check("mul", &|i| mul(&i[1], &i[0]), &[x.clone(), other]);
    }
    check("scale", &|i| scale(&i[0], &i[1]), &[x.clone(), numbers(&[3, 1, 1], 2)]);
    check("scale", &|i| scale(&i[0], &i[1]), &[x, numbers(&[3], 2)]);
    check("square", &|i| mul(&i[0], &i[0]), &[numbers(&[2, 3], 1)]);
    check("lrn", &|i| local_response_norm(&i[0], 3, 0.5, 0.75, 1.0), &[numbers(&[2, 5, 2, 3], 1)]);
    check("lrn", &|i| local_response_norm(&i[0], 4, 2.0, 0.6, 2.0), &[numbers(&[2, 5, 2, 3], 1)]);
}
