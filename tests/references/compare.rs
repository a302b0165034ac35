//! How far a tensor is from the expected one.

use candle_core::{DType, Result, Tensor};

/// The place where two tensors differ most.
#[derive(Debug)]
pub(crate) struct Deviation {
    /// Largest difference, relative to the largest absolute value expected; infinite where one of the two is not a
    /// number and the other is, or infinities differ.
    pub(crate) error: f64,
    pub(crate) index: Vec<usize>,
    pub(crate) got: f64,
    pub(crate) want: f64,
}

/// Compares whole tensors; a different shape is an error.
pub(crate) fn deviation(got: &Tensor, want: &Tensor) -> Result<Deviation> {
    if got.dims() != want.dims() {
        candle_core::bail!("shape: got {:?}, want {:?}", got.dims(), want.dims());
    }
    let values = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let dims = want.dims();
    let (got, want) = (values(got)?, values(want)?);
    let largest =
        want.iter().filter(|value| value.is_finite()).fold(0.0, |most: f64, value| most.max(value.abs()));
    // Where zeros are expected, the error is absolute.
    let scale = if largest > 0.0 { largest } else { 1.0 };
    let errors = got.iter().zip(&want).map(|(&got, &want)| error(got, want) / scale);
    let worst = errors.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
    let Some((position, error)) = worst else { candle_core::bail!("no values to compare") };
    Ok(Deviation { error, index: unravel(position, dims), got: got[position], want: want[position] })
}

fn error(got: f64, want: f64) -> f64 {
    if got == want || (got.is_nan() && want.is_nan()) {
        0.0
    } else if got.is_finite() && want.is_finite() {
        (got - want).abs()
    } else {
        f64::INFINITY
    }
}

fn unravel(position: usize, dims: &[usize]) -> Vec<usize> {
    let mut rest = position;
    let mut index: Vec<usize> = dims
        .iter()
        .rev()
        .map(|&size| {
            let here = rest % size;
            rest /= size;
            here
        })
        .collect();
    index.reverse();
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn against(got: [f64; 6]) -> Result<Deviation> {
        let want = Tensor::new(&[[1.0, f64::NAN, -4.0], [0.0, f64::INFINITY, 2.0]], &Device::Cpu)?;
        deviation(&Tensor::from_slice(&got, (2, 3), &Device::Cpu)?, &want)
    }

    #[test]
    fn finds_the_largest_error_and_its_place() -> Result<()> {
        let found = against([1.5, f64::NAN, -4.0, 0.0, f64::INFINITY, 1.0])?;
        assert_eq!((found.error, found.index, found.got, found.want), (0.25, vec![1, 2], 1.0, 2.0));
        assert_eq!(against([1.0, f64::NAN, -4.0, 0.0, f64::INFINITY, 2.0])?.error, 0.0);
        Ok(())
    }

    #[test]
    fn a_missing_or_surplus_nan_or_infinity_is_infinitely_wrong() -> Result<()> {
        assert_eq!(against([1.0, 0.0, -4.0, 0.0, f64::INFINITY, 2.0])?.index, [0, 1]);
        assert_eq!(against([1.0, f64::NAN, -4.0, f64::NAN, f64::INFINITY, 2.0])?.error, f64::INFINITY);
        assert_eq!(against([1.0, f64::NAN, -4.0, 0.0, f64::NEG_INFINITY, 2.0])?.error, f64::INFINITY);
        Ok(())
    }

    #[test]
    fn another_shape_is_an_error() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu);
        let found = zeros(&[2, 3]).and_then(|got| deviation(&got, &zeros(&[3, 2])?));
        assert!(found.is_err_and(|error| error.to_string().contains("got [2, 3], want [3, 2]")));
    }
}
