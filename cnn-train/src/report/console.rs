//! How far a run is, said where a person sees it.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::Progress;
use crate::trainer::{Begin, Epoch, Event, History, Observer, Stop};
use crate::{Error, Result};

/// Says how a run goes: a bar with its speed and the time left on a terminal's standard error, plain lines now and then where
/// that is a file or a pipe, and a line for each epoch on the standard output.
#[derive(Debug)]
pub struct Console<W = io::Stdout> {
    out: W,
    progress: Option<Progress>,
    epochs: usize,
    images: usize,
}

impl Console {
    /// Writes to the standard output and error.
    #[must_use]
    pub fn new() -> Self {
        Self::to(io::stdout())
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl<W: Write> Console<W> {
    /// Writes the lines of the epochs to `out`.
    pub fn to(out: W) -> Self {
        Self { out, progress: None, epochs: 0, images: 0 }
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Writes a line, with the bar out of its way.
    fn say(&mut self, line: &str) -> Result<()> {
        let out = &mut self.out;
        let mut write = || writeln!(out, "{line}").and_then(|()| out.flush());
        let written = match &self.progress {
            Some(progress) => progress.suspend(write),
            None => write(),
        };
        written.map_err(|error| Error::Io { doing: "write to", path: "the standard output".into(), error })
    }

    fn begin(&mut self, begin: &Begin<'_>) -> Result<()> {
        (self.epochs, self.images) = (begin.epochs, begin.train_samples);
        let name = begin.network.rsplit("::").next().unwrap_or(begin.network);
        self.say(&format!(
            "{name}, {} parameters: {} images to learn from, {} to validate with",
            begin.parameters, begin.train_samples, begin.valid_samples
        ))?;
        if begin.epochs_done > 0 || begin.steps_done > 0 {
            self.say(&format!("goes on after {} epochs and {} steps", begin.epochs_done, begin.steps_done))?;
        }
        self.progress = Some(Progress::images(begin.epochs * begin.train_samples));
        if let Some(progress) = &mut self.progress {
            let done = (begin.steps_done * begin.train_samples).checked_div(begin.steps).unwrap_or(0);
            progress.begin_at(begin.epochs_done * begin.train_samples + done);
        }
        Ok(())
    }

    fn epoch(&mut self, epoch: &Epoch<'_>) -> Result<()> {
        let record = epoch.record;
        let width = epoch.epochs.to_string().len();
        self.say(&format!(
            "epoch {:width$}/{}  loss {:.4}  validation loss {:.4}  accuracy {:.2} %{}  {:.0} images/s  {:.1} s",
            record.epoch,
            epoch.epochs,
            record.train_loss,
            record.valid_loss,
            100.0 * record.accuracy,
            if epoch.is_best { " *" } else { "  " },
            record.images_per_second,
            record.seconds,
        ))
    }

    fn end(&mut self, history: &History) -> Result<()> {
        self.progress = None;
        let why = match history.stop {
            Stop::Finished => "",
            Stop::Early => "stopped early: it had not become better; ",
            Stop::Callback => "stopped by a callback; ",
            Stop::Interrupted => "interrupted; ",
        };
        match history.best() {
            Some(best) => self.say(&format!(
                "{why}best accuracy {:.2} % in epoch {}",
                100.0 * best.accuracy,
                best.epoch
            )),
            None if why.is_empty() => Ok(()),
            None => self.say(&format!("{why}no epoch was completed")),
        }
    }
}

impl<W: Write> Observer for Console<W> {
    fn observe(&mut self, event: &Event<'_>) -> Result<ControlFlow<()>> {
        match event {
            Event::Begin(begin) => self.begin(begin)?,
            Event::Step(step) => {
                let done =
                    ((step.epoch - 1) * self.images + step.epoch_images).min(self.epochs * self.images);
                if let Some(progress) = &mut self.progress {
                    progress.at(done, || {
                        let (epoch, epochs, loss) = (step.epoch, self.epochs, step.mean_loss);
                        format!(
                            "epoch {epoch}/{epochs}, loss {loss:.4}, {:.0} images/s",
                            step.images_per_second
                        )
                    });
                }
            }
            Event::Epoch(epoch) => self.epoch(epoch)?,
            Event::End(history) => self.end(history)?,
            Event::Validation(_) | Event::Saved { .. } => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests;
