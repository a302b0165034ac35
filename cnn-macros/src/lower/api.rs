//! The network's own struct: its documentation and the interface that every network has.

use super::Context;
use super::chain::Chain;
use super::numbers::Callee;
use super::owner::{Owner, tap_variable};
use super::sizes::literal;
use super::words::{ident, local, located};
use cnn_ir::model::Port;
use cnn_ir::shape::Shape;
use cnn_ir::summary::Summary;
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
        let (running, compilation) = (self.running(&chain), self.compilation());
        let boundary = self.boundary();
        let traits = self.traits(&parameters, &arguments);
        let (trace, outputs) = (self.trace_struct(&parameters), self.outputs_struct(&parameters));
        let nested = owner.nested();
        let (picture, diagram) = (self.picture(), self.diagram());
        quote! {
            #(#attributes)*
            #(#[doc = #documentation])*
            #[derive(Clone, Debug)]
            #visibility struct #name #declared {
                #declarations
                state: #runtime::State,
            }

            #(#[doc = #picture])*
            #[automatically_derived]
            #[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
            impl #plain #name #arguments {
                #diagram
            }

            #[automatically_derived]
            #[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
            impl #plain #name #arguments {
                #consts
                #construction
                #boundary
                #compilation
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

    fn input_variables(&self) -> Vec<Ident> {
        (0..self.model.inputs.len()).map(|index| self.input_variable(index)).collect()
    }

    /// The type of what flows through `run`: `V`, or another name where a number of the network is called so.
    pub(super) fn value(&self) -> Ident {
        let mut name = "V".to_owned();
        while self.model.generics.iter().any(|(other, _)| *other == name) {
            name.push('V');
        }
        local(&name)
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
        lines.extend(Summary::of(self.model).markdown().lines().map(|line| format!(" {line}")));
        lines.extend([String::new(), format!(" [`{}::diagram`] draws it.", self.model.name.text)]);
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
        let (runtime, value) = (&self.runtime, self.value());
        let inputs = self.input_variables();
        let outputs = &self.model.outputs;
        let output_type = match outputs.as_slice() {
            [output] if output.name.is_none() => quote!(#value),
            outputs => {
                let values = outputs.iter().map(|_| &value);
                quote!((#(#values,)*))
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
            quote!(#statements ::core::result::Result::Ok(#result))
        } else {
            self.broken()
        };
        quote! {
            /// One run on bare tensors, or on values that note what is done with them.
            #[doc(hidden)]
            pub fn run<#value: #runtime::Value>(
                &self,
                #(#inputs: &#value,)*
                pass: &#runtime::Pass<#value>,
            ) -> #runtime::CandleResult<#output_type> {
                #body
            }
        }
    }

    /// `forward`, `forward_train`, `trace`, `trace_gradients`, `summary`
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
        let parameters = quote!(#(#variables: impl #runtime::Input<#types>),*);
        let (result, wrap) = self.wrapped();
        let (trace, (_, arguments)) = (self.trace_name(), self.generics());
        let table = self.summary_rows();
        let (checked_run, forward, forward_train, traced, gradients) = if self.intact {
            let symbols = self.symbol_checks(&variables);
            let (kept, gradient) = self.output_gradient();
            (
                quote! {
                    #(let #variables = #runtime::Input::<#types>::into_batch(#variables, #name, &self.state)?;)*
                    #symbols
                    let output = self.run(#(&#variables,)* pass)?;
                    #wrap
                },
                quote!(self.checked_run(#(#variables,)* &#runtime::Pass::eval())),
                quote!(self.checked_run(#(#variables,)* &#runtime::Pass::train(self.state.generator()))),
                quote! {
                    let pass = #runtime::Pass::eval().tracing();
                    let output = self.checked_run(#(#variables,)* &pass)?;
                    #trace::collect(|name| pass.kept(name), output)
                },
                quote! {
                    let pass = #runtime::Pass::eval().probing();
                    let output = self.checked_run(#(#variables,)* &pass)?;
                    #kept
                    let gradients = of(&output)?.backward()?;
                    let gradient = |name: &str| pass.gradient(name, &gradients);
                    ::core::result::Result::Ok((
                        #trace::collect(|name| pass.kept(name), output)?,
                        #trace::collect(gradient, #gradient)?,
                    ))
                },
            )
        } else {
            let broken = self.broken();
            (broken.clone(), broken.clone(), broken.clone(), broken.clone(), broken)
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
                #traced
            }

            /// What [`Self::trace`] gives, and its gradients: those of the scalar that `of` makes of the output.
            ///
            /// # Errors
            /// As [`Self::forward`]; what `of` says.
            pub fn trace_gradients(
                &self,
                #(#variables: impl #runtime::Input<#types>,)*
                of: impl ::core::ops::FnOnce(&#result) -> #runtime::CandleResult<#runtime::Tensor>,
            ) -> #runtime::Result<(#trace #arguments, #trace #arguments)> {
                #gradients
            }

            /// The table of its layers, to print; `summary().lecture()` is the lecture's form.
            #[must_use]
            pub fn summary() -> #runtime::Summary {
                #table
            }

            /// One run between checked inputs and typed outputs.
            fn checked_run(
                &self,
                #(#variables: impl #runtime::Input<#types>,)*
                pass: &#runtime::Pass,
            ) -> #runtime::Result<#result> {
                #checked_run
            }
        }
    }

    /// Inside `trace_gradients`: the output as something that has a gradient, and that gradient.
    fn output_gradient(&self) -> (TokenStream, TokenStream) {
        let runtime = &self.runtime;
        match self.model.outputs.as_slice() {
            [output] if output.name.is_none() => {
                let shape = self.shape_type(&output.shape);
                let kept = quote! {
                    let output: #runtime::Batch<#shape> = ::core::convert::TryInto::try_into(pass.keep("output", &output)?)?;
                };
                (kept, quote!(::core::convert::TryInto::try_into(gradient("output")?)?))
            }
            outputs => {
                // They are taps, and kept as such.
                let name = self.outputs_name();
                let fields = outputs.iter().filter_map(|port| {
                    let label = port.name.as_ref()?;
                    let (field, text) = (ident(&label.text, self.bridge.span(label.token)), &label.text);
                    let kept = self.model.traced.iter().find(|(name, _)| name == text);
                    // Cx1x1 leaves as C.
                    let flat = kept.filter(|(_, shape)| shape.dims().len() != port.shape.dims().len());
                    let flat = flat.map(|_| quote!(.flatten_from(1)?));
                    Some(quote!(#field: ::core::convert::TryInto::try_into(gradient(#text)? #flat)?,))
                });
                (TokenStream::new(), quote!(#name { #(#fields)* }))
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

    /// The names and sizes of the inputs.
    fn input_sizes(&self) -> TokenStream {
        match self.model.inputs.as_slice() {
            [input] if input.name.is_none() => quote!(&[("", &Self::INPUT)]),
            _ => quote!(&Self::INPUT),
        }
    }

    /// `compile`
    fn compilation(&self) -> TokenStream {
        let (runtime, name) = (&self.runtime, self.model.name.text.as_str());
        let body = if self.intact {
            let (sizes, inputs) = (self.input_sizes(), self.input_variables());
            let indices = (0..inputs.len()).map(literal);
            let symbols = self.symbol_checks(&inputs);
            let scope =
                if symbols.is_empty() { TokenStream::new() } else { quote!(use #runtime::Value as _;) };
            let outputs = match self.model.outputs.as_slice() {
                [output] if output.name.is_none() => quote!(output),
                outputs => {
                    let indices = (0..outputs.len()).map(literal);
                    quote!(#(output.#indices),*)
                }
            };
            quote! {
                let network = ::core::clone::Clone::clone(self);
                #runtime::Plan::compile(#name, #sizes, &self.state, options, move |inputs| {
                    #scope
                    #(let #inputs = &inputs[#indices];)*
                    #symbols
                    let output = network.run(#(#inputs,)* &#runtime::Pass::inference())?;
                    ::core::result::Result::Ok(::std::vec![#outputs])
                })
            }
        } else {
            self.broken()
        };
        quote! {
            /// Compiles the network for inference on batches of one size: the plan has the weights of now.
            ///
            /// # Errors
            /// Where the network is not of `f32` on the CPU, or the options do not fit it.
            pub fn compile(&self, options: &#runtime::CompileOptions) -> #runtime::Result<#runtime::Plan> {
                #body
            }

            /// Compiles the weights of a file, as [`Self::load`] takes it, without a network in between: what is packed is
            /// read tensor by tensor, and the rest stays in the file, which is mapped.
            ///
            /// # Errors
            /// As [`Self::load`] and [`Self::compile`].
            pub fn compile_file(
                path: impl ::core::convert::AsRef<::std::path::Path>,
                options: &#runtime::CompileOptions,
            ) -> #runtime::Result<#runtime::Plan> {
                Self::from_builder(#runtime::params::Builder::deferred(path)?)?.compile(options)
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
        let inputs = self.input_sizes();
        quote!(#runtime::Summary::new(#name, #inputs, &Self::LAYERS, Self::PARAMS, #costs))
    }

    /// candle's own traits, for networks of one input and one output.
    fn traits(&self, parameters: &Parameters, arguments: &TokenStream) -> TokenStream {
        let single = self.model.inputs.len() == 1
            && matches!(self.model.outputs.as_slice(), [output] if output.name.is_none());
        if !single {
            return TokenStream::new();
        }
        let (runtime, name) = (&self.runtime, self.name());
        let (plain, label) = (parameters.plain(), &self.model.name.text);
        let named = self.model.inputs.iter().any(|port| port.name.is_some());
        let input = if named { quote!(Self::INPUT[0].1) } else { quote!(&Self::INPUT) };
        quote! {
            #[automatically_derived]
            impl #plain #runtime::ModuleT for #name #arguments {
                fn forward_t(&self, xs: &#runtime::Tensor, train: bool) -> #runtime::CandleResult<#runtime::Tensor> {
                    let output = if train { self.forward_train(xs) } else { self.forward(xs) };
                    ::core::result::Result::Ok(output?.into_inner())
                }
            }

            #[automatically_derived]
            impl #plain #runtime::Network for #name #arguments {
                fn name(&self) -> &'static str {
                    #label
                }

                fn input_shape(&self) -> &'static [usize] {
                    #input
                }

                fn output_shape(&self) -> &'static [usize] {
                    &Self::OUTPUT
                }

                fn layers(&self) -> &'static [#runtime::LayerInfo] {
                    &Self::LAYERS
                }

                fn state(&self) -> &#runtime::State {
                    &self.state
                }

                fn summary(&self) -> #runtime::Summary {
                    Self::summary()
                }

                fn diagram(&self) -> #runtime::Diagram {
                    Self::diagram()
                }

                fn forward_pass(
                    &self,
                    x: &#runtime::Tensor,
                    pass: &#runtime::Pass,
                ) -> #runtime::Result<#runtime::Tensor> {
                    ::core::result::Result::Ok(self.checked_run(x, pass)?.into_inner())
                }

                fn compile(&self, options: &#runtime::CompileOptions) -> #runtime::Result<#runtime::Plan> {
                    Self::compile(self, options)
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
