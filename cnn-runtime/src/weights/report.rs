//! What differs between a network and the weights it was given, as a table to read.

use std::fmt::Write as _;

/// The most differences that are shown.
const MAX_ROWS: usize = 200;

/// The most characters of a name that are shown.
const MAX_NAME: usize = 200;

/// One difference between a network and its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightProblem {
    /// The network has a tensor that the file lacks.
    Missing {
        /// The name in the network.
        name: String,
        /// The shape in the network.
        shape: Vec<usize>,
        /// The nearest name in the file that the network does not use.
        nearest: Option<String>,
    },
    /// The file has a tensor that the network lacks.
    Unexpected {
        /// The name in the file.
        name: String,
        /// The shape in the file.
        shape: Vec<usize>,
        /// The nearest name in the network that the file lacks.
        nearest: Option<String>,
    },
    /// Both have the tensor, with different shapes. Dimensions of size 1 count: nothing is reshaped.
    Shape {
        /// The name.
        name: String,
        /// The shape in the network.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// The file's element type is not a floating point type that the network can take.
    DType {
        /// The name.
        name: String,
        /// The file's type.
        found: String,
    },
    /// A prefix that was excepted from loading names nothing in the network.
    UnknownPrefix {
        /// The prefix.
        prefix: String,
        /// The nearest prefix in the network.
        nearest: Option<String>,
    },
    /// The source refused to give the tensor.
    Unreadable {
        /// The name in the network.
        name: String,
        /// What the source said.
        reason: String,
    },
}

/// `(64, 3, 7, 7)`.
pub(crate) fn shape(dims: &[usize]) -> String {
    let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
    format!("({})", dims.join(", "))
}

impl WeightProblem {
    /// The columns of the table: kind, name, what is wrong.
    fn columns(&self) -> (&'static str, &str, String) {
        let did_you_mean = |nearest: &Option<String>, place: &str| match nearest {
            Some(nearest) => format!("; nearest {place}: {}", printable(nearest)),
            None => String::new(),
        };
        match self {
            Self::Missing { name, shape: dims, nearest } => (
                "missing",
                name,
                format!("{} is not in the file{}", shape(dims), did_you_mean(nearest, "there")),
            ),
            Self::Unexpected { name, shape: dims, nearest } => (
                "unexpected",
                name,
                format!("{} is not in the network{}", shape(dims), did_you_mean(nearest, "there")),
            ),
            Self::Shape { name, expected, found } => {
                ("shape", name, format!("the network has {}, the file {}", shape(expected), shape(found)))
            }
            Self::DType { name, found } => {
                ("type", name, format!("{found} is not converted; save it as F32, F64, F16 or BF16"))
            }
            Self::UnknownPrefix { prefix, nearest } => (
                "exception",
                prefix,
                format!("names nothing in the network{}", did_you_mean(nearest, "there")),
            ),
            Self::Unreadable { name, reason } => ("unreadable", name, reason.clone()),
        }
    }
}

/// A name from a file with its control characters made visible, and not endless.
fn printable(name: &str) -> String {
    let mut text =
        if name.chars().any(char::is_control) { name.escape_debug().to_string() } else { name.to_owned() };
    if let Some((end, _)) = text.char_indices().nth(MAX_NAME) {
        text.truncate(end);
        text.push_str("..");
    }
    text
}

/// Every difference, one a line, aligned, with what to do. Of very many the first are shown, so that the
/// notes, which explain them, stay in sight.
pub(crate) fn table(file: &str, notes: &[String], problems: &[WeightProblem]) -> String {
    let rows: Vec<(&str, String, String)> = problems
        .iter()
        .take(MAX_ROWS)
        .map(|problem| {
            let (kind, name, what) = problem.columns();
            (kind, printable(name), what)
        })
        .collect();
    let kinds = rows.iter().map(|row| row.0.len()).max().unwrap_or(0);
    let names = rows.iter().map(|row| row.1.chars().count()).max().unwrap_or(0);

    let count = match problems.len() {
        1 => "1 difference".to_owned(),
        many => format!("{many} differences"),
    };
    let mut text = format!("{file} does not fit the network, {count}:");
    for (kind, name, what) in rows {
        // Writing to a String does not fail.
        let _ = write!(text, "\n  {kind:kinds$}  {name:names$}  {what}");
    }
    if problems.len() > MAX_ROWS {
        let _ = write!(text, "\n  .. and {} more", problems.len() - MAX_ROWS);
    }
    for note in notes {
        let _ = write!(text, "\n  {note}");
    }
    let prefixes = exceptions(problems);
    if !prefixes.is_empty() {
        let _ = write!(
            text,
            "\n  to start the layers that differ afresh: load_except(.., &[{}], Init::seed(0), ..)",
            prefixes.join(", ")
        );
    }
    text
}

/// The layers that would have to be excepted for the rest to load: offered only where that is the whole
/// difference, that is, where all are shapes, and few.
fn exceptions(problems: &[WeightProblem]) -> Vec<String> {
    let mut prefixes: Vec<String> = Vec::new();
    for problem in problems {
        let WeightProblem::Shape { name, .. } = problem else { return Vec::new() };
        let prefix = name.rsplit_once('.').map_or(name.as_str(), |(layer, _)| layer);
        let quoted = format!("{prefix:?}");
        if !prefixes.contains(&quoted) {
            prefixes.push(quoted);
        }
        if prefixes.len() > 4 {
            return Vec::new();
        }
    }
    prefixes
}

