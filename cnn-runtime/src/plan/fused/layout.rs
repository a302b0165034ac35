//! Where each value stands and in which layout: maps in blocks of channels, the rest row-major; conversions only where
//! the two meet; concatenated maps are written where they belong.

use cnn_kernels::blocked::{ConvStep, Map, Plain};
use cnn_kernels::simd::LANES;

use super::arena::{self, Block};
use super::fuse::{Fused, Kind};

/// A stretch of the arena that values stand in.
#[derive(Clone, Copy, Debug)]
struct Root {
    /// Values of one sample.
    len: usize,
    first: usize,
    last: usize,
}

/// Where a value stands, before stretches have offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// Channels of a stretch in blocks, from this one on.
    Map { root: usize, channel: usize, shape: [usize; 3] },
    /// Row-major in a stretch.
    Plain { root: usize },
    /// The caller's input.
    Input(usize),
    /// The caller's output.
    Output(usize),
}

/// Something to do.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) what: What,
    pub(super) reads: Vec<Spot>,
    pub(super) writes: Spot,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Computes a value of the fused graph.
    Node(usize),
    /// Copies a value, as (channels, rows, columns); from the first channel of its source, to that of its target.
    Copy { node: usize, shape: [usize; 3], from: usize, to: usize },
    /// Copies a map to the output or from the input, in blocks as it is.
    Carry(usize),
}

/// Tasks in order, and the arena that they work in.
pub(super) struct Schedule {
    pub(super) tasks: Vec<Task>,
    batch: usize,
    roots: Vec<Root>,
    offsets: Vec<usize>,
    /// Values of the arena.
    pub(super) arena: usize,
}

impl Schedule {
    pub(super) fn map(&self, spot: Spot) -> Option<Map> {
        let Spot::Map { root, channel, shape } = spot else { return None };
        let plane = shape[1] * shape[2] * LANES;
        Some(Map {
            offset: self.offsets[root] + channel / LANES * plane,
            stride: self.roots[root].len,
            shape,
        })
    }

    pub(super) fn plain(&self, spot: Spot) -> Option<Plain> {
        Some(match spot {
            Spot::Plain { root } => Plain::Arena { offset: self.offsets[root], stride: self.roots[root].len },
            Spot::Input(index) => Plain::Input(index),
            Spot::Output(index) => Plain::Output(index),
            // One pixel: its channels follow each other.
            Spot::Map { root, channel, shape: [_, 1, 1] } => {
                Plain::Arena { offset: self.offsets[root] + channel, stride: self.roots[root].len }
            }
            Spot::Map { .. } => return None,
        })
    }

    /// Offset and length of a whole batch without gaps.
    pub(super) fn span(&self, spot: Spot, len: usize) -> Option<[usize; 2]> {
        match self.plain(spot)? {
            Plain::Arena { offset, stride } if self.batch == 1 || stride == len => {
                Some([offset, self.batch * len])
            }
            _ => None,
        }
    }
}

/// Lays everything out.
pub(super) fn schedule(fused: &Fused, batch: usize) -> Schedule {
    let mut layout = Layout {
        fused,
        batch,
        parents: parents(fused),
        spots: vec![None; fused.nodes.len()],
        others: vec![None; fused.nodes.len()],
        roots: Vec::new(),
        tasks: Vec::new(),
    };
    for &node in &fused.order {
        layout.node(node);
    }
    layout.outputs();
    let Layout { mut roots, tasks, .. } = layout;
    for (step, task) in tasks.iter().enumerate() {
        for spot in task.reads.iter().chain([&task.writes]) {
            if let Spot::Map { root, .. } | Spot::Plain { root } = *spot {
                roots[root].first = roots[root].first.min(step);
                roots[root].last = roots[root].last.max(step);
            }
        }
    }
    let blocks: Vec<Block> = roots
        .iter()
        .map(|root| Block { len: batch * root.len, first: root.first.min(root.last), last: root.last })
        .collect();
    let (offsets, arena) = arena::place(&blocks);
    Schedule { tasks, batch, roots, offsets, arena }
}

