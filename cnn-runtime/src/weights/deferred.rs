//! Weights that stay in their file until they are needed.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, TensorId};
use cnn_kernels::blocked::Buffer;

use super::WeightFile;
use crate::error::Result;
use crate::plan::with_values;

/// A file, and which of its tensors stand behind the tensors of a network that was built without reading them. Those have
/// their shapes and no values.
#[derive(Debug)]
pub(crate) struct Deferred {
    file: Arc<WeightFile>,
    /// Their names in the file.
    names: HashMap<TensorId, String>,
}

impl Deferred {
    pub(crate) fn new(file: Arc<WeightFile>, names: HashMap<TensorId, String>) -> Self {
        Self { file, names }
    }

    /// Where the values of a tensor are. None where it has values of its own.
    pub(crate) fn find(&self, tensor: &Tensor) -> Option<Stored> {
        let name = self.names.get(&tensor.id())?;
        Some(Stored { file: Arc::clone(&self.file), name: name.clone() })
    }
}

/// A tensor of a file.
pub(crate) struct Stored {
    file: Arc<WeightFile>,
    name: String,
}

impl Stored {
    /// Calls `f` with the values, and lets go of them.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
        let Some(values) = self.file.mapped(&self.name) else { return Ok(with_values(&self.read()?, f)?) };
        let result = f(values);
        self.file.release(&self.name, 0..size_of_val(values) as u64);
        Ok(result)
    }

    /// A copy of the values, without ever holding both as a whole.
    pub(crate) fn copy(&self) -> Result<Buffer> {
        /// Values that are held twice.
        const STRETCH: usize = 1 << 20;
        let Some(values) = self.file.mapped(&self.name) else { return self.with(Buffer::from_slice) };
        let mut copy = Buffer::zeros(values.len());
        let mut done = 0;
        for (to, from) in copy.chunks_mut(STRETCH).zip(values.chunks(STRETCH)) {
            to.copy_from_slice(from);
            let bytes = size_of_val(from) as u64;
            self.file.release(&self.name, done..done + bytes);
            done += bytes;
        }
        Ok(copy)
    }

    fn read(&self) -> Result<Tensor> {
        Ok(self.file.read(&self.name, &Device::Cpu)?.to_dtype(DType::F32)?)
    }
}
