//! The `network!` procedural macro.
//!
//! Thin: tokens go to `cnn-ir`, which parses, resolves and checks; the resolved model is lowered to Rust.
//! The language is documented in `cnn-ir` and in the project's language reference.

use proc_macro::TokenStream;

mod bridge;
mod emit;
mod expand;
mod lower;

/// Declares convolutional networks: every shape is checked while this compiles, and each network becomes a
/// plain struct with one field a layer.
///
/// ```ignore
/// use cnn_runtime::prelude::*;
///
/// network! {
///     /// LeNet-5.
///     pub LeNet5: 1x32x32 -> 10 {
///         conv5-6(valid) relu -> pool2
///      -> conv5-16(valid) relu -> pool2       => 16x5x5
///      -> fc120 relu -> fc84 relu -> fc10
///     }
/// }
/// ```
///
/// (It is used through `cnn_runtime`, whose documentation runs such an example.)
#[proc_macro]
pub fn network(input: TokenStream) -> TokenStream {
    expand::expand(input.into()).into()
}
