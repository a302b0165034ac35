//! The network's own struct: its documentation and the interface that every network has.

use super::Context;
use super::chain::Chain;
use super::numbers::Callee;
use super::owner::Owner;
use super::results::Parameters;
use super::words::{ident, local};
use cnn_ir::model::Port;
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
    pub(super) fn generics(&self) -> (Parameters, TokenStream) {
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

    pub(super) fn input_variables(&self) -> Vec<Ident> {
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

    pub(super) fn summary_rows(&self) -> TokenStream {
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

                fn compile_training(
                    &self,
                    options: &#runtime::CompileOptions,
                ) -> #runtime::Result<#runtime::TrainingPlan> {
                    Self::compile_training(self, options)
                }
            }
        }
    }
}
