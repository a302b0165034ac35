//! Values that are computed and that nobody can see.

use super::words::short;
use super::{Finding, Lint, Words};
use crate::ast::{Arg, ArgValue, Ident, Item, ItemKind, Network, Path, Shortcut};
use crate::model::{Model, Step};
use crate::token::{TokenRange, TokenTable};
use std::collections::BTreeSet;

/// A value that is made and then lost.
///
/// - A tap in the body of a block that is never read there. Outside the block it is not seen, and `trace` does not
///   show it. A tap of the network's own paths is never found: `trace` shows it, and to name a value is the
///   documented way to look at it.
/// - What a path gives, where it is not the last one and its end has no tap: the layers before it run for nothing.
///   A label does not count as a name here, because layers are labelled for the names of their weights.
/// - What arrives at `concat(@a, @b)`, or at a group or branches that all begin with a tap, and has no tap itself.
///
/// Blocks that are never called are not looked at; they are not checked either.
pub(super) fn unused_tap(network: &Network, model: &Model, table: &TokenTable) -> Vec<Finding> {
    let inputs = network.inputs.iter().filter_map(|port| port.name.as_ref()).map(|name| name.text.as_str());
    let staged = model.body.iter().filter_map(|step| match step {
        Step::Network(call) if !call.goes_on => call.label.as_ref().map(|label| label.token),
        _ => None,
    });
    let (inputs, staged) = (inputs.collect(), staged.collect());
    let mut search = Search { table, inputs, staged, findings: Vec::new() };
    let named = model.outputs.iter().any(|port| port.name.is_some());
    for (index, path) in network.paths.iter().enumerate() {
        search.inner(path);
        if named || index + 1 < network.paths.len() {
            search.end(path);
        }
    }
    let called: BTreeSet<u32> = model.block_types.iter().map(|block| block.definition.token).collect();
    for block in network.blocks.iter().filter(|block| called.contains(&block.name.token)) {
        search.inner(&block.body);
        let mut taps = Taps::default();
        taps.path(&block.body);
        search.findings.extend(taps.unread());
    }
    search.findings
}

/// Looks for values that are dropped.
struct Search<'a> {
    table: &'a TokenTable,
    /// Names of the network's inputs.
    inputs: Vec<&'a str>,
    /// The labels of networks whose stages are read, and that give nothing else.
    staged: BTreeSet<u32>,
    findings: Vec<Finding>,
}

impl Search<'_> {
    /// What a path drops between its items, and in them.
    fn inner(&mut self, path: &Path) {
        let mut previous: Option<&Item> = None;
        for item in &path.items {
            if let Some(previous) = previous.filter(|previous| begins_anew(item) && self.gives(previous)) {
                let text = short(&self.table.text(range_of(previous)));
                let keyword = short(&self.table.text(range_of(item)));
                let headline = format!("what `{text}` gives is dropped: `{keyword}` begins with taps");
                let help = "name it, as in `conv3-8 @x`, and read it there, or leave out what makes it";
                self.find(previous, headline, help);
            }
            for branch in branches(item) {
                self.inner(branch);
            }
            for branch in projection(item).map(branches).unwrap_or_default() {
                self.inner(branch);
            }
            if !matches!(item.kind, ItemKind::Ascription(_)) {
                previous = Some(item);
            }
        }
    }

    /// The end of a path that is not the network's.
    fn end(&mut self, path: &Path) {
        if let Some(last) = last_of(path).filter(|last| self.gives(last)) {
            let text = short(&self.table.text(range_of(last)));
            let headline = format!("what `{text}` gives is never used: its path ends here, without a tap");
            let help =
                "name it, as in `fc10 @class`, for an output, another path or `trace`, or leave the path out";
            self.find(last, headline, help);
        }
    }

    /// Whether an item makes a value that has no name. (A tap names it, or has read one that has a name.)
    fn gives(&self, item: &Item) -> bool {
        if item.label.as_ref().is_some_and(|label| self.staged.contains(&label.name.token)) {
            return false;
        }
        match &item.kind {
            ItemKind::Tap(_) | ItemKind::Broken => false,
            ItemKind::Word(word) => !self.inputs.contains(&word.head.text.as_str()),
            ItemKind::Group { body, .. } => last_of(body).is_some_and(|last| self.gives(last)),
            _ => true,
        }
    }

    fn find(&mut self, item: &Item, headline: String, help: &str) {
        self.findings.push(Words::new(headline, help).at(Lint::UnusedTap, range_of(item)));
    }
}

