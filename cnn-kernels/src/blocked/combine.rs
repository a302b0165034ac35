//! Value by value: activations, scales, sums and products of maps.

use super::direct::padded;
use super::epilogue::Activation;
use super::program::{Limits, Step, require, sealed::Run};
use super::team::Member;
use super::{Buffer, Map, Memory, Needs, part};
use crate::simd::{Isa, Kernel, LANES, Vector};

/// `activation(scale * (a op b) + shift)`, over maps. A second map of one pixel is broadcast over all of the first's.
#[derive(Debug)]
pub struct Combine {
    isa: Isa,
    batch: usize,
    threads: usize,
    first: Map,
    second: Option<(Operator, Map)>,
    scale: Option<Buffer>,
    shift: Option<Buffer>,
    activation: Activation,
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
    /// Prepares it. `scale` and `shift` have one value per channel. The output may be where the first map is.
    ///
    /// # Panics
    /// Where the sizes do not agree, or the processor has not the instruction set.
    #[must_use]
    #[allow(clippy::too_many_arguments, reason = "all of it is optional")]
    pub fn new(
        isa: Isa,
        batch: usize,
        threads: usize,
        first: Map,
        second: Option<(Operator, Map)>,
        scale: Option<&[f32]>,
        shift: Option<&[f32]>,
        activation: Activation,
        output: Map,
    ) -> Self {
        require(isa);
        let channels = first.shape[0];
        assert_eq!(first.shape, output.shape, "maps of one shape");
        if let Some((_, second)) = second {
            let pixel = [channels, 1, 1];
            assert!(second.shape == first.shape || second.shape == pixel, "maps of one shape, or one pixel");
        }
        let lanes = |values: Option<&[f32]>| {
            values.map(|values| {
                assert_eq!(values.len(), channels, "one value per channel");
                padded(values, channels)
            })
        };
        let (scale, shift) = (lanes(scale), lanes(shift));
        Self { isa, batch, threads, first, second, scale, shift, activation, output }
    }
}

impl Step for Combine {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn weight_bytes(&self) -> usize {
        4 * [&self.scale, &self.shift].into_iter().flatten().map(|buffer| buffer.len()).sum::<usize>()
    }

    fn algorithm(&self) -> String {
        "value by value".to_owned()
    }
}

impl Run for Combine {
    fn check(&self, limits: &mut Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        for map in
            [Some(self.first), self.second.map(|(_, map)| map), Some(self.output)].into_iter().flatten()
        {
            limits.map(&map);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let planes = self.batch * self.output.blocks();
        let pixels = self.output.plane() / LANES;
        let parts =
            if self.threads == 1 { 1 } else { (4 * self.threads).div_ceil(planes).min(pixels.div_ceil(64)) };
        let parts = parts.max(1);
        member.each(planes * parts, |item| {
            let (plane, pixels) = (item / parts, part(pixels, parts, item % parts));
            let (n, block) = (plane / self.output.blocks(), plane % self.output.blocks());
            // SAFETY: the places were checked; items write different pixels.
            unsafe { self.isa.run(Pixels { of: self, memory, n, block, pixels }) }
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

    #[allow(
        clippy::manual_map,
        reason = "a closure that is not inlined is compiled without the instruction set"
    )]
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, memory, n, block, pixels } = self;
        let at = |map: Map| memory.arena.wrapping_add(map.offset + n * map.stride + block * map.plane());
        // SAFETY: the caller's promise.
        unsafe {
            let (x, y) = (at(of.first).cast_const(), at(of.output));
            let scale = match &of.scale {
                Some(buffer) => Some(V::load(buffer.pointer().add(block * LANES))),
                None => None,
            };
            let shift = match &of.shift {
                Some(buffer) => Some(V::load(buffer.pointer().add(block * LANES))),
                None => None,
            };
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
                if let Some(scale) = scale {
                    value = value.mul(scale);
                }
                if let Some(shift) = shift {
                    value = value.add(shift);
                }
                of.activation.apply(value).store(y.add(pixel * LANES));
            }
        }
    }
}
