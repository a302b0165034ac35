//! Sums and products of maps, and of a map with one number per channel.
use super::mixed::{beside, promoted};
use super::{
    check,
    kernel::{Differentiable, Kernel, apply2, gradient},
};
use candle_core::{Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out};
use cnn_kernels::{
    Float,
    channels::{self, Factors, Planes},
};

/// `a + b`, of one shape, or with one of them `(N, C)` or `(N, C, 1, 1)` and the other `(N, C, H, W)`.
///
/// # Errors
/// If the shapes or dtypes do not fit together.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((2, 3, 4, 4), DType::F32, &Device::Cpu)?;
/// let terms = Tensor::ones((2, 3, 1, 1), DType::F32, &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::add(&x, &terms)?.sum_all()?.to_scalar::<f32>()?, 192.);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let [a, b] = &promoted(a, b)?;
    match pair("add", a, b)? {
        Pair::Same => a.add(b),
        Pair::Planes(x, terms, planes) => apply2(
            Shift { shape: x.shape().clone(), terms: terms.shape().clone(), planes },
            Vec::new(),
            [x, terms],
        ),
    }
}

/// `a * b`, of one shape, or with one of them `(N, C)` or `(N, C, 1, 1)` and the other `(N, C, H, W)`.
///
/// # Errors
/// If the shapes or dtypes do not fit together.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((2, 3, 4, 4), DType::F32, &Device::Cpu)?;
/// let gates = Tensor::ones((2, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::mul(&x, &gates)?.dims(), [2, 3, 4, 4]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn mul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let [a, b] = &promoted(a, b)?;
    match pair("mul", a, b)? {
        Pair::Same => a.mul(b),
        Pair::Planes(x, factors, planes) => {
            let (shape, factors_shape) = (x.shape().clone(), factors.shape().clone());
            let kernel = Scale { op: "mul", shape, factors: factors_shape, planes, kind: Factors::PerPlane };
            apply2(kernel, Vec::new(), [x, factors])
        }
    }
}

/// `x` `(N, C, H, W)` or `(N, C)` times `weight` `(C, 1, 1)` or `(C)`, a number per channel (ConvNeXt's layer scale).
///
/// # Errors
/// If the shapes or dtypes do not fit together.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((2, 3, 4, 4), DType::F32, &Device::Cpu)?;
/// let weight = Tensor::new(&[1f32, 2., 3.], &Device::Cpu)?.reshape((3, 1, 1))?;
/// assert_eq!(cnn_runtime::ops::scale(&x, &weight)?.max_all()?.to_scalar::<f32>()?, 3.);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn scale(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    const OP: &str = "scale";
    check::input(OP, x)?;
    let weight = &beside(x, weight)?;
    check::alike(OP, x, weight, "weight")?;
    let planes = scale_sizes(x.dims(), weight.dims())?;
    let (shape, factors) = (x.shape().clone(), weight.shape().clone());
    apply2(Scale { op: OP, shape, factors, planes, kind: Factors::PerChannel }, Vec::new(), [x, weight])
}

/// The sizes of a [`scale`].
pub(crate) fn scale_sizes(x: &[usize], weight: &[usize]) -> Result<Planes> {
    const OP: &str = "scale";
    let planes = check::planes(OP, x)?;
    match *weight {
        [channels] | [channels, 1, 1] if channels == planes.channels => Ok(planes),
        _ => bail!(
            "{OP}: expected a weight of shape [{}, 1, 1] for the input {x:?}, found {weight:?}",
            planes.channels
        ),
    }
}

/// How two tensors meet.
enum Pair<'a> {
    /// In one shape.
    Same,
    /// A map, and a number for each of its planes.
    Planes(&'a Tensor, &'a Tensor, Planes),
}

fn pair<'a>(op: &str, a: &'a Tensor, b: &'a Tensor) -> Result<Pair<'a>> {
    check::input(op, a)?;
    check::input(op, b)?;
    check::alike(op, a, b, "second tensor")?;
    Ok(match pair_sizes(op, a.dims(), b.dims())? {
        Meeting::Same => Pair::Same,
        Meeting::First(planes) => Pair::Planes(a, b, planes),
        Meeting::Second(planes) => Pair::Planes(b, a, planes),
    })
}

