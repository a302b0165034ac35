//! The layers: one table of heads, one file per family.
//!
//! A new layer is a row in [`HEADS`], a function in the file of its family, and a variant of [`Op`].

mod activation;
mod conv;
mod linear;
mod norm;
mod op;
mod options;
mod pool;
mod regularize;
mod require;
mod reshape;
mod table;

pub use op::{Activation, Conv, Deconv, Leaf, Op, UpsampleMode};
pub use options::{Argument, Fault, Options, Value};
pub use require::{Requirement, requirements};
pub(crate) use table::{FOREIGN, FOREIGN_OPTIONS};
pub use table::{HEADS, Head};

use crate::shape::Shape;
use crate::spec;

/// A layer with everything decided: what it does and what it gives.
#[derive(Clone, Debug)]
pub struct Built {
    /// The operation.
    pub op: Op,
    /// Its output's shape.
    pub output: Shape,
}

/// What the function of a head gives.
pub type BuildResult = Result<Built, Fault>;

/// The head with exactly this name.
#[must_use]
pub fn head(name: &str) -> Option<&'static Head> {
    HEADS.iter().find(|head| head.name == name)
}

/// Whether `name` is a head.
#[must_use]
pub fn is_head(name: &str) -> bool {
    head(name).is_some()
}

/// Whether a word is a layer: `relu`, `conv3`, `residual`.
#[must_use]
pub fn is_layer_word(word: &str) -> bool {
    is_head(word)
        || matches!(word, "residual" | "dense" | "concat" | "add" | "mul" | "rust")
        || spec::split_word(word).is_some_and(|(stem, digits)| !digits.is_empty() && is_head(stem))
}

/// Looks a word up: `relu6` is a head of its own, `conv3` is `conv` with `[3]`.
#[must_use]
pub fn lookup(word: &str) -> Option<(&'static Head, Vec<u64>)> {
    if let Some(head) = head(word) {
        return Some((head, Vec::new()));
    }
    let (stem, digits) = spec::split_word(word)?;
    head(stem).map(|head| (head, digits))
}
