//! Tensors on CUDA devices, and the kernels of `cnn-cuda`.
use candle_core::cuda_backend::CudaDType;
use candle_core::{
    CudaDevice, CudaStorage, DType, Layout, Result, Shape, Storage, Tensor, Var, backend::BackendStorage,
    bail, op::BackpropOp,
};
use cnn_cuda::random::{self, Place};
use cnn_cuda::{Element, In, Out, tensor, watch};
use half::bf16;

use crate::ops::kernel::Kernel;
use crate::random::Stream;

/// Runs a kernel on tensors of one element type, all contiguous.
pub(crate) fn run<const I: usize, const O: usize>(
    kernel: &impl Kernel<I, O>,
    inputs: [(&CudaStorage, &Layout); I],
) -> Result<[CudaStorage; O]> {
    let Some((first, _)) = inputs.first() else { bail!("{}: no inputs", kernel.name()) };
    match first.dtype() {
        DType::F32 => of::<f32, I, O>(kernel, first.device(), inputs),
        DType::F64 => of::<f64, I, O>(kernel, first.device(), inputs),
        DType::BF16 => of::<bf16, I, O>(kernel, first.device(), inputs),
        other => bail!("{}: expected a tensor of f32, f64 or bf16, found {}", kernel.name(), other.as_str()),
    }
}

/// A mask of these sizes: `scale` with probability `kept`, else 0, by the numbers that `stream` would give.
pub(crate) fn mask(
    device: &CudaDevice,
    dtype: DType,
    dims: &[usize],
    stream: &Stream,
    (kept, scale): (f64, f64),
) -> Result<Tensor> {
    match dtype {
        DType::F32 => mask_of::<f32>(device, dims, stream, (kept, scale)),
        DType::F64 => mask_of::<f64>(device, dims, stream, (kept, scale)),
        DType::BF16 => mask_of::<bf16>(device, dims, stream, (kept, scale)),
        other => bail!("dropout: expected a tensor of f32, f64 or bf16, found {}", other.as_str()),
    }
}

/// The bits of eight values of each variable, all on this device.
pub(crate) fn samples(device: &CudaDevice, vars: &[&Var]) -> Result<Vec<[u64; 8]>> {
    let gpu = tensor::gpu(device)?;
    let storages: Vec<_> = vars.iter().map(|var| var.storage_and_layout()).collect();
    let mut values = Vec::with_capacity(vars.len());
    for (storage, layout) in &storages {
        let Storage::Cuda(storage) = &**storage else { bail!("a variable is on another device") };
        values.push(tensor::read(&gpu, "variable", storage, layout)?);
    }
    watch::samples(&gpu, &values).map_err(candle_core::Error::wrap)
}

fn mask_of<T: Element + CudaDType>(
    device: &CudaDevice,
    dims: &[usize],
    stream: &Stream,
    (kept, scale): (f64, f64),
) -> Result<Tensor> {
    let gpu = tensor::gpu(device)?;
    let shape = Shape::from(dims);
    let mut values = gpu.allocate::<T>(shape.elem_count()).map_err(candle_core::Error::wrap)?;
    let [seed, stream, block] = stream.place();
    let place = Place { seed, stream, block };
    random::mask(&gpu, place, kept, scale, &mut Out::new(&gpu, values.as_view_mut()))
        .map_err(candle_core::Error::wrap)?;
    let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(values, device.clone()));
    Ok(Tensor::from_storage(storage, shape, BackpropOp::none(), false))
}

fn of<T: Element + CudaDType, const I: usize, const O: usize>(
    kernel: &impl Kernel<I, O>,
    device: &CudaDevice,
    inputs: [(&CudaStorage, &Layout); I],
) -> Result<[CudaStorage; O]> {
    let gpu = tensor::gpu(device)?;
    let views: Vec<In<'_>> = inputs
        .iter()
        .map(|(storage, layout)| tensor::read(&gpu, kernel.name(), storage, layout))
        .collect::<Result<_>>()?;
    let views: Vec<&In<'_>> = views.iter().collect();
    let Ok(views) = <[&In<'_>; I]>::try_from(views) else { bail!("{}: inputs are missing", kernel.name()) };
    let mut results = Vec::with_capacity(O);
    for shape in kernel.shapes() {
        results.push(gpu.allocate::<T>(shape.elem_count()).map_err(candle_core::Error::wrap)?);
    }
    let mut outputs: Vec<Out<'_>> =
        results.iter_mut().map(|result| Out::new(&gpu, result.as_view_mut())).collect();
    let Ok(targets) = <[&mut Out<'_>; O]>::try_from(outputs.iter_mut().collect::<Vec<_>>()) else {
        bail!("{}: outputs are missing", kernel.name())
    };
    kernel.cuda(&gpu, views, targets).map_err(candle_core::Error::wrap)?;
    drop(outputs);
    let results: Vec<CudaStorage> =
        results.into_iter().map(|result| CudaStorage::wrap_cuda_slice(result, device.clone())).collect();
    match results.try_into() {
        Ok(results) => Ok(results),
        Err(_) => bail!("{}: outputs are missing", kernel.name()),
    }
}
