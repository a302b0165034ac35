//! A variable and what an optimizer keeps of it.

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Storage, Tensor, Var, bail};
use cnn_kernels::Float;
use cnn_kernels::optim::{self, Incoming};

use super::config::{Adam, AdamW, Config, RmsProp, Sgd};

/// Values of either type that networks are trained in.
#[derive(Clone, Debug)]
pub(crate) enum Buffer {
    F32(Vec<f32>),
    F64(Vec<f64>),
    /// Values beside a variable that is not on the CPU.
    #[cfg(feature = "cuda")]
    Device(Var),
}

/// A number type of networks, and its place in candle's storage.
pub(crate) trait Element: Float {
    fn of_storage(storage: &CpuStorage) -> Option<&[Self]>;
    fn of_storage_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
    fn of_buffer(buffer: &mut Buffer) -> Option<&mut [Self]>;
}

macro_rules! element {
    ($type:ty, $variant:ident) => {
        impl Element for $type {
            fn of_storage(storage: &CpuStorage) -> Option<&[Self]> {
                if let CpuStorage::$variant(values) = storage { Some(values) } else { None }
            }

            fn of_storage_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                if let CpuStorage::$variant(values) = storage { Some(values) } else { None }
            }

            fn of_buffer(buffer: &mut Buffer) -> Option<&mut [Self]> {
                match buffer {
                    Buffer::$variant(values) => Some(values),
                    _ => None,
                }
            }
        }
    };
}

element!(f32, F32);
element!(f64, F64);

/// A variable with its part of an optimizer's state.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its name, for messages and checkpoints.
    pub(super) name: String,
    pub(super) var: Var,
    /// Steps that it has made: those without a gradient do not count, as in PyTorch.
    pub(super) steps: u64,
    /// In the order of [`Config::buffers`].
    pub(super) buffers: Vec<Buffer>,
}

impl Slot {
    pub(super) fn new(name: String, var: Var, buffers: usize) -> candle_core::Result<Self> {
        let on_cpu = var.device().is_cpu();
        let is_trained = on_cpu || cfg!(feature = "cuda") && var.device().is_cuda();
        if !is_trained {
            bail!(
                "optimizer: `{name}` is on {:?}, but networks are trained on the CPU, and with the feature `cuda` on CUDA \
                 devices",
                var.device().location()
            );
        }
        if !var.is_contiguous() {
            bail!("optimizer: `{name}` is not contiguous");
        }
        let count = var.elem_count();
        let buffers = match var.dtype() {
            #[cfg(feature = "cuda")]
            DType::F32 | DType::F64 if !on_cpu => (0..buffers)
                .map(|_| Ok(Buffer::Device(Var::zeros(var.shape(), var.dtype(), var.device())?)))
                .collect::<candle_core::Result<_>>()?,
            DType::F32 => vec![Buffer::F32(vec![0.0; count]); buffers],
            DType::F64 => vec![Buffer::F64(vec![0.0; count]); buffers],
            other => bail!("optimizer: `{name}` is of {}, but only f32 and f64 are trained", other.as_str()),
        };
        Ok(Self { name, var, steps: 0, buffers })
    }

    /// Makes a step with the gradient, which has the variable's values in its order.
    pub(super) fn step<T: Element>(
        &mut self,
        config: &Config,
        incoming: Incoming,
        gradient: &[T],
    ) -> candle_core::Result<()> {
        if gradient.len() != self.var.elem_count() {
            bail!(
                "optimizer: `{}` has {} values {:?}, but its gradient {}",
                self.name,
                self.var.elem_count(),
                self.var.dims(),
                gradient.len()
            );
        }
        self.steps += 1;
        let step = self.steps;
        let mut state = Vec::with_capacity(self.buffers.len());
        for buffer in &mut self.buffers {
            match T::of_buffer(buffer) {
                Some(values) => state.push(values),
                None => bail!("optimizer: the gradient of `{}` is not of its element type", self.name),
            }
        }
        let decays = !config.spares_norms() || self.var.rank() != 1;
        let config = *config;
        in_place(&self.var, |weights: &mut [T]| {
            update(&config, decays, step, incoming, weights, gradient, state)
        })
    }

