//! A worker of the benchmark: one engine, one network, one process. `harness/worker.py` is the same for the engines that
//! are used from Python; `harness/workers.py` starts both and speaks with them.

mod candle;
mod engine;
mod ours;
mod peak;
mod protocol;
#[cfg(feature = "rten")]
mod rten;
#[cfg(feature = "tract")]
mod tract;

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use cnn_runtime::prelude::Precision;
use engine::{Engine, Job};

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    job: Job,
    /// Which engine runs the network.
    #[arg(long)]
    engine: Name,
}

/// What a worker can be.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Name {
    Ours,
    OursExact,
    OursBf16,
    Candle,
    Tract,
    Rten,
    /// No engine: prints the most that the processor can do, in GFLOP/s.
    FmaPeak,
}

fn main() -> Result<()> {
    let Options { job, engine } = Options::parse();
    match engine {
        Name::FmaPeak => println!("{}", peak::gflops(job.threads)),
        _ => protocol::serve(|| load(engine, &job))?,
    }
    Ok(())
}

fn load(name: Name, job: &Job) -> Result<Box<dyn Engine>> {
    Ok(match name {
        Name::Ours => Box::new(ours::load(job, Precision::F32)?),
        Name::OursExact => Box::new(ours::load(job, Precision::Exact)?),
        Name::OursBf16 => Box::new(ours::load(job, Precision::Bf16)?),
        Name::Candle => Box::new(candle::load(job)?),
        #[cfg(feature = "tract")]
        Name::Tract => Box::new(tract::load(job)?),
        #[cfg(feature = "rten")]
        Name::Rten => Box::new(rten::load(job)?),
        _ => bail!("this engine was not built: its crate could not be had"),
    })
}
