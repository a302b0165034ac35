//! Activations where they are not meant.

use super::words::short;
use super::{Finding, Lint, Words};
use crate::graph::{Graph, Value, passes};
use crate::layer::{Activation, Op};
use crate::model::Layer;
use std::collections::BTreeMap;

/// An output that comes directly from `softmax`.
///
/// Losses take logits: a cross-entropy applies the softmax itself, in a form that does not overflow, and a second one
/// flattens its gradients. The network trains all the same, only worse, so nobody notices. Attention, which has its
/// softmax inside, is not meant.
pub(super) fn softmax_output(graph: &Graph<'_>) -> Vec<Finding> {
    let mut given: BTreeMap<Value, Option<&str>> = BTreeMap::new();
    for &(port, output) in &graph.outputs {
        let mut value = output;
        while let (Some(layer), Some(input)) = (graph.layer(value), graph.input(value)) {
            if layer.op == Op::Activation(Activation::Softmax) {
                given.insert(value, port.name.as_ref().map(|name| name.text.as_str()));
            }
            if !passes(&layer.op) {
                break;
            }
            value = input;
        }
    }
    graph.everywhere(Lint::SoftmaxOutput, |value| {
        let output = match given.get(&value)? {
            Some(name) => format!("the output `{name}`"),
            None => "the output".to_owned(),
        };
        let headline = format!("{output} comes out of `softmax`, but a cross-entropy expects logits");
        Some(Words::new(
            headline,
            "leave it out and apply `candle_nn::ops::softmax` where probabilities are needed, or allow this lint \
             where the network is to give them",
        ))
    })
}

/// An activation that meets what another one gives.
///
/// Behind values that are never negative `relu` and its kin do nothing, whatever stands between that keeps them so:
/// dropout, pooling, upsampling. Of two other activations side by side (`sigmoid` of `relu` is never below a half)
/// one was left over from an edit, or the layer between them was. There, nothing else may read the first one:
/// a gate such as `mul(@x, @gate)` does. A sum of two branches that end in `relu` is a value of its own, and
/// `softmax` closes many networks that have `relu` before it (SqueezeNet).
pub(super) fn repeated_activation(graph: &Graph<'_>) -> Vec<Finding> {
    graph.everywhere(Lint::RepeatedActivation, |value| {
        let second = graph.layer(value)?;
        range_of(&second.op).filter(|_| second.op != Op::Activation(Activation::Softmax))?;
        let mut way = Way { is_scaled: false, is_resampled: false, is_shared: false };
        let mut at = graph.input(value)?;
        loop {
            way.is_shared |= graph.only_reader(at).is_none();
            let layer = graph.layer(at)?;
            if let Some(range) = range_of(&layer.op) {
                return meet(layer, range, &way, second);
            }
            way.past(&layer.op)?;
            at = graph.input(at)?;
        }
    })
}

/// What an activation gives.
#[derive(Clone, Copy, PartialEq)]
enum Range {
    /// Negative values too.
    Any,
    /// Nothing below 0.
    NotNegative,
    /// Between 0 and 6.
    UpToSix,
}

fn range_of(op: &Op) -> Option<Range> {
    let activation = match op {
        Op::Activation(activation) => activation,
        Op::Prelu { .. } => return Some(Range::Any),
        _ => return None,
    };
    Some(match activation {
        Activation::Relu => Range::NotNegative,
        Activation::Relu6 | Activation::Hardsigmoid | Activation::Sigmoid | Activation::Softmax => {
            Range::UpToSix
        }
        Activation::Leaky(_)
        | Activation::Elu(_)
        | Activation::Gelu
        | Activation::Silu
        | Activation::Hardswish
        | Activation::Tanh => Range::Any,
    })
}

/// What lies between two activations.
struct Way {
    /// Dropout, which makes what is left larger.
    is_scaled: bool,
    /// Pooling and the like: the values are others, but of the same range.
    is_resampled: bool,
    /// Something else reads a value on the way.
    is_shared: bool,
}

impl Way {
    /// Goes past a layer; `None` where it can change the sign.
    fn past(&mut self, op: &Op) -> Option<()> {
        match op {
            Op::Identity | Op::Flatten => {}
            Op::Dropout(_) | Op::Dropout2d(_) | Op::DropPath(_) => self.is_scaled |= !passes(op),
            Op::MaxPool(_)
            | Op::AvgPool { .. }
            | Op::AdaptiveAvgPool(_)
            | Op::GlobalAvgPool
            | Op::Upsample { .. }
            | Op::PixelShuffle(_)
            | Op::ChannelShuffle(_)
            | Op::Crop { .. }
            | Op::Pad { .. } => self.is_resampled = true,
            _ => return None,
        }
        Some(())
    }
}

/// What is said of an activation, which gives values of a range, and a second one behind it.
fn meet(first: &Layer, range: Range, way: &Way, second: &Layer) -> Option<Words> {
    let op = &second.op;
    let (first, second) = (short(&first.source), short(&second.source));
    // All of these keep what is not negative as it is.
    let keeps_positive = matches!(
        op,
        Op::Activation(Activation::Relu | Activation::Leaky(_) | Activation::Elu(_)) | Op::Prelu { .. }
    );
    if keeps_positive && range != Range::Any {
        let headline = format!("`{second}` changes nothing: what `{first}` gives is never negative");
        return Some(Words::new(headline, "leave it out"));
    }
    if *op == Op::Activation(Activation::Relu6) && range == Range::UpToSix && !way.is_scaled {
        let headline = format!("`{second}` changes nothing: what `{first}` gives lies between 0 and 6");
        return Some(Words::new(headline, "leave it out"));
    }
    if way.is_shared || way.is_resampled {
        return None;
    }
    let headline = format!("two activations one after the other: `{first}`, then `{second}`");
    Some(Words::new(headline, "leave one of them out, or put the missing layer between them"))
}
