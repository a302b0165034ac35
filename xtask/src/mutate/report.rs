//! Counts, bars, and the declarations that missed them.

use super::Trial;
use super::edits::KINDS;
use super::oracle::Verdict;
use super::tokens;
use super::trial::{Best, Front, Outcome};
use std::fmt::Write as _;
use std::time::Duration;

/// What happened, counted.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Mistakes made.
    made: usize,
    /// Mistakes after which the declaration still fits (or is what it was).
    harmless: usize,
    /// Accepted by the front end.
    accepted: usize,
    /// Accepted by the macro, refused by a const assertion.
    later: usize,
    /// Refused.
    refused: usize,
    panics: usize,
    /// Accepted, and the oracle says that it does not fit.
    broken: usize,
    /// Refused, and the oracle says that it fits.
    disagreed: usize,
    /// What the oracle cannot judge.
    open: usize,
    /// Errors in all.
    errors: usize,
    /// First errors at the right token.
    placed: usize,
    /// Refusals with a fit.
    fitted: usize,
    /// Refusals about shapes.
    shapes: usize,
    /// Of these, with a fit.
    shapes_fitted: usize,
    /// Of these, with the original among the fits.
    original: usize,
    /// Of these, with an equivalent smaller edit among the fits, and not the original.
    equivalent: usize,
    /// Fits in all.
    fits: usize,
    /// Fits that do not fit.
    failing: usize,
    /// Fits that the oracle cannot judge.
    unjudged: usize,
}

