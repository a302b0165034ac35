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
    pub(crate) file: Arc<WeightFile>,
    /// Their names in the file.
    pub(crate) names: HashMap<TensorId, String>,
}

impl Deferred {
    /// Calls `f` with the values of a tensor, and lets go of them. None where the tensor has values of its own.
    pub(crate) fn with<T>(&self, tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Option<Result<T>> {
        let name = self.names.get(&tensor.id())?;
        if let Some(values) = self.file.mapped(name) {
            let result = f(values);
            self.file.release(name);
            return Some(Ok(result));
        }
        Some(self.read(name).map(|values| f(&values)))
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        Ok(self.file.read(name, &Device::Cpu)?.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
    }

    /// Who lends the values of a tensor for as long as a plan lives: the mapping of the file, where that is possible.
    pub(crate) fn lend(&self, tensor: &Tensor) -> Option<Result<Arc<dyn Lend>>> {
        let name = self.names.get(&tensor.id())?;
        if self.file.mapped(name).is_some() {
            return Some(Ok(Arc::new(Mapped { file: Arc::clone(&self.file), name: name.clone() })));
        }
        Some(self.read(name).map(|values| -> Arc<dyn Lend> { Arc::new(values) }))
    }
}

/// A tensor of a mapped file.
struct Mapped {
    file: Arc<WeightFile>,
    name: String,
}

impl Lend for Mapped {
    fn lend(&self, f: &mut dyn FnMut(&[f32])) {
        f(self.file.mapped(&self.name).unwrap_or_default());
    }
}
