//! Diagnostics to compiler errors, each at its tokens.

use crate::bridge::Bridge;
use cnn_ir::diagnostic::Diagnostic;
use cnn_ir::lint::Finding;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;

/// One `compile_error!` for each diagnostic. The macro's name carries the first token's span and its argument
/// the last one's, so rustc underlines the whole range.
pub(crate) fn errors(bridge: &Bridge, diagnostics: &[Diagnostic]) -> TokenStream {
    diagnostics.iter().map(|diagnostic| error(bridge, diagnostic)).collect()
}

fn error(bridge: &Bridge, diagnostic: &Diagnostic) -> TokenStream {
    let (start, end) = if diagnostic.range.first == u32::MAX {
        (Span::call_site(), Span::call_site())
    } else {
        (bridge.span(diagnostic.range.first), bridge.span(diagnostic.range.last))
    };
    let message = proc_macro2::Literal::string(&diagnostic.to_string());
    let mut argument = message;
    argument.set_span(end);
    let path = quote_spanned!(start=> ::core::compile_error);
    let bang = quote_spanned!(end=> !);
    let mut group = proc_macro2::Group::new(proc_macro2::Delimiter::Brace, quote::quote!(#argument));
    group.set_span(end);
    quote::quote! { #path #bang #group }
}

/// Lints as warnings. Stable Rust lets no macro warn; but the use of something deprecated is a warning, at the span
/// of the use and with a text of our own.
pub(crate) fn warnings(bridge: &Bridge, findings: &[Finding]) -> TokenStream {
    findings
        .iter()
        .map(|finding| {
            let span = crate::lower::located(bridge.span(finding.range.first));
            let (name, note) = (finding.lint.name(), finding.to_string());
            let (given, used) = (Ident::new(name, Span::mixed_site()), Ident::new(name, span));
            quote::quote! {
                const _: () = {
                    #[deprecated(note = #note)]
                    const fn #given() {}
                    #used()
                };
            }
        })
        .collect()
}
