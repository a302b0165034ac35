//! Activation functions, softmax and PReLU.
//!
//! On the CPU each is one kernel forward and one backward; on other devices it is composed of candle's operations,
//! arranged so that their gradients are PyTorch's (candle's own `relu` has gradient 1 at 0, for one).
use super::mixed::beside;
use super::{
    check,
    kernel::{Differentiable, Kernel, apply1, apply2, gradient, has_kernels},
};
use candle_core::{Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out};
use cnn_kernels::{
    Float,
    channels::{self, Planes},
    elementwise::Activation,
};

/// `max(x, 0)`; the gradient at 0 is 0.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[-1f32, 0., 2.], &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::relu(&x)?.to_vec1::<f32>()?, [0., 0., 2.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn relu(x: &Tensor) -> Result<Tensor> {
    apply("relu", Activation::Relu, x)
}

/// `min(max(x, 0), 6)`; the gradient at 0 and at 6 is 0.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
pub fn relu6(x: &Tensor) -> Result<Tensor> {
    apply("relu6", Activation::Relu6, x)
}

/// `x` where positive, `slope * x` elsewhere; the gradient at 0 is `slope`.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
pub fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    apply("leaky_relu", Activation::LeakyRelu { slope }, x)
}

/// `x` where positive, `alpha * (exp(x) - 1)` elsewhere. Clevert, Unterthiner & Hochreiter, arXiv 1511.07289.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
pub fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    apply("elu", Activation::Elu { alpha }, x)
}

/// `x Phi(x)` with the normal distribution `Phi` by the error function, not by `tanh`. Hendrycks & Gimpel,
/// arXiv 1606.08415.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    apply("gelu", Activation::Gelu, x)
}

/// `x * sigmoid(x)`.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    apply("silu", Activation::Silu, x)
}

/// `x * relu6(x + 3) / 6`; the gradient at -3 is 0, at 3 it is 1. Howard et al., arXiv 1905.02244.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
pub fn hardswish(x: &Tensor) -> Result<Tensor> {
    apply("hardswish", Activation::HardSwish, x)
}

/// `relu6(x + 3) / 6`; the gradient at -3 and at 3 is 0.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
pub fn hardsigmoid(x: &Tensor) -> Result<Tensor> {
    apply("hardsigmoid", Activation::HardSigmoid, x)
}

/// `1 / (1 + exp(-x))`.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    apply("sigmoid", Activation::Sigmoid, x)
}

/// The hyperbolic tangent.
///
/// # Errors
/// If `x` is empty or not of `f32` or `f64`.
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    apply("tanh", Activation::Tanh, x)
}

/// `exp(x) / sum of exp(x)` over dimension 1 of `(N, C)` or `(N, C, H, W)`.
///
/// # Errors
/// If `x` has fewer than two dimensions, is empty or not of `f32` or `f64`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[0f32, 0.]], &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::softmax(&x)?.to_vec2::<f32>()?, [[0.5, 0.5]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    check::input("softmax", x)?;
    let planes = softmax_sizes(x.dims())?;
    if has_kernels(x.device()) {
        apply1(Softmax { shape: x.shape().clone(), planes }, Vec::new(), [x])
    } else {
        softmax_composed(x)
    }
}

/// The sizes of a [`softmax`].
pub(crate) fn softmax_sizes(x: &[usize]) -> Result<Planes> {
    check::planes("softmax", x)
}

/// The sizes of an activation that looks at each value by itself.
pub(crate) fn activation_sizes(name: &str, x: &[usize]) -> Result<()> {
    check::filled(name, x)
}

