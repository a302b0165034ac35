//! A layer written in Rust: the escape hatch of the language, `rust(expr) => shape`.

use std::fmt;
use std::sync::Arc;

use candle_core::{DType, Device, Module, Result, Tensor, bail};

use crate::value::{Operation, Value};

/// Any candle module, with the shape that its output was stated to have.
///
/// ```
/// use candle_core::{DType, Device, Module, Tensor};
/// use cnn_runtime::layers::Custom;
///
/// # fn main() -> candle_core::Result<()> {
/// let double = Custom::new("double", |x: &Tensor| x * 2.0, &[3]);
/// let x = Tensor::ones((1, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(double.forward(&x)?.to_vec2::<f32>()?, [[2.0, 2.0, 2.0]]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Custom {
    path: String,
    module: Arc<dyn Module + Send + Sync>,
    output: Vec<usize>,
}

impl Custom {
    /// Wraps a module whose output is `(N, output..)`; a size of 0 is not checked.
    pub fn new(path: &str, module: impl Module + Send + Sync + 'static, output: &[usize]) -> Self {
        Self { path: path.to_owned(), module: Arc::new(module), output: output.to_vec() }
    }

    /// The layer on any [`Value`].
    ///
    /// # Errors
    /// As `forward`.
    pub fn run<V: Value>(&self, x: &V) -> Result<V> {
        V::apply(&Operation::Custom(self.clone()), &[x])
    }

    /// The shape of its output: as stated, or where that is open, that of a run on zeros.
    pub(crate) fn shape(&self, x: &[usize]) -> Result<Vec<usize>> {
        match x.first() {
            Some(&batch) if !self.output.contains(&0) => Ok([&[batch], self.output.as_slice()].concat()),
            _ => Ok(self.forward(&Tensor::zeros(x, DType::F32, &Device::Cpu)?)?.dims().to_vec()),
        }
    }
}

impl Module for Custom {
    /// # Errors
    /// Those of the module; and one where its output is not what was stated.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let output = self.module.forward(x)?;
        let sizes = output.dims().get(1..).unwrap_or_default();
        if !crate::info::same_shape(sizes, &self.output) {
            bail!(
                "`rust(..)` at `{}` was stated to give (N, {:?}) and gave {:?}",
                self.path,
                self.output,
                output.dims()
            );
        }
        Ok(output)
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom")
            .field("path", &self.path)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}
