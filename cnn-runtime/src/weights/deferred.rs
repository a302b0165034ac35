//! Weights that stay in their file until they are needed.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, TensorId};
use cnn_kernels::blocked::Lend;

use super::WeightFile;
use crate::error::Result;

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
        let Some(values) = self.file.mapped(&self.name) else { return Ok(f(&self.read()?)) };
        let result = f(values);
        self.file.release(&self.name);
        Ok(result)
    }

    /// Who lends the values for as long as a plan lives: the mapping of the file, where that is possible.
    pub(crate) fn share(self) -> Result<Arc<dyn Lend>> {
        if self.file.mapped(&self.name).is_some() {
            return Ok(Arc::new(self));
        }
        Ok(Arc::new(self.read()?))
    }

    fn read(&self) -> Result<Vec<f32>> {
        Ok(self.file.read(&self.name, &Device::Cpu)?.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
    }
}

impl Lend for Stored {
    fn lend(&self, f: &mut dyn FnMut(&[f32])) {
        f(self.file.mapped(&self.name).unwrap_or_default());
    }
}
