//! The three stages: inputs to tiles, products, products to outputs.

#![allow(clippy::needless_range_loop, reason = "rows and columns of a tile, of which a part is used")]

use std::ops::Range;

use super::transform::{Line, Line2x3, Line2x5, Line4x3, Line6x3};
use super::{Places, Transformed, Winograd};
use crate::blocked::definition::Again;
use crate::blocked::epilogue::Epilogue;
use crate::blocked::tile::{self, Product, Tile};
use crate::blocked::{Map, Memory, part};
use crate::simd::{Kernel, LANES, Vector};

/// What is done with the transforms of an algorithm.
trait AlongLines {
    /// # Safety
    /// As [`Kernel::run`].
    unsafe fn along<V: Vector, L: Line>(self);
}

#[inline(always)]
unsafe fn along_lines<V: Vector, S: AlongLines>(algorithm: Winograd, stage: S) {
    // SAFETY: the caller's promise.
    unsafe {
        match algorithm {
            Winograd::F2x3 => stage.along::<V, Line2x3>(),
            Winograd::F4x3 => stage.along::<V, Line4x3>(),
            Winograd::F6x3 => stage.along::<V, Line6x3>(),
            Winograd::F2x5 => stage.along::<V, Line2x5>(),
        }
    }
}

/// Transforms the tiles of some blocks of input channels.
pub(super) struct ToTiles<'a> {
    pub(super) of: &'a Transformed,
    pub(super) memory: Memory<'a>,
    pub(super) x: Map,
    pub(super) places: Places,
    /// Among all tiles.
    pub(super) tiles: Range<usize>,
    pub(super) blocks: Range<usize>,
}

impl Kernel for ToTiles<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe { along_lines::<V, Self>(self.of.algorithm, self) }
    }
}

impl AlongLines for ToTiles<'_> {
    #[inline(always)]
    unsafe fn along<V: Vector, L: Line>(self) {
        let Self { of, memory, x, places, tiles, blocks } = self;
        let [rows, columns] = of.grid();
        let (height, width) = (of.conv.rows.input(), of.conv.columns.input());
        let (top, left) = (of.conv.rows.before() as isize, of.conv.columns.before() as isize);
        // SAFETY: the caller's promise: reads are checked against the map, writes are within the scratch.
        unsafe {
            for block in blocks {
                for tile in tiles.clone() {
                    let (n, row, column) = (tile / (rows * columns), tile / columns % rows, tile % columns);
                    let from = memory.arena.add(x.offset + n * x.stride + block * x.plane()).cast_const();
                    let y0 = (row * L::OUTPUTS) as isize - top;
                    let x0 = (column * L::OUTPUTS) as isize - left;
                    let inside = y0 >= 0
                        && x0 >= 0
                        && y0 as usize + L::TILE <= height
                        && x0 as usize + L::TILE <= width;
                    let to = places.x.add((block * places.tiles + (tile - places.first)) * LANES);
                    let mut half = [[V::zero(); 8]; 8];
                    if inside {
                        let from = from.add((y0 as usize * width + x0 as usize) * LANES);
                        for i in 0..L::TILE {
                            let mut line = [V::zero(); 8];
                            for j in 0..L::TILE {
                                line[j] = V::load(from.add((j * width + i) * LANES));
                            }
                            half[i] = L::input(line);
                        }
                    } else {
                        for i in 0..L::TILE {
                            let mut line = [V::zero(); 8];
                            let xx = x0 + i as isize;
                            for j in 0..L::TILE {
                                let yy = y0 + j as isize;
                                if (0..width as isize).contains(&xx) && (0..height as isize).contains(&yy) {
                                    line[j] = V::load(from.add((yy as usize * width + xx as usize) * LANES));
                                }
                            }
                            half[i] = L::input(line);
                        }
                    }
                    for j in 0..L::TILE {
                        let mut line = [V::zero(); 8];
                        for i in 0..L::TILE {
                            line[i] = half[i][j];
                        }
                        let line = L::input(line);
                        for i in 0..L::TILE {
                            line[i].store(to.add((j * L::TILE + i) * places.x_plane));
                        }
                    }
                }
            }
        }
    }
}

/// Multiplies the tiles of some positions with the weights of some groups of output channels.
pub(super) struct Products<'a> {
    pub(super) of: &'a Transformed,
    pub(super) memory: &'a Memory<'a>,
    pub(super) places: Places,
    pub(super) positions: Range<usize>,
    pub(super) groups: Range<usize>,
    /// The group that stands first in the scratch.
    pub(super) first_group: usize,
}

impl Kernel for Products<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, memory, places, positions, groups, first_group } = self;
        let blocks = of.out_blocks();
        let channels = of.conv.in_channels;
        let product =
            Product { taps: &[0], channels, block: places.tiles * LANES, out_block: places.tiles * LANES };
        let strips = places.tiles.div_ceil(V::TILE_PIXELS);
        // SAFETY: the caller's promise.
        unsafe {
            for position in positions {
                let x = places.x.add(position * places.x_plane).cast_const();
                let y = places.y.add(position * places.y_plane);
                let weights = of.weights.pointer(memory).add(position * of.packed_position());
                for group in groups.clone() {
                    let weights = weights.add(group * V::TILE_BLOCKS * LANES * channels);
                    let y = y.add((group - first_group) * V::TILE_BLOCKS * product.out_block);
                    for strip in 0..strips {
                        let strip = part(places.tiles, strips, strip);
                        let one = Tile {
                            product: &product,
                            epilogue: &Epilogue::NONE,
                            x: x.add(strip.start * LANES),
                            weights,
                            y: y.add(strip.start * LANES),
                            residual: std::ptr::null(),
                            bias: std::ptr::null(),
                        };
                        tile::tile::<V, _, LANES>(
                            one,
                            V::TILE_BLOCKS.min(blocks - group * V::TILE_BLOCKS),
                            strip.len(),
                        );
                    }
                }
            }
        }
    }
}

