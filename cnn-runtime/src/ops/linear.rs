//! The fully connected layer.
use super::mixed::factors;
use super::{
    check,
    conv::bias_gradient,
    kernel::{Differentiable, Kernel, apply2, apply3, gradient},
};
use candle_core::{Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out};
use cnn_kernels::{
    Float,
    linear::{self, Linear},
};

/// `x weight^T + bias` for `x` `(N, F)`, or `(N, C, H, W)` with `F = C H W`, `weight` `(O, F)` and `bias` `(O)`:
/// `(N, O)`.
///
/// # Errors
/// If features or dtypes do not fit together.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cnn_runtime::ops::linear;
/// let x = Tensor::ones((2, 16, 5, 5), DType::F32, &Device::Cpu)?;
/// let weight = Tensor::ones((120, 400), DType::F32, &Device::Cpu)?;
/// assert_eq!(linear(&x, &weight, None)?.dims(), [2, 120]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    const OP: &str = "linear";
    check::input(OP, x)?;
    let [x, weight] = &factors(x, weight)?;
    check::alike(OP, x, weight, "weight")?;
    let sizes = linear_sizes(x.dims(), weight.dims())?;
    let x = if x.rank() == 2 { x.clone() } else { x.flatten_from(1)? };
    let kernel = Forward(sizes);
    match bias {
        None => apply2(kernel, Vec::new(), [&x, weight]),
        Some(bias) => {
            check::vector(OP, &x, bias, sizes.outputs, "bias")?;
            apply3(kernel, Vec::new(), [&x, weight, bias])
        }
    }
}

/// The sizes of a [`linear`].
pub(crate) fn linear_sizes(x: &[usize], weight: &[usize]) -> Result<Linear> {
    const OP: &str = "linear";
    let planes = check::planes(OP, x)?;
    let (batch, inputs) = (planes.batch, planes.channels * planes.plane);
    let outputs = match *weight {
        [outputs, features] if features == inputs && outputs > 0 => outputs,
        _ => bail!("{OP}: expected a weight of shape (O, {inputs}) for the input {x:?}, found {weight:?}"),
    };
    check::shape(OP, &[batch, outputs])?;
    Ok(Linear { batch, inputs, outputs })
}

struct Forward(Linear);

impl Kernel<2, 1> for Forward {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn shapes(&self) -> [Shape; 1] {
        [Shape::from((self.0.batch, self.0.outputs))]
    }

    fn cpu<T: Float>(&self, [x, weight]: [&[T]; 2], [y]: [&mut [T]; 1]) {
        linear::forward(&self.0, x, weight, None, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, weight]: [&In<'_>; 2], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::linear::forward(gpu, &self.0, x, weight, y)
    }
}

impl Kernel<3, 1> for Forward {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn shapes(&self) -> [Shape; 1] {
        [Shape::from((self.0.batch, self.0.outputs))]
    }

    fn cpu<T: Float>(&self, [x, weight, bias]: [&[T]; 3], [y]: [&mut [T]; 1]) {
        linear::forward(&self.0, x, weight, Some(bias), y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x, weight, bias]: [&In<'_>; 3],
        [y]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        cuda::linear::forward(gpu, &self.0, x, weight, y)?;
        cuda::linear::add_bias(gpu, &self.0, bias, y)
    }
}

impl Forward {
    fn gradients(&self, [x, weight]: [&Tensor; 2], grad: &Tensor) -> Result<[Option<Tensor>; 2]> {
        Ok([
            gradient(x, &InputGradient(self.0), [weight, grad])?,
            gradient(weight, &WeightGradient(self.0), [x, grad])?,
        ])
    }
}

impl Differentiable<2, 2> for Forward {
    fn gradients(
        &self,
        arguments: [&Tensor; 2],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 2]> {
        Self::gradients(self, arguments, grad)
    }
}

impl Differentiable<3, 3> for Forward {
    fn gradients(
        &self,
        [x, weight, bias]: [&Tensor; 3],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 3]> {
        let [input, matrix] = Self::gradients(self, [x, weight], grad)?;
        Ok([input, matrix, bias_gradient(bias, grad)?])
    }
}

struct InputGradient(Linear);

impl Kernel<2, 1> for InputGradient {
    fn name(&self) -> &'static str {
        "linear input gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [Shape::from((self.0.batch, self.0.inputs))]
    }

    fn cpu<T: Float>(&self, [weight, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        linear::input_gradient(&self.0, weight, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [weight, grad]: [&In<'_>; 2],
        [target]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        cuda::linear::input_gradient(gpu, &self.0, weight, grad, target)
    }
}

struct WeightGradient(Linear);

impl Kernel<2, 1> for WeightGradient {
    fn name(&self) -> &'static str {
        "linear weight gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [Shape::from((self.0.outputs, self.0.inputs))]
    }

    fn cpu<T: Float>(&self, [x, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        linear::weight_gradient(&self.0, x, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, grad]: [&In<'_>; 2], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::linear::weight_gradient(gpu, &self.0, x, grad, target)
    }
}
