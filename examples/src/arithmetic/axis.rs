//! One axis of a sliding window as it is drawn: its cells, and where the window stands.

use cnn_ir::window::Axis;

/// What a cell of the padded input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A value of the input.
    Input,
    /// A zero between two values of the input (a transposed convolution with a stride).
    Inserted,
    /// Padding.
    Padding,
    /// Padding that `outpad` adds behind the rest.
    OutputPadding,
    /// Behind the padding: only a last window that rounding up allows reaches there, and reads nothing.
    Beyond,
}

/// The cells along an axis, and the cells at which the windows start.
///
/// ```
/// use cnn_examples::arithmetic::{Cell, Slide};
/// use cnn_ir::window::Axis;
///
/// // Dumoulin & Visin, figure 2.6: i = 5, k = 3, s = 2, p = 1.
/// let axis = Axis { kernel: 3, stride: 2, before: 1, after: 1, dilation: 1 };
/// let slide = Slide::forward(axis, 5, 3);
/// assert_eq!(slide.cells().len(), 7);
/// assert_eq!(slide.cells()[0], Cell::Padding);
/// assert_eq!(slide.starts(), [0, 2, 4]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slide {
    cells: Vec<Cell>,
    starts: Vec<usize>,
    taps: Vec<usize>,
}

impl Slide {
    /// The `output` windows of a convolution or pooling over `input` values.
    #[must_use]
    pub fn forward(axis: Axis, input: usize, output: usize) -> Self {
        let taps = taps(axis);
        let starts: Vec<usize> = (0..output).map(|window| window * axis.stride).collect();
        let mut cells = vec![Cell::Padding; axis.before];
        cells.extend(vec![Cell::Input; input]);
        cells.extend(vec![Cell::Padding; axis.after]);
        let end = starts.last().zip(taps.last()).map_or(0, |(start, tap)| start + tap + 1);
        cells.resize(cells.len().max(end), Cell::Beyond);
        Self { cells, starts, taps }
    }

    /// A transposed convolution as the convolution that gives the same: `stride - 1` zeros between the values, a
    /// padding of `extent - 1 - p`, windows one step apart (Dumoulin & Visin, chapter 4).
    ///
    /// Where `p` is more than `extent - 1`, the first and last cells are not read.
    #[must_use]
    pub fn transposed(axis: Axis, input: usize, output_padding: usize, output: usize) -> Self {
        let taps = taps(axis);
        let reach = taps.last().copied().unwrap_or(0);
        let mut cells = vec![Cell::Padding; reach.saturating_sub(axis.before)];
        for value in 0..input {
            if value > 0 {
                cells.resize(cells.len() + axis.stride - 1, Cell::Inserted);
            }
            cells.push(Cell::Input);
        }
        cells.resize(cells.len() + reach.saturating_sub(axis.after), Cell::Padding);
        let first = axis.before.saturating_sub(reach);
        let end = first + output + reach;
        let own = end.saturating_sub(cells.len()).min(output_padding);
        cells.resize(cells.len() + own, Cell::OutputPadding);
        Self { cells, starts: (first..first + output).collect(), taps }
    }

    /// What is drawn along the axis, from the first cell on.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The cell at which each window starts, in the order of the outputs.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The distances of a window's taps from its start.
    #[must_use]
    pub fn taps(&self) -> &[usize] {
        &self.taps
    }

    /// Number of cells that a window spans.
    #[must_use]
    pub fn extent(&self) -> usize {
        self.taps.last().map_or(0, |tap| tap + 1)
    }

    /// Whether any window reads this cell.
    #[must_use]
    pub fn reads(&self, cell: usize) -> bool {
        self.starts.iter().any(|start| self.taps.iter().any(|tap| start + tap == cell))
    }
}

fn taps(axis: Axis) -> Vec<usize> {
    (0..axis.kernel).map(|tap| tap * axis.dilation).collect()
}
