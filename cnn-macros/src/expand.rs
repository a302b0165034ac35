//! The whole way from tokens to tokens.

use crate::{bridge::Bridge, emit, lower};
use cnn_ir::check::{Checked, check};
use proc_macro2::TokenStream;

/// Expands the contents of one `network!`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let bridge = Bridge::new(input);
    let (file, mut found) = cnn_ir::parse::parse(bridge.table());
    let unicode = bridge.unicode();
    if !unicode.is_empty() {
        // rustc drops these characters with an error of its own; what their absence breaks is no news.
        found = unicode;
    }
    let Checked { models, diagnostics, warnings } = check(&file, bridge.table(), found);
    let errors = emit::errors(&bridge, &diagnostics);
    let warnings = emit::warnings(&bridge, &warnings);
    let networks = lower::networks(&bridge, &file, &models, diagnostics.is_empty());
    quote::quote! { #networks #errors #warnings }
}
