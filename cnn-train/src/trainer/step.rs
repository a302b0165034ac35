//! A training step but for the optimizer: inputs and targets to the loss and its gradients.

use candle_core::{DType, Tensor, Var};
use cnn_runtime::{Network, Pass, ops};

use crate::error::Result;
use crate::optim::Optimizer;

/// What the samples of a batch should be.
#[derive(Debug)]
pub(super) enum Targets {
    /// Their classes: `(N)`.
    Classes(Tensor),
    /// The probability of each class: `(N, classes)`.
    Probabilities(Tensor),
}

impl Targets {
    /// The mean loss of logits.
    pub(super) fn loss(&self, logits: &Tensor, label_smoothing: f64) -> candle_core::Result<Tensor> {
        match self {
            Self::Classes(labels) => ops::cross_entropy(logits, labels, label_smoothing),
            Self::Probabilities(shares) => ops::cross_entropy_with_probabilities(
                logits,
                &shares.to_device(logits.device())?,
                label_smoothing,
            ),
        }
    }
}

/// What computes a loss and its gradients.
pub(super) trait TrainingStep {
    /// The mean loss of a batch. Where it is finite, the [`gradients`](Self::gradients) are its.
    fn run(&mut self, inputs: &Tensor, targets: &Targets) -> Result<f64>;

    /// The gradient of each parameter that has one, in the order of the optimizer's variables.
    fn gradients(&self) -> Gradients<'_>;
}

/// Gradients, as they are.
#[derive(Debug)]
pub(super) enum Gradients<'g> {
    /// Candle's.
    Tensors(Vec<Option<&'g Tensor>>),
    /// A plan's.
    Slices(Vec<Option<&'g [f32]>>),
}

impl Gradients<'_> {
    /// An optimizer step with `scale` times these. Gives their norm where it is clipped.
    pub(super) fn step(&self, optimizer: &mut Optimizer, scale: f64) -> Result<Option<f64>> {
        match self {
            Self::Tensors(gradients) => optimizer.step_tensors(gradients, scale),
            Self::Slices(gradients) => optimizer.step_slices_scaled(gradients, scale),
        }
    }

    /// As tensors; slices are copied.
    fn tensors(&self, vars: &[Var]) -> Result<Vec<Option<Tensor>>> {
        Ok(match self {
            Self::Tensors(gradients) => gradients.iter().map(|gradient| gradient.cloned()).collect(),
            Self::Slices(gradients) => gradients
                .iter()
                .zip(vars)
                .map(|(gradient, var)| {
                    gradient.map(|values| Tensor::from_slice(values, var.dims(), var.device())).transpose()
                })
                .collect::<candle_core::Result<_>>()?,
        })
    }
}

/// By candle's automatic differentiation.
pub(super) struct Differentiated<'a> {
    net: &'a dyn Network,
    vars: Vec<Var>,
    label_smoothing: f64,
    gradients: Vec<Option<Tensor>>,
}

impl<'a> Differentiated<'a> {
    pub(super) fn new(net: &'a dyn Network, vars: Vec<Var>, label_smoothing: f64) -> Self {
        Self { net, vars, label_smoothing, gradients: Vec::new() }
    }
}

impl TrainingStep for Differentiated<'_> {
    fn run(&mut self, inputs: &Tensor, targets: &Targets) -> Result<f64> {
        // What is no longer needed makes room.
        self.gradients.clear();
        let pass = Pass::train(self.net.state().generator());
        let logits = self.net.forward_pass(inputs, &pass)?;
        let loss = targets.loss(&logits, self.label_smoothing)?;
        let value = scalar(&loss)?;
        if value.is_finite() {
            let mut gradients = loss.backward()?;
            self.gradients = self.vars.iter().map(|var| gradients.remove(var)).collect();
        }
        Ok(value)
    }

    fn gradients(&self) -> Gradients<'_> {
        Gradients::Tensors(self.gradients.iter().map(Option::as_ref).collect())
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
    /// Adds a batch, of this mean loss, to several: gradients by the number of samples, for a last batch may have fewer.
    pub(super) fn add(
        &mut self,
        loss: f64,
        gradients: &Gradients<'_>,
        vars: &[Var],
        samples: usize,
    ) -> Result<()> {
        self.note(loss, samples);
        self.scale = 1.0 / self.samples as f64;
        let gradients = gradients.tensors(vars)?;
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

    /// Adds the loss of a batch.
    pub(super) fn note(&mut self, loss: f64, samples: usize) {
        self.loss += loss * samples as f64;
        self.samples += samples;
    }

    /// What the optimizer takes: gradients, and by what they are multiplied.
    pub(super) fn gradients(&self) -> (Gradients<'_>, f64) {
        (Gradients::Tensors(self.gradients.iter().map(Option::as_ref).collect()), self.scale)
    }
}
