//! The whole way from tokens to tokens.

use crate::{bridge::Bridge, emit, lower};
use proc_macro2::TokenStream;

/// Expands the contents of one `network!`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let bridge = Bridge::new(input);
    let (file, mut diagnostics) = cnn_ir::parse::parse(bridge.table());
    let (models, unresolved) = cnn_ir::resolve::resolve(&file, bridge.table());
    diagnostics.extend(unresolved);
    let unicode = bridge.unicode();
    if !unicode.is_empty() {
        // rustc drops these characters with an error of its own; what their absence breaks is no news.
        diagnostics = unicode;
    }
    let errors = emit::errors(&bridge, &diagnostics);
    let networks = lower::networks(&bridge, &file, &models, diagnostics.is_empty());
    quote::quote! { #errors #networks }
}
