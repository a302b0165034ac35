//! Teaches a trained MobileNetV2 other classes: a new head on an image folder, first the head alone, then all of it.
//!
//! ```text
//! cargo run --release --example finetune
//! cargo run --release --example finetune -- --data path/to/folder
//! ```
//!
//! The folder has `train` and `valid`, each with one folder of pictures for each class. Without `--data` it is made from the
//! part of CIFAR-10 that the repository ships.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use cnn_examples::device;
use cnn_examples::models::mobilenet_v2::MobileNetV2;
use cnn_examples::paths::{from_here, repository};
use cnn_examples::pictures;
use cnn_runtime::Init;
use cnn_train::data::transform::{CenterCrop, Normalize, RandomHorizontalFlip, RandomResizedCrop, Resize};
use cnn_train::data::{Dataset, ImageFolder, Loader, cifar};
use cnn_train::optim::AdamW;
use cnn_train::report::Console;
use cnn_train::schedule::OneCycle;
use cnn_train::trainer::{Trainer, evaluate};

/// The classes, which are part of the network's type.
const CLASSES: usize = 10;

/// Teach MobileNetV2 other classes.
#[derive(Debug, Parser)]
#[command(name = "finetune")]
pub(crate) struct Args {
    /// Folder with `train` and `valid`, each with one folder of pictures for each class [default: target/finetune/pictures-60,
    /// which is made from data/cifar10]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// File of the trained network, with torchvision's names [default: data/imagenet/mobilenet_v2.safetensors]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// How often the head learns from each picture while the rest is frozen
    #[arg(long, default_value_t = 4)]
    head_epochs: usize,
    /// How often the whole network learns from each picture then
    #[arg(long, default_value_t = 3)]
    epochs: usize,
    /// Pictures to a training step
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(2..))]
    batch_size: u32,
    /// Pictures of each class to learn from, of the folder that is made
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=270))]
    pictures: u32,
    /// Where the random numbers start: the same seed gives the same run
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Where to run: cpu, cuda, cuda:N, or auto, a GPU where the program was built for one and there is one
    #[arg(long, default_value_t = device::Choice::Auto)]
    device: device::Choice,
    /// File for the weights [default: target/finetune/mobilenet_v2.safetensors]
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
    let target = repository().join("target/finetune");
    let data = match &args.data {
        Some(folder) => folder.clone(),
        None => make_pictures(&target, args.pictures, out)?,
    };
    let weights =
        args.weights.clone().unwrap_or_else(|| repository().join("data/imagenet/mobilenet_v2.safetensors"));
    let file = args.out.clone().unwrap_or_else(|| target.join("mobilenet_v2.safetensors"));
    // Looked at now, so that no run is lost to a misspelt name.
    if file.is_dir() {
        return Err(format!("{} is a folder: give a file name with --out", file.display()).into());
    }
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    let (train, valid) = loaders(&data, args)?;
    let device = args.device.open()?;

    // Everything but the classifier comes from the file.
    let net = MobileNetV2::<CLASSES>::load_except(weights, &["classifier"], Init::seed(args.seed), &device)?;
    if args.head_epochs > 0 {
        net.state().freeze_except(&["classifier"])?;
        writeln!(out, "the head alone, of {} parameters", count(&net))?;
        Trainer::new(&net)
            .optimizer(AdamW::new(3e-3))
            .schedule(OneCycle::new())
            .epochs(args.head_epochs)
            .seed(args.seed)
            .callback(Console::to(&mut *out))
            .fit(&train, &valid)?;
    }
    if args.epochs > 0 {
        net.state().unfreeze_all();
        // Of so few pictures, those of ImageNet are the better statistics.
        net.state().freeze_statistics();
        writeln!(out, "the whole network, of {} parameters", count(&net))?;
        Trainer::new(&net)
            .optimizer(AdamW::new(2e-4).weight_decay(0.01).sparing_norms())
            .schedule(OneCycle::new())
            .epochs(args.epochs)
            .seed(args.seed.wrapping_add(1))
            .callback(Console::to(&mut *out))
            .fit(&train, &valid)?;
    }
    net.save(&file)?;
    writeln!(out, "weights saved to {}", from_here(&file).display())?;

    // What is said last is said by the network in the file.
    let net = MobileNetV2::<CLASSES>::load(&file, &device)?;
    writeln!(out, "validation accuracy {:.1} %", 100.0 * evaluate(&net, &valid)?.accuracy)?;
    Ok(())
}

/// Parameters that learn.
fn count(net: &MobileNetV2<CLASSES>) -> usize {
    net.trainable().iter().map(|var| var.elem_count()).sum()
}

/// The pictures of the folder, as torchvision's recipes for ImageNet take them.
fn loaders(data: &Path, args: &Args) -> Result<(Loader, Loader), Box<dyn Error>> {
    let [train, valid] = ["train", "valid"].map(|part| ImageFolder::open(&data.join(part)));
    let (train, valid) = (train?, valid?);
    if train.classes() != valid.classes() {
        return Err(format!("{}: train and valid have different classes", data.display()).into());
    }
    let found = train.classes().len();
    if found != CLASSES {
        let folder = data.display();
        return Err(format!(
            "{folder} has {found} classes and the network {CLASSES}: set CLASSES in examples/finetune.rs"
        )
        .into());
    }
    let train = Loader::new(train, args.batch_size as usize)?
        .shuffle(true)
        .drop_last(true)
        .seed(args.seed)
        .transform(RandomResizedCrop::new(224).scale(0.4, 1.0))
        .transform(RandomHorizontalFlip::default())
        .transform(Normalize::imagenet());
    let valid = Loader::new(valid, 25)?
        .transform(Resize::new(256))
        .transform(CenterCrop::new(224))
        .transform(Normalize::imagenet());
    Ok((train, valid))
}

/// An image folder of the shipped part of CIFAR-10, made if it is not there.
fn make_pictures(target: &Path, per_class: u32, out: &mut impl Write) -> Result<PathBuf, Box<dyn Error>> {
    let folder = target.join(format!("pictures-{per_class}"));
    let parts = ["train", "valid"].map(|part| folder.join(part));
    if !parts.iter().all(|part| part.is_dir()) {
        let data = cifar::read_folder(&repository().join("data/cifar10"))?;
        make_folder(&folder)?;
        for ((part, images), count) in
            parts.iter().zip([&data.train, &data.test]).zip([per_class as usize, 40])
        {
            if !part.is_dir() {
                pictures::write_folder(images, count, part)?;
            }
        }
    }
    let shown = from_here(&folder);
    writeln!(
        out,
        "{}: {per_class} pictures of each class to learn from, 40 to validate with",
        shown.display()
    )?;
    Ok(folder)
}

fn make_folder(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))
}
