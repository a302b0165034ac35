//! How a network is run: `run`, what checks its inputs and outputs around it, and `compile`.

use super::Context;
use super::chain::Chain;
use super::owner::tap_variable;
use super::sizes::literal;
use super::words::{ident, local};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

impl Context<'_> {
    /// `run`: the straight-line code.
    pub(super) fn running(&self, chain: &Chain) -> TokenStream {
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
    pub(super) fn boundary(&self) -> TokenStream {
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
                self.trained(&variables, &types, &symbols, &wrap),
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
            /// from the network's own generator. Where [`Self::compile_training`] has a plan, the plan runs.
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

    /// The body of `forward_train`: the compiled step where there is one.
    fn trained(
        &self,
        variables: &[Ident],
        types: &[TokenStream],
        symbols: &TokenStream,
        wrap: &TokenStream,
    ) -> TokenStream {
        let (runtime, name) = (&self.runtime, self.model.name.text.as_str());
        // A plan has one output.
        if !matches!(self.model.outputs.as_slice(), [output] if output.name.is_none()) {
            return quote!(self.checked_run(#(#variables,)* &#runtime::Pass::train(self.state.generator())));
        }
        quote! {
            #(let #variables = #runtime::Input::<#types>::into_batch(#variables, #name, &self.state)?;)*
            #symbols
            let output = #runtime::plan::training_step(
                &self.state,
                &[#(&#variables),*],
                |options| self.compile_training(options),
                |pass| self.run(#(&#variables,)* pass),
            )?;
            #wrap
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
    pub(super) fn wrapped(&self) -> (TokenStream, TokenStream) {
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
    pub(super) fn input_sizes(&self) -> TokenStream {
        match self.model.inputs.as_slice() {
            [input] if input.name.is_none() => quote!(&[("", &Self::INPUT)]),
            _ => quote!(&Self::INPUT),
        }
    }

    /// A run on values that note what is done with them.
    fn recorded_run(&self) -> TokenStream {
        let (runtime, inputs) = (&self.runtime, self.input_variables());
        let indices = (0..inputs.len()).map(literal);
        let symbols = self.symbol_checks(&inputs);
        let scope = if symbols.is_empty() { TokenStream::new() } else { quote!(use #runtime::Value as _;) };
        let outputs = match self.model.outputs.as_slice() {
            [output] if output.name.is_none() => quote!(output),
            outputs => {
                let indices = (0..outputs.len()).map(literal);
                quote!(#(output.#indices),*)
            }
        };
        quote! {
            /// One run, written down.
            fn record_run(
                &self,
                inputs: &[#runtime::plan::Traced],
                pass: &#runtime::Pass<#runtime::plan::Traced>,
            ) -> #runtime::Result<::std::vec::Vec<#runtime::plan::Traced>> {
                #scope
                #(let #inputs = &inputs[#indices];)*
                #symbols
                let output = self.run(#(#inputs,)* pass)?;
                ::core::result::Result::Ok(::std::vec![#outputs])
            }
        }
    }

    /// `compile` and `compile_training`
    pub(super) fn compilation(&self) -> TokenStream {
        let (runtime, name, sizes) = (&self.runtime, self.model.name.text.as_str(), self.input_sizes());
        let (plan, training) = if self.intact {
            (
                quote! {
                    let network = ::core::clone::Clone::clone(self);
                    #runtime::Plan::compile(#name, #sizes, &self.state, options, move |inputs| {
                        network.record_run(inputs, &#runtime::Pass::inference())
                    })
                },
                quote! {
                    let record = |inputs: &[#runtime::plan::Traced], pass: &_| self.record_run(inputs, pass);
                    #runtime::TrainingPlan::compile(#name, #sizes, &self.state, options, record)
                },
            )
        } else {
            (self.broken(), self.broken())
        };
        let record = if self.intact { self.recorded_run() } else { TokenStream::new() };
        quote! {
            /// Compiles the network for inference on batches of one size: the plan has the weights of now.
            ///
            /// # Errors
            /// Where the network is not of `f32`, or the options do not fit it.
            pub fn compile(&self, options: &#runtime::CompileOptions) -> #runtime::Result<#runtime::Plan> {
                #plan
            }

            /// Compiles the network's training step for batches of one size: it follows the weights.
            ///
            /// # Errors
            /// Where the network is not of `f32`, has several outputs or Rust code as a layer, or the options
            /// do not fit it.
            pub fn compile_training(
                &self,
                options: &#runtime::CompileOptions,
            ) -> #runtime::Result<#runtime::TrainingPlan> {
                #training
            }

            #record

            /// Compiles the weights of a file, as [`Self::load`] takes it, without a network in between: they are read
            /// tensor by tensor, as they are packed.
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
}
