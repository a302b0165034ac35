//! What is known of a network before it runs: its layers and their cost.

use std::fmt;

use cnn_ir::summary::grouped;

/// One layer of a network's `LAYERS`.
///
/// Shapes are without the batch dimension: `[C, H, W]` or `[F]`; 0 is a size that is known at run time only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// Its path, as in a weight file.
    pub path: &'static str,
    /// As declared: `conv3-64`.
    pub layer: &'static str,
    /// What arrives.
    pub input: &'static [usize],
    /// What leaves.
    pub output: &'static [usize],
    /// Learned values.
    pub params: usize,
    /// Multiply-accumulates of one sample.
    pub macs: usize,
    /// Values that its output holds in memory; 0 where it works in place.
    pub activations: usize,
    /// Rows and columns of the input that one output value sees; `None` where that is all of it.
    pub receptive_field: Option<[usize; 2]>,
}

impl LayerInfo {
    /// A layer without parameters or cost.
    #[must_use]
    pub const fn new(
        path: &'static str,
        layer: &'static str,
        input: &'static [usize],
        output: &'static [usize],
    ) -> Self {
        Self { path, layer, input, output, params: 0, macs: 0, activations: 0, receptive_field: None }
    }

    /// With its parameters, multiply-accumulates and activations.
    #[must_use]
    pub const fn costs(self, params: usize, macs: usize, activations: usize) -> Self {
        Self { params, macs, activations, ..self }
    }

    /// With its receptive field.
    #[must_use]
    pub const fn sees(self, rows: usize, columns: usize) -> Self {
        Self { receptive_field: Some([rows, columns]), ..self }
    }
}

/// The table of a network's layers; print it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    name: &'static str,
    layers: Vec<LayerInfo>,
    params: usize,
    /// MACs and activations, where they are known before it runs.
    costs: Option<[usize; 2]>,
}

impl Summary {
    /// The table of these layers, with the totals of the network.
    #[must_use]
    pub fn new(name: &'static str, layers: &[LayerInfo], params: usize, costs: Option<[usize; 2]>) -> Self {
        Self { name, layers: layers.to_vec(), params, costs }
    }

    /// Its layers.
    #[must_use]
    pub fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    fn cells(&self) -> Vec<[String; 6]> {
        let number = |n: usize| if n == 0 { String::new() } else { grouped(n as i128) };
        let mut rows = vec![["path", "layer", "output", "parameters", "MACs", "sees"].map(str::to_owned)];
        for layer in &self.layers {
            rows.push([
                layer.path.to_owned(),
                layer.layer.to_owned(),
                shape(layer.output),
                number(layer.params),
                number(layer.macs),
                layer.receptive_field.map_or_else(String::new, |[h, w]| format!("{h}x{w}")),
            ]);
        }
        let macs = self.costs.map_or_else(|| "?".to_owned(), |[macs, _]| grouped(macs as i128));
        rows.push([
            "total".into(),
            String::new(),
            String::new(),
            grouped(self.params as i128),
            macs,
            String::new(),
        ]);
        rows
    }
}

fn shape(sizes: &[usize]) -> String {
    let sizes: Vec<String> =
        sizes.iter().map(|&size| if size == 0 { "?".to_owned() } else { size.to_string() }).collect();
    sizes.join("x")
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.cells();
        let mut widths = [0; 6];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        writeln!(f, "{}", self.name)?;
        for [path, layer, output, params, macs, field] in &rows {
            let [a, b, c, d, e, _] = widths;
            let line = format!("  {path:a$}  {layer:b$}  {output:c$}  {params:>d$}  {macs:>e$}  {field}");
            writeln!(f, "{}", line.trim_end())?;
        }
        if let Some([_, activations]) = self.costs {
            let mebibytes = activations as f64 * 4.0 / (1024.0 * 1024.0);
            writeln!(
                f,
                "  activations: {} values ({mebibytes:.1} MiB in f32)",
                grouped(activations as i128)
            )?;
        }
        let megabytes = self.params as f64 * 4.0 / (1024.0 * 1024.0);
        write!(f, "  weights: {megabytes:.1} MiB in f32")
    }
}

/// Whether a network shows a stage of that name and shape. For const assertions between networks.
#[doc(hidden)]
#[must_use]
pub const fn has_stage(stages: &[(&str, &[usize])], name: &str, shape: &[usize]) -> bool {
    let mut index = 0;
    while index < stages.len() {
        if same_text(stages[index].0.as_bytes(), name.as_bytes()) {
            return same_shape(stages[index].1, shape);
        }
        index += 1;
    }
    false
}

const fn same_text(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Whether two shapes are equal; 0 equals every size. For const assertions between networks.
#[doc(hidden)]
#[must_use]
pub const fn same_shape(left: &[usize], right: &[usize]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] && left[index] != 0 && right[index] != 0 {
            return false;
        }
        index += 1;
    }
    true
}
