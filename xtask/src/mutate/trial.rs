//! One trial: a declaration, one mistake, what the front end and the oracle say, and what the fits are worth.

use super::edits::{Edit, Mutant};
use super::front::{self, Answer};
use super::oracle::{Oracle, Verdict};
use super::sources::Source;
use super::tokens;
use cnn_ir::diagnostic::Diagnostic;
use cnn_ir::lex::lex;
use std::time::Duration;

/// What came of a trial.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The declaration with the mistake.
    pub(crate) mutant: Mutant,
    /// What the front end said of it.
    pub(crate) front: Front,
    /// What the oracle said of it.
    pub(crate) verdict: Verdict,
    /// How long the front end took.
    pub(crate) took: Duration,
}

/// What the front end said.
#[derive(Debug)]
pub(crate) enum Front {
    /// It fits.
    Accepted,
    /// A const assertion will say that it does not.
    Later,
    /// It panicked, on the mutant or on a fit.
    Panicked(String),
    /// It does not fit.
    Rejected(Refusal),
}

/// An error, and what it is worth.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// As it is shown.
    pub(crate) rendered: String,
    /// How many errors there are.
    pub(crate) errors: usize,
    /// Whether the first is about shapes.
    pub(crate) is_shape: bool,
    /// Whether the first stands where the mistake was made, or where the oracle sees it.
    pub(crate) placed: bool,
    /// Whether the first has fits.
    pub(crate) has_fits: bool,
    /// How many fits there are, over all errors.
    pub(crate) fits: usize,
    /// How many of them the oracle cannot judge.
    pub(crate) unjudged: usize,
    /// The fits that do not fit.
    pub(crate) failing: Vec<String>,
    /// What the best fit of the first error is.
    pub(crate) best: Best,
}

/// The best fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Best {
    /// What stood there before.
    Original,
    /// Something else that fits and is no larger an edit than the mistake was.
    Equivalent,
    /// Something larger, or nothing.
    Other,
}

/// Makes a mistake and looks at what happens.
pub(crate) fn run(source: &Source, edit: &Edit, oracle: &mut Oracle) -> Outcome {
    let mutant = edit.apply(&source.text);
    let (answer, took) = front::ask(&mutant.text);
    let verdict = oracle.judge(&mutant.text);
    let front = match answer {
        Answer::Accepted => Front::Accepted,
        Answer::Later => Front::Later,
        Answer::Panicked(message) => Front::Panicked(message),
        Answer::Rejected(error) => {
            let diagnostics = error.diagnostics();
            match judge_fits(source, &mutant, diagnostics, oracle) {
                Err(panic) => Front::Panicked(format!("in a fit: {panic}")),
                Ok(fits) => Front::Rejected(Refusal {
                    rendered: error.to_string(),
                    errors: diagnostics.len(),
                    is_shape: diagnostics.first().is_some_and(|first| first.problem.is_about_shapes()),
                    placed: diagnostics.first().is_some_and(|first| placed(&mutant, first, &verdict)),
                    has_fits: diagnostics.first().is_some_and(|first| !first.fits.is_empty()),
                    ..fits
                }),
            }
        }
    };
    Outcome { mutant, front, verdict, took }
}

/// Whether an error stands at the edit or a token next to it, or where the oracle saw the mistake first.
fn placed(mutant: &Mutant, error: &Diagnostic, verdict: &Verdict) -> bool {
    let near = tokens::near(&mutant.text, &mutant.places);
    let (first, last) = (error.range.first.min(error.range.last), error.range.last.max(error.range.first));
    let seen = match verdict {
        Verdict::Rejected(failure) => failure.ranges.as_slice(),
        _ => &[],
    };
    near.iter().any(|token| (first..=last).contains(token))
        || seen.iter().any(|range| range.first <= last && first <= range.last)
}

/// Makes each fit and asks both again.
fn judge_fits(
    source: &Source,
    mutant: &Mutant,
    diagnostics: &[Diagnostic],
    oracle: &mut Oracle,
) -> Result<Refusal, String> {
    let lexed = lex(&mutant.text);
    let (original, wrong) = (tokens::words(&source.text), tokens::words(&mutant.text));
    let mistake = tokens::distance(&original, &wrong);
    let mut refusal = Refusal {
        rendered: String::new(),
        errors: 0,
        is_shape: false,
        placed: false,
        has_fits: false,
        fits: 0,
        unjudged: 0,
        failing: Vec::new(),
        best: Best::Other,
    };
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        for fit in &diagnostic.fits {
            refusal.fits += 1;
            let text = fit.apply(&mutant.text, &lexed);
            let answer = front::ask(&text).0;
            if let Answer::Panicked(message) = answer {
                return Err(message);
            }
            // A fit for one mistake of several leaves the others.
            let fewer = match &answer {
                Answer::Rejected(error) => error.diagnostics().len() < diagnostics.len(),
                _ => true,
            };
            let verdict = oracle.judge(&text);
            let compiles = answer.accepts() && matches!(verdict, Verdict::Accepted);
            if answer.accepts() && matches!(verdict, Verdict::Undecided(_)) {
                refusal.unjudged += 1;
                continue;
            }
            if !(compiles || !fit.complete && fewer) {
                let front = if answer.accepts() { "accepts" } else { "refuses" };
                refusal
                    .failing
                    .push(format!("{fit}\n  the front end {front} it; the oracle: {verdict:?}\n{text}"));
                continue;
            }
            let words = tokens::words(&text);
            if index > 0 || refusal.best == Best::Original {
                continue;
            }
            if words == original {
                refusal.best = Best::Original;
            } else if compiles && tokens::distance(&wrong, &words) <= mistake {
                refusal.best = Best::Equivalent;
            }
        }
    }
    Ok(refusal)
}
