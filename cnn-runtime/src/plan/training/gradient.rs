//! Gradients, where they are.

use candle_core::{Tensor, Var};

use crate::error::Result;

/// The gradient of a variable: a [`TrainingPlan`](super::TrainingPlan)'s own memory on the CPU, a tensor on a CUDA device.
#[derive(Clone, Copy, Debug)]
pub struct Gradient<'p> {
    var: &'p Var,
    values: Values<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Values<'p> {
    Slice(&'p [f32]),
    #[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "plans on CUDA devices give them"))]
    Tensor(Option<&'p Tensor>),
}

impl<'p> Gradient<'p> {
    pub(super) const fn of_slice(var: &'p Var, values: &'p [f32]) -> Self {
        Self { var, values: Values::Slice(values) }
    }

    /// A tensor, if there was a way back.
    #[cfg(feature = "cuda")]
    pub(super) const fn of_tensor(var: &'p Var, values: Option<&'p Tensor>) -> Self {
        Self { var, values: Values::Tensor(values) }
    }

    /// The values, row-major, where they are on the CPU; none on a CUDA device.
    #[must_use]
    pub const fn as_slice(self) -> Option<&'p [f32]> {
        match self.values {
            Values::Slice(values) => Some(values),
            Values::Tensor(_) => None,
        }
    }

    /// The tensor, on a CUDA device: the next way back leaves it as it is. None on the CPU, and before the first way back.
    #[must_use]
    pub const fn as_tensor(self) -> Option<&'p Tensor> {
        match self.values {
            Values::Slice(_) => None,
            Values::Tensor(values) => values,
        }
    }

    /// A tensor of the variable's shape, on its device: a copy of what is on the CPU. Zeros before the first way back.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn to_tensor(self) -> Result<Tensor> {
        Ok(match self.values {
            Values::Slice(values) => Tensor::from_slice(values, self.var.dims(), self.var.device())?,
            Values::Tensor(Some(values)) => values.clone(),
            Values::Tensor(None) => self.var.as_detached_tensor().zeros_like()?,
        })
    }
}
