//! What fits goes through; what does not is named, with advice.

use candle_core::{DType, Device, Shape};

use super::*;
use crate::init::Init;
use crate::params::Builder;

fn state() -> State {
    let builder = Builder::init(&Init::seed(0), &Device::Cpu).expect("an initialiser");
    builder.finish().expect("no differences")
}

fn zeros(shape: impl Into<Shape>) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).expect("zeros")
}

fn refused(x: impl Input<Chw<3, 32, 16>>) -> String {
    x.into_batch("Net", &state()).expect_err("another shape").to_string()
}

#[test]
fn what_fits_goes_through() {
    let x = zeros((2, 3, 32, 16));
    let batch = Batch::<Chw<3, 32, 16>>::try_from(&x).expect("the shape");
    let through = |x: Result<Tensor>| assert_eq!(x.expect("fits").dims(), [2, 3, 32, 16]);
    through(Input::<Chw<3, 32, 16>>::into_batch(&x, "Net", &state()));
    through(Input::<Chw<3, 0, 16>>::into_batch(x, "Net", &state()));
    through((&batch).into_batch("Net", &state()));
    through(Input::<Chw<3, 0, 0>>::into_batch(&*batch, "Net", &state()));
    through(batch.into_batch("Net", &state()));
}

#[test]
fn what_does_not_fit_is_named_with_advice() {
    assert_eq!(refused(zeros((2, 3, 32, 32))), "Net: expected (N, 3, 32, 16), found (2, 3, 32, 32)");
    assert!(
        refused(zeros((3, 32, 16)))
            .ends_with("found (3, 32, 16); one sample needs a batch dimension: `unsqueeze(0)`")
    );
    assert!(refused(zeros((2, 32, 16, 3))).contains("permute((0, 3, 1, 2))"));
    assert_eq!(refused(zeros(())), "Net: expected (N, 3, 32, 16), found ()");
    assert_eq!(refused(zeros((0, 3, 32, 16))), "Net: expected at least one sample, found (0, 3, 32, 16)");
    let double = zeros((1, 3, 32, 16)).to_dtype(DType::F64).expect("converted");
    assert!(refused(double).contains("to_dtype(DType::F32)"));
    let maps = Input::<Flat<48>>::into_batch(zeros((1, 3, 4, 4)), "Net", &state());
    assert!(maps.expect_err("maps").to_string().contains("flatten_from(1)"));
    let any = Input::<Chw<3, 0, 0>>::into_batch(zeros((1, 4, 5, 6)), "Net", &state());
    let any = any.expect_err("four channels").to_string();
    assert_eq!(any, "Net: expected (N, 3, any, any), found (1, 4, 5, 6)");
}

#[test]
fn nearest_sizes() {
    let nearest = |found, fits: fn(usize) -> bool| match check_size("Net", "W", found, "rule", fits) {
        Err(Error::Boundary { problem, .. }) => match *problem {
            BoundaryProblem::Size { nearest, .. } => nearest,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(nearest(525, |w| w % 32 == 0), [Some(512), Some(544)]);
    assert_eq!(nearest(10, |w| w % 32 == 0), [None, Some(32)]);
    assert_eq!(nearest(100, |w| w <= 64), [Some(64), None]);
    assert_eq!(nearest(usize::MAX, |w| w % 2 == 0), [Some(usize::MAX - 1), None]);
    assert_eq!(nearest(5, |_| false), [None, None]);
}