/// `x` where positive, `weight * x` elsewhere, with one weight for all or one per channel: `x` `(N, C, ..)`, `weight`
/// `(1)` or `(C)`. He et al., arXiv 1502.01852.
///
/// # Errors
/// If the sizes or dtypes do not fit together.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[-2f32, 2.]], &Device::Cpu)?;
/// let weight = Tensor::new(&[0.25f32], &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::prelu(&x, &weight)?.to_vec2::<f32>()?, [[-0.5, 2.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn prelu(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    const OP: &str = "prelu";
    check::input(OP, x)?;
    let weight = &beside(x, weight)?;
    check::alike(OP, x, weight, "weight")?;
    let (planes, slopes) = prelu_sizes(x.dims(), weight.dims())?;
    apply2(Prelu { shape: x.shape().clone(), planes, slopes }, Vec::new(), [x, weight])
}

/// The sizes of a [`prelu`], and the number of slopes.
pub(crate) fn prelu_sizes(x: &[usize], weight: &[usize]) -> Result<(Planes, usize)> {
    const OP: &str = "prelu";
    let planes = check::planes(OP, x)?;
    match *weight {
        [slopes] if slopes == 1 || slopes == planes.channels => Ok((planes, slopes)),
        _ => bail!(
            "{OP}: expected a weight of shape [1] or [{}] for the input {x:?}, found {weight:?}",
            planes.channels
        ),
    }
}

pub(super) fn apply(name: &'static str, function: Activation, x: &Tensor) -> Result<Tensor> {
    check::input(name, x)?;
    if has_kernels(x.device()) {
        apply1(Elementwise { name, function, shape: x.shape().clone() }, Vec::new(), [x])
    } else {
        composed(function, x)
    }
}

/// The function by candle's operations, with PyTorch's gradients.
pub(super) fn composed(function: Activation, x: &Tensor) -> Result<Tensor> {
    let constant = |value: f64| x.detach().zeros_like()?.affine(0.0, value);
    // Not clamp(): its gradient at the ends is candle's, not PyTorch's.
    let clamped = |x: &Tensor| {
        let (zero, six) = (constant(0.0)?, constant(6.0)?);
        x.le(&zero)?.where_cond(&zero, &x.ge(&six)?.where_cond(&six, x)?)
    };
    match function {
        Activation::Relu => {
            let zero = constant(0.0)?;
            x.le(&zero)?.where_cond(&zero, x)
        }
        Activation::Relu6 => clamped(x),
        Activation::LeakyRelu { slope } => x.gt(&constant(0.0)?)?.where_cond(x, &(x * slope)?),
        Activation::Elu { alpha } => {
            // exp() of the negative part only: a large positive value would make the unused branch infinite.
            let zero = constant(0.0)?;
            let negative = x.le(&zero)?.where_cond(x, &zero)?.exp()?.affine(alpha, -alpha)?;
            x.le(&zero)?.where_cond(&negative, x)
        }
        Activation::Gelu => (x * 0.5)? * ((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)?,
        Activation::Silu => x * composed(Activation::Sigmoid, x)?,
        Activation::HardSwish => {
            let (zero, three) = (constant(0.0)?, constant(3.0)?);
            let middle = (x * x.affine(1.0 / 6.0, 0.5)?)?;
            x.le(&three.neg()?)?.where_cond(&zero, &x.ge(&three)?.where_cond(x, &middle)?)
        }
        Activation::HardSigmoid => clamped(&(x + 3.0)?)? / 6.0,
        Activation::Sigmoid => x.neg()?.exp()?.affine(1.0, 1.0)?.recip(),
        Activation::Tanh => x.tanh(),
    }
}

pub(super) fn softmax_composed(x: &Tensor) -> Result<Tensor> {
    // The maximum only moves the numbers into range: its gradient is 0.
    let exp = x.broadcast_sub(&x.detach().max_keepdim(1)?)?.exp()?;
    exp.broadcast_div(&exp.sum_keepdim(1)?)
}

struct Elementwise {
    name: &'static str,
    function: Activation,
    shape: Shape,
}

impl Kernel<1, 1> for Elementwise {
    fn name(&self) -> &'static str {
        self.name
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x]: [&[T]; 1], [y]: [&mut [T]; 1]) {
        self.function.forward(x, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x]: [&In<'_>; 1], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::elementwise::forward(gpu, self.function, x, y)
    }
}

