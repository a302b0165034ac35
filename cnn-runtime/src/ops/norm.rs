//! Layer, group and instance normalization: statistics of each image by itself.
#[cfg(feature = "cuda")]
use super::mixed::of_parameters;
use super::{
    batch_norm::{affine, wanted},
    check,
    kernel::{Differentiable, Kernel, apply3, launch},
};
#[cfg(feature = "cuda")]
use candle_core::DType;
use candle_core::{Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out, elementwise::Ending};
use cnn_kernels::{
    Float,
    channels::Planes,
    norm::{
        batch::Gradients,
        group::{self, Groups},
        layer::{self, Pixels},
    },
};

/// Layer normalization of `x` over its channels: at each position of `(N, C, H, W)` (as in ConvNeXt), or over the
/// features of `(N, C)`; then times `weight` `(C)`, plus `bias` `(C)`, where given.
///
/// Ba, Kiros & Hinton, arXiv 1607.06450; Liu et al., arXiv 2201.03545.
///
/// # Errors
/// If the sizes do not fit together.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f32, 3.], [5., 5.]], &Device::Cpu)?;
/// let y = cnn_runtime::ops::layer_norm(&x, None, None, 0.0)?.to_vec2::<f32>()?;
/// assert_eq!(y[0], [-1., 1.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn layer_norm(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    apply("layer_norm", Over::Channels, x, [weight, bias], eps)
}

/// Group normalization of `x` `(N, C, H, W)` or `(N, C)`: over the values of each of `groups` groups of channels of each
/// image; then times `weight` `(C)`, plus `bias` `(C)`, where given. Wu & He, arXiv 1803.08494.
///
/// # Errors
/// If the sizes do not fit together, or `groups` does not divide the channels.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::randn(0f32, 1., (2, 64, 8, 8), &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::group_norm(&x, 32, None, None, 1e-5)?.dims(), x.dims());
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn group_norm(
    x: &Tensor,
    groups: usize,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    apply("group_norm", Over::Group(groups), x, [weight, bias], eps)
}

/// Instance normalization of `x` `(N, C, H, W)`: over the pixels of each channel of each image; then times `weight`
/// `(C)`, plus `bias` `(C)`, where given. Ulyanov, Vedaldi & Lempitsky, arXiv 1607.08022.
///
/// # Errors
/// If the sizes do not fit together, or if a channel has one pixel only: its variance says nothing.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::randn(0f32, 1., (2, 3, 8, 8), &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::instance_norm(&x, None, None, 1e-5)?.dims(), x.dims());
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn instance_norm(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    const OP: &str = "instance_norm";
    check::input(OP, x)?;
    let planes = instance_norm_sizes(x.dims())?;
    apply(OP, Over::Group(planes.channels), x, [weight, bias], eps)
}

/// The sizes of an [`instance_norm`].
pub(crate) fn instance_norm_sizes(x: &[usize]) -> Result<Planes> {
    const OP: &str = "instance_norm";
    let [_, _, height, width] = check::map(OP, x)?;
    if height * width == 1 {
        bail!("{OP}: expected more than one pixel per channel, found shape {x:?}");
    }
    check::planes(OP, x)
}

/// The sizes of a [`group_norm`].
pub(crate) fn group_norm_sizes(x: &[usize], groups: usize, weight: &[usize]) -> Result<Planes> {
    const OP: &str = "group_norm";
    let planes = grouped(OP, x, Over::Group(groups))?;
    check::length(OP, x, weight, planes.channels, "weight")?;
    Ok(planes)
}

/// The sizes of a [`layer_norm`].
pub(crate) fn layer_norm_sizes(x: &[usize], weight: &[usize]) -> Result<Planes> {
    const OP: &str = "layer_norm";
    let planes = grouped(OP, x, Over::Channels)?;
    check::length(OP, x, weight, planes.channels, "weight")?;
    Ok(planes)
}

/// The sizes of a norm whose groups divide the channels.
fn grouped(op: &str, x: &[usize], over: Over) -> Result<Planes> {
    let planes = check::planes(op, x)?;
    if let Over::Group(groups) = over
        && (groups == 0 || !planes.channels.is_multiple_of(groups))
    {
        bail!("{op}: expected a number of groups that divides the channels of {x:?}, found {groups}");
    }
    Ok(planes)
}

