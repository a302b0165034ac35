//! Batch normalization.

use candle_core::{ModuleT, Tensor, Var, bail};

use crate::error::Result;
use crate::ops;
use crate::params::{Fill, Frozen, Params, Role};
use crate::pass::Pass;
use crate::value::{Operation, Value};

/// What a [`BatchNorm2d`] is, in the words of PyTorch's `nn.BatchNorm2d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormConfig {
    /// Channels.
    pub num_features: usize,
    /// Added to the variance, 1e-5 by default.
    pub eps: f64,
    /// The share of a batch in the running statistics, 0.1 by default.
    pub momentum: f64,
    /// Whether there are a scale and a shift per channel, true by default.
    pub affine: bool,
}

impl BatchNormConfig {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(num_features: usize) -> Self {
        Self { num_features, eps: 1e-5, momentum: 0.1, affine: true }
    }

    /// Sets what is added to the variance.
    #[must_use]
    pub const fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// Sets the share of a batch in the running statistics.
    #[must_use]
    pub const fn with_momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// Leaves scale and shift out.
    #[must_use]
    pub const fn without_affine(self) -> Self {
        Self { affine: false, ..self }
    }
}

/// Batch normalization (Ioffe & Szegedy, arXiv 1502.03167), PyTorch's `nn.BatchNorm2d`, over
/// (N, C, H, W), and over (N, C) as `nn.BatchNorm1d` does.
///
/// Training normalizes with the batch's mean and (biased) variance per channel and moves the running
/// statistics in place: `running = (1 - momentum) running + momentum batch`, with the unbiased
/// variance. Inference normalizes with the running statistics, and so does training where they are
/// [frozen](crate::State::freeze).
///
/// Tensors: `weight`, `bias` and the buffers `running_mean`, `running_var`, all (C).
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{Device, ModuleT, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::layers::{BatchNorm2d, BatchNormConfig};
/// use cnn_runtime::params::Builder;
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let bn = BatchNorm2d::new(builder.root().pp("bn1"), BatchNormConfig::new(1))?;
/// let x = Tensor::new(&[[[[1f32, 3.]]]], &Device::Cpu)?; // mean 2, unbiased variance 2
/// bn.forward_t(&x, true)?;
/// assert_eq!(bn.running_mean().to_vec1::<f32>()?, [0.2]);
/// assert_eq!(bn.running_var().to_vec1::<f32>()?, [0.9 + 0.2]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BatchNorm2d {
    config: BatchNormConfig,
    affine: Option<(Tensor, Tensor)>,
    running_mean: Var,
    running_var: Var,
    /// Whether the running statistics are.
    frozen: Frozen,
}

impl BatchNorm2d {
    /// Builds the layer.
    ///
    /// # Errors
    /// [`Error::Layer`](crate::Error::Layer) where a number makes no sense; those of [`Params::tensor`].
    pub fn new(params: Params<'_>, config: BatchNormConfig) -> Result<Self> {
        const LAYER: &str = "BatchNorm2d";
        let BatchNormConfig { num_features, eps, momentum, affine } = config;
        super::nonzero(&params, LAYER, &[("num_features", num_features)])?;
        super::valid_eps(&params, LAYER, eps)?;
        if !(0.0..=1.0).contains(&momentum) {
            return params.refuse(LAYER, format!("momentum must be between 0 and 1, found {momentum}"));
        }
        let affine = affine.then(|| super::affine(&params, num_features)).transpose()?;
        let buffer = |leaf, value| -> Result<Var> {
            let tensor = params.tensor(leaf, num_features, Fill::Constant(value), Role::Buffer)?;
            Ok(Var::from_tensor(&tensor)?)
        };
        let running_mean = buffer("running_mean", 0.0)?;
        let running_var = buffer("running_var", 1.0)?;
        let frozen = params.frozen("running_mean");
        Ok(Self { config, affine, running_mean, running_var, frozen })
    }

    /// What the layer was built from.
    #[must_use]
    pub const fn config(&self) -> &BatchNormConfig {
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

    /// The running mean, (C).
    #[must_use]
    pub fn running_mean(&self) -> &Tensor {
        self.running_mean.as_tensor()
    }

    /// The running variance, (C).
    #[must_use]
    pub fn running_var(&self) -> &Tensor {
        self.running_var.as_tensor()
    }

    /// The layer on any [`Value`], in training if the pass is and the running statistics are not
    /// [frozen](crate::State::freeze).
    ///
    /// # Errors
    /// As `forward_t`.
    pub fn run<V: Value>(&self, x: &V, pass: &Pass<V>) -> candle_core::Result<V> {
        let train = pass.is_train() && !self.frozen.get();
        V::apply(&Operation::BatchNorm2d { layer: self.clone(), train }, &[x])
    }

    fn forward_train(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let channels = self.config.num_features;
        if !matches!(x.rank(), 2 | 4) || x.dim(1)? != channels {
            bail!("batch norm: expected (N, {channels}, H, W) or (N, {channels}), found {:?}", x.dims());
        }
        let count = x.elem_count() / channels;
        self.check_count(count, x.dims())?;
        let (y, mean, var) = ops::batch_norm_train(x, self.weight(), self.bias(), self.config.eps)?;
        self.observe(&mean, &var, count)?;
        Ok(y)
    }

    /// A channel has more than one value.
    pub(crate) fn check_count(&self, count: usize, shape: &[usize]) -> candle_core::Result<()> {
        if count == 1 {
            let area = if shape.len() == 4 { ", H=W=1" } else { "" };
            bail!(
                "batch norm in training needs more than one value per channel, found N=1{area}: with one, \
                 the normalized value is always 0 and the variance undefined; use a larger batch, a larger \
                 input, or inference mode, or leave the norm out where the map is 1x1"
            );
        }
        Ok(())
    }

    /// Moves the running statistics towards mean and biased variance of a batch with so many values a channel.
    pub(crate) fn observe(&self, mean: &Tensor, variance: &Tensor, count: usize) -> candle_core::Result<()> {
        let unbiased = (variance * (count as f64 / (count as f64 - 1.0)))?;
        self.advance(&self.running_mean, mean)?;
        self.advance(&self.running_var, &unbiased)
    }

    /// The running mean and variance, to be moved.
    #[cfg(feature = "cuda")]
    pub(crate) const fn running(&self) -> [&Var; 2] {
        [&self.running_mean, &self.running_var]
    }

    /// Moves a running statistic towards that of a batch.
    fn advance(&self, running: &Var, batch: &Tensor) -> candle_core::Result<()> {
        let momentum = self.config.momentum;
        let kept = (running.as_detached_tensor() * (1.0 - momentum))?;
        running.set(&(kept + (batch.detach() * momentum)?)?)
    }
}

impl ModuleT for BatchNorm2d {
    fn forward_t(&self, x: &Tensor, train: bool) -> candle_core::Result<Tensor> {
        if train && !self.frozen.get() {
            return self.forward_train(x);
        }
        // Detached: running statistics are no parameters, whatever a loss says.
        let (mean, var) = (self.running_mean.as_detached_tensor(), self.running_var.as_detached_tensor());
        ops::batch_norm_eval(x, &mean, &var, self.weight(), self.bias(), self.config.eps)
    }
}
