//! What the lecture says of training convolutional networks, as experiments: each trains a few variants of a network that
//! differ in one thing, draws them in one picture, and says in a sentence what was seen.
//!
//! ```text
//! cargo run --release --example lecture
//! cargo run --release --example lecture -- --only depth --only dropout --seed 7
//! cargo run --release --example lecture -- --quick --out pictures
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cnn_examples::device;
use cnn_examples::lecture::Experiment;
use cnn_examples::lecture::page::{Seen, make_folder, write_markdown};
use cnn_examples::paths::{from_here, repository};

/// Try what the lecture says of training convolutional networks.
#[derive(Debug, Parser)]
#[command(name = "lecture")]
pub(crate) struct Args {
    /// Only this experiment; may be given several times [default: all]
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Experiment>,
    /// Few pictures, few epochs and one seed: seconds for each experiment, which show little
    #[arg(long)]
    quick: bool,
    /// Where the random numbers start; further runs have the numbers after it
    #[arg(long, default_value_t = 42, value_parser = clap::value_parser!(u64).range(..=1 << 48))]
    seed: u64,
    /// Where to run: cpu, cuda, cuda:N, or auto, a GPU where the program was built for one and there is one
    #[arg(long, default_value_t = device::Choice::Auto)]
    device: device::Choice,
    /// Folder for the pictures and the page lecture.md, which is made where it is not there [default: target/lecture]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse(), &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The program; `out` is the standard output.
pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let folder = args.out.clone().unwrap_or_else(|| repository().join("target/lecture"));
    // A folder that cannot be made is known before anything is trained.
    make_folder(&folder)?;
    let asked = |experiment: &Experiment| args.only.is_empty() || args.only.contains(experiment);
    let (mut all, device) = (Vec::new(), args.device.open()?);
    for experiment in Experiment::ALL.into_iter().filter(asked) {
        let plan = experiment.plan(args.quick);
        writeln!(out, "{}: {}", experiment.name(), plan.title)?;
        let outcomes = plan.run(args.seed, &device)?;
        let sentence = experiment.sentence(&outcomes, plan.pictures[1]);
        let seen = Seen { experiment, title: plan.title, outcomes, sentence };
        seen.write(&folder)?;
        writeln!(out, "{}{}\n", seen.table(), seen.sentence)?;
        all.push(seen);
    }
    write_markdown(&folder, &all)?;
    writeln!(out, "kept in {}: lecture.md and its pictures", from_here(&folder).display())?;
    Ok(())
}