/// The columns of the table.
type Column = (&'static str, fn(&Tally) -> usize);

const COLUMNS: &[Column] = &[
    ("made", |t| t.made),
    ("harmless", |t| t.harmless),
    ("accepted", |t| t.accepted),
    ("later", |t| t.later),
    ("refused", |t| t.refused),
    ("panics", |t| t.panics),
    ("broken", |t| t.broken),
    ("disagree", |t| t.disagreed),
    ("open", |t| t.open),
    ("errors", |t| t.errors),
    ("placed", |t| t.placed),
    ("fitted", |t| t.fitted),
    ("shapes", |t| t.shapes),
    ("s.fitted", |t| t.shapes_fitted),
    ("original", |t| t.original),
    ("smaller", |t| t.equivalent),
    ("fits", |t| t.fits),
    ("failing", |t| t.failing),
    ("unjudged", |t| t.unjudged),
];

/// Kinds of failure, each shown with examples. The last two miss no bar.
const FAILURES: [&str; 8] = [
    "the front end panics",
    "broken, and accepted",
    "a fit that does not fit",
    "an error at the wrong place",
    "a shape error without a fit",
    "a shape error whose fits are larger than the mistake",
    "refused, and the oracle accepts",
    "refused once by the oracle, several errors",
];

/// The whole report.
pub(crate) struct Report {
    kinds: Vec<Tally>,
    total: Tally,
    examples: Vec<Vec<String>>,
    times: Vec<(Duration, String)>,
}

impl Report {
    /// Counts the trials.
    pub(crate) fn new(trials: &[Trial<'_>]) -> Self {
        let mut report = Self {
            kinds: vec![Tally::default(); KINDS.len()],
            total: Tally::default(),
            examples: vec![Vec::new(); FAILURES.len()],
            times: Vec::new(),
        };
        for trial in trials {
            let unchanged = tokens::words(&trial.outcome.mutant.text) == tokens::words(&trial.source.text);
            report.kinds[trial.kind].add(&trial.outcome, unchanged);
            report.total.add(&trial.outcome, unchanged);
            for (failure, more) in failures(&trial.outcome) {
                report.examples[failure].push(shown(trial, &more));
            }
            let name = format!("{}, {}", trial.source.name, KINDS[trial.kind].name);
            report.times.push((trial.outcome.took, name));
        }
        report.times.sort();
        report
    }

    /// Whether every bar is met.
    pub(crate) fn passes(&self) -> bool {
        self.bars().iter().all(|(_, met, _)| *met)
    }

    /// What is asked, whether it is so, and the number behind it.
    fn bars(&self) -> Vec<(&'static str, bool, String)> {
        let total = &self.total;
        let none = |count: usize| (count == 0, count.to_string());
        let share = |part: usize, whole: usize, percent: usize| {
            let met = part * 100 >= whole * percent;
            (met, format!("{part} of {whole}{}", percentage(part, whole)))
        };
        let known = total.original + total.equivalent;
        let rows = [
            ("no panic", none(total.panics)),
            ("no broken network accepted", none(total.broken)),
            ("no fit that does not fit", none(total.failing)),
            ("95 % of shape errors have a fit", share(total.shapes_fitted, total.shapes, 95)),
            ("80 % of them the original or a smaller edit", share(known, total.shapes, 80)),
            ("95 % of errors at the right token", share(total.placed, total.refused, 95)),
        ];
        rows.into_iter().map(|(bar, (met, number))| (bar, met, number)).collect()
    }

    /// Prints the table, the bars and what missed them.
    pub(crate) fn print(&self, show: usize) {
        println!("\n{}", self.table());
        for (bar, met, number) in self.bars() {
            println!("{}  {bar:<44} {number}", if met { "met   " } else { "MISSED" });
        }
        let errors = self.total.errors as f64 / self.total.refused.max(1) as f64;
        println!("\n{errors:.3} errors a refusal");
        if let (Some((median, _)), Some((slowest, name))) =
            (self.times.get(self.times.len() / 2), self.times.last())
        {
            println!("front end: {median:.1?} median, {slowest:.1?} at most ({name})");
        }
        for (failure, examples) in FAILURES.iter().zip(&self.examples) {
            if !examples.is_empty() && show > 0 {
                println!("\n==== {failure}: {}", examples.len());
            }
            for example in examples.iter().take(show) {
                println!("\n{example}");
            }
        }
    }

    fn table(&self) -> String {
        let label = KINDS.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
        let mut out = format!("{:label$}", "");
        for (name, _) in COLUMNS {
            let _ = write!(out, "  {name:>8}");
        }
        let names = KINDS.iter().map(|kind| kind.name).chain(["all"]);
        for (name, tally) in names.zip(self.kinds.iter().chain([&self.total])) {
            let _ = write!(out, "\n{name:label$}");
            for (_, count) in COLUMNS {
                let _ = write!(out, "  {:>8}", count(tally));
            }
        }
        out.push('\n');
        out
    }
}

impl Tally {
    fn add(&mut self, outcome: &Outcome, unchanged: bool) {
        let (accepts, rejects) =
            (matches!(outcome.verdict, Verdict::Accepted), matches!(outcome.verdict, Verdict::Rejected(_)));
        self.made += 1;
        self.open += usize::from(matches!(outcome.verdict, Verdict::Undecided(_)));
        match &outcome.front {
            Front::Accepted => {
                self.accepted += 1;
                self.harmless += usize::from(accepts || unchanged);
                self.broken += usize::from(rejects);
            }
            Front::Later => {
                self.later += 1;
                self.disagreed += usize::from(accepts);
            }
            Front::Panicked(_) => self.panics += 1,
            Front::Rejected(refusal) => {
                self.refused += 1;
                self.disagreed += usize::from(accepts);
                self.errors += refusal.errors;
                self.placed += usize::from(refusal.placed);
                self.fitted += usize::from(refusal.has_fits);
                self.fits += refusal.fits;
                self.failing += refusal.failing.len();
                self.unjudged += refusal.unjudged;
                if refusal.is_shape {
                    self.shapes += 1;
                    self.shapes_fitted += usize::from(refusal.has_fits);
                    self.original += usize::from(refusal.best == Best::Original);
                    self.equivalent += usize::from(refusal.best == Best::Equivalent);
                }
            }
        }
    }
}

/// In which ways a trial fails (rows of [`FAILURES`]), with what else there is to say.
fn failures(outcome: &Outcome) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let accepts = matches!(outcome.verdict, Verdict::Accepted);
    match &outcome.front {
        Front::Panicked(message) => found.push((0, message.clone())),
        Front::Accepted if matches!(outcome.verdict, Verdict::Rejected(_)) => found.push((1, String::new())),
        Front::Later if accepts => found.push((6, "by a const assertion".to_owned())),
        Front::Accepted | Front::Later => {}
        Front::Rejected(refusal) => {
            found.extend(refusal.failing.iter().map(|fit| (2, fit.clone())));
            if !refusal.placed {
                found.push((3, String::new()));
            }
            if refusal.is_shape && !refusal.has_fits {
                found.push((4, String::new()));
            } else if refusal.is_shape && refusal.best == Best::Other {
                found.push((5, String::new()));
            }
            if accepts {
                found.push((6, String::new()));
            }
            if refusal.errors > 1 {
                found.push((7, String::new()));
            }
        }
    }
    found
}

/// A trial, for people: what was changed, what the front end and the oracle say.
fn shown(trial: &Trial<'_>, more: &str) -> String {
    let Trial { kind, source, outcome } = trial;
    let mut out = format!("-- {} in `{}`\n", KINDS[*kind].name, source.name);
    let before: Vec<&str> = source.text.lines().collect();
    let after: Vec<&str> = outcome.mutant.text.lines().collect();
    let start = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let same = before[start..].iter().rev().zip(after[start..].iter().rev()).take_while(|(a, b)| a == b);
    let end = same.count();
    for (sign, lines) in [('-', &before), ('+', &after)] {
        for line in &lines[start..lines.len() - end] {
            let _ = writeln!(out, "{sign} {line}");
        }
    }
    match &outcome.front {
        Front::Rejected(refusal) => out.push_str(&refusal.rendered),
        Front::Accepted => out.push_str("accepted\n"),
        Front::Later => out.push_str("a const assertion fails\n"),
        Front::Panicked(_) => out.push_str("a panic\n"),
    }
    match &outcome.verdict {
        Verdict::Accepted => out.push_str("oracle: it fits"),
        Verdict::Rejected(failure) => {
            let by = if failure.later { ", by a const assertion" } else { "" };
            let _ = write!(out, "oracle: {}{by}, at {}", failure.reason, at(&outcome.mutant.text, failure));
        }
        Verdict::Undecided(why) => {
            let _ = write!(out, "oracle: not decidable, {why}");
        }
    }
    if !more.is_empty() {
        let _ = write!(out, "\n{more}");
    }
    out
}

/// The text that the oracle points at.
fn at(text: &str, failure: &super::oracle::Failure) -> String {
    let lexed = cnn_ir::lex::lex(text);
    let quoted = failure.ranges.iter().map(|range| format!("`{}`", lexed.table.text(*range)));
    quoted.collect::<Vec<_>>().join(" or ")
}

fn percentage(part: usize, whole: usize) -> String {
    if whole == 0 { String::new() } else { format!(" ({:.1} %)", part as f64 * 100.0 / whole as f64) }
}
