//! How well a network does on data that it does not learn from.

use candle_core::{DType, Tensor};
use cnn_runtime::{Network, Pass, ops};

use super::step::scalar;
use crate::batches::{Batch, Batches};
use crate::error::{Error, Result};

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Score {
    loss: f64,
    right: usize,
    among_five: usize,
    samples: usize,
}

impl Score {
    /// Takes in a batch's logits `(N, classes)` and labels `(N)`.
    pub(super) fn add(&mut self, logits: &Tensor, labels: &Tensor) -> Result<()> {
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

    pub(super) fn loss(&self) -> f64 {
        self.loss / self.samples as f64
    }

    pub(super) fn accuracy(&self) -> f64 {
        self.right as f64 / self.samples as f64
    }

    pub(super) fn top5(&self) -> f64 {
        self.among_five as f64 / self.samples as f64
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

/// Sends all validation data through the network and tells of each batch.
pub(super) fn validate(
    net: &dyn Network,
    valid: &dyn Batches,
    mut tell: impl FnMut(usize, &Tensor, &Tensor) -> Result<()>,
) -> Result<Score> {
    let mut score = Score::default();
    let pass = Pass::eval();
    for (index, batch) in valid.epoch(0, 0)?.enumerate() {
        let Batch { inputs, labels } = prepared(net, batch?)?;
        // Detached at once: the trace would hold every activation.
        let logits = net.forward_pass(&inputs, &pass)?.detach();
        score.add(&logits, &labels)?;
        tell(index, &logits, &labels)?;
    }
    if score.samples == 0 {
        return Err(Error::Config("the validation data gave no batch".to_owned()));
    }
    Ok(score)
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
        assert_eq!((score.accuracy(), score.top5()), (0.5, 0.75));
        assert!((score.loss() - 0.75 * 10f64.ln()).abs() < 1e-6);
    }
}
