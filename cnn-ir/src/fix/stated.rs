//! Declared shapes: what is stated with `=>`, what the network takes and gives.

use super::layers::{far, neighbours};
use super::{Candidate, Search};
use crate::ast::{Port, ShapeExpr};
use crate::diagnostic::{Diagnostic, Edit, Problem};

impl Search<'_> {
    pub(super) fn stated(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        match &diagnostic.problem {
            Problem::Ascription { found, .. } => out.push(self.shape(diagnostic, 12, found, "=> ")),
            Problem::OutputShape { found, .. } => out.push(self.shape(diagnostic, 17, found, "-> ")),
            Problem::NetworkInput { network, found, .. } => {
                let called = self.file.networks.iter().find(|other| other.name.text == *network);
                if let Some([port]) = called.map(|called| called.inputs.as_slice()) {
                    let range = port.shape.range;
                    let edits = vec![Edit { range, text: found.clone() }];
                    out.push(Candidate { cost: 14, edits, kind: (range.first, "stated"), text: None });
                }
            }
            _ => {}
        }
        if let Problem::NeedsImage { .. } = diagnostic.problem {
            for &range in &diagnostic.evidence.suspects {
                let port = self.file.networks.iter().flat_map(|network| &network.inputs);
                let Some(port) = port.into_iter().find(|port| port.shape.range == range) else { continue };
                if port.shape.sizes.len() == 1 {
                    // A generator takes 100x1x1.
                    let text = format!("{}x1x1", self.text(range));
                    out.push(Candidate {
                        cost: 8,
                        edits: vec![Edit { range, text }],
                        kind: (range.first, "stated"),
                        text: None,
                    });
                }
            }
        }
        for (distance, &range) in diagnostic.evidence.suspects.iter().enumerate() {
            for network in &self.file.networks {
                if let Some(port) = network.inputs.iter().find(|port| port.shape.range == range) {
                    self.input(port, diagnostic, far(distance), out);
                }
            }
        }
    }

    /// What was found, in place of what was stated.
    fn shape(&self, diagnostic: &Diagnostic, cost: u32, found: &str, arrow: &str) -> Candidate {
        let line = self.in_line(diagnostic.range.first);
        let old = self.text(diagnostic.range);
        Candidate {
            cost,
            edits: vec![Edit { range: diagnostic.range, text: found.to_owned() }],
            kind: (diagnostic.range.first, "stated"),
            text: Some(format!("`{arrow}{found}` for `{arrow}{old}`{line}")),
        }
    }

    /// An input of another size or of other channels.
    fn input(&self, port: &Port, diagnostic: &Diagnostic, far: u32, out: &mut Vec<Candidate>) {
        let Some([channels, height, width]) = numbers(&port.shape) else { return };
        let mut propose = |cost: u32, sort: &'static str, text: String| {
            let edits = vec![Edit { range: port.shape.range, text }];
            out.push(Candidate {
                cost: cost + far.min(8),
                edits,
                kind: (port.shape.range.first, sort),
                text: None,
            });
        };
        let sides = |number: u64| {
            let near = (1..=16).flat_map(move |step| [number + step, number.saturating_sub(step)]);
            let slips = neighbours(&number.to_string()).into_iter().filter_map(|(_, text)| text.parse().ok());
            let usual = [28, 32, 64, 96, 128, 224, 227, 256, 299];
            near.chain(slips).chain(usual).filter(move |&other: &u64| other > 0 && other != number)
        };
        if height != width {
            propose(18, "size", format!("{channels}x{height}x{height}"));
            propose(18, "size", format!("{channels}x{width}x{width}"));
        }
        for (rank, side) in (0_u32..).zip(sides(height)) {
            if height == width {
                propose(20 + rank / 4, "size", format!("{channels}x{side}x{side}"));
            } else {
                propose(20 + rank / 4, "size", format!("{channels}x{side}x{width}"));
            }
        }
        for (rank, side) in (0_u32..).zip(sides(width)) {
            propose(22 + rank / 4, "size", format!("{channels}x{height}x{side}"));
            if height != width {
                continue;
            }
            propose(23 + rank / 4, "size", format!("{channels}x{side}x{width}"));
        }
        let counts = self.target(diagnostic).channels;
        let near = neighbours(&channels.to_string()).into_iter().map(|(_, text)| text);
        for (rank, count) in (0_u32..).zip(counts.into_iter().chain(near)) {
            propose(20 + rank / 2, "channels", format!("{count}x{height}x{width}"));
        }
    }
}

/// The three numbers of a shape, where they are numbers.
fn numbers(shape: &ShapeExpr) -> Option<[u64; 3]> {
    let sizes: Option<Vec<u64>> = shape
        .sizes
        .iter()
        .map(|size| match size.kind {
            crate::ast::ExprKind::Int(number) => Some(number),
            _ => None,
        })
        .collect();
    sizes?.try_into().ok()
}
