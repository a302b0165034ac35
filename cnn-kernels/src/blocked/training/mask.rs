//! Dropout: a product with a mask, both ways (Srivastava et al., "Dropout: a simple way to prevent neural networks from
//! overfitting", 2014).

use std::ops::Range;

use crate::blocked::places::Limits;
use crate::blocked::program::{Step, require, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Map, Memory, Needs, Target, part};
use crate::simd::{Kernel, LANES, Vector};

/// What has a value of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskOf {
    /// Every value.
    Values,
    /// Every channel of a sample, for all of its pixels.
    Channels,
}

/// `y = mask * x`.
#[derive(Debug)]
pub struct Masked {
    target: Target,
    batch: usize,
    of: MaskOf,
    input: Map,
    mask: usize,
    output: Map,
}

impl Masked {
    /// With a mask in the arena, in blocks of channels as the map is: samples follow each other without gaps.
    ///
    /// # Panics
    /// Where sizes do not agree, and where the processor has not the instruction set.
    #[must_use]
    pub fn new(target: Target, batch: usize, of: MaskOf, input: Map, mask: usize, output: Map) -> Self {
        require(target.isa);
        assert_eq!(input.shape, output.shape, "the shapes of a mask's values");
        Self { target, batch, of, input, mask, output }
    }

    /// Values of the mask of one sample.
    #[must_use]
    pub fn mask_len(of: MaskOf, [channels, rows, columns]: [usize; 3]) -> usize {
        let pixels = match of {
            MaskOf::Values => rows * columns,
            MaskOf::Channels => 1,
        };
        channels.next_multiple_of(LANES) * pixels
    }
}

impl Step for Masked {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "mask".to_owned()
    }
}

impl Run for Masked {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a step");
        for map in [&self.input, &self.output] {
            limits.map(map);
        }
        limits.apart((&self.input).into(), (&self.output).into());
        let len = self.batch * Self::mask_len(self.of, self.output.shape);
        limits.whole_apart(self.mask, len, (&self.output).into());
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let blocks = self.output.blocks();
        let parts = self.target.parts(self.batch, blocks, 1);
        member.each(self.batch * parts, |item| {
            let (n, blocks) = (item / parts, part(blocks, parts, item % parts));
            // SAFETY: the places were checked; items write different blocks.
            unsafe { self.target.isa.run(Blocks { of: self, memory, n, blocks }) }
        });
    }
}

struct Blocks<'a> {
    of: &'a Masked,
    memory: Memory<'a>,
    n: usize,
    blocks: Range<usize>,
}

impl Kernel for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of: &Masked { of, input, mask, output, .. }, memory, n, blocks } = self;
        let (count, pixels) = (output.blocks(), output.plane() / LANES);
        // From one pixel's mask to the next.
        let step = if of == MaskOf::Values { LANES } else { 0 };
        let plane = if of == MaskOf::Values { output.plane() } else { LANES };
        // SAFETY: the caller's promise.
        unsafe {
            for block in blocks {
                let x =
                    memory.arena.add(input.offset + n * input.stride + block * input.plane()).cast_const();
                let y = memory.arena.add(output.offset + n * output.stride + block * output.plane());
                let mask = memory.arena.add(mask + (n * count + block) * plane).cast_const();
                for pixel in 0..pixels {
                    let factor = V::load(mask.add(pixel * step));
                    V::load(x.add(pixel * LANES)).mul(factor).store(y.add(pixel * LANES));
                }
            }
        }
    }
}