/// Which of two values is the map, where the other is a number for each of its planes.
pub(crate) enum Meeting {
    /// They have one shape.
    Same,
    /// The first.
    First(Planes),
    /// The second.
    Second(Planes),
}

/// The sizes of an [`add`] or [`mul`].
pub(crate) fn pair_sizes(op: &str, a: &[usize], b: &[usize]) -> Result<Meeting> {
    check::filled(op, a)?;
    check::filled(op, b)?;
    if a == b {
        return Ok(Meeting::Same);
    }
    let planes = |map: &[usize], numbers: &[usize]| {
        let [batch, channels, height, width] = *map else { return None };
        let fits = [&[batch, channels][..], &[batch, channels, 1, 1]].contains(&numbers);
        fits.then_some(Planes { batch, channels, plane: height * width })
    };
    if let Some(planes) = planes(a, b) {
        return Ok(Meeting::First(planes));
    }
    if let Some(planes) = planes(b, a) {
        return Ok(Meeting::Second(planes));
    }
    bail!("{op}: expected equal shapes, or (N, C) or (N, C, 1, 1) with (N, C, H, W), found {a:?} and {b:?}")
}

/// A map plus a number per plane.
struct Shift {
    shape: Shape,
    terms: Shape,
    planes: Planes,
}

impl Kernel<2, 1> for Shift {
    fn name(&self) -> &'static str {
        "add"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x, terms]: [&[T]; 2], [y]: [&mut [T]; 1]) {
        channels::shift(&self.planes, x, terms, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, terms]: [&In<'_>; 2], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::elementwise::shift(gpu, &self.planes, Factors::PerPlane, x, terms, y)
    }
}

impl Differentiable<2, 2> for Shift {
    fn gradients(
        &self,
        [x, terms]: [&Tensor; 2],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 2]> {
        let sums = PlaneSums { shape: self.terms.clone(), planes: self.planes };
        let input = super::kernel::wants_gradient(x).then(|| grad.clone());
        Ok([input, gradient(terms, &sums, [grad])?])
    }
}

struct PlaneSums {
    shape: Shape,
    planes: Planes,
}

impl Kernel<1, 1> for PlaneSums {
    fn name(&self) -> &'static str {
        "add gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [grad]: [&[T]; 1], [target]: [&mut [T]; 1]) {
        let Planes { batch, channels, plane } = self.planes;
        channels::sums(&Planes { batch: 1, channels: batch * channels, plane }, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [grad]: [&In<'_>; 1], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::norm::sums(gpu, &self.planes, Factors::PerPlane, grad, target)
    }
}

/// A map times a number per channel or plane.
#[derive(Clone)]
struct Scale {
    op: &'static str,
    shape: Shape,
    factors: Shape,
    planes: Planes,
    kind: Factors,
}

impl Kernel<2, 1> for Scale {
    fn name(&self) -> &'static str {
        self.op
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x, factors]: [&[T]; 2], [y]: [&mut [T]; 1]) {
        channels::scale(&self.planes, self.kind, x, factors, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, factors]: [&In<'_>; 2], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::elementwise::scale(gpu, &self.planes, self.kind, x, factors, y)
    }
}

impl Differentiable<2, 2> for Scale {
    fn gradients(
        &self,
        [x, factors]: [&Tensor; 2],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 2]> {
        Ok([gradient(x, self, [grad, factors])?, gradient(factors, &ScaleGradient(self.clone()), [x, grad])?])
    }
}

struct ScaleGradient(Scale);

impl Kernel<2, 1> for ScaleGradient {
    fn name(&self) -> &'static str {
        "gradient of a factor per channel"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.0.factors.clone()]
    }

    fn cpu<T: Float>(&self, [x, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        channels::scale_gradient(&self.0.planes, self.0.kind, x, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, grad]: [&In<'_>; 2], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::norm::products(gpu, &self.0.planes, self.0.kind, x, grad, target)
    }
}
