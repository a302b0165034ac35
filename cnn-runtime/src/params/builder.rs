//! The sources of a network's tensors: random values, a file, a `VarBuilder`.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Shape, Tensor, TensorId, Var};
use candle_nn::VarBuilder;

use super::compare::{compare, covers};
use super::freeze::Frozen;
use super::state::{Entry, State};
use super::{Fill, Params, Role};
use crate::error::{Error, Result};
use crate::init::Init;
use crate::random::Generator;
use crate::weights::{Deferred, Names, WeightFile, WeightProblem};

/// Builds the tensors of one network: create one, build the layers from [`Builder::root`], then
/// [`finish`](Builder::finish).
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::Device;
/// use cnn_runtime::Init;
/// use cnn_runtime::params::{Builder, Fill, Role};
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let fill = Fill::Weight { fan_in: 784, fan_out: 10 };
/// let weight = builder.root().pp("fc").tensor("weight", (10, 784), fill, Role::Parameter)?;
/// let state = builder.finish()?;
/// assert_eq!(state.trainable().len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct Builder<'v> {
    source: Source<'v>,
    device: Device,
    dtype: DType,
    /// What the finished network holds, and until then without tensors.
    state: State,
    record: RefCell<Record>,
    /// Whether large weights are left in the file.
    defers: bool,
}

enum Source<'v> {
    Init(Init),
    File { file: Arc<WeightFile>, names: RefCell<Names>, exceptions: Vec<String>, init: Init },
    Vars(VarBuilder<'v>),
}

/// What was built so far.
#[derive(Default)]
struct Record {
    entries: Vec<Entry>,
    names: HashSet<String>,
    problems: Vec<WeightProblem>,
    /// Tensors without values, and their names in the file.
    deferred: HashMap<TensorId, String>,
}

impl<'v> Builder<'v> {
    /// Every tensor gets random values (see [`Init`]).
    ///
    /// # Errors
    /// [`Error::UnsupportedDType`] where `init` asks for an element type other than `F32` and `F64`.
    pub fn init(init: &Init, device: &Device) -> Result<Self> {
        Self::new(Source::Init(*init), device, init.dtype_value(), init.seed_value())
    }

    /// Every tensor comes from a file (see [`WeightFile::open`] for the formats), which must hold exactly the tensors
    /// of the network (but for PyTorch's `num_batches_tracked` counters, which are ignored).
    ///
    /// Labels that training programs put before every name (`module.` of `DataParallel`, `_orig_mod.` of
    /// `torch.compile`, `model.`) are dropped: the candidates are the labels that every tensor of the file
    /// begins with, and one of them is dropped if the file has the network's first tensor (more exactly, the
    /// first that it has at all) not under its own name but behind exactly one candidate.
    /// [`State::dropped_prefix`] says what was dropped.
    ///
    /// Values of type `F16`, `BF16`, `F32` and `F64` are converted to `dtype`; other types are errors.
    /// No shape is adapted: `(64, 1, 1)` is not `(64)`.
    ///
    /// ```
    /// # fn main() -> cnn_runtime::Result<()> {
    /// use candle_core::{DType, Device, Tensor};
    /// use cnn_runtime::params::{Builder, Fill, Role};
    ///
    /// # let path = std::env::temp_dir().join(format!("builder-doc-{}.safetensors", std::process::id()));
    /// let stored = Tensor::new(&[1f64, 2.], &Device::Cpu)?;
    /// cnn_runtime::weights::save(&path, [("fc.bias", &stored)])?;
    ///
    /// let builder = Builder::from_file(&path, &Device::Cpu, DType::F32)?;
    /// let fc = builder.root().pp("fc");
    /// let bias = fc.tensor("bias", 2, Fill::Constant(0.), Role::Parameter)?;
    /// builder.finish()?;
    /// assert_eq!(bias.to_vec1::<f32>()?, [1., 2.]);
    /// # std::fs::remove_file(&path).ok();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`WeightFile::open`]; [`Error::UnsupportedDType`].
    pub fn from_file(path: impl AsRef<Path>, device: &Device, dtype: DType) -> Result<Self> {
        Self::from_file_except(path, &[], Init::seed(0).dtype(dtype), device)
    }

