//! Whether the samples of a batch go through the layers together, or one after another.

use super::fuse::{Fused, Kind, Node};

/// Values that stay in a last-level cache from one layer to the next.
const CACHED: usize = 4 << 20;

/// How a batch goes through the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Turns {
    /// All at once.
    Together,
    /// Sample by sample.
    Each,
    /// Sample by sample to this place in the order, and together from there on.
    Until(usize),
}

/// What moves the fewest values between memory and cache. Together weights are read once, and every activation is written
/// and read out there; sample by sample activations stay in the cache, and weights are read each time.
pub(in crate::plan) fn turns(fused: &Fused, batch: usize) -> Turns {
    let nodes = || fused.order.iter().map(|&node| &fused.nodes[node]);
    let values = nodes().map(values).fold(0, usize::saturating_add);
    let weights: usize = nodes().map(weights).sum();
    if batch == 1 || values <= CACHED {
        return Turns::Together;
    }
    let moved = |before: usize, [values, weights]: [usize; 2]| {
        let again = if before > CACHED { batch } else { 1 };
        before.saturating_mul(again).saturating_add(weights).saturating_add(values.saturating_mul(2))
    };
    let together = moved(0, [values, weights]);
    let mut best = (usize::MAX, Turns::Together);
    let mut after = [values, weights];
    for (place, node) in nodes().enumerate() {
        after = [after[0] - self::values(node), after[1] - self::weights(node)];
        let end = place + 1 == fused.order.len();
        if !end && !is_cut(fused, place) {
            continue;
        }
        let cost = moved(weights - after[1], after);
        if cost < best.0 {
            best = (cost, if end { Turns::Each } else { Turns::Until(place) });
        }
    }
    // What is nearly as good is not worth it.
    if best.0.saturating_add(best.0 / 8) < together { best.1 } else { Turns::Together }
}

/// What a node writes, as far as it is not another's.
fn values(node: &Node) -> usize {
    match node.kind {
        Kind::Input(_) | Kind::Carried | Kind::Concat | Kind::Slice(_) | Kind::Flatten => 0,
        _ => node.shape.iter().product(),
    }
}

fn weights(node: &Node) -> usize {
    match &node.kind {
        Kind::Conv(conv) => conv.geometry.weight_len(),
        Kind::Linear(linear) => linear.weight.elem_count(),
        _ => 0,
    }
}

/// Whether nothing but the value at this place, which is a map, is needed behind it.
fn is_cut(fused: &Fused, place: usize) -> bool {
    let (before, after) = fused.order.split_at(place + 1);
    let cut = fused.order[place];
    let map = matches!(
        fused.nodes[cut].kind,
        Kind::Conv(_) | Kind::Pool { .. } | Kind::Combine { .. } | Kind::Interleave { .. }
    );
    let needed = after.iter().flat_map(|&node| &fused.nodes[node].inputs).chain(&fused.outputs);
    let inputs = after.iter().any(|&node| matches!(fused.nodes[node].kind, Kind::Input(_)));
    map && !inputs && needed.into_iter().all(|needed| *needed == cut || !before.contains(needed))
}

impl Fused {
    /// The part up to a cut, which hands on its value.
    pub(in crate::plan) fn until(self, place: usize) -> Self {
        let cut = self.order[place];
        let order = self.order[..=place].to_vec();
        Self { outputs: vec![cut], hands_on: true, ..self }.part(&order)
    }

    /// The part behind a cut, which begins with its value.
    pub(in crate::plan) fn from(mut self, place: usize) -> Self {
        let cut = &mut self.nodes[self.order[place]];
        (cut.kind, cut.inputs) = (Kind::Carried, Vec::new());
        let order = self.order[place..].to_vec();
        self.part(&order)
    }

    /// Some of the nodes, which need no others.
    fn part(self, order: &[usize]) -> Self {
        let place = |node: usize| order.iter().position(|&other| other == node).unwrap_or_default();
        let mut nodes: Vec<Option<Node>> = self.nodes.into_iter().map(Some).collect();
        let part = order.iter().filter_map(|&node| nodes[node].take());
        let nodes = part
            .map(|mut node| {
                node.inputs.iter_mut().for_each(|input| *input = place(*input));
                node
            })
            .collect();
        let outputs = self.outputs.into_iter().map(place).collect();
        Self { nodes, order: (0..order.len()).collect(), outputs, hands_on: self.hands_on }
    }
}
