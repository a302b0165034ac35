//! Norms and what stands before them.

use super::words::{short, with_option};
use super::{Finding, Lint, Words};
use crate::dim::Dim;
use crate::graph::{Graph, Source, Value, passes};
use crate::layer::Op;
use crate::model::Layer;
use crate::shape::Shape;
use crate::window::{Padding, Window};

/// A bias of which nothing is left, because a norm behind it subtracts each channel's mean.
///
/// `conv`, `dw`, `deconv` and `fc` have no bias where `bn` is the next item. What that rule does not see is found
/// here: a tap or the bracket of a group before the norm, a pooling, the end of a block, `bias=true`. The bias is a
/// constant of its channel. It stays one through every linear layer that gives a constant for a constant, through max
/// pooling, and through sums and concatenations (the convolutions of DenseNet and of ResNet with pre-activation).
/// `bn` and `inorm` take it away; `gn` does only where each group is one channel, and `ln` never. That must hold
/// wherever the value goes.
///
/// Not through dropout, whose mask is seen in the bias as well, not through padding with zeros, and not through an
/// activation.
pub(super) fn bias_before_norm(graph: &Graph<'_>) -> Vec<Finding> {
    let mut takers = Takers { norms: vec![None; graph.values().len()] };
    takers.fill(graph);
    graph.everywhere(Lint::BiasBeforeNorm, |value| {
        let layer = graph.layer(value).filter(|layer| has_bias(&layer.op))?;
        let norm = graph.layer(takers.norms[value]?)?;
        let headline = format!(
            "the bias of `{}` has no effect: the `{}` behind it takes it away",
            short(&layer.source),
            short(&norm.source)
        );
        let written = with_option(&layer.source, "bias=false", &["bias="]);
        Some(Words::new(headline, format!("write `{written}`")))
    })
}

fn has_bias(op: &Op) -> bool {
    match op {
        Op::Conv(conv) => conv.bias,
        Op::Deconv(deconv) => deconv.bias,
        Op::Linear { bias, .. } => *bias,
        _ => false,
    }
}

/// For each value a norm that takes a constant of its channel away, where on all ways one does.
struct Takers {
    norms: Vec<Option<Value>>,
}

impl Takers {
    /// From the back: what reads a value comes behind it.
    fn fill(&mut self, graph: &Graph<'_>) {
        for value in graph.values().rev() {
            let node = graph.node(value);
            if !node.is_output {
                let all: Option<Vec<Value>> =
                    node.readers.iter().map(|&reader| self.taken_by(graph, reader)).collect();
                self.norms[value] = all.and_then(|norms| norms.first().copied());
            }
        }
    }

    /// What takes a constant away that arrives at `reader`: itself, or something behind it.
    fn taken_by(&self, graph: &Graph<'_>, reader: Value) -> Option<Value> {
        match graph.node(reader).source {
            Source::Layer(layer) if subtracts_the_mean(&layer.op) => Some(reader),
            Source::Layer(layer) if keeps_constants(&layer.op) => self.norms[reader],
            Source::Sum | Source::Concat => self.norms[reader],
            _ => None,
        }
    }
}

/// Whether a norm subtracts the mean of each channel alone.
fn subtracts_the_mean(op: &Op) -> bool {
    match op {
        Op::BatchNorm { .. } | Op::InstanceNorm { .. } => true,
        Op::GroupNorm { groups, channels, .. } => channels.as_usize() == Some(*groups),
        _ => false,
    }
}

/// Whether a constant that is added to a channel is a constant of a channel afterwards.
fn keeps_constants(op: &Op) -> bool {
    match op {
        // The largest of a window grows by it; padding is below everything.
        Op::MaxPool(_) => true,
        // Zeros at the border would pull it down there.
        Op::AvgPool { window, count_include_pad } => !count_include_pad || is_bare(window),
        // A filter makes constants of constants, unless there are zeros around them.
        Op::Conv(conv) => is_bare(&conv.window),
        Op::Linear { dropconnect, .. } => *dropconnect == 0.0,
        Op::AdaptiveAvgPool(_)
        | Op::GlobalAvgPool
        | Op::Upsample { .. }
        | Op::Crop { .. }
        | Op::Scale { .. } => true,
        op => passes(op),
    }
}

