//! What kernels read and write.

use std::sync::{Mutex, PoisonError};

use super::{Plain, StepError};

/// What a kernel may use: pointers into the arena, to its scratch, and to what comes in and goes out.
///
/// Members share it; the kernels see to it that no two write the same values in one phase.
#[derive(Clone, Copy)]
pub struct Memory<'r> {
    /// The arena.
    pub(crate) arena: *mut f32,
    /// Scratch of all members.
    pub(crate) shared: *mut f32,
    /// Scratch of the first member; the others' follow.
    pub(crate) private: *mut f32,
    /// Distance between the members' scratch.
    pub(crate) private_stride: usize,
    /// The sample of inputs and outputs that is the first of this turn.
    pub(crate) first: usize,
    /// The inputs of the run.
    pub(crate) inputs: &'r [&'r [f32]],
    /// The outputs of the run: their first values.
    pub(crate) outputs: &'r [*mut f32],
    /// The first error of the run.
    pub(crate) error: &'r Mutex<Option<StepError>>,
}

// SAFETY: it is addresses; what is done with them is the kernels' affair.
unsafe impl Send for Memory<'_> {}
// SAFETY: as above.
unsafe impl Sync for Memory<'_> {}

impl Memory<'_> {
    /// Notes an error, unless there is one.
    pub(crate) fn fail(&self, error: StepError) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// The first value of a sample.
    pub(crate) fn plain(&self, plain: Plain, n: usize, len: usize) -> *const f32 {
        match plain {
            Plain::Arena { offset, stride } => self.arena.wrapping_add(offset + n * stride).cast_const(),
            Plain::Input(index) => self.inputs[index].as_ptr().wrapping_add((self.first + n) * len),
            Plain::Output(index) => self.outputs[index].wrapping_add((self.first + n) * len).cast_const(),
        }
    }

    /// The first value of a sample, to be written.
    pub(crate) fn plain_mut(&self, plain: Plain, n: usize, len: usize) -> *mut f32 {
        match plain {
            Plain::Arena { offset, stride } => self.arena.wrapping_add(offset + n * stride),
            Plain::Input(_) => unreachable!("inputs are not written"),
            Plain::Output(index) => self.outputs[index].wrapping_add((self.first + n) * len),
        }
    }
}
