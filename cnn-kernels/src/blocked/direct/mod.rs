//! Convolution by the tile, tap by tap.
//!
//! The input is first laid out with its padding, and with its columns sorted by their remainder modulo the stride: then
//! neighbouring outputs read neighbouring values, whatever the stride. A 1x1 convolution of stride 1, and any other
//! that has neither padding nor stride, reads the input where it is. The few channels of a first layer come from NCHW
//! and stand four to a pixel.

mod lay_out;

use super::epilogue::{Activation, Epilogue};
use super::filter::Filter;
use super::team::Member;
use super::tile::{self, Product, Tile};
use super::{Buffer, Map, Memory, Needs, Plain, part};
use crate::conv::Conv;
use crate::simd::{Isa, Kernel, LANES, Vector};
use lay_out::LayOut;

/// Channels of a pixel in the layout of a first layer.
const FEW: usize = 4;

/// The most values of input that the tiles of one item work on: about half of a second-level cache.
const ITEM_VALUES: usize = 96 * 1024;

/// Values up to which an input is laid out by all members for all.
const SHARED_VALUES: usize = 128 * 1024;

/// A prepared convolution.
#[derive(Debug)]
pub(crate) struct Direct {
    isa: Isa,
    conv: Conv,
    source: Source,
    /// Of the laid-out input.
    rows: usize,
    /// Of one remainder.
    width: usize,
    taps: Vec<usize>,
    weights: Buffer,
    bias: Option<Buffer>,
    activation: Activation,
    threads: usize,
    /// Rows of outputs for which a member lays the input out for itself; of a small input all members lay out all.
    private_rows: Option<usize>,
}

/// Where the tiles read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The map itself.
    Map,
    /// The map, laid out in scratch.
    LaidOut,
    /// NCHW with few channels, laid out in scratch.
    Few,
}

/// What a convolution reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// A map in the arena.
    Map(Map),
    /// Plain NCHW.
    Plain(Plain),
}

impl Direct {
    /// Whether [`Input::Plain`] is what it should read.
    pub(crate) const fn takes_plain(in_channels: usize) -> bool {
        in_channels <= FEW
    }

    /// Packs the weights for what it reads, (out_channels, in_channels, kernel rows, kernel columns).
    pub(crate) fn new(
        isa: Isa,
        conv: Conv,
        plain: bool,
        weight: &Filter<'_>,
        bias: Option<&[f32]>,
        activation: Activation,
        threads: usize,
    ) -> Self {
        assert!(!plain || Self::takes_plain(conv.in_channels), "so many channels are no pixel of {FEW}");
        assert_eq!(conv.groups, 1, "groups are kernels of their own");
        let (rows, columns) = (conv.rows, conv.columns);
        let untouched = |span: crate::window::Span| {
            span.before() == 0 && span.stride() == 1 && span.reach() <= span.input()
        };
        let source = if plain {
            Source::Few
        } else if untouched(rows) && untouched(columns) {
            Source::Map
        } else {
            Source::LaidOut
        };
        let distance = if plain { FEW } else { LANES };
        let (phases, width) = if source == Source::Map {
            (1, columns.input())
        } else {
            let phases = if columns.kernel() == 1 { 1 } else { columns.stride() };
            (phases, columns.reach().div_ceil(columns.stride()).max(columns.output()))
        };
        // Rows that no window of one row reads are left out.
        let laid_out_rows = match source {
            Source::Map => rows.input(),
            _ if rows.kernel() == 1 => rows.output(),
            _ => rows.reach(),
        };
        let row_len = phases * width * distance;
        let taps = (0..rows.kernel())
            .flat_map(|ky| (0..columns.kernel()).map(move |kx| (ky, kx)))
            .map(|(ky, kx)| {
                let column = kx * columns.dilation();
                let stride = if source == Source::Map { 1 } else { columns.stride() };
                ky * rows.dilation() * row_len + (column % stride * width + column / stride) * distance
            })
            .collect::<Vec<_>>();
        let sizes = [conv.out_channels, conv.in_channels, taps.len()];
        let mut weights = Buffer::zeros(tile::packed_len(sizes));
        tile::pack(isa, sizes, distance, |o, c, t| weight.value(o, c, t), &mut weights);
        let bias = bias.map(|bias| padded(bias, conv.out_channels));
        let (rows, private_rows) = (laid_out_rows, None);
        let mut made =
            Self { isa, conv, source, rows, width, taps, weights, bias, activation, threads, private_rows };
        made.private_rows = made.choose();
        made
    }