fn is_bare(window: &Window) -> bool {
    window.padding == Padding::NONE
}

/// A norm over a single value: what it subtracts is the value itself.
///
/// `inorm` on Cx1x1 gives the same for every input, as do `gn` with a group for each channel there and `ln` over
/// one channel. `bn` on Cx1x1 has the other samples to compare with, but at a batch of 1 there is no variance, and
/// training stops with an error: the pooled branch of DeepLabV3 (`gap -> conv1-256 bn`) is known for it, and the
/// innermost layer of pix2pix leaves its norm out for it. `bn` over features is the same arithmetic, but
/// stands where batches are large, so it is not found.
pub(super) fn single_value_norm(graph: &Graph<'_>) -> Vec<Finding> {
    graph.everywhere(Lint::SingleValueNorm, |value| {
        let layer = graph.layer(value)?;
        let is_pixel =
            matches!(&layer.input, Shape::Chw([_, height, width]) if [height, width] == [&Dim::ONE; 2]);
        match &layer.op {
            Op::BatchNorm { .. } if is_pixel => {
                let headline = format!(
                    "`{}` on {} sees one value of a channel in each sample: a batch of 1 cannot train it",
                    short(&layer.source),
                    layer.input
                );
                Some(Words::new(
                    headline,
                    "leave it out, use `ln`, or allow this lint where batches are always larger",
                ))
            }
            Op::InstanceNorm { .. } if is_pixel => Some(always_the_same(layer)),
            Op::GroupNorm { groups, channels, .. }
                if (is_pixel || matches!(layer.input, Shape::Flat(_)))
                    && channels.as_usize() == Some(*groups) =>
            {
                Some(always_the_same(layer))
            }
            Op::LayerNorm { channels, .. } if *channels == Dim::ONE => Some(always_the_same(layer)),
            _ => None,
        }
    })
}

fn always_the_same(layer: &Layer) -> Words {
    let headline = format!(
        "`{}` on {} gives the same for every input: it subtracts each value from itself",
        short(&layer.source),
        layer.input
    );
    Words::new(headline, "leave it out")
}

/// Dropout with a `bn` behind it, and at most linear layers between them.
///
/// In training dropout adds to the variance, and the norm keeps that variance; at inference there is no dropout, so
/// the norm divides by too much (Li, Chen, Hu and Yang, "Understanding the Disharmony between Dropout and Batch
/// Normalization by Variance Shift", 2018, arXiv 1801.05134, who find it costs accuracy in most networks). Behind an
/// activation the shift is smaller, and many networks have their dropout there; other norms do not keep a variance.
/// `droppath` drops whole samples, before a sum, and is not meant.
pub(super) fn dropout_before_norm(graph: &Graph<'_>) -> Vec<Finding> {
    graph.everywhere(Lint::DropoutBeforeNorm, |value| {
        let layer = graph.layer(value)?;
        if !matches!(layer.op, Op::Dropout(p) | Op::Dropout2d(p) if p > 0.0) {
            return None;
        }
        let mut at = graph.only_reader(value)?;
        loop {
            let behind = graph.layer(at)?;
            match &behind.op {
                Op::BatchNorm { .. } => {
                    let headline = format!(
                        "`{}` before `{}`: the norm keeps a variance that only training has",
                        short(&layer.source),
                        short(&behind.source)
                    );
                    return Some(Words::new(
                        headline,
                        "put the dropout behind the last `bn` (Li et al. 2018, arXiv 1801.05134)",
                    ));
                }
                Op::Conv(_) | Op::Deconv(_) | Op::Linear { .. } => {}
                op if passes(op) => {}
                _ => return None,
            }
            at = graph.only_reader(at)?;
        }
    })
}
