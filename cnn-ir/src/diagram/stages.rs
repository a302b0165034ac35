//! Layers to stages: a call of a block is one node, a layer takes what follows it in place, equal ones in a row are
//! one.

use super::{Kind, Node};
use std::collections::HashMap;

/// The stages of these layers.
pub(super) fn of(nodes: &[Node], calls: &[(String, String)]) -> Vec<Node> {
    let called = join_calls(nodes, calls);
    let glued = join(called, |layer, next| {
        let glues = layer.kind == Kind::Layer && next.kind == Kind::Layer && next.in_place;
        glues.then(|| Node {
            text: format!("{} {}", layer.text, next.text),
            shape: next.shape.clone(),
            parameters: &layer.parameters + &next.parameters,
            ..layer.clone()
        })
    });
    let stages = glued.into_iter().map(|node| Stage { first: node.clone(), last: node, copies: 1 });
    let folded = fold(stages.collect());
    written(folded)
}

/// Every node of an outermost call becomes one.
fn join_calls(nodes: &[Node], calls: &[(String, String)]) -> Vec<Node> {
    let sources: HashMap<&str, &str> =
        calls.iter().map(|(path, source)| (path.as_str(), source.as_str())).collect();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut map: Vec<usize> = Vec::with_capacity(nodes.len());
    let mut out: Vec<Node> = Vec::new();
    for node in nodes {
        let from: Vec<usize> = node.from.iter().map(|&from| map[from]).collect();
        let call = match node.kind {
            Kind::Input | Kind::Output => None,
            _ => prefixes(&node.path, true).find_map(|path| Some((path, *sources.get(path)?))),
        };
        let place = call.map_or(out.len(), |(path, _)| *places.entry(path).or_insert(out.len()));
        map.push(place);
        match (out.get_mut(place), call) {
            (Some(stage), _) => {
                stage.parameters = &stage.parameters + &node.parameters;
                // What leaves a block is its last value.
                stage.shape.clone_from(&node.shape);
                for from in from {
                    // What a block takes twice arrives once.
                    if from != place && !stage.from.contains(&from) {
                        stage.from.push(from);
                    }
                }
            }
            (None, Some((path, source))) => out.push(Node {
                kind: Kind::Call,
                path: path.to_owned(),
                text: source.to_owned(),
                in_place: false,
                from,
                ..node.clone()
            }),
            (None, None) => out.push(Node { from, ..node.clone() }),
        }
    }
    out
}

/// The paths around a path, from the outermost; and the path itself.
pub(super) fn prefixes(path: &str, itself: bool) -> impl Iterator<Item = &str> {
    let inner = path.match_indices('.').map(|(dot, _)| &path[..dot]);
    inner.chain((itself && !path.is_empty()).then_some(path))
}

trait Linked {
    fn from(&self) -> &[usize];
    fn relink(&mut self, from: Vec<usize>);
}

impl Linked for Node {
    fn from(&self) -> &[usize] {
        &self.from
    }

    fn relink(&mut self, from: Vec<usize>) {
        self.from = from;
    }
}

/// One node or several in a row.
#[derive(Clone)]
struct Stage {
    first: Node,
    last: Node,
    copies: usize,
}

impl Linked for Stage {
    fn from(&self) -> &[usize] {
        &self.first.from
    }

    fn relink(&mut self, from: Vec<usize>) {
        self.first.from = from;
    }
}

/// Joins a node to the one before it, where that is read by nothing else and `rule` allows it.
fn join<T: Linked>(nodes: Vec<T>, rule: impl Fn(&T, &T) -> Option<T>) -> Vec<T> {
    let mut readers = vec![0_usize; nodes.len()];
    for &from in nodes.iter().flat_map(Linked::from) {
        readers[from] += 1;
    }
    let mut map: Vec<usize> = Vec::with_capacity(nodes.len());
    let mut out: Vec<T> = Vec::new();
    for mut node in nodes {
        if let &[from] = node.from()
            && readers[from] == 1
            && let Some(joined) = rule(&out[map[from]], &node)
        {
            out[map[from]] = joined;
            map.push(map[from]);
            continue;
        }
        let from = node.from().iter().map(|&from| map[from]).collect();
        node.relink(from);
        map.push(out.len());
        out.push(node);
    }
    out
}

/// Equal stages in a row become one.
fn fold(stages: Vec<Stage>) -> Vec<Stage> {
    join(stages, |row, next| {
        let (first, last, next) = (&row.first, &row.last, &next.first);
        let comparable = matches!(next.kind, Kind::Layer | Kind::Call) && first.kind == next.kind;
        // The first copy of a repeat may have a stride: `Basic(128)/2`, `Basic(128)`.
        let equal = last.text == next.text || (row.copies == 1 && stride(&first.text, &next.text).is_some());
        let same_place = stem(&first.path) == stem(&next.path);
        (comparable && equal && same_place).then(|| {
            let first = Node { parameters: &first.parameters + &next.parameters, ..first.clone() };
            Stage { first, last: next.clone(), copies: row.copies + 1 }
        })
    })
}

/// `/2`, where that is what one text has more than another.
fn stride<'t>(longer: &'t str, text: &str) -> Option<&'t str> {
    let rest = longer.strip_prefix(text)?;
    let digits = rest.strip_prefix('/')?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(rest)
}

/// A path without its numbers.
fn stem(path: &str) -> String {
    path.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// `(conv3-64 relu) x2`, under the path of what is around the copies, where nothing else is, or from the first to the
/// last.
fn written(stages: Vec<Stage>) -> Vec<Node> {
    let mut below: HashMap<&str, usize> = HashMap::new();
    for stage in stages.iter().filter(|stage| !matches!(stage.first.kind, Kind::Input | Kind::Output)) {
        for path in prefixes(&stage.first.path, stage.first.kind.is_joint()) {
            *below.entry(path).or_default() += 1;
        }
    }
    let write = |Stage { first, last, copies }: &Stage| {
        if *copies == 1 {
            return first.clone();
        }
        let stride = stride(&first.text, &last.text).unwrap_or_default();
        let is_one = first.kind == Kind::Call || !last.text.contains(' ');
        let text = if is_one { last.text.clone() } else { format!("({})", last.text) };
        let around = first.path.rsplit_once('.').map(|(around, _)| around);
        let path = match around.filter(|around| below.get(around) == Some(&1)) {
            Some(around) if last.path.starts_with(&format!("{around}.")) => around.to_owned(),
            _ => format!("{}…{}", first.path, last.path.rsplit('.').next().unwrap_or_default()),
        };
        let text = format!("{text} x{copies}{stride}");
        Node { path, text, shape: last.shape.clone(), ..first.clone() }
    };
    stages.iter().map(write).collect()
}
