//! A series of kernels over one arena.

use std::fmt::{self, Debug};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::places::Limits;
use super::team::{Board, Member};
use super::{Buffer, Memory, Needs};
use crate::simd::Isa;

/// A prepared kernel with its places: what a [`Program`] is made of. It cannot be implemented elsewhere.
pub trait Step: Debug + Send + Sync + sealed::Run {
    /// Memory that it needs while it runs.
    fn needs(&self) -> Needs;

    /// Bytes of the weights that it holds.
    fn weight_bytes(&self) -> usize {
        0
    }

    /// Whether it may wait for the pool itself. Such a step runs between teams: a member that waits within an item might
    /// be given work that waits for that very item.
    fn waits(&self) -> bool {
        false
    }

    /// How it computes, in a word or two: `winograd 4x4`.
    fn algorithm(&self) -> String;
}

pub(crate) mod sealed {
    use super::{Limits, Member, Memory};

    /// What only a program calls.
    pub trait Run {
        /// Whether all places are within the limits.
        #[doc(hidden)]
        fn check(&self, limits: &Limits<'_>);

        /// # Safety
        /// The places were checked against this memory, and the scratch is what the step needs.
        #[doc(hidden)]
        unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>);
    }
}

/// Steps in order. It is shared by all that run it; each has a [`Workspace`].
pub struct Program {
    steps: Vec<Box<dyn Step>>,
    /// Samples of a turn.
    batch: usize,
    turns: usize,
    /// Of all turns together.
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    arena: usize,
    scratch: Needs,
    threads: usize,
}

/// Memory for one run at a time.
pub struct Workspace {
    memory: Buffer,
    /// How much of it is the arena.
    arena: usize,
    board: Board,
    pointers: Vec<*mut f32>,
    error: Mutex<Option<StepError>>,
}

/// A step of [`Foreign`](super::Foreign) code failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    /// Its name.
    pub step: String,
    /// What it said.
    pub message: String,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.message)
    }
}

impl std::error::Error for StepError {}

// SAFETY: the pointers are only used within a run, which has the workspace to itself.
unsafe impl Send for Workspace {}

impl Program {
    /// The steps, over an arena of so many values, with inputs and outputs of these lengths (of the whole batch).
    ///
    /// # Panics
    /// Where a step's places lie outside of the arena, of an input or of an output, or what a step writes lies over what it
    /// reads, and for a batch of 0.
    #[must_use]
    pub fn new(
        steps: Vec<Box<dyn Step>>,
        batch: usize,
        inputs: Vec<usize>,
        outputs: Vec<usize>,
        arena: usize,
        threads: usize,
    ) -> Self {
        assert!(batch > 0, "a batch of nothing");
        let arena = arena.next_multiple_of(16);
        let limits = Limits { arena, inputs: &inputs, outputs: &outputs, batch };
        let mut scratch = Needs::default();
        for step in &steps {
            step.check(&limits);
            let needs = step.needs();
            scratch.shared = scratch.shared.max(needs.shared.next_multiple_of(16));
            // Lines of two members never meet, and not on the same line of the cache.
            scratch.private = scratch.private.max(needs.private.next_multiple_of(16) + 48);
            scratch.phases += needs.phases;
        }
        let threads = threads.max(1);
        Self { steps, batch, turns: 1, inputs, outputs, arena, scratch, threads }
    }

    /// The same program for so many batches, one after another: a run takes and gives all of them.
    ///
    /// # Panics
    /// Where their values are more than an address space has, or for none.
    #[must_use]
    pub fn in_turns(self, turns: usize) -> Self {
        assert!(turns > 0, "no turns");
        let all = |lengths: Vec<usize>| -> Vec<usize> {
            let all =
                lengths.into_iter().map(|len| len.checked_mul(turns).expect("values that can be there"));
            all.collect()
        };
        Self { turns: self.turns * turns, inputs: all(self.inputs), outputs: all(self.outputs), ..self }
    }

    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[Box<dyn Step>] {
        &self.steps
    }

    /// Bytes of a workspace: the activations, and scratch.
    #[must_use]
    pub const fn workspace_bytes(&self) -> [usize; 2] {
        [4 * self.arena, 4 * (self.scratch.shared + self.threads * self.scratch.private)]
    }

