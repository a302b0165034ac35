//! The structs of several outputs and of what `trace` saw, and the const generics that all structs of a network have.

use super::Context;
use super::sizes::literal;
use super::words::{ident, located};
use cnn_ir::shape::Shape;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

impl Context<'_> {
    pub(super) fn trace_name(&self) -> Ident {
        ident(&format!("{}Trace", self.model.name.text), located(self.bridge.span(self.model.name.token)))
    }

    pub(super) fn outputs_name(&self) -> Ident {
        ident(&format!("{}Output", self.model.name.text), located(self.bridge.span(self.model.name.token)))
    }

    pub(super) fn trace_struct(&self, parameters: &Parameters) -> TokenStream {
        let (runtime, name, visibility) = (&self.runtime, self.trace_name(), self.visibility());
        let traced = self.model.traced.iter().filter(|(label, _)| label != "output");
        let (labels, shapes): (Vec<&str>, Vec<&Shape>) =
            traced.map(|(label, shape)| (label.as_str(), shape)).unzip();
        let span = located(self.bridge.span(self.model.name.token));
        let fields: Vec<Ident> = labels.iter().map(|label| ident(label, span)).collect();
        let types = shapes.iter().map(|shape| self.shape_type(shape));
        let docs = shapes.iter().map(ToString::to_string);
        let (output, _) = self.wrapped();
        let doc = format!("What [`{}::trace`] saw.", self.model.name.text);
        let (plain, (_, arguments), count) = (parameters.plain(), self.generics(), literal(fields.len()));
        quote! {
            #[doc = #doc]
            #[derive(Clone, Debug)]
            #[allow(dead_code)]
            #visibility struct #name #plain {
                #(#[doc = #docs] pub #fields: #runtime::Batch<#types>,)*
                /// The network's output.
                pub output: #output,
            }

            #[automatically_derived]
            #[allow(dead_code, unused_variables, clippy::all, clippy::pedantic)]
            impl #plain #name #arguments {
                /// Each by name, in the order of execution, without the output.
                #[must_use]
                pub fn stages(&self) -> [(&'static str, &#runtime::Tensor); #count] {
                    [#((#labels, &self.#fields)),*]
                }

                fn collect(
                    of: impl ::core::ops::Fn(&str) -> #runtime::Result<#runtime::Tensor>,
                    output: #output,
                ) -> #runtime::Result<Self> {
                    ::core::result::Result::Ok(Self {
                        #(#fields: ::core::convert::TryInto::try_into(of(#labels)?)?,)*
                        output,
                    })
                }
            }
        }
    }

    pub(super) fn outputs_struct(&self, parameters: &Parameters) -> TokenStream {
        if matches!(self.model.outputs.as_slice(), [output] if output.name.is_none()) {
            return TokenStream::new();
        }
        let (runtime, name, visibility) = (&self.runtime, self.outputs_name(), self.visibility());
        let fields = self.model.outputs.iter().filter_map(|port| {
            let own = port.name.as_ref()?;
            let field = ident(&own.text, self.bridge.span(own.token));
            let (shape, doc) = (self.shape_type(&port.shape), port.shape.to_string());
            Some(quote!(#[doc = #doc] pub #field: #runtime::Batch<#shape>,))
        });
        let doc = format!("The outputs of [`{}`].", self.model.name.text);
        let plain = parameters.plain();
        quote! {
            #[doc = #doc]
            #[derive(Clone, Debug)]
            #[allow(dead_code)]
            #visibility struct #name #plain { #(#fields)* }
        }
    }
}

/// The const generics of a network.
pub(super) struct Parameters {
    pub(super) names: Vec<Ident>,
    pub(super) defaults: Vec<Option<u64>>,
}

impl Parameters {
    /// Without defaults.
    pub(super) fn plain(&self) -> TokenStream {
        if self.names.is_empty() {
            return TokenStream::new();
        }
        let names = &self.names;
        quote!(<#(const #names: usize),*>)
    }

    /// With defaults, as the struct is declared.
    pub(super) fn with_defaults(&self) -> TokenStream {
        if self.names.is_empty() {
            return TokenStream::new();
        }
        let parameters = self.names.iter().zip(&self.defaults).map(|(name, default)| match default {
            Some(default) => {
                let default = proc_macro2::Literal::u64_unsuffixed(*default);
                quote!(const #name: usize = #default)
            }
            None => quote!(const #name: usize),
        });
        quote!(<#(#parameters),*>)
    }
}
