//! The numbers and options of a layer, a call or a repeat, changed.

use super::sites::Site;
use super::spelling::Spelling;
use super::{Candidate, Search};
use crate::ast::{ArgValue, ItemKind, Repeat, Word};
use crate::diagnostic::{Diagnostic, Edit, Problem};
use crate::shape::Shape;
use crate::token::TokenRange;

/// Places that are looked at, beginning where the mistake shows.
const PLACES: usize = 32;

/// What the search tries for one diagnostic.
pub(super) struct Target {
    /// Numbers of channels or features that met or were stated.
    pub(super) channels: Vec<String>,
    /// Groups that would divide.
    groups: Vec<String>,
}

impl Search<'_> {
    pub(super) fn layers(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        let target = self.target(diagnostic);
        for (distance, range) in self.places(diagnostic).into_iter().enumerate() {
            let Some(site) = self.sites.at(range) else { continue };
            let far = far(distance);
            if let ItemKind::Word(word) = &site.item.kind {
                match Spelling::read(word, self.table).filter(|_| !self.is_call(word)) {
                    Some(spelling) => self.spellings(word, &spelling, site, &target, far, out),
                    None => self.call(word, &target, far, out),
                }
            }
            for repeat in site.repeats.iter().rev() {
                self.repeat(*repeat, far, out);
            }
        }
    }

    /// Where the mistake shows, then what led there.
    pub(super) fn places(&self, diagnostic: &Diagnostic) -> Vec<TokenRange> {
        let mut places = vec![diagnostic.range];
        let here = self.sites.at(diagnostic.range).map(|site| site.item.range);
        for &range in &diagnostic.evidence.suspects {
            let site = self.sites.at(range).map(|site| site.item.range);
            if site.is_some() && site == here || places.contains(&range) {
                continue;
            }
            places.push(range);
        }
        places.truncate(PLACES);
        places
    }

    pub(super) fn target(&self, diagnostic: &Diagnostic) -> Target {
        let mut channels: Vec<String> = Vec::new();
        for shape in &diagnostic.evidence.met {
            let count = match shape {
                Shape::Unknown => None,
                shape => shape.channels().and_then(crate::dim::Dim::number).map(|count| count.to_string()),
            };
            channels.extend(count.filter(|count| !channels.contains(count)));
        }
        // Numbers that divide: the next multiples.
        let (number, divisor) = match &diagnostic.problem {
            Problem::GroupsDoNotDivide { channels, groups, .. } => (channels, groups),
            Problem::ShuffleDoesNotDivide { channels, square, .. } => (channels, square),
            Problem::SplitDoesNotDivide { channels, branches } => (channels, branches),
            _ => return Target { channels, groups: Vec::new() },
        };
        let mut groups = Vec::new();
        if let (Ok(number), Ok(divisor)) = (number.parse::<u64>(), divisor.parse::<u64>()) {
            let down = number / divisor.max(1) * divisor;
            channels.extend(
                [down + divisor, down].into_iter().filter(|&count| count > 0).map(|count| count.to_string()),
            );
            let mut divisors: Vec<u64> =
                (1..=number.min(4096)).filter(|groups| number % groups == 0).collect();
            divisors.sort_by_key(|groups| groups.abs_diff(divisor));
            groups.extend(divisors.into_iter().take(4).map(|groups| groups.to_string()));
        }
        Target { channels, groups }
    }

    fn is_call(&self, word: &Word) -> bool {
        let name = &word.head.text;
        self.file.networks.iter().any(|network| {
            network.name.text == *name || network.blocks.iter().any(|block| block.name.text == *name)
        })
    }

    /// Every spelling that differs in one part.
    fn spellings(
        &self,
        word: &Word,
        spelling: &Spelling,
        site: &Site<'_>,
        target: &Target,
        far: u32,
        out: &mut Vec<Candidate>,
    ) {
        let old = self.text(word.range);
        let mut propose = |cost: u32, sort: &'static str, spelling: &Spelling| {
            let text = spelling.write();
            if text != old {
                out.push(Candidate {
                    cost: cost + far,
                    edits: vec![Edit { range: word.range, text }],
                    kind: (word.range.first, sort),
                    text: None,
                });
            }
        };
        let head = spelling.head;
        if head.words.contains(&"valid") {
            let natural = if head.name.ends_with("pool") || head.name == "deconv" { "valid" } else { "half" };
            propose(9, "padding", &spelling.with_padding(""));
            // The nearest to what was written; of an even kernel, what a stride of 2 halves exactly.
            if let Some(old) = spelling.number("pad") {
                for pad in [old.saturating_sub(1), old + 1] {
                    propose(8, "padding", &spelling.with_padding(&format!("pad={pad}")));
                }
            }
            let kernel: u64 = spelling.digits.parse().unwrap_or(0);
            if kernel > 2 && kernel.is_multiple_of(2) && spelling.stride.is_some() {
                propose(8, "padding", &spelling.with_padding(&format!("pad={}", kernel / 2 - 1)));
            }
            for (cost, padding) in
                [(10, "valid"), (11, "pad=1"), (12, "pad=2"), (13, "same"), (13, "pad=3"), (14, "pad=0")]
            {
                let same_as_default = padding == natural || (natural == "valid" && padding == "pad=0");
                if !same_as_default {
                    propose(cost, "padding", &spelling.with_padding(padding));
                }
            }
        }
        if head.words.contains(&"ceil") {
            propose(11, "ceil", &spelling.toggled("ceil"));
        }
        if head.stride {
            let strides: &[&str] = if site.block.is_some() || !site.repeats.is_empty() {
                &["", "2", "stride", "1", "3", "4", "[1, 2]", "[2, 1]"]
            } else {
                &["", "2", "1", "3", "4", "[1, 2]", "[2, 1]"]
            };
            for (extra, stride) in (0..).zip(strides) {
                let mut changed = spelling.clone();
                changed.stride = (!stride.is_empty()).then(|| (*stride).to_owned());
                propose(12 + extra, "stride", &changed);
            }
        }
        self.digits(spelling, target, &mut propose);
        if head.size.is_some() && (head.name != "fc" || spelling.size.is_some()) {
            for (cost, size) in self.sizes(spelling.size.as_deref(), site, target) {
                let mut changed = spelling.clone();
                changed.size = Some(size);
                propose(cost, "size", &changed);
            }
        }
        for option in ["groups", "dilation", "outpad"] {
            if !head.options.contains(&option) {
                continue;
            }
            let values: &[&str] = match option {
                "groups" => &["2", "4", "8", "16", "32"],
                "dilation" => &["1", "2", "3", "4"],
                _ => &["1", "2", "0"],
            };
            if spelling.position(option).is_some() {
                propose(13, option, &spelling.with_option(option, None));
            }
            let old = spelling.number(option);
            let dividing = target.groups.iter().filter(|_| option == "groups").map(String::as_str);
            for (extra, value) in (0..).zip(values.iter().copied().chain(dividing)) {
                if let (Some(old), Ok(new)) = (old, value.parse::<u64>()) {
                    // The nearest number first, before it is left out.
                    let steps = u32::try_from(old.abs_diff(new)).unwrap_or(8).min(8);
                    propose(11 + steps / 4, option, &spelling.with_option(option, Some(value)));
                    continue;
                }
                // A new dilation or new groups are a rarer wish than other values of what is there.
                let new = if spelling.position(option).is_some() || option == "outpad" { 0 } else { 8 };
                propose(13 + extra + new, option, &spelling.with_option(option, Some(value)));
            }
        }
        for (position, arg) in spelling.args.iter().enumerate() {
            let mut changed = spelling.clone();
            changed.args.remove(position);
            propose(13, "option", &changed);
            if matches!(head.name, "crop" | "pad" | "avgpool") {
                for (cost, number) in neighbours(arg) {
                    let mut changed = spelling.clone();
                    changed.args[position] = number;
                    propose(12 + cost, "option", &changed);
                }
            }
        }
        if head.name == "deconv" || head.name == "crop" {
            for tap in self.taps(site) {
                let mut changed = spelling.clone();
                if head.name == "crop" {
                    changed.args.clear();
                }
                changed.args.retain(|arg| !arg.starts_with("like") && !arg.starts_with("outpad"));
                changed.args.push(format!("like @{tap}"));
                propose(14, "like", &changed);
            }
        }
    }

    /// The numbers glued to the head.
    fn digits(
        &self,
        spelling: &Spelling,
        target: &Target,
        propose: &mut impl FnMut(u32, &'static str, &Spelling),
    ) {
        if spelling.digits.is_empty() {
            return;
        }
        let mut with = |cost: u32, digits: String| {
            let mut changed = spelling.clone();
            changed.digits = digits;
            propose(cost, "digits", &changed);
        };
        if spelling.head.name == "fc" {
            for count in &target.channels {
                with(11, count.clone());
            }
            for (cost, number) in neighbours(&spelling.digits) {
                with(16 + cost, number);
            }
            return;
        }
        if let Some((rows, columns)) = spelling.digits.split_once('x') {
            with(14, format!("{columns}x{rows}"));
            for (cost, number) in neighbours(rows) {
                with(15 + cost, format!("{number}x{columns}"));
            }
            for (cost, number) in neighbours(columns) {
                with(15 + cost, format!("{rows}x{number}"));
            }
            return;
        }
        let common: &[u64] = match spelling.head.name {
            "conv" | "dw" => &[3, 1, 5, 7, 9, 11, 2, 4],
            "deconv" => &[4, 2, 3, 5, 6],
            "pool" | "avgpool" => &[2, 3, 4, 5, 7, 8],
            "up" | "shuffle" | "channelshuffle" => &[2, 4, 3, 8],
            "gn" => &[32, 16, 8, 4, 2, 1, 24, 12, 6],
            _ => &[],
        };
        let old: u64 = spelling.digits.parse().unwrap_or(0);
        for (extra, &number) in (0..).zip(common) {
            let near = u32::try_from(old.abs_diff(number)).unwrap_or(8).min(8);
            with(13 + extra / 2 + near / 2, number.to_string());
        }
    }

    /// Other numbers of channels: those that met, those of the layers around, a half, a double.
    fn sizes(&self, old: Option<&str>, site: &Site<'_>, target: &Target) -> Vec<(u32, String)> {
        let mut sizes: Vec<(u32, String)> = target.channels.iter().map(|count| (11, count.clone())).collect();
        let near = self.sizes_in(site);
        sizes.extend((0..).zip(near).map(|(rank, size)| (14 + rank, size)));
        if let Some(number) = old.and_then(|old| old.parse::<u64>().ok()) {
            sizes.extend(neighbours(&number.to_string()).into_iter().map(|(cost, size)| (15 + cost, size)));
            for count in target.channels.iter().filter_map(|count| count.parse::<u64>().ok()) {
                // One branch of a concat makes up for the others.
                for other in target.channels.iter().filter_map(|count| count.parse::<u64>().ok()) {
                    if let Some(size) = (number + count).checked_sub(other) {
                        sizes.push((12, size.to_string()));
                    }
                }
            }
        }
        if site.block.is_some() {
            sizes.push((16, "cin".into()));
        }
        sizes.retain(|(_, size)| size != "0");
        sizes
    }

    /// The sizes that are written in the same block (or outside of blocks), the nearest first.
    pub(super) fn sizes_in(&self, site: &Site<'_>) -> Vec<String> {
        let mut sizes: Vec<(u32, String)> = Vec::new();
        for other in self.sites.all() {
            let same = other.block.map(|block| block.name.token) == site.block.map(|block| block.name.token)
                && other.network.name.token == site.network.name.token;
            let ItemKind::Word(word) = &other.item.kind else { continue };
            if !same || self.is_call(word) {
                continue;
            }
            let Some(size) = Spelling::read(word, self.table).and_then(|spelling| spelling.size) else {
                continue;
            };
            let distance = word.range.first.abs_diff(site.item.range.first);
            match sizes.iter_mut().find(|(_, known)| *known == size) {
                Some((known, _)) => *known = distance.min(*known),
                None => sizes.push((distance, size)),
            }
        }
        sizes.sort_by_key(|(distance, _)| *distance);
        sizes.into_iter().map(|(_, size)| size).take(8).collect()
    }

    /// The arguments and the stride of a call.
    fn call(&self, word: &Word, target: &Target, far: u32, out: &mut Vec<Candidate>) {
        for arg in &word.args {
            let ArgValue::Expr(expr) = &arg.value else { continue };
            let old = self.text(expr.range);
            let mut values: Vec<(u32, String)> =
                target.channels.iter().map(|count| (12, count.clone())).collect();
            values.extend(neighbours(&old).into_iter().map(|(cost, text)| (14 + cost, text)));
            values.extend((0..).zip(self.arguments(word)).map(|(rank, text)| (16 + rank, text)));
            for (cost, value) in values {
                let before = TokenRange { first: word.range.first, last: expr.range.first - 1 };
                let behind = TokenRange { first: expr.range.last + 1, last: word.range.last };
                let text = format!("{}{value}{}", self.text(before), self.text(behind));
                out.push(Candidate {
                    cost: cost + far,
                    edits: vec![Edit { range: word.range, text }],
                    kind: (expr.range.first, "argument"),
                    text: None,
                });
            }
        }
        // `Down(64)` and `Down(64)/2`.
        let bare = match &word.stride {
            Some(stride) => self.text(TokenRange { first: word.range.first, last: stride.range.first - 2 }),
            None => self.text(word.range),
        };
        if word.repeat.is_none() {
            for stride in ["", "/2", "/1", "/3"] {
                let text = format!("{bare}{stride}");
                let edits = vec![Edit { range: word.range, text }];
                out.push(Candidate { cost: 13 + far, edits, kind: (word.range.first, "stride"), text: None });
            }
        }
    }

    /// The numbers that other calls of the same block were given.
    fn arguments(&self, word: &Word) -> Vec<String> {
        let mut values: Vec<(u32, String)> = Vec::new();
        for site in self.sites.all() {
            let ItemKind::Word(other) = &site.item.kind else { continue };
            if other.head.text != word.head.text {
                continue;
            }
            for arg in &other.args {
                if let ArgValue::Expr(expr) = &arg.value {
                    let text = self.text(expr.range);
                    if !values.iter().any(|(_, known)| *known == text) {
                        values.push((other.range.first.abs_diff(word.range.first), text));
                    }
                }
            }
        }
        values.sort_by_key(|(distance, _)| *distance);
        values.into_iter().map(|(_, text)| text).take(6).collect()
    }

    /// How often, and with what stride.
    fn repeat(&self, repeat: Repeat, far: u32, out: &mut Vec<Candidate>) {
        let stride = |stride: Option<u64>| stride.map_or_else(String::new, |stride| format!("/{stride}"));
        let count = repeat.count;
        let mut propose = |cost: u32, sort: &'static str, text: String| {
            let edits = vec![Edit { range: repeat.range, text }];
            out.push(Candidate { cost: cost + far, edits, kind: (repeat.range.first, sort), text: None });
        };
        for other in [None, Some(2), Some(1), Some(3), Some(4)] {
            if other != repeat.stride {
                propose(13, "stride of the repeat", format!("x{count}{}", stride(other)));
            }
        }
        for (extra, other) in
            [count.saturating_sub(1), count + 1, count / 2, count * 2, count.saturating_sub(2)]
                .into_iter()
                .enumerate()
        {
            if other != count && other > 0 {
                let extra = u32::try_from(extra).unwrap_or(8);
                propose(15 + extra, "repeat", format!("x{other}{}", stride(repeat.stride)));
            }
        }
    }

    /// The taps of the same network or block that stand before a place, the last first.
    pub(super) fn taps(&self, site: &Site<'_>) -> Vec<String> {
        let mut taps: Vec<(u32, String)> = Vec::new();
        for other in self.sites.all() {
            let same = other.block.map(|block| block.name.token) == site.block.map(|block| block.name.token);
            if let ItemKind::Tap(name) = &other.item.kind
                && same
                && name.token < site.item.range.first
                && !taps.iter().any(|(_, known)| *known == name.text)
            {
                taps.push((name.token, name.text.clone()));
            }
        }
        taps.sort_by_key(|(token, _)| std::cmp::Reverse(*token));
        taps.into_iter().map(|(_, name)| name).take(8).collect()
    }

    /// Whether the problem is one of sizes of which some are not numbers.
    pub(super) fn is_symbolic(&self, diagnostic: &Diagnostic) -> bool {
        matches!(diagnostic.problem, Problem::NotDecidable { .. } | Problem::CeilOfSymbol { .. })
            || diagnostic
                .evidence
                .met
                .iter()
                .any(|shape| shape.dims().iter().any(crate::dim::Dim::is_symbolic))
    }
}

