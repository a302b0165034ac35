//! Layer normalization over channels.

use candle_core::{Module, Tensor};

use crate::error::Result;
use crate::ops;
use crate::params::Params;
use crate::value::{Operation, Value};

/// What a [`LayerNorm`] is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNormConfig {
    /// Channels, or features.
    pub channels: usize,
    /// Added to the variance, 1e-5 by default.
    pub eps: f64,
}

impl LayerNormConfig {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(channels: usize) -> Self {
        Self { channels, eps: 1e-5 }
    }

    /// Sets what is added to the variance.
    #[must_use]
    pub const fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }
}

/// Layer normalization (Ba, Kiros & Hinton, arXiv 1607.06450): of an (N, C, H, W) input over the
/// channels at each position, as ConvNeXt's `LayerNorm2d` does (arXiv 2201.03545), of an (N, C) input
/// over the features, as `nn.LayerNorm(C)` does.
///
/// Tensors: `weight` and `bias`, (C).
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{Device, Module, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::layers::{LayerNorm, LayerNormConfig};
/// use cnn_runtime::params::Builder;
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let ln = LayerNorm::new(builder.root().pp("norm"), LayerNormConfig::new(2).with_eps(0.))?;
/// let x = Tensor::new(&[[1f32, 3.], [10., 30.]], &Device::Cpu)?;
/// assert_eq!(ln.forward(&x)?.to_vec2::<f32>()?, [[-1., 1.], [-1., 1.]]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LayerNorm {
    config: LayerNormConfig,
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// Builds the layer.
    ///
    /// # Errors
    /// [`Error::Layer`](crate::Error::Layer) where a number makes no sense; those of [`Params::tensor`].
    pub fn new(params: Params<'_>, config: LayerNormConfig) -> Result<Self> {
        const LAYER: &str = "LayerNorm";
        super::nonzero(&params, LAYER, &[("channels", config.channels)])?;
        super::valid_eps(&params, LAYER, config.eps)?;
        let (weight, bias) = super::affine(&params, config.channels)?;
        Ok(Self { config, weight, bias })
    }

    /// What the layer was built from.
    #[must_use]
    pub const fn config(&self) -> &LayerNormConfig {
        &self.config
    }

    /// The scale, (C).
    #[must_use]
    pub const fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The shift, (C).
    #[must_use]
    pub const fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// The layer on any [`Value`].
    ///
    /// # Errors
    /// As `forward`.
    pub fn run<V: Value>(&self, x: &V) -> candle_core::Result<V> {
        V::apply(&Operation::LayerNorm(self.clone()), &[x])
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::layer_norm(x, Some(&self.weight), Some(&self.bias), self.config.eps)
    }
}
