//! A transposed convolution as ordinary ones: one for each remainder of rows and columns modulo the stride.

use cnn_kernels::conv::Conv;

/// The part of a transposed convolution that gives every so manyth row and column.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Phase {
    /// Its sizes.
    pub(in crate::plan) geometry: Conv,
    /// Which taps of the weight it has, down and across.
    taps: [Vec<usize>; 2],
    /// Of the whole.
    kernel: [usize; 2],
}

/// The phases of the transpose of a convolution, row by row. None where one of them would have no taps (a stride above
/// the kernel), or where padding takes more than there is.
pub(in crate::plan) fn phases(transposed: &Conv) -> Option<Vec<Phase>> {
    let (rows, columns) = (transposed.rows, transposed.columns);
    let kernel = [rows.kernel(), columns.kernel()];
    let mut phases = Vec::with_capacity(rows.stride() * columns.stride());
    for row in 0..rows.stride() {
        let (rows, down) = rows.transposed_phase(row)?;
        for column in 0..columns.stride() {
            let (columns, across) = columns.transposed_phase(column)?;
            let geometry = Conv {
                batch: transposed.batch,
                in_channels: transposed.out_channels,
                out_channels: transposed.in_channels,
                groups: transposed.groups,
                rows,
                columns,
            };
            phases.push(Phase { geometry, taps: [down.clone().collect(), across.collect()], kernel });
        }
    }
    Some(phases)
}

impl Phase {
    /// Its weight (out_channels, in_channels / groups, rows, columns), of that of the transposed convolution (in_channels,
    /// out_channels / groups, rows, columns).
    pub(in crate::plan) fn weight(&self, values: &[f32]) -> Vec<f32> {
        let [kernel_rows, kernel_columns] = self.kernel;
        let Conv { in_channels, out_channels, groups, .. } = self.geometry;
        let (inputs, outputs) = (in_channels / groups, out_channels / groups);
        let mut weight = Vec::with_capacity(self.geometry.weight_len());
        for output in 0..out_channels {
            let group = output / outputs;
            for input in group * inputs..(group + 1) * inputs {
                let window = (input * outputs + output % outputs) * kernel_rows * kernel_columns;
                for row in &self.taps[0] {
                    let row = window + row * kernel_columns;
                    weight.extend(self.taps[1].iter().map(|column| values[row + column]));
                }
            }
        }
        weight
    }
}