    /// As [`from_file`](Self::from_file), but the tensors under some paths get random
    /// values, as for another head on a trained network. What the file has under these paths is left
    /// alone.
    ///
    /// A path covers itself and what is below it: `fc` covers `fc.weight`, and not `fc2.weight`.
    ///
    /// ```
    /// # fn main() -> cnn_runtime::Result<()> {
    /// use candle_core::{Device, Tensor};
    /// use cnn_runtime::Init;
    /// use cnn_runtime::params::{Builder, Fill, Role};
    ///
    /// # let path = std::env::temp_dir().join(format!("except-doc-{}.safetensors", std::process::id()));
    /// let thousand = Tensor::zeros(1000, candle_core::DType::F32, &Device::Cpu)?;
    /// cnn_runtime::weights::save(&path, [("fc.bias", &thousand)])?;
    ///
    /// let builder = Builder::from_file_except(&path, &["fc"], Init::seed(42), &Device::Cpu)?;
    /// let fc = builder.root().pp("fc");
    /// let bias = fc.tensor("bias", 10, Fill::Bias { fan_in: 512 }, Role::Parameter)?;
    /// assert!(builder.finish().is_ok());
    /// # std::fs::remove_file(&path).ok();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`WeightFile::open`]; [`Error::UnsupportedDType`]. A path that names nothing in the
    /// network is reported by [`finish`](Self::finish).
    pub fn from_file_except(
        path: impl AsRef<Path>,
        exceptions: &[&str],
        init: Init,
        device: &Device,
    ) -> Result<Self> {
        let file = WeightFile::open(path)?;
        let exceptions = exceptions.iter().map(|prefix| (*prefix).to_owned()).collect();
        let names = RefCell::new(Names::new(file.names()));
        let source = Source::File { file: Arc::new(file), names, exceptions, init };
        Self::new(source, device, init.dtype_value(), init.seed_value())
    }

