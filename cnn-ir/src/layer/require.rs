//! What a layer needs of sizes that are not numbers. (Of numbers it is checked when the layer is built.)

use super::Op;
use crate::dim::Dim;
use crate::model::Relation;
use crate::shape::Shape;

/// Something that must hold.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// A size.
    pub left: Dim,
    /// What it must be of the other.
    pub relation: Relation,
    /// The other.
    pub right: Dim,
    /// In words, what it is about: "its output's height".
    pub what: &'static str,
}

/// Everything that an operation needs and that is not certain.
#[must_use]
pub fn requirements(op: &Op, input: &Shape, output: &Shape) -> Vec<Requirement> {
    let mut all = Vec::new();
    if op.window().is_some() || matches!(op, Op::Deconv(_) | Op::Crop { .. }) {
        for (size, what) in output.dims().iter().skip(1).zip(["its output's height", "its output's width"]) {
            all.push(Requirement { left: size.clone(), relation: Relation::AtLeast, right: Dim::ONE, what });
        }
    }
    if let (Op::Crop { size, .. }, Some(have)) = (op, input.spatial()) {
        for ((have, want), what) in
            have.into_iter().zip(size).zip(["the height to cut from", "the width to cut from"])
        {
            all.push(Requirement {
                left: have.clone(),
                relation: Relation::AtLeast,
                right: want.clone(),
                what,
            });
        }
    }
    let mut divides = |number: &Dim, divisor: &Dim, what: &'static str| {
        let (left, right) = (number.clone(), divisor.clone());
        all.push(Requirement { left, relation: Relation::Multiple, right, what });
    };
    match op {
        Op::Conv(conv) if !conv.depthwise => {
            divides(&conv.in_channels, &conv.groups, "the channels that arrive, in groups");
            divides(&conv.out_channels, &conv.groups, "its filters, in groups");
        }
        Op::Deconv(deconv) => {
            divides(&deconv.in_channels, &deconv.groups, "the channels that arrive, in groups");
            divides(&deconv.out_channels, &deconv.groups, "its filters, in groups");
        }
        Op::GroupNorm { groups, channels, .. } => {
            divides(channels, &Dim::from(*groups as u64), "the channels that arrive, in groups");
        }
        Op::PixelShuffle(factor) => {
            if let Some(channels) = input.channels() {
                let square = (*factor as u64).saturating_mul(*factor as u64);
                divides(channels, &Dim::from(square), "the channels that arrive");
            }
        }
        Op::ChannelShuffle(groups) => {
            if let Some(channels) = input.channels() {
                divides(channels, &Dim::from(*groups as u64), "the channels that arrive, in groups");
            }
        }
        _ => {}
    }
    all.retain(|requirement| !requirement.is_certain());
    all
}

impl Requirement {
    fn is_certain(&self) -> bool {
        match self.relation {
            Relation::Equal => self.left.equals(&self.right) == Some(true),
            Relation::AtLeast => (&self.left - &self.right).at_least(0) == Some(true),
            Relation::Multiple => match self.right.number() {
                Some(divisor) => {
                    let quotient = self.left.floor_div(divisor);
                    self.left.equals(&(&quotient * &self.right)) == Some(true)
                }
                None => self.left == self.right,
            },
        }
    }
}
