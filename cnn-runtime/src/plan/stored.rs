//! The values of tensors, where they are.

use candle_core::{Layout, Result, Storage, Tensor, bail};

/// The values of a contiguous tensor of `f32` on the CPU.
pub(super) fn values<'s>(storage: &'s Storage, layout: &Layout) -> Result<&'s [f32]> {
    let Storage::Cpu(storage) = storage else { bail!("plans compute on the CPU, and a tensor is elsewhere") };
    match layout.contiguous_offsets().and_then(|(start, end)| storage.as_slice::<f32>().ok()?.get(start..end))
    {
        Some(values) => Ok(values),
        None => bail!("expected a contiguous tensor of F32"),
    }
}

/// Calls `f` with the values of a tensor of `f32` on the CPU, of any layout.
pub(crate) fn with_values<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    Ok(f(values(&storage, layout)?))
}
