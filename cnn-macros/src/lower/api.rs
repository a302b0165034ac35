//! The network's own struct: its documentation and the interface that every network has.

use super::Context;
use super::chain::Chain;
use super::numbers::Callee;
use super::owner::{Owner, tap_variable};
use super::words::{ident, local, located};
use cnn_ir::model::Port;
use cnn_ir::summary;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

impl Context<'_> {
    /// The struct of the network with its whole interface.
    pub(super) fn root(&self, callees: &[Callee]) -> TokenStream {
        let name = self.name();
        let mut owner = Owner::root(self, callees, name.clone());
        let mut chain = Chain::from_reference(self.input_variable(0));
        let body = self.model.body.as_slice();
        owner.note_reads(&[body]);
        for output in &self.model.outputs {
            if let Some(name) = &output.name {
                owner.note_read(&name.text);
            }
        }
        owner.steps(&[body], &mut chain);
        let (parameters, arguments) = self.generics();
        let attributes = self.network.attributes.iter().map(|range| self.bridge.stream(*range));
        let documentation = self.documentation();
        let visibility = self.visibility();
        let runtime = &self.runtime;
        let (declared, plain) = (parameters.with_defaults(), parameters.plain());
        let declarations = owner.declarations();
        let (consts, layers) = (self.consts(), self.layers());
        let (now, used) = self.assertions();
        let construction = self.construction(&owner, &used);
        let running = self.running(&chain);
        let boundary = self.boundary();
        let traits = self.traits(&parameters, &arguments);
        let (trace, outputs) = (self.trace_struct(&parameters), self.outputs_struct(&parameters));
        let nested = owner.nested();
        quote! {
            #(#attributes)*
            #(#[doc = #documentation])*
            #[derive(Clone, Debug)]
            #visibility struct #name #declared {
                #declarations
                state: #runtime::State,
            }

            #[automatically_derived]
            #[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
            impl #plain #name #arguments {
                #consts
                #construction
                #boundary
                #running
                #layers
            }

            #traits
            #trace
            #outputs
            #(#nested)*
            #now
        }
    }

    fn name(&self) -> Ident {
        ident(&self.model.name.text, self.bridge.span(self.model.name.token))
    }

    /// `<const CLASSES: usize = 1000>` and `<CLASSES>`; the default only where a struct is declared.
    fn generics(&self) -> (Parameters, TokenStream) {
        let names: Vec<Ident> = self.model.generics.iter().map(|(name, _)| local(name)).collect();
        let defaults = self.model.generics.iter().map(|(_, default)| *default).collect();
        let arguments = if names.is_empty() { TokenStream::new() } else { quote!(<#(#names),*>) };
        (Parameters { names, defaults }, arguments)
    }

    /// The variable of an input inside `run`. (Not `x`, the variable of the chain: a later path may begin at the
    /// input again.)
    pub(super) fn input_variable(&self, index: usize) -> Ident {
        match self.model.inputs.get(index).and_then(|port| port.name.as_ref()) {
            Some(name) => local(&format!("input_{}", name.text)),
            None => local("input"),
        }
    }

    /// The body of everything in a network that has errors.
    pub(super) fn broken(&self) -> TokenStream {
        let message = format!("the declaration of `{}` has errors", self.model.name.text);
        quote!(::core::panic!(#message))
    }

    /// The table for rustdoc.
    fn documentation(&self) -> Vec<String> {
        if !self.intact {
            return Vec::new();
        }
        let ports = |ports: &[Port]| {
            let shapes: Vec<String> = ports
                .iter()
                .map(|port| match &port.name {
                    Some(name) => format!("{}: {}", name.text, port.shape),
                    None => port.shape.to_string(),
                })
                .collect();
            shapes.join(", ")
        };
        let mut lines = vec![
            String::new(),
            format!("Takes {}, gives {}.", ports(&self.model.inputs), ports(&self.model.outputs)),
            String::new(),
        ];
        lines.extend(summary::markdown(self.model).lines().map(|line| format!(" {line}")));
        lines
    }

    /// `init`, `load`, `save` and what they are made of.
    fn construction(&self, owner: &Owner<'_>, used: &TokenStream) -> TokenStream {
        let runtime = &self.runtime;
        let name = self.model.name.text.as_str();
        let builds = owner.builds();
        let build = if self.intact {
            let check = if used.is_empty() { TokenStream::new() } else { quote!(const { #used };) };
            quote!(#check ::core::result::Result::Ok(Self { #builds state: params.state() }))
        } else {
            self.broken()
        };
        let docs = [
            format!(
                "A new `{name}` with random weights, PyTorch's default initialization unless `init` says otherwise."
            ),
            format!(
                "A `{name}` with the weights of a safetensors or PyTorch file, whose names and shapes must be its own (but for one prefix of all)."
            ),
            format!(
                "A `{name}` with the weights of a file, but for the tensors below `except`, which are initialized."
            ),
            format!("A `{name}` whose tensors come from a candle `VarBuilder`."),
        ];
        let [init, load, load_except, vars] = docs;
        quote! {
            #[doc = #init]
            ///
            /// # Errors
            /// What the device says where it cannot hold the weights.
            pub fn init(init: #runtime::Init, device: &#runtime::Device) -> #runtime::Result<Self> {
                Self::from_builder(#runtime::params::Builder::init(&init, device)?)
            }

            #[doc = #load]
            ///
            /// # Errors
            /// One error that lists every difference between the file and the network by name.
            pub fn load(
                path: impl ::core::convert::AsRef<::std::path::Path>,
                device: &#runtime::Device,
            ) -> #runtime::Result<Self> {
                Self::from_builder(#runtime::params::Builder::from_file(path, device, #runtime::DType::F32)?)
            }

            #[doc = #load_except]
            ///
            /// # Errors
            /// As [`Self::load`].
            pub fn load_except(
                path: impl ::core::convert::AsRef<::std::path::Path>,
                except: &[&str],
                init: #runtime::Init,
                device: &#runtime::Device,
            ) -> #runtime::Result<Self> {
                Self::from_builder(#runtime::params::Builder::from_file_except(path, except, init, device)?)
            }

            #[doc = #vars]
            ///
            /// # Errors
            /// One error that lists every tensor that is missing or has another shape.
            pub fn from_var_builder(vars: #runtime::VarBuilder<'_>) -> #runtime::Result<Self> {
                Self::from_builder(#runtime::params::Builder::from_var_builder(vars)?)
            }

            /// Writes the weights to a safetensors file, beside and renamed, so that no half-written file is
            /// ever there.
            ///
            /// # Errors
            /// Where the file cannot be written, which and why.
            pub fn save(&self, path: impl ::core::convert::AsRef<::std::path::Path>) -> #runtime::Result<()> {
                self.state.save(path)
            }

            /// Its named tensors, device, element type and generator.
            #[must_use]
            pub fn state(&self) -> &#runtime::State {
                &self.state
            }

            /// Its learned tensors, for an optimizer.
            #[must_use]
            pub fn trainable(&self) -> ::std::vec::Vec<#runtime::Var> {
                self.state.trainable()
            }

            fn from_builder(builder: #runtime::params::Builder<'_>) -> #runtime::Result<Self> {
                let network = Self::build(&builder.root())?;
                builder.finish()?;
                ::core::result::Result::Ok(network)
            }

            /// Builds it below a place in another network.
            #[doc(hidden)]
            pub fn build(params: &#runtime::params::Params<'_>) -> #runtime::Result<Self> {
                #build
            }
        }
    }

    /// `run`: the straight-line code.
    fn running(&self, chain: &Chain) -> TokenStream {
        let runtime = &self.runtime;
        let inputs = (0..self.model.inputs.len()).map(|index| self.input_variable(index));
        let outputs = &self.model.outputs;
        let tensor = quote!(#runtime::Tensor);
        let output_type = match outputs.as_slice() {
            [output] if output.name.is_none() => tensor,
            outputs => {
                let tensors = outputs.iter().map(|_| quote!(#runtime::Tensor));
                quote!((#(#tensors,)*))
            }
        };
        let body = if self.intact {
            let result = match outputs.as_slice() {
                [output] if output.name.is_none() => chain.result(),
                outputs => {
                    let taps = outputs.iter().filter_map(|port| port.name.as_ref());
                    let taps = taps.map(|name| tap_variable(&name.text));
                    quote!((#(#taps,)*))
                }
            };
            let statements = chain.statements();
            quote! {
                use #runtime::{Module as _, ModuleT as _};
                #statements
                ::core::result::Result::Ok(#result)
            }
        } else {
            self.broken()
        };
        quote! {
            /// One run on bare tensors.
            #[doc(hidden)]
            pub fn run(
                &self,
                #(#inputs: &#runtime::Tensor,)*
                pass: &#runtime::Pass,
            ) -> #runtime::CandleResult<#output_type> {
                #body
            }
        }
    }

    /// `forward`, `forward_train`, `trace`, `summary`
    fn boundary(&self) -> TokenStream {
        let runtime = &self.runtime;
        let name = self.model.name.text.as_str();
        let variables: Vec<Ident> = self
            .model
            .inputs
            .iter()
            .map(|port| match &port.name {
                Some(name) => local(&name.text),
                None => local("x"),
            })
            .collect();
        let types: Vec<TokenStream> =
            self.model.inputs.iter().map(|port| self.shape_type(&port.shape)).collect();
        let symbols = self.symbol_checks();
        let checks = quote! {
            #(let #variables = #runtime::Input::<#types>::into_batch(#variables, #name, &self.state)?;)*
            #symbols
        };
        let parameters = quote!(#(#variables: impl #runtime::Input<#types>),*);
        let (result, wrap) = self.wrapped();
        let values = quote!(#(&#variables,)*);
        let trace = self.trace_name();
        let (_, arguments) = self.generics();
        let keeps = self.model.traced.iter().filter(|(label, _)| label != "output").map(|(label, _)| {
            let field = ident(label, located(self.bridge.span(self.model.name.token)));
            quote!(#field: ::core::convert::TryInto::try_into(pass.take(#label)?)?,)
        });
        let table = self.summary_rows();
        let body = |pass: TokenStream| {
            if self.intact {
                quote! {
                    #checks
                    let output = self.run(#values &#pass)?;
                    #wrap
                }
            } else {
                self.broken()
            }
        };
        let forward = body(quote!(#runtime::Pass::eval()));
        let forward_train = body(quote!(#runtime::Pass::train(self.state.generator())));
        let trace_body = if self.intact {
            quote! {
                #checks
                let pass = #runtime::Pass::eval().tracing();
                let output = self.run(#values &pass)?;
                let output = { #wrap }?;
                ::core::result::Result::Ok(#trace { #(#keeps)* output })
            }
        } else {
            self.broken()
        };
        quote! {
            /// The network's output as in inference: running statistics, no dropout.
            ///
            /// # Errors
            /// Where the input has another shape, element type or device than the network takes.
            pub fn forward(&self, #parameters) -> #runtime::Result<#result> {
                #forward
            }

            /// The network's output as in training: batch statistics (the running ones are updated), dropout
            /// from the network's own generator.
            ///
            /// # Errors
            /// As [`Self::forward`]; and a batch normalization that sees one value a channel.
            pub fn forward_train(&self, #parameters) -> #runtime::Result<#result> {
                #forward_train
            }

            /// The output with everything that has a label or a tap, as in inference.
            ///
            /// # Errors
            /// As [`Self::forward`].
            pub fn trace(&self, #parameters) -> #runtime::Result<#trace #arguments> {
                #trace_body
            }

            /// The table of its layers.
            #[must_use]
            pub fn summary() -> #runtime::Summary {
                #table
            }
        }
    }

    /// The type of `forward`'s result, and `output` made into it.
    fn wrapped(&self) -> (TokenStream, TokenStream) {
        let runtime = &self.runtime;
        match self.model.outputs.as_slice() {
            [output] if output.name.is_none() => {
                let shape = self.shape_type(&output.shape);
                (quote!(#runtime::Batch<#shape>), quote!(::core::convert::TryInto::try_into(output)))
            }
            outputs => {
                let name = self.outputs_name();
                let (_, arguments) = self.generics();
                let names: Vec<Ident> = outputs
                    .iter()
                    .filter_map(|port| port.name.as_ref())
                    .map(|name| ident(&name.text, self.bridge.span(name.token)))
                    .collect();
                let indices = (0..names.len()).map(proc_macro2::Literal::usize_unsuffixed);
                let wrap = quote! {
                    ::core::result::Result::Ok::<_, #runtime::Error>(#name { #(#names: ::core::convert::TryInto::try_into(output.#indices)?,)* })
                };
                (quote!(#name #arguments), wrap)
            }
        }
    }

    fn summary_rows(&self) -> TokenStream {
        let runtime = &self.runtime;
        let name = self.model.name.text.as_str();
        let symbolic = self.model.totals.macs.is_symbolic() || self.model.totals.activations.is_symbolic();
        let costs = if symbolic {
            quote!(::core::option::Option::None)
        } else {
            quote!(::core::option::Option::Some([Self::MACS, Self::ACTIVATIONS]))
        };
        quote!(#runtime::Summary::new(#name, &Self::LAYERS, Self::PARAMS, #costs))
    }

    /// candle's own traits, for networks of one input and one output.
    fn traits(&self, parameters: &Parameters, arguments: &TokenStream) -> TokenStream {
        let single = self.model.inputs.len() == 1
            && matches!(self.model.outputs.as_slice(), [output] if output.name.is_none());
        if !single {
            return TokenStream::new();
        }
        let (runtime, name) = (&self.runtime, self.name());
        let plain = parameters.plain();
        quote! {
            #[automatically_derived]
            impl #plain #runtime::ModuleT for #name #arguments {
                fn forward_t(&self, xs: &#runtime::Tensor, train: bool) -> #runtime::CandleResult<#runtime::Tensor> {
                    let output = if train { self.forward_train(xs) } else { self.forward(xs) };
                    ::core::result::Result::Ok(output?.into_inner())
                }
            }
        }
    }

    fn trace_name(&self) -> Ident {
        ident(&format!("{}Trace", self.model.name.text), located(self.bridge.span(self.model.name.token)))
    }

    fn outputs_name(&self) -> Ident {
        ident(&format!("{}Output", self.model.name.text), located(self.bridge.span(self.model.name.token)))
    }

    fn trace_struct(&self, parameters: &Parameters) -> TokenStream {
        let (runtime, name, visibility) = (&self.runtime, self.trace_name(), self.visibility());
        let fields = self.model.traced.iter().filter(|(label, _)| label != "output").map(|(label, shape)| {
            let field = ident(label, located(self.bridge.span(self.model.name.token)));
            let shape_type = self.shape_type(shape);
            let doc = format!("{shape}");
            quote!(#[doc = #doc] pub #field: #runtime::Batch<#shape_type>,)
        });
        let (output, _) = self.wrapped();
        let doc = format!("What [`{}::trace`] saw.", self.model.name.text);
        let plain = parameters.plain();
        quote! {
            #[doc = #doc]
            #[derive(Clone, Debug)]
            #[allow(dead_code)]
            #visibility struct #name #plain {
                #(#fields)*
                /// The network's output.
                pub output: #output,
            }
        }
    }

    fn outputs_struct(&self, parameters: &Parameters) -> TokenStream {
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
    names: Vec<Ident>,
    defaults: Vec<Option<u64>>,
}

impl Parameters {
    /// Without defaults.
    fn plain(&self) -> TokenStream {
        if self.names.is_empty() {
            return TokenStream::new();
        }
        let names = &self.names;
        quote!(<#(const #names: usize),*>)
    }

    /// With defaults, as the struct is declared.
    fn with_defaults(&self) -> TokenStream {
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
