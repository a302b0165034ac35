//! Layers removed, added and exchanged.

use super::layers::{Target, far};
use super::sites::Site;
use super::{Candidate, Search, cut};
use crate::ast::{Item, ItemKind};
use crate::diagnostic::{Diagnostic, Edit, Problem};
use crate::token::{TokenKind, TokenRange};

/// Places at which layers are removed or exchanged, and at which some are added.
const PLACES: usize = 16;
const INSERTIONS: usize = 8;
/// As many different layers of the network are tried there.
const COPIES: usize = 12;

impl Search<'_> {
    pub(super) fn structure(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        self.cropped(diagnostic, out);
        let places = self.places(diagnostic);
        let target = self.target(diagnostic);
        for (distance, &range) in places.iter().take(PLACES).enumerate() {
            let Some(site) = self.sites.at(range) else { continue };
            // A pooling too many is a slip; anything else was meant to be there.
            let meant = distance == 0 && !matches!(diagnostic.problem, Problem::WindowTooLarge { .. });
            self.without(site, far(distance) + if meant { 30 } else { 0 }, out);
            self.exchanged(site, far(distance), out);
            if distance < INSERTIONS {
                self.with_more(site, &target, far(distance), out);
            }
        }
        self.image_first(diagnostic, out);
    }

    /// Where taps of different sizes meet, the larger is cut.
    fn cropped(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        let Some(site) = self.sites.at(diagnostic.range) else { return };
        let ItemKind::Taps { taps, .. } = &site.item.kind else { return };
        for tap in taps {
            for other in taps.iter().filter(|other| other.text != tap.text) {
                // `-> @d;` becomes `-> crop(like @e) @d;`
                let definition = self.sites.all().find(|definition| {
                    definition.index > 0
                        && matches!(&definition.item.kind, ItemKind::Tap(name) if name.text == tap.text)
                });
                let Some(definition) = definition else { continue };
                let range = definition.item.range;
                let text = format!("crop(like @{}) {}", other.text, self.text(range));
                let kind = (range.first, "crop");
                out.push(Candidate { cost: 22, edits: vec![Edit { range, text }], kind, text: None });
            }
        }
    }

    /// `gap` or nothing at all before a layer that needs other dimensions.
    fn image_first(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        let Some(site) = self.sites.at(diagnostic.range) else { return };
        let before: &[&str] = match diagnostic.problem {
            Problem::FeaturesNotKnown { .. } => &["gap", "avgpool(7x7)"],
            _ => return,
        };
        for (rank, layer) in (0..).zip(before) {
            let range = site.item.range;
            let text = format!("{layer} -> {}", self.text(range));
            let kind = (0, "insert");
            out.push(Candidate { cost: 9 + rank, edits: vec![Edit { range, text }], kind, text: None });
        }
    }

    /// Without the item (and one of the arrows beside it).
    fn without(&self, site: &Site<'_>, far: u32, out: &mut Vec<Candidate>) {
        let item = site.item;
        if site.siblings.len() < 2 || !is_layer(item) {
            return;
        }
        let range = match (self.arrow_before(item.range.first), self.arrow_behind(item.range.last)) {
            (Some(arrow), _) => TokenRange { first: arrow, last: item.range.last },
            (None, Some(arrow)) => TokenRange { first: item.range.first, last: arrow },
            (None, None) => item.range,
        };
        // A doubled line is a slip; any other layer was written for a reason.
        let text = self.text(item.range);
        let beside = [site.index.checked_sub(1), Some(site.index + 1)];
        let mut beside = beside.into_iter().flatten().filter_map(|index| site.siblings.get(index));
        let doubled = beside.any(|other| self.text(other.range) == text);
        let cost = match (doubled, &item.kind) {
            (true, _) => 12,
            (false, ItemKind::Word(_)) => 28,
            (false, _) => 60,
        };
        let kind = (0, "without");
        out.push(Candidate {
            cost: cost + far,
            edits: vec![Edit { range, text: String::new() }],
            kind,
            text: None,
        });
    }

    /// Exchanged with the next item.
    fn exchanged(&self, site: &Site<'_>, far: u32, out: &mut Vec<Candidate>) {
        for (left, right) in [
            (Some(site.item), site.siblings.get(site.index + 1)),
            (site.index.checked_sub(1).and_then(|before| site.siblings.get(before)), Some(site.item)),
        ] {
            let (Some(left), Some(right)) = (left, right) else { continue };
            if !(is_layer(left) && is_layer(right)) {
                continue;
            }
            if !matches!((&left.kind, &right.kind), (ItemKind::Word(_), ItemKind::Word(_))) {
                continue;
            }
            let range = left.range.to(right.range);
            let gap = TokenRange { first: left.range.last + 1, last: right.range.first.saturating_sub(1) };
            let between = if gap.first <= gap.last { format!(" {} ", self.text(gap)) } else { " ".into() };
            let text = format!("{}{between}{}", self.text(right.range), self.text(left.range));
            let kind = (0, "exchanged");
            out.push(Candidate { cost: 32 + far, edits: vec![Edit { range, text }], kind, text: None });
        }
    }

    /// Another layer before or behind: one like those of the network that change shapes, or a convolution that gives
    /// the channels that are wanted.
    fn with_more(&self, site: &Site<'_>, target: &Target, far: u32, out: &mut Vec<Candidate>) {
        let range = site.item.range;
        let is_ascription = matches!(site.item.kind, ItemKind::Ascription(_));
        let last = site.index + 1 == site.siblings.len();
        let mut layers: Vec<(u32, String)> =
            (0..).zip(self.layers_of(site)).map(|(rank, layer)| (rank / 2, layer)).collect();
        for count in &target.channels {
            layers.push((1, format!("fc{count}")));
            for kernel in [3, 1, 5, 7, 11] {
                for stride in ["", "/2", "/4"] {
                    layers.push((8, format!("conv{kernel}-{count}{stride}")));
                    layers.push((8, format!("conv{kernel}-{count}{stride}(valid)")));
                }
            }
        }
        let Some(before) = range.first.checked_sub(1) else { return };
        let shown = cut(&self.text(range), 40);
        let line = self.in_line(range.first);
        for (rank, layer) in layers {
            let mut propose = |token: u32, edit: String, side: &str| {
                let text = Some(format!("`{edit}` {side} `{shown}`{line}"));
                let edits = vec![Edit::behind(token, edit)];
                out.push(Candidate { cost: 32 + far + rank, edits, kind: (0, "insert"), text });
            };
            match (is_ascription, self.arrow_before(range.first)) {
                // `-> pool2 => 64x16x16`
                (true, None) => propose(before, format!("-> {layer}"), "before"),
                (true, Some(_)) => propose(before, layer.clone(), "before"),
                (false, _) => propose(before, format!("{layer} ->"), "before"),
            }
            if last && !is_ascription {
                propose(range.last, format!("-> {layer}"), "behind");
            }
        }
    }

    /// The different layers of the network that change shapes, in the same block first.
    fn layers_of(&self, site: &Site<'_>) -> Vec<String> {
        let mut layers: Vec<(u32, String)> = Vec::new();
        for other in self.sites.all() {
            let ItemKind::Word(word) = &other.item.kind else { continue };
            let head = word.head.text.trim_end_matches(|c: char| c.is_ascii_digit() || c == 'x');
            let changes = matches!(
                head,
                "conv" | "dw" | "deconv" | "pool" | "avgpool" | "gap" | "up" | "shuffle" | "flatten" | "fc"
            );
            if !changes || other.network.name.token != site.network.name.token {
                continue;
            }
            let elsewhere =
                other.block.map(|block| block.name.token) != site.block.map(|block| block.name.token);
            let distance =
                word.range.first.abs_diff(site.item.range.first) + if elsewhere { 10_000 } else { 0 };
            let text = self.text(word.range);
            match layers.iter_mut().find(|(_, known)| *known == text) {
                Some((known, _)) => *known = distance.min(*known),
                None => layers.push((distance, text)),
            }
        }
        for usual in ["pool2", "pool3/2(pad=1)", "up2", "gap"] {
            if !layers.iter().any(|(_, known)| known == usual) {
                layers.push((20_000, usual.to_owned()));
            }
        }
        layers.sort_by_key(|(distance, _)| *distance);
        layers.into_iter().map(|(_, text)| text).take(COPIES).collect()
    }

    /// The first token of an arrow that ends before `token`.
    fn arrow_before(&self, token: u32) -> Option<u32> {
        let first = token.checked_sub(2)?;
        (self.character(first) == Some('-') && self.character(first + 1) == Some('>')).then_some(first)
    }

    /// The last token of an arrow that begins behind `token`.
    fn arrow_behind(&self, token: u32) -> Option<u32> {
        (self.character(token + 1) == Some('-') && self.character(token + 2) == Some('>'))
            .then_some(token + 2)
    }

    fn character(&self, token: u32) -> Option<char> {
        match self.table.get(token)?.kind {
            TokenKind::Punct { character, .. } => Some(character),
            _ => None,
        }
    }
}

fn is_layer(item: &Item) -> bool {
    !matches!(item.kind, ItemKind::Ascription(_) | ItemKind::Tap(_) | ItemKind::Broken)
}
