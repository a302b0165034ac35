//! A folder that keeps what a run was.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::files::{append, write_file};
use super::{EventWriter, confusion_svg, curves_svg};
use crate::metrics::Metrics;
use crate::trainer::{Begin, Epoch, EpochRecord, Event, Observer, Step};
use crate::{Error, Result};

const HEADER: &str = "epoch,train_loss,valid_loss,accuracy,top5,learning_rate,global_step,train_seconds,seconds,images_per_second\n";

/// How often the steps' events are handed to the operating system.
const FLUSH_EVERY: Duration = Duration::from_secs(10);

/// Keeps a run in a folder, as it goes:
///
/// | file | |
/// | --- | --- |
/// | `config.json` | what the run was configured with |
/// | `metrics.csv` | a line for each epoch |
/// | `curves.svg` | loss and accuracy |
/// | `confusion.svg` | the confusion matrix of the best epoch |
/// | `best.safetensors` | the best epoch's weights |
/// | `events.out.tfevents.*` | the same numbers and every step's, for TensorBoard |
///
/// Where a run goes on from a checkpoint, what the files have of later epochs is dropped, and the rest is kept.
///
/// ```no_run
/// use cnn_train::report::RunFolder;
/// let folder = RunFolder::new("runs/lenet");
/// // Give it to the trainer as an observer; `RunFolder::default()` takes the folder of the trainer's checkpoint.
/// # let _ = folder;
/// ```
#[derive(Debug, Default)]
pub struct RunFolder {
    path: PathBuf,
    overwrite: bool,
    title: String,
    records: Vec<EpochRecord>,
    /// Of the validation that is going on.
    metrics: Option<Metrics>,
    classes: Vec<String>,
    events: Option<EventWriter>,
    steps: u64,
    flushed: Option<Instant>,
}

impl RunFolder {
    /// A run in the folder at `path`, which is made when the run begins.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Whether a new run may take the place of another one in the folder; if not, that is an error.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// The folder; empty where the trainer has not yet said it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The metrics of the last epoch's validation, where it saw any.
    #[must_use]
    pub fn metrics(&self) -> Option<&Metrics> {
        self.metrics.as_ref()
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        write_file(&path, content).map_err(|error| Error::Io { doing: "write", path, error })
    }

    fn begin(&mut self, begin: &Begin<'_>) -> Result<()> {
        if self.path.as_os_str().is_empty() {
            let none =
                || Error::Config("the run has no folder: give it one, or RunFolder::new a path".to_owned());
            self.path = begin.folder.ok_or_else(none)?.to_owned();
        }
        let fresh = begin.epochs_done == 0 && begin.steps_done == 0;
        let metrics = self.path.join("metrics.csv");
        if fresh && !self.overwrite && holds_epochs(&metrics) {
            return Err(Error::Config(format!(
                "`{}` holds another run's metrics: give another folder, go on from its checkpoint, or overwrite it",
                self.path.display()
            )));
        }
        fs::create_dir_all(&self.path).map_err(|error| Error::Io {
            doing: "make the folder",
            path: self.path.clone(),
            error,
        })?;
        if fresh {
            self.remove_events()?;
        }
        self.title = begin.network.rsplit("::").next().unwrap_or(begin.network).to_owned();
        self.classes = begin.classes.to_vec();
        self.records =
            begin.records.iter().filter(|record| record.epoch <= begin.epochs_done).copied().collect();
        let config = serde_json::to_string_pretty(begin.config).map_err(io::Error::other);
        let config = config.map_err(|error| Error::Io {
            doing: "write",
            path: self.path.join("config.json"),
            error,
        })?;
        self.write("config.json", (config + "\n").as_bytes())?;
        let lines: String = self.records.iter().map(line).collect();
        self.write("metrics.csv", (HEADER.to_owned() + &lines).as_bytes())?;
        self.steps = (begin.epochs_done * begin.steps + begin.steps_done) as u64;
        let events = EventWriter::create(&self.path).and_then(|mut events| {
            if !fresh {
                // TensorBoard drops the step that is named, too.
                events.resume(self.steps + 1)?;
            }
            Ok(events)
        });
        self.events = Some(events.map_err(|error| self.no_events(error))?);
        Ok(())
    }

