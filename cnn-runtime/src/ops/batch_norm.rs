//! Batch normalization, in training and at inference.
use super::mixed::of_parameters;
use super::{
    check,
    kernel::{Differentiable, Kernel, apply3, launch, wants_gradient},
};
#[cfg(feature = "cuda")]
use candle_core::DType;
use candle_core::{Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out, elementwise::Ending};
use cnn_kernels::{
    Float,
    channels::Planes,
    norm::batch::{self, Channels, Gradients, Statistics},
};

/// Batch normalization of `x` `(N, C, H, W)` or `(N, C)` by its own statistics per channel (training):
/// `(y, mean, variance)`, with `y = (x - mean) / sqrt(variance + eps) * weight + bias`.
///
/// `variance` `(C)` is the biased one that the formula uses (divide by the number of values, not one less); neither it
/// nor `mean` `(C)` leads back to `x` for gradients, but the gradient of `y` counts their part. A `weight` `(C)` or
/// `bias` `(C)` left out is 1 or 0. Ioffe & Szegedy, arXiv 1502.03167.
///
/// # Errors
/// If the sizes do not fit together, or if there is one value per channel only: its variance says nothing.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::randn(3f32, 2., (8, 4, 5, 5), &Device::Cpu)?;
/// let (y, mean, variance) = cnn_runtime::ops::batch_norm_train(&x, None, None, 1e-5)?;
/// assert_eq!((y.dims(), mean.dims(), variance.dims()), (x.dims(), &[4][..], &[4][..]));
/// assert!(y.mean_all()?.to_scalar::<f32>()?.abs() < 1e-5);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn batch_norm_train(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<(Tensor, Tensor, Tensor)> {
    const OP: &str = "batch_norm_train";
    check::input(OP, x)?;
    let planes = check::planes(OP, x.dims())?;
    if planes.batch * planes.plane == 1 {
        bail!(
            "{OP}: expected more than one value per channel in training, found shape {:?}; use a larger batch or the \
             running statistics",
            x.shape()
        );
    }
    let (weight, bias) = affine(OP, x, planes.channels, [weight, bias])?;
    let x = x.contiguous()?;
    let [mean, variance] = launch(&Moments(planes), [&x])?;
    let norm = Norm { op: OP, shape: x.shape().clone(), planes, eps, kind: Statistics::Batch };
    let y = apply3(norm, vec![mean.clone(), variance.clone()], [&x, &weight, &bias])?;
    Ok((y, mean, variance))
}

/// Batch normalization of `x` `(N, C, H, W)` or `(N, C)` by given statistics `(C)` (inference):
/// `(x - mean) / sqrt(var + eps) * weight + bias`.
///
/// The statistics get no gradient.
///
/// # Errors
/// If the sizes do not fit together.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((8, 4, 5, 5), DType::F32, &Device::Cpu)?;
/// let (mean, var) = (Tensor::zeros(4, DType::F32, &Device::Cpu)?, Tensor::ones(4, DType::F32, &Device::Cpu)?);
/// assert_eq!(cnn_runtime::ops::batch_norm_eval(&x, &mean, &var, None, None, 1e-5)?.dims(), x.dims());
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn batch_norm_eval(
    x: &Tensor,
    mean: &Tensor,
    var: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    const OP: &str = "batch_norm_eval";
    check::input(OP, x)?;
    let planes = batch_norm_sizes(x.dims(), mean.dims())?;
    check::vector(OP, x, mean, planes.channels, "mean")?;
    check::vector(OP, x, var, planes.channels, "variance")?;
    let (weight, bias) = affine(OP, x, planes.channels, [weight, bias])?;
    let norm = Norm { op: OP, shape: x.shape().clone(), planes, eps, kind: Statistics::Running };

    apply3(norm, vec![mean.contiguous()?.detach(), var.contiguous()?.detach()], [x, &weight, &bias])
}

/// The sizes of a [`batch_norm_eval`].
pub(crate) fn batch_norm_sizes(x: &[usize], mean: &[usize]) -> Result<Planes> {
    const OP: &str = "batch_norm_eval";
    let planes = check::planes(OP, x)?;
    check::length(OP, x, mean, planes.channels, "mean")?;
    Ok(planes)
}

/// Weight and bias per channel, 1 and 0 where there is none.
pub(super) fn affine(
    op: &str,
    x: &Tensor,
    channels: usize,
    [weight, bias]: [Option<&Tensor>; 2],
) -> Result<(Tensor, Tensor)> {
    let weight = match weight {
        Some(weight) => weight.clone(),
        None => Tensor::ones(channels, of_parameters(x.dtype()), x.device())?,
    };
    let bias = match bias {
        Some(bias) => bias.clone(),
        None => Tensor::zeros(channels, of_parameters(x.dtype()), x.device())?,
    };
    check::vector(op, x, &weight, channels, "weight")?;
    check::vector(op, x, &bias, channels, "bias")?;
    Ok((weight, bias))
}

