//! Which algorithm computes a convolution.

use std::collections::HashMap;
use std::time::Instant;

use cnn_kernels::blocked::{
    Algorithm, ConvInput, ConvStep, Layer, Map, Plain, Program, Step, Target, Winograd,
};
use cnn_kernels::conv::Conv;

use crate::plan::{Precision, Tuning};

/// Decides once for all convolutions of the same sizes.
pub(super) struct Chooser {
    target: Target,
    precision: Precision,
    tuning: Tuning,
    measured: HashMap<Conv, Algorithm>,
}

impl Chooser {
    pub(super) fn new(target: Target, precision: Precision, tuning: Tuning) -> Self {
        Self { target, precision, tuning, measured: HashMap::new() }
    }

    /// The algorithm for a convolution.
    pub(super) fn algorithm(&mut self, conv: &Conv) -> Algorithm {
        let candidates = self.candidates(conv);
        match (candidates.as_slice(), self.tuning) {
            ([only], _) => *only,
            (_, Tuning::Fast) => by_model(conv),
            (candidates, Tuning::Measured) => {
                if let Some(&known) = self.measured.get(conv) {
                    return known;
                }
                let best = self.fastest(conv, candidates);
                self.measured.insert(*conv, best);
                best
            }
        }
    }

    /// What computes it, with errors that the precision allows.
    fn candidates(&self, conv: &Conv) -> Vec<Algorithm> {
        match self.precision {
            Precision::Exact => vec![Algorithm::Direct],
            // Transformed weights are up to four times as many: memory is what this precision is for.
            Precision::Bf16 => vec![Algorithm::DirectBf16],
            Precision::F32 | Precision::Tf32 | Precision::Bf16Linear => {
                // F(6x6) is left out: its error comes near to the bound of 2e-5.
                let tiles = [Winograd::F2x3, Winograd::F4x3, Winograd::F2x5].map(Algorithm::Winograd);
                let fits = |&algorithm: &Algorithm| ConvStep::fits(algorithm, conv);
                std::iter::once(Algorithm::Direct).chain(tiles.into_iter().filter(fits)).collect()
            }
        }
    }

    /// The fastest of a few runs each, in turn, on values that are not zero.
    fn fastest(&self, conv: &Conv, candidates: &[Algorithm]) -> Algorithm {
        let values = |len: usize| -> Vec<f32> { (0..len).map(|i| (i % 17) as f32 / 17.0 - 0.5).collect() };
        let weight = values(conv.weight_len());
        let input =
            Map { offset: 0, stride: 0, shape: [conv.in_channels, conv.rows.input(), conv.columns.input()] };
        let input = Map { stride: input.len(), ..input };
        let output = Map {
            offset: conv.batch * input.len(),
            stride: 0,
            shape: [conv.out_channels, conv.rows.output(), conv.columns.output()],
        };
        let output = Map { stride: output.len(), ..output };
        let plain = ConvStep::takes_plain(conv);
        let x = values(if plain { conv.input_len() } else { 0 });
        let place = if plain { ConvInput::Plain(Plain::Input(0)) } else { ConvInput::Map(input) };
        let mut runs: Vec<_> = candidates
            .iter()
            .map(|&algorithm| {
                let layer = Layer { weight: &weight, scale: None, bias: None, activation: None };
                let step = ConvStep::new(self.target, *conv, algorithm, &layer, place, None, output);
                let inputs = if plain { vec![x.len()] } else { Vec::new() };
                let arena = output.offset + conv.batch * output.len();
                let step: Box<dyn Step> = Box::new(step);
                let program =
                    Program::new(vec![step], conv.batch, inputs, Vec::new(), arena, self.target.threads);
                let workspace = program.workspace();
                (algorithm, program, workspace, f64::INFINITY)
            })
            .collect();
        let slices: &[&[f32]] = if plain { &[&x] } else { &[] };
        for _ in 0..5 {
            for (_, program, workspace, best) in &mut runs {
                let start = Instant::now();
                // No step of it is foreign code, which alone could fail.
                let _ = program.run(workspace, slices, &mut []);
                *best = best.min(start.elapsed().as_secs_f64());
            }
        }
        let best = runs.into_iter().min_by(|a, b| a.3.total_cmp(&b.3));
        best.map_or(Algorithm::Direct, |(algorithm, ..)| algorithm)
    }
}

/// The choice that was best on the layers of VGG and ResNet: minimal filtering where there are channels enough to pay for
/// the transforms, with small tiles on small maps.
fn by_model(conv: &Conv) -> Algorithm {
    let channels = (conv.in_channels / conv.groups).min(conv.out_channels / conv.groups);
    let side = conv.rows.output().min(conv.columns.output());
    let fits = |winograd| ConvStep::fits(Algorithm::Winograd(winograd), conv);
    if channels < 16 || side < 3 {
        Algorithm::Direct
    } else if fits(Winograd::F2x5) {
        Algorithm::Winograd(Winograd::F2x5)
    } else if fits(Winograd::F4x3) {
        // Two tiles of four cover eight: of seven a fifth is lost, and the weights are twice as large.
        let small = side <= 8 && conv.batch < 4;
        Algorithm::Winograd(if small { Winograd::F2x3 } else { Winograd::F4x3 })
    } else {
        Algorithm::Direct
    }
}

/// The choice where weights change, so that each run packs them: a few large tiles take more weights than they save products.
pub(in crate::plan) fn by_model_packing(conv: &Conv) -> Algorithm {
    /// Products in the time in which a packed value is written and read again, which the memory's bandwidth decides.
    const PACKING: usize = 50;
    let chosen = by_model(conv);
    if chosen != Algorithm::Winograd(Winograd::F4x3) {
        return chosen;
    }
    let cost = |tile: usize| {
        let tiles = conv.rows.output().div_ceil(tile) * conv.columns.output().div_ceil(tile);
        (tile + 2) * (tile + 2) * (conv.batch * tiles + PACKING)
    };
    // Small tiles have more transforms.
    let small = 10 * cost(2) < 9 * cost(4);
    Algorithm::Winograd(if small { Winograd::F2x3 } else { Winograd::F4x3 })
}
