//! Checkpoints: a run in a file, to go on from.
//!
//! A checkpoint is a safetensors file:
//!
//! | tensors | |
//! | --- | --- |
//! | `model.*` | the network's tensors, running statistics included, under their own names |
//! | `ema.*` | the moving average of the parameters, where one is kept |
//! | `optimizer.*` | momentum buffers and moments: `optimizer.conv1.weight.exp_avg` |
//! | `run.epoch`, `run.records` | losses and times, f64 |
//! | `run.json` | how far the run is and what it is configured with: text in UTF-8, as u8 |
//!
//! It is written beside the last one, synced, and put in its place: whatever happens, one of the two is there, whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, Var};
use cnn_runtime::State;
use cnn_runtime::random::GeneratorState;
use cnn_runtime::weights::{self, WeightFile};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::optim::{Optimizer, OptimizerState};
use crate::trainer::internal::{Ema, Progress};

/// What is written in `run.json` of this version.
const VERSION: u32 = 1;

/// The most bytes of `run.json` that are read.
const MOST_TEXT: usize = 64 << 20;

/// How far a run is, and what it is.
#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    version: u32,
    epoch: usize,
    step: usize,
    global_step: usize,
    images: usize,
    epoch_images: usize,
    /// The seed and the position of the network's generator.
    generator: [u64; 2],
    /// Steps of each of the optimizer's variables.
    optimizer_steps: Vec<u64>,
    ema_updates: usize,
    config: BTreeMap<String, String>,
}

/// Gives a network the weights of a checkpoint, of whichever run: the moving average where there is one, and the running
/// statistics. To go on with the run itself there is [`Trainer::resume`](crate::trainer::Trainer::resume).
///
/// ```no_run
/// use cnn_runtime::prelude::*;
///
/// network! { Tiny: 1x8x8 -> 3 { conv3-4 relu -> pool2 -> fc3 } }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let net = Tiny::init(Init::seed(1), &Device::Cpu)?;
///     cnn_train::checkpoint::load_weights(net.state(), "runs/first/checkpoint.safetensors")?;
///     Ok(net.save("tiny.safetensors")?)
/// }
/// ```
///
/// # Errors
/// Where the file cannot be read, is no checkpoint, or is of a network with other tensors; the network is then left as it
/// was.
pub fn load_weights(state: &State, path: impl AsRef<Path>) -> Result<()> {
    let checkpoint = Checkpoint::load(path.as_ref())?;
    let values = state
        .named()
        .map(|(name, var, _)| {
            let average = format!("ema.{name}");
            let has_average = checkpoint.file.shape(&average).is_some();
            checkpoint.like(if has_average { average } else { format!("model.{name}") }, var)
        })
        .collect::<Result<Vec<_>>>()?;
    for (_, var, value) in &values {
        var.set(&value.to_device(var.device())?)?;
    }
    Ok(())
}

/// Writes a checkpoint, whole or not at all.
pub(crate) fn save(
    path: &Path,
    state: &State,
    optimizer: &Optimizer,
    ema: Option<&Ema>,
    progress: &Progress,
    config: BTreeMap<String, String>,
) -> Result<()> {
    let remembered = optimizer.state()?;
    let generator = state.generator().state();
    let meta = Meta {
        version: VERSION,
        epoch: progress.epoch,
        step: progress.step,
        global_step: progress.global_step,
        images: progress.images,
        epoch_images: progress.epoch_images,
        generator: [generator.seed, generator.position],
        optimizer_steps: remembered.steps,
        ema_updates: ema.map_or(0, |ema| ema.updates),
        config,
    };
    let text = serde_json::to_vec(&meta)
        .map_err(|error| Error::Checkpoint { path: path.to_path_buf(), reason: error.to_string() })?;
    let count = text.len();
    let mut tensors = vec![("run.json".to_owned(), Tensor::from_vec(text, count, &Device::Cpu)?)];
    let numbers = progress.tensors()?.map(|(name, tensor)| (name.to_owned(), tensor));
    tensors.extend(numbers);
    tensors.extend(state.named().map(|(name, var, _)| (format!("model.{name}"), var.as_detached_tensor())));
    let averages = ema.iter().flat_map(|ema| &ema.averages);
    tensors.extend(averages.map(|(name, _, average)| (format!("ema.{name}"), average.as_detached_tensor())));
    let remembered = remembered.tensors.into_iter();
    tensors.extend(remembered.map(|(name, tensor)| (format!("optimizer.{name}"), tensor)));
    Ok(weights::save(path, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)))?)
}

/// Removes what a killed process left of checkpoints that it had not finished.
pub(crate) fn sweep(folder: &Path) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for file in files {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&format!(".{}.", crate::trainer::CHECKPOINT)) && name.ends_with(".tmp") {
            // It is in nobody's way.
            drop(std::fs::remove_file(file.path()));
        }
    }
}

/// A checkpoint that was read: its description, and the tensors where they are.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    file: WeightFile,
    meta: Meta,
}

