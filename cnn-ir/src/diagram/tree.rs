//! A graph as things one below the other and side by side.
//!
//! A value through which everything goes stands alone in its row. What lies between two such values falls into parts
//! that have nothing to do with each other, which stand side by side; each is taken apart in the same way. An edge that
//! passes over other values (a skip connection) separates nothing: it is drawn beside them.

use super::View;
use std::collections::HashMap;

/// Handle of a [`Piece`].
pub(super) type PieceId = usize;

/// A part of the picture.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Node(usize),
    /// One below the other.
    Series(Vec<PieceId>),
    /// Side by side.
    Parallel(Vec<PieceId>),
    /// A group, with what is in it.
    Group(usize, PieceId),
}

/// Pieces inside pieces; the last is the whole.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) pieces: Vec<Piece>,
    /// The piece around each, and the position there.
    pub(super) parents: Vec<Option<(PieceId, usize)>>,
    /// The piece of each node.
    pub(super) leaves: Vec<PieceId>,
    pub(super) root: PieceId,
}

/// Skip connections nest this deep; what is deeper stands in plain rows.
const DEEPEST: usize = 48;

impl Tree {
    pub(super) fn of(view: &View) -> Self {
        let mut builder = Builder { view, pieces: Vec::new(), readers: vec![Vec::new(); view.nodes.len()] };
        for (from, to) in view.edges() {
            builder.readers[from].push(to);
        }
        let all: Vec<usize> = (0..view.nodes.len()).collect();
        let parts = builder.series(&all, 0);
        let mut root = builder.piece(Piece::Series(parts));
        for group in 0..view.groups.len() {
            let members = &view.groups[group].nodes;
            root = builder.wrap(root, group, members);
        }
        Self::finished(builder.pieces, root, view.nodes.len())
    }

    fn finished(pieces: Vec<Piece>, root: PieceId, nodes: usize) -> Self {
        let mut parents = vec![None; pieces.len()];
        let mut leaves = vec![root; nodes];
        let mut waiting = vec![root];
        while let Some(id) = waiting.pop() {
            let children = match &pieces[id] {
                Piece::Node(node) => {
                    leaves[*node] = id;
                    continue;
                }
                Piece::Series(children) | Piece::Parallel(children) => children.as_slice(),
                Piece::Group(_, inner) => std::slice::from_ref(inner),
            };
            for (position, &child) in children.iter().enumerate() {
                parents[child] = Some((id, position));
                waiting.push(child);
            }
        }
        Self { pieces, parents, leaves, root }
    }

    /// The pieces around a node, from the outermost, each with the position in it.
    pub(super) fn around(&self, node: usize) -> Vec<(PieceId, usize)> {
        let mut around = Vec::new();
        let mut at = self.leaves[node];
        while let Some((parent, position)) = self.parents[at] {
            around.push((parent, position));
            at = parent;
        }
        around.reverse();
        around
    }
}

struct Builder<'v> {
    view: &'v View,
    pieces: Vec<Piece>,
    readers: Vec<Vec<usize>>,
}