fn apply(
    op: &'static str,
    over: Over,
    x: &Tensor,
    parameters: [Option<&Tensor>; 2],
    eps: f64,
) -> Result<Tensor> {
    check::input(op, x)?;
    let planes = grouped(op, x.dims(), over)?;
    let (weight, bias) = affine(op, x, planes.channels, parameters)?;
    let x = x.contiguous()?;
    let norm = Norm { op, over, shape: x.shape().clone(), planes, eps };
    let [mean, variance] = launch(&Moments(norm.clone()), [&x])?;
    apply3(norm, vec![mean, variance], [&x, &weight, &bias])
}

/// Which values of an image share statistics.
#[derive(Clone, Copy)]
enum Over {
    /// The channels of a pixel.
    Channels,
    /// The pixels of each of that many groups of channels.
    Group(usize),
}

/// Of `(x, weight, bias)` and `(mean, variance)`, the normalized values.
#[derive(Clone)]
struct Norm {
    op: &'static str,
    over: Over,
    shape: Shape,
    planes: Planes,
    eps: f64,
}

#[cfg(feature = "cuda")]
impl Norm {
    const fn on_cuda(&self) -> cuda::norm::Norm {
        let over = match self.over {
            Over::Channels => cuda::norm::Over::Channels,
            Over::Group(groups) => cuda::norm::Over::Group(groups),
        };
        cuda::norm::Norm { planes: self.planes, over, eps: self.eps }
    }
}

/// Mean and biased variance.
struct Moments(Norm);

impl Kernel<1, 2> for Moments {
    fn name(&self) -> &'static str {
        self.0.op
    }

    fn shapes(&self) -> [Shape; 2] {
        let planes = self.0.planes;
        let count = match self.0.over {
            Over::Channels => planes.batch * planes.plane,
            Over::Group(groups) => planes.batch * groups,
        };
        [Shape::from(count), Shape::from(count)]
    }

    #[cfg(feature = "cuda")]
    fn dtypes(&self, of_first: DType) -> [DType; 2] {
        [of_parameters(of_first); 2]
    }

    fn cpu<T: Float>(&self, [x]: [&[T]; 1], [mean, variance]: [&mut [T]; 2]) {
        match self.0.over {
            Over::Channels => layer::statistics(&self.0.planes, x, mean, variance),
            Over::Group(groups) => group::statistics(&self.0.planes, groups, x, mean, variance),
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x]: [&In<'_>; 1],
        [mean, variance]: [&mut Out<'_>; 2],
    ) -> cnn_cuda::Result<()> {
        cuda::norm::statistics(gpu, &self.0.on_cuda(), x, mean, variance)
    }
}

impl Kernel<5, 1> for Norm {
    fn name(&self) -> &'static str {
        self.op
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x, weight, bias, mean, variance]: [&[T]; 5], [y]: [&mut [T]; 1]) {
        let eps = self.eps;
        match self.over {
            Over::Channels => {
                layer::forward(&self.planes, &Pixels { mean, variance, weight, eps }, bias, x, y)
            }
            Over::Group(groups) => {
                group::forward(&self.planes, &Groups { groups, mean, variance, weight, eps }, bias, x, y);
            }
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x, weight, bias, mean, variance]: [&In<'_>; 5],
        [y]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        let parameters = cuda::norm::Parameters { mean, variance, weight, bias };
        cuda::norm::forward(gpu, &self.on_cuda(), x, parameters, None, Ending::NONE, y)
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

/// Of `(x, output's gradient, weight, mean, variance)`, the gradients of input, weight and bias.
struct NormGradient(Norm);

impl Kernel<5, 3> for NormGradient {
    fn name(&self) -> &'static str {
        match self.0.over {
            Over::Channels => "layer_norm gradient",
            Over::Group(_) => "group_norm gradient",
        }
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
        let gradients = Gradients { input, weight: scale, bias: shift };
        let (planes, eps) = (&self.0.planes, self.0.eps);
        match self.0.over {
            Over::Channels => {
                layer::gradient(planes, &Pixels { mean, variance, weight, eps }, x, grad, gradients);
            }
            Over::Group(groups) => {
                group::gradient(planes, &Groups { groups, mean, variance, weight, eps }, x, grad, gradients);
            }
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [x, grad, weight, mean, variance]: [&In<'_>; 5],
        [input, scale, shift]: [&mut Out<'_>; 3],
    ) -> cnn_cuda::Result<()> {
        let gradients = cuda::norm::Gradients { input, weight: scale, bias: shift };
        let statistics = cuda::norm::Statistics { mean, variance, weight };
        cuda::norm::gradient(gpu, &self.0.on_cuda(), false, x, grad, statistics, gradients)
    }
}
