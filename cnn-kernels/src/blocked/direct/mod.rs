//! Convolution by the tile, tap by tap.
//!
//! The input is first laid out with its padding, and with its columns sorted by their remainder modulo the stride: then
//! neighbouring outputs read neighbouring values, whatever the stride. A 1x1 convolution of stride 1, and any other
//! that has neither padding nor stride, reads the input where it is. The few channels of a first layer come from NCHW
//! and stand four to a pixel.

mod lay_out;

use std::ops::Range;

use super::conv::ConvInput;
use super::definition::{Again, Groups, Weights};
use super::epilogue::Epilogue;
use super::filter::Filter;
use super::kept::{Kept, Late, pointer_or_null};
use super::places::Limits;
use super::stored::{Packed, Stored};
use super::team::Member;
use super::tile::{self, Product, Tile};
use super::{Activation, Buffer, Map, Memory, Needs, Target, part};
use crate::conv::Conv;
use crate::simd::{Kernel, LANES, Vector};
use crate::window::Span;
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
    target: Target,
    conv: Conv,
    groups: Groups,
    grid: Grid,
    taps: Vec<usize>,
    weights: Packed,
    bias: Option<Kept>,
    activation: Option<Activation>,
}

/// What the tiles read: a map as it is, or laid out in scratch.
#[derive(Clone, Copy, Debug)]
struct Grid {
    /// Whether it is the map itself.
    is_map: bool,
    /// Values of a pixel.
    distance: usize,
    /// Remainders of the columns modulo the stride, and the pixels of a row that have one.
    phases: usize,
    width: usize,
    /// Rows, and how many of them lie between those of neighbouring outputs.
    rows: usize,
    row_step: usize,
    /// Rows of outputs for which a member lays the input out for itself; of a small input all members lay out all.
    private_rows: Option<usize>,
}

impl Grid {
    fn new(conv: &Conv, plain: bool, threads: usize) -> Self {
        let (rows, columns) = (conv.rows, conv.columns);
        let untouched = |span: Span| span.before() == 0 && span.stride() == 1 && span.reach() <= span.input();
        if !plain && untouched(rows) && untouched(columns) {
            return Self {
                is_map: true,
                distance: LANES,
                phases: 1,
                width: columns.input(),
                rows: rows.input(),
                row_step: 1,
                private_rows: None,
            };
        }
        // Of windows of one row or column the ones between are left out.
        let (laid_out, row_step) =
            if rows.kernel() == 1 { (rows.output(), 1) } else { (rows.reach(), rows.stride()) };
        let grid = Self {
            is_map: false,
            distance: if plain { FEW } else { LANES },
            phases: if columns.kernel() == 1 { 1 } else { columns.stride() },
            width: columns.reach().div_ceil(columns.stride()),
            rows: laid_out,
            row_step,
            private_rows: None,
        };
        let blocks = conv.in_channels.div_ceil(LANES);
        if conv.batch * blocks * grid.plane() <= SHARED_VALUES {
            return grid;
        }
        let fitting = (ITEM_VALUES / (grid.row_len() * blocks)).saturating_sub(extent(rows)) / row_step + 1;
        let fair = (conv.batch * rows.output()).div_ceil(4 * threads);
        Self { private_rows: Some(fitting.min(fair).clamp(1, rows.output())), ..grid }
    }

    fn row_len(&self) -> usize {
        self.phases * self.width * self.distance
    }

    /// Values of a block of channels.
    fn plane(&self) -> usize {
        self.rows * self.row_len()
    }

    /// The offset of a tap from the first.
    fn tap(&self, conv: &Conv, [row, column]: [usize; 2]) -> usize {
        let (down, right) = (row * conv.rows.dilation(), column * conv.columns.dilation());
        let stride = if self.is_map { 1 } else { conv.columns.stride() };
        down * self.row_len() + (right % stride * self.width + right / stride) * self.distance
    }
}

/// Rows that a window of one row of outputs reaches over.
fn extent(rows: Span) -> usize {
    (rows.kernel() - 1) * rows.dilation() + 1
}