/// What a change costs that is so many steps from where the mistake shows.
pub(super) fn far(distance: usize) -> u32 {
    let distance = u32::try_from(distance).unwrap_or(u32::MAX);
    if distance <= 4 { distance * 2 } else { 8 + (distance - 4).min(40) / 2 }
}

/// Slips of a number: one more or less, half or double, a digit lost or doubled, two digits exchanged. Of `7x7`, the
/// same for both numbers.
pub(super) fn neighbours(text: &str) -> Vec<(u32, String)> {
    if let Some((first, second)) = text.split_once('x')
        && first == second
    {
        return neighbours(first).into_iter().map(|(cost, n)| (cost, format!("{n}x{n}"))).collect();
    }
    let Ok(number) = text.parse::<u64>() else { return Vec::new() };
    let mut out: Vec<(u32, u64)> = vec![
        (0, number + 1),
        (0, number.saturating_sub(1)),
        (1, number * 2),
        (1, number / 2),
        (2, number + 2),
        (2, number.saturating_sub(2)),
        (3, number.saturating_mul(10)),
        (3, number / 10),
    ];
    let digits: Vec<u8> = text.bytes().collect();
    for at in 0..digits.len() {
        let mut swapped = digits.clone();
        if at + 1 < swapped.len() {
            swapped.swap(at, at + 1);
        }
        let mut lost = digits.clone();
        lost.remove(at);
        let mut doubled = digits.clone();
        doubled.insert(at, digits[at]);
        for slip in [swapped, lost, doubled] {
            out.extend(String::from_utf8(slip).ok().and_then(|slip| slip.parse().ok()).map(|n| (2, n)));
        }
    }
    out.retain(|&(_, other)| other != number && other > 0);
    out.into_iter().map(|(cost, number)| (cost, number.to_string())).collect()
}
