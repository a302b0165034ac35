//! The fully connected layer.

use candle_core::{Module, Tensor};

use crate::error::Result;
use crate::ops;
use crate::params::{Fill, Params, Role};
use crate::pass::{Pass, mask};
use crate::random::Generator;
use crate::value::{Operation, Value};

/// What a [`Linear`] is, in the words of PyTorch's `nn.Linear`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearConfig {
    /// Features of the input.
    pub in_features: usize,
    /// Features of the output.
    pub out_features: usize,
    /// Whether each output adds a bias, true by default.
    pub bias: bool,
    /// With which probability a weight is dropped in training, 0 by default.
    pub dropconnect: f64,
}

impl LinearConfig {
    /// With bias, without drop-connect.
    #[must_use]
    pub const fn new(in_features: usize, out_features: usize) -> Self {
        Self { in_features, out_features, bias: true, dropconnect: 0.0 }
    }

    /// Leaves the bias out.
    #[must_use]
    pub const fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// Sets the probability with which a weight is dropped in training.
    #[must_use]
    pub const fn with_dropconnect(self, dropconnect: f64) -> Self {
        Self { dropconnect, ..self }
    }
}

/// The fully connected layer, PyTorch's `nn.Linear`: (N, in) to (N, out), `y = x weight^T + bias`.
/// Feature maps (N, C, H, W) with C H W = in are flattened first.
///
/// Tensors: `weight` (out, in) and `bias` (out).
///
/// With drop-connect (Wan et al., "Regularization of neural networks using DropConnect", ICML 2013),
/// a training pass zeroes weights at random and scales the others by `1 / (1 - p)`. One mask serves
/// the whole batch, and inference uses the mean weights.
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{DType, Device, Module, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::layers::{Linear, LinearConfig};
/// use cnn_runtime::params::Builder;
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let fc = Linear::new(builder.root().pp("fc"), LinearConfig::new(16 * 5 * 5, 10))?;
/// let x = Tensor::zeros((2, 16, 5, 5), DType::F32, &Device::Cpu)?;
/// assert_eq!(fc.forward(&x)?.dims(), [2, 10]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Linear {
    config: LinearConfig,
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Builds the layer.
    ///
    /// # Errors
    /// [`Error::Layer`](crate::Error::Layer) where a size is 0 or the probability is none; those of
    /// [`Params::tensor`].
    pub fn new(params: Params<'_>, config: LinearConfig) -> Result<Self> {
        const LAYER: &str = "Linear";
        let LinearConfig { in_features, out_features, dropconnect, .. } = config;
        let fields = [("in_features", in_features), ("out_features", out_features)];
        super::nonzero(&params, LAYER, &fields)?;
        super::product(&params, LAYER, &[in_features, out_features])?;
        if !(0.0..1.0).contains(&dropconnect) {
            let message = format!("dropconnect must be at least 0 and below 1, found {dropconnect}");
            return params.refuse(LAYER, message);
        }
        let fill = Fill::Weight { fan_in: in_features, fan_out: out_features };
        let shape = [out_features, in_features];
        let weight = params.weight(&shape, &shape, fill)?;
        let fill = Fill::Bias { fan_in: in_features };
        let bias = || params.tensor("bias", out_features, fill, Role::Parameter);
        let bias = config.bias.then(bias).transpose()?;
        Ok(Self { config, weight, bias })
    }

    /// Runs the layer in a pass: with drop-connect where the pass is training.
    ///
    /// # Errors
    /// Where the input does not have `in_features` features.
    pub fn forward_pass(&self, x: &Tensor, pass: &Pass) -> candle_core::Result<Tensor> {
        self.forward_masked(x, pass.generator())
    }

    /// The layer with the weights that masks of this generator leave; with all where there is none.
    pub(crate) fn forward_masked(
        &self,
        x: &Tensor,
        generator: Option<&Generator>,
    ) -> candle_core::Result<Tensor> {
        match (generator, self.config.dropconnect) {
            (Some(generator), p) if p > 0.0 => {
                let weight = mask::apply(&self.weight, p, self.weight.rank(), generator)?;
                ops::linear(x, &weight, self.bias.as_ref())
            }
            _ => self.forward(x),
        }
    }

    /// The layer on any [`Value`]: with drop-connect where the pass is training.
    ///
    /// # Errors
    /// Where the input does not have `in_features` features.
    pub fn run<V: Value>(&self, x: &V, pass: &Pass<V>) -> candle_core::Result<V> {
        let generator = pass.generator().filter(|_| self.config.dropconnect > 0.0).cloned();
        V::apply(&Operation::Linear { layer: self.clone(), generator }, &[x])
    }

    /// What the layer was built from.
    #[must_use]
    pub const fn config(&self) -> &LinearConfig {
        &self.config
    }

    /// The weight, (out, in).
    #[must_use]
    pub const fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, (out).
    #[must_use]
    pub const fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::linear(x, &self.weight, self.bias.as_ref())
    }
}
