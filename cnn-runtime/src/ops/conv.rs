//! Convolution and transposed convolution.
use super::mixed::factors;
#[cfg(feature = "cuda")]
use super::mixed::of_parameters;
use super::{
    check,
    kernel::{Differentiable, Kernel, apply2, apply3, gradient},
};
#[cfg(feature = "cuda")]
use candle_core::DType;
use candle_core::{Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out, conv::Epilogue};
use cnn_ir::window::{Padding, Window};
use cnn_kernels::{
    Float,
    channels::{self, Planes},
    conv::{self, Conv},
};

/// Two-dimensional convolution (cross-correlation) of `x` `(N, C, H, W)` with `weight`
/// `(O, C / groups, kernel height, kernel width)`, plus `bias` `(O)`: `(N, O, H', W')`, PyTorch's `conv2d`.
///
/// The padding is zeros, on each side what `window` says. See Dumoulin & Visin, arXiv 1603.07285.
///
/// # Errors
/// If ranks, channels, groups, kernel sizes or dtypes do not fit together, or the window not into the input.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use cnn_runtime::{Window, ops::conv2d};
/// let x = Tensor::ones((1, 1, 3, 3), candle_core::DType::F32, &Device::Cpu)?;
/// let weight = Tensor::ones((1, 1, 3, 3), candle_core::DType::F32, &Device::Cpu)?;
/// let y = conv2d(&x, &weight, None, &Window::new([3, 3]).with_padding([1, 1]), 1)?;
/// assert_eq!(y.squeeze(0)?.squeeze(0)?.to_vec2::<f32>()?[1], [6., 9., 6.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    window: &Window,
    groups: usize,
) -> Result<Tensor> {
    const OP: &str = "conv2d";
    check::input(OP, x)?;
    let [x, weight] = &factors(x, weight)?;
    check::alike(OP, x, weight, "weight")?;
    let conv = conv2d_sizes(x.dims(), weight.dims(), window, groups)?;
    apply(Forward(conv), OP, [x, weight], bias, conv.out_channels)
}

/// The sizes of a [`conv2d`].
pub(crate) fn conv2d_sizes(x: &[usize], weight: &[usize], window: &Window, groups: usize) -> Result<Conv> {
    const OP: &str = "conv2d";
    let [batch, in_channels, height, width] = check::map(OP, x)?;
    let [out_channels, group_inputs, ..] = weight_of(OP, weight, window)?;
    if groups == 0
        || !out_channels.is_multiple_of(groups)
        || group_inputs.checked_mul(groups) != Some(in_channels)
    {
        bail!(
            "{OP}: expected a weight of shape (O, C / {groups}, ..) with O a multiple of {groups} (groups) for the \
             input {x:?}, found {weight:?}"
        );
    }
    let (Some([rows, columns]), Some([out_height, out_width])) =
        (window.axes([height, width]), window.out([height, width]))
    else {
        bail!("{OP}: the window does not fit into the input {x:?}: {window:?}");
    };
    let conv = Conv {
        batch,
        in_channels,
        out_channels,
        groups,
        rows: check::span(OP, rows, height, out_height)?,
        columns: check::span(OP, columns, width, out_width)?,
    };
    check::shape(OP, &[batch, out_channels, out_height, out_width])?;
    Ok(conv)
}

/// Transposed convolution of `x` `(N, C, H, W)` with `weight` `(C, O / groups, kernel height, kernel width)`, plus
/// `bias` `(O)`: PyTorch's `conv_transpose2d`, which is the gradient of a convolution by its input.
///
/// `H' = (H - 1) stride - top - bottom + dilation (kernel - 1) + 1 + output_padding`. [`Padding::Same`] is
/// TensorFlow's: the padding with which `H' = H stride + output_padding`. Rounding (`ceil`) has no meaning here.
///
/// # Errors
/// If ranks, channels, groups, kernel sizes or dtypes do not fit together, if nothing is left of the output, or if
/// `output_padding` is not smaller than the stride or the dilation.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cnn_runtime::{Window, ops::conv_transpose2d};
/// let x = Tensor::ones((1, 4, 8, 8), DType::F32, &Device::Cpu)?;
/// let weight = Tensor::ones((4, 2, 4, 4), DType::F32, &Device::Cpu)?;
/// let window = Window::new([4, 4]).with_stride([2, 2]).with_padding([1, 1]);
/// assert_eq!(conv_transpose2d(&x, &weight, None, &window, [0, 0], 1)?.dims(), [1, 2, 16, 16]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    window: &Window,
    output_padding: [usize; 2],
    groups: usize,
) -> Result<Tensor> {
    const OP: &str = "conv_transpose2d";
    check::input(OP, x)?;
    let [x, weight] = &factors(x, weight)?;
    check::alike(OP, x, weight, "weight")?;
    let conv = conv_transpose2d_sizes(x.dims(), weight.dims(), window, output_padding, groups)?;
    apply(Transposed(conv), OP, [x, weight], bias, conv.in_channels)
}

