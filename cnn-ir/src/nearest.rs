//! The nearest name to a misspelt one.

/// The candidate nearest to `word`, if one is near enough to be what was meant.
///
/// ```
/// use cnn_ir::nearest::nearest;
/// assert_eq!(nearest("relv", ["relu", "gelu", "conv"]), Some("relu"));
/// assert_eq!(nearest("banana", ["relu", "gelu", "conv"]), None);
/// ```
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let lower = word.to_lowercase();
    let length = word.chars().count();
    candidates
        .into_iter()
        // No slip changes the length by more.
        .filter(|&candidate| candidate != word && candidate.chars().count().abs_diff(length) <= 3)
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        // One slip in a short word, two in a longer one.
        .filter(|&(distance, candidate)| distance <= (word.len().min(candidate.len()) / 3).clamp(1, 3))
        .min_by_key(|&(distance, candidate)| (distance, candidate.len().abs_diff(word.len())))
        .map(|(_, candidate)| candidate)
}

/// Edit distance where swapping two neighbours is one edit (optimal string alignment).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Far apart in length is far apart; and it bounds the work for hostile names.
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    // The last three rows of the table; a swap looks two rows back.
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitution = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitution.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row[j] = best;
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}
