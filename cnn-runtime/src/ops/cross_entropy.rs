//! The loss of classifiers.
use super::{
    check,
    kernel::{Differentiable, Kernel, apply1, gradient},
};
use candle_core::{DType, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out, softmax::Targets as OnCuda};
use cnn_kernels::{
    Float,
    cross_entropy::{CrossEntropy, Targets},
};

/// The mean cross-entropy of the softmax of `logits` `(N, C)` and the class of each sample, `labels` `(N)` of u32, u8 or
/// i64: a scalar. PyTorch's `cross_entropy(logits, labels, label_smoothing=..)`.
///
/// `label_smoothing` is the share of each target that is spread evenly over all classes, 0 for none (Szegedy et al., arXiv
/// 1512.00567). Large logits do no harm: the largest is subtracted before the exponential.
///
/// # Errors
/// If the logits are not `(N, C)` of `f32` or `f64`, the labels not `(N)` of integers below C, the smoothing not between 0
/// and 1, or the tensors not on one device, the CPU or a CUDA device.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use cnn_runtime::ops;
///
/// let logits = Tensor::zeros((2, 10), candle_core::DType::F32, &Device::Cpu)?;
/// let labels = Tensor::new(&[3u32, 7], &Device::Cpu)?;
/// let loss = ops::cross_entropy(&logits, &labels, 0.1)?.to_scalar::<f32>()?;
/// assert!((loss - 10f32.ln()).abs() < 1e-6); // nothing is known: log of the number of classes
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, label_smoothing: f64) -> Result<Tensor> {
    const OP: &str = "cross_entropy";
    let logits = &in_f32(logits)?;
    let sizes = sizes(OP, logits, label_smoothing)?;
    if labels.dims() != [sizes.batch] {
        bail!(
            "{OP}: expected labels of shape [{}] for the logits {:?}, found {:?}",
            sizes.batch,
            logits.dims(),
            labels.dims()
        );
    }
    if !matches!(labels.dtype(), DType::U8 | DType::U32 | DType::I64) {
        bail!("{OP}: expected labels of u32, u8 or i64, found {}", labels.dtype().as_str());
    }
    let classes: Vec<u32> = match labels.dtype() {
        DType::I64 => {
            // What is negative or too large is too large as u32 too.
            let wide = labels.to_vec1::<i64>()?;
            wide.into_iter().map(|label| u32::try_from(label).unwrap_or(u32::MAX)).collect()
        }
        _ => labels.to_dtype(DType::U32)?.to_vec1()?,
    };
    if let Some(sample) = classes.iter().position(|&class| class as usize >= sizes.classes) {
        let label = labels.get(sample)?.to_dtype(DType::I64)?.to_scalar::<i64>()?;
        bail!("{OP}: the label of sample {sample} is {label}, but there are {} classes", sizes.classes);
    }
    apply1(OfClasses { sizes, classes, shape: logits.shape().clone() }, Vec::new(), [logits])
}

/// As [`cross_entropy`], with the probability of each class, `targets` `(N, C)` of the logits' dtype: for targets that are
/// mixed (Zhang et al., "mixup", arXiv 1710.09412) or taught by another network. No gradient goes to the targets.
///
/// # Errors
/// If the logits are not `(N, C)` of `f32` or `f64`, the targets not of their shape and dtype, the smoothing not between 0
/// and 1, or the tensors not on one device, the CPU or a CUDA device.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use cnn_runtime::ops;
///
/// let logits = Tensor::new(&[[0f32, 0.]], &Device::Cpu)?;
/// let targets = Tensor::new(&[[0.25f32, 0.75]], &Device::Cpu)?;
/// let loss = ops::cross_entropy_with_probabilities(&logits, &targets, 0.0)?.to_scalar::<f32>()?;
/// assert!((loss - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn cross_entropy_with_probabilities(
    logits: &Tensor,
    targets: &Tensor,
    label_smoothing: f64,
) -> Result<Tensor> {
    const OP: &str = "cross_entropy_with_probabilities";
    let logits = &in_f32(logits)?;
    let sizes = sizes(OP, logits, label_smoothing)?;
    check::alike(OP, logits, targets, "target")?;
    if targets.dims() != logits.dims() {
        bail!(
            "{OP}: expected targets of shape {:?} as the logits have, found {:?}",
            logits.dims(),
            targets.dims()
        );
    }
    let targets = targets.detach().contiguous()?;
    apply1(OfProbabilities { sizes, shape: logits.shape().clone() }, vec![targets], [logits])
}