impl Builder<'_> {
    fn piece(&mut self, piece: Piece) -> PieceId {
        self.pieces.push(piece);
        self.pieces.len() - 1
    }

    /// The rows that connected nodes make. What leads out of them and into them is not looked at.
    fn series(&mut self, nodes: &[usize], depth: usize) -> Vec<PieceId> {
        let positions: HashMap<usize, usize> =
            nodes.iter().enumerate().map(|(position, &node)| (node, position)).collect();
        let passed = self.passed(nodes, &positions);
        let mut rows = Vec::new();
        let mut between = Vec::new();
        for (position, &node) in nodes.iter().enumerate() {
            if passed[position] > 0 {
                between.push(node);
                continue;
            }
            rows.extend(self.between(&std::mem::take(&mut between), nodes.len(), depth));
            rows.push(self.piece(Piece::Node(node)));
        }
        rows.extend(self.between(&between, nodes.len(), depth));
        rows
    }

    /// How many edges pass over each node, with one from above to each beginning and one from each end to below.
    fn passed(&self, nodes: &[usize], positions: &HashMap<usize, usize>) -> Vec<usize> {
        let mut begins = vec![0_usize; nodes.len() + 1];
        let mut ends = vec![0_usize; nodes.len() + 1];
        let mut edge = |from: usize, to: usize| {
            // Over `from..to`.
            if from < to {
                begins[from] += 1;
                ends[to] += 1;
            }
        };
        for (position, &node) in nodes.iter().enumerate() {
            let inner = self.readers[node].iter().filter_map(|reader| positions.get(reader));
            let mut is_end = true;
            for &reader in inner {
                is_end = false;
                edge(position + 1, reader);
            }
            if is_end {
                edge(position + 1, nodes.len());
            }
            if !self.view.nodes[node].from.iter().any(|from| positions.contains_key(from)) {
                edge(0, position);
            }
        }
        let mut over = 0;
        let mut passed = Vec::with_capacity(nodes.len());
        for position in 0..nodes.len() {
            over += begins[position];
            over -= ends[position];
            passed.push(over);
        }
        passed
    }

    /// What lies between two rows, out of `of` nodes: its unconnected parts side by side.
    fn between(&mut self, nodes: &[usize], of: usize, depth: usize) -> Vec<PieceId> {
        if nodes.is_empty() {
            return Vec::new();
        }
        let mut parts = self.parts(nodes);
        if let [_] = parts.as_slice() {
            let stuck = nodes.len() == of || depth >= DEEPEST;
            return if stuck { self.ranks(nodes) } else { self.series(nodes, depth + 1) };
        }
        let columns = parts.iter_mut().map(|part| {
            let rows = if depth >= DEEPEST { self.ranks(part) } else { self.series(part, depth + 1) };
            match rows.as_slice() {
                &[row] => row,
                _ => self.piece(Piece::Series(rows)),
            }
        });
        let columns = columns.collect();
        vec![self.piece(Piece::Parallel(columns))]
    }

    /// The connected parts, in the order of their first nodes.
    fn parts(&self, nodes: &[usize]) -> Vec<Vec<usize>> {
        let mut parts: HashMap<usize, usize> = HashMap::new();
        let inside: HashMap<usize, ()> = nodes.iter().map(|&node| (node, ())).collect();
        let mut out: Vec<Vec<usize>> = Vec::new();
        for &first in nodes {
            if parts.contains_key(&first) {
                continue;
            }
            let mut part = Vec::new();
            let mut waiting = vec![first];
            parts.insert(first, out.len());
            while let Some(node) = waiting.pop() {
                part.push(node);
                for &next in self.readers[node].iter().chain(&self.view.nodes[node].from) {
                    if inside.contains_key(&next) && parts.insert(next, out.len()).is_none() {
                        waiting.push(next);
                    }
                }
            }
            part.sort_unstable();
            out.push(part);
        }
        out
    }

    /// Without any structure: each node in the row below the last that it is made of.
    fn ranks(&mut self, nodes: &[usize]) -> Vec<PieceId> {
        let mut ranks: HashMap<usize, usize> = HashMap::new();
        let mut rows: Vec<Vec<PieceId>> = Vec::new();
        for &node in nodes {
            let above = self.view.nodes[node].from.iter().filter_map(|from| ranks.get(from));
            let rank = above.max().map_or(0, |above| above + 1);
            ranks.insert(node, rank);
            let piece = self.piece(Piece::Node(node));
            if rank == rows.len() {
                rows.push(Vec::new());
            }
            rows[rank].push(piece);
        }
        rows.into_iter()
            .map(|row| match row.as_slice() {
                &[piece] => piece,
                _ => self.piece(Piece::Parallel(row)),
            })
            .collect()
    }

    /// Puts a group around its nodes, where they stand together.
    fn wrap(&mut self, root: PieceId, group: usize, members: &[usize]) -> PieceId {
        let mut at = root;
        loop {
            match self.pieces[at].clone() {
                Piece::Node(_) => {
                    // The group of one node.
                    let inner = self.piece(self.pieces[at].clone());
                    self.pieces[at] = Piece::Group(group, inner);
                    return root;
                }
                Piece::Group(_, inner) => at = inner,
                Piece::Series(children) | Piece::Parallel(children) => {
                    let counts: Vec<(usize, usize)> =
                        children.iter().map(|&child| self.count(child, members)).collect();
                    let partly = counts.iter().position(|&(inside, all)| inside > 0 && inside < all);
                    let inside = |&(inside, _): &(usize, usize)| inside > 0;
                    let Some(first) = counts.iter().position(inside) else { return root };
                    let last = counts.iter().rposition(inside).unwrap_or(first);
                    let alone = first == last;
                    if alone && (partly.is_some() || !matches!(self.pieces[children[first]], Piece::Node(_)))
                    {
                        at = children[first];
                        continue;
                    }
                    let gap = counts[first..=last].iter().any(|count| !inside(count));
                    if partly.is_some() || gap {
                        return root;
                    }
                    let is_series = matches!(self.pieces[at], Piece::Series(_));
                    let mut inner: Vec<PieceId> = children;
                    let behind = inner.split_off(last + 1);
                    let own = inner.split_off(first);
                    let of = |pieces| if is_series { Piece::Series(pieces) } else { Piece::Parallel(pieces) };
                    let own = self.piece(of(own));
                    inner.push(self.piece(Piece::Group(group, own)));
                    inner.extend(behind);
                    self.pieces[at] = of(inner);
                    return root;
                }
            }
        }
    }

    /// How many nodes of a piece are among `members` (sorted), and how many there are.
    fn count(&self, piece: PieceId, members: &[usize]) -> (usize, usize) {
        let (mut inside, mut all) = (0, 0);
        let mut waiting = vec![piece];
        while let Some(id) = waiting.pop() {
            match &self.pieces[id] {
                Piece::Node(node) => {
                    all += 1;
                    inside += usize::from(members.binary_search(node).is_ok());
                }
                Piece::Series(children) | Piece::Parallel(children) => waiting.extend(children),
                Piece::Group(_, inner) => waiting.push(*inner),
            }
        }
        (inside, all)
    }
}