    fn choose(&self) -> Option<usize> {
        let whole = self.conv.batch * self.blocks() * self.plane();
        if self.source == Source::Map || whole <= SHARED_VALUES {
            return None;
        }
        let rows = ITEM_VALUES / (self.row_len() * self.blocks());
        let fitting = rows.saturating_sub(self.extent()) / self.row_step() + 1;
        let fair = (self.conv.batch * self.conv.rows.output()).div_ceil(4 * self.threads);
        Some(fitting.min(fair).clamp(1, self.conv.rows.output()))
    }

    /// Rows of the laid-out input that one row of outputs reads, from the first to the last.
    fn extent(&self) -> usize {
        (self.conv.rows.kernel() - 1) * self.conv.rows.dilation() + 1
    }

    /// Values of one block of channels in a member's own scratch.
    fn private_plane(&self, rows: usize) -> usize {
        ((rows - 1) * self.row_step() + self.extent()) * self.row_len() + LANES
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        4 * self.weights.len()
    }

    fn distance(&self) -> usize {
        if self.source == Source::Few { FEW } else { LANES }
    }

    fn phases(&self) -> usize {
        if self.source == Source::Map || self.conv.columns.kernel() == 1 {
            1
        } else {
            self.conv.columns.stride()
        }
    }

    fn row_len(&self) -> usize {
        self.phases() * self.width * self.distance()
    }

    /// Rows of the laid-out input from one row of outputs to the next.
    fn row_step(&self) -> usize {
        match self.source {
            Source::Map => 1,
            _ if self.conv.rows.kernel() == 1 => 1,
            _ => self.conv.rows.stride(),
        }
    }

    fn blocks(&self) -> usize {
        self.conv.in_channels.div_ceil(LANES)
    }

    fn plane(&self) -> usize {
        self.rows * self.row_len()
    }

    pub(crate) fn needs(&self) -> Needs {
        if let Some(rows) = self.private_rows {
            return Needs { shared: 0, private: self.blocks() * self.private_plane(rows), phases: 1 };
        }
        match self.source {
            Source::Map => Needs { shared: 0, private: 0, phases: 1 },
            Source::LaidOut | Source::Few => {
                Needs { shared: self.conv.batch * self.blocks() * self.plane(), private: 0, phases: 2 }
            }
        }
    }

