//! How a kernel on slices becomes an operation on tensors: one place for storage, layouts, dtypes and devices.
#[cfg(feature = "cuda")]
use candle_core::DType;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Device, Layout, Result, Shape, Storage, Tensor,
    bail, op::BackpropOp,
};
#[cfg(feature = "cuda")]
use cnn_cuda::{Gpu, In, Out};
use cnn_kernels::Float;

#[cfg(feature = "cuda")]
use crate::cuda::run as run_on_cuda;

/// A function of `I` tensors with `O` results, whose sizes it knows beforehand.
pub(crate) trait Kernel<const I: usize, const O: usize>: Send + Sync {
    /// The operation's name, for errors.
    fn name(&self) -> &'static str;

    /// The shapes of the results.
    fn shapes(&self) -> [Shape; O];

    /// The element types of the results, where the first input is of this one.
    #[cfg(feature = "cuda")]
    fn dtypes(&self, of_first: DType) -> [DType; O] {
        [of_first; O]
    }

    /// The function on the CPU: contiguous inputs, outputs filled with zeros.
    fn cpu<T: Float>(&self, inputs: [&[T]; I], outputs: [&mut [T]; O]);

    /// The function on a CUDA device, which writes every value of the outputs.
    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, inputs: [&In<'_>; I], outputs: [&mut Out<'_>; O]) -> cnn_cuda::Result<()>;
}

/// A kernel of `A` differentiable arguments, and `I - A` further inputs, that knows its gradients.
pub(super) trait Differentiable<const A: usize, const I: usize>: Kernel<I, 1> {
    /// The gradient of every argument that [`wants_gradient`], given the result's; `saved` are the further inputs.
    fn gradients(
        &self,
        arguments: [&Tensor; A],
        saved: &[Tensor],
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; A]>;
}

/// Whether the gradient of an argument is needed: whether it is a variable or comes from one.
pub(super) fn wants_gradient(argument: &Tensor) -> bool {
    argument.track_op()
}

/// Runs a kernel without a trace for gradients.
pub(super) fn launch<const I: usize, const O: usize>(
    kernel: &impl Kernel<I, O>,
    inputs: [&Tensor; I],
) -> Result<[Tensor; O]> {
    let mut inputs = inputs.map(Tensor::clone);
    for input in &mut inputs {
        *input = input.contiguous()?;
    }
    let storages = inputs.each_ref().map(Tensor::storage_and_layout);
    let on_cpu: Vec<(&CpuStorage, &Layout)> = storages
        .iter()
        .filter_map(|(storage, layout)| match &**storage {
            Storage::Cpu(storage) => Some((storage, *layout)),
            _ => None,
        })
        .collect();
    let on_cuda: Vec<(&CudaStorage, &Layout)> = storages
        .iter()
        .filter_map(|(storage, layout)| match &**storage {
            Storage::Cuda(storage) => Some((storage, *layout)),
            _ => None,
        })
        .collect();
    let results: [Storage; O] = if let Ok(inputs) = <[_; I]>::try_from(on_cpu) {
        run_on_cpu(kernel, inputs)?.map(Storage::Cpu)
    } else if let Ok(inputs) = <[_; I]>::try_from(on_cuda) {
        run_on_cuda(kernel, inputs)?.map(Storage::Cuda)
    } else {
        bail!("{}: the tensors are on different devices, or on one that is not supported", kernel.name());
    };
    let mut shapes = kernel.shapes().into_iter();
    Ok(results.map(|storage| {
        let shape = shapes.next().unwrap_or(Shape::from(()));
        Tensor::from_storage(storage, shape, BackpropOp::none(), false)
    }))
}

/// The gradient of an argument by a kernel of its own, if it is wanted.
pub(super) fn gradient<const I: usize>(
    argument: &Tensor,
    kernel: &impl Kernel<I, 1>,
    inputs: [&Tensor; I],
) -> Result<Option<Tensor>> {
    if !wants_gradient(argument) {
        return Ok(None);
    }
    let [gradient] = launch(kernel, inputs)?;
    Ok(Some(gradient))
}

