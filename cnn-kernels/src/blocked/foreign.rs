//! Code from elsewhere as a step.

use std::fmt;

use super::places::Limits;
use super::program::{Step, StepError, sealed::Run};
use super::team::Member;
use super::{Memory, Needs};

/// What it calls: whole inputs in row-major order, the number of a part of the output, and that part. It says what went
/// wrong.
type Function = Box<dyn Fn(&[&[f32]], usize, &mut [f32]) -> Result<(), String> + Send + Sync>;

/// Inputs that are handed on without an allocation.
const FEW: usize = 4;

/// A function on plain values that stand in the arena, samples without a gap.
pub struct Foreign {
    name: String,
    algorithm: &'static str,
    function: Function,
    /// Offset and length of each.
    inputs: Vec<[usize; 2]>,
    output: [usize; 2],
    /// Values of a part of the output.
    part: usize,
}

impl Foreign {
    /// A step that calls the function, on the thread that runs the program; the function may use rayon.
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
        let function: Function = Box::new(move |inputs, _, output| function(inputs, output));
        let part = output[1].max(1);
        Self { name: name.to_owned(), algorithm: "eager", function, inputs, output, part }.checked()
    }

    /// A step that calls the function for each part of the output of so many values, with its number, on all threads.
    /// Where there are several parts, it must not use rayon: see [`Step::waits`].
    ///
    /// # Panics
    /// Where the output overlaps with an input, or is not so many parts.
    #[must_use]
    pub fn by_parts(
        name: &str,
        inputs: Vec<[usize; 2]>,
        output: [usize; 2],
        part: usize,
        function: impl Fn(&[&[f32]], usize, &mut [f32]) + Send + Sync + 'static,
    ) -> Self {
        assert!(part > 0 && output[1].is_multiple_of(part), "parts of {part} of {} values", output[1]);
        let function: Function = Box::new(move |inputs, index, output| {
            function(inputs, index, output);
            Ok(())
        });
        Self { name: name.to_owned(), algorithm: "part by part", function, inputs, output, part }.checked()
    }

    fn checked(self) -> Self {
        let end = |[offset, len]: [usize; 2]| offset.saturating_add(len);
        for &input in &self.inputs {
            let apart = end(input) <= self.output[0] || end(self.output) <= input[0];
            assert!(apart, "the output of `{}` overlaps with an input", self.name);
        }
        self
    }
}

impl Step for Foreign {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    /// What is given the whole output may share it out itself.
    fn waits(&self) -> bool {
        self.part >= self.output[1]
    }

    fn algorithm(&self) -> String {
        self.algorithm.to_owned()
    }
}

impl Run for Foreign {
    fn check(&self, limits: &Limits<'_>) {
        for &[offset, len] in self.inputs.iter().chain([&self.output]) {
            limits.whole(offset, len);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let [offset, len] = self.output;
        member.each(len.div_ceil(self.part), |part| {
            // SAFETY: the places were checked, and do not overlap with the output; items have different parts of it.
            unsafe {
                let input = |[offset, len]: [usize; 2]| {
                    std::slice::from_raw_parts(memory.arena.add(offset).cast_const(), len)
                };
                let (mut few, many): ([&[f32]; FEW], Vec<&[f32]>);
                let inputs = if self.inputs.len() <= FEW {
                    few = [&[]; FEW];
                    few.iter_mut().zip(&self.inputs).for_each(|(slice, &place)| *slice = input(place));
                    &few[..self.inputs.len()]
                } else {
                    many = self.inputs.iter().map(|&place| input(place)).collect();
                    many.as_slice()
                };
                let output =
                    std::slice::from_raw_parts_mut(memory.arena.add(offset + part * self.part), self.part);
                if let Err(message) = (self.function)(inputs, part, output) {
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