    /// # Safety
    /// The maps lie in the arena and have the convolution's sizes; the memory is what [`needs`](Self::needs) says.
    pub(crate) unsafe fn run(
        &self,
        member: &mut Member<'_>,
        memory: Memory<'_>,
        input: Input,
        residual: Option<Map>,
        y: Map,
    ) {
        if let Some(rows) = self.private_rows {
            // SAFETY: the caller's promise.
            unsafe { self.run_privately(member, memory, input, residual, y, rows) };
            return;
        }
        let (x, x_stride, x_plane) = match (self.source, input) {
            (Source::Map, Input::Map(map)) => {
                (memory.arena.cast_const().wrapping_add(map.offset), map.stride, map.plane())
            }
            _ => {
                let chunks = self.rows.div_ceil(16).min(4 * self.threads);
                let items = self.conv.batch * self.blocks() * chunks;
                member.each(items, |item| {
                    let rows = part(self.rows, chunks, item % chunks);
                    let (n, block) = (item / chunks / self.blocks(), item / chunks % self.blocks());
                    let place = (n * self.blocks() + block) * self.plane() + rows.start * self.row_len();
                    let to = memory.shared.wrapping_add(place);
                    // SAFETY: the caller's promise; items write different rows.
                    unsafe { self.isa.run(LayOut { direct: self, memory, input, n, block, rows, to }) }
                });
                (memory.shared.cast_const(), self.blocks() * self.plane(), self.plane())
            }
        };
        // One long row where rows follow each other without a gap.
        let merged = self.source == Source::Map && self.taps.len() == 1 && self.conv.columns.is_identity();
        let (rows, columns) = (self.conv.rows.output(), self.conv.columns.output());
        let (rows, columns) = if merged { (1, rows * columns) } else { (rows, columns) };
        let (tile_blocks, tile_pixels) = self.isa.tile();
        let groups = y.blocks().div_ceil(tile_blocks);
        // Spots: pixels of one item, as a range of strips of one row or as a range of rows.
        let per_pixel = self.conv.in_channels * self.taps.len().min(4);
        let pixels = (ITEM_VALUES / per_pixel.max(1)).max(tile_pixels);
        let strips = columns.div_ceil(tile_pixels);
        let (row_parts, strip_parts) = if rows == 1 {
            (1, strips.div_ceil((pixels / tile_pixels).max(1)))
        } else {
            (rows.div_ceil((pixels / columns.max(1)).max(1)), 1)
        };
        let wanted = 6 * self.threads;
        let (mut row_parts, mut strip_parts) = (row_parts, strip_parts);
        let mut spots = self.conv.batch * row_parts * strip_parts;
        if self.threads > 1 && spots < wanted {
            // Pixels first, as long as an item keeps some tiles; then channels.
            if rows == 1 {
                strip_parts =
                    strips.min(wanted.div_ceil(self.conv.batch)).min(strips.div_ceil(2).max(strip_parts));
            } else {
                row_parts = rows.min(wanted.div_ceil(self.conv.batch)).min(rows.div_ceil(2).max(row_parts));
            }
            spots = self.conv.batch * row_parts * strip_parts;
        }
        let group_parts =
            if self.threads == 1 { 1 } else { wanted.div_ceil(spots).min(groups.div_ceil(2)).max(1) };
        let product = Product {
            taps: &self.taps,
            channels: self.conv.in_channels,
            block: x_plane,
            out_block: y.plane(),
        };
        let epilogue = Epilogue { residual: residual.map(|map| map.plane()), activation: self.activation };
        member.each(spots * group_parts, |item| {
            let (spot, group) = (item / group_parts, item % group_parts);
            let n = spot / (row_parts * strip_parts);
            let work = Work {
                direct: self,
                product: &product,
                epilogue: &epilogue,
                x: x.wrapping_add(n * x_stride),
                y: memory.arena.wrapping_add(y.offset + n * y.stride),
                residual: residual.map_or(std::ptr::null(), |map| {
                    memory.arena.cast_const().wrapping_add(map.offset + n * map.stride)
                }),
                rows: part(rows, row_parts, spot / strip_parts % row_parts),
                strips: part(strips, strip_parts, spot % strip_parts),
                columns,
                out_row: columns * LANES,
                groups: part(groups, group_parts, group),
            };
            // SAFETY: the caller's promise; items write different pixels or channels.
            unsafe { self.isa.run(work) }
        });
    }

