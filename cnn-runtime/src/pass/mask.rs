//! Random masks: what dropout multiplies with.

use candle_core::{DType, Result, Tensor};

use crate::random::Generator;

/// Zeroes blocks with probability `p`, which is not 0, and scales the others by `1 / (1 - p)`. A block is a single
/// value of the first `rank` dimensions.
pub(crate) fn apply(x: &Tensor, p: f64, rank: usize, generator: &Generator) -> Result<Tensor> {
    if p == 1.0 {
        return x.zeros_like();
    }
    let dims: Vec<usize> =
        x.dims().iter().enumerate().map(|(i, &dim)| if i < rank { dim } else { 1 }).collect();
    let count = dims.iter().product();
    let scale = (1.0 - p).recip();
    let mut stream = generator.stream(count);
    #[cfg(feature = "cuda")]
    if let candle_core::Device::Cuda(device) = x.device() {
        return x.broadcast_mul(&crate::cuda::mask(device, x.dtype(), &dims, &stream, (1.0 - p, scale))?);
    }
    let mut draw = || if stream.bernoulli(1.0 - p) { scale } else { 0.0 };
    let mask = if x.dtype() == DType::F64 {
        Tensor::from_vec((0..count).map(|_| draw()).collect::<Vec<f64>>(), dims, x.device())?
    } else {
        let values: Vec<f32> = (0..count).map(|_| draw() as f32).collect();
        Tensor::from_vec(values, dims, x.device())?.to_dtype(x.dtype())?
    };
    x.broadcast_mul(&mask)
}
