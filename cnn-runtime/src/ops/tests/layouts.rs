//! Inputs that are not contiguous, arguments without gradients, and what other devices would compute.
use super::{super::*, Function, differentiate, error, numbers, values};
use crate::Window;
use candle_core::{DType, Tensor, Var};

/// The same values as `x`, stored differently: transposed, narrowed from something larger, and broadcast.
fn disguises(x: &Tensor) -> Vec<Tensor> {
    let last = x.rank() - 1;
    let transposed = x.transpose(0, last).unwrap().contiguous().unwrap().transpose(0, last).unwrap();
    let wide = Tensor::cat(&[x, x, x], last).unwrap();
    let narrowed = wide.narrow(last, x.dims()[last], x.dims()[last]).unwrap();
    vec![transposed, narrowed]
}

#[test]
fn any_layout_gives_the_same() {
    let x = numbers(&[4, 4, 4, 4], 1);
    let (w, b) = (numbers(&[4, 4, 3, 3], 2), numbers(&[4], 3));
    let window = Window::new([3, 3]).with_padding([1, 1]);
    let cases: [(&str, Function<'_>); 14] = [
        ("conv2d", &|i| conv2d(&i[0], &w, Some(&b), &window, 1)),
        ("conv2d weight", &|i| conv2d(&x, &i[0].narrow(2, 0, 3)?.narrow(3, 1, 3)?, None, &window, 1)),
        ("conv_transpose2d", &|i| conv_transpose2d(&i[0], &w, Some(&b), &window, [0, 0], 1)),
        ("linear", &|i| linear(&i[0], &numbers(&[3, 64], 4), None)),
        ("max_pool2d", &|i| max_pool2d(&i[0], &window)),
        ("avg_pool2d", &|i| avg_pool2d(&i[0], &window, true)),
        ("adaptive", &|i| adaptive_avg_pool2d(&i[0], [3, 3])),
        ("relu", &|i| relu(&i[0])),
        ("batch_norm", &|i| Ok(batch_norm_train(&i[0], Some(&b), None, 1e-5)?.0)),
        ("layer_norm", &|i| layer_norm(&i[0], Some(&b), None, 1e-5)),
        ("lrn", &|i| local_response_norm(&i[0], 3, 0.5, 0.75, 1.0)),
        ("mul", &|i| mul(&i[0], &i[0].narrow(2, 1, 1)?.narrow(3, 1, 1)?)),
        ("concat", &|i| concat(&[&i[0], &i[0].transpose(2, 3)?])),
        ("bilinear", &|i| upsample_bilinear2d(&i[0], [2, 2])),
    ];
    for (what, f) in cases {
        let (expected, gradients) = differentiate(f, std::slice::from_ref(&x));
        for disguise in disguises(&x) {
            assert!(!disguise.is_contiguous());
            assert_eq!(values(&f(std::slice::from_ref(&disguise)).unwrap()), values(&expected), "{what}");
        }
        // The gradient passes through the change of layout.
        let through: Function<'_> = &|i| f(&disguises(&i[0])[..1]);
        let (_, found) = differentiate(through, std::slice::from_ref(&x));
        assert!(error(&found[0], &gradients[0]) < 1e-14, "{what}");
    }
    let row = numbers(&[1, 1, 1, 4], 5);
    let broadcast = row.broadcast_as((4, 4, 4, 4)).unwrap();
    let y = conv2d(&broadcast, &w, None, &window, 1).unwrap();
    let expected = conv2d(&broadcast.contiguous().unwrap(), &w, None, &window, 1).unwrap();
    assert_eq!(values(&y), values(&expected));
}

#[test]
fn gradients_reach_variables_only() {
    let x = numbers(&[2, 3, 6, 6], 1);
    let (w, b) = (Var::from_tensor(&numbers(&[4, 3, 3, 3], 2)).unwrap(), numbers(&[4], 3));
    let y = conv2d(&x, &w, Some(&b), &Window::new([3, 3]), 1).unwrap();
    let gradients = y.sum_all().unwrap().backward().unwrap();
    assert!(gradients.get(&w).is_some() && gradients.get(&x).is_none() && gradients.get(&b).is_none());
    let y = conv2d(&x, &numbers(&[4, 3, 3, 3], 2), Some(&b), &Window::new([3, 3]), 1).unwrap();
    assert!(!y.track_op());
}

#[test]
fn one_pixel_and_one_image() {
    let x = numbers(&[1, 3, 1, 1], 1);
    let window = Window::new([3, 3]).with_padding([1, 1]);
    let w = numbers(&[3, 3, 3, 3], 2);
    let functions: [Function<'_>; 8] = [
        &|i| conv2d(&i[0], &w, None, &window, 1),
        &|i| max_pool2d(&i[0], &window),
        &|i| avg_pool2d(&i[0], &window, true),
        &|i| global_avg_pool2d(&i[0]),
        &|i| layer_norm(&i[0], None, None, 1e-5),
        &|i| group_norm(&i[0], 3, None, None, 1e-5),
        &|i| upsample_bilinear2d(&i[0], [2, 2]),
        &|i| softmax(&i[0]),
    ];
    for f in functions {
        let (y, gradients) = differentiate(f, std::slice::from_ref(&x));
        assert!(values(&y).iter().chain(&values(&gradients[0])).all(|x| x.is_finite()));
    }
}

/// The operations that other devices compose from candle's give the same, gradients included.
#[test]
fn compositions_agree_with_kernels() {
    use cnn_kernels::elementwise::Activation;
    let kinks = Tensor::new(&[-3f64, 0., 3., 6.], x_device()).unwrap();
    let x = Tensor::cat(&[&kinks, &(numbers(&[60], 1) * 9.0).unwrap()], 0).unwrap();
    for function in [
        Activation::Relu,
        Activation::Relu6,
        Activation::LeakyRelu { slope: 0.2 },
        Activation::Elu { alpha: 0.6 },
        Activation::Gelu,
        Activation::Silu,
        Activation::HardSwish,
        Activation::HardSigmoid,
        Activation::Sigmoid,
        Activation::Tanh,
    ] {
        let composed: Function<'_> = &|i| activation::composed(function, &i[0]);
        let kernel: Function<'_> = &|i| activation::apply("test", function, &i[0]);
        let (y, gradients) = differentiate(composed, std::slice::from_ref(&x));
        let (expected, wanted) = differentiate(kernel, std::slice::from_ref(&x));
        assert!(error(&y, &expected) < 1e-12, "{function:?}: {:e}", error(&y, &expected));
        // candle's constant in erf's gradient has six digits.
        let tolerance = if function == Activation::Gelu { 1e-6 } else { 1e-12 };
        let error = error(&gradients[0], &wanted[0]);
        assert!(error < tolerance, "gradient of {function:?}: {error:e}");
    }
    let x = numbers(&[2, 5, 3, 3], 2);
    let (y, gradients) = differentiate(&|i| activation::softmax_composed(&i[0]), std::slice::from_ref(&x));
    let (expected, wanted) = differentiate(&|i| softmax(&i[0]), std::slice::from_ref(&x));
    assert!(error(&y, &expected) < 1e-14 && error(&gradients[0], &wanted[0]) < 1e-14);
    assert_eq!(y.dtype(), DType::F64);
}

fn x_device() -> &'static candle_core::Device {
    &candle_core::Device::Cpu
}