/// Transforms the products of some blocks of output channels back, and finishes them.
pub(super) struct FromProducts<'a> {
    pub(super) of: &'a Transformed,
    pub(super) memory: Memory<'a>,
    pub(super) places: Places,
    /// The input, for tiles whose values are not finite.
    pub(super) x: Map,
    pub(super) residual: Option<Map>,
    pub(super) y: Map,
    pub(super) tiles: Range<usize>,
    pub(super) blocks: Range<usize>,
    /// The block that stands first in the scratch.
    pub(super) first_block: usize,
}

impl Kernel for FromProducts<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe { along_lines::<V, Self>(self.of.algorithm, self) }
    }
}

impl AlongLines for FromProducts<'_> {
    #[inline(always)]
    unsafe fn along<V: Vector, L: Line>(self) {
        let Self { of, memory, places, residual, y, ref tiles, ref blocks, first_block, .. } = self;
        let [rows, columns] = of.grid();
        let (height, width) = (of.conv.rows.output(), of.conv.columns.output());
        let epilogue = Epilogue::new(residual, of.activation);
        // SAFETY: the caller's promise: writes are clipped to the map.
        unsafe {
            for block in blocks.clone() {
                // Zero while all outputs are finite: zero times what is not is not a number.
                let mut spoilt = V::zero();
                let bias = match &of.bias {
                    Some(bias) => V::load(bias.pointer(&memory).add(block * LANES)),
                    None => V::zero(),
                };
                for tile in tiles.clone() {
                    let (n, row, column) = (tile / (rows * columns), tile / columns % rows, tile % columns);
                    let from = places
                        .y
                        .add(((block - first_block) * places.tiles + (tile - places.first)) * LANES)
                        .cast_const();
                    let mut half = [[V::zero(); 8]; 8];
                    for i in 0..L::TILE {
                        let mut line = [V::zero(); 8];
                        for j in 0..L::TILE {
                            line[j] = V::load(from.add((j * L::TILE + i) * places.y_plane));
                        }
                        half[i] = L::output(line);
                    }
                    let (y0, x0) = (row * L::OUTPUTS, column * L::OUTPUTS);
                    let start = (y0 * width + x0) * LANES;
                    let to = memory.arena.add(y.offset + n * y.stride + block * y.plane() + start);
                    let added = residual.map_or(std::ptr::null(), |map| {
                        let place = map.offset + n * map.stride + block * map.plane() + start;
                        memory.arena.add(place).cast_const()
                    });
                    let shown = L::OUTPUTS.min(width - x0);
                    for j in 0..L::OUTPUTS.min(height - y0) {
                        let mut line = [V::zero(); 8];
                        for i in 0..L::TILE {
                            line[i] = half[i][j];
                        }
                        let line = L::output(line);
                        let to = to.add(j * width * LANES);
                        let added = added.wrapping_add(j * width * LANES);
                        for i in 0..L::OUTPUTS {
                            if i < shown {
                                let value = line[i].add(bias);
                                spoilt = value.mul_add(V::zero(), spoilt);
                                epilogue.store(value, to.add(i * LANES), added.wrapping_add(i * LANES));
                            }
                        }
                        epilogue.rest::<V>(to, shown);
                    }
                }
                if spoilt.sum().is_nan() && of.weights.own().is_some() {
                    self.again::<V>(&epilogue, block);
                }
            }
        }
    }
}

impl FromProducts<'_> {
    /// The tiles of a block whose products are not finite, by the definition.
    ///
    /// # Safety
    /// As [`Kernel::run`].
    unsafe fn again<V: Vector>(&self, epilogue: &Epilogue, block: usize) {
        let Self { of, memory, places, x, residual, y, ref tiles, first_block, .. } = *self;
        let [rows, columns] = of.grid();
        let (height, width) = (of.conv.rows.output(), of.conv.columns.output());
        let outputs = of.algorithm.outputs();
        for tile in tiles.clone() {
            let from = ((block - first_block) * places.tiles + (tile - places.first)) * LANES;
            let finite = (0..of.algorithm.positions() * LANES).all(|value| {
                let place = from + value / LANES * places.y_plane + value % LANES;
                // SAFETY: the products of a tile are in the scratch.
                unsafe { *places.y.add(place) }.is_finite()
            });
            if finite {
                continue;
            }
            let (n, row, column) = (tile / (rows * columns), tile / columns % rows, tile % columns);
            let (y0, x0) = (row * outputs, column * outputs);
            let place = |map: &Map| {
                let start = map.offset + n * map.stride + block * map.plane() + (y0 * width + x0) * LANES;
                memory.arena.wrapping_add(start)
            };
            // SAFETY: the caller's promise; the tile is this item's.
            unsafe {
                V::enter(Again {
                    conv: &of.conv,
                    groups: of.groups,
                    weights: of,
                    epilogue,
                    x: memory.arena.wrapping_add(x.offset + n * x.stride).cast_const(),
                    plane: x.plane(),
                    block,
                    rows: y0..height.min(y0 + outputs),
                    columns: x0..width.min(x0 + outputs),
                    bias: of
                        .bias
                        .as_ref()
                        .map_or(std::ptr::null(), |bias| bias.pointer(&memory).wrapping_add(block * LANES)),
                    y: place(&y),
                    residual: residual.as_ref().map_or(std::ptr::null_mut(), place).cast_const(),
                });
            }
        }
    }
}
