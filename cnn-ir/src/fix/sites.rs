//! Where items stand: what is around them, by their tokens.

use crate::ast::{ArgValue, Block, File, Item, ItemKind, Network, Path, Repeat, Shortcut};
use crate::token::TokenRange;
use std::collections::{HashMap, HashSet};

/// An item and what is around it.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    pub(super) item: &'a Item,
    /// The path in which it stands, and where in it.
    pub(super) siblings: &'a [Item],
    pub(super) index: usize,
    /// The repeats around it, and its own.
    pub(super) repeats: Vec<Repeat>,
    pub(super) network: &'a Network,
    /// The block in whose body it stands.
    pub(super) block: Option<&'a Block>,
}

/// All items of a file.
#[derive(Debug, Default)]
pub(super) struct Sites<'a> {
    sites: Vec<Site<'a>>,
    by_range: HashMap<TokenRange, usize>,
}

/// What is around the items of a path.
#[derive(Clone)]
struct Around<'a> {
    network: &'a Network,
    block: Option<&'a Block>,
    repeats: Vec<Repeat>,
}

impl<'a> Sites<'a> {
    pub(super) fn of(file: &'a File) -> Self {
        let mut sites = Self::default();
        // A block that stands between the networks is in all of them.
        let mut seen = HashSet::new();
        for network in &file.networks {
            let around = Around { network, block: None, repeats: Vec::new() };
            for block in network.blocks.iter().filter(|block| seen.insert(block.name.token)) {
                sites.path(&block.body, &Around { block: Some(block), ..around.clone() });
            }
            for path in &network.paths {
                sites.path(path, &around);
            }
        }
        sites
    }

    /// The item of exactly these tokens (its label may or may not count), or the innermost around them.
    pub(super) fn at(&self, range: TokenRange) -> Option<&Site<'a>> {
        if let Some(&index) = self.by_range.get(&range) {
            return self.sites.get(index);
        }
        let around =
            |site: &&Site<'a>| site.item.range.first <= range.first && site.item.range.last >= range.last;
        self.sites.iter().filter(around).min_by_key(|site| site.item.range.last - site.item.range.first)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Site<'a>> {
        self.sites.iter()
    }

    fn path(&mut self, path: &'a Path, around: &Around<'a>) {
        for (index, item) in path.items.iter().enumerate() {
            self.item(item, &path.items, index, around);
        }
    }

    fn item(&mut self, item: &'a Item, siblings: &'a [Item], index: usize, around: &Around<'a>) {
        let mut inner = around.clone();
        inner.repeats.extend(item.repeat());
        let site = Site {
            item,
            siblings,
            index,
            repeats: inner.repeats.clone(),
            network: around.network,
            block: around.block,
        };
        let at = self.sites.len();
        self.by_range.entry(item.range).or_insert(at);
        match &item.kind {
            ItemKind::Word(word) => {
                self.by_range.entry(word.range).or_insert(at);
                self.by_range.entry(word.head.range()).or_insert(at);
            }
            ItemKind::Ascription(shape) => {
                self.by_range.entry(shape.range).or_insert(at);
            }
            ItemKind::Residual { .. } | ItemKind::Dense { .. } | ItemKind::Branches { .. } => {
                // The keyword, behind a label and its colon.
                let keyword = match &item.label {
                    Some(label) if label.numbered_from.is_none() => label.name.token + 2,
                    _ => item.range.first,
                };
                self.by_range.entry(TokenRange::at(keyword)).or_insert(at);
            }
            _ => {}
        }
        self.sites.push(site);
        match &item.kind {
            ItemKind::Word(word) => {
                for arg in &word.args {
                    if let ArgValue::Item(item) | ArgValue::Word(item) = &arg.value {
                        self.item(item, std::slice::from_ref(&**item), 0, around);
                    }
                }
            }
            ItemKind::Group { body, .. } | ItemKind::Dense { body, .. } => self.path(body, &inner),
            ItemKind::Residual { body, shortcut, .. } => {
                self.path(body, &inner);
                if let Some(Shortcut::Projection(item)) = shortcut {
                    self.item(item, std::slice::from_ref(&**item), 0, &inner);
                }
            }
            ItemKind::Branches { branches, .. } => {
                for branch in branches {
                    self.path(branch, &inner);
                }
            }
            _ => {}
        }
    }
}
