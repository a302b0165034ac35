//! Convolution by Winograd's minimal filtering (Lavin and Gray, "Fast algorithms for convolutional neural networks",
//! arXiv 1509.09308), of stride 1.
//!
//! A tile of M x M outputs is computed from T = M + R - 1 squared inputs by T x T products instead of M x M x R x R. The
//! interpolation points are those with small errors in `f32`: 0, ±5/8, ±3/2 and infinity for T = 6.
//!
//! Tiles are transformed, multiplied position by position (each a product of tiles by channels), and transformed back
//! with bias, residual and activation. On large maps every member takes blocks of tiles with scratch of its own; on
//! small ones, where the weights are larger than the map, all tiles go through each stage together, so that the weights
//! are read once.

mod stages;
mod transform;

pub(crate) use transform::weight_matrix;

use std::ops::Range;

use super::definition::{Groups, Weights};
use super::direct::padded;
use super::filter::Filter;
use super::kept::{Kept, Late};
use super::places::Limits;
use super::team::Member;
use super::{Activation, Map, Memory, Needs, Target, part, tile};
use crate::conv::Conv;
use crate::simd::{LANES, Vector};
use stages::{FromProducts, Products, ToTiles};

/// Values between the planes of two positions: without the gap, planes of powers of two would fall on the same lines of
/// the cache.
const GAP: usize = LANES;

/// Transformed weights that do not stay in a last-level cache beside the tiles.
const STREAMED_VALUES: usize = 4 << 20;

/// An algorithm F(M x M, R x R).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Winograd {
    /// F(2x2, 3x3): 16 products instead of 36.
    F2x3,
    /// F(4x4, 3x3): 36 instead of 144.
    F4x3,
    /// F(6x6, 3x3): 64 instead of 324.
    F6x3,
    /// F(2x2, 5x5): 36 instead of 100.
    F2x5,
}

impl Winograd {
    /// Outputs of a tile along one axis.
    #[must_use]
    pub const fn outputs(self) -> usize {
        match self {
            Self::F2x3 | Self::F2x5 => 2,
            Self::F4x3 => 4,
            Self::F6x3 => 6,
        }
    }

    /// Taps of the window along one axis.
    #[must_use]
    pub const fn kernel(self) -> usize {
        match self {
            Self::F2x3 | Self::F4x3 | Self::F6x3 => 3,
            Self::F2x5 => 5,
        }
    }

    /// Inputs of a tile along one axis.
    #[must_use]
    pub const fn tile(self) -> usize {
        self.outputs() + self.kernel() - 1
    }

    const fn positions(self) -> usize {
        self.tile() * self.tile()
    }

    /// Whether it computes this convolution.
    #[must_use]
    pub const fn fits(self, conv: &Conv) -> bool {
        let kernel = self.kernel();
        conv.groups == 1
            && conv.rows.kernel() == kernel
            && conv.columns.kernel() == kernel
            && conv.rows.stride() == 1
            && conv.columns.stride() == 1
            && conv.rows.dilation() == 1
            && conv.columns.dilation() == 1
    }
}

/// A prepared convolution.
#[derive(Debug)]
pub(crate) struct Transformed {
    target: Target,
    conv: Conv,
    algorithm: Winograd,
    groups: Groups,
    /// Position by position, each packed for the product.
    weights: Kept,
    /// What gives a row of the weight back from one of its transform.
    inverse: Vec<Vec<f64>>,
    bias: Option<Kept>,
    activation: Option<Activation>,
    blocking: Blocking,
}

/// How tiles are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocking {
    /// Blocks of so many tiles by one member, products of so many blocks of output channels at a time.
    Private { tiles: usize, groups: usize },
    /// All tiles of all members, stage by stage.
    Shared,
}

impl Transformed {
    /// Transforms and packs the weights, (out_channels, in_channels, R, R).
    pub(crate) fn new(
        target: Target,
        conv: Conv,
        algorithm: Winograd,
        weight: &Filter<'_>,
        bias: Option<&[f32]>,
        activation: Option<Activation>,
    ) -> Self {
        let weights =
            transform::weights(target.isa, algorithm, [conv.out_channels, conv.in_channels], weight);
        let bias = bias.map(|bias| Kept::Own(padded(bias, conv.out_channels)));
        let groups = Groups::of(weight);
        Self::with(target, conv, algorithm, groups, Kept::Own(weights), bias, activation)
    }

    /// With weights that are packed in each run, as [`Repack`](super::Repack) does it. Values that are not finite spread
    /// over their tile.
    pub(crate) fn late(target: Target, conv: Conv, algorithm: Winograd, late: Late) -> Self {
        let (weights, bias) = (Kept::Late(late.weights), late.bias.map(Kept::Late));
        Self::with(target, conv, algorithm, Groups::whole(&conv), weights, bias, late.activation)
    }

