//! A training step but for the optimizer: inputs and targets to the loss and its gradients.

use candle_core::{DType, Tensor, Var};
use cnn_runtime::{Network, Pass, ops};

use crate::error::Result;

/// What the samples of a batch should be.
#[derive(Debug)]
pub(super) enum Targets {
    /// Their classes: `(N)`.
    Classes(Tensor),
    /// The probability of each class: `(N, classes)`.
    Probabilities(Tensor),
}

/// What computes a loss and its gradients.
pub(super) trait TrainingStep {
    /// The mean loss of a batch, and the gradient of each parameter that has one, in the order of the optimizer's variables.
    fn run(&mut self, inputs: &Tensor, targets: &Targets) -> Result<(f64, Vec<Option<Tensor>>)>;
}

/// By candle's automatic differentiation.
pub(super) struct Differentiated<'a> {
    pub(super) net: &'a dyn Network,
    pub(super) vars: Vec<Var>,
    pub(super) label_smoothing: f64,
}

impl TrainingStep for Differentiated<'_> {
    fn run(&mut self, inputs: &Tensor, targets: &Targets) -> Result<(f64, Vec<Option<Tensor>>)> {
        let pass = Pass::train(self.net.state().generator());
        let logits = self.net.forward_pass(inputs, &pass)?;
        let loss = match targets {
            Targets::Classes(labels) => ops::cross_entropy(&logits, labels, self.label_smoothing)?,
            Targets::Probabilities(targets) => {
                ops::cross_entropy_with_probabilities(&logits, targets, self.label_smoothing)?
            }
        };
        let value = scalar(&loss)?;
        if !value.is_finite() {
            // Its gradients are not asked for.
            return Ok((value, Vec::new()));
        }
        let mut gradients = loss.backward()?;
        Ok((value, self.vars.iter().map(|var| gradients.remove(var)).collect()))
    }
}

/// The value of a scalar.
pub(super) fn scalar(tensor: &Tensor) -> Result<f64> {
    Ok(tensor.to_dtype(DType::F64)?.to_scalar::<f64>()?)
}

/// Gradients of the batches of an optimizer step.
#[derive(Debug, Default)]
pub(super) struct Accumulated {
    gradients: Vec<Option<Tensor>>,
    /// By what they are multiplied to be those of the mean loss.
    scale: f64,
    /// Samples of all batches.
    pub(super) samples: usize,
    /// The sum of the samples' losses.
    pub(super) loss: f64,
}

impl Accumulated {
    /// What is known after a single batch, of this mean loss.
    pub(super) fn single(loss: f64, gradients: Vec<Option<Tensor>>, samples: usize) -> Self {
        Self { gradients, scale: 1.0, samples, loss: loss * samples as f64 }
    }

    /// Adds a batch, of this mean loss, to several: gradients by the number of samples, for a last batch may have fewer.
    pub(super) fn add(&mut self, loss: f64, gradients: Vec<Option<Tensor>>, samples: usize) -> Result<()> {
        self.loss += loss * samples as f64;
        self.samples += samples;
        self.scale = 1.0 / self.samples as f64;
        self.gradients.resize(gradients.len(), None);
        for (total, gradient) in self.gradients.iter_mut().zip(gradients) {
            let Some(gradient) = gradient else { continue };
            let gradient = (gradient * samples as f64)?;
            *total = Some(match total.take() {
                Some(total) => (total + gradient)?,
                None => gradient,
            });
        }
        Ok(())
    }

    /// What the optimizer takes: gradients, and by what they are multiplied.
    pub(super) fn gradients(&self) -> (Vec<Option<&Tensor>>, f64) {
        (self.gradients.iter().map(Option::as_ref).collect(), self.scale)
    }
}
