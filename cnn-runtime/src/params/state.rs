//! The tensors of a finished network.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError};

use candle_core::{DType, Device, Var};
use candle_nn::VarMap;

use super::Role;
use super::freeze::Frozen;
use super::watch::Watch;
use crate::error::Result;
use crate::plan::Shelf;
use crate::random::Generator;
use crate::weights::{self, Deferred};

/// A named tensor.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) var: Var,
    pub(super) role: Role,
    /// Whether training leaves it as it is.
    pub(super) frozen: Frozen,
}

/// Every tensor of a network by name, in the order of its layers, with the generator of its dropout.
///
/// Clones share: setting a variable through one is seen by all, and by the layers.
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{Device, Tensor};
/// use cnn_runtime::Init;
/// use cnn_runtime::params::{Builder, Fill, Role};
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let bn = builder.root().pp("bn1");
/// let weight = bn.tensor("weight", 2, Fill::Constant(1.), Role::Parameter)?;
/// bn.tensor("running_mean", 2, Fill::Constant(0.), Role::Buffer)?;
/// let state = builder.finish()?;
///
/// let names: Vec<&str> = state.named().map(|(name, _, _)| name).collect();
/// assert_eq!(names, ["bn1.weight", "bn1.running_mean"]);
/// assert_eq!(state.trainable().len(), 1);
///
/// // The layer's tensor is the variable.
/// state.get("bn1.weight").unwrap().set(&Tensor::new(&[3f32, 4.], &Device::Cpu)?)?;
/// assert_eq!(weight.to_vec1::<f32>()?, [3., 4.]);
/// # Ok(())
/// # }
/// ```
/// A network that is a layer of another has the part of the whole that lies below its path, under its
/// own names.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
    /// Where the network lies in the whole: empty, or a path that ends in a dot.
    prefix: String,
}

pub(super) struct Inner {
    /// Set when the network is finished: networks inside it hold their state before that.
    entries: OnceLock<Vec<Entry>>,
    dropped_prefix: OnceLock<String>,
    /// Where the values are of tensors that have none.
    deferred: OnceLock<Arc<Deferred>>,
    /// Compiled training steps, until they are needed again.
    shelf: Arc<Shelf>,
    generator: Generator,
    pub(super) device: Device,
    dtype: DType,
}

impl Inner {
    /// Every tensor below a prefix, with its name there.
    pub(super) fn entries(&self, prefix: &str) -> impl Iterator<Item = (&str, &Entry)> {
        let entries = self.entries.get().into_iter().flatten();
        entries.filter_map(move |entry| Some((entry.name.strip_prefix(prefix)?, entry)))
    }

    /// Every tensor below a prefix: its name there, the variable, and whether it is trained.
    pub(super) fn named(&self, prefix: &str) -> impl Iterator<Item = (&str, &Var, Role)> {
        self.entries(prefix).map(|(name, entry)| (name, &entry.var, entry.role))
    }
}

impl State {
    /// Without tensors, until [`State::fill`].
    pub(super) fn new(generator: Generator, device: Device, dtype: DType) -> Self {
        let (entries, dropped_prefix, deferred) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let shelf = Arc::default();
        let inner = Inner { entries, dropped_prefix, deferred, shelf, generator, device, dtype };
        Self { inner: Arc::new(inner), prefix: String::new() }
    }

    /// Gives it, and every clone of it, the tensors of the finished network.
    pub(super) fn fill(&self, entries: Vec<Entry>, dropped_prefix: String, deferred: Option<Deferred>) {
        // A builder finishes once.
        let _ = self.inner.entries.set(entries);
        let _ = self.inner.dropped_prefix.set(dropped_prefix);
        if let Some(deferred) = deferred {
            let _ = self.inner.deferred.set(Arc::new(deferred));
        }
    }

    /// Where the values are of tensors that have none.
    pub(crate) fn deferred(&self) -> Option<Arc<Deferred>> {
        self.inner.deferred.get().cloned()
    }

    /// Where the network lies in the whole: empty, or a path that ends in a dot.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Compiled training steps, until they are needed again.
    pub(crate) fn shelf(&self) -> &Arc<Shelf> {
        &self.inner.shelf
    }

    /// What notices that a variable changed.
    pub(crate) fn watch(&self) -> Watch {
        Watch::new(&self.inner, &self.prefix)
    }

    /// The part below a path.
    pub(super) fn below(&self, path: &str) -> Self {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        Self { inner: Arc::clone(&self.inner), prefix }
    }

    /// Every tensor with its name.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.inner.entries(&self.prefix)
    }

    /// Every tensor: its name, the variable, and what it is to training.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Var, Role)> {
        self.inner.named(&self.prefix)
    }

    /// The variables to give to an optimizer: parameters that are not [frozen](Self::freeze), not running statistics.
    #[must_use]
    pub fn trainable(&self) -> Vec<Var> {
        self.learned().map(|(_, var)| var.clone()).collect()
    }

    /// The variable of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.named().find(|(other, _, _)| *other == name).map(|(_, var, _)| var)
    }

    /// The variables as candle's map, sharing them.
    #[must_use]
    pub fn varmap(&self) -> VarMap {
        let map = VarMap::new();
        let data = self.named().map(|(name, var, _)| (name.to_owned(), var.clone())).collect();
        *map.data().lock().unwrap_or_else(PoisonError::into_inner) = data;
        map
    }

    /// What was dropped from the names of the file that the whole network was loaded from (`module.`; see
    /// [`Builder::from_file`](super::Builder::from_file)). Empty where nothing was.
    #[must_use]
    pub fn dropped_prefix(&self) -> &str {
        self.inner.dropped_prefix.get().map_or("", String::as_str)
    }

    /// Saves every tensor, running statistics included, as a safetensors file (see
    /// [`weights::save`]). PyTorch loads it with `safetensors.torch.load_file` and
    /// `load_state_dict`, which supplies the `num_batches_tracked` counters itself.
    ///
    /// # Errors
    /// Where the file cannot be written; a file of that name is then left as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        weights::save(path, self.named().map(|(name, var, _)| (name, var.as_tensor())))
    }

    /// The generator of the network's dropout. It starts from the seed of the [`Init`](crate::Init)
    /// (from 0 for a file without exceptions, and a `VarBuilder`); save its
    /// [`state`](Generator::state) with a checkpoint.
    #[must_use]
    pub fn generator(&self) -> &Generator {
        &self.inner.generator
    }

    /// The device that holds the network.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.inner.device
    }

    /// The element type of the network.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.inner.dtype
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, var, _) in self.named() {
            map.entry(&name, &format_args!("{:?} {:?}", var.dims(), var.dtype()));
        }
        map.finish()
    }
}
