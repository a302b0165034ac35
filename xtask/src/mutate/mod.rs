//! `mutate`: does the compiler find what a tired person gets wrong, and say what would be right?
//!
//! Every network of the examples ([`sources`]) gets one wrong edit ([`edits`]). The front end is asked ([`front`]), and
//! so is a second, independent check of shapes ([`oracle`]). They must agree; the error must stand at the right place;
//! its fits must fit ([`trial`]). [`report`] counts, and says whether the bars are met.
//!
//! The same seed gives the same trials, with any number of threads.

mod edits;
mod front;
mod oracle;
mod random;
mod report;
mod scan;
pub(crate) mod sources;
mod tokens;
mod trial;

use edits::{KINDS, Place};
use front::Answer;
use oracle::{Oracle, Verdict};
pub(crate) use random::Random;
use report::Report;
use sources::Source;
use std::path::Path;
use trial::Outcome;

/// What is tried, and how much of it is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What the mistakes are drawn with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many mistakes are made.
    #[arg(long, default_value_t = 2000)]
    count: u64,
    /// How many declarations are shown of each kind of failure.
    #[arg(long, default_value_t = 5)]
    show: usize,
}

/// A mistake that was made, and what came of it.
struct Trial<'s> {
    /// The row of [`KINDS`].
    kind: usize,
    source: &'s Source,
    outcome: Outcome,
}

/// Makes mistakes and reports. An error where a bar is missed.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = originals(sources::find(&top)?)?;
    let networks: usize = sources.iter().map(|source| source.networks).sum();
    println!("{networks} networks in {} declarations, seed {}", sources.len(), arguments.seed);
    let table = Table::new(&sources);
    let hook = std::panic::take_hook();
    // Panics are counted, not printed.
    std::panic::set_hook(Box::new(|_| {}));
    let trials = in_threads(&table, arguments);
    std::panic::set_hook(hook);
    let report = Report::new(&trials?);
    report.print(arguments.show);
    if report.passes() { Ok(()) } else { Err("a bar is missed".to_owned()) }
}

/// What is tried must be right to begin with. What the oracle cannot judge (a Rust const, in the language reference) is
/// left out.
fn originals(sources: Vec<Source>) -> Result<Vec<Source>, String> {
    let mut oracle = Oracle::default();
    let mut judged = Vec::new();
    for source in sources {
        let at = format!("`{}` in {}", source.name, source.file);
        match front::ask(&source.text).0 {
            Answer::Accepted => {}
            Answer::Later => return Err(format!("{at}: its const assertions fail")),
            Answer::Rejected(error) => return Err(format!("{at}: the front end refuses it:\n{error}")),
            Answer::Panicked(message) => return Err(format!("{at}: the front end panics: {message}")),
        }
        match oracle.judge(&source.text) {
            Verdict::Accepted => judged.push(source),
            Verdict::Undecided(_) => {}
            verdict @ Verdict::Rejected(_) => {
                return Err(format!("{at}: the oracle does not accept it: {verdict:?}"));
            }
        }
    }
    Ok(judged)
}

/// Every mistake that can be made: by kind, then by declaration, then by place.
struct Table<'s> {
    rows: Vec<Vec<(&'s Source, Vec<Place>)>>,
}

impl<'s> Table<'s> {
    fn new(sources: &'s [Source]) -> Self {
        let row = |kind: &edits::Kind| {
            let all = sources.iter().map(|source| {
                let mut places = (kind.places)(source);
                places.retain(|place| !place.is_empty());
                (source, places)
            });
            all.filter(|(_, places)| !places.is_empty()).collect()
        };
        Self { rows: KINDS.iter().map(row).collect() }
    }

    /// Makes the mistake of one number: kinds are equally likely, then declarations, then places, then ways.
    fn trial(&self, arguments: &Arguments, index: u64, oracle: &mut Oracle) -> Option<Trial<'s>> {
        let mut random = Random::new(arguments.seed, index);
        let kinds: Vec<usize> = (0..self.rows.len()).filter(|&kind| !self.rows[kind].is_empty()).collect();
        let kind = *random.pick(&kinds)?;
        let (source, places) = random.pick(&self.rows[kind])?;
        let place = random.pick(places)?;
        let edit = random.pick(place)?;
        Some(Trial { kind, source, outcome: trial::run(source, edit, oracle) })
    }
}

/// Divides the work among threads; the order of the results is that of the numbers.
fn in_threads<'s>(table: &Table<'s>, arguments: &Arguments) -> Result<Vec<Trial<'s>>, String> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = arguments.count.div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let mut oracle = Oracle::default();
                    let numbers = worker * share..((worker + 1) * share).min(arguments.count);
                    numbers.filter_map(|index| table.trial(arguments, index, &mut oracle)).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut trials = Vec::new();
        for worker in workers {
            trials.extend(worker.join().map_err(|_| "the oracle panicked".to_owned())?);
        }
        Ok(trials)
    })
}
