//! The input as the tiles read it: with its padding, its columns sorted by their remainder modulo the stride.

use super::{Direct, FEW, Grid};
use crate::blocked::conv::ConvInput;
use crate::blocked::memory::Memory;
use crate::simd::{Kernel, LANES, Vector};

/// Some rows of a block of channels, with padding and sorted columns.
pub(super) struct LayOut<'a> {
    pub(super) direct: &'a Direct,
    pub(super) memory: Memory<'a>,
    pub(super) input: ConvInput,
    pub(super) n: usize,
    pub(super) block: usize,
    /// Of the laid-out input.
    pub(super) rows: std::ops::Range<usize>,
    /// Where the first of them goes.
    pub(super) to: *mut f32,
}

impl Kernel for LayOut<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { direct, memory, input, n, block, rows, to } = self;
        let (vertical, horizontal) = (direct.conv.rows, direct.conv.columns);
        let Grid { phases, width, distance, .. } = direct.grid;
        let row_len = direct.grid.row_len();
        let step = if vertical.kernel() == 1 { vertical.stride() } else { 1 };
        // SAFETY: the caller's promise: the input has these sizes, the scratch has room for all rows.
        unsafe {
            for (index, row) in rows.enumerate() {
                let to = to.add(index * row_len);
                let from_row =
                    (row * step).checked_sub(vertical.before()).filter(|&row| row < vertical.input());
                for phase in 0..phases {
                    let to = to.add(phase * width * distance);
                    for column in 0..width {
                        let to = to.add(column * distance);
                        let x = (column * horizontal.stride() + phase)
                            .checked_sub(horizontal.before())
                            .filter(|&x| x < horizontal.input());
                        match (input, from_row, x) {
                            (ConvInput::Map(map), Some(y), Some(x)) => {
                                let from =
                                    memory.arena.add(map.offset + n * map.stride + block * map.plane());
                                V::load(from.add((y * horizontal.input() + x) * LANES)).store(to);
                            }
                            (ConvInput::Plain(plain), Some(y), Some(x)) => {
                                let plane = vertical.input() * horizontal.input();
                                let channels = direct.conv.in_channels;
                                let from = memory.plain(plain, n, channels * plane);
                                let from = from.add(y * horizontal.input() + x);
                                for c in 0..FEW {
                                    *to.add(c) = if c < channels { *from.add(c * plane) } else { 0.0 };
                                }
                            }
                            _ if distance == LANES => V::zero().store(to),
                            _ => (0..FEW).for_each(|c| *to.add(c) = 0.0),
                        }
                    }
                }
            }
        }
    }
}
