//! Upsampling by whole factors.
use super::{
    check,
    kernel::{Differentiable, Kernel, apply1, gradient},
};
use candle_core::{Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out};
use cnn_kernels::{
    Float,
    resize::{self, Upsample},
};

/// Every value of `x` `(N, C, H, W)` repeated `down x right` times: `(N, C, H down, W right)`, PyTorch's
/// `interpolate(mode="nearest")`.
///
/// # Errors
/// If `x` is not a map, or a factor is 0.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, 2.]]]], &Device::Cpu)?;
/// let y = cnn_runtime::ops::upsample_nearest2d(&x, [2, 2])?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1., 1., 2., 2., 1., 1., 2., 2.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn upsample_nearest2d(x: &Tensor, [down, right]: [usize; 2]) -> Result<Tensor> {
    apply("upsample_nearest2d", Mode::Nearest, x, [down, right])
}

/// Bilinear interpolation of `x` `(N, C, H, W)`: `(N, C, H down, W right)`, PyTorch's
/// `interpolate(mode="bilinear", align_corners=False)`.
///
/// # Errors
/// If `x` is not a map, or a factor is 0.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, 2.]]]], &Device::Cpu)?;
/// let y = cnn_runtime::ops::upsample_bilinear2d(&x, [1, 2])?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1., 1.25, 1.75, 2.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn upsample_bilinear2d(x: &Tensor, [down, right]: [usize; 2]) -> Result<Tensor> {
    apply("upsample_bilinear2d", Mode::Bilinear, x, [down, right])
}

fn apply(op: &'static str, mode: Mode, x: &Tensor, factors: [usize; 2]) -> Result<Tensor> {
    check::input(op, x)?;
    let (output, sizes) = upsample_sizes(op, x.dims(), factors)?;
    let (input, output) = (x.shape().clone(), Shape::from(&output[..]));
    apply1(Resize { op, mode, sizes, input, output }, Vec::new(), [x])
}

/// The shape and sizes of an upsampling.
pub(crate) fn upsample_sizes(op: &str, x: &[usize], factors: [usize; 2]) -> Result<([usize; 4], Upsample)> {
    let [n, c, h, w] = check::map(op, x)?;
    if factors.contains(&0) {
        bail!("{op}: expected factors of at least 1, found {factors:?}");
    }
    let output = [n, c, h.saturating_mul(factors[0]), w.saturating_mul(factors[1])];
    check::shape(op, &output)?;
    Ok((output, Upsample { planes: n * c, input: [h, w], factors }))
}

#[derive(Clone, Copy)]
enum Mode {
    Nearest,
    Bilinear,
}

#[cfg(feature = "cuda")]
impl Mode {
    const fn on_cuda(self) -> cuda::resize::Mode {
        match self {
            Self::Nearest => cuda::resize::Mode::Nearest,
            Self::Bilinear => cuda::resize::Mode::Bilinear,
        }
    }
}

struct Resize {
    op: &'static str,
    mode: Mode,
    sizes: Upsample,
    input: Shape,
    output: Shape,
}

impl Kernel<1, 1> for Resize {
    fn name(&self) -> &'static str {
        self.op
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.output.clone()]
    }

    fn cpu<T: Float>(&self, [x]: [&[T]; 1], [y]: [&mut [T]; 1]) {
        match self.mode {
            Mode::Nearest => resize::nearest(&self.sizes, x, y),
            Mode::Bilinear => resize::bilinear(&self.sizes, x, y),
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x]: [&In<'_>; 1], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::resize::forward(gpu, &self.sizes, self.mode.on_cuda(), 1, x, y)
    }
}

impl Differentiable<1, 1> for Resize {
    fn gradients(
        &self,
        [x]: [&Tensor; 1],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 1]> {
        let kernel = ResizeGradient { mode: self.mode, sizes: self.sizes, shape: self.input.clone() };
        Ok([gradient(x, &kernel, [grad])?])
    }
}

struct ResizeGradient {
    mode: Mode,
    sizes: Upsample,
    shape: Shape,
}

impl Kernel<1, 1> for ResizeGradient {
    fn name(&self) -> &'static str {
        match self.mode {
            Mode::Nearest => "upsample_nearest2d gradient",
            Mode::Bilinear => "upsample_bilinear2d gradient",
        }
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [grad]: [&[T]; 1], [target]: [&mut [T]; 1]) {
        match self.mode {
            Mode::Nearest => resize::nearest_gradient(&self.sizes, grad, target),
            Mode::Bilinear => resize::bilinear_gradient(&self.sizes, grad, target),
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [grad]: [&In<'_>; 1], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::resize::gradient(gpu, &self.sizes, self.mode.on_cuda(), 1, grad, target)
    }
}
