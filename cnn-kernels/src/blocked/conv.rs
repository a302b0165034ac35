//! A convolution as a step: its algorithm, its groups.

use super::direct::Direct;
use super::filter::Filter;
use super::places::Limits;
use super::program::{Step, require, sealed::Run};
use super::team::Member;
use super::winograd::{Transformed, Winograd};
use super::{Late, Layer, Map, Memory, Needs, Plain, Repack, Target};
use crate::conv::Conv;
use crate::simd::LANES;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Tap by tap.
    Direct,
    /// Tap by tap, with weights in bf16 (but those of plain inputs) and sums in `f32`.
    DirectBf16,
    /// By minimal filtering.
    Winograd(Winograd),
}

/// A convolution with bias, residual and activation.
#[derive(Debug)]
pub struct ConvStep {
    conv: Conv,
    /// One for each part of the groups that is computed as a whole.
    parts: Vec<Kind>,
    /// Channels that a part reads and writes.
    part_channels: [usize; 2],
    input: ConvInput,
    residual: Option<Map>,
    output: Map,
}

#[derive(Debug)]
enum Kind {
    Direct(Direct),
    Winograd(Transformed),
}

/// What a convolution reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvInput {
    /// A map.
    Map(Map),
    /// Plain values, of at most four channels.
    Plain(Plain),
}

impl ConvStep {
    /// Whether a convolution of so many channels reads plain values.
    #[must_use]
    pub const fn takes_plain(conv: &Conv) -> bool {
        conv.groups == 1 && Direct::takes_plain(conv.in_channels)
    }

    /// Whether an algorithm computes a convolution.
    #[must_use]
    pub fn fits(algorithm: Algorithm, conv: &Conv) -> bool {
        match algorithm {
            Algorithm::Direct | Algorithm::DirectBf16 => true,
            Algorithm::Winograd(winograd) => {
                let (part, _) = whole_groups(conv);
                winograd.fits(&Conv { groups: 1, ..part }) && !Self::takes_plain(conv)
            }
        }
    }

    /// Prepares it.
    ///
    /// # Panics
    /// Where lengths and geometry do not agree, the algorithm does not [fit](Self::fits), or the processor has not the
    /// instruction set.
    #[must_use]
    pub fn new(
        target: Target,
        conv: Conv,
        algorithm: Algorithm,
        layer: &Layer<'_>,
        input: ConvInput,
        residual: Option<Map>,
        output: Map,
    ) -> Self {
        require(target.isa);
        layer.check(&conv);
        assert!(Self::fits(algorithm, &conv), "{algorithm:?} does not compute {conv:?}");
        let (part, groups) = whole_groups(&conv);
        let each = Conv { groups: 1, ..part };
        let parts = (0..conv.out_channels / part.out_channels)
            .map(|index| {
                let first = index * part.out_channels;
                let filter = Filter {
                    values: &layer.weight[first * conv.weight_len() / conv.out_channels..]
                        [..part.weight_len()],
                    scale: layer.scale.map(|scale| &scale[first..first + part.out_channels]),
                    group_inputs: part.in_channels / groups,
                    group_outputs: part.out_channels / groups,
                    taps: part.taps(),
                };
                let bias = layer.bias.map(|bias| &bias[first..first + part.out_channels]);
                match algorithm {
                    Algorithm::Direct | Algorithm::DirectBf16 => {
                        let plain = matches!(input, ConvInput::Plain(_));
                        let (activation, bf16) = (layer.activation, algorithm == Algorithm::DirectBf16);
                        Kind::Direct(Direct::new(target, each, plain, &filter, bias, activation, bf16))
                    }
                    Algorithm::Winograd(winograd) => {
                        let activation = layer.activation;
                        Kind::Winograd(Transformed::new(target, each, winograd, &filter, bias, activation))
                    }
                }
            })
            .collect();
        let part_channels = [part.in_channels, part.out_channels];
        Self { conv, parts, part_channels, input, residual, output }
    }

    /// Prepares a convolution whose weights are packed in each run, as [`Repack`](super::Repack) does it. Values that are
    /// not finite spread over the groups that share a block.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn late(
        target: Target,
        conv: Conv,
        algorithm: Algorithm,
        late: Late,
        input: ConvInput,
        residual: Option<Map>,
        output: Map,
    ) -> Self {
        require(target.isa);
        assert!(Self::fits(algorithm, &conv), "{algorithm:?} does not compute {conv:?}");
        let (part, _) = whole_groups(&conv);
        let each = Conv { groups: 1, ..part };
        let len = Repack::packed_len(&each, algorithm);
        let parts = (0..conv.out_channels / part.out_channels)
            .map(|index| {
                let bias = late.bias.map(|bias| bias + index * part.out_channels);
                let late = Late { weights: late.weights + index * len, bias, ..late };
                match algorithm {
                    Algorithm::Direct => {
                        let plain = matches!(input, ConvInput::Plain(_));
                        Kind::Direct(Direct::late(target, each, plain, late))
                    }
                    Algorithm::Winograd(winograd) => {
                        Kind::Winograd(Transformed::late(target, each, winograd, late))
                    }
                    Algorithm::DirectBf16 => panic!("weights that come late are f32"),
                }
            })
            .collect();
        let part_channels = [part.in_channels, part.out_channels];
        Self { conv, parts, part_channels, input, residual, output }
    }
}

