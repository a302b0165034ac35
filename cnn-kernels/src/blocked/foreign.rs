//! Code from elsewhere as a step.

use std::fmt;

use super::places::Limits;
use super::program::{Step, StepError, sealed::Run};
use super::team::Member;
use super::{Memory, Needs};

/// What it calls: inputs and output, whole batches in row-major order. It says what went wrong.
type Function = Box<dyn Fn(&[&[f32]], &mut [f32]) -> Result<(), String> + Send + Sync>;

/// A function on plain values that stand in the arena, samples without a gap.
pub struct Foreign {
    name: String,
    function: Function,
    /// Offset and length of each.
    inputs: Vec<[usize; 2]>,
    output: [usize; 2],
}

impl Foreign {
    /// A step that calls the function, on one thread.
    ///
    /// # Panics
    /// Where the output overlaps with an input.
    #[must_use]
    pub fn new(
        name: &str,
        inputs: Vec<[usize; 2]>,
        output: [usize; 2],
        function: impl Fn(&[&[f32]], &mut [f32]) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        for [offset, len] in &inputs {
            let end = |[offset, len]: [usize; 2]| offset.saturating_add(len);
            let apart = end([*offset, *len]) <= output[0] || end(output) <= *offset;
            assert!(apart, "the output of `{name}` overlaps with an input");
        }
        Self { name: name.to_owned(), function: Box::new(function), inputs, output }
    }
}

impl Step for Foreign {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "eager".to_owned()
    }
}

impl Run for Foreign {
    fn check(&self, limits: &Limits<'_>) {
        for &[offset, len] in self.inputs.iter().chain([&self.output]) {
            limits.whole(offset, len);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        member.each(1, |_| {
            // SAFETY: the places were checked, and do not overlap with the output; nobody else is in this phase.
            unsafe {
                let inputs: Vec<&[f32]> = self
                    .inputs
                    .iter()
                    .map(|&[offset, len]| std::slice::from_raw_parts(memory.arena.add(offset), len))
                    .collect();
                let [offset, len] = self.output;
                let output = std::slice::from_raw_parts_mut(memory.arena.add(offset), len);
                if let Err(message) = (self.function)(&inputs, output) {
                    // What follows computes with zeros, and nobody will see it.
                    output.fill(0.0);
                    memory.fail(StepError { step: self.name.clone(), message });
                }
            }
        });
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign")
            .field("name", &self.name)
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}