#[cfg(feature = "cuda")]
const fn of_batch(planes: Planes, eps: f64) -> cuda::norm::Norm {
    cuda::norm::Norm { planes, over: cuda::norm::Over::Batch, eps }
}

/// Mean and biased variance per channel.
struct Moments(Planes);

impl Kernel<1, 2> for Moments {
    fn name(&self) -> &'static str {
        "batch_norm_train"
    }

    fn shapes(&self) -> [Shape; 2] {
        [Shape::from(self.0.channels), Shape::from(self.0.channels)]
    }

    #[cfg(feature = "cuda")]
    fn dtypes(&self, of_first: DType) -> [DType; 2] {
        [of_parameters(of_first); 2]
    }

    fn cpu<T: Float>(&self, [x]: [&[T]; 1], [mean, variance]: [&mut [T]; 2]) {
        batch::statistics(&self.0, x, mean, variance);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x]: [&In<'_>; 1],
        [mean, variance]: [&mut Out<'_>; 2],
    ) -> cnn_cuda::Result<()> {
        cuda::norm::statistics(gpu, &of_batch(self.0, 0.0), x, mean, variance)
    }
}

/// Of `(x, weight, bias)` and `(mean, variance)`, the normalized values.
#[derive(Clone)]
struct Norm {
    op: &'static str,
    shape: Shape,
    planes: Planes,
    eps: f64,
    kind: Statistics,
}

impl Kernel<5, 1> for Norm {
    fn name(&self) -> &'static str {
        self.op
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x, weight, bias, mean, variance]: [&[T]; 5], [y]: [&mut [T]; 1]) {
        batch::forward(&self.planes, &Channels { mean, variance, weight, eps: self.eps }, bias, x, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x, weight, bias, mean, variance]: [&In<'_>; 5],
        [y]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        let norm = of_batch(self.planes, self.eps);
        let parameters = cuda::norm::Parameters { mean, variance, weight, bias };
        cuda::norm::forward(gpu, &norm, x, parameters, None, Ending::NONE, y)
    }
}

impl Differentiable<3, 5> for Norm {
    fn gradients(
        &self,
        [x, weight, bias]: [&Tensor; 3],
        saved: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 3]> {
        let [mean, variance] = saved else { bail!("{}: the statistics are missing", self.op) };
        let [input, scale, shift] = launch(&NormGradient(self.clone()), [x, grad, weight, mean, variance])?;
        Ok(wanted([x, weight, bias], [input, scale, shift]))
    }
}

/// The gradients of those arguments that want one.
pub(super) fn wanted<const A: usize>(arguments: [&Tensor; A], gradients: [Tensor; A]) -> [Option<Tensor>; A] {
    let mut wants = arguments.into_iter().map(wants_gradient);
    gradients.map(|gradient| wants.next().unwrap_or(false).then_some(gradient))
}

/// Of `(x, output's gradient, weight, mean, variance)`, the gradients of input, weight and bias.
struct NormGradient(Norm);

impl Kernel<5, 3> for NormGradient {
    fn name(&self) -> &'static str {
        "batch_norm gradient"
    }

    fn shapes(&self) -> [Shape; 3] {
        [self.0.shape.clone(), Shape::from(self.0.planes.channels), Shape::from(self.0.planes.channels)]
    }

    #[cfg(feature = "cuda")]
    fn dtypes(&self, of_first: DType) -> [DType; 3] {
        [of_first, of_parameters(of_first), of_parameters(of_first)]
    }

    fn cpu<T: Float>(
        &self,
        [x, grad, weight, mean, variance]: [&[T]; 5],
        [input, scale, shift]: [&mut [T]; 3],
    ) {
        let norm = Channels { mean, variance, weight, eps: self.0.eps };
        let gradients = Gradients { input, weight: scale, bias: shift };
        batch::gradient(&self.0.planes, &norm, self.0.kind, x, grad, gradients);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x, grad, weight, mean, variance]: [&In<'_>; 5],
        [input, scale, shift]: [&mut Out<'_>; 3],
    ) -> cnn_cuda::Result<()> {
        let norm = of_batch(self.0.planes, self.0.eps);
        let gradients = cuda::norm::Gradients { input, weight: scale, bias: shift };
        let fixed = self.0.kind == Statistics::Running;
        let statistics = cuda::norm::Statistics { mean, variance, weight };
        cuda::norm::gradient(gpu, &norm, fixed, x, grad, statistics, gradients)
    }
}
