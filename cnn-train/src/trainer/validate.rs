//! How well a network does on data that it does not learn from.

use candle_core::{DType, Tensor};
use cnn_runtime::{CompileOptions, Network, Pass, Plan, ops};

use super::step::scalar;
use crate::batches::{Batch, Batches};
use crate::error::{Error, Result};

/// Plans that are kept: the last batch may have fewer samples than the others.
const KEPT: usize = 2;

/// How well a network does.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The mean cross-entropy of the samples.
    pub loss: f64,
    /// The share of the samples whose largest logit is their class's, 0 to 1. Of equal logits the first counts.
    pub accuracy: f64,
    /// The share of the samples whose class is among the five largest logits, 0 to 1.
    pub top5: f64,
    /// Samples.
    pub samples: usize,
}

/// How well a network does on data, in inference mode.
///
/// # Errors
/// Where the data cannot be read or give no batch, or the network does not take them.
pub fn evaluate(net: &dyn Network, data: &dyn Batches) -> Result<Evaluation> {
    validate(&mut Inference::new(net, true), data, |_, _, _| Ok(()))
}

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Score {
    loss: f64,
    right: usize,
    among_five: usize,
    samples: usize,
}

impl Score {
    /// Takes in a batch's logits `(N, classes)` and labels `(N)`.
    fn add(&mut self, logits: &Tensor, labels: &Tensor) -> Result<()> {
        let loss = scalar(&ops::cross_entropy(logits, labels, 0.0)?)?;
        let rows = logits.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let labels = labels.to_dtype(DType::U32)?.to_vec1::<u32>()?;
        for (row, &label) in rows.iter().zip(&labels) {
            let place = place(row, label as usize);
            self.right += usize::from(place == 0);
            self.among_five += usize::from(place < 5);
        }
        self.loss += loss * labels.len() as f64;
        self.samples += labels.len();
        Ok(())
    }

    fn evaluation(&self) -> Evaluation {
        let share = |sum: f64| sum / self.samples as f64;
        Evaluation {
            loss: share(self.loss),
            accuracy: share(self.right as f64),
            top5: share(self.among_five as f64),
            samples: self.samples,
        }
    }
}

/// How many logits stand before the label's: those above it, and equal ones of classes before it. A NaN stands before all
/// and is never right.
fn place(logits: &[f64], label: usize) -> usize {
    let own = logits[label];
    if own.is_nan() {
        return logits.len();
    }
    let before = |(class, &x): (usize, &f64)| x > own || x.is_nan() || (x == own && class < label);
    logits.iter().enumerate().filter(|&pair| before(pair)).count()
}

/// A network in inference mode, with the weights of now.
pub(super) struct Inference<'a> {
    net: &'a dyn Network,
    compiles: bool,
    /// For the last sizes of a batch.
    plans: Vec<(Vec<usize>, Plan)>,
}

impl<'a> Inference<'a> {
    /// By plans, if `compiles` and where the network has some.
    pub(super) fn new(net: &'a dyn Network, compiles: bool) -> Self {
        Self { net, compiles, plans: Vec::new() }
    }

    fn logits(&mut self, inputs: &Tensor) -> Result<Tensor> {
        if let Some(plan) = self.plan(inputs) {
            return Ok(plan.run(inputs)?);
        }
        // Detached at once: the trace would hold every activation.
        Ok(self.net.forward_pass(inputs, &Pass::eval())?.detach())
    }

    /// The plan for such inputs. What is wrong with them the network itself says.
    fn plan(&mut self, inputs: &Tensor) -> Option<&mut Plan> {
        if !self.compiles {
            return None;
        }
        let index = match self.plans.iter().position(|(shape, _)| shape == inputs.dims()) {
            Some(index) => index,
            None => {
                let (&batch, sample) = inputs.dims().split_first()?;
                let options = CompileOptions::batch(batch).with_input(sample);
                let Ok(plan) = self.net.compile(&options) else {
                    self.compiles = false;
                    return None;
                };
                if self.plans.len() == KEPT {
                    self.plans.remove(0);
                }
                self.plans.push((inputs.dims().to_vec(), plan));
                self.plans.len() - 1
            }
        };
        self.plans.get_mut(index).map(|(_, plan)| plan)
    }
}

/// Sends all validation data through the network and tells of each batch.
pub(super) fn validate(
    inference: &mut Inference<'_>,
    valid: &dyn Batches,
    mut tell: impl FnMut(usize, &Tensor, &Tensor) -> Result<()>,
) -> Result<Evaluation> {
    let mut score = Score::default();
    for (index, batch) in valid.epoch(0, 0)?.enumerate() {
        let Batch { inputs, labels } = prepared(inference.net, batch?)?;
        let logits = inference.logits(&inputs)?;
        score.add(&logits, &labels)?;
        tell(index, &logits, &labels)?;
    }
    if score.samples == 0 {
        return Err(Error::Config("the validation data gave no batch".to_owned()));
    }
    Ok(score.evaluation())
}

/// A batch where the network is and in its element type.
pub(super) fn prepared(net: &dyn Network, batch: Batch) -> Result<Batch> {
    let state = net.state();
    let inputs = batch.inputs.to_device(state.device())?.to_dtype(state.dtype())?;
    let samples = inputs.dims().first().copied().unwrap_or(0);
    if samples == 0 || batch.labels.dims() != [samples] {
        return Err(Error::Config(format!(
            "expected a batch of inputs (N, ..) and labels (N) with N above 0, found {:?} and {:?}",
            inputs.dims(),
            batch.labels.dims()
        )));
    }
    Ok(Batch { inputs, labels: batch.labels })
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_place_of_a_label() {
        let nan = f64::NAN;
        for (logits, label, expected) in [
            (&[0.1, 0.9, 0.5][..], 1, 0),
            (&[0.1, 0.9, 0.5], 0, 2),
            (&[0.5, 0.5], 0, 0),
            (&[0.5, 0.5], 1, 1),
            (&[nan, 0.5], 1, 1),
            (&[nan, 0.5], 0, 2),
        ] {
            assert_eq!(place(logits, label), expected, "{logits:?} {label}");
        }
    }

    #[test]
    fn sums_over_batches_of_any_size() {
        let mut score = Score::default();
        let logits = Tensor::zeros((3, 10), DType::F32, &Device::Cpu).unwrap();
        // Ties: the first is first.
        score.add(&logits, &Tensor::new(&[0u32, 4, 5], &Device::Cpu).unwrap()).unwrap();
        let logits = Tensor::new(&[[f32::MIN / 2., 0.]], &Device::Cpu).unwrap();
        score.add(&logits, &Tensor::new(&[1u32], &Device::Cpu).unwrap()).unwrap();
        let Evaluation { loss, accuracy, top5, samples } = score.evaluation();
        assert_eq!((accuracy, top5, samples), (0.5, 0.75, 4));
        assert!((loss - 0.75 * 10f64.ln()).abs() < 1e-6);
    }
}
