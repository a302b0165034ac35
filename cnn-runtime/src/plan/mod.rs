//! Networks compiled for inference: [`Plan`].
//!
//! `compile` runs a network once on [`Traced`] values, which write down what is done with them. The resulting
//! [`Graph`] has no branches left and every size is a number, so that all decisions are made before the first image.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use candle_core::Tensor;

use crate::boundary::BoundaryProblem;
use crate::error::{Error, Result};
use crate::params::{State, Watch};
use crate::weights::Deferred;

#[cfg(feature = "cuda")]
mod cuda;
mod fused;
mod graph;
mod options;
mod place;
mod ports;
mod prepared;
mod stored;
mod traced;
mod training;

pub use fused::Row;
pub use graph::{Graph, Node, Source};
pub use options::{CompileOptions, Precision, Tuning};
use place::Prepared;
use ports::Ports;
pub(crate) use stored::with_values;
pub use traced::Traced;
pub(crate) use training::Shelf;
pub use training::{Gradient, TrainingPlan, training_step};

/// How many sets of sizes a plan of a network with symbolic sizes is prepared for at a time.
const PREPARED: usize = 8;

/// A network compiled for inference on batches of one size.
///
/// ```
/// use cnn_runtime::prelude::*;
///
/// network! {
///     Tiny: 3x8x8 -> 10 { conv3-4 relu -> pool2 -> fc10 }
/// }
///
/// fn main() -> Result<()> {
///     let network = Tiny::init(Init::seed(1), &Device::Cpu)?;
///     let mut plan = network.compile(&CompileOptions::batch(2))?;
///     let x = Tensor::ones((2, 3, 8, 8), DType::F32, &Device::Cpu)?;
///     let (planned, eager) = (plan.run(&x)?, network.forward(&x)?.into_inner());
///     let difference = (planned - eager)?.abs()?.max_all()?.to_scalar::<f32>()?;
///     assert!(difference < 1e-5);
///
///     let error = plan.run(&x.narrow(0, 0, 1)?).unwrap_err();
///     assert_eq!(
///         error.to_string(),
///         "the plan of `Tiny`: expected (2, 3, 8, 8), found (1, 3, 8, 8); its batch is fixed, \
///          compile another with `CompileOptions::batch(1)`"
///     );
///     Ok(())
/// }
/// ```
///
/// # What it is of
///
/// Inference: what [`Pass::eval`](crate::Pass::eval) does, without gradients. Only networks of `f32` can be compiled, on the
/// CPU or, with the feature `cuda`, on a CUDA device. There a plan is a series of launches that is repeated as a CUDA graph;
/// its outputs are on the device, and a run may return before they are computed.
///
/// The batch is fixed. Sizes that the network declares as symbols are not: the plan prepares itself for the sizes that
/// it meets, once for each, and remembers the last few.
///
/// # When the weights change
///
/// A plan has the weights that the network had when it was compiled. A run where the network has others is
/// [`Error::WeightsChanged`]. Of each tensor eight values are compared, the first and the last among them: training,
/// loading and [`Var::set`](candle_core::Var::set) change nearly all values and are noticed, a change of single values
/// may not be. Where the network, with all its clones, was dropped, the plan goes on with what it has.
pub struct Plan {
    ports: Ports,
    watch: Watch,
    /// The file that holds the weights, where the network was built without them.
    deferred: Option<Arc<Deferred>>,
    prepared: Vec<Prepared>,
    /// What prepares for other sizes, where there are others.
    record: Option<Arc<Record>>,
}

/// What records a network.
type Record = dyn Fn(&[Traced]) -> Result<Vec<Traced>> + Send + Sync;

