//! The kernels of compiled training steps against the plain ones in `f64`, which are tested against definitions and
//! PyTorch, in every instruction set that the processor has, over random sizes.

mod common;

use cnn_kernels::blocked::training::{
    ActivationGradient, BatchNorm, BatchNormGradient, ChannelSums, DepthwiseWeightGradient, GroupNorm,
    GroupNormGradient, Grouped, MaskOf, Masked, NormStatistics, Normalized, PoolGradient, Product,
    ProductInputGradient, ProductWeightGradient, RowActivationGradient, Spread, WeightGradient,
};
use cnn_kernels::blocked::{
    Activation, Algorithm, ConvInput, ConvStep, Depthwise, Late, Map, Move, Pad, Place, Plain, PoolKind,
    Program, Repack, Step, Target, View, Winograd,
};
use cnn_kernels::channels::Planes;
use cnn_kernels::conv::{self, Conv};
use cnn_kernels::norm::batch::{self, Channels, Gradients, Statistics};
use cnn_kernels::norm::group;
use cnn_kernels::pool::{self, Adaptive};
use cnn_kernels::simd::{Isa, LANES};
use cnn_kernels::window::Span;
use common::numbers;
use proptest::prelude::*;

/// Random sizes are few under Miri, which is slow.
fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { 80 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn most() -> usize {
    if cfg!(miri) { 5 } else { 33 }
}

/// One axis: input, kernel, stride, dilation, padding.
fn axis(most: usize, kernels: usize) -> impl Strategy<Value = Span> {
    (1..=most, 1..=kernels, 1..=3usize, 1..=3usize, 0..=3usize, 0..=3usize).prop_filter_map(
        "the window fits",
        |(input, kernel, stride, dilation, before, after)| {
            let reach = (kernel - 1) * dilation + 1;
            let room = (input + before + after).checked_sub(reach)?;
            Span::new(input, room / stride + 1, kernel, stride, dilation, [before, after])
        },
    )
}

fn map(offset: usize, shape: [usize; 3]) -> Map {
    let map = Map { offset, stride: 0, shape };
    Map { stride: map.len() + LANES, ..map }
}

fn f32s(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// Values that `f32` has, too.
fn exact(count: usize, seed: u64) -> Vec<f64> {
    numbers(count, seed).into_iter().map(|value| f64::from(value as f32)).collect()
}

fn boxed(step: impl Step + 'static) -> Box<dyn Step> {
    Box::new(step)
}

/// The largest difference, as a part of the largest value.
fn away(expected: &[f64], found: &[f32]) -> f64 {
    away_of(expected, found, 1e-3)
}

/// As [`away`], of values that may all nearly cancel: `natural` is how large they would be otherwise.
fn away_of(expected: &[f64], found: &[f32], natural: f64) -> f64 {
    assert_eq!(expected.len(), found.len());
    let largest = expected.iter().fold(natural, |most: f64, value| most.max(value.abs()));
    let all = expected.iter().zip(found).map(|(a, &b)| (a - f64::from(b)).abs() / largest);
    all.fold(0.0, |most, one| if one > most || one.is_nan() { one } else { most })
}

/// Maps in an arena, loaded from inputs of a run and given to its outputs.
struct Rig {
    batch: usize,
    threads: usize,
    arena: usize,
    steps: Vec<Box<dyn Step>>,
    inputs: Vec<Vec<f32>>,
    outputs: Vec<usize>,
}

impl Rig {
    fn new(batch: usize, threads: usize) -> Self {
        Self { batch, threads, arena: 0, steps: Vec::new(), inputs: Vec::new(), outputs: Vec::new() }
    }

    /// A place for so many values.
    fn place(&mut self, len: usize) -> usize {
        let offset = self.arena;
        self.arena += len.next_multiple_of(LANES);
        offset
    }

    fn map(&mut self, shape: [usize; 3]) -> Map {
        let place = map(0, shape);
        Map { offset: self.place(self.batch * place.stride), ..place }
    }

    fn input(&mut self, values: &[f64]) -> (usize, usize) {
        self.inputs.push(f32s(values));
        (self.inputs.len() - 1, values.len())
    }

    /// A map with these values.
    fn load(&mut self, shape: [usize; 3], values: &[f64]) -> Map {
        let (map, (index, _)) = (self.map(shape), self.input(values));
        let (from, to) = (Place::Plain(Plain::Input(index)), Place::Map(map, 0));
        self.steps.push(boxed(Move::new(self.batch, shape, from, to)));
        map
    }

    /// A row with these values.
    fn row(&mut self, values: &[f64]) -> usize {
        let (len, (index, _)) = (values.len() / self.batch, self.input(values));
        let offset = self.place(values.len());
        let to = Place::Plain(Plain::Arena { offset, stride: len });
        self.steps.push(boxed(Move::new(self.batch, [len, 1, 1], Place::Plain(Plain::Input(index)), to)));
        offset
    }

    fn output(&mut self, len: usize) -> (usize, usize) {
        self.outputs.push(len);
        (self.outputs.len() - 1, len)
    }

    fn give(&mut self, map: Map) {
        let (index, _) = self.output(self.batch * map.shape.iter().product::<usize>());
        let (from, to) = (Place::Map(map, 0), Place::Plain(Plain::Output(index)));
        self.steps.push(boxed(Move::new(self.batch, map.shape, from, to)));
    }

    fn give_row(&mut self, offset: usize, len: usize) {
        let (index, _) = self.output(self.batch * len);
        let from = Place::Plain(Plain::Arena { offset, stride: len });
        self.steps.push(boxed(Move::new(self.batch, [len, 1, 1], from, Place::Plain(Plain::Output(index)))));
    }

    fn step(&mut self, step: impl Step + 'static) {
        self.steps.push(boxed(step));
    }

    /// The outputs of a second run, over what the first left; both are the same.
    fn run(self) -> Vec<Vec<f32>> {
        let lengths = self.inputs.iter().map(Vec::len).collect();
        let program =
            Program::new(self.steps, self.batch, lengths, self.outputs.clone(), self.arena, self.threads);
        let mut workspace = program.workspace();
        let inputs: Vec<&[f32]> = self.inputs.iter().map(Vec::as_slice).collect();
        let mut run = || {
            let mut outputs: Vec<Vec<f32>> = self.outputs.iter().map(|&len| vec![f32::NAN; len]).collect();
            let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
            program.run(&mut workspace, &inputs, &mut slices).unwrap();
            outputs
        };
        let first = run();
        let second = run();
        assert_eq!(first, second, "two runs differ");
        second
    }
}

/// Forward, the gradient of the weight and of the bias, and, of stride 1, that of the input.
fn check_conv(conv: Conv, threads: usize, relu: bool) {
    let x = exact(conv.input_len(), 1);
    let weight = exact(conv.weight_len(), 2);
    let bias = exact(conv.out_channels, 3);
    let grad = exact(conv.output_len(), 4);
    let mut y = vec![0.0; conv.output_len()];
    conv::forward(&conv, &x, &weight, Some(&bias), &mut y);
    if relu {
        y.iter_mut().for_each(|value| *value = value.max(0.0));
    }
    let (mut dx, mut dw) = (vec![0.0; conv.input_len()], vec![0.0; conv.weight_len()]);
    conv::input_gradient(&conv, &weight, &grad, &mut dx);
    conv::weight_gradient(&conv, &x, &grad, &mut dw);
    let db: Vec<f64> = (0..conv.out_channels)
        .map(|o| {
            let planes = grad.chunks(conv.output_plane()).skip(o).step_by(conv.out_channels);
            planes.flatten().sum()
        })
        .collect();

    let x_shape = [conv.in_channels, conv.rows.input(), conv.columns.input()];
    let y_shape = [conv.out_channels, conv.rows.output(), conv.columns.output()];
    let depthwise = conv.groups > 1 && Depthwise::fits(&conv);
    let plain = !depthwise && ConvStep::takes_plain(&conv);
    let phases = conv.rows.transposed_phase(0).zip(conv.columns.transposed_phase(0));
    let back = phases.filter(|_| conv.rows.stride() == 1 && conv.columns.stride() == 1).map(
        |((rows, down), (columns, across))| {
            let part = Conv {
                in_channels: conv.out_channels,
                out_channels: conv.in_channels,
                rows,
                columns,
                ..conv
            };
            (part, down.collect::<Vec<_>>(), across.collect::<Vec<_>>())
        },
    );
    let algorithms = [
        Algorithm::Direct,
        Algorithm::Winograd(Winograd::F4x3),
        Algorithm::Winograd(Winograd::F2x3),
        Algorithm::Winograd(Winograd::F2x5),
    ];
    for isa in Isa::available() {
        let target = Target { isa, threads };
        for algorithm in algorithms {
            if algorithm != Algorithm::Direct && (depthwise || !ConvStep::fits(algorithm, &conv)) {
                continue;
            }
            let mut rig = Rig::new(conv.batch, threads);
            let input = if plain {
                ConvInput::Plain(Plain::Input(rig.input(&x).0))
            } else {
                ConvInput::Map(rig.load(x_shape, &x))
            };
            let w = rig.input(&weight);
            let b = rig.input(&bias);
            let g = rig.load(y_shape, &grad);
            let output = rig.map(y_shape);
            let padded = rig.place(conv.out_channels.next_multiple_of(LANES));
            rig.step(Pad::new(b, padded));
            let activation = relu.then_some(Activation::Relu);
            if depthwise {
                let ConvInput::Map(input) = input else { unreachable!() };
                let weights = rig.place(Repack::depthwise_len(conv.in_channels, conv.taps()));
                rig.step(Repack::depthwise(target, conv.in_channels, View::of(&conv), w, weights));
                let late = Late { weights, bias: Some(padded), activation };
                rig.step(Depthwise::late(target, conv, late, input, None, output));
                let to = rig.output(conv.weight_len());
                rig.step(DepthwiseWeightGradient::new(target, conv, input, g, to));
            } else {
                let weights = rig.place(Repack::packed_len(&conv, algorithm));
                rig.step(Repack::new(target, &conv, algorithm, plain, View::of(&conv), w, weights));
                let late = Late { weights, bias: Some(padded), activation };
                rig.step(ConvStep::late(target, conv, algorithm, late, input, None, output));
                let to = rig.output(conv.weight_len());
                rig.step(WeightGradient::new(target, conv, input, g, to));
            }
            let to = rig.output(conv.out_channels);
            rig.step(ChannelSums::new(target, conv.batch, g, to));
            rig.give(output);
            let mut expected = vec![&dw, &db, &y];
            let fits = |(part, ..): &&(Conv, Vec<usize>, Vec<usize>)| {
                algorithm == Algorithm::Direct || ConvStep::fits(algorithm, part)
            };
            if let Some((part, down, across)) = back.as_ref().filter(fits) {
                let view = View::transposed(&conv, down, across);
                let to = rig.map(x_shape);
                let so_far = rig.load(x_shape, &x);
                if depthwise {
                    let weights = rig.place(Repack::depthwise_len(conv.in_channels, part.taps()));
                    rig.step(Repack::depthwise(target, conv.in_channels, view, w, weights));
                    let late = Late { weights, bias: None, activation: None };
                    rig.step(Depthwise::late(target, *part, late, g, Some(so_far), to));
                } else {
                    let plain = ConvStep::takes_plain(part);
                    let weights = rig.place(Repack::packed_len(part, algorithm));
                    rig.step(Repack::new(target, part, algorithm, plain, view, w, weights));
                    let late = Late { weights, bias: None, activation: None };
                    let input = if plain {
                        ConvInput::Plain(Plain::Input(rig.input(&grad).0))
                    } else {
                        ConvInput::Map(g)
                    };
                    rig.step(ConvStep::late(target, *part, algorithm, late, input, Some(so_far), to));
                }
                rig.give(to);
                expected.push(&dx);
            }
            let found = rig.run();
            for (index, (expected, found)) in expected.into_iter().zip(found).enumerate() {
                // To the input's gradient what was there is added.
                let expected: Vec<f64> = if index == 3 {
                    expected.iter().zip(&x).map(|(a, b)| a + b).collect()
                } else {
                    expected.clone()
                };
                let summed = if index < 2 { conv.batch * conv.output_plane() } else { 1 };
                let error = away_of(&expected, &found, 0.1 * summed as f64);
                assert!(error < 1e-5, "{isa} {algorithm:?}, result {index}: {error:e}");
            }
        }
    }
}

/// The gradient of the input of a convolution with strides, remainder by remainder.
fn check_phases(conv: Conv, threads: usize) {
    let (weight, grad) = (exact(conv.weight_len(), 2), exact(conv.output_len(), 4));
    let mut dx = vec![0.0; conv.input_len()];
    conv::input_gradient(&conv, &weight, &grad, &mut dx);
    let y_shape = [conv.out_channels, conv.rows.output(), conv.columns.output()];
    let (rows, columns) = (conv.rows, conv.columns);
    let phases = (0..rows.stride()).flat_map(|down| (0..columns.stride()).map(move |across| [down, across]));
    for phase in phases {
        let parts = rows.transposed_phase(phase[0]).zip(columns.transposed_phase(phase[1]));
        let Some(((down, down_taps), (across, across_taps))) = parts else { continue };
        let expected: Vec<f64> = (0..conv.batch * conv.in_channels)
            .flat_map(|plane| (0..down.output()).map(move |row| (plane, row)))
            .flat_map(|(plane, row)| (0..across.output()).map(move |column| (plane, row, column)))
            .map(|(plane, row, column)| {
                let (row, column) = (row * rows.stride() + phase[0], column * columns.stride() + phase[1]);
                dx[(plane * rows.input() + row) * columns.input() + column]
            })
            .collect();
        let part = Conv {
            in_channels: conv.out_channels,
            out_channels: conv.in_channels,
            rows: down,
            columns: across,
            ..conv
        };
        let view = View::transposed(&conv, &down_taps.collect::<Vec<_>>(), &across_taps.collect::<Vec<_>>());
        for isa in Isa::available() {
            let target = Target { isa, threads };
            for algorithm in [Algorithm::Direct, Algorithm::Winograd(Winograd::F4x3)] {
                if !ConvStep::fits(algorithm, &part) {
                    continue;
                }
                let mut rig = Rig::new(conv.batch, threads);
                let plain = ConvStep::takes_plain(&part);
                let input = if plain {
                    ConvInput::Plain(Plain::Input(rig.input(&grad).0))
                } else {
                    ConvInput::Map(rig.load(y_shape, &grad))
                };
                let w = rig.input(&weight);
                let weights = rig.place(Repack::packed_len(&part, algorithm));
                let to = rig.map([part.out_channels, down.output(), across.output()]);
                rig.step(Repack::new(target, &part, algorithm, plain, view.clone(), w, weights));
                let late = Late { weights, bias: None, activation: None };
                rig.step(ConvStep::late(target, part, algorithm, late, input, None, to));
                rig.give(to);
                let error = away_of(&expected, &rig.run()[0], 0.1);
                assert!(error < 1e-5, "{isa} {algorithm:?}, phase {phase:?}: {error:e}");
            }
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn transposes_of_strided_windows(
        batch in 1..=2usize, groups in 1..=3usize, each in [1..=20usize, 1..=20usize],
        sides in [3..=12usize, 3..=12usize], kernels in [1..=7usize, 1..=7usize], square: bool,
        strides in [1..=3usize, 1..=3usize], pad in 0..=3usize, threads in 1..=2usize,
    ) {
        let axis = |index: usize| {
            let (kernel, stride) = if square { (kernels[0], strides[0]) } else { (kernels[index], strides[index]) };
            let input = sides[index] + kernel;
            Span::new(input, (input + 2 * pad - kernel) / stride + 1, kernel, stride, 1, [pad, pad]).unwrap()
        };
        let [in_channels, out_channels] = each.map(|each| each * groups);
        let conv = Conv { batch, in_channels, out_channels, groups, rows: axis(0), columns: axis(1) };
        check_phases(conv, threads);
    }

    #[test]
    fn convolutions(
        batch in 1..=5usize, inputs in 1..=most() + 3, outputs in 1..=most() + 3,
        rows in axis(13, 5), columns in axis(13, 5), threads in 1..=3usize, relu: bool,
    ) {
        check_conv(Conv { batch, in_channels: inputs, out_channels: outputs, groups: 1, rows, columns }, threads, relu);
    }

    #[test]
    fn windows_of_three_and_five(
        batch in 1..=3usize, inputs in 5..=most() + 3, outputs in 5..=most() + 3,
        side in [5..=14usize, 5..=14usize], five: bool, pad in 0..=2usize, threads in 1..=3usize,
    ) {
        let kernel = if five { 5 } else { 3 };
        let span = |input: usize| Span::new(input, input + 2 * pad + 1 - kernel, kernel, 1, 1, [pad, pad]).unwrap();
        let [rows, columns] = side.map(span);
        check_conv(Conv { batch, in_channels: inputs, out_channels: outputs, groups: 1, rows, columns }, threads, false);
    }

    #[test]
    fn grouped_convolutions(
        batch in 1..=3usize, groups in 2..=9usize, each in [1..=9usize, 1..=9usize], wide in [0..=4usize, 0..=4usize],
        rows in axis(9, 3), columns in axis(9, 3), threads in 1..=3usize, relu: bool,
    ) {
        // Now and then channels that fill blocks.
        let channels = |index: usize| match wide[index] { 0 => 16, 1 => 32, 2 => 4, 3 => 8, _ => each[index] };
        let [in_channels, out_channels] = [channels(0), channels(1)].map(|each| each * groups);
        check_conv(Conv { batch, in_channels, out_channels, groups, rows, columns }, threads, relu);
    }

    #[test]
    fn grouped_windows_of_three(
        batch in 1..=3usize, groups in 2..=5usize, each in [1..=20usize, 1..=20usize],
        side in [3..=9usize, 3..=9usize], threads in 1..=3usize,
    ) {
        let [rows, columns] = side.map(|input| Span::new(input, input, 3, 1, 1, [1, 1]).unwrap());
        let [in_channels, out_channels] = each.map(|each| each * groups);
        check_conv(Conv { batch, in_channels, out_channels, groups, rows, columns }, threads, false);
    }

    #[test]
    fn depthwise_convolutions(
        batch in 1..=5usize, channels in 2..=most(), rows in axis(13, 5), columns in axis(13, 5),
        threads in 1..=3usize, relu: bool,
    ) {
        let conv = Conv { batch, in_channels: channels, out_channels: channels, groups: channels, rows, columns };
        check_conv(conv, threads, relu);
    }

    #[test]
    fn batch_norms(
        batch in 1..=5usize, shape in [1..=most(), 3..=11usize, 3..=11usize], threads in 1..=3usize,
        residual: bool, affine: bool, given: bool, activation in 0..ENDS.len(),
    ) {
        let activation = ENDS[activation];
        check_norm(batch, shape, threads, Norm { residual, affine, given, activation });
    }

    #[test]
    fn group_norms(
        batch in 1..=4usize, groups in 1..=6usize, width in 1..=9usize, sides in [3..=11usize, 3..=11usize],
        threads in 1..=3usize, affine: bool, activation in 0..ENDS.len(),
    ) {
        let activation = ENDS[activation];
        check_group_norm(batch, groups, [groups * width, sides[0], sides[1]], threads, affine, activation);
    }

    #[test]
    fn pooling(
        batch in 1..=3usize, channels in 1..=most(), rows in axis(11, 3), columns in axis(11, 3), threads in 1..=3usize,
    ) {
        prop_assume!(rows.empty_window().is_none() && columns.empty_window().is_none());
        check_pool(batch, channels, [rows, columns], threads);
    }

    #[test]
    fn fully_connected(
        batch in 1..=9usize, inputs in 1..=90usize, outputs in 1..=90usize, threads in 1..=3usize, relu: bool,
    ) {
        check_linear(batch, [inputs, outputs], threads, relu);
    }
}

/// What may follow a norm.
const ENDS: [Option<Activation>; 6] = [
    None,
    Some(Activation::Relu),
    Some(Activation::Relu6),
    Some(Activation::LeakyRelu { slope: 0.25 }),
    Some(Activation::Sigmoid),
    Some(Activation::Tanh),
];

/// An activation of one value, and the way back of its gradient: NaN where rounding may decide it either way.
fn end(activation: Option<Activation>, y: &mut f64, g: &mut f64) {
    let x = *y;
    let slope =
        |there: bool| if x.abs() < 1e-3 || (x - 6.0).abs() < 1e-3 { f64::NAN } else { f64::from(there) };
    let (value, slope) = match activation {
        None => (x, 1.0),
        Some(Activation::Relu) => (x.max(0.0), slope(x > 0.0)),
        Some(Activation::Relu6) => (x.clamp(0.0, 6.0), slope(x > 0.0 && x < 6.0)),
        Some(Activation::LeakyRelu { slope: low }) => {
            (if x > 0.0 { x } else { low * x }, low + (1.0 - low) * slope(x > 0.0))
        }
        Some(Activation::Sigmoid) => {
            let share = 1.0 / (1.0 + (-x).exp());
            (share, share * (1.0 - share))
        }
        Some(Activation::Tanh) => (x.tanh(), 1.0 - x.tanh().powi(2)),
        Some(other) => unreachable!("{other:?}"),
    };
    (*y, *g) = (value, *g * slope);
}

/// Takes gradients out of the way there and back where rounding may decide an activation either way.
fn leave_undecided(behind: &mut [f64], before: &mut [f64]) {
    for (behind, before) in behind.iter_mut().zip(before).filter(|(_, before)| before.is_nan()) {
        (*behind, *before) = (0.0, 0.0);
    }
}

/// A batch norm and what follows it.
struct Norm {
    residual: bool,
    affine: bool,
    /// Whether it normalizes with statistics that are not the batch's.
    given: bool,
    activation: Option<Activation>,
}

fn check_norm(batch: usize, shape: [usize; 3], threads: usize, norm: Norm) {
    let Norm { residual, affine, given, activation } = norm;
    let planes = Planes { batch, channels: shape[0], plane: shape[1] * shape[2] };
    let (count, eps) = (batch * shape.iter().product::<usize>(), 1e-5);
    // Far from zero, where a sum of squares would lose its digits. (Of two or three values a channel may have nearly no
    // variance and no gradient, and nothing to be relative to: there are nine at least.)
    let x: Vec<f64> = exact(count, 1).iter().map(|value| f64::from((value + 30.0) as f32)).collect();
    let (skip, mut grad) = (exact(count, 2), exact(count, 3));
    let weight = if affine { exact(shape[0], 4) } else { vec![1.0; shape[0]] };
    let bias = if affine { exact(shape[0], 5) } else { vec![0.0; shape[0]] };
    let [mut mean, mut variance] = [vec![0.0; shape[0]], vec![0.0; shape[0]]];
    batch::statistics(&planes, &x, &mut mean, &mut variance);
    if given {
        mean.iter_mut().for_each(|mean| *mean = f64::from((*mean + 0.25) as f32));
        variance.iter_mut().for_each(|variance| *variance = f64::from((1.5 * *variance + 0.1) as f32));
    }
    let norm = Channels { mean: &mean, variance: &variance, weight: &weight, eps };
    let mut y = vec![0.0; count];
    batch::forward(&planes, &norm, &bias, &x, &mut y);
    let mut g = grad.clone();
    for ((y, g), skip) in y.iter_mut().zip(&mut g).zip(&skip) {
        *y += if residual { *skip } else { 0.0 };
        end(activation, y, g);
    }
    leave_undecided(&mut grad, &mut g);
    let [mut dx, mut dw, mut db] = [vec![0.0; count], vec![0.0; shape[0]], vec![0.0; shape[0]]];
    let gradients = Gradients { input: &mut dx, weight: &mut dw, bias: &mut db };
    let statistics = if given { Statistics::Running } else { Statistics::Batch };
    batch::gradient(&planes, &norm, statistics, &x, &g, gradients);
    for isa in Isa::available() {
        let target = Target { isa, threads };
        let mut rig = Rig::new(batch, threads);
        let (input, added, behind) = (rig.load(shape, &x), rig.load(shape, &skip), rig.load(shape, &grad));
        let [output, to, skipped] = [(); 3].map(|()| rig.map(shape));
        let saved = rig.place(Normalized::saved_len(shape[0]));
        let parameters = affine.then(|| [rig.input(&weight), rig.input(&bias)]);
        let statistics = if given {
            NormStatistics::Given([rig.input(&mean), rig.input(&variance)])
        } else {
            NormStatistics::Batch([rig.output(shape[0]), rig.output(shape[0])])
        };
        let weight = parameters.map(|[weight, _]| weight);
        let of = Normalized { batch, input, output, weight, statistics, activation, saved };
        let affine = parameters.map(|_| [rig.output(shape[0]), rig.output(shape[0])]);
        let bias = parameters.map(|[_, bias]| bias);
        rig.step(BatchNorm::new(target, of, residual.then_some(added), bias, eps));
        rig.step(BatchNormGradient::new(target, of, behind, to, residual.then_some(skipped), affine));
        for map in [output, to].into_iter().chain(residual.then_some(skipped)) {
            rig.give(map);
        }
        let found = rig.run();
        let mut expected = if given { vec![] } else { vec![("mean", &mean), ("variance", &variance)] };
        if parameters.is_some() {
            expected.extend([("scale", &dw), ("shift", &db)]);
        }
        expected.extend([("output", &y), ("input", &dx)]);
        if residual {
            expected.push(("residual", &g));
        }
        assert_eq!(expected.len(), found.len());
        for ((what, expected), found) in expected.into_iter().zip(&found) {
            // What is a sum may nearly cancel: it is relative to how many it sums.
            let natural = match what {
                "scale" | "shift" => 0.1 * (batch * planes.plane) as f64,
                _ => 0.1,
            };
            let error = away_of(expected, found, natural);
            // The input has five digits behind its thirty.
            assert!(error < 1e-4, "{isa} {what}: {error:e}");
        }
    }
}

fn check_group_norm(
    batch: usize,
    groups: usize,
    shape: [usize; 3],
    threads: usize,
    affine: bool,
    activation: Option<Activation>,
) {
    let planes = Planes { batch, channels: shape[0], plane: shape[1] * shape[2] };
    let (count, eps) = (batch * shape.iter().product::<usize>(), 1e-5);
    // Far from zero, each channel elsewhere.
    let far = |index: usize| 10.0 + (index / planes.plane % shape[0]) as f64;
    let x = exact(count, 1).into_iter().enumerate();
    let x: Vec<f64> = x.map(|(index, value)| f64::from((value + far(index)) as f32)).collect();
    let mut grad = exact(count, 3);
    let weight = if affine { exact(shape[0], 4) } else { vec![1.0; shape[0]] };
    let bias = if affine { exact(shape[0], 5) } else { vec![0.0; shape[0]] };
    let [mut mean, mut variance] = [vec![0.0; batch * groups], vec![0.0; batch * groups]];
    group::statistics(&planes, groups, &x, &mut mean, &mut variance);
    let norm = group::Groups { groups, mean: &mean, variance: &variance, weight: &weight, eps };
    let mut y = vec![0.0; count];
    group::forward(&planes, &norm, &bias, &x, &mut y);
    let mut g = grad.clone();
    y.iter_mut().zip(&mut g).for_each(|(y, g)| end(activation, y, g));
    leave_undecided(&mut grad, &mut g);
    let [mut dx, mut dw, mut db] = [vec![0.0; count], vec![0.0; shape[0]], vec![0.0; shape[0]]];
    let gradients = Gradients { input: &mut dx, weight: &mut dw, bias: &mut db };
    group::gradient(&planes, &norm, &x, &g, gradients);
    for isa in Isa::available() {
        let target = Target { isa, threads };
        let mut rig = Rig::new(batch, threads);
        let (input, behind) = (rig.load(shape, &x), rig.load(shape, &grad));
        let [output, to] = [(); 2].map(|()| rig.map(shape));
        let saved = rig.place(Grouped::saved_len(batch, shape[0]));
        let parameters = affine.then(|| [rig.input(&weight), rig.input(&bias)]);
        let weight = parameters.map(|[weight, _]| weight);
        let of = Grouped { batch, groups, input, output, weight, activation, saved };
        let affine = parameters.map(|_| [rig.output(shape[0]), rig.output(shape[0])]);
        rig.step(GroupNorm::new(target, of, parameters.map(|[_, bias]| bias), eps));
        rig.step(GroupNormGradient::new(target, of, behind, to, affine));
        rig.give(output);
        rig.give(to);
        let mut expected = Vec::new();
        if parameters.is_some() {
            expected.extend([("scale", &dw), ("shift", &db)]);
        }
        expected.extend([("output", &y), ("input", &dx)]);
        let found = rig.run();
        assert_eq!(expected.len(), found.len());
        for ((what, expected), found) in expected.into_iter().zip(&found) {
            let natural = match what {
                "scale" | "shift" => 0.1 * (batch * planes.plane) as f64,
                _ => 0.1,
            };
            let error = away_of(expected, found, natural);
            // The input has five digits behind its fifty.
            assert!(error < 1e-4, "{isa} {what}: {error:e}");
        }
    }
}

fn check_pool(batch: usize, channels: usize, [rows, columns]: [Span; 2], threads: usize) {
    let x_shape = [channels, rows.input(), columns.input()];
    let y_shape = [channels, rows.output(), columns.output()];
    let count = |shape: [usize; 3]| batch * shape.iter().product::<usize>();
    // Few values, so that maxima tie.
    let x: Vec<f64> = exact(count(x_shape), 1).iter().map(|value| (value * 2.0).round()).collect();
    let grad = exact(count(y_shape), 2);
    let sizes = pool::Pool { planes: batch * channels, rows, columns };
    let mut y = vec![0.0; count(y_shape)];
    pool::max(&sizes, &x, &mut y);
    let mut dx = vec![0.0; count(x_shape)];
    pool::max_gradient(&sizes, &x, &grad, &mut dx);
    for isa in Isa::available() {
        let target = Target { isa, threads };
        let mut rig = Rig::new(batch, threads);
        let (input, output) = (rig.load(x_shape, &x), rig.load(y_shape, &y));
        let (behind, to) = (rig.load(y_shape, &grad), rig.map(x_shape));
        let spread = Spread::Max { input, output };
        rig.step(PoolGradient::new(target, spread, [rows, columns], batch, behind, to));
        rig.give(to);
        let error = away(&dx, &rig.run()[0]);
        assert!(error < 1e-6, "{isa}: {error:e}");
        for (kind, with_padding) in [(PoolKind::Mean, false), (PoolKind::MeanWithPadding, true)] {
            let mut dx = vec![0.0; count(x_shape)];
            pool::average_gradient(&sizes, with_padding, &grad, &mut dx);
            let mut rig = Rig::new(batch, threads);
            let (behind, to) = (rig.load(y_shape, &grad), rig.map(x_shape));
            rig.step(PoolGradient::new(target, Spread::Mean(kind), [rows, columns], batch, behind, to));
            rig.give(to);
            let error = away(&dx, &rig.run()[0]);
            assert!(error < 1e-6, "{isa} {kind:?}: {error:e}");
        }
    }
    // An even grid over the input, of any size.
    let even = Adaptive {
        planes: batch * channels,
        input: [rows.input(), columns.input()],
        output: [rows.output(), columns.output()],
    };
    let mut dx = vec![0.0; count(x_shape)];
    pool::adaptive_average_gradient(&even, &grad, &mut dx);
    let cells = [rows, columns].map(|span| Span::new(span.input(), span.output(), 1, 1, 1, [0, 0]).unwrap());
    for isa in Isa::available() {
        let target = Target { isa, threads };
        let mut rig = Rig::new(batch, threads);
        let (behind, to) = (rig.load(y_shape, &grad), rig.map(x_shape));
        let spread = Spread::Mean(PoolKind::Adaptive);
        rig.step(PoolGradient::new(target, spread, cells, batch, behind, to));
        rig.give(to);
        let error = away(&dx, &rig.run()[0]);
        assert!(error < 1e-6, "{isa}: {error:e}");
    }
}

fn check_linear(batch: usize, [inputs, outputs]: [usize; 2], threads: usize, relu: bool) {
    let (x, weight) = (exact(batch * inputs, 1), exact(inputs * outputs, 2));
    let (bias, grad) = (exact(outputs, 3), exact(batch * outputs, 4));
    let mut y = vec![0.0; batch * outputs];
    let mut g = grad.clone();
    for (index, (y, g)) in y.iter_mut().zip(&mut g).enumerate() {
        let (n, o) = (index / outputs, index % outputs);
        *y = bias[o] + (0..inputs).map(|i| x[n * inputs + i] * weight[o * inputs + i]).sum::<f64>();
        if relu && *y < 0.0 {
            (*y, *g) = (0.0, 0.0);
        }
    }
    let dx: Vec<f64> = (0..batch * inputs)
        .map(|index| {
            let (n, i) = (index / inputs, index % inputs);
            (0..outputs).map(|o| g[n * outputs + o] * weight[o * inputs + i]).sum()
        })
        .collect();
    let dw: Vec<f64> = (0..inputs * outputs)
        .map(|index| {
            let (o, i) = (index / inputs, index % inputs);
            (0..batch).map(|n| g[n * outputs + o] * x[n * inputs + i]).sum()
        })
        .collect();
    let db: Vec<f64> = (0..outputs).map(|o| (0..batch).map(|n| g[n * outputs + o]).sum()).collect();
    for isa in Isa::available() {
        let target = Target { isa, threads };
        let mut rig = Rig::new(batch, threads);
        let (w, b) = (rig.input(&weight), rig.input(&bias));
        let (input, behind) = (rig.row(&x), rig.row(&grad));
        let [output, before] = [(); 2].map(|()| rig.place(batch * outputs));
        let to = rig.place(batch * inputs);
        let features = [inputs, outputs];
        let (weights, biases) = (rig.output(inputs * outputs), rig.output(outputs));
        rig.step(Product::new(target, batch, features, w, Some(b), relu, [input, output]));
        let mut g = behind;
        if relu {
            let rows = [output, behind, before];
            rig.step(RowActivationGradient::new(target, Activation::Relu, rows, batch * outputs));
            g = before;
        }
        rig.step(ProductWeightGradient::new(target, batch, features, weights, Some(biases), [input, g]));
        rig.step(ProductInputGradient::new(target, batch, features, w, [g, to]));
        rig.give_row(output, outputs);
        rig.give_row(to, inputs);
        for (expected, found) in [&dw, &db, &y, &dx].into_iter().zip(rig.run()) {
            let error = away_of(expected, &found, 0.1);
            assert!(error < 1e-5, "{isa}: {error:e}");
        }
    }
}

#[test]
fn activations() {
    let (batch, shape) = (2, [19, 5, 7]);
    let x: Vec<f64> = exact(batch * 19 * 35, 1).iter().map(|value| value * 8.0 + 0.03).collect();
    let grad = exact(x.len(), 2);
    for activation in ENDS.into_iter().flatten() {
        let (mut y, mut expected) = (x.clone(), grad.clone());
        y.iter_mut().zip(&mut expected).for_each(|(y, g)| end(Some(activation), y, g));
        assert!(expected.iter().all(|value| value.is_finite()));
        for isa in Isa::available() {
            let target = Target { isa, threads: 2 };
            let mut rig = Rig::new(batch, 2);
            let (output, behind, to) = (rig.load(shape, &y), rig.load(shape, &grad), rig.map(shape));
            rig.step(ActivationGradient::new(target, batch, activation, output, behind, to));
            rig.give(to);
            let error = away_of(&expected, &rig.run()[0], 0.1);
            assert!(error < 1e-6, "{isa} {activation:?}: {error:e}");
        }
    }
}

#[test]
fn masks() {
    for (batch, shape, threads) in [(2, [19, 5, 7], 2), (3, [40, 1, 1], 1), (1, [70, 2, 3], 3)] {
        let plane = shape[1] * shape[2];
        let x = exact(batch * shape[0] * plane, 1);
        let of = |values: &[f64]| values.iter().map(|value| if *value > 0.0 { 1.25 } else { 0.0 }).collect();
        let (all, channels): (Vec<f64>, Vec<f64>) = (of(&exact(x.len(), 2)), of(&exact(batch * shape[0], 3)));
        for isa in Isa::available() {
            let target = Target { isa, threads };
            let mut rig = Rig::new(batch, threads);
            let [input, by_values, by_channels] = [(); 3].map(|()| rig.map(shape));
            let masks =
                [MaskOf::Values, MaskOf::Channels].map(|of| rig.place(batch * Masked::mask_len(of, shape)));
            let values = Map { stride: input.len(), offset: masks[0], shape };
            let channel = [shape[0], 1, 1];
            let each = Map { stride: shape[0].next_multiple_of(LANES), offset: masks[1], shape: channel };
            for (values, map) in [(&x, input), (&all, values), (&channels, each)] {
                let (index, _) = rig.input(values);
                let (from, to) = (Place::Plain(Plain::Input(index)), Place::Map(map, 0));
                rig.step(Move::new(batch, map.shape, from, to));
            }
            rig.step(Masked::new(target, batch, MaskOf::Values, input, masks[0], by_values));
            rig.step(Masked::new(target, batch, MaskOf::Channels, input, masks[1], by_channels));
            rig.give(by_values);
            rig.give(by_channels);
            let found = rig.run();
            let expected = |mask: &[f64], each: usize| -> Vec<f64> {
                x.iter().enumerate().map(|(index, x)| x * mask[index / each]).collect()
            };
            assert_eq!(found[0], f32s(&expected(&all, 1)), "{isa}");
            assert_eq!(found[1], f32s(&expected(&channels, plane)), "{isa}");
        }
    }
}
