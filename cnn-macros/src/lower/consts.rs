//! What is known of a network before anything runs: consts, the table, const assertions.

use super::Context;
use super::sizes::literal;
use cnn_ir::dim::Dim;
use cnn_ir::model::{NetworkCall, NetworkTarget, Port, Relation, Row, Stage, Step};
use cnn_ir::token::TokenRange;
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};

impl Context<'_> {
    /// `PARAMS`, `MACS`, `ACTIVATIONS`, `INPUT`, `OUTPUT`
    pub(super) fn consts(&self) -> TokenStream {
        let totals = &self.model.totals;
        let parameters = self.total(&totals.parameters, "PARAMS");
        let input = self.port_const("INPUT", &self.model.inputs, "takes");
        let output = self.port_const("OUTPUT", &self.model.outputs, "gives");
        let symbolic = totals.macs.is_symbolic() || totals.activations.is_symbolic();
        let costs = if symbolic {
            // They depend on a size that is known at run time only.
            TokenStream::new()
        } else {
            let (macs, activations) =
                (self.total(&totals.macs, "MACS"), self.total(&totals.activations, "ACTIVATIONS"));
            quote! {
                /// Multiply-accumulates of one sample in convolutions and fully connected layers.
                pub const MACS: usize = #macs;
                /// Values that one sample holds in memory: the input and the outputs of all layers that do
                /// not work in place.
                pub const ACTIVATIONS: usize = #activations;
            }
        };
        let stages = self.stages();
        quote! {
            /// Number of learned values.
            pub const PARAMS: usize = #parameters;
            #costs
            #input
            #output
            #stages
        }
    }

    /// `STAGES`
    fn stages(&self) -> TokenStream {
        let count = literal(self.model.traced.len());
        let entries = self.model.traced.iter().map(|(name, shape)| {
            let sizes = self.sizes(shape);
            quote!((#name, &[#sizes]))
        });
        quote! {
            /// Its labels and taps, and their shapes without the batch dimension; 0 is any size.
            pub const STAGES: [(&'static str, &'static [usize]); #count] = [#(#entries),*];
        }
    }

    /// `LAYERS`: long, so it stands behind everything else.
    pub(super) fn layers(&self) -> TokenStream {
        let runtime = &self.runtime;
        let rows = self.model.rows.iter().map(|row| self.row(row));
        let count = literal(self.model.rows.len());
        quote! {
            /// Every layer, in the order of execution.
            pub const LAYERS: [#runtime::LayerInfo; #count] = [#(#rows),*];
        }
    }

    /// A sum over the rows, with what networks from elsewhere add.
    fn total(&self, dim: &Dim, name: &str) -> TokenStream {
        let mut sum = self.size(dim);
        for row in &self.model.rows {
            if let Some(NetworkTarget::External(path)) = row.network {
                let path = self.bridge.stream(path);
                let constant = super::words::local(name);
                sum.extend(quote!(+ <#path>::#constant));
                if name == "ACTIVATIONS" {
                    let input = self.input_values(row);
                    sum.extend(quote!(- #input));
                }
            }
        }
        sum
    }

    /// What arrives at a network from elsewhere: it is held by what stands before, and the network counts it too.
    fn input_values(&self, row: &Row) -> TokenStream {
        let values = row.input.values();
        let size = self.size(&values);
        if values.number().is_some() { size } else { quote!((#size)) }
    }

    fn port_const(&self, name: &str, ports: &[Port], verb: &str) -> TokenStream {
        let name = super::words::local(name);
        match ports {
            [port] if port.name.is_none() => {
                let (count, sizes) = (literal(port.shape.dims().len()), self.sizes(&port.shape));
                let doc = format!("The shape that it {verb}, without the batch dimension; 0 is any size.");
                quote! {
                    #[doc = #doc]
                    pub const #name: [usize; #count] = [#sizes];
                }
            }
            ports => {
                let count = literal(ports.len());
                let entries = ports.iter().map(|port| {
                    let label = port.name.as_ref().map(|name| name.text.clone()).unwrap_or_default();
                    let sizes = self.sizes(&port.shape);
                    quote!((#label, &[#sizes]))
                });
                let doc = format!(
                    "The names and shapes that it {verb}, without the batch dimension; 0 is any size."
                );
                quote! {
                    #[doc = #doc]
                    pub const #name: [(&'static str, &'static [usize]); #count] = [#(#entries),*];
                }
            }
        }
    }

    fn row(&self, row: &Row) -> TokenStream {
        let runtime = &self.runtime;
        let (path, layer) = (&row.path, &row.source);
        let (input, output) = (self.sizes(&row.input), self.sizes(&row.output));
        let (mut parameters, mut macs, mut activations) =
            (self.size(&row.parameters), self.size(&row.macs), self.size(&row.activations));
        if let Some(NetworkTarget::External(path)) = row.network {
            let path = self.bridge.stream(path);
            parameters = quote!(<#path>::PARAMS);
            macs = quote!(<#path>::MACS);
            let input = self.input_values(row);
            activations = quote!(<#path>::ACTIVATIONS - #input);
        }
        let mut info = quote!(#runtime::LayerInfo::new(#path, #layer, &[#input], &[#output]));
        let free = row.network.is_none()
            && [&row.parameters, &row.macs, &row.activations].iter().all(|cost| **cost == Dim::ZERO);
        if !free {
            info.extend(quote!(.costs(#parameters, #macs, #activations)));
        }
        // Of symbols the table holds 0.
        if row.activations.is_symbolic() {
            info.extend(quote!(.of_any_size()));
        }
        if let Some(weight) = row.weight() {
            let sizes = weight.iter().map(|size| self.size(size));
            info.extend(quote!(.weight(&[#(#sizes),*])));
        }
        if let Some([rows, columns]) = row.receptive_field {
            let (rows, columns) = (Literal::u64_unsuffixed(rows), Literal::u64_unsuffixed(columns));
            info.extend(quote!(.sees(#rows, #columns)));
        }
        info
    }

    /// The network and the line before what is wrong.
    fn message(&self, what: &str, range: TokenRange) -> String {
        let name = &self.model.name.text;
        match self.bridge.table().line(range.first) {
            Some(line) => format!("{name}, line {line}: {what}"),
            None => format!("{name}: {what}"),
        }
    }

    /// What the macro cannot decide, because a const or a generic is in it, is asserted by the compiler:
    /// without generics at once, with them where the network is used.
    pub(super) fn assertions(&self) -> (TokenStream, TokenStream) {
        let (mut now, mut used) = (TokenStream::new(), TokenStream::new());
        let runtime = &self.runtime;
        for obligation in &self.model.obligations {
            let (left, right) = (self.size(&obligation.left), self.size(&obligation.right));
            let message = self.message(&obligation.message, obligation.range);
            let span = super::words::located(self.bridge.span(obligation.range.first));
            let runtime_here = respanned(runtime, span);
            let rule = match obligation.relation {
                Relation::Equal => quote_spanned!(span=> must_be_equal),
                Relation::AtLeast => quote_spanned!(span=> must_be_at_least),
                Relation::Multiple => quote_spanned!(span=> must_be_multiple),
            };
            let check = quote_spanned!(span=> #runtime_here::require::#rule(#left, #right, #message));
            if obligation.left.is_generic() || obligation.right.is_generic() {
                used.extend(quote!(#check;));
            } else {
                now.extend(quote_spanned!(span=> const _: () = #check;));
            }
        }
        for promise in &self.model.promises {
            let constant = super::words::local(promise.constant);
            let most = Literal::u64_unsuffixed(promise.at_most);
            let message = self.message(&promise.message, promise.range);
            let span = super::words::located(self.bridge.span(promise.range.first));
            let runtime_here = respanned(runtime, span);
            if self.model.generics.is_empty() {
                let name = super::words::local(&self.model.name.text);
                let check = quote_spanned!(span=> #runtime_here::require::must_be_at_most(#name::#constant, #most, #message));
                now.extend(quote_spanned!(span=> const _: () = #check;));
            } else {
                used.extend(
                    quote_spanned!(span=> #runtime_here::require::must_be_at_most(Self::#constant, #most, #message);),
                );
            }
        }
        for (path, stages) in external_stages(&self.model.body) {
            let span = super::words::located(self.bridge.span(path.first));
            let name = self.bridge.table().text(path);
            let path = self.bridge.stream(path);
            for stage in stages {
                let (label, dims) = (&stage.name, self.sizes(&stage.shape));
                let message = format!(
                    "{}: `{name}` has no label, tap or output `{label}` of shape {}",
                    self.model.name.text, stage.shape
                );
                let check = quote_spanned!(span=> ::core::assert!(#runtime::has_stage(&<#path>::STAGES, #label, &[#dims]), #message));
                if stage.shape.dims().iter().any(Dim::is_generic) {
                    used.extend(quote!(#check;));
                } else {
                    now.extend(quote!(const _: () = #check;));
                }
            }
        }
        for row in &self.model.rows {
            if let Some(NetworkTarget::External(path)) = row.network {
                let gives_stages = external_stages(&self.model.body).iter().any(|(of, _)| *of == path);
                let span = super::words::located(self.bridge.span(path.first));
                let name = self.bridge.table().text(path);
                let path = self.bridge.stream(path);
                for (what, dims, shape) in [
                    ("INPUT", self.sizes(&row.input), &row.input),
                    ("OUTPUT", self.sizes(&row.output), &row.output),
                ] {
                    let constant = super::words::local(what);
                    if what == "OUTPUT" && gives_stages {
                        continue;
                    }
                    let verb = if what == "INPUT" {
                        "takes another shape than the"
                    } else {
                        "gives another shape than the"
                    };
                    let message = format!("{}: `{name}` {verb} {shape} here", self.model.name.text);
                    let check = quote_spanned!(span=> ::core::assert!(#runtime::same_shape(&<#path>::#constant, &[#dims]), #message));
                    if shape.dims().iter().any(Dim::is_generic) {
                        used.extend(quote!(#check;));
                    } else {
                        now.extend(quote!(const _: () = #check;));
                    }
                }
            }
        }
        (now, used)
    }
}

/// The networks from elsewhere of which only stages are read.
fn external_stages(body: &[Step]) -> Vec<(TokenRange, &[Stage])> {
    body.iter()
        .filter_map(|step| match step {
            Step::Network(NetworkCall {
                target: NetworkTarget::External(path),
                stages,
                goes_on: false,
                ..
            }) => Some((*path, stages.as_slice())),
            _ => None,
        })
        .collect()
}

/// Tokens with another span: an error in them stands there.
fn respanned(tokens: &TokenStream, span: Span) -> TokenStream {
    tokens
        .clone()
        .into_iter()
        .map(|mut tree| {
            tree.set_span(span.resolved_at(tree.span()));
            tree
        })
        .collect()
}
