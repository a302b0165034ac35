//! Tensors on CUDA devices, and the kernels of `cnn-cuda`.
use candle_core::{
    CudaDevice, CudaStorage, DType, Layout, Result, Shape, Storage, Tensor, Var, backend::BackendStorage,
    bail, op::BackpropOp,
};
use cnn_cuda::random::{self, Place};
use cnn_cuda::{In, Out, tensor, watch};

use crate::ops::kernel::Kernel;
use crate::random::Stream;

/// Runs a kernel on tensors, all contiguous. Its results have the element type of the first, or what the kernel says.
pub(crate) fn run<const I: usize, const O: usize>(
    kernel: &impl Kernel<I, O>,
    inputs: [(&CudaStorage, &Layout); I],
) -> Result<[CudaStorage; O]> {
    let Some((first, _)) = inputs.first() else { bail!("{}: no inputs", kernel.name()) };
    let gpu = tensor::gpu(first.device())?;
    let views: Vec<In<'_>> = inputs
        .iter()
        .map(|(storage, layout)| tensor::read(&gpu, kernel.name(), storage, layout))
        .collect::<Result<_>>()?;
    let views: Vec<&In<'_>> = views.iter().collect();
    let Ok(views) = <[&In<'_>; I]>::try_from(views) else { bail!("{}: inputs are missing", kernel.name()) };
    let mut results = Vec::with_capacity(O);
    for (shape, dtype) in kernel.shapes().iter().zip(kernel.dtypes(first.dtype())) {
        results.push(tensor::allocate(&gpu, first.device(), dtype, shape.elem_count())?);
    }
    let mut outputs: Vec<Out<'_>> = results
        .iter_mut()
        .map(|result| tensor::write_new(&gpu, kernel.name(), result))
        .collect::<Result<_>>()?;
    let Ok(targets) = <[&mut Out<'_>; O]>::try_from(outputs.iter_mut().collect::<Vec<_>>()) else {
        bail!("{}: outputs are missing", kernel.name())
    };
    kernel.cuda(&gpu, views, targets).map_err(candle_core::Error::wrap)?;
    drop(outputs);
    match results.try_into() {
        Ok(results) => Ok(results),
        Err(_) => bail!("{}: outputs are missing", kernel.name()),
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
    let gpu = tensor::gpu(device)?;
    let shape = Shape::from(dims);
    let mut values = tensor::allocate(&gpu, device, dtype, shape.elem_count())?;
    let [seed, stream, block] = stream.place();
    let place = Place { seed, stream, block };
    random::mask(&gpu, place, kept, scale, &mut tensor::write_new(&gpu, "dropout", &mut values)?)
        .map_err(candle_core::Error::wrap)?;
    Ok(Tensor::from_storage(Storage::Cuda(values), shape, BackpropOp::none(), false))
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
