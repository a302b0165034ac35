//! The loop.

use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Tensor, Var};
use cnn_runtime::params::Role;
use cnn_runtime::{Network, ops};

use super::compiled::Compiled;
use super::ema::Ema;
use super::event::{Begin, Epoch, Event, Observer, Step, Validation};
use super::history::{EpochRecord, History, Stop};
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::step::{Accumulated, Differentiated, Targets, TrainingStep};
use super::validate::{Evaluation, Inference, prepared, validate};
use super::{CHECKPOINT, Options, diagnose, fingerprint, mixup};
use crate::batches::{Batch, Batches};
use crate::checkpoint::{self, Checkpoint};
use crate::error::{Error, Result};
use crate::optim::Optimizer;
use crate::schedule::Length;

/// Trains a network.
pub(super) fn fit<'a>(
    net: &'a dyn Network,
    options: &'a Options,
    observers: &'a mut [Box<dyn Observer + '_>],
    train: &'a dyn Batches,
    valid: &'a dyn Batches,
) -> Result<History> {
    if train.is_empty() || valid.is_empty() {
        let which = if train.is_empty() { "training" } else { "validation" };
        return Err(Error::Config(format!("the {which} data are empty")));
    }
    let interrupt = options.stops_on_ctrl_c.then(Interrupt::listen).transpose()?;
    let mut optimizer = Optimizer::new(net.state(), options.optimizer)?;
    if let Some(norm) = options.clip_norm {
        optimizer = optimizer.clip_norm(norm);
    }
    if let Some(value) = options.clip_value {
        optimizer = optimizer.clip_value(value);
    }
    let ema = options.ema.map(|decay| Ema::new(decay, optimizer.vars())).transpose()?;
    let vars: Vec<Var> = optimizer.vars().map(|(_, var)| var.clone()).collect();
    let step: Box<dyn TrainingStep + 'a> = if options.compiles {
        Box::new(Compiled::new(net, vars.clone(), options.label_smoothing))
    } else {
        Box::new(Differentiated::new(net, vars.clone(), options.label_smoothing))
    };
    let steps = train.len().div_ceil(options.accumulate);
    let run = Run {
        net,
        options,
        train,
        valid,
        step,
        vars,
        optimizer,
        ema,
        progress: Progress::default(),
        length: Length { steps_per_epoch: steps, steps: steps.saturating_mul(options.epochs) },
        config: fingerprint::config(net, options, train),
        file: options.folder.as_ref().map(|folder| folder.join(CHECKPOINT)),
        saved: Instant::now(),
        interrupt,
        audience: Audience { observers, stopped: false },
    };
    run.go()
}

/// Those who listen.
struct Audience<'a, 'b> {
    observers: &'a mut [Box<dyn Observer + 'b>],
    /// Whether one of them asked to stop.
    stopped: bool,
}

impl Audience<'_, '_> {
    /// All are told, also after one asked to stop.
    fn tell(&mut self, event: &Event<'_>) -> Result<()> {
        for observer in &mut *self.observers {
            self.stopped |= observer.observe(event)?.is_break();
        }
        Ok(())
    }
}

/// A run.
struct Run<'a, 'b> {
    net: &'a dyn Network,
    options: &'a Options,
    train: &'a dyn Batches,
    valid: &'a dyn Batches,
    step: Box<dyn TrainingStep + 'a>,
    /// The optimizer's variables.
    vars: Vec<Var>,
    optimizer: Optimizer,
    ema: Option<Ema>,
    progress: Progress,
    length: Length,
    config: serde_json::Value,
    /// The checkpoint.
    file: Option<PathBuf>,
    /// When a checkpoint was written last.
    saved: Instant,
    interrupt: Option<Interrupt>,
    audience: Audience<'a, 'b>,
}

impl Run<'_, '_> {
    fn go(mut self) -> Result<History> {
        self.open_folder()?;
        self.begin()?;
        let mut stop = Stop::Finished;
        while self.progress.epoch < self.options.epochs {
            let patience = self.options.early_stopping.unwrap_or(usize::MAX);
            if !self.progress.records.is_empty() && self.progress.since_best() >= patience {
                stop = Stop::Early;
                break;
            }
            if let Some(early) = self.epoch()? {
                stop = early;
                break;
            }
        }
        if let Some(ema) = self.ema.as_ref().filter(|ema| ema.updates > 0) {
            ema.take()?;
        }
        let best_epoch = self.progress.best().map(|best| best.epoch);
        let history = History { epochs: self.progress.records, best_epoch, stop };
        self.audience.tell(&Event::End(&history))?;
        Ok(history)
    }

