//! Instance normalization.

use candle_core::{Module, Tensor, bail};

use crate::error::Result;
use crate::ops;
use crate::params::Params;
use crate::value::{Operation, Value};

/// What an [`InstanceNorm2d`] is, in the words of PyTorch's `nn.InstanceNorm2d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceNormConfig {
    /// Channels.
    pub num_features: usize,
    /// Added to the variance, 1e-5 by default.
    pub eps: f64,
    /// Whether there are a scale and a shift per channel, false by default.
    pub affine: bool,
}

impl InstanceNormConfig {
    /// PyTorch's defaults: no scale, no shift, no running statistics.
    #[must_use]
    pub const fn new(num_features: usize) -> Self {
        Self { num_features, eps: 1e-5, affine: false }
    }

    /// Sets what is added to the variance.
    #[must_use]
    pub const fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// Adds a scale and a shift per channel.
    #[must_use]
    pub const fn with_affine(self) -> Self {
        Self { affine: true, ..self }
    }
}

/// Instance normalization (Ulyanov, Vedaldi & Lempitsky, arXiv 1607.08022), PyTorch's
/// `nn.InstanceNorm2d`: over the positions of each channel of each sample, in training as at
/// inference.
///
/// Tensors: none, or `weight` and `bias`, (C).
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{Device, Module, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::layers::{InstanceNorm2d, InstanceNormConfig};
/// use cnn_runtime::params::Builder;
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let config = InstanceNormConfig::new(2).with_eps(0.);
/// let inorm = InstanceNorm2d::new(builder.root().pp("norm"), config)?;
/// let x = Tensor::new(&[1f32, 3., 10., 30.], &Device::Cpu)?.reshape((1, 2, 1, 2))?;
/// assert_eq!(inorm.forward(&x)?.flatten_all()?.to_vec1::<f32>()?, [-1., 1., -1., 1.]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct InstanceNorm2d {
    config: InstanceNormConfig,
    affine: Option<(Tensor, Tensor)>,
}

impl InstanceNorm2d {
    /// Builds the layer.
    ///
    /// # Errors
    /// [`Error::Layer`](crate::Error::Layer) where a number makes no sense; those of [`Params::tensor`].
    pub fn new(params: Params<'_>, config: InstanceNormConfig) -> Result<Self> {
        const LAYER: &str = "InstanceNorm2d";
        super::nonzero(&params, LAYER, &[("num_features", config.num_features)])?;
        super::valid_eps(&params, LAYER, config.eps)?;
        let affine = config.affine.then(|| super::affine(&params, config.num_features)).transpose()?;
        Ok(Self { config, affine })
    }

    /// What the layer was built from.
    #[must_use]
    pub const fn config(&self) -> &InstanceNormConfig {
        &self.config
    }

    /// The scale, (C).
    #[must_use]
    pub fn weight(&self) -> Option<&Tensor> {
        self.affine.as_ref().map(|(weight, _)| weight)
    }

    /// The shift, (C).
    #[must_use]
    pub fn bias(&self) -> Option<&Tensor> {
        self.affine.as_ref().map(|(_, bias)| bias)
    }

    /// The input is a map of these channels.
    pub(crate) fn check(&self, x: &[usize]) -> candle_core::Result<()> {
        let channels = self.config.num_features;
        match x {
            [_, found, _, _] if *found == channels => Ok(()),
            _ => bail!("instance norm: expected (N, {channels}, H, W), found {x:?}"),
        }
    }

    /// The layer on any [`Value`].
    ///
    /// # Errors
    /// As `forward`.
    pub fn run<V: Value>(&self, x: &V) -> candle_core::Result<V> {
        V::apply(&Operation::InstanceNorm2d(self.clone()), &[x])
    }
}

impl Module for InstanceNorm2d {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.check(x.dims())?;
        ops::instance_norm(x, self.weight(), self.bias(), self.config.eps)
    }
}