    fn with(
        target: Target,
        conv: Conv,
        algorithm: Winograd,
        groups: Groups,
        weights: Kept,
        bias: Option<Kept>,
        activation: Option<Activation>,
    ) -> Self {
        assert!(algorithm.fits(&conv), "{algorithm:?} does not compute {conv:?}");
        let (blocking, inverse) = (Blocking::Shared, transform::weight_inverse(algorithm));
        let made = Self { target, conv, algorithm, groups, weights, inverse, bias, activation, blocking };
        Self { blocking: made.choose(), ..made }
    }

    /// What is packed in each run lies in the arena.
    pub(crate) fn check(&self, limits: &Limits<'_>, written: &Map) {
        self.weights.check(self.algorithm.positions() * self.packed_position(), limits, written);
        if let Some(bias) = &self.bias {
            bias.check(self.conv.out_channels.next_multiple_of(LANES), limits, written);
        }
    }

    pub(crate) fn name(&self) -> String {
        let (m, r) = (self.algorithm.outputs(), self.algorithm.kernel());
        let blocking = match self.blocking {
            Blocking::Private { tiles, .. } => format!("blocks of {tiles}"),
            Blocking::Shared => "by stages".to_owned(),
        };
        format!("winograd {m}x{m}, {r}x{r}, {blocking}")
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// Rows and columns of tiles of one sample.
    fn grid(&self) -> [usize; 2] {
        let m = self.algorithm.outputs();
        [self.conv.rows.output().div_ceil(m), self.conv.columns.output().div_ceil(m)]
    }

    fn tiles(&self) -> usize {
        let [rows, columns] = self.grid();
        self.conv.batch * rows * columns
    }

    fn in_blocks(&self) -> usize {
        self.conv.in_channels.div_ceil(LANES)
    }

    fn out_blocks(&self) -> usize {
        self.conv.out_channels.div_ceil(LANES)
    }

    fn out_groups(&self) -> usize {
        self.out_blocks().div_ceil(self.target.isa.tile().0)
    }

    fn choose(&self) -> Blocking {
        let tiles = self.tiles();
        let positions = self.algorithm.positions();
        let values = positions * tiles * LANES * (self.in_blocks() + self.out_blocks());
        let most = self.target.isa.tile().1;
        // Stage by stage while all of it stays in a last-level cache and blocks would be few, or where the weights do not
        // stay there and would be read again for each block.
        let streams = positions * self.packed_position() > STREAMED_VALUES;
        let (room, few) =
            if streams { (5 << 20, usize::MAX) } else { (5 << 19, 14 * 4 * self.target.threads.max(2)) };
        if values <= room && tiles < few {
            return Blocking::Shared;
        }
        // Transformed inputs of a block in half of a second-level cache, at least one strip; more where weights are read
        // from further away than the tiles are.
        let each = positions * self.in_blocks() * LANES;
        let least = if streams { 4 } else { 1 };
        let fitting = (128 * 1024 / each / most).clamp(least, 4) * most;
        let out = positions * fitting * LANES * self.target.isa.tile().0;
        let groups = (64 * 1024 / out).clamp(1, self.out_groups());
        Blocking::Private { tiles: fitting.min(tiles), groups }
    }

    fn plane(blocks: usize, tiles: usize) -> usize {
        blocks * tiles * LANES + GAP
    }

    pub(crate) fn needs(&self) -> Needs {
        let positions = self.algorithm.positions();
        match self.blocking {
            Blocking::Private { tiles, groups } => {
                let out = (groups * self.target.isa.tile().0).min(self.out_blocks());
                let private = positions * (Self::plane(self.in_blocks(), tiles) + Self::plane(out, tiles));
                Needs { shared: 0, private, phases: 1 }
            }
            Blocking::Shared => {
                let tiles = self.tiles();
                let shared = positions
                    * (Self::plane(self.in_blocks(), tiles) + Self::plane(self.out_blocks(), tiles));
                Needs { shared, private: 0, phases: 3 }
            }
        }
    }

    /// # Safety
    /// The maps lie in the arena and have the convolution's sizes; the memory is what [`needs`](Self::needs) says.
    pub(crate) unsafe fn run(
        &self,
        member: &mut Member<'_>,
        memory: Memory<'_>,
        x: Map,
        residual: Option<Map>,
        y: Map,
    ) {
        match self.blocking {
            Blocking::Private { tiles, groups } => {
                let items = self.tiles().div_ceil(tiles);
                let scratch = memory.private.wrapping_add(member.index() * memory.private_stride);
                member.each(items, |item| {
                    let first = item * tiles;
                    let count = tiles.min(self.tiles() - first);
                    let range = first..first + count;
                    let blocks = (groups * self.target.isa.tile().0).min(self.out_blocks());
                    let places = self.places(scratch, range.clone(), blocks);
                    // SAFETY: the caller's promise; items write different tiles.
                    unsafe {
                        self.target.isa.run(ToTiles {
                            of: self,
                            memory,
                            x,
                            places,
                            tiles: range.clone(),
                            blocks: 0..self.in_blocks(),
                        });
                        for first in (0..self.out_groups()).step_by(groups) {
                            let some = first..self.out_groups().min(first + groups);
                            self.target.isa.run(Products {
                                of: self,
                                memory: &memory,
                                places,
                                positions: 0..self.algorithm.positions(),
                                groups: some.clone(),
                                first_group: first,
                            });
                            let wide = self.target.isa.tile().0;
                            self.target.isa.run(FromProducts {
                                of: self,
                                memory,
                                places,
                                x,
                                residual,
                                y,
                                tiles: range.clone(),
                                blocks: some.start * wide..self.out_blocks().min(some.end * wide),
                                first_block: first * wide,
                            });
                        }
                    }
                });
            }
            Blocking::Shared => {
                let count = self.tiles();
                let places = self.places(memory.shared, 0..count, self.out_blocks());
                // Tiles of one block of channels, split where blocks are few.
                let parts = self.target.parts(self.in_blocks(), count, 4);
                member.each(self.in_blocks() * parts, |item| {
                    let block = item / parts;
                    let tiles = part(count, parts, item % parts);
                    // SAFETY: the caller's promise; items write different tiles or blocks.
                    unsafe {
                        self.target.isa.run(ToTiles {
                            of: self,
                            memory,
                            x,
                            places,
                            tiles,
                            blocks: block..block + 1,
                        });
                    }
                });
                let positions = self.algorithm.positions();
                let groups = self.out_groups();
                let parts = if self.target.threads == 1 { 1 } else { groups.min(2) };
                member.each(positions * parts, |item| {
                    // Neighbouring items read neighbouring weights.
                    let (position, some) = (item / parts, part(groups, parts, item % parts));
                    let positions = position..position + 1;
                    // SAFETY: as above.
                    unsafe {
                        self.target.isa.run(Products {
                            of: self,
                            memory: &memory,
                            places,
                            positions,
                            groups: some,
                            first_group: 0,
                        });
                    }
                });
                let parts = self.target.parts(self.out_blocks(), count, 4);
                member.each(self.out_blocks() * parts, |item| {
                    let block = item / parts;
                    let tiles = part(count, parts, item % parts);
                    let blocks = block..block + 1;
                    // SAFETY: as above.
                    unsafe {
                        self.target.isa.run(FromProducts {
                            of: self,
                            memory,
                            places,
                            x,
                            residual,
                            y,
                            tiles,
                            blocks,
                            first_block: 0,
                        });
                    }
                });
            }
        }
    }

    fn places(&self, scratch: *mut f32, tiles: Range<usize>, out_blocks: usize) -> Places {
        let (first, tiles) = (tiles.start, tiles.len());
        let (x_plane, y_plane) = (Self::plane(self.in_blocks(), tiles), Self::plane(out_blocks, tiles));
        let y = scratch.wrapping_add(self.algorithm.positions() * x_plane);
        Places { x: scratch, y, x_plane, y_plane, first, tiles }
    }

    fn packed_position(&self) -> usize {
        tile::packed_len([self.conv.out_channels, self.conv.in_channels, 1])
    }
}

impl Weights for Transformed {
    #[inline(always)]
    unsafe fn weight<V: Vector>(&self, block: usize, channel: usize, tap: usize) -> V {
        let (kernel, tile) = (self.algorithm.kernel(), self.algorithm.tile());
        let (group, inner) = (block / V::TILE_BLOCKS, block % V::TILE_BLOCKS);
        let width = V::TILE_BLOCKS.min(self.out_blocks() - group * V::TILE_BLOCKS);
        // As `transform::weights` packs them.
        let place = (group * V::TILE_BLOCKS * self.conv.in_channels + channel * width + inner) * LANES;
        let Kept::Own(weights) = &self.weights else { unreachable!("only its own are read again") };
        // SAFETY: the caller's promise.
        unsafe {
            let mut weight = V::zero();
            for y in 0..tile {
                for x in 0..tile {
                    let factor = self.inverse[tap / kernel][y] * self.inverse[tap % kernel][x];
                    let position = (y * tile + x) * self.packed_position();
                    let transformed = V::load(weights.pointer().add(position + place));
                    weight = transformed.mul_add(V::splat(factor as f32), weight);
                }
            }
            weight
        }
    }
}

/// Where transformed tiles stand: position, block of channels, tile, lane.
#[derive(Clone, Copy)]
struct Places {
    x: *mut f32,
    y: *mut f32,
    x_plane: usize,
    y_plane: usize,
    /// The first of the tiles, and their number.
    first: usize,
    tiles: usize,
}
