//! Samples mixed with each other (Zhang et al., "mixup", arXiv 1710.09412).

use candle_core::{DType, Tensor};
use cnn_runtime::random::Stream;
use rand_distr::{Beta, Distribution};

use super::step::Targets;
use crate::batches::Batch;
use crate::error::{Error, Result};

/// A batch in which each sample is mixed with the one before it, the first with the last.
pub(super) fn mixed(batch: &Batch, classes: usize, share: f64) -> Result<(Tensor, Targets)> {
    let partner = |x: &Tensor| (x * share)? + (x.roll(1, 0)? * (1.0 - share))?;
    let targets = one_hot(&batch.labels, classes)?.to_dtype(batch.inputs.dtype())?;
    Ok((partner(&batch.inputs)?, Targets::Probabilities(partner(&targets)?)))
}

/// The share of a batch's own samples, from Beta(alpha, alpha). It depends on the seed and the place in the run only.
pub(super) fn share(alpha: f64, seed: u64, epoch: usize, batch: usize) -> Result<f64> {
    let beta = Beta::new(alpha, alpha)
        .map_err(|error| Error::Config(format!("mixup with alpha {alpha} has no distribution: {error}")))?;
    let stream = Stream::keyed(seed, &format!("mixup of batch {batch} in epoch {epoch}"));
    Ok(beta.sample(&mut Words(stream)))
}

/// `(N)` classes as `(N, classes)` of zeros and ones, f32.
fn one_hot(labels: &Tensor, classes: usize) -> Result<Tensor> {
    let labels: Vec<u32> = labels.to_dtype(DType::U32)?.to_vec1()?;
    let mut values = vec![0f32; labels.len() * classes];
    for (sample, &label) in labels.iter().enumerate() {
        let Some(place) = values[sample * classes..][..classes].get_mut(label as usize) else {
            let what = format!("the label of sample {sample} is {label}, but there are {classes} classes");
            return Err(Error::Config(what));
        };
        *place = 1.0;
    }
    Ok(Tensor::from_vec(values, (labels.len(), classes), &candle_core::Device::Cpu)?)
}

/// A stream as the source of a distribution.
struct Words(Stream);

impl rand_core::RngCore for Words {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        u64::from(self.0.next_u32()) | u64::from(self.0.next_u32()) << 32
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(4) {
            part.copy_from_slice(&self.0.next_u32().to_le_bytes()[..part.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn samples_and_targets_are_mixed_alike() {
        let inputs = Tensor::new(&[[0f32, 10.], [100., 200.], [1000., 2000.]], &Device::Cpu).unwrap();
        let labels = Tensor::new(&[2u32, 0, 1], &Device::Cpu).unwrap();
        let (inputs, targets) = mixed(&Batch { inputs, labels }, 3, 0.75).unwrap();
        // torchvision.transforms.v2.MixUp: x.roll(1, 0) * (1 - lam) + x * lam.
        assert_eq!(inputs.to_vec2::<f32>().unwrap(), [[250., 507.5], [75., 152.5], [775., 1550.]]);
        let Targets::Probabilities(targets) = targets else { panic!("no probabilities") };
        let expected = [[0., 0.25, 0.75], [0.75, 0., 0.25], [0.25, 0.75, 0.]];
        assert_eq!(targets.to_vec2::<f32>().unwrap(), expected);
    }

    #[test]
    fn shares_are_of_the_beta_distribution_and_belong_to_their_place() {
        for alpha in [0.2, 1.0, 4.0] {
            let shares: Vec<f64> = (0..4000).map(|batch| share(alpha, 1, 0, batch).unwrap()).collect();
            let mean = shares.iter().sum::<f64>() / 4000.0;
            let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 4000.0;
            // Of Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 5.0 * (expected / 4000.0).sqrt(), "{alpha}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.1, "{alpha}: {variance}, not {expected}");
        }
        assert_eq!(share(0.2, 1, 2, 3).unwrap(), share(0.2, 1, 2, 3).unwrap());
        assert_ne!(share(0.2, 1, 2, 3).unwrap(), share(0.2, 1, 3, 2).unwrap());
    }

    #[test]
    fn a_class_that_is_not_there_is_refused() {
        let inputs = Tensor::new(&[[0f32], [1.]], &Device::Cpu).unwrap();
        let labels = Tensor::new(&[0u32, 3], &Device::Cpu).unwrap();
        let error = mixed(&Batch { inputs, labels }, 3, 0.5).unwrap_err().to_string();
        assert_eq!(error, "the label of sample 1 is 3, but there are 3 classes");
    }
}
