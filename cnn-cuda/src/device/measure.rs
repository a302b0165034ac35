//! Which of several ways is the fastest on this device.
use std::sync::PoisonError;

use cnn_kernels::conv::Conv;
use cudarc::driver::sys::CUevent_flags;

use super::error::{Doing, Result};
use super::gpu::Gpu;
use crate::source::Scalar;

/// What is measured: a kind of layer, its sizes, and values of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) kind: &'static str,
    pub(crate) conv: Conv,
    pub(crate) scalar: Scalar,
    pub(crate) pitch: usize,
    /// Whether products may be made on tensor cores.
    pub(crate) tensor_cores: bool,
}

impl Gpu {
    /// The number of the way that takes the least time; `run` does one of them. What was measured once is remembered as long as
    /// the process lives.
    pub(crate) fn fastest(
        &self,
        question: Question,
        ways: usize,
        mut run: impl FnMut(usize) -> Result<()>,
    ) -> Result<usize> {
        /// Runs of a turn, and turns.
        const RUNS: usize = 3;
        const TURNS: usize = 3;
        if ways <= 1 {
            return Ok(0);
        }
        let answers = || self.kernels.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&way) = answers().get(&question) {
            return Ok(way);
        }
        let moment =
            || self.stream.record_event(Some(CUevent_flags::CU_EVENT_DEFAULT)).doing("noting a moment");
        let mut least = vec![f32::INFINITY; ways];
        // Kernels are compiled and loaded before the first turn.
        (0..ways).try_for_each(&mut run)?;
        for _ in 0..TURNS {
            for (way, least) in least.iter_mut().enumerate() {
                let start = moment()?;
                (0..RUNS).try_for_each(|_| run(way))?;
                let end = moment()?;
                *least = least.min(start.elapsed_ms(&end).doing("measuring")?);
            }
        }
        let fastest = (0..ways).min_by(|&a, &b| least[a].total_cmp(&least[b])).unwrap_or(0);
        answers().insert(question, fastest);
        Ok(fastest)
    }
}