    /// Each item lays out what it reads itself: nothing large is written, and nobody waits.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    unsafe fn run_privately(
        &self,
        member: &mut Member<'_>,
        memory: Memory<'_>,
        input: Input,
        residual: Option<Map>,
        y: Map,
        rows: usize,
    ) {
        let scratch = memory.private.wrapping_add(member.index() * memory.private_stride);
        let plane = self.private_plane(rows);
        let parts = self.conv.rows.output().div_ceil(rows);
        let columns = self.conv.columns.output();
        let (tile_blocks, tile_pixels) = self.isa.tile();
        let product =
            Product { taps: &self.taps, channels: self.conv.in_channels, block: plane, out_block: y.plane() };
        let epilogue = Epilogue { residual: residual.map(|map| map.plane()), activation: self.activation };
        member.each(self.conv.batch * parts, |item| {
            let (n, rows) = (item / parts, part(self.conv.rows.output(), parts, item % parts));
            let first = rows.start * self.row_step();
            let laid_out = first..(rows.end - 1) * self.row_step() + self.extent();
            for block in 0..self.blocks() {
                let (rows, to) = (laid_out.clone(), scratch.wrapping_add(block * plane));
                // SAFETY: the caller's promise; the scratch is this member's.
                unsafe { self.isa.run(LayOut { direct: self, memory, input, n, block, rows, to }) }
            }
            let work = Work {
                direct: self,
                product: &product,
                epilogue: &epilogue,
                x: scratch.cast_const().wrapping_sub(first * self.row_len()),
                y: memory.arena.wrapping_add(y.offset + n * y.stride),
                residual: residual.map_or(std::ptr::null(), |map| {
                    memory.arena.cast_const().wrapping_add(map.offset + n * map.stride)
                }),
                rows,
                strips: 0..columns.div_ceil(tile_pixels),
                columns,
                out_row: columns * LANES,
                groups: 0..y.blocks().div_ceil(tile_blocks),
            };
            // SAFETY: the caller's promise; items write different rows.
            unsafe { self.isa.run(work) }
        });
    }
}

/// Values for the lanes of whole blocks.
pub(crate) fn padded(values: &[f32], channels: usize) -> Buffer {
    let mut buffer = Buffer::zeros(channels.div_ceil(LANES) * LANES);
    buffer[..values.len()].copy_from_slice(values);
    buffer
}

/// The tiles of one item.
struct Work<'a> {
    direct: &'a Direct,
    product: &'a Product<'a>,
    epilogue: &'a Epilogue,
    x: *const f32,
    y: *mut f32,
    residual: *const f32,
    rows: std::ops::Range<usize>,
    strips: std::ops::Range<usize>,
    columns: usize,
    out_row: usize,
    groups: std::ops::Range<usize>,
}

impl Kernel for Work<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let direct = self.direct;
        let distance = direct.distance();
        let blocks = direct.conv.out_channels.div_ceil(LANES);
        let group_len = V::TILE_BLOCKS * LANES * direct.conv.in_channels * direct.taps.len();
        let row_step = direct.row_step() * direct.row_len();
        let count = self.columns.div_ceil(V::TILE_PIXELS);
        // SAFETY: the caller's promise.
        unsafe {
            for group in self.groups {
                let first = group * V::TILE_BLOCKS;
                let weights = direct.weights.pointer().add(group * group_len);
                let bias =
                    direct.bias.as_ref().map_or(std::ptr::null(), |bias| bias.pointer().add(first * LANES));
                let out = first * self.product.out_block;
                for row in self.rows.clone() {
                    for strip in self.strips.clone() {
                        let strip = part(self.columns, count, strip);
                        let to = out + row * self.out_row + strip.start * LANES;
                        let one = Tile {
                            product: self.product,
                            epilogue: self.epilogue,
                            // It may begin before its scratch, as if that held all rows.
                            x: self.x.wrapping_add(row * row_step + strip.start * distance),
                            weights,
                            y: self.y.add(to),
                            residual: match self.epilogue.residual {
                                // The residual has the output's shape, so its rows and blocks are alike.
                                Some(_) => self.residual.add(to),
                                None => std::ptr::null(),
                            },
                            bias,
                        };
                        let width = V::TILE_BLOCKS.min(blocks - first);
                        if distance == FEW {
                            tile::tile::<V, FEW>(one, width, strip.len());
                        } else {
                            tile::tile::<V, LANES>(one, width, strip.len());
                        }
                    }
                }
            }
        }
    }
}
