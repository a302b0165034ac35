//! The errors of building, loading, saving and feeding a network.

use std::fmt;
use std::path::PathBuf;

use crate::boundary::BoundaryProblem;
use crate::weights::WeightProblem;

/// What can go wrong around a network: its weights, its files, its inputs.
///
/// Operations and layers return [`candle_core::Error`], as candle's traits require. The two convert
/// into each other, so `?` works in functions of either kind:
///
/// ```
/// use candle_core::{Device, Tensor};
///
/// fn ours() -> cnn_runtime::Result<Tensor> {
///     Ok(Tensor::zeros((1, 3), candle_core::DType::F32, &Device::Cpu)?)
/// }
/// fn candles() -> candle_core::Result<Tensor> {
///     Ok(ours()?)
/// }
/// assert!(candles().is_ok());
/// ```
///
/// `Debug` prints the message as `Display` does, so that `fn main() -> Result<()>` ends with a
/// message that can be read.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The weights differ from what the network declares; every difference is listed.
    #[error("{}", crate::weights::report::table(file, notes, problems))]
    Weights {
        /// Where the weights came from: a path, or `the VarBuilder`.
        file: String,
        /// What the differences have in common, and what was done to the file's names.
        notes: Vec<String>,
        /// Every difference, in the network's order, then the file's.
        problems: Vec<WeightProblem>,
    },

    /// The operating system refused to read or write.
    #[error("cannot {doing} `{}`: {error}", path.display())]
    Io {
        /// What was attempted: `read`, `write`, ...
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },

    /// The file is not a whole file of weights, or not one that is read.
    #[error("`{}` is not a usable file of weights: {reason}", path.display())]
    BadWeightFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// A layer cannot be built as configured.
    #[error("{}{layer}: {message}", Located(path))]
    Layer {
        /// The layer's path in the network, `layer1.0.conv1`.
        path: String,
        /// The kind of layer, `Conv2d`.
        layer: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },

    /// Two tensors of one network have the same name.
    #[error(
        "two tensors of the network are named `{name}`: give one of the two layers another label, \
         or their values would overwrite each other in a file"
    )]
    DuplicateName {
        /// The name that was registered twice.
        name: String,
    },

    /// A network cannot be held in this element type.
    #[error("a network cannot be held in {dtype:?}: use DType::F32 or DType::F64")]
    UnsupportedDType {
        /// The element type that was asked for.
        dtype: candle_core::DType,
    },

    /// An input (or a claimed shape) does not fit the network's boundary.
    #[error("{network}: {problem}")]
    Boundary {
        /// The network's name.
        network: String,
        /// What does not fit.
        problem: Box<BoundaryProblem>,
    },

    /// A network cannot be compiled as asked.
    #[error("`{network}` cannot be compiled: {reason}")]
    Compile {
        /// The network's name.
        network: String,
        /// What stands against it, and what to do.
        reason: String,
    },

    /// A plan cannot be run as asked.
    #[error("the plan of `{network}`: {reason}")]
    Plan {
        /// The network's name.
        network: String,
        /// What stands against it, and what to do.
        reason: String,
    },

    /// A compiled network's weights are no longer those that it was compiled with.
    #[error(
        "the plan of `{network}` has other weights than the network has now: `{tensor}` changed; compile again"
    )]
    WeightsChanged {
        /// The network's name.
        network: String,
        /// The first tensor that changed.
        tensor: String,
    },

    /// An activation was asked for that the pass did not keep.
    #[error("{}", untraced(name, kept, *tracing))]
    NotKept {
        /// The name that was asked for.
        name: String,
        /// The names that were kept.
        kept: Vec<String>,
        /// Whether the pass was tracing at all.
        tracing: bool,
    },

    /// Tensors were to be frozen or learned, and there are none at the path.
    #[error("no tensor is at `{path}` or below; the paths begin with {}", tops.join(", "))]
    NoTensors {
        /// The path.
        path: String,
        /// The first labels of all tensors.
        tops: Vec<String>,
    },

    /// candle reported an error.
    #[error(transparent)]
    Candle(Box<candle_core::Error>),
}

/// The result of this crate's functions. The second parameter lets `Result<T, E>` keep working in
/// code that imports the prelude.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Candle(Box::new(error))
    }
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(error) => *error,
            error => Self::wrap(error),
        }
    }
}

/// A layer's path as the head of a message; the root of a network has none.
struct Located<'a>(&'a str);

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

fn untraced(name: &str, kept: &[String], tracing: bool) -> String {
    if !tracing {
        return format!(
            "`{name}` was not kept: build the pass with `.tracing()`, or for gradients with `.probing()`"
        );
    }
    let kept = if kept.is_empty() { "nothing".to_owned() } else { kept.join(", ") };
    format!("`{name}` was not kept by this pass; kept: {kept}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_small() {
        // Above 128 bytes clippy warns in every function of a user that returns one.
        assert!(size_of::<Error>() < 128, "{}", size_of::<Error>());
    }

    #[test]
    fn debug_is_the_message() {
        let error = Error::Layer {
            path: "layer1.0.conv1".to_owned(),
            layer: "Conv2d",
            message: "groups = 3 does not divide in_channels = 64".to_owned(),
        };
        assert_eq!(
            format!("{error:?}"),
            "layer1.0.conv1: Conv2d: groups = 3 does not divide in_channels = 64"
        );
    }

    #[test]
    fn our_message_survives_candle() {
        let error = Error::DuplicateName { name: "fc.weight".to_owned() };
        let message = error.to_string();
        let candle = candle_core::Error::from(error);
        assert!(candle.to_string().starts_with(&message), "{candle}");
    }

    #[test]
    fn a_candle_error_passes_through_both_conversions() {
        let there = Error::from(candle_core::Error::Msg("no".to_owned()));
        assert!(matches!(candle_core::Error::from(there), candle_core::Error::Msg(text) if text == "no"));
    }
}
