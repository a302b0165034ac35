//! A moving average of the weights.

use candle_core::{DType, Tensor, Var};
use cnn_kernels::optim::lerp;

use crate::error::Result;
use crate::optim::{in_place, with_values};

/// The exponential moving average of variables.
#[derive(Debug)]
pub(crate) struct Ema {
    decay: f64,
    /// Name, what is averaged, its average.
    pub(crate) averages: Vec<(String, Var, Var)>,
    /// Updates so far.
    pub(crate) updates: usize,
}

impl Ema {
    pub(crate) fn new<'a>(decay: f64, vars: impl Iterator<Item = (&'a str, &'a Var)>) -> Result<Self> {
        let averages = vars
            .map(|(name, var)| {
                Ok((name.to_owned(), var.clone(), Var::from_tensor(&var.as_tensor().copy()?)?))
            })
            .collect::<Result<_>>()?;
        Ok(Self { decay, averages, updates: 0 })
    }

    /// Takes in the weights after a step: the first are the average.
    pub(crate) fn update(&mut self) -> Result<()> {
        let share = if self.updates == 0 { 1.0 } else { 1.0 - self.decay };
        for (name, var, average) in &self.averages {
            if share == 1.0 {
                average.set(&var.as_tensor().copy()?)?;
                continue;
            }
            match var.dtype() {
                _ if !var.device().is_cpu() => {
                    let (old, new) = (average.as_detached_tensor(), var.as_detached_tensor());
                    average.set(&(&old + ((new - &old)? * share)?)?)?;
                }
                DType::F64 => with_values::<f64, _>(var, name, |values| {
                    in_place(average, |average: &mut [f64]| lerp(average, values, share))
                })??,
                _ => with_values::<f32, _>(var, name, |values| {
                    in_place(average, |average: &mut [f32]| lerp(average, values, share))
                })??,
            }
        }
        self.updates += 1;
        Ok(())
    }

    /// Runs `body` while the variables have the averages' values.
    pub(crate) fn with_averages<R>(&self, body: impl FnOnce() -> Result<R>) -> Result<R> {
        let kept: Vec<Tensor> = self
            .averages
            .iter()
            .map(|(_, var, _)| var.as_tensor().copy())
            .collect::<candle_core::Result<_>>()?;
        let result = self.take().and_then(|()| body());
        // Put back whatever happened.
        for ((_, var, _), kept) in self.averages.iter().zip(&kept) {
            var.set(kept)?;
        }
        result
    }

    /// Gives the variables the averages' values.
    pub(crate) fn take(&self) -> Result<()> {
        for (_, var, average) in &self.averages {
            var.set(&average.as_tensor().copy()?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn it_is_torchs_average() {
        // torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(0.9), updated after 1, 2 and -3.
        for dtype in [DType::F32, DType::F64] {
            let value = |value: f64| Tensor::new(&[value], &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let var = Var::from_tensor(&value(7.0)).unwrap();
            let mut ema = Ema::new(0.9, [("w", &var)].into_iter()).unwrap();
            for next in [1.0, 2.0, -3.0] {
                var.set(&value(next)).unwrap();
                ema.update().unwrap();
            }
            let read = |var: &Var| var.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap()[0];
            assert!((read(&ema.averages[0].2) - 0.69).abs() < 1e-6);
            let during = ema.with_averages(|| Ok(read(&var))).unwrap();
            assert!((during - 0.69).abs() < 1e-6);
            assert_eq!(read(&var), -3.0);
        }
    }
}
