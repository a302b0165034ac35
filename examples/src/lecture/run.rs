//! Trains the variants of an experiment, one after the other.

use std::ops::ControlFlow;
use std::time::Instant;

use cnn_runtime::{Device, Init, Network, Scheme};
use cnn_train::optim::Config;
use cnn_train::report::Progress;
use cnn_train::schedule::Schedule;
use cnn_train::trainer::{Event, Trainer, evaluate};

use super::data::{Data, Source};
use super::outcome::{Outcome, Run, Score};
use super::{Error, Result};

/// An experiment: variants that learn the same.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the picture is called.
    pub title: &'static str,
    /// What is learnt.
    pub source: Source,
    /// Pictures to learn from, and to judge by.
    pub pictures: [usize; 2],
    /// How often each picture is learnt from.
    pub epochs: usize,
    /// Runs of each variant.
    pub seeds: u64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Whether the trained networks are judged by what they learnt from, too.
    pub judges_training: bool,
    /// What is compared.
    pub variants: Vec<Variant>,
}

/// What differs from the others in one thing.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What it is called.
    pub name: &'static str,
    /// Makes the network.
    pub network: fn(Init, &Device) -> cnn_runtime::Result<Box<dyn Network>>,
    /// How its weights begin.
    pub scheme: Scheme,
    /// How it learns.
    pub optimizer: Config,
    /// Pictures to a training step.
    pub batch: usize,
}

impl Plan {
    /// Trains every variant with every seed, from `seed` on, on this device.
    ///
    /// # Errors
    /// Where the data cannot be read or a network not be trained. A run that diverges is none: it is what came of it.
    pub fn run(&self, seed: u64, device: &Device) -> Result<Vec<Outcome>> {
        let data = Data::read(self.source, self.pictures, seed)?;
        let each = self.epochs * data.counts()[0];
        let runs = self.variants.len() * self.seeds as usize;
        let mut progress = Progress::images(runs * each);
        let mut done = 0;
        let mut outcomes = Vec::new();
        for variant in &self.variants {
            let mut outcome = Outcome { name: variant.name.to_owned(), parameters: 0, runs: Vec::new() };
            for seed in seed..seed + self.seeds {
                let net = (variant.network)(Init::seed(seed).scheme(variant.scheme), device)?;
                outcome.parameters = net.state().trainable().iter().map(|var| var.elem_count()).sum();
                let tell = |images: usize, epoch: usize, loss: f64| {
                    let message = || format!("{}, epoch {epoch}, loss {loss:.3}", variant.name);
                    progress.at(done + images, message);
                };
                outcome.runs.push(self.train(variant, net.as_ref(), &data, seed, tell)?);
                done += each;
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    fn train(
        &self,
        variant: &Variant,
        net: &dyn Network,
        data: &Data,
        seed: u64,
        mut tell: impl FnMut(usize, usize, f64),
    ) -> Result<Run> {
        let start = Instant::now();
        let (train, valid) = (data.training(variant.batch, seed)?, data.validation()?);
        let mut run = Run::default();
        let epochs = &mut run.epochs;
        let listen = |event: &Event<'_>| {
            match event {
                Event::Step(step) => tell(step.total_images, step.epoch, step.mean_loss),
                Event::Epoch(epoch) => epochs.push(*epoch.record),
                _ => {}
            }
            ControlFlow::Continue(())
        };
        let fitted = Trainer::new(net)
            .optimizer(variant.optimizer)
            .schedule(self.schedule.clone())
            .epochs(self.epochs)
            .seed(seed)
            .callback(listen)
            .fit(&train, &valid);
        match fitted {
            Ok(_) => {}
            Err(cnn_train::Error::Diverged { epoch, .. }) => run.diverged = Some(epoch),
            Err(error) => return Err(Error::from(error)),
        }
        if self.judges_training && run.diverged.is_none() {
            let score = evaluate(net, &data.learnt()?)?;
            run.on_training = Some(Score { loss: score.loss, accuracy: score.accuracy });
        }
        run.seconds = start.elapsed().as_secs_f64();
        Ok(run)
    }
}