impl Plan {
    /// The plan of what `record` does. `network!` generates the call; for a network written by hand:
    ///
    /// ```
    /// use cnn_runtime::layers::{Conv2d, Conv2dConfig};
    /// use cnn_runtime::params::Builder;
    /// use cnn_runtime::prelude::*;
    /// use cnn_runtime::Value;
    ///
    /// fn main() -> Result<()> {
    ///     let builder = Builder::init(&Init::seed(1), &Device::Cpu)?;
    ///     let conv = Conv2d::new(builder.root().pp("conv"), Conv2dConfig::new(3, 8, [3, 3]))?;
    ///     let state = builder.finish()?;
    ///
    ///     // Images of any size.
    ///     let (inputs, options) = (&[("", &[3, 0, 0][..])], CompileOptions::batch(1));
    ///     let mut plan = Plan::compile("Edges", inputs, &state, &options, move |inputs| {
    ///         Ok(vec![conv.run(&inputs[0])?.relu()?])
    ///     })?;
    ///     let x = Tensor::zeros((1, 3, 10, 12), DType::F32, &Device::Cpu)?;
    ///     assert_eq!(plan.run(&x)?.dims(), [1, 8, 8, 10]);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// `inputs` are the names of the inputs, empty where there is one, and the sizes of a sample, where 0 stands for
    /// any size. `record` is called with a value for each.
    ///
    /// # Errors
    /// [`Error::Compile`] where the network is not of `f32`, or on a device that plans are not for, or for a batch of 0; [`Error::Boundary`] where
    /// the sizes of the options do not fit; what `record` says.
    pub fn compile(
        name: &str,
        inputs: &[(&str, &[usize])],
        state: &State,
        options: &CompileOptions,
        record: impl Fn(&[Traced]) -> Result<Vec<Traced>> + Send + Sync + 'static,
    ) -> Result<Self> {
        let ports = Ports::new(name, inputs, state, options)?;
        let symbolic = ports.are_symbolic();
        let mut plan = Self {
            ports,
            watch: state.watch(),
            deferred: state.deferred(),
            prepared: Vec::new(),
            record: None,
        };
        if let Some(shapes) = plan.ports.shapes()? {
            plan.prepared.push(Prepared::new(&plan.ports, &record, shapes, plan.deferred.as_deref())?);
        }
        if symbolic {
            plan.record = Some(Arc::new(record));
        }
        Ok(plan)
    }

