//! A small network and small data for the tests of the trainer.
#![allow(dead_code, reason = "each test file uses a part")]

use candle_core::{DType, Device, Tensor};
use cnn_runtime::prelude::*;
use cnn_runtime::random::Stream;
use cnn_train::{Batch, Batches};

network! {
    /// Convolutions, a batch norm and dropout: everything that has a state.
    pub(crate) Small: 1x8x8 -> 3 {
        conv1: conv3-4 bn relu -> pool2 -> dropout(0.3) -> fc: fc3
    }
}

pub(crate) fn small(seed: u64) -> Small {
    Small::init(Init::seed(seed), &Device::Cpu).unwrap()
}

/// Pictures of three kinds (bright left, bright right, bright below) with noise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pictures {
    pub(crate) samples: usize,
    pub(crate) batch_size: usize,
    pub(crate) seed: u64,
}

pub(crate) const TRAIN: Pictures = Pictures { samples: 50, batch_size: 8, seed: 1 };
pub(crate) const VALID: Pictures = Pictures { samples: 30, batch_size: 7, seed: 2 };

impl Pictures {
    fn batch(&self, epoch: usize, batch: usize) -> cnn_train::Result<Batch> {
        let range = batch * self.batch_size..self.samples.min((batch + 1) * self.batch_size);
        let mut values = Vec::new();
        let mut labels = Vec::new();
        for sample in range.clone() {
            // Another order in each epoch.
            let sample = (sample * 7 + epoch * 3) % self.samples;
            let label = sample % 3;
            let mut noise = Stream::keyed(self.seed, &format!("picture {sample}"));
            for pixel in 0..64 {
                let bright = match label {
                    0 => pixel % 8 < 4,
                    1 => pixel % 8 >= 4,
                    _ => pixel >= 32,
                };
                values.push(noise.normal(f64::from(u8::from(bright)), 0.5) as f32);
            }
            labels.push(label as u32);
        }
        let count = labels.len();
        let inputs = Tensor::from_vec(values, (count, 1, 8, 8), &Device::Cpu)?;
        Ok(Batch { inputs, labels: Tensor::from_vec(labels, count, &Device::Cpu)? })
    }
}

impl Batches for Pictures {
    fn len(&self) -> usize {
        self.samples.div_ceil(self.batch_size)
    }

    fn samples(&self) -> usize {
        self.samples
    }

    fn epoch(
        &self,
        epoch: usize,
        first: usize,
    ) -> cnn_train::Result<Box<dyn Iterator<Item = cnn_train::Result<Batch>> + '_>> {
        Ok(Box::new((first..self.len()).map(move |batch| self.batch(epoch, batch))))
    }
}

/// The bits of every tensor of a network, by name.
pub(crate) fn bits(state: &cnn_runtime::State) -> Vec<(String, Vec<u32>)> {
    let bits = |tensor: &Tensor| {
        assert_eq!(tensor.dtype(), DType::F32);
        tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
    };
    state.named().map(|(name, var, _)| (name.to_owned(), bits(var))).collect()
}