impl Differentiable<1, 1> for Elementwise {
    fn gradients(
        &self,
        [x]: [&Tensor; 1],
        _: &[Tensor],
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 1]> {
        let kernel = ElementwiseGradient { function: self.function, shape: self.shape.clone() };
        Ok([gradient(x, &kernel, [x, result, grad])?])
    }
}

struct ElementwiseGradient {
    function: Activation,
    shape: Shape,
}

impl Kernel<3, 1> for ElementwiseGradient {
    fn name(&self) -> &'static str {
        "activation gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x, y, grad]: [&[T]; 3], [target]: [&mut [T]; 1]) {
        self.function.gradient(x, y, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x, y, grad]: [&In<'_>; 3],
        [target]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        cuda::elementwise::gradient(gpu, self.function, x, y, grad, target)
    }
}

#[derive(Clone)]
struct Softmax {
    shape: Shape,
    planes: Planes,
}

impl Kernel<1, 1> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x]: [&[T]; 1], [y]: [&mut [T]; 1]) {
        channels::softmax(&self.planes, x, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x]: [&In<'_>; 1], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::softmax::forward(gpu, &self.planes, x, y)
    }
}

impl Differentiable<1, 1> for Softmax {
    fn gradients(
        &self,
        [x]: [&Tensor; 1],
        _: &[Tensor],
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([gradient(x, &SoftmaxGradient(self.clone()), [result, grad])?])
    }
}

struct SoftmaxGradient(Softmax);

impl Kernel<2, 1> for SoftmaxGradient {
    fn name(&self) -> &'static str {
        "softmax gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.0.shape.clone()]
    }

    fn cpu<T: Float>(&self, [y, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        channels::softmax_gradient(&self.0.planes, y, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [y, grad]: [&In<'_>; 2], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::softmax::gradient(gpu, &self.0.planes, y, grad, target)
    }
}

#[derive(Clone)]
struct Prelu {
    shape: Shape,
    planes: Planes,
    slopes: usize,
}

impl Kernel<2, 1> for Prelu {
    fn name(&self) -> &'static str {
        "prelu"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x, weight]: [&[T]; 2], [y]: [&mut [T]; 1]) {
        channels::prelu(&self.planes, x, weight, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, weight]: [&In<'_>; 2], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::elementwise::prelu(gpu, &self.planes, x, weight, y)
    }
}

impl Differentiable<2, 2> for Prelu {
    fn gradients(
        &self,
        [x, weight]: [&Tensor; 2],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 2]> {
        Ok([
            gradient(x, &PreluInputGradient(self.clone()), [x, weight, grad])?,
            gradient(weight, &PreluSlopeGradient(self.clone()), [x, grad])?,
        ])
    }
}

struct PreluInputGradient(Prelu);

impl Kernel<3, 1> for PreluInputGradient {
    fn name(&self) -> &'static str {
        "prelu input gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.0.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x, weight, grad]: [&[T]; 3], [target]: [&mut [T]; 1]) {
        channels::prelu_input_gradient(&self.0.planes, x, weight, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x, weight, grad]: [&In<'_>; 3],
        [target]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        cuda::elementwise::prelu_input_gradient(gpu, &self.0.planes, x, weight, grad, target)
    }
}

struct PreluSlopeGradient(Prelu);

impl Kernel<2, 1> for PreluSlopeGradient {
    fn name(&self) -> &'static str {
        "prelu weight gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [Shape::from(self.0.slopes)]
    }

    fn cpu<T: Float>(&self, [x, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        channels::prelu_slope_gradient(&self.0.planes, x, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, grad]: [&In<'_>; 2], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::norm::slopes(gpu, &self.0.planes, x, grad, target)
    }
}
