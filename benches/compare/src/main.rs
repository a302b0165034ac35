//! A worker of the benchmark: one engine, one network, one process. `harness/worker.py` is the same for the engines that
//! are used from Python; `harness/workers.py` starts both and speaks with them.

#[cfg(feature = "burn")]
mod burn;
mod candle;
mod engine;
mod ours;
mod peak;
mod protocol;
#[cfg(feature = "rten")]
mod rten;
#[cfg(feature = "tract")]
mod tract;
mod training;

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use cnn_runtime::prelude::Precision;
use engine::{Engine, Job, Task};
use ours::inference;
use training::Training;

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
    OursLoop,
    Candle,
    Burn,
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
    match job.task {
        Task::Inference => for_inference(name, job),
        Task::Training => for_training(name, job),
    }
}

fn for_inference(name: Name, job: &Job) -> Result<Box<dyn Engine>> {
    Ok(match name {
        Name::Ours => Box::new(inference::load(job, Precision::F32)?),
        Name::OursExact => Box::new(inference::load(job, Precision::Exact)?),
        Name::OursBf16 => Box::new(inference::load(job, Precision::Bf16)?),
        Name::Candle => Box::new(candle::load(job)?),
        #[cfg(feature = "tract")]
        Name::Tract => Box::new(tract::load(job)?),
        #[cfg(feature = "rten")]
        Name::Rten => Box::new(rten::load(job)?),
        _ => bail!("{NOT_BUILT}"),
    })
}

fn for_training(name: Name, job: &Job) -> Result<Box<dyn Engine>> {
    Ok(match name {
        Name::Ours => Box::new(Training::new(ours::training::Compiled::load(job)?)),
        Name::OursLoop => Box::new(Training::new(ours::training::Loop::load(job)?)),
        Name::Candle => Box::new(Training::new(candle::training::Candle::load(job)?)),
        #[cfg(feature = "burn")]
        Name::Burn => burn::load(job)?,
        _ => bail!("{NOT_BUILT}"),
    })
}

const NOT_BUILT: &str = "this engine was not built for this task, or its crate could not be had";
