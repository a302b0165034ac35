//! Where everything stands: positions in whole pixels, from the top.

use super::tree::{Piece, PieceId, Tree};
use super::{Detail, Kind, View};

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) height: i64,
}

impl Rect {
    pub(super) fn middle(&self) -> i64 {
        self.x + self.width / 2
    }

    pub(super) fn bottom(&self) -> i64 {
        self.y + self.height
    }

    pub(super) fn right(&self) -> i64 {
        self.x + self.width
    }
}

/// How an edge goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// From the bottom of a node to the top of another; it turns aside between these heights.
    Down { from: [i64; 2], to: [i64; 2], turn: [i64; 2] },
    /// From the right side of a node to that of another, along a line beside everything between.
    Beside { from: [i64; 2], to: [i64; 2], line: i64 },
}

/// A picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) nodes: Vec<Rect>,
    /// Groups, each behind the one around it.
    pub(super) groups: Vec<(usize, Rect)>,
    pub(super) routes: Vec<Route>,
    /// Shapes below nodes: the node, and where the text begins.
    pub(super) labels: Vec<(usize, [i64; 2])>,
}

/// Room around the whole.
const MARGIN: i64 = 8;
/// Between things side by side.
const GAP: i64 = 18;
/// Between two rows.
const ROW: i64 = 16;
/// The height of a shape below a node.
const LABEL: i64 = 16;
/// Between two lines beside each other.
const LANE: i64 = 12;
/// Room inside a group.
const PADDING: i64 = 10;
/// What an edge needs to turn aside, more than between rows.
const TURN: i64 = 6;
/// The line of a group's label.
const HEADING: i64 = 16;

/// How wide text is: monospaced, in tenths of its size.
pub(super) fn text_width(text: &str, size: i64) -> i64 {
    // Letters of East Asian scripts take the room of two.
    let columns: i64 = text.chars().map(|c| if u32::from(c) < 0x1100 || c == '…' { 1 } else { 2 }).sum();
    (columns * size * 61 + 99) / 100
}

pub(super) const TITLE: i64 = 12;
pub(super) const SMALL: i64 = 10;

pub(super) fn layout(view: &View, detail: Detail) -> Layout {
    let tree = Tree::of(view);
    let labels = labelled(view, detail);
    let sizes = view.nodes.iter().enumerate().map(|(index, _)| size(view, index)).collect();
    let mut planner = Planner {
        view,
        skips: vec![Vec::new(); tree.pieces.len()],
        extents: vec![Extent::default(); tree.pieces.len()],
        tops: vec![Vec::new(); tree.pieces.len()],
        tree: &tree,
        labels,
        sizes,
    };
    let edges: Vec<(usize, usize, Meeting)> =
        view.edges().map(|(from, to)| (from, to, planner.meeting(from, to))).collect();
    for &(from, to, meeting) in &edges {
        if meeting.is_skip {
            planner.skips[meeting.piece].push(Skip {
                from,
                to,
                above: meeting.above,
                below: meeting.below,
                line: 0,
            });
        }
    }
    let order = inner_first(&tree);
    for &piece in &order {
        planner.measure(piece);
    }
    planner.draw(&edges)
}

/// Children before what is around them.
fn inner_first(tree: &Tree) -> Vec<PieceId> {
    let mut order = Vec::new();
    let mut waiting = vec![tree.root];
    while let Some(id) = waiting.pop() {
        order.push(id);
        match &tree.pieces[id] {
            Piece::Node(_) => {}
            Piece::Series(children) | Piece::Parallel(children) => waiting.extend(children),
            Piece::Group(_, inner) => waiting.push(*inner),
        }
    }
    order.reverse();
    order
}

/// Whose shape is shown: in a diagram of stages every node's, in one of layers where it is another than arrives.
fn labelled(view: &View, detail: Detail) -> Vec<bool> {
    let is_read = {
        let mut is_read = vec![false; view.nodes.len()];
        for (from, to) in view.edges() {
            // A stage shows its own.
            is_read[from] |= view.nodes[to].kind != Kind::Stage;
        }
        is_read
    };
    let is_news = |node: &super::Node| {
        detail == Detail::Stages || node.from.iter().all(|&from| view.nodes[from].shape != node.shape)
    };
    view.nodes.iter().zip(is_read).map(|(node, is_read)| is_read && is_news(node)).collect()
}

fn size(view: &View, index: usize) -> [i64; 2] {
    let (title, subtitle) = (view.title(index), view.subtitle(index));
    match view.nodes[index].kind {
        Kind::Add | Kind::Multiply => [22, 22],
        Kind::Concat | Kind::Split | Kind::Stage => [text_width(&title, SMALL) + 20, 20],
        Kind::Input | Kind::Output => [text_width(&title, TITLE) + 26, 24],
        Kind::Layer | Kind::Call => {
            let width = text_width(&title, TITLE).max(text_width(&subtitle, SMALL));
            [width + 20, if subtitle.is_empty() { 26 } else { 38 }]
        }
    }
}