/// The sizes of the convolution that a [`conv_transpose2d`] transposes.
pub(crate) fn conv_transpose2d_sizes(
    x: &[usize],
    weight: &[usize],
    window: &Window,
    output_padding: [usize; 2],
    groups: usize,
) -> Result<Conv> {
    const OP: &str = "conv_transpose2d";
    let [batch, in_channels, height, width] = check::map(OP, x)?;
    let [weight_inputs, group_outputs, ..] = weight_of(OP, weight, window)?;
    if groups == 0 || !in_channels.is_multiple_of(groups) || weight_inputs != in_channels {
        bail!(
            "{OP}: expected a weight of shape (C, O / {groups}, ..) with C a multiple of {groups} (groups) for the \
             input {x:?}, found {weight:?}"
        );
    }
    for axis in 0..2 {
        if output_padding[axis] > 0 && output_padding[axis] >= window.stride[axis].max(window.dilation[axis])
        {
            bail!(
                "{OP}: output padding {output_padding:?} must be smaller than the stride or dilation of {window:?}"
            );
        }
    }
    // `same` refers to the larger side, the input of the convolution that is transposed.
    let sizes = match window.padding {
        Padding::Same => [height.saturating_mul(window.stride[0]), width.saturating_mul(window.stride[1])],
        Padding::Explicit { .. } => [height, width],
    };
    let sizes = window.axes(sizes).and_then(|[rows, columns]| {
        let out_height = rows.transposed_out(height, output_padding[0])?;
        Some(([rows, columns], out_height, columns.transposed_out(width, output_padding[1])?))
    });
    let Some(([rows, columns], out_height, out_width)) = sizes else {
        bail!("{OP}: nothing is left of the output of {x:?} by {window:?}");
    };
    let Some(out_channels) = group_outputs.checked_mul(groups) else {
        bail!("{OP}: the weight {weight:?} is too large for {groups} groups");
    };
    let conv = Conv {
        batch,
        in_channels: out_channels,
        out_channels: in_channels,
        groups,
        rows: check::span(OP, rows, out_height, height)?,
        columns: check::span(OP, columns, out_width, width)?,
    };
    check::shape(OP, &[batch, out_channels, out_height, out_width])?;
    Ok(conv)
}

/// The weight's sizes, its kernel being the window's.
fn weight_of(op: &str, weight: &[usize], window: &Window) -> Result<[usize; 4]> {
    match *weight {
        [a, b, h, w] if [h, w] == window.kernel_size && a > 0 && b > 0 => Ok([a, b, h, w]),
        _ => {
            let [h, w] = window.kernel_size;
            bail!("{op}: expected a weight of shape (.., .., {h}, {w}), found {weight:?}")
        }
    }
}

fn apply<K>(
    kernel: K,
    op: &str,
    [x, weight]: [&Tensor; 2],
    bias: Option<&Tensor>,
    channels: usize,
) -> Result<Tensor>
where
    K: Differentiable<2, 2> + Differentiable<3, 3> + 'static,
{
    match bias {
        None => apply2(kernel, Vec::new(), [x, weight]),
        Some(bias) => {
            check::vector(op, x, bias, channels, "bias")?;
            apply3(kernel, Vec::new(), [x, weight, bias])
        }
    }
}

fn input_shape(conv: &Conv) -> Shape {
    Shape::from((conv.batch, conv.in_channels, conv.rows.input(), conv.columns.input()))
}

fn output_shape(conv: &Conv) -> Shape {
    Shape::from((conv.batch, conv.out_channels, conv.rows.output(), conv.columns.output()))
}

fn weight_shape(conv: &Conv) -> Shape {
    let inputs = conv.in_channels / conv.groups;
    Shape::from((conv.out_channels, inputs, conv.rows.kernel(), conv.columns.kernel()))
}

/// The convolution itself.
struct Forward(Conv);

impl Kernel<2, 1> for Forward {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn shapes(&self) -> [Shape; 1] {
        [output_shape(&self.0)]
    }

