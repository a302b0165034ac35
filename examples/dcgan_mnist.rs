//! A generator that learns to draw digits: DCGAN (Radford, Metz and Chintala, "Unsupervised representation learning with
//! deep convolutional generative adversarial networks", 2015) on MNIST, with a training loop written by hand.
//!
//! ```text
//! cargo run --release --example dcgan_mnist
//! cargo run --release --example dcgan_mnist -- --data path/to/mnist --epochs 30
//! ```
//!
//! Every epoch leaves a picture of 64 digits that the generator draws from the same noise.

use std::error::Error;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use cnn_examples::device;
use cnn_examples::paths::{from_here, repository};
use cnn_runtime::prelude::*;
use cnn_runtime::random::Stream;
use cnn_runtime::{Init, Scheme};
use cnn_train::Batches;
use cnn_train::data::transform::Normalize;
use cnn_train::data::{Loader, mnist};
use cnn_train::optim::{Adam, Optimizer};
use cnn_train::report::{Progress, write_file};
use image::{GrayImage, ImageFormat};

network! {
    /// Noise to a digit, values from -1 to 1.
    Generator: 64x1x1 -> 1x28x28 {
        deconv7-128 bn relu                             => 128x7x7
     -> deconv4-64/2(pad=1) bn relu                     => 64x14x14
     -> deconv4-1/2(pad=1) tanh
    }

    /// A digit to how likely it is a real one, as a logit.
    Discriminator: 1x28x28 -> 1 {
        conv4-64/2(pad=1) leaky(0.2)                    => 64x14x14
     -> conv4-128/2(pad=1) bn leaky(0.2)                => 128x7x7
     -> fc1
    }
}

/// Teach a generator to draw digits.
#[derive(Debug, Parser)]
#[command(name = "dcgan_mnist")]
pub(crate) struct Args {
    /// Folder of the data, in MNIST's form [default: the repository's data/mnist, 10,000 digits]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How often to learn from each picture
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Pictures to a training step
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..))]
    batch_size: u32,
    /// The learning rate
    #[arg(long, default_value_t = 0.0005)]
    lr: f64,
    /// Where the random numbers start: the same seed gives the same run
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Where to run: cpu, cuda, cuda:N, or auto, a GPU where the program was built for one and there is one
    #[arg(long, default_value_t = device::Choice::Auto)]
    device: device::Choice,
    /// Folder for the pictures and the generator's weights [default: target/dcgan_mnist]
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
    let data = mnist::read_folder(&args.data.clone().unwrap_or_else(|| repository().join("data/mnist")))?;
    let folder = args.out.clone().unwrap_or_else(|| repository().join("target/dcgan_mnist"));
    fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let device = args.device.open()?;
    // From -1 to 1, as the generator's.
    let digits = Loader::new(data.train, args.batch_size as usize)?
        .device(&device)
        .shuffle(true)
        .drop_last(true)
        .seed(args.seed)
        .transform(Normalize::new([0.5], [0.5]));
    if digits.len() == 0 {
        return Err(format!("a batch of {} is more than there are digits", args.batch_size).into());
    }
    let mut gan = Gan::new(args, &device)?;
    let fixed = gan.noise(64)?;
    let mut progress = Progress::new(args.epochs as usize * digits.len());
    for epoch in 0..args.epochs as usize {
        let start = Instant::now();
        let mut mean = Step::default();
        for (index, batch) in digits.epoch(epoch, 0)?.enumerate() {
            let step = gan.step(&batch?.inputs)?;
            if !(step.generator_loss.is_finite() && step.discriminator_loss.is_finite()) {
                return Err(format!("a loss is no number in epoch {}: lower --lr", epoch + 1).into());
            }
            mean.add(&step, index);
            progress.at(epoch * digits.len() + index + 1, || format!("epoch {}", epoch + 1));
        }
        let picture = folder.join(format!("epoch-{:02}.png", epoch + 1));
        write_grid(&gan.draw(&fixed)?, &picture)?;
        let Step { generator_loss, discriminator_loss, real, generated } = mean;
        let line = format!(
            "epoch {:2}   generator {generator_loss:.3}   discriminator {discriminator_loss:.3}   real digits look {:.0} % \
             real, drawn ones {:.0} %   {:.1} s",
            epoch + 1,
            100.0 * real,
            100.0 * generated,
            start.elapsed().as_secs_f64()
        );
        progress.suspend(|| writeln!(out, "{line}"))?;
    }
    let weights = folder.join("generator.safetensors");
    gan.generator.save(&weights)?;
    writeln!(out, "digits in {}", from_here(&folder.join("epoch-*.png")).display())?;
    writeln!(out, "weights saved to {}", from_here(&weights).display())?;
    Ok(())
}