    /// Calls `body` with a gradient tensor's values, in order.
    pub(super) fn with_gradient<T: Element, R>(
        &self,
        gradient: &Tensor,
        body: impl FnOnce(&[T]) -> R,
    ) -> candle_core::Result<R> {
        if gradient.dims() != self.var.dims() {
            bail!(
                "optimizer: `{}` has shape {:?}, but its gradient {:?}",
                self.name,
                self.var.dims(),
                gradient.dims()
            );
        }
        with_values(gradient, &self.name, body)
    }
}

/// Calls `body` with the values of a tensor on the CPU, in order.
pub(crate) fn with_values<T: Element, R>(
    tensor: &Tensor,
    name: &str,
    body: impl FnOnce(&[T]) -> R,
) -> candle_core::Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("`{name}` is not on the CPU") };
    let Some(values) = T::of_storage(storage) else {
        bail!("`{name}` is of {}, not of its variable's element type", tensor.dtype().as_str())
    };
    let start = layout.start_offset();
    Ok(body(&values[start..start + layout.shape().elem_count()]))
}

/// Calls `body` with the values of a variable, to change.
pub(crate) fn in_place<T: Element>(var: &Var, body: impl FnOnce(&mut [T]) + Send) -> candle_core::Result<()> {
    var.inplace_op1(&InPlace { body: Mutex::new(Some(body)), element: std::marker::PhantomData })
}

/// A function as candle's operation in place.
struct InPlace<T, F> {
    /// Taken when it is called; candle asks for a shared reference.
    body: Mutex<Option<F>>,
    element: std::marker::PhantomData<fn(T)>,
}

impl<T: Element, F: FnOnce(&mut [T])> InplaceOp1 for InPlace<T, F> {
    fn name(&self) -> &'static str {
        "optimizer step"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("optimizer: a variable is not contiguous");
        };
        let Some(values) = T::of_storage_mut(storage) else {
            bail!("optimizer: a variable is not of its gradient's element type");
        };
        if let Some(body) = self.body.lock().unwrap_or_else(PoisonError::into_inner).take() {
            body(&mut values[start..end]);
        }
        Ok(())
    }
}

/// A step on slices; `state` is in the order of [`Config::buffers`].
fn update<T: Float>(
    config: &Config,
    decays: bool,
    step: u64,
    incoming: Incoming,
    weights: &mut [T],
    gradient: &[T],
    state: Vec<&mut [T]>,
) {
    let decay = |weight_decay: f64| if decays { weight_decay } else { 0.0 };
    let mut state = state.into_iter();
    let mut next = || state.next().unwrap_or_default();
    match *config {
        Config::Sgd(Sgd { learning_rate, momentum, nesterov, weight_decay, .. }) => {
            let rule = optim::Sgd { learning_rate, momentum, nesterov, weight_decay: decay(weight_decay) };
            rule.step(incoming, weights, gradient, next());
        }
        Config::Adam(Adam { learning_rate, betas, eps, weight_decay, amsgrad, .. }) => {
            let weight_decay = decay(weight_decay);
            let rule = optim::Adam { learning_rate, betas, eps, weight_decay, decoupled: false, step };
            let moments = [next(), next()];
            rule.step(incoming, weights, gradient, moments, amsgrad.then(next));
        }
        Config::AdamW(AdamW { learning_rate, betas, eps, weight_decay, amsgrad, .. }) => {
            let weight_decay = decay(weight_decay);
            let rule = optim::Adam { learning_rate, betas, eps, weight_decay, decoupled: true, step };
            let moments = [next(), next()];
            rule.step(incoming, weights, gradient, moments, amsgrad.then(next));
        }
        Config::RmsProp(RmsProp { learning_rate, alpha, eps, weight_decay, momentum, centered, .. }) => {
            let weight_decay = decay(weight_decay);
            let rule = optim::RmsProp { learning_rate, alpha, eps, weight_decay, momentum };
            let squares = next();
            let buffer = (momentum > 0.0).then(&mut next);
            rule.step(incoming, weights, gradient, squares, buffer, centered.then(next));
        }
    }
}
