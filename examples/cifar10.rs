//! Trains a small network on CIFAR-10, and keeps of the run what one wants to see: metrics, curves, a confusion matrix,
//! the best weights, a checkpoint to go on from.
//!
//! ```text
//! cargo run --release --example cifar10
//! cargo run --release --example cifar10 -- --network resnet --epochs 40
//! cargo run --release --example cifar10 -- --data path/to/cifar-10-batches-bin --out runs/full --resume
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use cnn_examples::device;
use cnn_examples::models::cifar::{ResNet14, TinyVgg};
use cnn_examples::paths::{from_here, repository};
use cnn_runtime::{Init, Network};
use cnn_train::data::cifar;
use cnn_train::optim::Sgd;
use cnn_train::report::{Console, RunFolder};
use cnn_train::schedule::OneCycle;
use cnn_train::trainer::Trainer;

/// Train a small network on CIFAR-10.
#[derive(Debug, Parser)]
#[command(name = "cifar10")]
struct Args {
    /// Folder of the data: data_batch_1.bin to data_batch_5.bin and test_batch.bin, each packed (.gz) or not [default: the
    /// repository's data/cifar10, 2,700 pictures to train on and 1,000 to test with]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which network
    #[arg(long, value_enum, default_value_t = Which::Vgg)]
    network: Which,
    /// How often to learn from each picture
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Pictures to a training step
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..))]
    batch_size: u32,
    /// The highest learning rate; it starts lower and ends at nothing
    #[arg(long, default_value_t = 0.01)]
    lr: f64,
    /// Where the random numbers start: the same seed gives the same run
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Where to run: cpu, cuda, cuda:N, or auto, a GPU where the program was built for one and there is one
    #[arg(long, default_value_t = device::Choice::Auto)]
    device: device::Choice,
    /// Folder for what is kept of the run [default: target/cifar10]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in the folder, from its last checkpoint
    #[arg(long)]
    resume: bool,
}

/// The networks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// Six convolutions with batch norms
    Vgg,
    /// A residual network of 14 layers
    Resnet,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let data = cifar::read_folder(&args.data.clone().unwrap_or_else(|| repository().join("data/cifar10")))?;
    let (init, device) = (Init::seed(args.seed), args.device.open()?);
    let net: Box<dyn Network> = match args.network {
        Which::Vgg => Box::new(TinyVgg::init(init, &device)?),
        Which::Resnet => Box::new(ResNet14::init(init, &device)?),
    };
    let folder = args.out.clone().unwrap_or_else(|| repository().join("target/cifar10"));
    if args.out.is_none() && !args.resume && folder.is_dir() {
        // What the last run without a folder of its own left.
        std::fs::remove_dir_all(&folder)?;
    }
    let train = cifar::training(data.train, args.batch_size as usize, args.seed)?;
    let valid = cifar::validation(data.test, 250)?;
    let history = Trainer::new(net.as_ref())
        .optimizer(Sgd::new(args.lr).momentum(0.9).nesterov().weight_decay(5e-4).sparing_norms())
        .schedule(OneCycle::new())
        .epochs(args.epochs as usize)
        .label_smoothing(0.1)
        .seed(args.seed)
        .run_folder(&folder)
        .resume(args.resume)
        .stop_on_ctrl_c()
        .callback(Console::new())
        .callback(RunFolder::default())
        .fit(&train, &valid)?;
    let mut out = io::stdout();
    writeln!(
        out,
        "kept in {}: curves.svg, confusion.svg, metrics.csv, best.safetensors",
        from_here(&folder).display()
    )?;
    if let Some(peer) = peer(args)? {
        writeln!(out, "{peer}")?;
    }
    if let Some(last) = history.last() {
        writeln!(out, "test accuracy {:.2} %", 100.0 * last.accuracy)?;
    }
    Ok(())
}

/// What the same network reaches with PyTorch on the same data and schedule (`pytorch/cifar10.py`), where that was recorded.
fn peer(args: &Args) -> Result<Option<String>, Box<dyn Error>> {
    let record: serde_json::Value = serde_json::from_str(include_str!("pytorch/cifar10.json"))?;
    let same = args.data.is_none()
        && record["epochs"] == args.epochs
        && record["batch_size"] == args.batch_size
        && record["lr"] == args.lr;
    let name = match args.network {
        Which::Vgg => "vgg",
        Which::Resnet => "resnet",
    };
    let seeds: Vec<f64> =
        record[name].as_array().into_iter().flatten().filter_map(|value| value.as_f64()).collect();
    if !same || seeds.is_empty() {
        return Ok(None);
    }
    let (least, most) =
        seeds.iter().fold((f64::MAX, f64::MIN), |(least, most), &x| (least.min(x), most.max(x)));
    let mean = seeds.iter().sum::<f64>() / seeds.len() as f64;
    let version = record["torch"].as_str().unwrap_or_default();
    Ok(Some(format!(
        "PyTorch {version} with the same: {mean:.2} % in the mean of {} seeds, {least:.1} to {most:.1}",
        seeds.len()
    )))
}
