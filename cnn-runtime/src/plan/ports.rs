//! What goes into a plan, and whether it is what the plan is for.

use candle_core::{DType, Device, Tensor};

use super::{CompileOptions, Precision};
use crate::boundary::{ANY, BoundaryProblem, fits};
use crate::error::{Error, Result};
use crate::params::State;

/// An input: its name, empty where there is one, and the sizes of a sample.
#[derive(Clone, Debug)]
struct Port {
    name: String,
    sizes: Vec<usize>,
}

/// The inputs of a network as a plan of it takes them.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    pub(super) network: String,
    ports: Vec<Port>,
    pub(super) options: CompileOptions,
    /// The network's.
    pub(super) device: Device,
}

impl Ports {
    /// Of a network that can be compiled so.
    pub(super) fn new(
        name: &str,
        inputs: &[(&str, &[usize])],
        state: &State,
        options: &CompileOptions,
    ) -> Result<Self> {
        let refused = |reason: String| Err(Error::Compile { network: name.to_owned(), reason });
        let is_reached = state.device().is_cpu() || cfg!(feature = "cuda") && state.device().is_cuda();
        if state.dtype() != DType::F32 || !is_reached {
            let (dtype, device) = (state.dtype(), state.device().location());
            let places = if cfg!(feature = "cuda") { "the CPU or a CUDA device" } else { "the CPU" };
            return refused(format!(
                "it is {dtype:?} on {device:?}, and only F32 on {places} can be compiled"
            ));
        }
        if options.precision == Precision::Tf32 && state.device().is_cpu() {
            return refused("`Precision::Tf32` is of CUDA devices, and it is on the CPU".to_owned());
        }
        if options.batch == 0 {
            return refused("a batch has at least one sample, found `CompileOptions::batch(0)`".to_owned());
        }
        if options.threads == Some(0) {
            return refused("a run needs at least one thread, found `with_threads(0)`".to_owned());
        }
        let ports = inputs
            .iter()
            .map(|(name, sizes)| Port { name: (*name).to_owned(), sizes: sizes.to_vec() })
            .collect();
        Ok(Self { network: name.to_owned(), ports, options: options.clone(), device: state.device().clone() })
    }

    /// Whether some sizes are symbols.
    pub(super) fn are_symbolic(&self) -> bool {
        self.ports.iter().any(|port| port.sizes.contains(&ANY))
    }

    /// The shapes of the inputs that the options say, or that the network declares; none where those are symbols.
    pub(super) fn shapes(&self) -> Result<Option<Vec<Vec<usize>>>> {
        let Self { ports, options, .. } = self;
        if !options.inputs.is_empty() {
            self.check_count("input", options.inputs.len())?;
        } else if self.are_symbolic() {
            return Ok(None);
        }
        let declared = ports.iter().map(|port| &port.sizes);
        let sizes =
            if options.inputs.is_empty() { declared.collect() } else { Vec::from_iter(&options.inputs) };
        let shapes: Vec<Vec<usize>> =
            sizes.into_iter().map(|sizes| [&[options.batch], sizes.as_slice()].concat()).collect();
        ports.iter().zip(&shapes).try_for_each(|(port, shape)| self.check_shape(port, shape))?;
        Ok(Some(shapes))
    }

    /// Tensors of the sizes, element type and device that the plan is for.
    pub(super) fn check_all(&self, inputs: &[&Tensor]) -> Result<()> {
        self.check_count("input", inputs.len())?;
        self.ports.iter().zip(inputs).try_for_each(|(port, input)| self.check(port, input))
    }

    fn check(&self, port: &Port, input: &Tensor) -> Result<()> {
        if input.dtype() != DType::F32 {
            return self
                .refuse_at(port, BoundaryProblem::DType { expected: DType::F32, found: input.dtype() });
        }
        if !input.device().same_device(&self.device) {
            let (expected, found) = (self.device.location(), input.device().location());
            return self.refuse_at(port, BoundaryProblem::Device { expected, found });
        }
        self.check_shape(port, input.dims())
    }

    fn check_shape(&self, port: &Port, shape: &[usize]) -> Result<()> {
        let problem = match shape.split_first() {
            Some((_, sample)) if fits(&port.sizes, sample) && shape.contains(&0) => {
                BoundaryProblem::Empty { found: shape.to_vec() }
            }
            Some((&batch, sample)) if fits(&port.sizes, sample) && batch == self.options.batch => {
                return Ok(());
            }
            _ => {
                let (batch, expected) = (self.options.batch, port.sizes.clone());
                BoundaryProblem::Planned { batch, expected, found: shape.to_vec() }
            }
        };
        self.refuse_at(port, problem)
    }

    /// There are that many inputs.
    fn check_count(&self, what: &'static str, found: usize) -> Result<()> {
        if found == self.ports.len() {
            return Ok(());
        }
        self.refuse(BoundaryProblem::Ports { expected: (self.ports.len(), what), found })
    }

    pub(super) fn refuse<T>(&self, problem: BoundaryProblem) -> Result<T> {
        let network = format!("the plan of `{}`", self.network);
        Err(Error::Boundary { network, problem: Box::new(problem) })
    }

    fn refuse_at<T>(&self, port: &Port, problem: BoundaryProblem) -> Result<T> {
        if port.name.is_empty() {
            return self.refuse(problem);
        }
        let network = format!("the plan of `{}`, input `{}`", self.network, port.name);
        Err(Error::Boundary { network, problem: Box::new(problem) })
    }
}
