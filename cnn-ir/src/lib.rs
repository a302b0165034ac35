//! The `network!` language: parser, graph, shape rules, checks and cost model. No dependencies.
//!
//! Data flows one way. Tokens ([`token`], from the compiler or from [`lex`]) become a tree ([`ast`], by
//! [`parse`]), the tree becomes a [`model`] (by [`resolve`]): names looked up, repeats unrolled, every shape
//! and cost computed. The macro and the run time read the model; nothing flows back.
//!
//! Names and shapes are resolved in one walk, because in this language they depend on each other: `cin` is a
//! number that a block may compute with, and a residual has a projection only where the shapes differ.
//!
//! Every pass gives its result *and* a list of [`diagnostic::Diagnostic`]s. No pass panics, on any input.
//!
//! ```
//! let network: cnn_ir::Network = "
//!     LeNet5: 1x32x32 -> 10 {
//!         conv5-6(valid) → relu → pool2 → conv5-16(valid) → relu → pool2
//!      → fc120 → relu → fc84 → relu → fc10
//!     }"
//! .parse()
//! .unwrap();
//! assert_eq!(network.model().totals.parameters.to_string(), "61706");
//! assert_eq!(network.model().totals.macs.to_string(), "416520");
//! ```

pub mod ast;
pub mod check;
pub mod diagnostic;
pub mod diagram;
pub mod dim;
pub mod fix;
pub mod graph;
pub mod layer;
pub mod lex;
pub mod lint;
pub mod model;
pub mod nearest;
pub mod parse;
pub mod resolve;
pub mod shape;
pub mod spec;
pub mod summary;
mod text;
pub mod token;
pub mod window;

pub use text::{Network, NetworkError, Path};
