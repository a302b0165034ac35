//! Maps of every second (third, ..) row and column, put together.

use super::affine::Affine;
use super::places::Limits;
use super::program::{Step, require, sealed::Run};
use super::team::Member;
use super::{Activation, Map, Memory, Needs, Target, planes};
use crate::simd::{Kernel, LANES, Vector};

/// `activation(scale * x + shift)`, where row `i` and column `j` of `x` stand in map `(i % rows, j % columns)` of
/// `rows` times `columns` maps: the outputs of a transposed convolution, each of which is a convolution of its own
/// (Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016).
#[derive(Debug)]
pub struct Interleave {
    target: Target,
    batch: usize,
    steps: [usize; 2],
    inputs: Vec<Option<Map>>,
    affine: Affine,
    output: Map,
}

impl Interleave {
    /// Prepares it for `steps` of rows and columns; `inputs` row by row, zeros where there is none. The scale and the shift have one value per channel.
    ///
    /// # Panics
    /// Where the sizes do not agree, or the processor has not the instruction set.
    #[must_use]
    pub fn new(
        target: Target,
        batch: usize,
        steps: [usize; 2],
        inputs: Vec<Option<Map>>,
        affine: [Option<&[f32]>; 2],
        activation: Option<Activation>,
        output: Map,
    ) -> Self {
        require(target.isa);
        let [channels, rows, columns] = output.shape;
        assert!(!steps.contains(&0) && inputs.len() == steps[0] * steps[1], "a map for each step");
        for (index, map) in inputs.iter().enumerate() {
            let Some(map) = map else { continue };
            let count = |size: usize, step: usize, first: usize| size.saturating_sub(first).div_ceil(step);
            let (row, column) = (index / steps[1], index % steps[1]);
            let shape = [channels, count(rows, steps[0], row), count(columns, steps[1], column)];
            assert_eq!(map.shape, shape, "map {index} of an interleaving");
        }
        let affine = Affine::new(channels, affine, activation);
        Self { target, batch, steps, inputs, affine, output }
    }
}

impl Step for Interleave {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn weight_bytes(&self) -> usize {
        self.affine.bytes()
    }

    fn algorithm(&self) -> String {
        "interleaving".to_owned()
    }
}

impl Run for Interleave {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        limits.map(&self.output);
        for map in self.inputs.iter().flatten() {
            limits.map(map);
            limits.apart(map.into(), (&self.output).into());
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        planes(member, self.target, self.batch, &self.output, 1, |n, block, rows| {
            // SAFETY: the places were checked; items write different rows.
            unsafe { self.target.isa.run(Rows { of: self, memory, n, block, rows }) }
        });
    }
}

struct Rows<'a> {
    of: &'a Interleave,
    memory: Memory<'a>,
    n: usize,
    block: usize,
    rows: std::ops::Range<usize>,
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, memory, n, block, rows } = self;
        let [down, across] = of.steps;
        let at = |map: &Map| memory.arena.wrapping_add(map.offset + n * map.stride + block * map.plane());
        let width = of.output.shape[2];
        // SAFETY: the caller's promise.
        unsafe {
            let y = at(&of.output);
            let affine = of.affine.block::<V>(block);
            for row in rows {
                let maps = &of.inputs[row % down * across..][..across];
                for (first, map) in maps.iter().enumerate() {
                    let count = width.saturating_sub(first).div_ceil(across);
                    let x = map.map(|map| at(&map).add(row / down * count * LANES).cast_const());
                    for column in 0..count {
                        let value = x.map_or(V::zero(), |x| V::load(x.add(column * LANES)));
                        affine.of(value).store(y.add((row * width + column * across + first) * LANES));
                    }
                }
            }
        }
    }
}
