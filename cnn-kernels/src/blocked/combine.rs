//! Value by value: activations, scales, sums and products of maps.

use super::affine::Affine;
use super::places::Limits;
use super::program::{Step, require, sealed::Run};
use super::team::Member;
use super::{Activation, Map, Memory, Needs, Target, planes};
use crate::simd::{Kernel, LANES, Vector};

/// `activation(scale * (a op b) + shift)`, over maps. A second map of one pixel is broadcast over all of the first's.
#[derive(Debug)]
pub struct Combine {
    target: Target,
    batch: usize,
    first: Map,
    second: Option<(Operator, Map)>,
    affine: Affine,
    output: Map,
}

/// How two maps are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The sum.
    Add,
    /// The product.
    Multiply,
}

impl Combine {
    /// Prepares it. The scale and the shift have one value per channel. The output may be where the first map is.
    ///
    /// # Panics
    /// Where the sizes do not agree, or the processor has not the instruction set.
    #[must_use]
    pub fn new(
        target: Target,
        batch: usize,
        first: Map,
        second: Option<(Operator, Map)>,
        affine: [Option<&[f32]>; 2],
        activation: Option<Activation>,
        output: Map,
    ) -> Self {
        require(target.isa);
        let channels = first.shape[0];
        assert_eq!(first.shape, output.shape, "maps of one shape");
        if let Some((_, second)) = second {
            let pixel = [channels, 1, 1];
            assert!(second.shape == first.shape || second.shape == pixel, "maps of one shape, or one pixel");
        }
        let affine = Affine::new(channels, affine, activation);
        Self { target, batch, first, second, affine, output }
    }
}

impl Step for Combine {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn weight_bytes(&self) -> usize {
        self.affine.bytes()
    }

    fn algorithm(&self) -> String {
        "value by value".to_owned()
    }
}

impl Run for Combine {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        let second = self.second.map(|(_, map)| map);
        for map in [&self.first, &self.output].into_iter().chain(&second) {
            limits.map(map);
        }
        // In place a value is read before it is written, and by the same item.
        for map in [&self.first].into_iter().chain(&second).filter(|map| **map != self.output) {
            limits.apart(map.into(), (&self.output).into());
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let columns = self.output.shape[2];
        planes(member, self.target, self.batch, &self.output, 64usize.div_ceil(columns), |n, block, rows| {
            let pixels = rows.start * columns..rows.end * columns;
            // SAFETY: the places were checked; items write different pixels.
            unsafe { self.target.isa.run(Pixels { of: self, memory, n, block, pixels }) }
        });
    }
}

struct Pixels<'a> {
    of: &'a Combine,
    memory: Memory<'a>,
    n: usize,
    block: usize,
    pixels: std::ops::Range<usize>,
}

impl Kernel for Pixels<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, memory, n, block, pixels } = self;
        let at = |map: Map| memory.arena.wrapping_add(map.offset + n * map.stride + block * map.plane());
        // SAFETY: the caller's promise.
        unsafe {
            let (x, y) = (at(of.first).cast_const(), at(of.output));
            let affine = of.affine.block::<V>(block);
            let second = of.second.map(|(operator, map)| {
                let step = if map.shape == of.first.shape { LANES } else { 0 };
                (operator, at(map).cast_const(), step)
            });
            for pixel in pixels {
                let mut value = V::load(x.add(pixel * LANES));
                if let Some((operator, other, step)) = second {
                    let other = V::load(other.add(pixel * step));
                    value = match operator {
                        Operator::Add => value.add(other),
                        Operator::Multiply => value.mul(other),
                    };
                }
                affine.of(value).store(y.add(pixel * LANES));
            }
        }
    }
}
