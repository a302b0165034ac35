//! What the editor reads: hovering over a word shows its documentation, going to the definition leads from the call of
//! a block to the block and from a tap that is read to where it is named.
//!
//! rust-analyzer maps a token of the declaration to the tokens of the expansion that carry its span. So a hidden item
//! names, with the user's spans, what each word means. It comes to nothing when it is compiled.

use super::Context;
use super::words::{ident, local};
use cnn_ir::ast::{ArgValue, Ident as Name, Item, ItemKind, Path, Shortcut, Word};
use cnn_ir::layer;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use std::collections::BTreeSet;

/// Completion asks for the expansion of a declaration in which a word with such an end stands at the cursor (the second
/// in versions of rust-analyzer before 2024).
const COMPLETION: [&str; 2] = ["raCompletionMarker", "intellijRulezz"];

/// What the words of a declaration mean.
#[derive(Default)]
struct Words {
    /// Layers and combinations, of `cnn_runtime::dsl`.
    heads: Vec<Ident>,
    /// Calls of blocks.
    calls: Vec<Ident>,
    /// Taps, named and read, in order.
    taps: TokenStream,
    named: BTreeSet<String>,
}

impl Context<'_> {
    /// The hidden item.
    pub(super) fn editor(&self) -> TokenStream {
        let runtime = &self.runtime;
        let mut words = Words::default();
        let mut blocks = Vec::new();
        let mut seen = BTreeSet::new();
        for block in &self.network.blocks {
            if seen.insert(block.name.text.as_str()) {
                blocks.push(self.user(&block.name));
            }
            self.words_of(&block.body, &mut words);
            words.named.clear();
        }
        for path in &self.network.paths {
            self.words_of(path, &mut words);
        }
        let Words { heads, calls, taps, .. } = words;
        let heads: Vec<Ident> = self.completed().into_iter().chain(heads).collect();
        let meanings = (!heads.is_empty()).then(|| {
            quote! {
                #[doc = "What the words of the declaration mean, for the editor."]
                const _: &[#runtime::dsl::Word] = &[#(#runtime::dsl::#heads),*];
            }
        });
        let definitions = (!calls.is_empty() || !taps.is_empty()).then(|| {
            let function = local("definitions");
            quote! {
                #[doc = "Where its blocks and taps are named, for the editor."]
                #[allow(unused, nonstandard_style, clippy::all, clippy::pedantic)]
                const _: () = {
                    #(struct #blocks;)*
                    fn #function() {
                        #(let _ = #calls;)*
                        #taps
                    }
                };
            }
        });
        quote!(#meanings #definitions)
    }

    /// Where a word is being written: only an editor sees this, and offers what stands in `dsl`. It looks for the same
    /// place in the expansion without that word, so the word comes first, and this item before all others.
    fn completed(&self) -> Vec<Ident> {
        if self.networks.first() != Some(&self.model.name.text) {
            return Vec::new();
        }
        let table = self.bridge.table();
        let tokens = (0..table.next_index()).filter_map(|index| Some((index, table.get(index)?)));
        let marked = tokens.filter(|(_, token)| COMPLETION.iter().any(|marker| token.text.contains(marker)));
        marked.map(|(index, token)| ident(&token.text, self.bridge.span(index))).collect()
    }

    /// A name with the user's own span.
    fn user(&self, name: &Name) -> Ident {
        ident(&name.text, self.bridge.span(name.token))
    }

    fn words_of(&self, path: &Path, words: &mut Words) {
        for (index, item) in path.items.iter().enumerate() {
            self.words_in(item, index == 0, words);
        }
    }

    fn words_in(&self, item: &Item, first: bool, words: &mut Words) {
        match &item.kind {
            ItemKind::Word(word) => self.word(word, words),
            ItemKind::Group { body, .. } => self.words_of(body, words),
            ItemKind::Residual { body, shortcut, .. } => {
                self.keyword(item, "residual", words);
                self.words_of(body, words);
                if let Some(Shortcut::Projection(item)) = shortcut {
                    self.words_in(item, true, words);
                }
            }
            ItemKind::Dense { body, .. } => {
                self.keyword(item, "dense", words);
                self.words_of(body, words);
            }
            ItemKind::Branches { merge, branches, .. } => {
                self.keyword(item, merge.keyword(), words);
                for branch in branches {
                    self.words_of(branch, words);
                }
            }
            ItemKind::Taps { merge, taps } => {
                self.keyword(item, merge.keyword(), words);
                for tap in taps {
                    self.read(tap, words);
                }
            }
            ItemKind::Tap(name) if first => self.read(name, words),
            // A stage of a network cannot be named: that was reported.
            ItemKind::Tap(name) if name.text.contains('.') => {}
            ItemKind::Tap(name) => {
                let tap = self.user(name);
                words.named.insert(name.text.clone());
                words.taps.extend(quote!(let #tap = ();));
            }
            ItemKind::Ascription(_)
            | ItemKind::Custom { .. }
            | ItemKind::External { .. }
            | ItemKind::Broken => {}
        }
    }

    fn word(&self, word: &Word, words: &mut Words) {
        let name = &word.head.text;
        if self.network.blocks.iter().any(|block| block.name.text == *name) {
            words.calls.push(self.user(&word.head));
        } else if let Some((head, _)) = layer::lookup(name) {
            words.heads.push(ident(head.name, self.bridge.span(word.head.token)));
        }
        for arg in &word.args {
            match &arg.value {
                ArgValue::Like(tap) => self.read(tap, words),
                ArgValue::Item(item) => self.words_in(item, true, words),
                ArgValue::Expr(_) | ArgValue::Word(_) => {}
            }
        }
    }

    fn read(&self, name: &Name, words: &mut Words) {
        // One that is not named before is an error already.
        if words.named.contains(&name.text) {
            let tap = self.user(name);
            words.taps.extend(quote!(let _ = #tap;));
        }
    }

    /// `residual`, behind a label and its colon.
    fn keyword(&self, item: &Item, text: &'static str, words: &mut Words) {
        let token = (item.range.first..=item.range.last)
            .find(|&token| self.bridge.table().get(token).is_some_and(|found| *found.text == *text));
        if let Some(token) = token {
            words.heads.push(ident(text, self.bridge.span(token)));
        }
    }
}