    /// Makes the folder, and goes on from its checkpoint.
    fn open_folder(&mut self) -> Result<()> {
        let (Some(folder), Some(file)) = (&self.options.folder, &self.file) else { return Ok(()) };
        std::fs::create_dir_all(folder).map_err(|error| Error::Io {
            doing: "make",
            path: folder.clone(),
            error,
        })?;
        checkpoint::sweep(folder);
        if !file.exists() {
            return Ok(());
        }
        if !self.options.resume {
            return Err(Error::Checkpoint {
                path: file.clone(),
                reason: "it is of another run: go on with `.resume(true)`, or give another folder".to_owned(),
            });
        }
        let checkpoint = Checkpoint::load(file)?;
        checkpoint.compare(&fingerprint::fingerprint(&self.config, self.options))?;
        checkpoint.restore(self.net.state(), &mut self.optimizer, self.ema.as_mut(), &mut self.progress)?;
        if self.progress.step > self.length.steps_per_epoch {
            return Err(checkpoint.refuse(format!(
                "it has {} steps of an epoch, which has {}",
                self.progress.step, self.length.steps_per_epoch
            )));
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        let state = self.net.state();
        let begin = Begin {
            network: self.net.name(),
            input_shape: self.net.input_shape(),
            parameters: state.trainable().iter().map(|var| var.elem_count()).sum(),
            classes: self.train.classes(),
            epochs: self.options.epochs,
            batches: self.train.len(),
            steps: self.length.steps_per_epoch,
            train_samples: self.train.samples(),
            valid_batches: self.valid.len(),
            valid_samples: self.valid.samples(),
            epochs_done: self.progress.epoch,
            steps_done: self.progress.step,
            records: &self.progress.records,
            folder: self.options.folder.as_deref(),
            config: &self.config,
        };
        self.audience.tell(&Event::Begin(&begin))
    }

    /// The current epoch, or the rest of it. Says why the run stops, if it does.
    fn epoch(&mut self) -> Result<Option<Stop>> {
        let start = Instant::now();
        let before = self.progress.seconds;
        let steps = self.length.steps_per_epoch;
        if self.progress.step < steps {
            let first = self.progress.step * self.options.accumulate;
            let mut batches = self.train.epoch(self.progress.epoch, first)?;
            while self.progress.step < steps {
                let event = self.train_step(&mut batches)?;
                self.progress.seconds = before + start.elapsed().as_secs_f64();
                self.tell_step(event)?;
                let stop = self.asked_to_stop();
                if stop.is_some() || (self.progress.step < steps && self.checkpoint_is_due()) {
                    self.save()?;
                }
                if stop.is_some() {
                    return Ok(stop);
                }
            }
        }
        let train_seconds = self.progress.seconds;
        let score = self.validate()?;
        let (epoch, seconds) = (self.progress.epoch, before + start.elapsed().as_secs_f64());
        let last_step = self.progress.global_step.saturating_sub(1);
        let rate =
            self.options.optimizer.learning_rate() * self.options.schedule.factor(last_step, self.length);
        let record = EpochRecord {
            epoch: epoch + 1,
            train_loss: self.progress.mean_loss(),
            valid_loss: score.loss,
            accuracy: score.accuracy,
            top5: score.top5,
            learning_rate: rate,
            global_step: self.progress.global_step,
            train_seconds,
            seconds,
            images_per_second: self.progress.epoch_images as f64 / train_seconds,
        };
        let mut records = std::mem::take(&mut self.progress.records);
        records.push(record);
        let Progress { global_step, images, .. } = self.progress;
        self.progress = Progress { epoch: epoch + 1, global_step, images, records, ..Progress::default() };
        self.tell_epoch(&record)?;
        self.save()?;
        Ok(self.asked_to_stop())
    }

    /// One optimizer step.
    fn train_step(&mut self, batches: &mut dyn Iterator<Item = Result<Batch>>) -> Result<Step> {
        let Progress { epoch, step, global_step, .. } = self.progress;
        let base = self.options.optimizer.learning_rate();
        let learning_rate = base * self.options.schedule.factor(global_step, self.length);
        self.optimizer.set_learning_rate(learning_rate);
        if let Some(momentum) = self.options.schedule.momentum(global_step, self.length) {
            self.optimizer.set_momentum(momentum);
        }
        let first = step * self.options.accumulate;
        let count = self.options.accumulate.min(self.train.len() - first);
        let mut total = Accumulated::default();
        for index in first..first + count {
            let batch = batches.next().unwrap_or_else(|| {
                let (found, said) = (index, self.train.len());
                let what =
                    format!("epoch {} of the training data has {found} batches, not {said}", epoch + 1);
                Err(Error::Config(what))
            })?;
            let (loss, samples) = self.differentiate(batch, index)?;
            if count == 1 {
                total.note(loss, samples);
            } else {
                total.add(loss, &self.step.gradients(), &self.vars, samples)?;
            }
        }
        let (gradients, scale) = if count == 1 { (self.step.gradients(), 1.0) } else { total.gradients() };
        let gradient_norm = gradients.step(&mut self.optimizer, scale)?;
        if let Some(ema) = &mut self.ema {
            ema.update()?;
        }
        let progress = &mut self.progress;
        progress.step += 1;
        progress.global_step += 1;
        progress.images += total.samples;
        progress.epoch_images += total.samples;
        progress.loss_sum += total.loss;
        Ok(Step {
            epoch: epoch + 1,
            step: progress.step,
            steps: self.length.steps_per_epoch,
            global_step: progress.global_step,
            loss: total.loss / total.samples as f64,
            mean_loss: progress.mean_loss(),
            learning_rate,
            gradient_norm,
            images: total.samples,
            epoch_images: progress.epoch_images,
            total_images: progress.images,
            seconds: 0.0,
            images_per_second: 0.0,
        })
    }

    /// The mean loss of a batch, whose gradients the step then has, and its number of samples.
    fn differentiate(&mut self, batch: Batch, index: usize) -> Result<(f64, usize)> {
        let batch = prepared(self.net, batch)?;
        let samples = batch.inputs.dim(0)?;
        let epoch = self.progress.epoch;
        let (inputs, targets) = match self.options.mixup {
            Some(alpha) => {
                let share = mixup::share(alpha, self.options.seed, epoch, index)?;
                mixup::mixed(&batch, self.net.output_shape().iter().product(), share)?
            }
            None => (batch.inputs, Targets::Classes(batch.labels)),
        };
        let generator = self.net.state().generator();
        let before = generator.state();
        let loss = if self.options.mixed_precision {
            ops::autocast(|| self.step.run(&inputs, &targets))?
        } else {
            self.step.run(&inputs, &targets)?
        };
        if !loss.is_finite() {
            generator.set_state(before);
            let cause = diagnose::diagnose(self.net, &inputs)?;
            return Err(Error::Diverged { epoch: epoch + 1, step: self.progress.step + 1, loss, cause });
        }
        Ok((loss, samples))
    }

    fn validate(&mut self) -> Result<Evaluation> {
        let (net, valid, audience) = (self.net, self.valid, &mut self.audience);
        let (epoch, batches, compiles) = (self.progress.epoch + 1, valid.len(), self.options.compiles);
        let mut body = || {
            validate(&mut Inference::new(net, compiles), valid, |index, logits, labels| {
                let batch = Validation { epoch, batch: index + 1, batches, logits, labels };
                audience.tell(&Event::Validation(&batch))
            })
        };
        match &self.ema {
            Some(ema) => ema.with_averages(body),
            None => body(),
        }
    }

    fn tell_step(&mut self, step: Step) -> Result<()> {
        let seconds = self.progress.seconds;
        let images_per_second = step.epoch_images as f64 / seconds;
        self.audience.tell(&Event::Step(&Step { seconds, images_per_second, ..step }))
    }

    fn tell_epoch(&mut self, record: &EpochRecord) -> Result<()> {
        let named: Vec<(&str, Tensor)> = self
            .net
            .state()
            .named()
            .map(|(name, var, role)| {
                let averages = self.ema.iter().flat_map(|ema| &ema.averages);
                let average = averages.into_iter().find(|(other, _, _)| other == name);
                let var = average.filter(|_| role == Role::Parameter).map_or(var, |(_, _, average)| average);
                (name, var.as_detached_tensor())
            })
            .collect();
        let weights: Vec<(&str, &Tensor)> = named.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let is_best = self.progress.best().is_some_and(|best| best.epoch == record.epoch);
        let epochs = self.options.epochs;
        self.audience.tell(&Event::Epoch(&Epoch { record, epochs, is_best, weights: &weights }))
    }

    /// Why the run is to stop, if it is.
    fn asked_to_stop(&self) -> Option<Stop> {
        if self.interrupt.as_ref().is_some_and(Interrupt::asked) {
            Some(Stop::Interrupted)
        } else {
            self.audience.stopped.then_some(Stop::Callback)
        }
    }

    fn checkpoint_is_due(&self) -> bool {
        let by_steps = self
            .options
            .checkpoint_steps
            .is_some_and(|steps| self.progress.global_step.is_multiple_of(steps));
        by_steps || self.options.checkpoint_every.is_some_and(|time| self.saved.elapsed() >= time)
    }

    fn save(&mut self) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let fingerprint = fingerprint::fingerprint(&self.config, self.options);
        let state = self.net.state();
        checkpoint::save(path, state, &self.optimizer, self.ema.as_ref(), &self.progress, fingerprint)?;
        self.saved = Instant::now();
        let (epoch, step) = match (self.progress.epoch, self.progress.step) {
            // At the end of an epoch.
            (epoch, 0) => (epoch, self.length.steps_per_epoch),
            (epoch, step) => (epoch + 1, step),
        };
        self.audience.tell(&Event::Saved { path, epoch, step })
    }
}