    /// The most threads of a run.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// Memory for a run.
    #[must_use]
    pub fn workspace(&self) -> Workspace {
        let [arena, scratch] = self.workspace_bytes();
        let mut memory = Buffer::zeros((arena + scratch) / 4);
        // Pages are touched here, not in the first run.
        memory.fill(0.0);
        let board = Board::new(self.scratch.phases);
        let pointers = Vec::with_capacity(self.outputs.len());
        Workspace { memory, arena: self.arena, board, pointers, error: Mutex::new(None) }
    }

    /// Runs all steps, on this thread and on rayon's current pool.
    ///
    /// # Errors
    /// What a step of foreign code said. The outputs then mean nothing.
    ///
    /// # Panics
    /// Where the inputs and outputs are not as many, or not as long, as the program says, and where the workspace is
    /// another program's.
    pub fn run(
        &self,
        workspace: &mut Workspace,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
    ) -> Result<(), StepError> {
        self.run_observed(workspace, inputs, outputs, &|_| {})
    }

    /// As [`run`](Self::run), and calls `after` with the number of each step that is done, on one of the threads and
    /// in every turn.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_observed(
        &self,
        workspace: &mut Workspace,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<(), StepError> {
        self.run_some(workspace, 0..self.steps.len(), inputs, outputs, after)
    }

    /// Runs some of the steps, on what earlier ones left in the workspace.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// As [`run`](Self::run), and where there are no such steps.
    pub fn run_some(
        &self,
        workspace: &mut Workspace,
        steps: Range<usize>,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
        after: &(dyn Fn(usize) + Sync),
    ) -> Result<(), StepError> {
        assert!(
            inputs.iter().map(|input| input.len()).eq(self.inputs.iter().copied()),
            "inputs of other lengths than {:?}",
            self.inputs
        );
        assert!(
            outputs.iter().map(|output| output.len()).eq(self.outputs.iter().copied()),
            "outputs of other lengths than {:?}",
            self.outputs
        );
        let [arena, scratch] = self.workspace_bytes();
        assert_eq!(workspace.memory.len(), (arena + scratch) / 4, "the workspace of another program");
        let base = workspace.memory.pointer_mut();
        workspace.pointers.clear();
        workspace.pointers.extend(outputs.iter_mut().map(|output| output.as_mut_ptr()));
        let shared = base.wrapping_add(self.arena);
        let memory = |turn: usize| Memory {
            first: turn * self.batch,
            arena: base,
            shared,
            private: shared.wrapping_add(self.scratch.shared),
            private_stride: self.scratch.private,
            inputs,
            outputs: &workspace.pointers,
            error: &workspace.error,
        };
        for turn in 0..self.turns {
            let memory = memory(turn);
            let mut first = steps.start;
            while let Some(step) = self.steps[..steps.end].get(first) {
                let (count, threads) = if step.waits() {
                    (1, 1)
                } else {
                    let together = self.steps[first..steps.end].iter().take_while(|step| !step.waits());
                    (together.count(), self.threads)
                };
                workspace.board.run(threads, |member| {
                    // All of it is captured, not its pointers one by one, which could not be sent.
                    let memory = &memory;
                    for (index, step) in self.steps.iter().enumerate().skip(first).take(count) {
                        // SAFETY: places were checked when the program was made, lengths above.
                        unsafe { step.run(member, *memory) }
                        if member.leads() {
                            after(index);
                        }
                    }
                });
                first += count;
            }
        }
        match workspace.error.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("steps", &self.steps.len())
            .field("arena", &self.arena)
            .finish_non_exhaustive()
    }
}

impl Workspace {
    /// The arena between runs.
    pub fn arena(&mut self) -> &mut [f32] {
        let len = self.arena;
        &mut self.memory[..len]
    }
}

impl Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("values", &self.memory.len()).finish_non_exhaustive()
    }
}

/// That this processor has an instruction set: what every step's constructor makes sure of.
///
/// # Panics
/// Where it has not.
pub(crate) fn require(isa: Isa) {
    assert!(isa.is_available(), "this processor has no {isa}");
}