    fn cpu<T: Float>(&self, [x, weight]: [&[T]; 2], [y]: [&mut [T]; 1]) {
        conv::forward(&self.0, x, weight, None, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, weight]: [&In<'_>; 2], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::conv::forward(gpu, &self.0, x, weight, Epilogue::default(), y)
    }
}

impl Kernel<3, 1> for Forward {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn shapes(&self) -> [Shape; 1] {
        [output_shape(&self.0)]
    }

    fn cpu<T: Float>(&self, [x, weight, bias]: [&[T]; 3], [y]: [&mut [T]; 1]) {
        conv::forward(&self.0, x, weight, Some(bias), y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x, weight, bias]: [&In<'_>; 3],
        [y]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        let epilogue = Epilogue { bias: Some(bias), ..Epilogue::default() };
        cuda::conv::forward(gpu, &self.0, x, weight, epilogue, y)
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
        let [input, kernel] = Self::gradients(self, [x, weight], grad)?;
        Ok([input, kernel, bias_gradient(bias, grad)?])
    }
}

/// The transposed convolution, given the convolution that it transposes.
struct Transposed(Conv);

impl Kernel<2, 1> for Transposed {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn shapes(&self) -> [Shape; 1] {
        [input_shape(&self.0)]
    }

    fn cpu<T: Float>(&self, [x, weight]: [&[T]; 2], [y]: [&mut [T]; 1]) {
        conv::input_gradient(&self.0, weight, x, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, weight]: [&In<'_>; 2], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::conv::input_gradient(gpu, &self.0, weight, x, None, y)
    }
}

impl Kernel<3, 1> for Transposed {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn shapes(&self) -> [Shape; 1] {
        [input_shape(&self.0)]
    }

    fn cpu<T: Float>(&self, [x, weight, bias]: [&[T]; 3], [y]: [&mut [T]; 1]) {
        for (plane, bias) in y.chunks_exact_mut(self.0.input_plane()).zip(bias.iter().cycle()) {
            plane.fill(*bias);
        }
        conv::input_gradient(&self.0, weight, x, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x, weight, bias]: [&In<'_>; 3],
        [y]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        cuda::conv::input_gradient(gpu, &self.0, weight, x, Some(bias), y)
    }
}

impl Transposed {
    fn gradients(&self, [x, weight]: [&Tensor; 2], grad: &Tensor) -> Result<[Option<Tensor>; 2]> {
        Ok([
            gradient(x, &Forward(self.0), [grad, weight])?,
            gradient(weight, &WeightGradient(self.0), [grad, x])?,
        ])
    }
}

impl Differentiable<2, 2> for Transposed {
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

impl Differentiable<3, 3> for Transposed {
    fn gradients(
        &self,
        [x, weight, bias]: [&Tensor; 3],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 3]> {
        let [input, kernel] = Self::gradients(self, [x, weight], grad)?;
        Ok([input, kernel, bias_gradient(bias, grad)?])
    }
}

/// Of `(weight, output's gradient)`, the input's gradient.
struct InputGradient(Conv);

impl Kernel<2, 1> for InputGradient {
    fn name(&self) -> &'static str {
        "conv2d input gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [input_shape(&self.0)]
    }

    fn cpu<T: Float>(&self, [weight, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        conv::input_gradient(&self.0, weight, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [weight, grad]: [&In<'_>; 2],
        [target]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        cuda::conv::input_gradient(gpu, &self.0, weight, grad, None, target)
    }
}

/// Of `(input, output's gradient)`, the weight's gradient.
struct WeightGradient(Conv);

impl Kernel<2, 1> for WeightGradient {
    fn name(&self) -> &'static str {
        "conv2d weight gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [weight_shape(&self.0)]
    }

    fn cpu<T: Float>(&self, [x, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        conv::weight_gradient(&self.0, x, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, grad]: [&In<'_>; 2], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::conv::weight_gradient(gpu, &self.0, x, grad, target)
    }
}

/// The gradient of a bias per channel: the sums of `grad`'s channels.
pub(super) fn bias_gradient(bias: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
    gradient(bias, &Sums(check::planes("bias gradient", grad.dims())?), [grad])
}

struct Sums(Planes);

impl Kernel<1, 1> for Sums {
    fn name(&self) -> &'static str {
        "bias gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [Shape::from(self.0.channels)]
    }

    #[cfg(feature = "cuda")]
    fn dtypes(&self, of_first: DType) -> [DType; 1] {
        [of_parameters(of_first)]
    }

    fn cpu<T: Float>(&self, [grad]: [&[T]; 1], [sums]: [&mut [T]; 1]) {
        channels::sums(&self.0, grad, sums);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [grad]: [&In<'_>; 1], [sums]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::norm::sums(gpu, &self.0, channels::Factors::PerChannel, grad, sums)
    }
}