/// What the items of a run have in common.
struct Run<'a> {
    memory: Memory<'a>,
    product: Product<'a>,
    epilogue: Epilogue,
    input: ConvInput,
    residual: Option<Map>,
    y: Map,
}

impl Direct {
    /// Whether plain values are what it should read.
    pub(crate) const fn takes_plain(in_channels: usize) -> bool {
        in_channels <= FEW
    }

    /// Packs the weights for what it reads.
    pub(crate) fn new(
        target: Target,
        conv: Conv,
        plain: bool,
        weight: &Filter<'_>,
        bias: Option<&[f32]>,
        activation: Option<Activation>,
        bf16: bool,
    ) -> Self {
        let bias = bias.map(|bias| Kept::Own(padded(bias, conv.out_channels)));
        // Its own weights do not know their place yet.
        let late = Packed::F32(Kept::Late(0));
        let mut made = Self::with(target, conv, plain, Groups::of(weight), late, bias, activation);
        let (sizes, distance) = (made.sizes(), made.grid.distance);
        let (len, value) = (tile::packed_len(sizes), |o, c, t| weight.value(o, c, t));
        // Of a first layer there are few, and bf16 would be a tile of its own.
        made.weights = if bf16 && !plain {
            let mut weights = Buffer::zeros(len);
            tile::pack(target.isa, sizes, distance, value, &mut weights);
            Packed::Bf16(weights)
        } else {
            let mut weights = Buffer::zeros(len);
            tile::pack(target.isa, sizes, distance, value, &mut weights);
            Packed::F32(Kept::Own(weights))
        };
        made
    }

    /// With weights that are packed in each run, as [`Repack`](super::Repack) does it.
    pub(crate) fn late(target: Target, conv: Conv, plain: bool, late: Late) -> Self {
        let (weights, bias) = (Packed::F32(Kept::Late(late.weights)), late.bias.map(Kept::Late));
        Self::with(target, conv, plain, Groups::whole(&conv), weights, bias, late.activation)
    }

    fn with(
        target: Target,
        conv: Conv,
        plain: bool,
        groups: Groups,
        weights: Packed,
        bias: Option<Kept>,
        activation: Option<Activation>,
    ) -> Self {
        assert!(!plain || Self::takes_plain(conv.in_channels), "so many channels are no pixel of {FEW}");
        assert_eq!(conv.groups, 1, "groups are kernels of their own");
        let grid = Grid::new(&conv, plain, target.threads);
        let places =
            (0..conv.rows.kernel()).flat_map(|ky| (0..conv.columns.kernel()).map(move |kx| [ky, kx]));
        let taps: Vec<usize> = places.map(|place| grid.tap(&conv, place)).collect();
        Self { target, conv, groups, grid, taps, weights, bias, activation }
    }

    /// What is packed in each run lies in the arena.
    pub(crate) fn check(&self, limits: &Limits<'_>, written: &Map) {
        if let Packed::F32(weights) = &self.weights {
            weights.check(tile::packed_len(self.sizes()), limits, written);
        }
        if let Some(bias) = &self.bias {
            bias.check(self.conv.out_channels.next_multiple_of(LANES), limits, written);
        }
    }