/// Applies a kernel to one argument and `saved`.
pub(super) fn apply1<K, const I: usize>(kernel: K, saved: Vec<Tensor>, [x]: [&Tensor; 1]) -> Result<Tensor>
where
    K: Differentiable<1, I> + 'static,
{
    x.contiguous()?.apply_op1(Traced::<K, I> { kernel, saved })
}

/// Applies a kernel to two arguments and `saved`.
pub(super) fn apply2<K, const I: usize>(kernel: K, saved: Vec<Tensor>, [x, y]: [&Tensor; 2]) -> Result<Tensor>
where
    K: Differentiable<2, I> + 'static,
{
    x.contiguous()?.apply_op2(&y.contiguous()?, Traced::<K, I> { kernel, saved })
}

/// Applies a kernel to three arguments and `saved`.
pub(super) fn apply3<K, const I: usize>(
    kernel: K,
    saved: Vec<Tensor>,
    [x, y, z]: [&Tensor; 3],
) -> Result<Tensor>
where
    K: Differentiable<3, I> + 'static,
{
    x.contiguous()?.apply_op3(&y.contiguous()?, &z.contiguous()?, Traced::<K, I> { kernel, saved })
}

/// A kernel as candle's custom operation.
struct Traced<K, const I: usize> {
    kernel: K,
    /// Inputs without gradient, after the arguments: contiguous, on the arguments' device.
    saved: Vec<Tensor>,
}

impl<K: Kernel<I, 1>, const I: usize> Traced<K, I> {
    fn on_cpu(&self, arguments: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let saved: Vec<_> = self.saved.iter().map(Tensor::storage_and_layout).collect();
        let mut inputs = arguments.to_vec();
        for (storage, layout) in &saved {
            match &**storage {
                Storage::Cpu(storage) => inputs.push((storage, layout)),
                _ => bail!("{}: the tensors are on different devices", self.kernel.name()),
            }
        }
        let [result] = run_on_cpu(&self.kernel, self.all(inputs)?)?;
        let [shape] = self.kernel.shapes();
        Ok((result, shape))
    }

    fn on_cuda(&self, arguments: &[(&CudaStorage, &Layout)]) -> Result<(CudaStorage, Shape)> {
        let saved: Vec<_> = self.saved.iter().map(Tensor::storage_and_layout).collect();
        let mut inputs = arguments.to_vec();
        for (storage, layout) in &saved {
            match &**storage {
                Storage::Cuda(storage) => inputs.push((storage, layout)),
                _ => bail!("{}: the tensors are on different devices", self.kernel.name()),
            }
        }
        let [result] = run_on_cuda(&self.kernel, self.all(inputs)?)?;
        let [shape] = self.kernel.shapes();
        Ok((result, shape))
    }

    fn all<S>(&self, inputs: Vec<S>) -> Result<[S; I]> {
        let count = inputs.len();
        match inputs.try_into() {
            Ok(inputs) => Ok(inputs),
            Err(_) => bail!("{}: {count} inputs where {I} are needed", self.kernel.name()),
        }
    }
}

impl<K: Differentiable<1, I>, const I: usize> CustomOp1 for Traced<K, I> {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu(&[(s1, l1)])
    }

    fn cuda_fwd(&self, s1: &CudaStorage, l1: &Layout) -> Result<(CudaStorage, Shape)> {
        self.on_cuda(&[(s1, l1)])
    }

    fn bwd(&self, x: &Tensor, result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let [gradient] = self.kernel.gradients([x], &self.saved, result, grad)?;
        Ok(gradient)
    }
}

