//! Local response normalization.
use super::{
    check,
    kernel::{Differentiable, Kernel, apply1, gradient},
};
use candle_core::{Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out};
use cnn_kernels::{
    Float,
    channels::Planes,
    lrn::{self, Response},
};

/// `y = x / (k + alpha / size * sum of x^2 over size neighbouring channels)^beta` for `x` `(N, C, H, W)`.
///
/// PyTorch's `local_response_norm`; the formula of Krizhevsky, Sutskever & Hinton (2012), section 3.3, has `alpha`
/// where this has `alpha / size`.
///
/// # Errors
/// If `x` is not a map, or `size` is 0.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((1, 96, 27, 27), DType::F32, &Device::Cpu)?;
/// let y = cnn_runtime::ops::local_response_norm(&x, 5, 1e-4, 0.75, 1.0)?;
/// assert_eq!(y.dims(), x.dims());
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn local_response_norm(x: &Tensor, size: usize, alpha: f64, beta: f64, k: f64) -> Result<Tensor> {
    check::input("local_response_norm", x)?;
    let planes = local_response_norm_sizes(x.dims(), size)?;
    let response = Response { size, alpha, beta, k };
    apply1(Lrn { shape: x.shape().clone(), planes, response }, Vec::new(), [x])
}

/// The sizes of a [`local_response_norm`].
pub(crate) fn local_response_norm_sizes(x: &[usize], size: usize) -> Result<Planes> {
    const OP: &str = "local_response_norm";
    check::map(OP, x)?;
    if size == 0 {
        bail!("{OP}: expected a size of at least 1 channel, found 0");
    }
    check::planes(OP, x)
}

#[derive(Clone)]
struct Lrn {
    shape: Shape,
    planes: Planes,
    response: Response,
}

impl Kernel<1, 1> for Lrn {
    fn name(&self) -> &'static str {
        "local_response_norm"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x]: [&[T]; 1], [y]: [&mut [T]; 1]) {
        lrn::forward(&self.planes, &self.response, x, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x]: [&In<'_>; 1], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::lrn::forward(gpu, &self.planes, &self.response, x, y)
    }
}

impl Differentiable<1, 1> for Lrn {
    fn gradients(
        &self,
        [x]: [&Tensor; 1],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([gradient(x, &LrnGradient(self.clone()), [x, grad])?])
    }
}

struct LrnGradient(Lrn);

impl Kernel<2, 1> for LrnGradient {
    fn name(&self) -> &'static str {
        "local_response_norm gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.0.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        lrn::gradient(&self.0.planes, &self.0.response, x, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, grad]: [&In<'_>; 2], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::lrn::gradient(gpu, &self.0.planes, &self.0.response, x, grad, target)
    }
}