    /// Output channels, input channels, taps.
    fn sizes(&self) -> [usize; 3] {
        [self.conv.out_channels, self.conv.in_channels, self.taps.len()]
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    pub(crate) fn is_bf16(&self) -> bool {
        matches!(self.weights, Packed::Bf16(_))
    }

    fn blocks(&self) -> usize {
        self.conv.in_channels.div_ceil(LANES)
    }

    /// Rows of the laid-out input that so many rows of outputs read.
    fn reach(&self, rows: usize) -> usize {
        (rows - 1) * self.grid.row_step + extent(self.conv.rows)
    }

    /// Values of one block of channels in a member's own scratch.
    fn private_plane(&self, rows: usize) -> usize {
        self.reach(rows) * self.grid.row_len() + LANES
    }

    pub(crate) fn needs(&self) -> Needs {
        match self.grid.private_rows {
            _ if self.grid.is_map => Needs { shared: 0, private: 0, phases: 1 },
            Some(rows) => Needs { shared: 0, private: self.blocks() * self.private_plane(rows), phases: 1 },
            None => {
                Needs { shared: self.conv.batch * self.blocks() * self.grid.plane(), private: 0, phases: 2 }
            }
        }
    }

    /// # Safety
    /// The maps lie in the arena and have the convolution's sizes; the memory is what [`needs`](Self::needs) says.
    pub(crate) unsafe fn run(
        &self,
        member: &mut Member<'_>,
        memory: Memory<'_>,
        input: ConvInput,
        residual: Option<Map>,
        y: Map,
    ) {
        let run = |block| Run {
            memory,
            product: Product {
                taps: &self.taps,
                channels: self.conv.in_channels,
                block,
                out_block: y.plane(),
            },
            epilogue: Epilogue::new(residual, self.activation),
            input,
            residual,
            y,
        };
        // SAFETY: the caller's promise.
        unsafe {
            match (input, self.grid.private_rows) {
                (ConvInput::Map(map), _) if self.grid.is_map => {
                    let x = memory.arena.cast_const().wrapping_add(map.offset);
                    self.multiply(member, &run(map.plane()), x, map.stride);
                }
                (_, Some(rows)) => {
                    self.privately(member, &run(self.private_plane(rows)), input, rows);
                }
                (_, None) => {
                    self.lay_out(member, memory, input);
                    let (x, plane) = (memory.shared.cast_const(), self.grid.plane());
                    self.multiply(member, &run(plane), x, self.blocks() * plane);
                }
            }
        }
    }

    /// The whole input, by all members.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    unsafe fn lay_out(&self, member: &mut Member<'_>, memory: Memory<'_>, input: ConvInput) {
        let planes = self.conv.batch * self.blocks();
        let parts = self.target.parts(planes, self.grid.rows, 4);
        member.each(planes * parts, |item| {
            let (plane, rows) = (item / parts, part(self.grid.rows, parts, item % parts));
            let (n, block) = (plane / self.blocks(), plane % self.blocks());
            let place = plane * self.grid.plane() + rows.start * self.grid.row_len();
            let to = memory.shared.wrapping_add(place);
            // SAFETY: the caller's promise; items write different rows.
            unsafe { self.target.isa.run(LayOut { direct: self, memory, input, n, block, rows, to }) }
        });
    }

    /// The tiles of an input whose samples stand at a distance from `x` on.
    ///
    /// # Safety
    /// As [`run`](Self::run), and the input is there.
    unsafe fn multiply(&self, member: &mut Member<'_>, run: &Run<'_>, x: *const f32, x_stride: usize) {
        // One long row where rows follow each other without a gap.
        let merged = self.grid.is_map && self.taps.len() == 1 && self.conv.columns.is_identity();
        let (rows, columns) = (self.conv.rows.output(), self.conv.columns.output());
        let (rows, columns) = if merged { (1, rows * columns) } else { (rows, columns) };
        let (tile_blocks, tile_pixels) = self.target.isa.tile();
        let (groups, strips) = (run.y.blocks().div_ceil(tile_blocks), columns.div_ceil(tile_pixels));
        // Pixels whose input fits; they are some strips of the one row, or some rows.
        let pixels = ITEM_VALUES / (self.conv.in_channels * self.taps.len().min(4));
        let (spots, each) = if rows == 1 { (strips, pixels / tile_pixels) } else { (rows, pixels / columns) };
        let fitting = spots.div_ceil(each.max(1));
        // Pixels are shared out first, as long as an item keeps some tiles; then channels.
        let wanted = if self.target.threads == 1 { 1 } else { 6 * self.target.threads };
        let spot_parts = wanted.div_ceil(self.conv.batch).min(spots.div_ceil(2)).max(fitting);
        let group_parts = wanted.div_ceil(self.conv.batch * spot_parts).min(groups.div_ceil(2)).max(1);
        member.each(self.conv.batch * spot_parts * group_parts, |item| {
            let (spot, group) = (item / group_parts, item % group_parts);
            let (n, some) = (spot / spot_parts, part(spots, spot_parts, spot % spot_parts));
            let (rows, strips) = if rows == 1 { (0..1, some) } else { (some, 0..strips) };
            let groups = part(groups, group_parts, group);
            let x = x.wrapping_add(n * x_stride);
            // SAFETY: the caller's promise; items write different pixels or channels.
            unsafe { self.target.isa.run(Work { direct: self, run, x, n, rows, strips, columns, groups }) }
        });
    }