/// The two networks and what makes them better.
struct Gan {
    generator: Generator,
    discriminator: Discriminator,
    for_generator: Optimizer,
    for_discriminator: Optimizer,
    random: Stream,
}

/// What a step shows; of several steps the mean.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    generator_loss: f64,
    discriminator_loss: f64,
    /// How likely real digits are real ones, says the discriminator.
    real: f64,
    /// How likely the generator's are.
    generated: f64,
}

impl Step {
    /// Takes another step into the mean of `count`.
    fn add(&mut self, step: &Self, count: usize) {
        let mean = |mean: &mut f64, value: f64| *mean += (value - *mean) / (count + 1) as f64;
        mean(&mut self.generator_loss, step.generator_loss);
        mean(&mut self.discriminator_loss, step.discriminator_loss);
        mean(&mut self.real, step.real);
        mean(&mut self.generated, step.generated);
    }
}

impl Gan {
    fn new(args: &Args, device: &Device) -> cnn_train::Result<Self> {
        // The paper's initialization and its Adam.
        let init = |seed| Init::seed(seed).scheme(Scheme::Custom(|_, random| random.normal(0.0, 0.02)));
        let generator = Generator::init(init(args.seed), device)?;
        let discriminator = Discriminator::init(init(args.seed.wrapping_add(1)), device)?;
        let adam = Adam::new(args.lr).betas(0.5, 0.999);
        Ok(Self {
            for_generator: Optimizer::new(generator.state(), adam)?,
            for_discriminator: Optimizer::new(discriminator.state(), adam)?,
            generator,
            discriminator,
            random: Stream::keyed(args.seed, "noise"),
        })
    }

    /// What the generator draws from.
    fn noise(&mut self, count: usize) -> candle_core::Result<Tensor> {
        let noise: Vec<f32> = (0..count * 64).map(|_| self.random.normal(0.0, 1.0) as f32).collect();
        Tensor::from_vec(noise, (count, 64, 1, 1), self.generator.state().device())
    }

    /// Both learn from a batch of real digits and as many of the generator's.
    fn step(&mut self, real: &Tensor) -> cnn_train::Result<Step> {
        let noise = self.noise(real.dim(0)?)?;
        let drawn = self.generator.forward_train(noise)?.into_inner();

        // The discriminator learns to tell them apart,
        let on_real = self.discriminator.forward_train(real)?;
        let on_drawn = self.discriminator.forward_train(drawn.detach())?;
        let loss = (cross_entropy(&on_real, true)? + cross_entropy(&on_drawn, false)?)?;
        self.for_discriminator.backward_step(&loss)?;

        // and the generator that its digits are taken for real ones, which the discriminator's gradient tells it.
        let judged = self.discriminator.forward_train(&drawn)?;
        let generator_loss = cross_entropy(&judged, true)?;
        self.for_generator.backward_step(&generator_loss)?;
        let share = |logits: &Tensor| -> candle_core::Result<f64> {
            Ok(candle_nn::ops::sigmoid(&logits.detach())?.mean_all()?.to_scalar::<f32>()?.into())
        };
        Ok(Step {
            generator_loss: f64::from(generator_loss.to_scalar::<f32>()?),
            discriminator_loss: f64::from(loss.to_scalar::<f32>()?),
            real: share(&on_real)?,
            generated: share(&on_drawn)?,
        })
    }

    /// What the generator makes of noise, `(N, 1, 28, 28)`.
    fn draw(&self, noise: &Tensor) -> cnn_runtime::Result<Tensor> {
        Ok(self.generator.forward(noise)?.into_inner())
    }
}

/// The mean binary cross-entropy of logits that should all say "real", or all not: log(1 + exp(-x)), or with x for -x.
fn cross_entropy(logits: &Tensor, is_real: bool) -> candle_core::Result<Tensor> {
    let wrong = if is_real { logits.neg()? } else { logits.clone() };
    // log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
    let tail = (wrong.abs()?.neg()?.exp()? + 1.0)?.log()?;
    (wrong.relu()? + tail)?.mean_all()
}

/// Writes 64 digits as a picture of eight rows.
fn write_grid(digits: &Tensor, path: &Path) -> Result<(), Box<dyn Error>> {
    const SIDE: usize = mnist::SIDE + 2;
    let digits = digits.squeeze(1)?.to_vec3::<f32>()?;
    let mut picture = GrayImage::new(8 * SIDE as u32, 8 * SIDE as u32);
    for (index, digit) in digits.iter().enumerate() {
        let (top, left) = (index / 8 * SIDE + 1, index % 8 * SIDE + 1);
        for (row, values) in digit.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                let grey = (127.5 * (value + 1.0)).round() as u8;
                picture.put_pixel((left + column) as u32, (top + row) as u32, image::Luma([grey]));
            }
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    write_file(path, bytes.get_ref())
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    Ok(())
}