/// For each value the concatenation that it is written into, and from which channel on.
fn parents(fused: &Fused) -> Vec<Option<(usize, usize)>> {
    let mut parents: Vec<Option<(usize, usize)>> = vec![None; fused.nodes.len()];
    for (index, node) in fused.nodes.iter().enumerate() {
        if !matches!(node.kind, Kind::Concat) {
            continue;
        }
        let mut channel = 0usize;
        for (position, &input) in node.inputs.iter().enumerate() {
            let channels = fused.nodes[input].shape[1];
            let last = position + 1 == node.inputs.len();
            let aligned = channel.is_multiple_of(LANES) && (last || channels.is_multiple_of(LANES));
            let written = matches!(
                fused.nodes[input].kind,
                Kind::Conv(_)
                    | Kind::Pool { .. }
                    | Kind::Combine { .. }
                    | Kind::Interleave { .. }
                    | Kind::Concat
            );
            let once = node.inputs.iter().filter(|&&other| other == input).count() == 1;
            if aligned && written && once && parents[input].is_none() {
                parents[input] = Some((index, channel));
            }
            channel += channels;
        }
    }
    parents
}

struct Layout<'f> {
    fused: &'f Fused,
    batch: usize,
    parents: Vec<Option<(usize, usize)>>,
    /// Where a value was computed.
    spots: Vec<Option<Spot>>,
    /// Where it stands in the other layout, once it was converted.
    others: Vec<Option<Spot>>,
    roots: Vec<Root>,
    tasks: Vec<Task>,
}

