//! Where a kernel's packed parameters are.

use super::places::Limits;
use super::{Activation, Buffer, Map, Memory};

/// Values that a kernel reads.
#[derive(Debug)]
pub(crate) enum Kept {
    /// Its own, packed when it was prepared.
    Own(Buffer),
    /// In the arena from this place on, where a step of the same run packs them.
    Late(usize),
}

impl Kept {
    /// The first of them, in a run.
    #[inline(always)]
    pub(crate) fn pointer(&self, memory: &Memory<'_>) -> *const f32 {
        match self {
            Self::Own(values) => values.pointer(),
            Self::Late(offset) => memory.arena.wrapping_add(*offset).cast_const(),
        }
    }

    /// Its own.
    pub(crate) fn own(&self) -> Option<&Buffer> {
        match self {
            Self::Own(values) => Some(values),
            Self::Late(_) => None,
        }
    }

    /// Values in the arena are within it, and not where something is written.
    pub(crate) fn check(&self, len: usize, limits: &Limits<'_>, written: &Map) {
        if let Self::Late(offset) = *self {
            limits.whole_apart(offset, len, written.into());
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.own().map_or(0, |values| size_of_val::<[f32]>(values))
    }
}

/// The first of the values, null where there are none.
#[inline(always)]
pub(crate) fn pointer_or_null(kept: Option<&Kept>, memory: &Memory<'_>) -> *const f32 {
    kept.map_or(std::ptr::null(), |kept| kept.pointer(memory))
}

/// A layer whose parameters are packed in each run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Late {
    /// The place of the weights in the arena.
    pub weights: usize,
    /// The place of the bias, of whole blocks.
    pub bias: Option<usize>,
    /// What becomes of the sums, the bias and the residual.
    pub activation: Option<Activation>,
}