/// Room that a piece takes, left and right of the line that it hangs on.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    left: i64,
    right: i64,
    height: i64,
}

/// An edge that passes over rows of a series.
#[derive(Clone, Debug)]
struct Skip {
    from: usize,
    to: usize,
    above: usize,
    below: usize,
    line: i64,
}

/// Where the two ends of an edge part: in which piece, and in which of its parts each is.
#[derive(Clone, Copy)]
struct Meeting {
    piece: PieceId,
    above: usize,
    below: usize,
    is_skip: bool,
    /// The outermost pieces inside that stand side by side with others: where the edge turns aside.
    leaves: Option<PieceId>,
    enters: Option<PieceId>,
}

struct Planner<'v> {
    view: &'v View,
    tree: &'v Tree,
    labels: Vec<bool>,
    sizes: Vec<[i64; 2]>,
    /// Of each series the edges beside it.
    skips: Vec<Vec<Skip>>,
    extents: Vec<Extent>,
    /// Where the children of each piece begin: down in a series, to the right side by side (the line they hang on).
    tops: Vec<Vec<i64>>,
}

impl Planner<'_> {
    fn meeting(&self, from: usize, to: usize) -> Meeting {
        let (up, down) = (self.tree.around(from), self.tree.around(to));
        let common = up.iter().zip(&down).take_while(|(a, b)| a == b).count();
        let (Some(&(piece, above)), Some(&(_, below))) = (up.get(common), down.get(common)) else {
            let piece = self.tree.root;
            return Meeting { piece, above: 0, below: 0, is_skip: false, leaves: None, enters: None };
        };
        let (up, down) = (&up[common + 1..], &down[common + 1..]);
        let wide = |around: &[(PieceId, usize)]| {
            let pieces = around.iter().map(|&(piece, _)| piece);
            pieces.into_iter().find(|&piece| matches!(self.tree.pieces[piece], Piece::Parallel(_)))
        };
        let last = |&(piece, position): &(PieceId, usize)| match &self.tree.pieces[piece] {
            Piece::Series(children) => position + 1 == children.len(),
            _ => true,
        };
        let first = |&(piece, position): &(PieceId, usize)| match &self.tree.pieces[piece] {
            Piece::Series(_) => position == 0,
            _ => true,
        };
        let follows = below == above + 1 && up.iter().all(last) && down.iter().all(first);
        let is_skip = matches!(self.tree.pieces[piece], Piece::Series(_)) && !follows;
        Meeting { piece, above, below, is_skip, leaves: wide(up), enters: wide(down) }
    }

    fn measure(&mut self, id: PieceId) {
        let tree = self.tree;
        self.extents[id] = match &tree.pieces[id] {
            Piece::Node(node) => {
                let [width, height] = self.sizes[*node];
                let label = if self.labels[*node] {
                    text_width(&self.view.nodes[*node].shape.to_string(), SMALL) + 10
                } else {
                    0
                };
                Extent { left: width / 2, right: (width - width / 2).max(label), height }
            }
            Piece::Group(group, inner) => {
                let Extent { left, right, height } = self.extents[*inner];
                let heading = text_width(&self.view.heading(*group), SMALL) + 2 * PADDING;
                // Edges that turn aside do so below the heading.
                let top = PADDING + HEADING + if self.begins_wide(*inner) { TURN } else { 0 };
                self.tops[id] = vec![top];
                Extent {
                    left: (left + PADDING).max(heading.min(left + right + 2 * PADDING)),
                    right: right + PADDING,
                    height: height + top + PADDING + if self.ends_in_label(*inner) { LABEL } else { 0 },
                }
            }
            Piece::Parallel(children) => {
                let width: i64 =
                    children.iter().map(|&child| self.extents[child].left + self.extents[child].right).sum();
                let width = width + GAP * (children.len() as i64 - 1);
                let mut x = -width / 2;
                let mut tops = Vec::new();
                for &child in children {
                    tops.push(x + self.extents[child].left);
                    x += self.extents[child].left + self.extents[child].right + GAP;
                }
                self.tops[id] = tops;
                let height = children.iter().map(|&child| self.extents[child].height).max().unwrap_or(0);
                Extent { left: width / 2, right: width - width / 2, height }
            }
            Piece::Series(children) => {
                let (mut y, mut left, mut right) = (0, 0, 0);
                let mut tops = Vec::new();
                for (position, &child) in children.iter().enumerate() {
                    if position > 0 {
                        y += ROW + if self.ends_in_label(children[position - 1]) { LABEL } else { 0 };
                        let is_wide = |&child: &PieceId| matches!(tree.pieces[child], Piece::Parallel(_));
                        y += if [children[position - 1], child].iter().any(is_wide) { 10 } else { 0 };
                    }
                    tops.push(y);
                    let extent = self.extents[child];
                    (y, left, right) = (y + extent.height, left.max(extent.left), right.max(extent.right));
                }
                self.tops[id] = tops;
                let lines = self.lines(id, children);
                Extent { left, right: right.max(lines), height: y }
            }
        };
    }

    /// Finds a line for each edge beside a series, the short ones nearest; gives the outermost.
    fn lines(&mut self, id: PieceId, children: &[PieceId]) -> i64 {
        let mut skips = std::mem::take(&mut self.skips[id]);
        skips.sort_by_key(|skip| (skip.below - skip.above, skip.above));
        let mut outermost = 0;
        for index in 0..skips.len() {
            let (above, below) = (skips[index].above, skips[index].below);
            let between = children[above..=below].iter().map(|&child| self.extents[child].right);
            let mut line = between.max().unwrap_or(0) + LANE;
            // Those that leave the same node share a line.
            let others = skips[..index].iter().filter(|other| other.above < below && above < other.below);
            for other in others.filter(|other| other.from != skips[index].from) {
                line = line.max(other.line + LANE);
            }
            skips[index].line = line;
            outermost = outermost.max(line);
        }
        self.skips[id] = skips;
        outermost
    }

    /// Whether there is a shape below a piece.
    fn ends_in_label(&self, id: PieceId) -> bool {
        match &self.tree.pieces[id] {
            Piece::Node(node) => self.labels[*node],
            Piece::Series(children) => children.last().is_some_and(|&last| self.ends_in_label(last)),
            Piece::Parallel(children) => children.iter().any(|&child| self.ends_in_label(child)),
            // A group has room for it inside.
            Piece::Group(..) => false,
        }
    }

    /// Whether a piece begins with several things side by side.
    fn begins_wide(&self, id: PieceId) -> bool {
        match &self.tree.pieces[id] {
            Piece::Node(_) | Piece::Group(..) => false,
            Piece::Parallel(_) => true,
            Piece::Series(children) => children.first().is_some_and(|&first| self.begins_wide(first)),
        }
    }

    fn draw(&self, edges: &[(usize, usize, Meeting)]) -> Layout {
        let mut layout = Layout { nodes: vec![Rect::default(); self.view.nodes.len()], ..Layout::default() };
        let whole = self.extents[self.tree.root];
        // Where each piece hangs.
        let mut places: Vec<[i64; 2]> = vec![[0, 0]; self.tree.pieces.len()];
        let mut waiting = vec![(self.tree.root, MARGIN + whole.left, MARGIN)];
        while let Some((id, x, y)) = waiting.pop() {
            places[id] = [x, y];
            let Extent { left, right, height } = self.extents[id];
            match &self.tree.pieces[id] {
                Piece::Node(node) => {
                    let [width, height] = self.sizes[*node];
                    layout.nodes[*node] = Rect { x: x - width / 2, y, width, height };
                }
                Piece::Group(group, inner) => {
                    layout.groups.push((*group, Rect { x: x - left, y, width: left + right, height }));
                    waiting.push((*inner, x, y + self.tops[id][0]));
                }
                Piece::Parallel(children) => {
                    waiting
                        .extend(children.iter().zip(&self.tops[id]).map(|(&child, dx)| (child, x + dx, y)));
                }
                Piece::Series(children) => {
                    waiting
                        .extend(children.iter().zip(&self.tops[id]).map(|(&child, dy)| (child, x, y + dy)));
                }
            }
        }
        layout.groups.sort_by_key(|(group, _)| *group);
        layout.width = whole.left + whole.right + 2 * MARGIN;
        layout.height = whole.height + 2 * MARGIN;
        for &(from, to, meeting) in edges {
            let (start, end) = (layout.nodes[from], layout.nodes[to]);
            let place = places[meeting.piece];
            let skip = self.skips[meeting.piece].iter().find(|skip| skip.from == from && skip.to == to);
            layout.routes.push(match skip.filter(|_| meeting.is_skip) {
                Some(skip) => Route::Beside {
                    from: [start.right(), start.y + start.height / 2 + 3],
                    to: [end.right(), end.y + end.height / 2 - 3],
                    line: place[0] + skip.line,
                },
                None => {
                    let label = if self.labels[from] { LABEL } else { 0 };
                    let bottom = |piece: PieceId| places[piece][1] + self.extents[piece].height;
                    let turn = meeting.leaves.map_or(start.bottom(), bottom) + label;
                    let turned = meeting.enters.map_or(end.y, |piece| places[piece][1]);
                    let turn = match (meeting.leaves, meeting.enters) {
                        (None, Some(_)) => [turn.max(turned - ROW - TURN), turned],
                        (Some(_), None) => [turn, turned.min(turn + ROW + TURN)],
                        _ => [turn, turned],
                    };
                    let turn = [turn[0].min(turn[1]), turn[1]];
                    Route::Down { from: [start.middle(), start.bottom()], to: [end.middle(), end.y], turn }
                }
            });
        }
        for (node, rect) in layout.nodes.iter().enumerate() {
            if self.labels[node] {
                layout.labels.push((node, [rect.middle() + 6, rect.bottom() + 12]));
            }
        }
        layout
    }
}
