//! Linear layers with nothing nonlinear between them.

use super::words::short;
use super::{Finding, Lint, Words};
use crate::dim::Dim;
use crate::graph::{Graph, Value};
use crate::layer::{Conv, Op};
use std::collections::BTreeSet;

/// Two convolutions, or two fully connected layers, with no activation between them.
///
/// One layer could do what both do: the second one's parameters buy nothing. In nearly all networks an activation
/// was forgotten. Norms, dropout, average poolings and crops do not count as one.
///
/// Published networks leave it out where a convolution is split into parts or a bottleneck is kept linear; see
/// [`is_meant`]. Not looked at is what is more than a chain: a value that has a tap or several readers, sums,
/// concatenations and products, what was scaled, and what changes its resolution upwards (the convolutions between
/// the pixel shuffles of EDSR).
///
/// In a repeat every copy must have a part in it: in `(conv3-64) x3` the first one has no convolution before it, but
/// one behind it.
pub(super) fn missing_activation(graph: &Graph<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (range, values) in graph.places() {
        let pairs: Vec<(Value, Value)> =
            values.iter().filter_map(|&second| Some((before(graph, second)?, second))).collect();
        let Some(&(first, second)) = pairs.first() else { continue };
        let involved: BTreeSet<Value> = pairs.iter().flat_map(|&(first, second)| [first, second]).collect();
        if values.iter().all(|value| involved.contains(value)) {
            findings
                .extend(words(graph, first, second).map(|words| words.at(Lint::MissingActivation, range)));
        }
    }
    findings
}

/// The convolution (or fully connected layer) right before one, where no activation stands between them and none is
/// left out on purpose.
fn before(graph: &Graph<'_>, second: Value) -> Option<Value> {
    let op = &graph.layer(second)?.op;
    if !matches!(op, Op::Conv(_) | Op::Linear { .. }) {
        return None;
    }
    let mut at = graph.input(second)?;
    loop {
        graph.only_reader(at).filter(|_| !graph.node(at).is_tapped)?;
        let forgotten = match (&graph.layer(at)?.op, op) {
            (Op::Conv(first), Op::Conv(second)) => !is_meant(first, second),
            (Op::Linear { in_features, out_features: between, .. }, Op::Linear { out_features, .. }) => {
                !is_narrow(in_features, between, out_features)
            }
            (between, _) if is_nearly_linear(between) => {
                at = graph.input(at)?;
                continue;
            }
            _ => return None,
        };
        return forgotten.then_some(at);
    }
}

/// What does not take the place of an activation. Layer norm and its kin divide by what arrives, which is not
/// linear, but nobody stacks layers for that.
fn is_nearly_linear(op: &Op) -> bool {
    is_norm_within_a_sample(op)
        || matches!(
            op,
            Op::BatchNorm { .. }
                | Op::Dropout(_)
                | Op::Dropout2d(_)
                | Op::DropPath(_)
                | Op::Identity
                | Op::Flatten
                | Op::AvgPool { .. }
                | Op::AdaptiveAvgPool(_)
                | Op::GlobalAvgPool
                | Op::Crop { .. }
                | Op::Pad { .. }
        )
}

fn is_norm_within_a_sample(op: &Op) -> bool {
    matches!(op, Op::LayerNorm { .. } | Op::InstanceNorm { .. } | Op::GroupNorm { .. })
}

/// Whether two convolutions stand side by side on purpose:
///
/// - parts of a separable one: depthwise or grouped, and 1x1 (Xception, the first layers of MobileNetV2's blocks,
///   OSNet), or depthwise and depthwise (MobileNetV4);
/// - kx1 and 1xk, the factors of a square one (GCN);
/// - a linear bottleneck: few channels between more on both sides, written or read by a 1x1 (between two of
///   MobileNetV2's blocks, EfficientNetV2's fused ones, and low-rank factors). The 1x1 that writes it may also keep
///   the number of channels (MobileNetV3-Small's first block).
///
/// Channels that are not numbers get the benefit of the doubt.
fn is_meant(first: &Conv, second: &Conv) -> bool {
    let is_pointwise = |conv: &Conv| conv.window.kernel_size == [1, 1];
    let is_grouped = |conv: &Conv| conv.depthwise || conv.groups != Dim::ONE;
    let is_depthwise = |conv: &Conv| conv.depthwise || is_grouped(conv) && conv.groups == conv.in_channels;
    let separable = is_grouped(first) && is_pointwise(second)
        || is_pointwise(first) && is_grouped(second)
        || is_depthwise(first) && is_depthwise(second);
    let ([rows, columns], [other_rows, other_columns]) =
        (first.window.kernel_size, second.window.kernel_size);
    let factors = (rows == 1 && other_columns == 1 && columns > 1 && other_rows > 1)
        || (columns == 1 && other_rows == 1 && rows > 1 && other_columns > 1);
    let (wide, between, wide_again) = (&first.in_channels, &first.out_channels, &second.out_channels);
    let bottleneck = is_pointwise(first) && !is_less(wide, between) && may_be_less(between, wide_again)
        || is_pointwise(second) && is_narrow(wide, between, wide_again);
    separable || factors || bottleneck
}

/// Whether there are fewer values in the middle than on both sides.
fn is_narrow(before: &Dim, between: &Dim, behind: &Dim) -> bool {
    may_be_less(between, before) && may_be_less(between, behind)
}

/// Whether one size is less than another for sure.
fn is_less(left: &Dim, right: &Dim) -> bool {
    (right - left).at_least(1) == Some(true)
}

/// Whether one size may be less than another.
fn may_be_less(left: &Dim, right: &Dim) -> bool {
    (right - left).at_least(1) != Some(false)
}

fn words(graph: &Graph<'_>, first: Value, second: Value) -> Option<Words> {
    let (one, other) = (graph.layer(first)?, graph.layer(second)?);
    let headline =
        format!("no activation stands between `{}` and `{}`", short(&one.source), short(&other.source));
    let mut is_linear = true;
    let mut at = graph.input(second)?;
    while at != first {
        is_linear &= !is_norm_within_a_sample(&graph.layer(at)?.op);
        at = graph.input(at)?;
    }
    let mut help = "put one such as `relu` between them".to_owned();
    if is_linear {
        help.push_str(": without it both together are one linear layer");
    }
    Some(Words::new(headline, help))
}
