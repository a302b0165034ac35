//! What runs a training step, on the device of its network.

use candle_core::{DType, Device, Tensor, Var};

use super::cpu;
use super::fuse::Recorded;
use super::gradient::Gradient;
use crate::error::Result;
use crate::params::State;
use crate::plan::{CompileOptions, Precision};

#[derive(Debug)]
pub(super) enum Engine {
    Cpu(Box<cpu::Training>),
    #[cfg(feature = "cuda")]
    Cuda(Box<crate::plan::cuda::Training>),
}

impl Engine {
    /// Says what speaks against a step of such a network.
    pub(super) fn check(state: &State, options: &CompileOptions) -> Result<(), String> {
        let precision = options.precision;
        if state.dtype() != DType::F32 {
            return Err(format!("its parameters are {:?}, and networks learn in F32", state.dtype()));
        }
        match state.device() {
            Device::Cpu if matches!(precision, Precision::F32 | Precision::Exact) => Ok(()),
            Device::Cpu => Err(format!("on the CPU it learns in F32 or Exact, found {precision:?}")),
            Device::Cuda(_) if precision == Precision::Bf16Linear => {
                Err(format!("on CUDA devices it learns in F32, Tf32 or Bf16, found {precision:?}"))
            }
            Device::Cuda(_) if cfg!(feature = "cuda") => Ok(()),
            other => Err(format!(
                "it is on {:?}, and training is compiled on the CPU and on CUDA devices only",
                other.location()
            )),
        }
    }

    pub(super) fn new(state: &State, options: &CompileOptions, recorded: Recorded<'_>) -> Result<Self> {
        #[cfg(feature = "cuda")]
        if let Device::Cuda(device) = state.device() {
            let training = crate::plan::cuda::Training::new(device, state, options, recorded)?;
            return Ok(Self::Cuda(Box::new(training)));
        }
        Ok(Self::Cpu(Box::new(cpu::Training::new(state, options, recorded)?)))
    }

    /// The way there; running statistics stay.
    pub(super) fn there(
        &mut self,
        name: &str,
        inputs: &[Tensor],
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<Tensor> {
        match self {
            Self::Cpu(training) => training.there(name, inputs, after),
            #[cfg(feature = "cuda")]
            Self::Cuda(training) => training.there(inputs, after),
        }
    }

    /// Moves the running statistics towards those of the last batch.
    pub(super) fn observe(&mut self) -> Result<()> {
        match self {
            Self::Cpu(training) => training.observe(),
            #[cfg(feature = "cuda")]
            Self::Cuda(training) => training.observe(),
        }
    }

    /// The way back, given the gradient of the output; the inputs are those of the way there.
    pub(super) fn back(
        &mut self,
        name: &str,
        inputs: &[Tensor],
        gradient: &Tensor,
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<()> {
        match self {
            Self::Cpu(training) => training.back(name, inputs, gradient, after),
            #[cfg(feature = "cuda")]
            Self::Cuda(training) => training.back(gradient, after),
        }
    }

    pub(super) fn gradients(&self) -> Vec<(&Var, Gradient<'_>)> {
        match self {
            Self::Cpu(training) => {
                training.learned().map(|(var, values)| (var, Gradient::of_slice(var, values))).collect()
            }
            #[cfg(feature = "cuda")]
            Self::Cuda(training) => {
                training.learned().map(|(var, values)| (var, Gradient::of_tensor(var, values))).collect()
            }
        }
    }

    /// The gradients, as tensors that have their memory.
    pub(super) fn take_gradients(&mut self) -> Result<Vec<Tensor>> {
        match self {
            Self::Cpu(training) => training.take_gradients(),
            #[cfg(feature = "cuda")]
            Self::Cuda(_) => self.gradients().into_iter().map(|(_, gradient)| gradient.to_tensor()).collect(),
        }
    }

    /// The gradient of an input, if it has one.
    pub(super) fn input_gradient(&mut self, input: usize) -> Option<Result<Tensor>> {
        match self {
            Self::Cpu(training) => training.input_gradient(input),
            #[cfg(feature = "cuda")]
            Self::Cuda(training) => training.input_gradient(input),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Cpu(training) => training.bytes(),
            #[cfg(feature = "cuda")]
            Self::Cuda(training) => training.bytes(),
        }
    }

    pub(super) fn steps(&self) -> Vec<String> {
        match self {
            Self::Cpu(training) => training.steps(),
            #[cfg(feature = "cuda")]
            Self::Cuda(training) => training.steps().to_vec(),
        }
    }

    /// Waits until what was launched is done.
    pub(super) fn waits(&self) -> Box<dyn Fn() + Sync> {
        match self {
            Self::Cpu(_) => Box::new(|| {}),
            #[cfg(feature = "cuda")]
            Self::Cuda(training) => Box::new(training.waits()),
        }
    }
}
