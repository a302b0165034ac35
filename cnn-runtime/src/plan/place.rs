//! A prepared plan, on the device of its network.

use std::fmt;

use candle_core::Tensor;
use cnn_kernels::blocked::Target;

use super::fused::Row;
use super::ports::Ports;
use super::{Memory, Record, prepared};
use crate::error::Result;
use crate::weights::Deferred;

/// What runs inputs of one set of sizes.
#[derive(Debug)]
pub(super) enum Prepared {
    Cpu(prepared::Prepared),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::Prepared),
}

impl Prepared {
    pub(super) fn new(
        ports: &Ports,
        record: &Record,
        shapes: Vec<Vec<usize>>,
        deferred: Option<&Deferred>,
    ) -> Result<Self> {
        let (name, options) = (ports.network.as_str(), &ports.options);
        #[cfg(feature = "cuda")]
        if let candle_core::Device::Cuda(device) = &ports.device {
            return super::cuda::Prepared::new(name, device, record, &shapes, options).map(Self::Cuda);
        }
        prepared::Prepared::new(name, record, shapes, options, deferred).map(Self::Cpu)
    }

    pub(super) fn fork(&self) -> Self {
        match self {
            Self::Cpu(prepared) => Self::Cpu(prepared.fork()),
            #[cfg(feature = "cuda")]
            Self::Cuda(prepared) => Self::Cuda(prepared.fork()),
        }
    }

    pub(super) fn takes(&self, inputs: &[&Tensor]) -> bool {
        match self {
            Self::Cpu(prepared) => prepared.takes(inputs),
            #[cfg(feature = "cuda")]
            Self::Cuda(prepared) => prepared.takes(inputs),
        }
    }

    pub(super) fn run(
        &mut self,
        name: &str,
        inputs: &[&Tensor],
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Tensor>> {
        match self {
            Self::Cpu(prepared) => prepared.run(name, inputs, after),
            #[cfg(feature = "cuda")]
            Self::Cuda(prepared) => prepared.run(inputs, after),
        }
    }

    pub(super) fn run_slices(
        &mut self,
        name: &str,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
    ) -> Result<()> {
        match self {
            Self::Cpu(prepared) => prepared.run_slices(name, inputs, outputs),
            #[cfg(feature = "cuda")]
            Self::Cuda(prepared) => {
                let [expected_inputs, expected_outputs] = prepared.lowered().shapes();
                prepared::check(name, "input", &expected_inputs, inputs.iter().map(|input| input.len()))?;
                prepared::check(
                    name,
                    "output",
                    &expected_outputs,
                    outputs.iter().map(|output| output.len()),
                )?;
                prepared.run_slices(inputs, outputs)
            }
        }
    }

    pub(super) fn rows(&self) -> &[Row] {
        match self {
            Self::Cpu(prepared) => &prepared.lowered().rows,
            #[cfg(feature = "cuda")]
            Self::Cuda(prepared) => &prepared.lowered().rows,
        }
    }

    pub(super) fn memory(&self) -> Memory {
        match self {
            Self::Cpu(prepared) => prepared.lowered().memory(),
            #[cfg(feature = "cuda")]
            Self::Cuda(prepared) => prepared.lowered().memory(),
        }
    }

    /// How many steps are computed sample by sample.
    pub(super) fn in_turns(&self) -> usize {
        match self {
            Self::Cpu(prepared) => prepared.lowered().in_turns,
            #[cfg(feature = "cuda")]
            Self::Cuda(_) => 0,
        }
    }

    /// What computes.
    pub(super) fn target(&self) -> impl fmt::Display {
        match self {
            Self::Cpu(prepared) => {
                let Target { isa, threads } = prepared.lowered().target;
                format!("{threads} threads, {isa}")
            }
            #[cfg(feature = "cuda")]
            Self::Cuda(prepared) => prepared.how().to_owned(),
        }
    }
}