    /// Each item lays out what it reads itself: nothing large is written, and nobody waits.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    unsafe fn privately(&self, member: &mut Member<'_>, run: &Run<'_>, input: ConvInput, rows: usize) {
        let memory = run.memory;
        let scratch = memory.private.wrapping_add(member.index() * memory.private_stride);
        let parts = self.conv.rows.output().div_ceil(rows);
        let columns = self.conv.columns.output();
        let (tile_blocks, tile_pixels) = self.target.isa.tile();
        member.each(self.conv.batch * parts, |item| {
            let (n, rows) = (item / parts, part(self.conv.rows.output(), parts, item % parts));
            let first = rows.start * self.grid.row_step;
            let laid_out = first..first + self.reach(rows.len());
            for block in 0..self.blocks() {
                let (rows, to) = (laid_out.clone(), scratch.wrapping_add(block * run.product.block));
                // SAFETY: the caller's promise; the scratch is this member's.
                unsafe { self.target.isa.run(LayOut { direct: self, memory, input, n, block, rows, to }) }
            }
            // As if the scratch held all rows from the first.
            let x = scratch.cast_const().wrapping_sub(first * self.grid.row_len());
            let strips = 0..columns.div_ceil(tile_pixels);
            let groups = 0..run.y.blocks().div_ceil(tile_blocks);
            // SAFETY: the caller's promise; items write different rows.
            unsafe { self.target.isa.run(Work { direct: self, run, x, n, rows, strips, columns, groups }) }
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
    run: &'a Run<'a>,
    /// The sample's input, or where that would begin.
    x: *const f32,
    n: usize,
    rows: Range<usize>,
    strips: Range<usize>,
    /// Pixels of a row.
    columns: usize,
    groups: Range<usize>,
}

impl Kernel for Work<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise; a pixel of few values has weights in `f32`.
        unsafe {
            match &self.direct.weights {
                Packed::F32(weights) if self.direct.grid.distance == FEW => {
                    self.tiles::<V, f32, FEW>(weights.pointer(&self.run.memory));
                }
                Packed::F32(weights) => self.tiles::<V, f32, LANES>(weights.pointer(&self.run.memory)),
                Packed::Bf16(weights) => self.tiles::<V, u16, LANES>(weights.pointer()),
            }
        }
    }
}

