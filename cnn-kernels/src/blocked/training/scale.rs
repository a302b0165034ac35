//! A factor for each channel, which is learned (the layer scale of Touvron et al., "Going deeper with image transformers",
//! arXiv 2103.17239): both ways.

use super::Parameter;
use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Map, Memory, Needs, Target, planes};
use crate::simd::{Kernel, LANES, Vector};

/// `y = factor * x`
#[derive(Debug)]
pub struct ChannelScale {
    target: Target,
    batch: usize,
    input: Map,
    factors: Parameter,
    output: Map,
}

impl ChannelScale {
    /// With an input of the run that has a factor for each channel.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, batch: usize, input: Map, factors: Parameter, output: Map) -> Self {
        require(target.isa);
        assert_eq!(input.shape, output.shape, "maps of one shape");
        assert_eq!(factors.1, input.shape[0], "one factor per channel");
        Self { target, batch, input, factors, output }
    }
}

impl Step for ChannelScale {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "factors of channels".to_owned()
    }
}

impl Run for ChannelScale {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        for map in [&self.input, &self.output] {
            limits.map(map);
        }
        limits.apart((&self.input).into(), (&self.output).into());
        limits.parameter(self.factors.0, self.factors.1);
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let (row, factors) = (self.output.shape[2] * LANES, memory.inputs[self.factors.0]);
        planes(member, self.target, self.batch, &self.output, 4, |n, block, rows| {
            let at = |map: &Map| {
                let place = map.offset + n * map.stride + block * map.plane() + rows.start * row;
                memory.arena.wrapping_add(place)
            };
            let mut lanes = [0.0; LANES];
            lanes.iter_mut().zip(&factors[block * LANES..]).for_each(|(lane, &factor)| *lane = factor);
            let (x, y, vectors) = (at(&self.input), at(&self.output), rows.len() * self.output.shape[2]);
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.target.isa.run(Rows { x, y, vectors, factors: lanes }) }
        });
    }
}

struct Rows {
    x: *const f32,
    y: *mut f32,
    vectors: usize,
    factors: [f32; LANES],
}

impl Kernel for Rows {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            let factors = V::load(self.factors.as_ptr());
            for index in 0..self.vectors {
                V::load(self.x.add(index * LANES)).mul(factors).store(self.y.add(index * LANES));
            }
        }
    }
}
