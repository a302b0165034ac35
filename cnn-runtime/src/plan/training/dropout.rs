//! Masks that are drawn between steps, and dropout, which multiplies by them there and back.

use cnn_kernels::simd::LANES;
use rayon::prelude::*;

use super::Back;
use super::builder::{Builder, Form, map_len, sizes};
use super::factors::product;
use super::fuse::Node;
use super::host::Host;
use crate::error::Result;
use crate::random::Generator;

/// A mask as the operation on tensors draws it: the same numbers in the same order.
#[derive(Debug)]
pub(super) struct Draw {
    pub(super) generator: Generator,
    /// The probability of a zero, neither 0 nor 1.
    pub(super) p: f64,
    /// The dimensions that the mask has.
    pub(super) rank: usize,
    pub(super) batch: usize,
    pub(super) shape: [usize; 3],
    /// Where it goes, in blocks of channels.
    pub(super) to: usize,
}

impl Draw {
    /// What it is a mask of: every value, or every channel of a sample for all of its pixels.
    fn of(rank: usize, shape: [usize; 3]) -> [usize; 3] {
        if rank > 2 { shape } else { [shape[0], 1, 1] }
    }

    pub(super) fn run(&self, arena: &mut [f32]) {
        let &Self { p, rank, batch, shape, .. } = self;
        let of = Self::of(rank, shape);
        let pixels = of[1] * of[2];
        let channels = if rank > 1 { shape[0] } else { 1 };
        let (each, len) = (channels * pixels, map_len(of));
        let scale = (1.0 - p).recip() as f32;
        let stream = self.generator.stream(batch * each);
        arena[self.to..][..batch * len].par_chunks_mut(len).enumerate().for_each(|(n, mask)| {
            let mut stream = stream.after(n * each);
            let mut draw = || if stream.bernoulli(1.0 - p) { scale } else { 0.0 };
            if rank == 1 {
                mask.fill(draw());
                return;
            }
            for (block, mask) in mask.chunks_mut(pixels * LANES).enumerate() {
                for lane in 0..LANES {
                    let is_there = block * LANES + lane < channels;
                    for pixel in 0..pixels {
                        mask[pixel * LANES + lane] = if is_there { draw() } else { 0.0 };
                    }
                }
            }
        });
    }
}

/// A mask of a weight as the operation on tensors draws it: the same numbers in the same order.
#[derive(Debug)]
pub(super) struct DrawRow {
    pub(super) generator: Generator,
    /// The probability of a zero, neither 0 nor 1.
    pub(super) p: f64,
    pub(super) len: usize,
    /// Where it goes, row-major.
    pub(super) to: usize,
}

impl DrawRow {
    pub(super) fn run(&self, arena: &mut [f32]) {
        const CHUNK: usize = 1 << 12;
        let scale = (1.0 - self.p).recip() as f32;
        let stream = self.generator.stream(self.len);
        arena[self.to..][..self.len].par_chunks_mut(CHUNK).enumerate().for_each(|(index, mask)| {
            let mut stream = stream.after(index * CHUNK);
            mask.fill_with(|| if stream.bernoulli(1.0 - self.p) { scale } else { 0.0 });
        });
    }
}

/// Whether its mask is one that is drawn here.
pub(in crate::plan) fn fits(p: f64, rank: usize, shape: &[usize]) -> bool {
    // A mask of zeros draws nothing.
    p < 1.0 && (rank == 1 || rank == 2 || rank == shape.len())
}

/// The way there; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder<'_>,
    node: &Node,
    (generator, p, rank): (&Generator, f64, usize),
    x: usize,
) -> Result<(usize, Back)> {
    let shape = sizes(&node.shape);
    let of = Draw::of(rank, shape);
    let (batch, wants) = (builder.batch, builder.values[x].wants);
    let mask = builder.map_slot(of);
    let generator = generator.clone();
    builder
        .host(vec![mask], move |at| Host::Draw(Draw { generator, p, rank, batch, shape, to: at.of(mask) }));
    let [input, output] = [builder.as_map(x), builder.map_slot(shape)];
    product(builder, [(input, shape), (mask, of)], output);
    let value = builder.value(&node.shape, Form::Map(output), wants);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let (Some(grad), true) = (builder.gradient_map(value), wants) else { return Ok(()) };
            let to = builder.map_slot(shape);
            product(builder, [(grad, shape), (mask, of)], to);
            builder.add_gradient(x, Form::Map(to));
            Ok(())
        }),
    ))
}