/// The item without its label.
fn range_of(item: &Item) -> TokenRange {
    match (&item.kind, &item.label) {
        (ItemKind::Word(word), _) => word.range,
        // label `:`
        (_, Some(label)) if label.numbered_from.is_none() => {
            TokenRange { first: (label.name.token + 2).min(item.range.last), ..item.range }
        }
        _ => item.range,
    }
}

/// The last item of a path that does something.
fn last_of(path: &Path) -> Option<&Item> {
    path.items.iter().rev().find(|item| !matches!(item.kind, ItemKind::Ascription(_)))
}

/// Whether what arrives at an item is not used by it.
fn begins_anew(item: &Item) -> bool {
    let path_does = |path: &Path| {
        let first = path.items.first();
        first.is_some_and(|first| matches!(first.kind, ItemKind::Tap(_)) || begins_anew(first))
    };
    match &item.kind {
        ItemKind::Taps { .. } => true,
        ItemKind::Group { body, .. } => path_does(body),
        ItemKind::Branches { branches, .. } => !branches.is_empty() && branches.iter().all(path_does),
        _ => false,
    }
}

/// The paths inside an item.
fn branches(item: &Item) -> Vec<&Path> {
    match &item.kind {
        ItemKind::Group { body, .. } | ItemKind::Residual { body, .. } | ItemKind::Dense { body, .. } => {
            vec![body]
        }
        ItemKind::Branches { branches, .. } => branches.iter().collect(),
        _ => Vec::new(),
    }
}

/// What stands behind `else`.
fn projection(item: &Item) -> Option<&Item> {
    match &item.kind {
        ItemKind::Residual { shortcut: Some(Shortcut::Projection(projection)), .. } => Some(projection),
        _ => None,
    }
}

/// The taps that a block's body names and reads.
#[derive(Default)]
struct Taps<'a> {
    named: Vec<&'a Ident>,
    read: BTreeSet<&'a str>,
}

impl<'a> Taps<'a> {
    /// Two branches may have a tap of the same name each; a reader of one counts for both.
    fn unread(self) -> impl Iterator<Item = Finding> {
        self.named.into_iter().filter(move |tap| !self.read.contains(tap.text.as_str())).map(|tap| {
            let headline = format!("`@{}` is never read, and outside its block it is not seen", tap.text);
            Words::new(headline, "leave it out").at(Lint::UnusedTap, tap.range())
        })
    }

    fn path(&mut self, path: &'a Path) {
        for (index, item) in path.items.iter().enumerate() {
            self.item(item, index == 0);
        }
    }

    fn item(&mut self, item: &'a Item, is_first: bool) {
        match &item.kind {
            ItemKind::Tap(name) if is_first => {
                self.read.insert(&name.text);
            }
            ItemKind::Tap(name) => self.named.push(name),
            ItemKind::Taps { taps, .. } => self.read.extend(taps.iter().map(|tap| tap.text.as_str())),
            ItemKind::Word(word) => word.args.iter().for_each(|arg| self.argument(arg)),
            _ => branches(item).into_iter().for_each(|branch| self.path(branch)),
        }
        if let Some(projection) = projection(item) {
            self.item(projection, true);
        }
    }

    /// `deconv2-8(like @x)` reads the shape. What a layer given to another block names belongs to that block.
    fn argument(&mut self, arg: &'a Arg) {
        match &arg.value {
            ArgValue::Like(tap) => {
                self.read.insert(&tap.text);
            }
            ArgValue::Word(item) | ArgValue::Item(item) => {
                let named = self.named.len();
                self.item(item, false);
                self.named.truncate(named);
            }
            ArgValue::Expr(_) => {}
        }
    }
}
