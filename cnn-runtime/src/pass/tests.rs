//! Masks, kept activations and their gradients.

use candle_core::{DType, Device, Var};

use super::*;

fn ones(shape: impl Into<candle_core::Shape>) -> Tensor {
    Tensor::ones(shape, DType::F32, &Device::Cpu).expect("ones")
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("values")
}

#[test]
fn inference_changes_nothing() {
    let x = ones((2, 3, 4, 4));
    let pass = Pass::eval();
    assert!(!pass.is_train());
    for y in [pass.dropout(&x, 0.5), pass.dropout2d(&x, 0.5), pass.drop_path(&x, 0.5)] {
        assert_eq!(y.expect("the input").id(), x.id());
    }
}

#[test]
fn training_zeroes_the_right_share_and_keeps_the_mean() {
    let pass = Pass::train(&Generator::seed(1));
    let y = values(&pass.dropout(&ones((100, 200)), 0.2).expect("dropped"));
    assert!(y.iter().all(|&v| v == 0.0 || (v - 1.25).abs() < 1e-6));
    let zeros = y.iter().filter(|&&v| v == 0.0).count() as f64 / 20_000.0;
    assert!((zeros - 0.2).abs() < 0.015, "{zeros}"); // five standard deviations
}

#[test]
fn channels_and_samples_fall_as_a_whole() {
    let pass = Pass::train(&Generator::seed(2));
    let x = ones((50, 8, 3, 3));
    for (y, block) in [(pass.dropout2d(&x, 0.5), 9), (pass.drop_path(&x, 0.5), 72)] {
        let y = values(&y.expect("dropped"));
        let blocks: Vec<_> = y.chunks(block).collect();
        assert!(blocks.iter().all(|values| values.iter().all(|v| *v == values[0])));
        assert!(blocks.iter().any(|v| v[0] == 0.0) && blocks.iter().any(|v| v[0] == 2.0));
    }
}

#[test]
fn masks_resume_from_a_saved_state() {
    let generator = Generator::seed(3);
    let x = ones(64);
    let state = generator.state();
    let first = values(&Pass::train(&generator).dropout(&x, 0.5).expect("dropped"));
    let second = values(&Pass::train(&generator).dropout(&x, 0.5).expect("dropped"));
    assert_ne!(first, second);
    generator.set_state(state);
    let again = values(&Pass::train(&generator).dropout(&x, 0.5).expect("dropped"));
    assert_eq!(first, again);
}

#[test]
fn the_gradient_is_the_mask() {
    let x = Var::ones(32, DType::F64, &Device::Cpu).expect("a variable");
    let y = Pass::train(&Generator::seed(4)).dropout(&x, 0.5).expect("dropped");
    let gradients = y.sum_all().and_then(|sum| sum.backward()).expect("gradients");
    let gradient = gradients.get(&x).expect("of x").to_vec1::<f64>().expect("values");
    assert_eq!(gradient, y.to_vec1::<f64>().expect("values"));
}

#[test]
fn the_ends_of_the_range_and_beyond() {
    let pass = Pass::train(&Generator::seed(5));
    let x = ones(8);
    assert_eq!(values(&pass.dropout(&x, 0.0).expect("all")), [1.0; 8]);
    assert_eq!(values(&pass.dropout(&x, 1.0).expect("none")), [0.0; 8]);
    for p in [-0.1, 1.1, f64::NAN] {
        let error = pass.dropout(&x, p).expect_err("no probability").to_string();
        assert!(error.contains("between 0 and 1"), "{error}");
        assert!(Pass::eval().dropout(&x, p).is_err());
    }
    assert!(pass.dropout2d(&x, 0.5).is_err());
}

#[test]
fn activations_are_kept_only_when_tracing() {
    let x = ones(1);
    let silent = Pass::eval();
    silent.keep("a", &x).expect("the same");
    assert!(silent.kept("a").expect_err("not tracing").to_string().contains("tracing"));

    let pass = Pass::eval().tracing();
    assert_eq!(pass.keep("a", &x).expect("the same").id(), x.id());
    pass.keep("b", &x).expect("the same");
    let error = pass.kept("c").expect_err("no c").to_string();
    assert!(error.contains("kept: a, b"), "{error}");
    pass.keep("a", &ones(2)).expect("the same");
    assert_eq!(pass.kept("a").expect("the later one").dims(), [2]);
    assert_eq!(pass.names(), ["b", "a"]);
}

#[test]
fn gradients_of_what_was_kept() {
    // d/dx (3x)^2 = 18x, and of y = 3x: 2y.
    let pass = Pass::eval().probing();
    let x = pass.keep("x", &(ones(2) * 2.0).expect("twos")).expect("x");
    let y = pass.keep("y", &(&x * 3.0).expect("3x")).expect("y");
    pass.keep("aside", &x).expect("x");
    let gradients = y.sqr().and_then(|y| y.sum_all()).and_then(|sum| sum.backward()).expect("gradients");
    let gradient = |name| values(&pass.gradient(name, &gradients).expect("kept"));
    assert_eq!(gradient("y"), [12.0; 2]);
    assert_eq!(gradient("x"), [36.0; 2]);
    assert_eq!(gradient("aside"), [0.0; 2]);
    assert!(pass.gradient("z", &gradients).is_err());
    let tracing = Pass::eval().tracing();
    tracing.keep("x", &x).expect("x");
    assert!(tracing.gradient("x", &gradients).is_err());
}
