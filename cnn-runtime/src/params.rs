//! Where a network's tensors come from while it is built, and where they are kept afterwards.
//!
//! A network is built from the root [`Params`] of a [`Builder`]; each layer asks for its tensors by
//! name. [`Builder::finish`] then gives the [`State`] that holds them all, or one error that lists
//! every difference between the network and its weights.

use std::fmt;

use candle_core::{DType, Device, Shape, Tensor};

use crate::error::{Error, Result};

mod builder;
mod compare;
mod freeze;
mod state;
#[cfg(test)]
mod tests;
mod watch;

pub use builder::Builder;
pub(crate) use freeze::Frozen;
pub use state::State;
pub(crate) use watch::Watch;

/// How PyTorch would initialise a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// A weight: `U(±1/sqrt(fan_in))` by default (`kaiming_uniform_(a=sqrt(5))`), else as the
    /// [`Scheme`](crate::init::Scheme) says.
    Weight {
        /// See [`Fans::fan_in`](crate::init::Fans::fan_in).
        fan_in: usize,
        /// See [`Fans::fan_out`](crate::init::Fans::fan_out).
        fan_out: usize,
    },
    /// A bias: `U(±1/sqrt(fan_in))` by default.
    Bias {
        /// The fan-in of the weight beside it.
        fan_in: usize,
    },
    /// One value everywhere: a norm's scale and shift, running statistics, a `PReLU`'s slope.
    Constant(f64),
}

/// What a tensor is to training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Trained by optimizers.
    Parameter,
    /// Saved but not trained: running statistics.
    Buffer,
}

/// A place in a network that is being built: where tensors come from, and the path so far.
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::Device;
/// use cnn_runtime::Init;
/// use cnn_runtime::params::{Builder, Fill, Role};
///
/// let builder = Builder::init(&Init::seed(42), &Device::Cpu)?;
/// let fc = builder.root().pp("classifier").pp(0);
/// assert_eq!(fc.path(), "classifier.0");
/// let bias = fc.tensor("bias", 10, Fill::Bias { fan_in: 512 }, Role::Parameter)?;
/// assert_eq!(bias.dims(), [10]);
///
/// let state = builder.finish()?;
/// assert!(state.get("classifier.0.bias").is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Params<'a> {
    builder: &'a Builder<'a>,
    path: String,
}

impl<'a> Params<'a> {
    /// The place below this one that is labelled so. An empty label stays here.
    #[must_use]
    pub fn pp(&self, label: impl fmt::Display) -> Params<'a> {
        Params { builder: self.builder, path: join(&self.path, &label.to_string()) }
    }

    /// The labels from the root, joined by dots; empty at the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The device that the network is built on.
    #[must_use]
    pub fn device(&self) -> &Device {
        self.builder.device()
    }

    /// The element type of the network.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.builder.dtype()
    }

    /// Registers a tensor of the network under `path.leaf` (under the path alone where the leaf is "")
    /// and returns it. It shares its values with a [`candle_core::Var`] of the [`State`], so what an
    /// optimizer does to the one is seen in the other.
    ///
    /// Where the source lacks the tensor or has another shape, the difference is noted for
    /// [`Builder::finish`] and zeros are returned, so that all differences are found at once.
    ///
    /// # Errors
    /// [`Error::DuplicateName`]; [`Error::Io`] where a file stops being readable; what the device says
    /// where it cannot hold the tensor.
    pub fn tensor(&self, leaf: &str, shape: impl Into<Shape>, fill: Fill, role: Role) -> Result<Tensor> {
        self.builder.tensor(join(&self.path, leaf), &shape.into(), fill, role)
    }

    /// As [`tensor`](Self::tensor), for the parameter `weight` of a convolution or fully connected layer, in the layer's own
    /// shape: the same values in the same order. A [deferred](Builder::deferred) one has no values.
    pub(crate) fn weight(&self, shape: &[usize], layer: &[usize], fill: Fill) -> Result<Tensor> {
        self.builder.weight(join(&self.path, "weight"), &shape.into(), &layer.into(), fill)
    }

    /// Whether a tensor that was registered here is [frozen](State::freeze), now and later.
    pub(crate) fn frozen(&self, leaf: &str) -> Frozen {
        self.builder.frozen(&join(&self.path, leaf))
    }

    /// The state of a network that is built here: its tensors appear in it, under their names below this
    /// place, once the whole is [finished](Builder::finish).
    #[must_use]
    pub fn state(&self) -> State {
        self.builder.state(&self.path)
    }

    /// The error of a layer that cannot be built here: it names the path, the kind of layer and what is
    /// wrong.
    ///
    /// # Errors
    /// Always, with [`Error::Layer`].
    pub fn refuse<T>(&self, layer: &'static str, message: impl Into<String>) -> Result<T> {
        Err(Error::Layer { path: self.path.clone(), layer, message: message.into() })
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Params({:?})", self.path)
    }
}

/// Joins a path and a label, either of which may be empty.
fn join(path: &str, label: &str) -> String {
    match (path.is_empty(), label.is_empty()) {
        (true, _) => label.to_owned(),
        (_, true) => path.to_owned(),
        _ => format!("{path}.{label}"),
    }
}