impl Layout<'_> {
    fn root(&mut self, len: usize) -> usize {
        self.roots.push(Root { len, first: usize::MAX, last: 0 });
        self.roots.len() - 1
    }

    /// (channels, rows, columns); a row of features is as many channels of one pixel.
    fn shape(&self, node: usize) -> [usize; 3] {
        match *self.fused.nodes[node].shape.as_slice() {
            [_, c, h, w] => [c, h, w],
            [_, ref rest @ ..] => [rest.iter().product(), 1, 1],
            [] => [1; 3],
        }
    }

    /// The spot of a new map: in its concatenation, or in a stretch of its own.
    fn new_map(&mut self, node: usize) -> Spot {
        let shape = self.shape(node);
        let (mut top, mut channel) = (node, 0);
        while let Some((parent, first)) = self.parents[top] {
            channel += first;
            top = parent;
        }
        let root = match self.spots[top] {
            Some(Spot::Map { root, .. }) => root,
            _ => {
                let [c, h, w] = self.shape(top);
                let root = self.root(c.next_multiple_of(LANES) * h * w);
                let spot = Spot::Map { root, channel: 0, shape: [c, h, w] };
                self.spots[top] = Some(spot);
                root
            }
        };
        Spot::Map { root, channel, shape }
    }

    fn new_plain(&mut self, node: usize) -> Spot {
        let len = self.shape(node).iter().product();
        Spot::Plain { root: self.root(len) }
    }

    /// A value as a map.
    fn as_map(&mut self, node: usize) -> Spot {
        let spot = self.spots[node].unwrap_or(Spot::Input(0));
        if matches!(spot, Spot::Map { .. }) {
            return spot;
        }
        if let Some(other @ Spot::Map { .. }) = self.others[node] {
            return other;
        }
        let shape = self.shape(node);
        let root = self.root(shape[0].next_multiple_of(LANES) * shape[1] * shape[2]);
        let map = Spot::Map { root, channel: 0, shape };
        self.copy(node, spot, map, shape, [0, 0]);
        self.others[node] = Some(map);
        map
    }

    /// A value row-major, anywhere.
    fn as_plain(&mut self, node: usize) -> Spot {
        let spot = self.spots[node].unwrap_or(Spot::Input(0));
        if !matches!(spot, Spot::Map { shape, .. } if shape[1..] != [1, 1]) {
            return spot;
        }
        if let Some(other @ Spot::Plain { .. }) = self.others[node] {
            return other;
        }
        let plain = self.new_plain(node);
        self.copy(node, spot, plain, self.shape(node), [0, 0]);
        self.others[node] = Some(plain);
        plain
    }

    /// A value row-major in the arena, samples without a gap.
    fn as_span(&mut self, node: usize) -> Spot {
        let spot = self.as_plain(node);
        let gapless = match spot {
            Spot::Plain { root } | Spot::Map { root, .. } => {
                self.batch == 1 || self.roots[root].len == self.shape(node).iter().product::<usize>()
            }
            Spot::Input(_) | Spot::Output(_) => false,
        };
        if gapless {
            return spot;
        }
        if let Some(other @ Spot::Plain { .. }) = self.others[node] {
            return other;
        }
        let plain = self.new_plain(node);
        self.copy(node, spot, plain, self.shape(node), [0, 0]);
        self.others[node] = Some(plain);
        plain
    }

    fn copy(&mut self, node: usize, from: Spot, to: Spot, shape: [usize; 3], [first, target]: [usize; 2]) {
        let what = What::Copy { node, shape, from: first, to: target };
        self.tasks.push(Task { what, reads: vec![from], writes: to });
    }

    fn node(&mut self, index: usize) {
        let node = &self.fused.nodes[index];
        let x = node.inputs.first().copied();
        let (reads, writes) = match (&node.kind, x) {
            (Kind::Input(input), _) => {
                self.spots[index] = Some(Spot::Input(*input));
                return;
            }
            (Kind::Carried, _) => {
                let to = self.new_map(index);
                self.tasks.push(Task { what: What::Carry(index), reads: vec![Spot::Input(0)], writes: to });
                self.spots[index] = Some(to);
                return;
            }
            (Kind::Flatten, Some(x)) => {
                self.spots[index] = Some(self.as_plain(x));
                return;
            }
            (Kind::Slice(first), Some(x)) => {
                self.slice(index, x, *first);
                return;
            }
            (Kind::Concat, _) => {
                self.concat(index);
                return;
            }
            (Kind::Conv(conv), Some(x)) if ConvStep::takes_plain(&conv.geometry) => {
                let mut reads = vec![self.as_plain(x)];
                reads.extend(node.inputs[1..].iter().map(|&input| self.as_map(input)));
                (reads, self.new_map(index))
            }
            (Kind::Conv(_) | Kind::Pool { .. } | Kind::Combine { .. } | Kind::Interleave { .. }, _) => {
                let reads = node.inputs.iter().map(|&input| self.as_map(input)).collect();
                (reads, self.new_map(index))
            }
            (Kind::Linear(_), Some(x)) => {
                let reads = vec![self.as_plain(x)];
                (reads, self.linear_output(index))
            }
            (Kind::Eager(_) | Kind::Linear(_) | Kind::Flatten | Kind::Slice(_), _) => {
                let reads = node.inputs.iter().map(|&input| self.as_span(input)).collect();
                (reads, self.new_plain(index))
            }
        };
        self.spots[index] = Some(writes);
        self.tasks.push(Task { what: What::Node(index), reads, writes });
    }

    /// Straight into the caller's output, where it is nothing else.
    fn linear_output(&mut self, index: usize) -> Spot {
        let mut outputs = self.fused.outputs.iter().enumerate().filter(|(_, output)| **output == index);
        let read = self.fused.nodes.iter().any(|node| node.inputs.contains(&index));
        match (outputs.next(), outputs.next()) {
            (Some((output, _)), None) if !read => Spot::Output(output),
            _ => self.new_plain(index),
        }
    }

    fn slice(&mut self, index: usize, x: usize, first: usize) {
        let shape = self.shape(index);
        let source = self.as_map(x);
        if let Spot::Map { root, channel, .. } = source
            && first.is_multiple_of(LANES)
            // Lanes behind the last channel hold the next part's values, which are as finite as its own.
            && shape[0].is_multiple_of(LANES)
        {
            self.spots[index] = Some(Spot::Map { root, channel: channel + first, shape });
            return;
        }
        let to = self.new_map(index);
        self.copy(index, source, to, shape, [first, 0]);
        self.spots[index] = Some(to);
    }

    fn concat(&mut self, index: usize) {
        let to = self.new_map(index);
        let mut channel = 0;
        for &input in &self.fused.nodes[index].inputs {
            let shape = self.shape(input);
            if self.parents[input].is_none_or(|(parent, _)| parent != index) {
                let from = self.as_map(input);
                self.copy(input, from, to, shape, [0, channel]);
            }
            channel += shape[0];
        }
        self.spots[index] = Some(to);
    }

    fn outputs(&mut self) {
        for (output, &node) in self.fused.outputs.iter().enumerate() {
            if self.fused.hands_on {
                let map = self.as_map(node);
                let what = What::Carry(node);
                self.tasks.push(Task { what, reads: vec![map], writes: Spot::Output(output) });
                continue;
            }
            let spot = self.spots[node].unwrap_or(Spot::Input(0));
            if spot != Spot::Output(output) {
                self.copy(node, spot, Spot::Output(output), self.shape(node), [0, 0]);
            }
        }
    }
}
