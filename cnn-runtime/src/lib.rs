//! The runtime of `network!`: layers on candle tensors, parameters, weights and training passes.

pub mod random;
