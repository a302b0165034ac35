//! The graph of a network: drawn on its page of the documentation, and written down for the run time to draw.

use super::Context;
use super::sizes::literal;
use cnn_ir::diagram::Diagram;
use cnn_ir::graph::{Graph, Source};
use proc_macro2::TokenStream;
use quote::quote;

/// The most nodes that are drawn in the documentation; more are no help there, and cost everyone who compiles.
const LARGEST: usize = 100;

impl Context<'_> {
    /// The picture for rustdoc, line by line. It stands at an `impl`, not at the struct: an editor shows what a struct
    /// says when the pointer is over it, and shows a picture as the text that it is.
    pub(super) fn picture(&self) -> Vec<String> {
        let diagram = Diagram::of(self.model);
        if !self.intact || diagram.view().nodes.len() > LARGEST {
            return Vec::new();
        }
        diagram.svg().lines().map(str::to_owned).collect()
    }

    /// `diagram()`
    pub(super) fn diagram(&self) -> TokenStream {
        let runtime = &self.runtime;
        let body = if self.intact {
            let parts = self.parts();
            let name = self.model.name.text.as_str();
            quote! {
                use #runtime::diagram::Part;
                #runtime::diagram::of(#name, &Self::LAYERS, &[#(#parts),*])
            }
        } else {
            self.broken()
        };
        quote! {
            /// What flows where, to draw as Mermaid, DOT or SVG: its stages, or every layer.
            #[must_use]
            pub fn diagram() -> #runtime::Diagram {
                #body
            }
        }
    }

    /// The parts of the graph.
    fn parts(&self) -> Vec<TokenStream> {
        let graph = Graph::of(self.model);
        let mut parts = Parts { parts: Vec::new(), layers: 0 };
        let mut calls = graph.calls.iter().peekable();
        let mut before = 0;
        for value in graph.values() {
            let node = graph.node(value);
            while let Some(call) = calls.next_if(|call| call.first <= value) {
                let (path, source) = (&call.path, call.source);
                parts.push("Call", quote!((#path, #source)));
            }
            let (path, shape) = (&node.path, self.sizes(node.shape));
            let inputs = node.inputs.iter().copied().map(literal);
            let meeting = quote!((#path, &[#(#inputs),*], &[#shape]));
            match node.source {
                Source::Input(port) => {
                    let name = port.name.as_ref().map(|name| name.text.as_str()).unwrap_or_default();
                    parts.push("Input", quote!((#name, &[#shape])));
                }
                Source::Sum => parts.push("Add", meeting),
                Source::Product => parts.push("Multiply", meeting),
                Source::Concat => parts.push("Concat", meeting),
                Source::Split => parts.push("Split", meeting),
                Source::Stage(stage) => {
                    let (name, network) = (&stage.name, node.inputs.iter().copied().map(literal));
                    parts.push("Stage", quote!((#path, #name, #(#network),*, &[#shape])));
                }
                Source::Layer(_) | Source::Network(_) | Source::Custom | Source::Broken => {
                    if let Some(&input) = node.inputs.first().filter(|&&input| input != before) {
                        let input = literal(input);
                        parts.push("After", quote!((#input)));
                    }
                    parts.layers += 1;
                }
            }
            before = value;
        }
        for &(port, value) in &graph.outputs {
            let name = port.name.as_ref().map(|name| name.text.as_str()).unwrap_or_default();
            let value = literal(value);
            parts.push("Output", quote!((#name, #value)));
        }
        parts.flush();
        parts.parts
    }
}

struct Parts {
    parts: Vec<TokenStream>,
    /// Layers in a row that are not written yet.
    layers: usize,
}

impl Parts {
    fn flush(&mut self) {
        if self.layers > 0 {
            let count = literal(std::mem::take(&mut self.layers));
            self.write("Layers", quote!((#count)));
        }
    }

    fn push(&mut self, kind: &'static str, arguments: TokenStream) {
        self.flush();
        self.write(kind, arguments);
    }

    fn write(&mut self, kind: &'static str, arguments: TokenStream) {
        let kind = super::words::local(kind);
        self.parts.push(quote!(Part::#kind #arguments));
    }
}
