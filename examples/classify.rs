//! Says what photos show: the most probable classes of each, by a network trained on ImageNet.
//!
//! ```text
//! cargo run --release --example classify
//! cargo run --release --example classify -- photo.jpg folder/of/photos --top 3
//! cargo run --release --example classify -- --fast folder/of/photos
//! cargo run --release --example classify -- --model resnet18 --weights resnet18.pth photo.jpg
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use candle_core::{Device, Tensor};
use clap::Parser;
use cnn_examples::classifier::{Choice, Classifier, Fast, Guess};
use cnn_examples::device;
use cnn_examples::paths::{from_here, repository};
use cnn_examples::photo::{self, EXTENSIONS, Photo};
use cnn_train::report::Progress;
use serde_json::json;

/// Say what photos show, with a network trained on ImageNet.
#[derive(Debug, Parser)]
#[command(name = "classify")]
pub(crate) struct Args {
    /// Photos, and folders of photos: JPEG, PNG, WebP, GIF, BMP, TIFF, PNM [default: the repository's data/photos]
    photos: Vec<PathBuf>,
    #[command(flatten)]
    network: Choice,
    /// Where to run: cpu, cuda, cuda:N or auto (a GPU where there is one)
    #[arg(long, default_value_t = device::Choice::Auto)]
    device: device::Choice,
    /// How many classes to name for each photo
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    top: usize,
    /// How many photos the network takes at once
    #[arg(long, default_value_t = 8, value_parser = at_least_one)]
    batch_size: usize,
    /// Compile the network first, on the CPU: as it is, by the definitions of its layers, or with fully connected weights
    /// of half the size
    #[arg(long, value_name = "PRECISION", num_args = 0..=1, require_equals = true, default_missing_value = "f32")]
    fast: Option<Fast>,
    /// Print a line of JSON for each photo instead of text
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse(), &mut io::stdout(), &mut io::stderr()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The program; `out` and `err` are the standard output and error. Gives the number of photos that failed.
pub(crate) fn run(args: &Args, out: &mut impl Write, err: &mut impl Write) -> Result<usize, Box<dyn Error>> {
    let device = args.device.open()?;
    let mut classifier = args.network.open(&device)?;
    if let Some(fast) = args.fast {
        classifier = classifier.compiled(fast.into());
    }
    let shipped = [repository().join("data/photos")];
    let asked = if args.photos.is_empty() { &shipped[..] } else { &args.photos };
    let photos: Vec<Result<PathBuf, String>> = asked.iter().flat_map(|path| find(path)).collect();

    let mut progress = Progress::bar(photos.len(), "photos");
    let mut failed = 0;
    let mut report = Report { out, err, json: args.json, first: true };
    for (batch, photos) in photos.chunks(args.batch_size).enumerate() {
        let (read, broken): (Vec<_>, Vec<_>) =
            photos.iter().map(|photo| prepare(photo, &classifier, &device)).partition(Result::is_ok);
        let (paths, inputs): (Vec<&Path>, Vec<Tensor>) = read.into_iter().flatten().unzip();
        let guesses = if inputs.is_empty() { Vec::new() } else { classifier.rank(&inputs, args.top)? };
        progress.suspend(|| -> io::Result<()> {
            for (path, guesses) in paths.iter().zip(&guesses) {
                report.named(path, guesses)?;
            }
            for error in broken.iter().filter_map(|broken| broken.as_ref().err()) {
                report.failed(error)?;
            }
            Ok(())
        })?;
        failed += broken.len();
        progress.at(batch * args.batch_size + photos.len(), String::new);
    }
    if failed > 0 {
        let count = photos.len();
        drop(progress);
        writeln!(report.err, "{failed} of {count} could not be read")?;
    }
    Ok(failed)
}

/// The photos that an argument means. A folder without any is a mistake.
fn find(path: &Path) -> Vec<Result<PathBuf, String>> {
    let found = photo::find(path);
    if found.is_empty() {
        let endings = EXTENSIONS.join(", ");
        return vec![Err(format!("{}: there are no photos in this folder ({endings})", path.display()))];
    }
    found.into_iter().map(|photo| photo.map_err(|error| error.to_string())).collect()
}

/// The network's input for a photo, or what is wrong with the file.
fn prepare<'a>(
    photo: &'a Result<PathBuf, String>,
    classifier: &Classifier,
    device: &Device,
) -> Result<(&'a Path, Tensor), String> {
    let path = photo.as_deref().map_err(Clone::clone)?;
    let photo = Photo::read(path).map_err(|error| error.to_string())?;
    let input = classifier.preprocessing.tensor(&photo, device).map_err(|error| error.to_string())?;
    Ok((path, input))
}

/// What is printed, and where.
struct Report<'a, Out, Err> {
    out: &'a mut Out,
    err: &'a mut Err,
    json: bool,
    first: bool,
}

impl<Out: Write, Err: Write> Report<'_, Out, Err> {
    fn named(&mut self, path: &Path, guesses: &[Guess]) -> io::Result<()> {
        let path = from_here(path);
        if self.json {
            let rounded = |probability: f32| (1e6 * f64::from(probability)).round() / 1e6;
            let class = |guess: &Guess| json!({ "class": guess.class, "name": guess.name, "probability": rounded(guess.probability) });
            let classes: Vec<_> = guesses.iter().map(class).collect();
            return writeln!(self.out, "{}", json!({ "photo": path.to_string_lossy(), "classes": classes }));
        }
        if !std::mem::take(&mut self.first) {
            writeln!(self.out)?;
        }
        writeln!(self.out, "{}", path.display())?;
        for guess in guesses {
            writeln!(self.out, "  {:6.2} %  {}", 100.0 * guess.probability, guess.name)?;
        }
        Ok(())
    }

    fn failed(&mut self, error: &str) -> io::Result<()> {
        writeln!(self.err, "error: {error}")
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}
