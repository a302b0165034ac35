//! Optimizer steps on CUDA devices.

use candle_core::{CudaDevice, DType, Result, Storage, Tensor, bail};
use cnn_cuda::optim::{Learned, Rule, Together};
use cnn_cuda::tensor;
use cnn_kernels::optim::{self, Incoming};

use super::config::{Adam, AdamW, Config, RmsProp, Sgd};
use super::slot::{Buffer, Slot};

/// A step of variables on a CUDA device, all at once. `gradients` has one for each slot, or none.
pub(super) fn step(
    device: &CudaDevice,
    slots: &mut [Slot],
    gradients: &[Option<&Tensor>],
    config: &Config,
    mut incoming: Incoming,
    clip_norm: Option<f64>,
) -> Result<Option<f64>> {
    let gpu = tensor::gpu(device)?;
    let wrong = candle_core::Error::wrap;
    let mut taken = Vec::new();
    for (slot, gradient) in slots.iter().zip(gradients) {
        let Some(gradient) = gradient else { continue };
        if gradient.dims() != slot.var.dims() || gradient.dtype() != slot.var.dtype() {
            bail!(
                "optimizer: `{}` is {:?} of {}, but its gradient {:?} of {}",
                slot.name,
                slot.var.dims(),
                slot.var.dtype().as_str(),
                gradient.dims(),
                gradient.dtype().as_str()
            );
        }
        if !gradient.device().same_device(slot.var.device()) {
            bail!("optimizer: `{}` is on another device than its gradient", slot.name);
        }
        taken.push(gradient.contiguous()?);
    }
    let storages: Vec<_> = taken.iter().map(Tensor::storage_and_layout).collect();
    let mut storages = storages.iter();
    // Tensors of one element type are stepped together.
    let mut by_dtype: [Vec<Learned<'_>>; 2] = [Vec::new(), Vec::new()];
    for (slot, gradient) in slots.iter_mut().zip(gradients) {
        if gradient.is_none() {
            continue;
        }
        let Some((storage, layout)) = storages.next() else { continue };
        let Storage::Cuda(storage) = &**storage else {
            bail!("optimizer: `{}` is on another device", slot.name)
        };
        slot.steps += 1;
        let state = slot.buffers.iter().map(|buffer| match buffer {
            Buffer::Device(values) => tensor::write(&gpu, &slot.name, values),
            _ => bail!("optimizer: the state of `{}` is not on its device", slot.name),
        });
        let learned = Learned {
            state: state.collect::<Result<_>>()?,
            weights: tensor::write(&gpu, &slot.name, &slot.var)?,
            gradient: tensor::read(&gpu, &slot.name, storage, layout)?,
            decays: !config.spares_norms() || slot.var.rank() != 1,
            step: slot.steps,
        };
        by_dtype[usize::from(slot.var.dtype() == DType::F64)].push(learned);
    }
    let mut together = Vec::new();
    for learned in by_dtype.into_iter().filter(|learned| !learned.is_empty()) {
        together.push(Together::new(&gpu, learned).map_err(wrong)?);
    }
    let mut norm = None;
    if let Some(max_norm) = clip_norm {
        let squares = together.iter().map(|all| all.squares(&gpu)).sum::<cnn_cuda::Result<f64>>();
        let total = incoming.scale * squares.map_err(wrong)?.sqrt();
        incoming.scale *= (max_norm / (total + 1e-6)).min(1.0);
        norm = Some(total);
    }
    let rule = match *config {
        Config::Sgd(Sgd { learning_rate, momentum, nesterov, weight_decay, .. }) => {
            Rule::Sgd(optim::Sgd { learning_rate, momentum, nesterov, weight_decay })
        }
        Config::Adam(Adam { learning_rate, betas, eps, weight_decay, amsgrad, .. }) => {
            let rule = optim::Adam { learning_rate, betas, eps, weight_decay, decoupled: false, step: 0 };
            Rule::Adam { rule, amsgrad }
        }
        Config::AdamW(AdamW { learning_rate, betas, eps, weight_decay, amsgrad, .. }) => {
            let rule = optim::Adam { learning_rate, betas, eps, weight_decay, decoupled: true, step: 0 };
            Rule::Adam { rule, amsgrad }
        }
        Config::RmsProp(RmsProp { learning_rate, alpha, eps, weight_decay, momentum, centered, .. }) => {
            Rule::RmsProp {
                rule: optim::RmsProp { learning_rate, alpha, eps, weight_decay, momentum },
                centered,
            }
        }
    };
    for all in &mut together {
        all.step(&gpu, rule, incoming).map_err(wrong)?;
    }
    Ok(norm)
}
