//! What only the whole network and the whole file can tell of their differences.

use std::collections::{HashMap, HashSet};

use super::state::Entry;
use crate::weights::report::Suggester;
use crate::weights::{Names, WeightFile, WeightProblem};

/// Adds names left over in the file, exceptions that name nothing, and the nearest names of those that are
/// missing. Returns what the differences have in common.
pub(super) fn compare(
    file: &WeightFile,
    in_file: &Names,
    exceptions: &[String],
    entries: &[Entry],
    names: &HashSet<String>,
    problems: &mut Vec<WeightProblem>,
) -> Vec<String> {
    let left_over = |name: &str| {
        let name = in_file.in_network(name);
        !names.contains(name)
            && name.rsplit('.').next() != Some("num_batches_tracked")
            && !exceptions.iter().any(|prefix| covers(prefix, name))
    };
    let unexpected: Vec<&str> = file.names().into_iter().filter(|name| left_over(name)).collect();
    let missing: Vec<(String, Vec<usize>)> = problems
        .iter()
        .filter_map(|problem| match problem {
            WeightProblem::Missing { name, shape, .. } => Some((name.clone(), shape.clone())),
            _ => None,
        })
        .collect();

    let shape_of = |name| file.shape(name).unwrap_or_default();
    let mut in_rest = Suggester::new(unexpected.iter().map(|name| (*name, shape_of(name))));
    for problem in problems.iter_mut() {
        if let WeightProblem::Missing { name, shape, nearest } = problem {
            *nearest = in_rest.nearest(name, shape);
        }
    }
    let mut in_network = Suggester::new(missing.iter().map(|(name, shape)| (name.as_str(), &shape[..])));
    for &name in &unexpected {
        let shape = shape_of(name).to_vec();
        let nearest = in_network.nearest(name, &shape);
        problems.push(WeightProblem::Unexpected { name: name.to_owned(), shape, nearest });
    }
    for (name, reason) in file.unread().filter(|(name, _)| left_over(name)) {
        problems.push(WeightProblem::Unreadable { name: name.to_owned(), reason: reason.to_owned() });
    }
    for prefix in exceptions {
        if !entries.iter().any(|entry| covers(prefix, &entry.name)) {
            let prefixes: HashSet<&str> = entries.iter().flat_map(|entry| prefixes_of(&entry.name)).collect();
            let prefixes = prefixes.into_iter().map(|prefix| (prefix, &[][..]));
            let nearest = Suggester::new(prefixes).nearest(prefix, &[]);
            problems.push(WeightProblem::UnknownPrefix { prefix: prefix.clone(), nearest });
        }
    }

    let mut notes = Vec::new();
    if !in_file.dropped().is_empty() && !problems.is_empty() {
        notes.push(format!(
            "`{}` is dropped from the file's names, because the network's are there behind it",
            in_file.dropped()
        ));
    }
    let unexpected: Vec<(&str, &[usize])> = unexpected.iter().map(|name| (*name, shape_of(name))).collect();
    let network = entries.iter().filter(|entry| !exceptions.iter().any(|prefix| covers(prefix, &entry.name)));
    notes.extend(in_common(&missing, &unexpected, network.count()));
    notes
}

/// What missing and unexpected names have in common, where it is plain: the first of what applies.
fn in_common(
    missing: &[(String, Vec<usize>)],
    unexpected: &[(&str, &[usize])],
    network: usize,
) -> Option<String> {
    if missing.is_empty() || unexpected.is_empty() {
        return None;
    }
    let lost: HashSet<&str> = missing.iter().map(|(name, _)| name.as_str()).collect();
    let left: HashSet<&str> = unexpected.iter().map(|(name, _)| *name).collect();
    let count = missing.len();
    if let Some((prefix, times)) = commonest(unexpected.iter().map(|(name, _)| *name), &lost) {
        return Some(format!(
            "{times} of the {count} missing are in the file behind `{prefix}`; that is dropped only where every \
             tensor of the file has it: save the part below it alone"
        ));
    }
    if let Some((prefix, times)) = commonest(missing.iter().map(|(name, _)| name.as_str()), &left) {
        return Some(format!(
            "{times} of the {count} missing are in the file without `{prefix}`: it holds a part of the network"
        ));
    }
    let mut shapes: [Vec<&[usize]>; 2] = [
        missing.iter().map(|(_, shape)| &shape[..]).collect(),
        unexpected.iter().map(|(_, shape)| *shape).collect(),
    ];
    shapes.iter_mut().for_each(|shapes| shapes.sort_unstable());
    if shapes[0] == shapes[1] && count > 1 {
        return Some(
            "the missing and the unexpected have the same shapes: the file probably has this network under \
             other names; label the layers as there"
                .to_owned(),
        );
    }
    (count == network)
        .then(|| "no tensor of the network is in the file: it is probably that of another network".to_owned())
}

/// What stands most often before one of the `known` names, if it does so at least twice.
fn commonest<'n>(names: impl Iterator<Item = &'n str>, known: &HashSet<&str>) -> Option<(&'n str, usize)> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for name in names.filter(|name| name.len() <= 500) {
        for (dot, _) in name.match_indices('.') {
            if known.contains(&name[dot + 1..]) {
                *counts.entry(&name[..=dot]).or_default() += 1;
            }
        }
    }
    // The names decide between equal counts, so that the message is the same each time.
    let commonest = counts.into_iter().max_by_key(|&(prefix, count)| (count, std::cmp::Reverse(prefix)));
    commonest.filter(|(_, count)| *count > 1)
}

/// Whether `name` is `prefix` or below it.
pub(super) fn covers(prefix: &str, name: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// `a`, `a.b` and `a.b.c` for `a.b.c`.
fn prefixes_of(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').map(|(dot, _)| &name[..dot]).chain(std::iter::once(name))
}