impl Checkpoint {
    /// Opens a checkpoint and reads its description.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let file = WeightFile::open(path)?;
        let refuse = |reason: String| Error::Checkpoint { path: path.to_path_buf(), reason };
        let long = match (file.shape("run.json"), file.dtype("run.json").as_deref()) {
            (Some(&[bytes]), Some("U8")) => bytes > MOST_TEXT,
            _ => {
                let reason = "it is not a checkpoint: it has no `run.json` of bytes (a file of weights is loaded with \
                              the network's `load`)";
                return Err(refuse(reason.to_owned()));
            }
        };
        if long {
            return Err(refuse(format!("its `run.json` is longer than {MOST_TEXT} bytes")));
        }
        let text = file.read("run.json", &Device::Cpu)?.to_vec1::<u8>()?;
        let meta: Meta = serde_json::from_slice(&text)
            .map_err(|error| refuse(format!("its `run.json` is not what a trainer writes: {error}")))?;
        if meta.version != VERSION {
            let found = meta.version;
            return Err(refuse(format!("it is of version {found}, this program reads version {VERSION}")));
        }
        Ok(Self { path: path.to_path_buf(), file, meta })
    }

    /// The error that says so.
    pub(crate) fn refuse(&self, reason: String) -> Error {
        Error::Checkpoint { path: self.path.clone(), reason }
    }

    /// Refuses a run that is configured otherwise.
    pub(crate) fn compare(&self, config: &BTreeMap<String, String>) -> Result<()> {
        let theirs = &self.meta.config;
        let keys: std::collections::BTreeSet<&String> = config.keys().chain(theirs.keys()).collect();
        let none = "none".to_owned();
        let differences: Vec<String> = keys
            .into_iter()
            .filter(|&key| config.get(key) != theirs.get(key))
            .map(|key| {
                let [theirs, ours] = [theirs, config].map(|all| all.get(key).unwrap_or(&none));
                format!("{key}: {theirs} in the checkpoint, {ours} now")
            })
            .collect();
        if differences.is_empty() {
            return Ok(());
        }
        let differences = differences.join("; ");
        Err(self.refuse(format!("the run is configured otherwise ({differences}); give another folder")))
    }

    /// Puts everything back. Nothing is changed where something does not fit.
    pub(crate) fn restore(
        &self,
        state: &State,
        optimizer: &mut Optimizer,
        ema: Option<&mut Ema>,
        progress: &mut Progress,
    ) -> Result<()> {
        let mut found = Progress {
            epoch: self.meta.epoch,
            step: self.meta.step,
            global_step: self.meta.global_step,
            images: self.meta.images,
            epoch_images: self.meta.epoch_images,
            ..Progress::default()
        };
        let mut expected = vec!["run.json".to_owned(), "run.epoch".to_owned(), "run.records".to_owned()];
        // Everything is read and looked at before anything is set.
        let named = state.named().map(|(name, var, _)| (format!("model.{name}"), var));
        let mut values = named.map(|(name, var)| self.like(name, var)).collect::<Result<Vec<_>>>()?;
        if let Some(ema) = &ema {
            for (name, _, average) in &ema.averages {
                values.push(self.like(format!("ema.{name}"), average)?);
            }
        }
        let template = optimizer.state()?;
        let mut tensors = Vec::with_capacity(template.tensors.len());
        for (name, _) in template.tensors {
            let stored = format!("optimizer.{name}");
            tensors.push((name, self.read(&stored)?));
            expected.push(stored);
        }
        expected.extend(values.iter().map(|(name, _, _)| name.clone()));
        let expected: std::collections::HashSet<String> = expected.into_iter().collect();
        if let Some(odd) = self.file.names().into_iter().find(|&name| !expected.contains(name)) {
            return Err(self.refuse(format!("it has a tensor `{odd}`, which this run has not")));
        }
        found
            .set_tensors(&self.read("run.epoch")?, &self.read("run.records")?)?
            .map_err(|reason| self.refuse(reason))?;

        let steps = self.meta.optimizer_steps.clone();
        optimizer
            .set_state(&OptimizerState { steps, tensors })
            .map_err(|error| self.refuse(error.to_string()))?;
        for (_, var, value) in &values {
            var.set(&value.to_device(var.device())?)?;
        }
        if let Some(ema) = ema {
            ema.updates = self.meta.ema_updates;
        }
        let [seed, position] = self.meta.generator;
        state.generator().set_state(GeneratorState { seed, position });
        *progress = found;
        Ok(())
    }

    /// A tensor for a variable.
    fn like(&self, name: String, var: &Var) -> Result<(String, Var, Tensor)> {
        let tensor = self.read(&name)?;
        if tensor.dims() != var.dims() || tensor.dtype() != var.dtype() {
            let text = |dims: &[usize], dtype: DType| format!("{dims:?} of {}", dtype.as_str());
            let (found, wanted) = (text(tensor.dims(), tensor.dtype()), text(var.dims(), var.dtype()));
            return Err(self.refuse(format!("its `{name}` is {found}, the network's is {wanted}")));
        }
        Ok((name, var.clone(), tensor))
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        if self.file.shape(name).is_none() {
            return Err(self.refuse(format!("it has no tensor `{name}`, which this run has")));
        }
        Ok(self.file.read(name, &Device::Cpu)?)
    }
}