/// Finds nearest names within a budget, so that a file with a million strange names is reported as
/// fast as one with ten.
pub(crate) struct Suggester<'a> {
    /// Names and shapes.
    candidates: Vec<(&'a str, &'a [usize])>,
    /// Name comparisons left.
    budget: usize,
}

impl<'a> Suggester<'a> {
    pub(crate) fn new(candidates: impl IntoIterator<Item = (&'a str, &'a [usize])>) -> Self {
        // Names this long are no one's misspelling.
        let candidates = candidates.into_iter().filter(|(name, _)| name.len() <= 200).collect();
        Self { candidates, budget: 50_000 }
    }

    /// The nearest candidate, if it is near: one of the same shape if there is one, and then the one
    /// with the smallest edit distance.
    pub(crate) fn nearest(&mut self, name: &str, shape: &[usize]) -> Option<String> {
        if name.len() > 200 {
            return None;
        }
        self.budget = self.budget.checked_sub(self.candidates.len())?;
        self.candidates
            .iter()
            .filter_map(|(candidate, dims)| Some((*dims != shape, distance(name, candidate)?, *candidate)))
            .min()
            .map(|(_, _, candidate)| candidate.to_owned())
    }
}

/// The edit distance of what is left of two names without the labels that they share at both ends, if
/// at most half of that was edited, or one name is the other with more labels (`module.conv1.weight`).
fn distance(a: &str, b: &str) -> Option<usize> {
    let (mut a, mut b): (Vec<&str>, Vec<&str>) = (a.split('.').collect(), b.split('.').collect());
    while !a.is_empty() && a.last() == b.last() {
        a.pop();
        b.pop();
    }
    let shared = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a[shared..].join("."), b[shared..].join("."));
    let distance = edit_distance(&a, &b);
    let most = (a.chars().count().max(b.chars().count()) / 2).max(1);
    (distance <= most || a.is_empty() || b.is_empty()).then_some(distance)
}

/// Levenshtein's distance: insertions, deletions and substitutions of characters.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let substitution = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        // The textbook pairs.
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("saturday", "sunday"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
        assert_eq!(edit_distance("fc.weight", "fc.weight"), 0);
    }

    #[test]
    fn nearest_names() {
        let names: [(&str, &[usize]); 5] = [
            ("conv1.weight", &[8, 3]),
            ("conv2.weight", &[8, 8]),
            ("conv1.bias", &[8]),
            ("head.weight", &[10, 8]),
            ("module.layer1.0.conv.weight", &[4]),
        ];
        let nearest = |name, shape| Suggester::new(names).nearest(name, shape);
        assert_eq!(nearest("conv.weight", &[8, 3]).as_deref(), Some("conv1.weight"));
        assert_eq!(nearest("conv.weight", &[8, 8]).as_deref(), Some("conv2.weight"));
        assert_eq!(nearest("layer1.0.conv.weight", &[4]).as_deref(), Some("module.layer1.0.conv.weight"));
        // The shared `weight` makes no likeness.
        assert_eq!(nearest("fc.weight", &[10, 8]), None);
        assert_eq!(nearest("bn1.running_mean", &[8]), None);
    }

    #[test]
    fn the_table_is_aligned_and_says_what_to_do() {
        let problems = [
            WeightProblem::Shape {
                name: "fc.weight".into(),
                expected: vec![10, 512],
                found: vec![1000, 512],
            },
            WeightProblem::Shape { name: "fc.bias".into(), expected: vec![10], found: vec![1000] },
        ];
        assert_eq!(
            table("resnet18.safetensors", &[], &problems),
            "resnet18.safetensors does not fit the network, 2 differences:\n  \
             shape  fc.weight  the network has (10, 512), the file (1000, 512)\n  \
             shape  fc.bias    the network has (10), the file (1000)\n  \
             to start the layers that differ afresh: load_except(.., &[\"fc\"], Init::seed(0), ..)"
        );
    }

    #[test]
    fn very_many_differences_and_long_names_are_cut() {
        let problem = |i: usize| WeightProblem::Unexpected {
            name: format!("{i}{}", "ü".repeat(1000)),
            shape: vec![],
            nearest: None,
        };
        let problems: Vec<WeightProblem> = (0..1000).map(problem).collect();
        let text = table("f", &["a note".to_owned()], &problems);
        assert!(text.starts_with("f does not fit the network, 1000 differences:"), "{text}");
        assert!(text.ends_with("\n  .. and 800 more\n  a note"), "{text}");
        assert!(text.chars().count() < 60_000, "{}", text.len());
    }

    #[test]
    fn control_characters_in_names_are_shown() {
        let problems =
            [WeightProblem::Unexpected { name: "a\n\u{1b}[31m".into(), shape: vec![], nearest: None }];
        assert!(!table("f", &[], &problems).contains('\u{1b}'));
    }
}
