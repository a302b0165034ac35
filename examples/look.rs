//! Looks inside a network: its filters, what every stage makes of a photo, and where the evidence for its answer is.
//!
//! ```text
//! cargo run --release --example look
//! cargo run --release --example look -- photo.jpg --out pictures --class "tiger cat"
//! cargo run --release --example look -- arithmetic "conv3-1/2(pad=1)" --input 5x5
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use cnn_examples::arithmetic::{Arithmetic, InputSize};
use cnn_examples::classes::Classes;
use cnn_examples::classifier::Choice;
use cnn_examples::device;
use cnn_examples::look::{Inside, Subject, Wish, files};
use cnn_examples::paths::{from_here, repository};
use cnn_examples::photo::{Photo, Preprocessing};
use cnn_ir::nearest::nearest;

/// Look inside a network that names photos, or at the arithmetic of a layer.
#[derive(Debug, Parser)]
#[command(name = "look", args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    inside: InsideArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Draw the arithmetic of a convolution, transposed convolution or pooling as an animated SVG
    Arithmetic(ArithmeticArguments),
}

#[derive(Debug, Args)]
struct InsideArguments {
    /// The photo: JPEG, PNG, WebP, GIF, BMP, TIFF or PNM [default: the repository's data/photos/chelsea.png]
    photo: Option<PathBuf>,
    /// Folder for the pictures and the page, which is made where it is not there
    #[arg(long, value_name = "DIR", default_value = "look")]
    out: PathBuf,
    /// The class of which the evidence is shown, by name or number [default: the likeliest]
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// The stage at which the evidence is looked for, by its label or tap [default: the last with rows and columns]
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// How many classes to name
    #[arg(long, default_value_t = 5, value_parser = one_to_ten)]
    top: usize,
    #[command(flatten)]
    network: Choice,
    /// Where to run: cpu, cuda, cuda:N or auto (a GPU where there is one)
    #[arg(long, default_value_t = device::Choice::Auto)]
    device: device::Choice,
}

#[derive(Debug, Args)]
struct ArithmeticArguments {
    /// The layer, as in a declaration: "conv3-1/2(pad=1)", "deconv3-1/2(outpad=1)", "pool3/2(ceil)"
    layer: String,
    /// Rows and columns of the input, with channels before them where the layer needs several: 5x5, 8x5x5
    #[arg(long, value_name = "SIZE", default_value = "5x5")]
    input: InputSize,
    /// File for the picture
    #[arg(long, value_name = "FILE", default_value = "arithmetic.svg")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse(), &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The program; `out` is the standard output.
pub(crate) fn run(args: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    match &args.command {
        Some(Command::Arithmetic(args)) => arithmetic(args, out),
        None => inside(&args.inside, out),
    }
}

fn inside(args: &InsideArguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let path = args.photo.clone().unwrap_or_else(|| repository().join("data/photos/chelsea.png"));
    let photo = Photo::read(&path)?;
    let device = args.device.open()?;
    let classifier = args.network.open(&device)?;
    // A folder that cannot be made is known before the network runs.
    files::make_folder(&args.out)?;
    let count = classifier.net.output_shape().first().copied().unwrap_or(0);
    let class = args.class.as_deref().map(|class| class_of(class, &classifier.classes, count)).transpose()?;

    let Preprocessing { resize_size, crop_size, .. } = classifier.preprocessing;
    // What the network sees, twice as fine as it sees it.
    let fine =
        Preprocessing { resize_size: 2 * resize_size, crop_size: 2 * crop_size, ..classifier.preprocessing };
    let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
    let input = classifier.preprocessing.tensor(&photo, &device)?.unsqueeze(0)?;
    let subject = Subject {
        network: classifier.net.as_ref(),
        classes: &classifier.classes,
        photo: &name,
        seen: &fine.crop(&photo),
        input: &input,
    };
    let seen = Inside::of(&subject, &Wish { class, stage: args.stage.clone(), top: args.top })?;
    let files = seen.write(&args.out)?;

    writeln!(out, "{} looks at {name}", classifier.net.name())?;
    for guess in seen.scores() {
        writeln!(out, "  {:6.2} %  {}", 100.0 * guess.probability, guess.name)?;
    }
    writeln!(out, "the evidence is that for {}, at {}", seen.class().name, seen.stage())?;
    for file in &files {
        let hint =
            if file.extension().is_some_and(|kind| kind == "html") { "  (open it in a browser)" } else { "" };
        writeln!(out, "{}{hint}", from_here(file).display())?;
    }
    Ok(())
}

fn arithmetic(args: &ArithmeticArguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let arithmetic = Arithmetic::of(&args.layer, args.input)?;
    write_file(&args.out, arithmetic.svg().as_bytes())?;
    for line in arithmetic.formulas() {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{}", from_here(&args.out).display())?;
    Ok(())
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), String> {
    if path.is_dir() {
        return Err(format!("{} is a folder: give a file name with --out", path.display()));
    }
    files::write(path, content).map_err(|error| error.to_string())
}

/// The class of that number, or of that name, or the only one whose name holds the text.
fn class_of(text: &str, classes: &Classes, count: usize) -> Result<usize, String> {
    if let Ok(number) = text.parse::<usize>() {
        let none = || {
            format!(
                "there is no class {number}: the network has the classes 0 to {}",
                count.saturating_sub(1)
            )
        };
        return (number < count).then_some(number).ok_or_else(none);
    }
    let names: Vec<String> = (0..count).map(|class| classes.name(class)).collect();
    let wanted = text.to_lowercase();
    let those = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..count).filter(|&class| fits(&names[class].to_lowercase())).collect()
    };
    let mut found = those(&|name| name == wanted);
    if found.is_empty() {
        found = those(&|name| name.contains(&wanted));
    }
    match found[..] {
        [class] => Ok(class),
        [] => Err(match nearest(text, names.iter().map(String::as_str)) {
            Some(name) => format!("there is no class `{text}`; did you mean `{name}`?"),
            None => {
                format!("there is no class `{text}`: give a name, part of one, or a number below {count}")
            }
        }),
        _ => {
            let listed = found.iter().take(8).map(|&class| format!("{} ({class})", names[class]));
            let more = if found.len() > 8 { ", .." } else { "" };
            let listed = listed.collect::<Vec<_>>().join(", ");
            Err(format!("`{text}` may be any of {} classes, give its number: {listed}{more}", found.len()))
        }
    }
}

fn one_to_ten(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=10).contains(number));
    number.ok_or_else(|| "expected a whole number from 1 to 10".to_owned())
}
