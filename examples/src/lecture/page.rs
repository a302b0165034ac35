//! What is shown and kept of experiments: a picture and a table of each, and a page with all of them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cnn_train::report::{Compared, compare_svg, write_file};
use cnn_train::trainer::EpochRecord;

use super::outcome::{Outcome, Run, loss, percent};
use super::{Error, Experiment, Result};

/// An experiment that was made.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which one.
    pub experiment: Experiment,
    /// What its picture is called.
    pub title: &'static str,
    /// What came of its variants.
    pub outcomes: Vec<Outcome>,
    /// What was seen, in one sentence.
    pub sentence: String,
}

impl Seen {
    /// Training loss and validation accuracy of every variant, as SVG.
    ///
    /// # Errors
    /// What the drawing library says.
    pub fn svg(&self) -> std::io::Result<String> {
        let runs: Vec<Vec<_>> = self.outcomes.iter().map(epochs).collect();
        let compared: Vec<_> = self.outcomes.iter().zip(&runs).map(compared).collect();
        compare_svg(self.title, &compared)
    }

    /// A line for each variant: its parameters, its training loss and validation accuracy in the end, the best accuracy (means
    /// over the seeds), and the seconds of all its runs.
    pub fn table(&self) -> String {
        let wide = self.outcomes.iter().map(|outcome| outcome.name.chars().count()).max().unwrap_or(0).max(7);
        let mut table =
            format!("{:wide$}  parameters  train loss  final acc.  best acc.  seconds\n", "variant");
        for outcome in &self.outcomes {
            // A string takes everything.
            let _ = writeln!(
                table,
                "{:wide$}  {:>10}  {:>10}  {:>10}  {:>9}  {:>7.1}",
                outcome.name,
                outcome.parameters,
                loss(outcome.final_loss()),
                percent(outcome.mean(Run::final_accuracy)),
                percent(outcome.mean(Run::best_accuracy)),
                outcome.runs.iter().map(|run| run.seconds).sum::<f64>()
            );
        }
        table
    }

    /// Writes the picture to `folder`.
    ///
    /// # Errors
    /// Where the folder may not be written to or is full, and what the drawing library says.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(format!("{}.svg", self.experiment.name()));
        self.svg()
            .and_then(|svg| write_file(&path, svg.as_bytes()))
            .map_err(|source| Error::Write { path, source })
    }
}

fn epochs(outcome: &Outcome) -> Vec<&[EpochRecord]> {
    outcome.runs.iter().map(|run| run.epochs.as_slice()).collect()
}

fn compared<'a>((outcome, runs): (&'a Outcome, &'a Vec<&'a [EpochRecord]>)) -> Compared<'a> {
    Compared { name: &outcome.name, runs }
}

/// The page: every experiment's sentence, picture and table, in Markdown.
pub fn markdown(all: &[Seen]) -> String {
    let mut page = "# What the lecture says of training, tried\n".to_owned();
    for seen in all {
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\n![{}]({}.svg)\n\n```text\n{}```\n",
            seen.title,
            seen.sentence,
            seen.title,
            seen.experiment.name(),
            seen.table()
        );
    }
    page
}

/// Makes the folder, where it is not there.
///
/// # Errors
/// Where that is not allowed, or something else has its name.
pub fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Writes the page to `folder`.
///
/// # Errors
/// Where the folder may not be written to or is full.
pub fn write_markdown(folder: &Path, all: &[Seen]) -> Result<()> {
    let path = folder.join("lecture.md");
    write_file(&path, markdown(all).as_bytes()).map_err(|source| Error::Write { path, source })
}
