//! Tests through candle's automatic differentiation; the kernels' own tests compare with definitions.
mod errors;
mod gradients;
mod layouts;

use candle_core::{DType, Device, Result, Tensor, Var};

/// Numbers in -1..1 that depend on `seed` only, no two closer than 1e-7 in any map of these tests.
pub(super) fn numbers(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    let values: Vec<f64> = std::iter::repeat_with(next).take(shape.iter().product()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

pub(super) fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest distance relative to the largest expected value (at least 1e-3).
pub(super) fn error(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let expected = values(expected);
    let scale = expected.iter().fold(1e-3, |top: f64, x| top.max(x.abs()));
    let distances = values(found).into_iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    // NaN must fail.
    distances.fold(0.0, |top: f64, distance| if distance <= top { top } else { distance }) / scale
}

/// A function of some tensors, under test.
pub(super) type Function<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// The result, and the gradients of `sum(result * fixed numbers)` by the inputs.
pub(super) fn differentiate(f: Function<'_>, inputs: &[Tensor]) -> (Tensor, Vec<Tensor>) {
    let variables: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tensors: Vec<Tensor> = variables.iter().map(|var| var.as_tensor().clone()).collect();
    let y = f(&tensors).unwrap();
    let weights = numbers(y.dims(), 99).to_dtype(y.dtype()).unwrap();
    let gradients = (&y * weights).unwrap().sum_all().unwrap().backward().unwrap();
    let of = |var: &Var| gradients.get(var).expect("a gradient for every input").clone();
    (y, variables.iter().map(of).collect())
}
