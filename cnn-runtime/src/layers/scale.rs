//! A learnt factor per channel.

use candle_core::{Module, Tensor};

use crate::error::Result;
use crate::ops;
use crate::params::{Fill, Params, Role};
use crate::value::{Operation, Value};

/// A learnt factor per channel of (N, C, H, W) or (N, C), ConvNeXt's layer scale (Touvron et al.,
/// "Going deeper with image transformers", arXiv 2103.17239).
///
/// Its tensor, (C, 1, 1), is named by the path alone, as torchvision's `layer_scale` is.
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{DType, Device, Module, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::layers::Scale;
/// use cnn_runtime::params::Builder;
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let scale = Scale::new(builder.root().pp("layer_scale"), 3, 0.5)?;
/// let x = Tensor::ones((1, 3, 2, 2), DType::F32, &Device::Cpu)?;
/// assert_eq!(scale.forward(&x)?.sum_all()?.to_scalar::<f32>()?, 6.);
/// assert!(builder.finish()?.get("layer_scale").is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Scale {
    weight: Tensor,
}

impl Scale {
    /// Builds the layer, with all factors the same at first.
    ///
    /// # Errors
    /// [`Error::Layer`](crate::Error::Layer) for no channels; those of [`Params::tensor`].
    pub fn new(params: Params<'_>, channels: usize, init_value: f64) -> Result<Self> {
        super::nonzero(&params, "Scale", &[("channels", channels)])?;
        let weight = params.tensor("", (channels, 1, 1), Fill::Constant(init_value), Role::Parameter)?;
        Ok(Self { weight })
    }

    /// The factors, (C, 1, 1).
    #[must_use]
    pub const fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The layer on any [`Value`].
    ///
    /// # Errors
    /// As `forward`.
    pub fn run<V: Value>(&self, x: &V) -> candle_core::Result<V> {
        V::apply(&Operation::Scale(self.clone()), &[x])
    }
}

impl Module for Scale {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::scale(x, &self.weight)
    }
}