    /// TensorBoard would show an earlier run's events with this one's.
    fn remove_events(&self) -> Result<()> {
        let unreadable = |error| Error::Io { doing: "read", path: self.path.clone(), error };
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("events.out.tfevents.") && name.contains(".cnn-train.") {
                fs::remove_file(&path).map_err(|error| Error::Io {
                    doing: "remove",
                    path: path.clone(),
                    error,
                })?;
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        self.steps = step.global_step as u64;
        let mut scalars = vec![("loss/step", step.loss), ("learning_rate", step.learning_rate)];
        scalars.extend(step.gradient_norm.map(|norm| ("gradient_norm", norm)));
        self.scalars(&scalars)?;
        // Who looks on sees long epochs grow.
        if self.flushed.is_none_or(|flushed| flushed.elapsed() > FLUSH_EVERY) { self.flush() } else { Ok(()) }
    }

    fn scalars(&mut self, scalars: &[(&str, f64)]) -> Result<()> {
        let Some(events) = &mut self.events else { return Ok(()) };
        let written = scalars.iter().try_for_each(|&(tag, value)| events.scalar(tag, value, self.steps));
        written.map_err(|error| self.no_events(error))
    }

    fn no_events(&self, error: io::Error) -> Error {
        let path = self.events.as_ref().map_or(self.path.as_path(), EventWriter::path);
        Error::Io { doing: "write TensorBoard's events to", path: path.to_owned(), error }
    }

    fn epoch(&mut self, epoch: &Epoch<'_>) -> Result<()> {
        let record = *epoch.record;
        let path = self.path.join("metrics.csv");
        append(&path, line(&record).as_bytes()).map_err(|error| Error::Io { doing: "write", path, error })?;
        self.records.push(record);
        let at = format!("epoch {}, {:.2} %", record.epoch, 100.0 * record.accuracy);
        let drawn = curves_svg(&format!("{}: {at}", self.title), &self.records);
        let svg =
            drawn.map_err(|error| Error::Io { doing: "draw", path: self.path.join("curves.svg"), error })?;
        self.write("curves.svg", svg.as_bytes())?;
        if epoch.is_best {
            if let Some(metrics) = &self.metrics {
                let drawn = confusion_svg(&format!("{}: {at}", self.title), metrics.confusion());
                let path = self.path.join("confusion.svg");
                let svg = drawn.map_err(|error| Error::Io { doing: "draw", path, error })?;
                self.write("confusion.svg", svg.as_bytes())?;
            }
            let path = self.path.join("best.safetensors");
            cnn_runtime::weights::save(path, epoch.weights.iter().copied())?;
        }
        self.scalars(&[
            ("loss/train", record.train_loss),
            ("loss/valid", record.valid_loss),
            ("accuracy/valid", record.accuracy),
            ("top5/valid", record.top5),
            ("images_per_second", record.images_per_second),
        ])?;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        self.flushed = Some(Instant::now());
        let flushed = self.events.as_mut().map_or(Ok(()), EventWriter::flush);
        flushed.map_err(|error| self.no_events(error))
    }
}

impl Observer for RunFolder {
    fn observe(&mut self, event: &Event<'_>) -> Result<ControlFlow<()>> {
        match event {
            Event::Begin(begin) => self.begin(begin)?,
            Event::Step(step) => self.step(step)?,
            Event::Validation(batch) => {
                if batch.batch == 1 || self.metrics.is_none() {
                    let classes = batch.logits.dims().last().copied().unwrap_or(0);
                    // Where the data have no names, or others than the network has classes, numbers will do.
                    let named = self.classes.len() == classes;
                    let metrics = || Metrics::named(self.classes.iter().cloned());
                    self.metrics = Some(if named { metrics() } else { Metrics::new(classes) });
                }
                if let Some(metrics) = &mut self.metrics {
                    metrics.update(batch.logits, batch.labels)?;
                }
            }
            Event::Epoch(epoch) => self.epoch(epoch)?,
            Event::Saved { .. } => {}
            Event::End(_) => self.flush()?,
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Whether a file of metrics has more than its first line.
fn holds_epochs(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.lines().nth(1).is_some())
}

/// An epoch's line, in the order of [`HEADER`].
fn line(record: &EpochRecord) -> String {
    let mut line = record.epoch.to_string();
    let numbers = [
        record.train_loss,
        record.valid_loss,
        record.accuracy,
        record.top5,
        record.learning_rate,
        record.global_step as f64,
        record.train_seconds,
        record.seconds,
        record.images_per_second,
    ];
    for number in numbers {
        write!(line, ",{number}").expect("a string takes everything");
    }
    line + "\n"
}

#[cfg(test)]
mod tests;
