//! Group normalization.

use candle_core::{Module, Tensor};

use crate::error::Result;
use crate::ops;
use crate::params::Params;
use crate::value::{Operation, Value};

/// What a [`GroupNorm`] is, in the words of PyTorch's `nn.GroupNorm`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupNormConfig {
    /// Groups of channels that are normalized together.
    pub num_groups: usize,
    /// Channels.
    pub num_channels: usize,
    /// Added to the variance, 1e-5 by default.
    pub eps: f64,
}

impl GroupNormConfig {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(num_groups: usize, num_channels: usize) -> Self {
        Self { num_groups, num_channels, eps: 1e-5 }
    }

    /// Sets what is added to the variance.
    #[must_use]
    pub const fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }
}

/// Group normalization (Wu & He, arXiv 1803.08494), PyTorch's `nn.GroupNorm`: over the values of each
/// group of channels of each sample. With one group it normalizes over C, H and W.
///
/// Tensors: `weight` and `bias`, (C).
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{Device, Module, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::layers::{GroupNorm, GroupNormConfig};
/// use cnn_runtime::params::Builder;
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let gn = GroupNorm::new(builder.root().pp("norm"), GroupNormConfig::new(2, 4).with_eps(0.))?;
/// let x = Tensor::new(&[1f32, 3., 10., 30.], &Device::Cpu)?.reshape((1, 4, 1, 1))?;
/// assert_eq!(gn.forward(&x)?.flatten_all()?.to_vec1::<f32>()?, [-1., 1., -1., 1.]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GroupNorm {
    config: GroupNormConfig,
    weight: Tensor,
    bias: Tensor,
}

impl GroupNorm {
    /// Builds the layer.
    ///
    /// # Errors
    /// [`Error::Layer`](crate::Error::Layer) where a number makes no sense or the groups do not divide the
    /// channels; those of [`Params::tensor`].
    pub fn new(params: Params<'_>, config: GroupNormConfig) -> Result<Self> {
        const LAYER: &str = "GroupNorm";
        let GroupNormConfig { num_groups, num_channels, eps } = config;
        super::nonzero(&params, LAYER, &[("num_groups", num_groups), ("num_channels", num_channels)])?;
        super::valid_eps(&params, LAYER, eps)?;
        if num_channels % num_groups != 0 {
            let message = format!("num_groups = {num_groups} does not divide num_channels = {num_channels}");
            return params.refuse(LAYER, message);
        }
        let (weight, bias) = super::affine(&params, num_channels)?;
        Ok(Self { config, weight, bias })
    }

    /// What the layer was built from.
    #[must_use]
    pub const fn config(&self) -> &GroupNormConfig {
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
        V::apply(&Operation::GroupNorm(self.clone()), &[x])
    }
}

impl Module for GroupNorm {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let Self { config, weight, bias } = self;
        ops::group_norm(x, config.num_groups, Some(weight), Some(bias), config.eps)
    }
}
