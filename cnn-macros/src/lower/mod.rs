//! The resolved model as Rust.
//!
//! Lowering cannot fail: it reads only what resolution has checked. Where a declaration has errors, the same
//! structs and signatures are emitted with bodies that are never reached, so that one mistake in a network is
//! not forty in the code that uses it.
//!
//! Everything is named by absolute path; generated names carry `mixed_site` spans, so they meet neither the
//! user's names nor their lints. Labels become fields with the user's own spans.

mod api;
mod chain;
mod consts;
mod diagram;
mod editor;
mod numbers;
mod ops;
mod owner;
mod results;
mod running;
mod sizes;
mod symbols;
mod words;

pub(crate) use words::located;

use crate::bridge::Bridge;
use cnn_ir::ast::{File, Network};
use cnn_ir::model::Model;
use numbers::Callee;
use owner::Owner;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// Every network of a declaration.
pub(crate) fn networks(bridge: &Bridge, file: &File, models: &[Model], intact: bool) -> TokenStream {
    let runtime = match file.runtime_path {
        Some(path) => bridge.stream(path),
        None => quote!(::cnn_runtime),
    };
    let names: Vec<String> = file.networks.iter().map(|network| network.name.text.clone()).collect();
    file.networks
        .iter()
        .zip(models)
        .map(|(network, model)| {
            Context { bridge, network, model, networks: &names, runtime: runtime.clone(), intact }.network()
        })
        .collect()
}

/// What lowering reads.
struct Context<'m> {
    bridge: &'m Bridge,
    network: &'m Network,
    model: &'m Model,
    /// The names of all networks of the declaration.
    networks: &'m [String],
    /// Path of the runtime crate.
    runtime: TokenStream,
    /// Whether the declaration is free of errors.
    intact: bool,
}

impl Context<'_> {
    fn network(&self) -> TokenStream {
        let blocks = self.blocks();
        let callees: Vec<Callee> = blocks.iter().map(|(callee, _)| callee.clone()).collect();
        // A block whose struct another network has was reported; twice the same struct would be no news.
        let taken = |callee: &Callee| !self.intact && self.networks.contains(&callee.name.to_string());
        let structs = blocks.into_iter().filter(|(callee, _)| !taken(callee)).map(|(_, tokens)| tokens);
        let root = self.root(&callees);
        let editor = self.editor();
        quote! { #editor #root #(#structs)* }
    }

    /// A struct for each block type. Inner blocks come before the blocks that call them.
    fn blocks(&self) -> Vec<(Callee, TokenStream)> {
        let mut done: Vec<(Callee, TokenStream)> = Vec::new();
        for block in &self.model.block_types {
            let callees: Vec<Callee> = done.iter().map(|(callee, _)| callee.clone()).collect();
            // With errors the calls of a block need not have one structure: its fields are those of the first.
            let calls = if self.intact { block.instances.as_slice() } else { &block.instances[..1] };
            let instances: Vec<_> = calls.iter().map(|id| &self.model.instances[id.0]).collect();
            let name = self.block_ident(&block.name, block.definition.token);
            let arguments = instances.iter().map(|instance| instance.arguments.as_slice()).collect();
            let mut owner = Owner::block(self, &callees, name.clone(), arguments);
            let bodies = instances.iter().map(|instance| instance.body.as_slice()).collect();
            let doc = format!("The block `{}` of [`{}`].", block.definition.text, self.model.name.text);
            let tokens = owner.finish(bodies, &doc);
            let values = owner.numbers.call_values();
            let mut callee =
                Callee { name, parameters: owner.numbers.parameters(), values: Default::default() };
            for (index, id) in calls.iter().enumerate() {
                let own = values.iter().map(|column| column[index].clone()).collect();
                callee.values.insert(*id, own);
            }
            done.push((callee, tokens));
        }
        done
    }

    /// `ResNet18Basic`
    fn block_ident(&self, block: &str, token: u32) -> Ident {
        words::ident(
            &format!("{}{}", self.model.name.text, words::camel(block)),
            words::located(self.bridge.span(token)),
        )
    }

    fn visibility(&self) -> TokenStream {
        self.network.visibility.map(|range| self.bridge.stream(range)).unwrap_or_default()
    }
}
