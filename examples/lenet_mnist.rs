//! Trains LeNet-5 on handwritten digits, saves its weights, loads them again and shows what it says about ten digits.
//!
//! ```text
//! cargo run --release --example lenet_mnist
//! cargo run --release --example lenet_mnist -- --data path/to/mnist --epochs 20 --device cuda
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use candle_core::D;
use clap::Parser;
use cnn_examples::models::lenet::LeNet5Mnist;
use cnn_examples::paths::{from_here, repository};
use cnn_examples::{ascii, device};
use cnn_runtime::Init;
use cnn_train::Batches;
use cnn_train::data::Loader;
use cnn_train::data::mnist::{self, Digits};
use cnn_train::optim::AdamW;
use cnn_train::report::Progress;
use cnn_train::schedule::OneCycle;
use cnn_train::trainer::{Event, Observer, Trainer, evaluate};

/// Train LeNet-5 on MNIST, or on a data set of its form such as Fashion-MNIST.
#[derive(Debug, Parser)]
#[command(name = "lenet_mnist")]
pub(crate) struct Args {
    /// Folder of the data: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
    /// t10k-labels-idx1-ubyte, each packed (.gz) or not [default: the repository's data/mnist, 10,000 digits]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to run: cpu, cuda, cuda:N or auto (a GPU where there is one)
    #[arg(long, default_value_t = device::Choice::Auto)]
    device: device::Choice,
    /// How often to learn from each picture
    #[arg(long, default_value_t = 10, value_parser = at_least_one)]
    epochs: usize,
    /// Pictures to a training step
    #[arg(long, default_value_t = 64, value_parser = at_least_one)]
    batch_size: usize,
    /// The highest learning rate; it starts lower and ends at nothing
    #[arg(long, default_value_t = 0.004, value_parser = positive)]
    lr: f64,
    /// Where the random numbers start: the same seed gives the same run
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// File for the weights, in safetensors form [default: target/lenet_mnist.safetensors]
    #[arg(long, value_name = "FILE")]
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
    let start = Instant::now();
    let weights = weights_file(args.out.as_deref())?;
    let device = args.device.open()?;
    let data = mnist::read_folder(&args.data.clone().unwrap_or_else(|| repository().join("data/mnist")))?;
    let (training, testing) = (data.train.len(), data.test.len());
    writeln!(out, "{training} pictures to learn from, {testing} to test with, on {}", device::name(&device))?;
    let test = Arc::new(data.test);
    let train = mnist::training(data.train, args.batch_size, args.seed)?;
    let valid = mnist::validation(Arc::clone(&test), 500)?;

    let net = LeNet5Mnist::init(Init::seed(args.seed), &device)?;
    fit(&net, &train, &valid, args, out)?;
    net.save(&weights)?;
    writeln!(out, "weights saved to {}", from_here(&weights).display())?;

    // From here on everything is said by the network in the file.
    let net = LeNet5Mnist::load(&weights, &device)?;
    writeln!(out, "\n{}", show_ten(&net, &test, &valid)?)?;
    let accuracy = evaluate(&net, &valid)?.accuracy;
    writeln!(out, "{:.1} s in all", start.elapsed().as_secs_f64())?;
    writeln!(out, "test accuracy {:.2} %", 100.0 * accuracy)?;
    Ok(())
}

/// Trains the network and prints a line for each epoch.
fn fit(
    net: &LeNet5Mnist,
    train: &Loader,
    valid: &Loader,
    args: &Args,
    out: &mut impl Write,
) -> cnn_train::Result<()> {
    let progress = Progress::new(args.epochs * train.len());
    Trainer::new(net)
        .optimizer(AdamW::new(args.lr))
        .schedule(OneCycle::new().rise(0.2))
        .epochs(args.epochs)
        .callback(Show { progress, out })
        .fit(train, valid)?;
    Ok(())
}

/// A bar for the steps, a line for each epoch.
struct Show<'a, W> {
    progress: Progress,
    out: &'a mut W,
}

impl<W: Write> Observer for Show<'_, W> {
    fn observe(&mut self, event: &Event<'_>) -> cnn_train::Result<ControlFlow<()>> {
        match event {
            Event::Step(step) => {
                let (epoch, loss) = (step.epoch, step.mean_loss);
                self.progress.at(step.global_step, || format!("epoch {epoch}, loss {loss:.4}"));
            }
            Event::Epoch(epoch) => {
                let record = epoch.record;
                let (epoch, loss) = (record.epoch, record.train_loss);
                let (percent, seconds) = (100.0 * record.accuracy, record.seconds);
                let line = format!(
                    "epoch {epoch:2}   loss {loss:.4}   test accuracy {percent:.2} %   {seconds:.1} s"
                );
                let written = self.progress.suspend(|| writeln!(self.out, "{line}"));
                written.map_err(|error| cnn_train::Error::Io {
                    doing: "write to",
                    path: "standard output".into(),
                    error,
                })?;
            }
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The first ten test pictures, and what the network says about each.
fn show_ten(net: &LeNet5Mnist, digits: &Digits, valid: &Loader) -> cnn_train::Result<String> {
    let count = digits.len().min(10);
    let Some(batch) = valid.epoch(0, 0)?.next() else { return Ok(String::new()) };
    let images = batch?.inputs.narrow(0, 0, count)?.to_device(net.state().device())?;
    let logits = net.forward(&images)?;
    let shares = candle_nn::ops::softmax(&logits, D::Minus1)?.to_vec2::<f32>()?;
    let pictures: Vec<_> = shares
        .iter()
        .enumerate()
        .map(|(index, shares)| {
            let (said, share) = shares
                .iter()
                .enumerate()
                .fold((0, 0.0), |best, (class, &share)| if share > best.1 { (class, share) } else { best });
            let truth = usize::from(digits.labels()[index]);
            let caption = if said == truth {
                format!("{said}  ({:.1} %)", 100.0 * share)
            } else {
                format!("{said}, but is {truth}")
            };
            (digits.image(index), caption)
        })
        .collect();
    Ok(ascii::gallery(&pictures, 5))
}

/// The file for the weights. Its folder is looked at now, so that no run is lost to a misspelt name.
fn weights_file(asked: Option<&Path>) -> Result<PathBuf, String> {
    let Some(path) = asked else {
        let folder = repository().join("target");
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        return Ok(folder.join("lenet_mnist.safetensors"));
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(format!("{} is a folder: give a file name with --out", path.display()));
    }
    if !folder.is_dir() {
        return Err(format!(
            "there is no folder {}: make it, or give another file with --out",
            folder.display()
        ));
    }
    Ok(path.to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&number: &f64| number > 0.0 && number.is_finite());
    number.ok_or_else(|| "expected a number above 0".to_owned())
}