impl<K: Differentiable<2, I>, const I: usize> CustomOp2 for Traced<K, I> {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu(&[(s1, l1), (s2, l2)])
    }

    fn cuda_fwd(
        &self,
        s1: &CudaStorage,
        l1: &Layout,
        s2: &CudaStorage,
        l2: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_cuda(&[(s1, l1), (s2, l2)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok(self.kernel.gradients([x, y], &self.saved, result, grad)?.into())
    }
}

impl<K: Differentiable<3, I>, const I: usize> CustomOp3 for Traced<K, I> {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu(&[(s1, l1), (s2, l2), (s3, l3)])
    }

    fn cuda_fwd(
        &self,
        s1: &CudaStorage,
        l1: &Layout,
        s2: &CudaStorage,
        l2: &Layout,
        s3: &CudaStorage,
        l3: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_cuda(&[(s1, l1), (s2, l2), (s3, l3)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        z: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok(self.kernel.gradients([x, y, z], &self.saved, result, grad)?.into())
    }
}

/// Values of a result that are asked of the system first.
const ASK_FIRST: usize = 1 << 27;

/// A number type with its place in candle's storage.
trait Element: Float {
    fn slice(storage: &CpuStorage) -> Option<&[Self]>;
    fn storage(values: Vec<Self>) -> CpuStorage;
}

impl Element for f32 {
    fn slice(storage: &CpuStorage) -> Option<&[Self]> {
        if let CpuStorage::F32(values) = storage { Some(values) } else { None }
    }

    fn storage(values: Vec<Self>) -> CpuStorage {
        CpuStorage::F32(values)
    }
}

impl Element for f64 {
    fn slice(storage: &CpuStorage) -> Option<&[Self]> {
        if let CpuStorage::F64(values) = storage { Some(values) } else { None }
    }

    fn storage(values: Vec<Self>) -> CpuStorage {
        CpuStorage::F64(values)
    }
}

fn run_on_cpu<const I: usize, const O: usize>(
    kernel: &impl Kernel<I, O>,
    inputs: [(&CpuStorage, &Layout); I],
) -> Result<[CpuStorage; O]> {
    match inputs.first() {
        Some((CpuStorage::F64(_), _)) => run::<f64, I, O>(kernel, inputs),
        _ => run::<f32, I, O>(kernel, inputs),
    }
}

fn run<T: Element, const I: usize, const O: usize>(
    kernel: &impl Kernel<I, O>,
    inputs: [(&CpuStorage, &Layout); I],
) -> Result<[CpuStorage; O]> {
    let mut slices: [&[T]; I] = [&[]; I];
    for (slice, (storage, layout)) in slices.iter_mut().zip(inputs) {
        let Some(values) = T::slice(storage) else {
            bail!(
                "{}: expected tensors of one dtype, f32 or f64, found {:?}",
                kernel.name(),
                storage.dtype_name()
            );
        };
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("{}: a tensor is not contiguous", kernel.name());
        };
        *slice = &values[start..end];
    }
    let lens = kernel.shapes().map(|shape| shape.elem_count());
    for len in lens {
        // A refusal is an error here; `vec!` would end the process.
        if len > ASK_FIRST && Vec::<T>::new().try_reserve_exact(len).is_err() {
            bail!("{}: no memory for a result of {len} values", kernel.name());
        }
    }
    let mut outputs = lens.map(|len| vec![T::zero(); len]);
    kernel.cpu(slices, outputs.each_mut().map(Vec::as_mut_slice));
    Ok(outputs.map(T::storage))
}

/// Without the feature `cuda` there is nothing that could have made the storages.
#[cfg(not(feature = "cuda"))]
fn run_on_cuda<const I: usize, const O: usize>(
    kernel: &impl Kernel<I, O>,
    _: [(&CudaStorage, &Layout); I],
) -> Result<[CudaStorage; O]> {
    bail!("{}: built without the feature `cuda` of cnn-runtime", kernel.name())
}

/// Whether tensors of this device have kernels here; elsewhere operations are composed of candle's.
pub(super) fn has_kernels(device: &Device) -> bool {
    device.is_cpu() || cfg!(feature = "cuda") && device.is_cuda()
}

/// The dtype's name, for errors.
trait DTypeName {
    fn dtype_name(&self) -> &'static str;
}

impl DTypeName for CpuStorage {
    fn dtype_name(&self) -> &'static str {
        candle_core::backend::BackendStorage::dtype(self).as_str()
    }
}
