//! What is known of a network before it runs: its layers and their cost.

use std::fmt;

use cnn_ir::dim::Dim;
use cnn_ir::summary::{self, Entry, Lecture, Totals};

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
    /// The shape of its weight, as PyTorch has it; empty where it is neither a convolution nor fully connected.
    pub weight: &'static [usize],
    /// Learned values.
    pub params: usize,
    /// Multiply-accumulates of one sample.
    pub macs: usize,
    /// Values that its output holds in memory; 0 where it works in place, or where that is known at run time only.
    pub activations: usize,
    /// Whether its output takes no memory of its own: norms, activations, dropout and the like.
    pub in_place: bool,
    /// Rows and columns of the input that one output value sees; `None` where that is all of it.
    pub receptive_field: Option<[usize; 2]>,
}

impl LayerInfo {
    /// A layer without parameters or cost, which works in place.
    #[must_use]
    pub const fn new(
        path: &'static str,
        layer: &'static str,
        input: &'static [usize],
        output: &'static [usize],
    ) -> Self {
        Self {
            path,
            layer,
            input,
            output,
            weight: &[],
            params: 0,
            macs: 0,
            activations: 0,
            in_place: true,
            receptive_field: None,
        }
    }

    /// With its parameters, multiply-accumulates and activations; where it has activations it does not work in place.
    #[must_use]
    pub const fn costs(self, params: usize, macs: usize, activations: usize) -> Self {
        Self { params, macs, activations, in_place: activations == 0, ..self }
    }

    /// With the shape of its weight.
    #[must_use]
    pub const fn weight(self, weight: &'static [usize]) -> Self {
        Self { weight, ..self }
    }

    /// Not in place, with activations that are known at run time only.
    #[must_use]
    pub const fn of_any_size(self) -> Self {
        Self { in_place: false, ..self }
    }

    /// With its receptive field.
    #[must_use]
    pub const fn sees(self, rows: usize, columns: usize) -> Self {
        Self { receptive_field: Some([rows, columns]), ..self }
    }
}

/// The table of a network's layers; print it. In the lecture's form: [`Summary::lecture`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    layers: Vec<LayerInfo>,
    table: summary::Summary,
}

impl Summary {
    /// The table of these layers, with the names and shapes of the network's inputs and its totals: parameters, and
    /// MACs and activations where they are known before it runs.
    #[must_use]
    pub fn new(
        name: &str,
        inputs: &[(&str, &[usize])],
        layers: &[LayerInfo],
        params: usize,
        costs: Option<[usize; 2]>,
    ) -> Self {
        let known = |index: usize| costs.map(|costs| Dim::from(costs[index] as u64));
        let table = summary::Summary {
            name: name.to_owned(),
            inputs: inputs.iter().map(|&(name, shape)| (name.to_owned(), shape.into())).collect(),
            layers: layers.iter().map(Entry::from).collect(),
            totals: Totals { parameters: Dim::from(params as u64), macs: known(0), activations: known(1) },
        };
        Self { layers: layers.to_vec(), table }
    }

    /// Its layers.
    #[must_use]
    pub fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    /// In the form of the lecture CS231n, a line for each layer that holds memory or has weights:
    /// `CONV3-64: [224x224x64]  memory: 224*224*64=3.2M  weights: (3*3*3)*64 = 1,728`.
    #[must_use]
    pub fn lecture(&self) -> Lecture<'_> {
        self.table.lecture()
    }

    /// As a Markdown table.
    #[must_use]
    pub fn markdown(&self) -> String {
        self.table.markdown()
    }
}

impl From<&LayerInfo> for Entry {
    fn from(layer: &LayerInfo) -> Self {
        Self {
            path: layer.path.to_owned(),
            layer: layer.layer.to_owned(),
            input: layer.input.into(),
            output: layer.output.into(),
            weight: layer.weight.into(),
            parameters: Dim::from(layer.params as u64),
            macs: Dim::from(layer.macs as u64),
            activations: Dim::from(layer.activations as u64),
            in_place: layer.in_place,
            receptive_field: layer.receptive_field,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
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