/// The smallest convolution of whole groups whose channels fill whole blocks, and its groups.
pub(crate) fn whole_groups(conv: &Conv) -> (Conv, usize) {
    let (inputs, outputs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let fills = |groups: &usize| {
        conv.groups.is_multiple_of(*groups)
            && (groups * inputs).is_multiple_of(LANES)
            && (groups * outputs).is_multiple_of(LANES)
    };
    let groups = (1..conv.groups).find(fills).unwrap_or(conv.groups);
    let part = Conv { in_channels: groups * inputs, out_channels: groups * outputs, groups, ..*conv };
    (part, groups)
}

/// Some channels of a map.
fn channels(map: Map, first: usize, count: usize) -> Map {
    Map {
        offset: map.offset + first / LANES * map.plane(),
        shape: [count, map.shape[1], map.shape[2]],
        ..map
    }
}

impl Step for ConvStep {
    fn needs(&self) -> Needs {
        let all = self.parts.iter().map(|part| match part {
            Kind::Direct(direct) => direct.needs(),
            Kind::Winograd(winograd) => winograd.needs(),
        });
        all.fold(Needs::default(), |all, one| Needs {
            shared: all.shared.max(one.shared),
            private: all.private.max(one.private),
            phases: all.phases + one.phases,
        })
    }

    fn weight_bytes(&self) -> usize {
        let all = self.parts.iter().map(|part| match part {
            Kind::Direct(direct) => direct.weight_bytes(),
            Kind::Winograd(winograd) => winograd.weight_bytes(),
        });
        all.sum()
    }

    fn algorithm(&self) -> String {
        let name = if self.conv.taps() == 1 { "product" } else { "direct" };
        match self.parts.first() {
            Some(Kind::Winograd(winograd)) => winograd.name(),
            Some(Kind::Direct(direct)) if direct.is_bf16() => format!("{name}, bf16"),
            _ => name.to_owned(),
        }
    }
}

impl Run for ConvStep {
    fn check(&self, limits: &Limits<'_>) {
        let conv = &self.conv;
        assert_eq!(conv.batch, limits.batch(), "the batch of a convolution");
        let input = [conv.in_channels, conv.rows.input(), conv.columns.input()];
        let output = [conv.out_channels, conv.rows.output(), conv.columns.output()];
        let written = &self.output;
        for map in self.residual.iter().chain([written]) {
            assert_eq!(map.shape, output, "a convolution's output");
            limits.map(map);
        }
        let read = match self.input {
            ConvInput::Map(map) => {
                assert!(!Self::takes_plain(conv), "so few channels are plain");
                assert_eq!(map.shape, input, "a convolution's input");
                limits.map(&map);
                Some((&map).into())
            }
            ConvInput::Plain(plain) => {
                assert!(Self::takes_plain(conv), "so many channels are a map");
                let len = input.iter().product();
                limits.plain(plain, len, false);
                plain.stretches(len)
            }
        };
        for read in read.into_iter().chain(self.residual.as_ref().map(Into::into)) {
            limits.apart(read, written.into());
        }
        for part in &self.parts {
            match part {
                Kind::Direct(direct) => direct.check(limits, written),
                Kind::Winograd(winograd) => winograd.check(limits, written),
            }
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let [inputs, outputs] = self.part_channels;
        for (index, part) in self.parts.iter().enumerate() {
            let residual = self.residual.map(|map| channels(map, index * outputs, outputs));
            let y = channels(self.output, index * outputs, outputs);
            // SAFETY: `check` saw to the sizes.
            unsafe {
                match (part, self.input) {
                    (Kind::Direct(direct), ConvInput::Plain(_)) => {
                        direct.run(member, memory, self.input, residual, y);
                    }
                    (Kind::Direct(direct), ConvInput::Map(map)) => {
                        let x = channels(map, index * inputs, inputs);
                        direct.run(member, memory, ConvInput::Map(x), residual, y);
                    }
                    (Kind::Winograd(winograd), ConvInput::Map(map)) => {
                        winograd.run(member, memory, channels(map, index * inputs, inputs), residual, y);
                    }
                    (Kind::Winograd(_), ConvInput::Plain(_)) => unreachable!("`fits` refuses it"),
                }
            }
        }
    }
}
