//! What an optimizer remembers from step to step.

use candle_core::Tensor;

/// What an [`Optimizer`](super::Optimizer) remembers from step to step, to be kept in a file and put back.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OptimizerState {
    /// Steps of each variable, in the order of the variables.
    pub steps: Vec<u64>,
    /// Momentum buffers and moments: `conv1.weight.exp_avg`, with the variable's shape and type.
    pub tensors: Vec<(String, Tensor)>,
}