    /// As [`from_file`](Self::from_file), in `f32` on the CPU, for a network that is compiled and never run itself: the
    /// weights of its convolutions and fully connected layers are checked and not read. Its tensors have no values.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn deferred(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { defers: true, ..Self::from_file(path, &Device::Cpu, DType::F32)? })
    }

    /// Every tensor comes from candle's [`VarBuilder`], on its device and in its type. Over a
    /// [`candle_nn::VarMap`] the network shares the map's variables, and absent ones are created with
    /// candle's generator, which the CPU does not seed: for reproducible values use
    /// [`Builder::init`].
    ///
    /// ```
    /// # fn main() -> cnn_runtime::Result<()> {
    /// use candle_core::{DType, Device};
    /// use candle_nn::{VarBuilder, VarMap};
    /// use cnn_runtime::params::{Builder, Fill, Role};
    ///
    /// let map = VarMap::new();
    /// let builder = Builder::from_var_builder(VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu))?;
    /// let fc = builder.root().pp("fc");
    /// fc.tensor("bias", 10, Fill::Constant(0.), Role::Parameter)?;
    /// builder.finish()?;
    /// assert!(map.data().lock().unwrap().contains_key("fc.bias"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnsupportedDType`].
    pub fn from_var_builder(vars: VarBuilder<'v>) -> Result<Self> {
        let (device, dtype) = (vars.device().clone(), vars.dtype());
        Self::new(Source::Vars(vars), &device, dtype, 0)
    }

    fn new(source: Source<'v>, device: &Device, dtype: DType, seed: u64) -> Result<Self> {
        if !matches!(dtype, DType::F32 | DType::F64) {
            return Err(Error::UnsupportedDType { dtype });
        }
        let state = State::new(Generator::seed(seed), device.clone(), dtype);
        let record = RefCell::default();
        Ok(Self { source, device: device.clone(), dtype, state, record, defers: false })
    }

    /// The top of the network.
    #[must_use]
    pub fn root(&self) -> Params<'_> {
        Params { builder: self, path: String::new() }
    }

    /// The device that the network is built on.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The element type of the network.
    #[must_use]
    pub const fn dtype(&self) -> DType {
        self.dtype
    }

    /// The state that the network below `path` will have.
    pub(super) fn state(&self, path: &str) -> State {
        self.state.below(path)
    }

    /// Registers a tensor; see [`Params::tensor`].
    pub(super) fn tensor(&self, name: String, shape: &Shape, fill: Fill, role: Role) -> Result<Tensor> {
        if self.record.borrow().names.contains(&name) {
            return Err(Error::DuplicateName { name });
        }
        let fetched = match &self.source {
            Source::Init(init) => Ok(init.tensor(&name, shape, fill, &self.device)?),
            Source::File { exceptions, init, .. }
                if exceptions.iter().any(|prefix| covers(prefix, &name)) =>
            {
                Ok(init.tensor(&name, shape, fill, &self.device)?)
            }
            Source::File { file, names, .. } => self.fetch_from_file(file, names, &name, shape)?,
            Source::Vars(vars) => self.fetch_from_vars(vars, &name, shape, fill),
        };
        let mut record = self.record.borrow_mut();
        let tensor = match fetched {
            Ok(tensor) => tensor,
            Err(problem) => {
                record.problems.push(problem);
                Tensor::zeros(shape, self.dtype, &self.device)?
            }
        };
        let var = Var::from_tensor(&tensor)?;
        let tensor = var.as_tensor().clone();
        record.names.insert(name.clone());
        record.entries.push(Entry { name, var, role, frozen: Frozen::default() });
        Ok(tensor)
    }

    /// As [`tensor`](Self::tensor), with its values in the shape of a layer that asks for no more than a plan can take
    /// from the file.
    pub(super) fn weight(&self, name: String, shape: &Shape, layer: &Shape, fill: Fill) -> Result<Tensor> {
        match &self.source {
            Source::File { file, names, .. } if self.defers => {
                if self.record.borrow().names.contains(&name) {
                    return Err(Error::DuplicateName { name });
                }
                // Of which nothing is read: every place shows the same zero.
                let tensor = Tensor::zeros(1, self.dtype, &self.device)?.broadcast_as(layer)?;
                let found = self.find_in_file(file, names, &name, shape);
                let mut record = self.record.borrow_mut();
                match found {
                    Ok(there) => drop(record.deferred.insert(tensor.id(), there)),
                    Err(problem) => record.problems.push(problem),
                }
                let var = Var::zeros(1, self.dtype, &self.device)?;
                record.names.insert(name.clone());
                record.entries.push(Entry { name, var, role: Role::Parameter, frozen: Frozen::default() });
                Ok(tensor)
            }
            _ if shape == layer => self.tensor(name, shape, fill, Role::Parameter),
            _ => Ok(self.tensor(name, shape, fill, Role::Parameter)?.reshape(layer)?),
        }
    }

    /// Whether the tensor of that name, which was registered, is frozen.
    pub(super) fn frozen(&self, name: &str) -> Frozen {
        let record = self.record.borrow();
        let entry = record.entries.iter().rev().find(|entry| entry.name == name);
        entry.map(|entry| entry.frozen.clone()).unwrap_or_default()
    }

    fn fetch_from_file(
        &self,
        file: &WeightFile,
        names: &RefCell<Names>,
        name: &str,
        shape: &Shape,
    ) -> Result<Result<Tensor, WeightProblem>> {
        match self.find_in_file(file, names, name, shape) {
            // Converted before it is moved: not every device computes in every type.
            Ok(there) => {
                let tensor = file.read(&there, &Device::Cpu)?;
                Ok(Ok(tensor.to_dtype(self.dtype)?.to_device(&self.device)?))
            }
            Err(problem) => Ok(Err(problem)),
        }
    }

    /// The name in the file of a tensor of this shape.
    fn find_in_file(
        &self,
        file: &WeightFile,
        names: &RefCell<Names>,
        name: &str,
        shape: &Shape,
    ) -> Result<String, WeightProblem> {
        let there = names.borrow_mut().in_file(name, |name| file.shape(name).is_some());
        let name = name.to_owned();
        let expected = shape.dims().to_vec();
        let (Some(found), Some(dtype)) = (file.shape(&there), file.dtype(&there)) else {
            if let Some(reason) = file.why_unread(&there) {
                return Err(WeightProblem::Unreadable { name, reason: reason.to_owned() });
            }
            // The nearest name is looked for at the end, when it is known which names are left over.
            return Err(WeightProblem::Missing { name, shape: expected, nearest: None });
        };
        if found != expected {
            return Err(WeightProblem::Shape { name, expected, found: found.to_vec() });
        }
        if !matches!(dtype.as_str(), "F16" | "BF16" | "F32" | "F64") {
            return Err(WeightProblem::DType { name, found: dtype });
        }
        Ok(there)
    }

    fn fetch_from_vars(
        &self,
        vars: &VarBuilder<'_>,
        name: &str,
        shape: &Shape,
        fill: Fill,
    ) -> Result<Tensor, WeightProblem> {
        let hint = match fill {
            Fill::Weight { fan_in, .. } | Fill::Bias { fan_in } => {
                let bound = (fan_in.max(1) as f64).sqrt().recip();
                candle_nn::Init::Uniform { lo: -bound, up: bound }
            }
            Fill::Constant(value) => candle_nn::Init::Const(value),
        };
        let name = name.to_owned();
        match vars.get_with_hints(shape, &name, hint) {
            Ok(tensor) if tensor.shape() != shape => {
                let (expected, found) = (shape.dims().to_vec(), tensor.dims().to_vec());
                Err(WeightProblem::Shape { name, expected, found })
            }
            // A VarMap hands out its variable as it is; converting would part it from the map.
            Ok(tensor) if tensor.dtype() != self.dtype => {
                let reason = format!("is {:?}, the network {:?}", tensor.dtype(), self.dtype);
                Err(WeightProblem::Unreadable { name, reason })
            }
            Ok(tensor) => Ok(tensor),
            Err(_) if !vars.contains_tensor(&name) => {
                Err(WeightProblem::Missing { name, shape: shape.dims().to_vec(), nearest: None })
            }
            Err(error) => Err(WeightProblem::Unreadable { name, reason: error.to_string() }),
        }
    }

    /// The network's tensors, now that all layers are built.
    ///
    /// # Errors
    /// [`Error::Weights`], which lists every difference between the network and its source.
    pub fn finish(self) -> Result<State> {
        let Record { entries, names, mut problems, deferred } = self.record.into_inner();
        let (mut notes, mut dropped, mut left) = (Vec::new(), String::new(), None);
        let file = match self.source {
            Source::Init(_) => String::new(),
            Source::Vars(_) => "the VarBuilder".to_owned(),
            Source::File { file, names: in_file, exceptions, .. } => {
                let in_file = in_file.into_inner();
                notes = compare(&file, &in_file, &exceptions, &entries, &names, &mut problems);
                in_file.dropped().clone_into(&mut dropped);
                let path = file.path().display().to_string();
                left = self.defers.then(|| Deferred::new(file, deferred));
                path
            }
        };
        if !problems.is_empty() {
            return Err(Error::Weights { file, notes, problems });
        }
        self.state.fill(entries, dropped, left);
        Ok(self.state)
    }
}

impl std::fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let source = match &self.source {
            Source::Init(init) => format!("{init:?}"),
            Source::File { file, .. } => file.path().display().to_string(),
            Source::Vars(_) => "VarBuilder".to_owned(),
        };
        let built = self.record.borrow().entries.len();
        f.debug_struct("Builder").field("source", &source).field("tensors", &built).finish_non_exhaustive()
    }
}
