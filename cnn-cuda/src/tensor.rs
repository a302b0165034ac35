//! Candle's tensors as device memory.
use std::sync::Mutex;

use candle_core::backend::BackendStorage as _;
use candle_core::cuda_backend::CudaDType;
use candle_core::{CpuStorage, CudaDevice, CudaStorage, DType, Error, InplaceOp1, Layout, Result, Var, bail};
use half::bf16;

use crate::device::{Element, Gpu, In, Out};

/// The device of a tensor. Products of `f32` are as exact as candle's
/// ([`set_gemm_reduced_precision_f32`](candle_core::cuda::set_gemm_reduced_precision_f32)).
///
/// # Errors
/// If the driver does not say what the device is.
pub fn gpu(device: &CudaDevice) -> Result<Gpu> {
    let gpu = Gpu::new(device.cuda_stream(), device.cublas_handle()).map_err(Error::wrap)?;
    Ok(gpu.with_tf32(candle_core::cuda::gemm_reduced_precision_f32()))
}

/// The values of a contiguous tensor, of `f32`, `f64` or `bf16`.
///
/// # Errors
/// For a tensor of another element type, or one that is not contiguous.
pub fn read<'a>(gpu: &'a Gpu, name: &str, storage: &'a CudaStorage, layout: &Layout) -> Result<In<'a>> {
    match storage.dtype() {
        DType::F32 => read_as::<f32>(gpu, name, storage, layout),
        DType::F64 => read_as::<f64>(gpu, name, storage, layout),
        DType::BF16 => read_as::<bf16>(gpu, name, storage, layout),
        other => bail!("{name}: expected a tensor of f32, f64 or bf16, found {}", other.as_str()),
    }
}

fn read_as<'a, T: Element + CudaDType + 'static>(
    gpu: &'a Gpu,
    name: &str,
    storage: &'a CudaStorage,
    layout: &Layout,
) -> Result<In<'a>> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{name}: a tensor is not contiguous");
    };
    Ok(In::new(gpu, storage.as_cuda_slice::<T>()?.slice(start..end)))
}

/// Memory for so many values of a tensor. What it holds at first is not said.
///
/// # Errors
/// For another element type than `f32`, `f64` and `bf16`; if there is no memory.
pub fn allocate(gpu: &Gpu, device: &CudaDevice, dtype: DType, len: usize) -> Result<CudaStorage> {
    let device = device.clone();
    Ok(match dtype {
        DType::F32 => CudaStorage::wrap_cuda_slice(gpu.allocate::<f32>(len).map_err(Error::wrap)?, device),
        DType::F64 => CudaStorage::wrap_cuda_slice(gpu.allocate::<f64>(len).map_err(Error::wrap)?, device),
        DType::BF16 => CudaStorage::wrap_cuda_slice(gpu.allocate::<bf16>(len).map_err(Error::wrap)?, device),
        other => bail!("expected f32, f64 or bf16, found {}", other.as_str()),
    })
}

/// All values of storage that nobody else has.
///
/// # Errors
/// For another element type than `f32`, `f64` and `bf16`.
pub fn write_new<'a>(gpu: &'a Gpu, name: &str, storage: &'a mut CudaStorage) -> Result<Out<'a>> {
    match storage.dtype() {
        DType::F32 => Ok(Out::new(gpu, storage.as_cuda_slice_mut::<f32>()?.as_view_mut())),
        DType::F64 => Ok(Out::new(gpu, storage.as_cuda_slice_mut::<f64>()?.as_view_mut())),
        DType::BF16 => Ok(Out::new(gpu, storage.as_cuda_slice_mut::<bf16>()?.as_view_mut())),
        other => bail!("{name}: expected a tensor of f32, f64 or bf16, found {}", other.as_str()),
    }
}

/// The values of a variable, to be changed in place while it is borrowed here. Work on them is ordered by the stream; a
/// thread that reads the variable meanwhile finds old values, new ones, or some of both.
///
/// # Errors
/// For a variable that is not contiguous, not of `f32`, `f64` or `bf16`, or not on a CUDA device.
pub fn write<'a>(gpu: &'a Gpu, name: &str, var: &'a Var) -> Result<Out<'a>> {
    let found = Find { gpu, name, found: Mutex::new(None) };
    var.inplace_op1(&found)?;
    let found = found.found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    // SAFETY: a variable keeps the memory that it has until it is dropped, and it is borrowed for as long as this.
    found
        .map(|values| unsafe { Out::at(gpu, values) })
        .ok_or_else(|| Error::Msg(format!("{name}: not found")))
}

/// An operation that changes nothing, and says where values are.
struct Find<'a> {
    gpu: &'a Gpu,
    name: &'a str,
    found: Mutex<Option<crate::device::Place>>,
}

impl Find<'_> {
    fn find<T: Element + CudaDType + 'static>(
        &self,
        storage: &mut CudaStorage,
        layout: &Layout,
    ) -> Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("{}: a variable is not contiguous", self.name);
        };
        let values = storage.as_cuda_slice_mut::<T>()?.slice_mut(start..end);
        let place = Out::new(self.gpu, values).place();
        *self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(place);
        Ok(())
    }
}

impl InplaceOp1 for Find<'_> {
    fn name(&self) -> &'static str {
        "address of a variable"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        bail!("{}: expected a tensor on a CUDA device, found one on the CPU", self.name)
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        match storage.dtype() {
            DType::F32 => self.find::<f32>(storage, layout),
            DType::F64 => self.find::<f64>(storage, layout),
            DType::BF16 => self.find::<bf16>(storage, layout),
            other => bail!("{}: expected a tensor of f32, f64 or bf16, found {}", self.name, other.as_str()),
        }
    }
}