impl Work<'_> {
    /// # Safety
    /// As [`Direct::multiply`], and the pixels of the input stand at that distance.
    #[inline(always)]
    unsafe fn tiles<V: Vector, T: Stored, const DISTANCE: usize>(&self, packed: *const T) {
        let Self { direct, run, x, n, columns, .. } = *self;
        let Run { memory, product, epilogue, residual, y, .. } = run;
        let blocks = direct.conv.out_channels.div_ceil(LANES);
        let group_len = V::TILE_BLOCKS * LANES * direct.conv.in_channels * direct.taps.len();
        let row_step = direct.grid.row_step * direct.grid.row_len();
        let count = columns.div_ceil(V::TILE_PIXELS);
        let sample = |map: &Map| memory.arena.wrapping_add(map.offset + n * map.stride);
        let (to, added) = (sample(y), residual.as_ref().map_or(std::ptr::null_mut(), sample));
        let mixed = direct.groups.are_mixed(&direct.conv);
        let biases = pointer_or_null(direct.bias.as_ref(), memory);
        // SAFETY: the caller's promise.
        unsafe {
            for group in self.groups.clone() {
                let first = group * V::TILE_BLOCKS;
                let weights = packed.add(group * group_len);
                let bias = biases.wrapping_add(if biases.is_null() { 0 } else { first * LANES });
                for row in self.rows.clone() {
                    for strip in self.strips.clone() {
                        let strip = part(columns, count, strip);
                        // The residual has the output's shape, so its rows and blocks are alike.
                        let place = first * product.out_block + (row * columns + strip.start) * LANES;
                        let one = Tile {
                            product,
                            epilogue,
                            x: x.wrapping_add(row * row_step + strip.start * DISTANCE),
                            weights,
                            y: to.add(place),
                            residual: added.cast_const().wrapping_add(place),
                            bias,
                        };
                        let width = V::TILE_BLOCKS.min(blocks - first);
                        tile::tile::<V, T, DISTANCE>(one, width, strip.len());
                        if mixed && not_finite::<V>(one.y, width, strip.len(), product.out_block) {
                            self.again::<V>(first..first + width, row * columns + strip.start, strip.len());
                        }
                    }
                }
            }
        }
    }

    /// Pixels from one on, by the definition: their groups share blocks with channels that are not finite.
    ///
    /// # Safety
    /// As [`Direct::multiply`].
    unsafe fn again<V: Vector>(&self, blocks: Range<usize>, pixel: usize, pixels: usize) {
        let Self { direct, run, n, .. } = *self;
        let ConvInput::Map(x) = run.input else { unreachable!("plain inputs have no groups") };
        let width = direct.conv.columns.output();
        for (block, pixel) in
            blocks.flat_map(|block| (pixel..pixel + pixels).map(move |pixel| (block, pixel)))
        {
            let place = |map: &Map| {
                run.memory
                    .arena
                    .wrapping_add(map.offset + n * map.stride + block * map.plane() + pixel * LANES)
            };
            let (row, column) = (pixel / width, pixel % width);
            let bias = pointer_or_null(direct.bias.as_ref(), &run.memory);
            // SAFETY: the caller's promise; the pixel is this item's.
            unsafe {
                V::enter(Again {
                    conv: &direct.conv,
                    groups: direct.groups,
                    weights: direct,
                    epilogue: &run.epilogue,
                    x: run.memory.arena.wrapping_add(x.offset + n * x.stride).cast_const(),
                    plane: x.plane(),
                    block,
                    rows: row..row + 1,
                    columns: column..column + 1,
                    bias: bias.wrapping_add(if bias.is_null() { 0 } else { block * LANES }),
                    y: place(&run.y),
                    residual: run.residual.as_ref().map_or(std::ptr::null_mut(), place).cast_const(),
                });
            }
        }
    }
}

/// Whether one of the outputs of a tile is not.
///
/// # Safety
/// As [`Vector`]; the tile is in its buffer.
#[inline(always)]
unsafe fn not_finite<V: Vector>(y: *const f32, blocks: usize, pixels: usize, block: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = V::zero();
        for b in 0..blocks {
            for p in 0..pixels {
                // Zero times what is not finite is not a number.
                sum = V::zero().mul_add(V::load(y.add(b * block + p * LANES)), sum);
            }
        }
        sum.sum().is_nan()
    }
}

impl Weights for Direct {
    #[inline(always)]
    unsafe fn weight<V: Vector>(&self, block: usize, channel: usize, tap: usize) -> V {
        let (channels, taps) = (self.conv.in_channels, self.taps.len());
        let (group, inner) = (block / V::TILE_BLOCKS, block % V::TILE_BLOCKS);
        let blocks = self.conv.out_channels.div_ceil(LANES);
        let width = V::TILE_BLOCKS.min(blocks - group * V::TILE_BLOCKS);
        let first = channel / LANES * LANES;
        // As `tile::pack` writes them.
        let row = first * taps + tap * LANES.min(channels - first) + channel - first;
        let place = (group * V::TILE_BLOCKS * channels * taps + row * width + inner) * LANES;
        // SAFETY: the caller's promise.
        unsafe {
            match &self.weights {
                Packed::F32(Kept::Own(weights)) => Stored::load::<V>(weights.pointer().add(place)),
                Packed::F32(Kept::Late(_)) => unreachable!("weights that come late are of one group"),
                Packed::Bf16(weights) => Stored::load::<V>(weights.pointer().add(place)),
            }
        }
    }
}
