//! The parametric rectifier.

use candle_core::{Module, Tensor};

use crate::error::Result;
use crate::ops;
use crate::params::{Fill, Params, Role};
use crate::value::{Operation, Value};

/// The parametric rectifier (He et al., arXiv 1502.01852), PyTorch's `nn.PReLU`: `x` where it is
/// positive, else `weight x`, with one slope for all channels or one for each.
///
/// Tensors: `weight` (1) or (C), 0.25 at first.
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{Device, Module, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::layers::PRelu;
/// use cnn_runtime::params::Builder;
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let prelu = PRelu::new(builder.root().pp("act"), 1)?;
/// let x = Tensor::new(&[[-4f32, 4.]], &Device::Cpu)?;
/// assert_eq!(prelu.forward(&x)?.to_vec2::<f32>()?, [[-1., 4.]]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PRelu {
    weight: Tensor,
}

impl PRelu {
    /// Builds the layer with 1 or as many slopes as there are channels.
    ///
    /// # Errors
    /// [`Error::Layer`](crate::Error::Layer) for no slopes; those of [`Params::tensor`].
    pub fn new(params: Params<'_>, num_parameters: usize) -> Result<Self> {
        super::nonzero(&params, "PRelu", &[("num_parameters", num_parameters)])?;
        let weight = params.tensor("weight", num_parameters, Fill::Constant(0.25), Role::Parameter)?;
        Ok(Self { weight })
    }

    /// The slopes, (1) or (C).
    #[must_use]
    pub const fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The layer on any [`Value`].
    ///
    /// # Errors
    /// As `forward`.
    pub fn run<V: Value>(&self, x: &V) -> candle_core::Result<V> {
        V::apply(&Operation::PRelu(self.clone()), &[x])
    }
}

impl Module for PRelu {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::prelu(x, &self.weight)
    }
}