/// Logits of mixed precision, widened.
fn in_f32(logits: &Tensor) -> Result<Tensor> {
    if logits.dtype() == DType::BF16 { logits.to_dtype(DType::F32) } else { Ok(logits.clone()) }
}

fn sizes(op: &str, logits: &Tensor, smoothing: f64) -> Result<CrossEntropy> {
    check::input(op, logits)?;
    let &[batch, classes] = logits.dims() else {
        bail!("{op}: expected logits (N, classes), found shape {:?}", logits.dims());
    };
    if !(0.0..=1.0).contains(&smoothing) {
        bail!("{op}: expected a label smoothing between 0 and 1, found {smoothing}");
    }
    Ok(CrossEntropy { batch, classes, smoothing })
}

#[derive(Clone)]
struct OfClasses {
    sizes: CrossEntropy,
    classes: Vec<u32>,
    shape: Shape,
}

impl Kernel<1, 1> for OfClasses {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn shapes(&self) -> [Shape; 1] {
        [Shape::from(())]
    }

    fn cpu<T: Float>(&self, [logits]: [&[T]; 1], [loss]: [&mut [T]; 1]) {
        loss[0] = T::of(self.sizes.loss(logits, Targets::Classes(&self.classes)));
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [logits]: [&In<'_>; 1], [loss]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        let classes = gpu.upload(&self.classes)?;
        let labels = In::labels(gpu, classes.as_view());
        cuda::softmax::cross_entropy(gpu, &self.sizes, logits, OnCuda::Classes(&labels), loss)
    }
}

impl Differentiable<1, 1> for OfClasses {
    fn gradients(
        &self,
        [logits]: [&Tensor; 1],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([gradient(logits, &OfClassesGradient(self.clone()), [logits, grad])?])
    }
}

struct OfClassesGradient(OfClasses);

impl Kernel<2, 1> for OfClassesGradient {
    fn name(&self) -> &'static str {
        "cross_entropy gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.0.shape.clone()]
    }

    fn cpu<T: Float>(&self, [logits, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        let targets = Targets::Classes(&self.0.classes);
        self.0.sizes.loss_and_gradient(logits, targets, grad[0].wide(), target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [logits, grad]: [&In<'_>; 2],
        [target]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        let classes = gpu.upload(&self.0.classes)?;
        let labels = In::labels(gpu, classes.as_view());
        cuda::softmax::cross_entropy_gradient(
            gpu,
            &self.0.sizes,
            logits,
            OnCuda::Classes(&labels),
            grad,
            target,
        )
    }
}

#[derive(Clone)]
struct OfProbabilities {
    sizes: CrossEntropy,
    shape: Shape,
}

impl Kernel<2, 1> for OfProbabilities {
    fn name(&self) -> &'static str {
        "cross_entropy_with_probabilities"
    }

    fn shapes(&self) -> [Shape; 1] {
        [Shape::from(())]
    }

    fn cpu<T: Float>(&self, [logits, targets]: [&[T]; 2], [loss]: [&mut [T]; 1]) {
        loss[0] = T::of(self.sizes.loss(logits, Targets::Probabilities(targets)));
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [logits, targets]: [&In<'_>; 2],
        [loss]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        cuda::softmax::cross_entropy(gpu, &self.sizes, logits, OnCuda::Probabilities(targets), loss)
    }
}

impl Differentiable<1, 2> for OfProbabilities {
    fn gradients(
        &self,
        [logits]: [&Tensor; 1],
        saved: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 1]> {
        let kernel = OfProbabilitiesGradient(self.clone());
        Ok([gradient(logits, &kernel, [logits, &saved[0], grad])?])
    }
}

struct OfProbabilitiesGradient(OfProbabilities);

impl Kernel<3, 1> for OfProbabilitiesGradient {
    fn name(&self) -> &'static str {
        "cross_entropy_with_probabilities gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.0.shape.clone()]
    }

    fn cpu<T: Float>(&self, [logits, targets, grad]: [&[T]; 3], [target]: [&mut [T]; 1]) {
        let targets = Targets::Probabilities(targets);
        self.0.sizes.loss_and_gradient(logits, targets, grad[0].wide(), target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(
        &self,
        gpu: &Gpu,
        [logits, targets, grad]: [&In<'_>; 3],
        [target]: [&mut Out<'_>; 1],
    ) -> cnn_cuda::Result<()> {
        let targets = OnCuda::Probabilities(targets);
        cuda::softmax::cross_entropy_gradient(gpu, &self.0.sizes, logits, targets, grad, target)
    }
}
