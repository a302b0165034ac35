//! A second opinion: whether a declaration's shapes fit, worked out by brute force.
//!
//! It is written from `docs/language.md` and shares nothing with the compiler but tokens, parser and tree: no table of
//! layers, no arithmetic, no names. Sizes are plain numbers ([`numbers`] says how names without a value are treated),
//! windows are slid ([`windows`]). Where the language reference does not say what holds, or where it is not
//! implemented here, the answer is "not decidable", never a guess.

mod calls;
mod expressions;
mod heads;
mod layers;
mod merges;
mod network;
mod numbers;
mod options;
mod paths;
mod scope;
mod shapes;
mod sliding;
mod stop;
mod windows;

pub(crate) use stop::Failure;

use cnn_ir::ast;
use cnn_ir::lex::lex;
use cnn_ir::parse::parse;
use numbers::Assignments;
use std::collections::HashSet;
use stop::Stop;
use windows::Windows;

/// What the oracle says of a declaration.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Everything fits.
    Accepted,
    /// Something does not.
    Rejected(Failure),
    /// The language reference does not say, or the oracle does not implement it.
    Undecided(String),
}

/// The oracle, with the windows that it has slid already.
#[derive(Default)]
pub(crate) struct Oracle {
    windows: Windows,
}

impl Oracle {
    /// Judges a text.
    pub(crate) fn judge(&mut self, text: &str) -> Verdict {
        let lexed = lex(text);
        let (tree, found) = parse(&lexed.table);
        if let Some(first) = lexed.diagnostics.iter().chain(&found).next() {
            let reason = "it cannot be read".to_owned();
            return Verdict::Rejected(Failure { reason, ranges: vec![first.range], later: false });
        }
        let mut undecided = None;
        let mut wrong: Option<Failure> = None;
        for network in &tree.networks {
            match network::check(&tree, network, &mut self.windows) {
                Ok(()) => {}
                // What is wrong with one network may show in another that uses it.
                Err(Stop::Wrong(failure)) => match &mut wrong {
                    Some(first) => first.ranges.extend(failure.ranges),
                    None => wrong = Some(failure),
                },
                Err(Stop::Unknown(why)) => undecided = Some(why),
            }
        }
        if let Some(failure) = wrong {
            return Verdict::Rejected(failure);
        }
        undecided.map_or(Verdict::Accepted, Verdict::Undecided)
    }
}

/// One walk through a network.
struct Walk<'a> {
    tree: &'a ast::File,
    network: &'a ast::Network,
    assignments: &'a Assignments,
    windows: &'a mut Windows,
    /// The names of the layers so far.
    layers: HashSet<String>,
    /// The blocks and networks that are being walked through.
    open: Vec<&'a str>,
    /// How many items were passed.
    passed: usize,
    /// Whether this is a look at what is not used: names do not count then.
    aside: bool,
    /// What the reference leaves open: if nothing is wrong, the answer is that this is not decidable.
    doubt: Option<String>,
}

impl<'a> Walk<'a> {
    /// The block of this name.
    fn block(&self, name: &str) -> Option<&'a ast::Block> {
        self.network.blocks.iter().find(|block| block.name.text == name)
    }

    /// The network of this name.
    fn other(&self, name: &str) -> Option<&'a ast::Network> {
        self.tree.networks.iter().find(|network| network.name.text == name)
    }
}

#[cfg(test)]
mod tests;