    /// The network's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.ports.network
    }

    /// How it was compiled.
    #[must_use]
    pub const fn options(&self) -> &CompileOptions {
        &self.ports.options
    }

    /// The output for an input, of a network that has one of each.
    ///
    /// # Errors
    /// As [`run_all`](Self::run_all).
    pub fn run(&mut self, x: &Tensor) -> Result<Tensor> {
        let mut outputs = self.run_all(&[x])?;
        match (outputs.pop(), outputs.len()) {
            (Some(output), 0) => Ok(output),
            (_, more) => {
                self.ports.refuse(BoundaryProblem::Ports { expected: (more + 1, "output"), found: 1 })
            }
        }
    }

    /// The outputs for these inputs, in the order of the declaration.
    ///
    /// # Errors
    /// [`Error::Boundary`] where an input has another shape, batch, element type or device than the plan is for;
    /// [`Error::WeightsChanged`]; where sizes are new, what the network says to them.
    pub fn run_all(&mut self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        self.run_observed(inputs, &|_| {})
    }

    /// The time that each of the [`steps`](Self::steps) of one run takes, waiting for other threads included.
    ///
    /// # Errors
    /// As [`run_all`](Self::run_all).
    pub fn profile(&mut self, inputs: &[&Tensor]) -> Result<Vec<Duration>> {
        // What is not prepared yet is not of the first step.
        self.ports.check_all(inputs)?;
        self.prepare(inputs)?;
        let ends = Mutex::new(Vec::new());
        let start = Instant::now();
        let note = |step| {
            ends.lock().unwrap_or_else(PoisonError::into_inner).push((step, Instant::now()));
        };
        self.run_observed(inputs, &note)?;
        let ends: Vec<(usize, Instant)> = ends.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut times = vec![Duration::ZERO; self.steps().len()];
        let starts = std::iter::once(start).chain(ends.iter().map(|&(_, end)| end));
        for (start, &(step, end)) in starts.zip(&ends) {
            times[step] += end.saturating_duration_since(start);
        }
        Ok(times)
    }

    /// The outputs for these inputs, without candle: whole batches, row-major, in the order of the declaration. Nothing
    /// is allocated but what rayon allocates where the caller is not on one of its threads.
    ///
    /// Where sizes are symbols these are the sizes of the options, or of the last run.
    ///
    /// ```
    /// use cnn_runtime::prelude::*;
    ///
    /// network! {
    ///     Tiny: 3x8x8 -> 10 { conv3-4 relu -> pool2 -> fc10 }
    /// }
    ///
    /// fn main() -> Result<()> {
    ///     let mut plan = Tiny::init(Init::seed(1), &Device::Cpu)?.compile(&CompileOptions::batch(1))?;
    ///     let (pixels, mut logits) = (vec![0.5; 3 * 8 * 8], vec![0.0; 10]);
    ///     plan.run_slices(&[&pixels], &mut [&mut logits])?;
    ///     assert!(logits.iter().any(|&logit| logit != 0.0));
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Plan`] for another number of slices or values; [`Error::WeightsChanged`].
    pub fn run_slices(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Result<()> {
        self.check_weights()?;
        match self.prepared.last_mut() {
            Some(prepared) => prepared.run_slices(&self.ports.network, inputs, outputs),
            None => Err(self.unprepared()),
        }
    }

    /// A plan for another thread: it shares the weights and has activations of its own.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            ports: self.ports.clone(),
            watch: self.watch.clone(),
            deferred: self.deferred.clone(),
            prepared: self.prepared.iter().map(Prepared::fork).collect(),
            record: self.record.clone(),
        }
    }

    /// The steps of a run, for the sizes of the last one.
    #[must_use]
    pub fn steps(&self) -> &[Row] {
        self.prepared.last().map_or(&[], Prepared::rows)
    }

    /// Bytes that it holds. Nothing else is allocated while it runs.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.prepared.last().map_or_else(Memory::default, Prepared::memory)
    }

    /// A run that calls `after` with the number of each step that is done.
    fn run_observed(&mut self, inputs: &[&Tensor], after: &(dyn Fn(usize) + Sync)) -> Result<Vec<Tensor>> {
        self.ports.check_all(inputs)?;
        self.check_weights()?;
        let index = self.prepare(inputs)?;
        self.prepared[index].run(&self.ports.network, inputs, after)
    }

    fn unprepared(&self) -> Error {
        let reason =
            "its sizes are symbols: give them with `CompileOptions::with_input`, or run it on a tensor first";
        Error::Plan { network: self.ports.network.clone(), reason: reason.to_owned() }
    }

    fn check_weights(&self) -> Result<()> {
        match self.watch.changed() {
            Some(tensor) => Err(Error::WeightsChanged { network: self.ports.network.clone(), tensor }),
            None => Ok(()),
        }
    }

    /// What runs inputs of these shapes, made now if it is not there.
    fn prepare(&mut self, inputs: &[&Tensor]) -> Result<usize> {
        if let Some(index) = self.prepared.iter().position(|prepared| prepared.takes(inputs)) {
            if index + 1 != self.prepared.len() {
                // The last is the one that was used last.
                let used = self.prepared.remove(index);
                self.prepared.push(used);
            }
            return Ok(self.prepared.len() - 1);
        }
        let Some(record) = &self.record else { return Err(self.unprepared()) };
        let shapes = inputs.iter().map(|input| input.dims().to_vec()).collect();
        let prepared = Prepared::new(&self.ports, record.as_ref(), shapes, self.deferred.as_deref())?;
        if self.prepared.len() == PREPARED {
            self.prepared.remove(0);
        }
        self.prepared.push(prepared);
        Ok(self.prepared.len() - 1)
    }
}

/// Bytes of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// Weights, of all plans that share them together. Fully connected layers in `f32` read the network's own.
    pub weights: usize,
    /// Activations: each stands where others are no longer needed.
    pub activations: usize,
    /// What kernels need while they run.
    pub scratch: usize,
}

/// The steps as a table, and the bytes that they take.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(prepared) = self.prepared.last() else {
            return write!(f, "{}: not prepared for any sizes yet", self.ports.network);
        };
        let CompileOptions { batch, precision, tuning, .. } = self.ports.options;
        write!(f, "{}, batch {batch}", self.ports.network)?;
        match prepared.in_turns() {
            0 => {}
            all if all == prepared.rows().len() => write!(f, " in {batch} turns")?,
            some => write!(f, ", the first {some} steps in {batch} turns")?,
        }
        writeln!(f, ", {precision:?}, {tuning:?}, {}", prepared.target())?;
        fused::table(prepared.rows(), prepared.memory(), f)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("ports", &self.ports).finish_non_exhaustive()
    }
}
