//! Weights that stay in their file until they are needed.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, TensorId};

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

    /// Calls `f` with the values, some at a time with the number of the first, and lets go of them: what is made of them
    /// and they are never both in memory as a whole, where the file holds them as they are.
    pub(crate) fn each(&self, mut f: impl FnMut(usize, &[f32])) -> Result<()> {
        const SOME: usize = 1 << 20;
        let Some(values) = self.file.mapped(&self.name) else {
            return self.with(|values| f(0, values));
        };
        for (index, some) in values.chunks(SOME).enumerate() {
            let first = index * SOME;
            f(first, some);
            let bytes = (first * size_of::<f32>()) as u64;
            self.file.release(&self.name, bytes..bytes + size_of_val(some) as u64);
        }
        Ok(())
    }

    fn read(&self) -> Result<Tensor> {
        Ok(self.file.read(&self.name, &Device::Cpu)?.to_dtype(DType::F32)?)
    }
}
