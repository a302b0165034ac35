//! The kernels of plans against the definitions, in every instruction set that the processor has, over random sizes.
//!
//! The definition of a convolution is `cnn_kernels::conv::forward` in `f64`, which is tested against PyTorch.

mod common;

use cnn_kernels::blocked::{
    Activation, Algorithm, Buffer, Combine, ConvInput, ConvStep, Depthwise, Interleave, Layer, Linear, Map,
    Move, Operator, Place, Plain, Pool, PoolKind, Program, Step, Target, Weight, Winograd,
};
use cnn_kernels::conv::{self, Conv};
use cnn_kernels::pool::{self, Adaptive};
use cnn_kernels::simd::{Isa, LANES};
use cnn_kernels::window::Span;
use common::numbers;
use proptest::prelude::*;

/// Random sizes are few under Miri, which is slow.
fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 4 } else { 160 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
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

fn most() -> usize {
    if cfg!(miri) { 7 } else { 40 }
}

fn map(offset: usize, shape: [usize; 3]) -> Map {
    let map = Map { offset, stride: 0, shape };
    Map { stride: map.len() + LANES, ..map }
}

fn boxed(step: impl Step + 'static) -> Box<dyn Step> {
    Box::new(step)
}

fn f32s(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// The largest difference, as a part of `scale`; what is not finite must be so in both, and alike.
fn error(expected: &[f64], found: &[f32], scale: f64) -> f64 {
    assert_eq!(expected.len(), found.len());
    let differences = expected.iter().zip(found).map(|(&x, &y)| {
        let y = f64::from(y);
        if x.is_finite() {
            (x - y).abs() / scale
        } else if x.is_nan() == y.is_nan() && (x.is_nan() || x == y) {
            0.0
        } else {
            f64::INFINITY
        }
    });
    differences.fold(0.0, |most, one| if one > most || one.is_nan() { one } else { most })
}

/// The largest of the values that are finite.
fn largest(values: &[f64]) -> f64 {
    values.iter().filter(|x| x.is_finite()).fold(1e-30, |top: f64, x| top.max(x.abs()))
}

/// Loads input 0 as a map, does the steps, and gives a map.
struct Rig {
    batch: usize,
    threads: usize,
    arena: usize,
}

impl Rig {
    fn run(&self, steps: Vec<Box<dyn Step>>, inputs: &[&[f32]], output: usize) -> Vec<f32> {
        let lengths = inputs.iter().map(|input| input.len()).collect();
        let program = Program::new(steps, self.batch, lengths, vec![output], self.arena, self.threads);
        let mut workspace = program.workspace();
        let mut first = vec![f32::NAN; output];
        program.run(&mut workspace, inputs, &mut [&mut first]).unwrap();
        // Again, over what the first run left in the arena.
        let mut second = vec![f32::NAN; output];
        program.run(&mut workspace, inputs, &mut [&mut second]).unwrap();
        assert_eq!(bits(&first), bits(&second), "two runs differ");
        second
    }
}

/// Of NaN, whatever its digits.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() }).collect()
}

/// To the nearest values with eight bits, by arithmetic.
fn rounded_to_bf16(values: &[f32]) -> Vec<f32> {
    let nearest = |value: f64| {
        let unit = 2f64.powi(value.abs().max(1e-38).log2().floor() as i32 - 7);
        (value / unit).round_ties_even() * unit
    };
    values.iter().map(|&value| nearest(f64::from(value)) as f32).collect()
}

fn relu(values: &mut [f64]) {
    values.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
}

/// The definition, in `f64`: by matrix products, whose own tests compare with PyTorch; under Miri value by value.
fn convolve(conv: &Conv, x: &[f64], weight: &[f64], bias: Option<&[f64]>) -> Vec<f64> {
    let mut y = vec![0.0; conv.output_len()];
    if !cfg!(miri) {
        conv::forward(conv, x, weight, bias, &mut y);
        return y;
    }
    let (inputs, outputs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let (height, width) = (conv.rows.output(), conv.columns.output());
    for (index, y) in y.iter_mut().enumerate() {
        let (n, o) =
            (index / (conv.out_channels * height * width), index / (height * width) % conv.out_channels);
        let (row, column) = (index / width % height, index % width);
        *y = bias.map_or(0.0, |bias| bias[o]);
        for c in 0..inputs {
            let plane = n * conv.in_channels + o / outputs * inputs + c;
            for ky in 0..conv.rows.kernel() {
                for kx in 0..conv.columns.kernel() {
                    let place = (conv.rows.position(row, ky), conv.columns.position(column, kx));
                    if let (Some(top), Some(left)) = place {
                        let tap = ((o * inputs + c) * conv.rows.kernel() + ky) * conv.columns.kernel() + kx;
                        *y +=
                            weight[tap] * x[(plane * conv.rows.input() + top) * conv.columns.input() + left];
                    }
                }
            }
        }
    }
    y
}

/// What an algorithm's errors may be, as a part of what the sums would be if all their terms had one sign.
fn bound(algorithm: Algorithm) -> f64 {
    match algorithm {
        Algorithm::Direct | Algorithm::DirectBf16 => 1e-6,
        Algorithm::Winograd(Winograd::F2x3) => 2e-6,
        Algorithm::Winograd(Winograd::F4x3 | Winograd::F2x5) => 5e-6,
        Algorithm::Winograd(Winograd::F6x3) => 3e-5,
    }
}

/// A convolution with bias, residual and ReLU in every instruction set and algorithm.
fn check_conv(conv: Conv, threads: usize, with_bias: bool, with_residual: bool, special: bool) {
    let mut x = numbers(conv.input_len(), 1);
    if special {
        let (nan, infinite) = (x.len() / 3, x.len() / 2);
        x[nan] = f64::NAN;
        x[infinite] = f64::INFINITY;
    }
    let (weight, bias) = (f32s(&numbers(conv.weight_len(), 2)), f32s(&numbers(conv.out_channels, 3)));
    let residual = f32s(&numbers(conv.output_len(), 4));
    // With a bias, weights are scaled as batch norms scale them.
    let scales = numbers(conv.out_channels, 14);
    let x = f32s(&x);
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let mut scaled = wide(&weight);
    if with_bias {
        for (row, factor) in scaled.chunks_mut(conv.weight_len() / conv.out_channels).zip(&scales) {
            row.iter_mut().for_each(|value| *value *= factor);
        }
    }
    let bias64 = wide(&bias);
    let expected = |weight: &[f64]| {
        let mut expected = convolve(&conv, &wide(&x), weight, with_bias.then_some(&bias64));
        if with_residual {
            expected.iter_mut().zip(&residual).for_each(|(y, &r)| *y += f64::from(r));
        }
        relu(&mut expected);
        expected
    };
    let plain = ConvStep::takes_plain(&conv);
    let single = expected(&scaled);
    let halves = if plain { single.clone() } else { expected(&wide(&rounded_to_bf16(&f32s(&scaled)))) };
    let size = |values: &[f64]| -> Vec<f64> {
        values.iter().map(|x| if x.is_finite() { x.abs() } else { 0.0 }).collect()
    };
    let scale = largest(&convolve(&conv, &size(&wide(&x)), &size(&scaled), None)) + 2.0;

    let shape = [conv.in_channels, conv.rows.input(), conv.columns.input()];
    let out_shape = [conv.out_channels, conv.rows.output(), conv.columns.output()];
    let input = map(0, shape);
    let added = map(conv.batch * input.stride, out_shape);
    let output = map(added.offset + conv.batch * added.stride, out_shape);
    let rig = Rig { batch: conv.batch, threads, arena: output.offset + conv.batch * output.stride };
    let algorithms = [
        Algorithm::Direct,
        Algorithm::DirectBf16,
        Algorithm::Winograd(Winograd::F2x3),
        Algorithm::Winograd(Winograd::F4x3),
        Algorithm::Winograd(Winograd::F6x3),
        Algorithm::Winograd(Winograd::F2x5),
    ];
    let layer = Layer {
        weight: &weight,
        scale: with_bias.then_some(scales.as_slice()),
        bias: with_bias.then_some(bias.as_slice()),
        activation: Some(Activation::Relu),
    };
    for isa in Isa::available() {
        let target = Target { isa, threads };
        let residual_map = with_residual.then_some(added);
        let mut steps: Vec<(Algorithm, Box<dyn Step>)> = Vec::new();
        for algorithm in algorithms {
            if ConvStep::fits(algorithm, &conv) {
                let place = if plain { ConvInput::Plain(Plain::Input(0)) } else { ConvInput::Map(input) };
                let step = ConvStep::new(target, conv, algorithm, &layer, place, residual_map, output);
                steps.push((algorithm, boxed(step)));
            }
        }
        if Depthwise::fits(&conv) {
            let step = Depthwise::new(target, conv, &layer, input, residual_map, output);
            steps.push((Algorithm::Direct, boxed(step)));
        }
        for (algorithm, step) in steps {
            let name = step.algorithm();
            let expected = if algorithm == Algorithm::DirectBf16 { &halves } else { &single };
            let all = vec![
                boxed(Move::new(conv.batch, shape, Place::Plain(Plain::Input(0)), Place::Map(input, 0))),
                boxed(Move::new(conv.batch, out_shape, Place::Plain(Plain::Input(1)), Place::Map(added, 0))),
                step,
                boxed(Move::new(
                    conv.batch,
                    out_shape,
                    Place::Map(output, 0),
                    Place::Plain(Plain::Output(0)),
                )),
            ];
            let found = rig.run(all, &[&x, &residual], conv.output_len());
            let error = error(expected, &found, scale);
            assert!(error < bound(algorithm), "{isa} {name}: {error:e} for {conv:?}, {threads} threads");
        }
    }
}

fn channels() -> impl Strategy<Value = (usize, usize, usize)> {
    let most: usize = if cfg!(miri) { 9 } else { 70 };
    prop_oneof![
        (1..=most, 1..=most).prop_map(|(c, k)| (c, k, 1)),
        (1..=4usize, 1..=most).prop_map(|(c, k)| (c, k, 1)),
        (1..=4usize, 1..=9usize, 1..=9usize).prop_map(|(g, c, k)| (g * c, g * k, g)),
        (1..=4usize).prop_map(|g| (16 * g, 32 * g, g)),
        (1..=most).prop_map(|c| (c, c, c)),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn convolutions(
        (in_channels, out_channels, groups) in channels(),
        (rows, columns) in (axis(most(), 5), axis(most(), 5)),
        batch in 1..=3usize,
        threads in 1..=3usize,
        (bias, residual) in (any::<bool>(), any::<bool>()),
    ) {
        let conv = Conv { batch, in_channels, out_channels, groups, rows, columns };
        check_conv(conv, threads, bias, residual, false);
    }

    #[test]
    fn windows_of_minimal_filtering(
        (in_channels, out_channels) in (5..=70usize, 1..=70usize),
        (height, width) in (1..=most(), 1..=most()),
        kernel in prop_oneof![Just(3usize), Just(5)],
        (before, after) in (0..=2usize, 0..=2usize),
        batch in 1..=3usize,
        threads in 1..=3usize,
        special in any::<bool>(),
    ) {
        let span = |input: usize| {
            let room = (input + before + after).checked_sub(kernel)?;
            Span::new(input, room + 1, kernel, 1, 1, [before, after])
        };
        if let (Some(rows), Some(columns)) = (span(height), span(width)) {
            let in_channels = if cfg!(miri) { 5 } else { in_channels };
            let conv = Conv { batch, in_channels, out_channels, groups: 1, rows, columns };
            check_conv(conv, threads, true, true, special);
        }
    }

    #[test]
    fn values_that_are_not_finite_stay_where_the_definition_has_them(
        (in_channels, out_channels, groups) in channels(),
        (rows, columns) in (axis(most(), 3), axis(most(), 3)),
    ) {
        check_conv(Conv { batch: 1, in_channels, out_channels, groups, rows, columns }, 2, true, false, true);
    }

    #[test]
    fn pooling(
        channels in 1..=40usize,
        (rows, columns) in (axis(most(), 4), axis(most(), 4)),
        batch in 1..=3usize,
        threads in 1..=3usize,
        nan in any::<bool>(),
    ) {
        check_pool(channels, [rows, columns], batch, threads, nan);
    }

    #[test]
    fn fully_connected(
        (inputs, outputs) in (1..=if cfg!(miri) { 40usize } else { 300 }, 1..=50usize),
        batch in 1..=11usize,
        threads in 1..=3usize,
        bias in any::<bool>(),
    ) {
        check_linear([inputs, outputs], batch, threads, bias);
    }

    #[test]
    fn value_by_value(
        shape in [1..=40usize, 1..=9, 1..=9],
        batch in 1..=3usize,
        threads in 1..=3usize,
        multiply in any::<bool>(),
        broadcast in any::<bool>(),
    ) {
        check_combine(shape, batch, threads, multiply, broadcast);
    }

    #[test]
    fn interleaved(
        shape in [1..=40usize, 1..=9, 1..=9],
        steps in [1..=3usize, 1..=3],
        batch in 1..=3usize,
        threads in 1..=3usize,
    ) {
        prop_assume!(steps[0] <= shape[1] && steps[1] <= shape[2]);
        check_interleave(shape, steps, batch, threads);
    }

    #[test]
    fn copies(
        shape in [1..=20usize, 1..=5, 1..=5],
        (before, after) in (0..=20usize, 0..=20usize),
        batch in 1..=2usize,
    ) {
        check_move(shape, before, after, batch);
    }
}

fn check_pool(channels: usize, [rows, columns]: [Span; 2], batch: usize, threads: usize, nan: bool) {
    let (shape, out) =
        ([channels, rows.input(), columns.input()], [channels, rows.output(), columns.output()]);
    let (len, out_len): (usize, usize) = (shape.iter().product(), out.iter().product());
    let mut x = numbers(batch * len, 5);
    if nan {
        let middle = x.len() / 2;
        x[middle] = f64::NAN;
    }
    let x = f32s(&x);
    let wide: Vec<f64> = x.iter().map(|&value| f64::from(value)).collect();
    let windows = rows.empty_window().is_none() && columns.empty_window().is_none();
    let grid = out[1] <= shape[1] && out[2] <= shape[2];
    for kind in [PoolKind::Max, PoolKind::Mean, PoolKind::MeanWithPadding, PoolKind::Adaptive] {
        if kind == PoolKind::Adaptive && !grid || kind != PoolKind::Adaptive && !windows {
            continue;
        }
        let mut expected = vec![0.0; batch * out_len];
        let geometry = pool::Pool { planes: batch * channels, rows, columns };
        match kind {
            PoolKind::Max => pool::max(&geometry, &wide, &mut expected),
            PoolKind::Mean => pool::average(&geometry, false, &wide, &mut expected),
            PoolKind::MeanWithPadding => pool::average(&geometry, true, &wide, &mut expected),
            PoolKind::Adaptive => {
                let [output, input] = [[out[1], out[2]], [shape[1], shape[2]]];
                let geometry = Adaptive { planes: batch * channels, input, output };
                pool::adaptive_average(&geometry, &wide, &mut expected);
            }
        }
        let input = map(0, shape);
        let output = map(batch * input.stride, out);
        let rig = Rig { batch, threads, arena: output.offset + batch * output.stride };
        for isa in Isa::available() {
            let steps = vec![
                boxed(Move::new(batch, shape, Place::Plain(Plain::Input(0)), Place::Map(input, 0))),
                boxed(Pool::new(Target { isa, threads }, kind, [rows, columns], batch, input, output)),
                boxed(Move::new(batch, out, Place::Map(output, 0), Place::Plain(Plain::Output(0)))),
            ];
            let found = rig.run(steps, &[&x], batch * out_len);
            let error = error(&expected, &found, 1.0);
            assert!(error < 1e-6, "{isa} {kind:?}: {error:e} for {rows:?} {columns:?}");
        }
    }
}

fn check_linear([inputs, outputs]: [usize; 2], batch: usize, threads: usize, with_bias: bool) {
    let (x, weight) = (f32s(&numbers(batch * inputs, 6)), f32s(&numbers(inputs * outputs, 7)));
    let bias = f32s(&numbers(outputs, 8));
    let expected = |weight: &[f32]| -> Vec<f64> {
        let mut y: Vec<f64> = (0..batch * outputs)
            .map(|i| {
                let (n, o) = (i / outputs, i % outputs);
                let products =
                    (0..inputs).map(|k| f64::from(x[n * inputs + k]) * f64::from(weight[o * inputs + k]));
                products.sum::<f64>() + if with_bias { f64::from(bias[o]) } else { 0.0 }
            })
            .collect();
        relu(&mut y);
        y
    };
    let rounded = rounded_to_bf16(&weight);
    // What a sum would be if all its terms had one sign.
    let scale = inputs as f64;
    let rig = Rig { batch, threads, arena: 0 };
    for isa in Isa::available() {
        for (kind, held, expected) in [
            ("f32", Weight::f32(&weight), expected(&weight)),
            ("bf16", Weight::bf16(&weight), expected(&rounded)),
        ] {
            let bias = with_bias.then_some(bias.as_slice());
            let (target, places) = (Target { isa, threads }, [Plain::Input(0), Plain::Output(0)]);
            let relu = Some(Activation::Relu);
            let layer = Linear::new(target, [inputs, outputs], batch, held, bias, relu, places);
            let found = rig.run(vec![boxed(layer)], &[&x], batch * outputs);
            let error = error(&expected, &found, scale);
            assert!(error < 5e-7, "{isa} {kind}: {error:e} for {inputs} to {outputs}, batch {batch}");
        }
    }
}

fn check_combine(shape: [usize; 3], batch: usize, threads: usize, multiply: bool, broadcast: bool) {
    let [channels, height, width] = shape;
    let other_shape = if broadcast { [channels, 1, 1] } else { shape };
    let (len, other_len): (usize, usize) = (shape.iter().product(), other_shape.iter().product());
    let (mut x, other) = (f32s(&numbers(batch * len, 9)), f32s(&numbers(batch * other_len, 10)));
    // All functions keep it, as PyTorch's do.
    x[len / 2] = f32::NAN;
    let (scale, shift) = (f32s(&numbers(channels, 11)), f32s(&numbers(channels, 12)));
    type Function = fn(f64) -> f64;
    let activations: [(Option<Activation>, Function); 11] = [
        (None, |x| x),
        (Some(Activation::Relu), |x| x.clamp(0.0, f64::INFINITY)),
        (Some(Activation::Relu6), |x| x.clamp(0.0, 6.0)),
        (Some(Activation::LeakyRelu { slope: 0.25 }), |x| if x > 0.0 { x } else { 0.25 * x }),
        (Some(Activation::Elu { alpha: 1.5 }), |x| if x > 0.0 { x } else { 1.5 * x.exp_m1() }),
        (Some(Activation::Gelu), |x| x * 0.5 * libm::erfc(-x / 2f64.sqrt())),
        (Some(Activation::Silu), |x| x / (1.0 + (-x).exp())),
        (Some(Activation::HardSwish), |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0),
        (Some(Activation::HardSigmoid), |x| (x + 3.0).clamp(0.0, 6.0) / 6.0),
        (Some(Activation::Sigmoid), |x| 1.0 / (1.0 + (-x).exp())),
        (Some(Activation::Tanh), f64::tanh),
    ];
    let (first, second) = (map(0, shape), map(batch * map(0, shape).stride, other_shape));
    let rig = Rig { batch, threads, arena: second.offset + batch * second.stride };
    let operator = if multiply { Operator::Multiply } else { Operator::Add };
    // Large arguments too, where exponentials end.
    let large = |values: &[f32]| values.iter().map(|value| 40.0 * value).collect::<Vec<f32>>();
    let (scale, shift) = (large(&scale), large(&shift));
    // The arguments in `f32`, as they are: what is looked at is the functions.
    let arguments: Vec<f32> = (0..batch * len)
        .map(|i| {
            let (n, c) = (i / len, i / (height * width) % channels);
            let b = if broadcast { other[n * channels + c] } else { other[i] };
            (if multiply { x[i] * b } else { x[i] + b }) * scale[c] + shift[c]
        })
        .collect();
    for (activation, function) in activations {
        let expected: Vec<f64> = arguments.iter().map(|&x| function(f64::from(x))).collect();
        for isa in Isa::available() {
            let met = Some((operator, second));
            let affine = [Some(scale.as_slice()), Some(shift.as_slice())];
            let steps = vec![
                boxed(Move::new(batch, shape, Place::Plain(Plain::Input(0)), Place::Map(first, 0))),
                boxed(Move::new(batch, other_shape, Place::Plain(Plain::Input(1)), Place::Map(second, 0))),
                // In place.
                boxed(Combine::new(Target { isa, threads }, batch, first, met, affine, activation, first)),
                boxed(Move::new(batch, shape, Place::Map(first, 0), Place::Plain(Plain::Output(0)))),
            ];
            let found = rig.run(steps, &[&x, &other], batch * len);
            let error = error(&expected, &found, largest(&expected).max(1.0));
            assert!(error < 1e-6, "{isa} {activation:?}: {error:e}");
        }
    }
}

fn check_interleave(shape: [usize; 3], steps: [usize; 2], batch: usize, threads: usize) {
    let [channels, height, width] = shape;
    let (mut arena, mut maps, mut parts) = (0, Vec::new(), Vec::new());
    // Every value of the output says where it is.
    let value =
        |n: usize, c: usize, y: usize, x: usize| (((n * 64 + c) * 16 + y) * 16 + x) as f32 / 256.0 - 100.0;
    for row in 0..steps[0] {
        for column in 0..steps[1] {
            let part =
                [channels, (row..height).step_by(steps[0]).len(), (column..width).step_by(steps[1]).len()];
            let mut values = Vec::new();
            for (n, c) in (0..batch).flat_map(|n| (0..channels).map(move |c| (n, c))) {
                for y in (row..height).step_by(steps[0]) {
                    values.extend((column..width).step_by(steps[1]).map(|x| value(n, c, y, x)));
                }
            }
            maps.push(map(arena, part));
            arena += batch * map(arena, part).stride;
            parts.push(values);
        }
    }
    let output = map(arena, shape);
    let rig = Rig { batch, threads, arena: arena + batch * output.stride };
    let (scale, shift) = (f32s(&numbers(channels, 11)), f32s(&numbers(channels, 12)));
    for (affine, activation) in
        [(false, None), (true, Some(Activation::Relu)), (true, Some(Activation::Tanh))]
    {
        let mut expected = Vec::new();
        for (n, c) in (0..batch).flat_map(|n| (0..channels).map(move |c| (n, c))) {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let value = value(n, c, y, x);
                let value = f64::from(if affine { value * scale[c] + shift[c] } else { value });
                expected.push(match activation {
                    None => value,
                    Some(Activation::Relu) => value.max(0.0),
                    Some(_) => value.tanh(),
                });
            }
        }
        for isa in Isa::available() {
            let target = Target { isa, threads };
            let affine = affine.then_some((scale.as_slice(), shift.as_slice()));
            let affine = [affine.map(|(scale, _)| scale), affine.map(|(_, shift)| shift)];
            let mut all: Vec<Box<dyn Step>> = Vec::new();
            for (index, &part) in maps.iter().enumerate() {
                let (from, to) = (Place::Plain(Plain::Input(index)), Place::Map(part, 0));
                all.push(boxed(Move::new(batch, part.shape, from, to)));
            }
            all.push(boxed(Interleave::new(
                target,
                batch,
                steps,
                maps.iter().copied().map(Some).collect(),
                affine,
                activation,
                output,
            )));
            let (from, to) = (Place::Map(output, 0), Place::Plain(Plain::Output(0)));
            all.push(boxed(Move::new(batch, shape, from, to)));
            let inputs: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
            let found = rig.run(all, &inputs, expected.len());
            let error = error(&expected, &found, largest(&expected).max(1.0));
            assert!(error < 1e-6, "{isa} {activation:?}: {error:e}");
        }
    }
}

/// Channels of a larger map, and back.
fn check_move(shape: [usize; 3], before: usize, after: usize, batch: usize) {
    let len: usize = shape.iter().product();
    let x = f32s(&numbers(batch * len, 13));
    let whole = map(0, [before + shape[0] + after, shape[1], shape[2]]);
    let rig = Rig { batch, threads: 2, arena: batch * whole.stride };
    let steps = vec![
        boxed(Move::new(batch, shape, Place::Plain(Plain::Input(0)), Place::Map(whole, before))),
        boxed(Move::new(batch, shape, Place::Map(whole, before), Place::Plain(Plain::Output(0)))),
    ];
    assert_eq!(rig.run(steps, &[&x], batch * len), x);
    check_blocks(shape, batch);
}

/// To blocks of channels, and back, in turns.
fn check_blocks(shape: [usize; 3], batch: usize) {
    let [channels, height, width] = shape;
    let (len, pixels) = (channels * height * width, height * width);
    let x = f32s(&numbers(batch * len, 14));
    let place = map(0, shape);
    let program = |from, to, [inputs, outputs]: [usize; 2]| {
        let steps = vec![
            boxed(Move::new(1, shape, from, Place::Map(place, 0))),
            boxed(Move::new(1, shape, Place::Map(place, 0), to)),
        ];
        Program::new(steps, 1, vec![inputs], vec![outputs], place.len(), 2).in_turns(batch)
    };
    let (plain, blocks) = (
        [Plain::Input(0), Plain::Output(0)].map(Place::Plain),
        [Plain::Input(0), Plain::Output(0)].map(Place::Blocks),
    );
    let there = program(plain[0], blocks[1], [len, place.len()]);
    let back = program(blocks[0], plain[1], [place.len(), len]);
    let (mut blocked, mut found) = (vec![f32::NAN; batch * place.len()], vec![0.0; batch * len]);
    there.run(&mut there.workspace(), &[&x], &mut [&mut blocked]).unwrap();
    for (index, &value) in blocked.iter().enumerate() {
        let (n, rest) = (index / place.len(), index % place.len());
        let (block, pixel, lane) = (rest / (pixels * LANES), rest / LANES % pixels, rest % LANES);
        let channel = block * LANES + lane;
        let expected = if channel < channels { x[n * len + channel * pixels + pixel] } else { 0.0 };
        assert_eq!(value, expected, "{shape:?} {index}");
    }
    back.run(&mut back.workspace(), &[&blocked], &mut [&mut found]).unwrap();
    assert_eq!(found, x);
}

#[test]
fn sizes_of_networks() {
    if cfg!(miri) {
        return;
    }
    // Long rows, many channels, all ways of sharing.
    for (c, k, side, kernel, stride, pad) in [
        (3, 64, 150, 7, 2, 3),
        (64, 64, 120, 3, 1, 1),
        (200, 150, 30, 3, 1, 1),
        (256, 320, 14, 3, 1, 1),
        (192, 96, 57, 1, 1, 0),
        (96, 160, 27, 5, 1, 2),
    ] {
        let output = (side + 2 * pad - kernel) / stride + 1;
        let span = Span::new(side, output, kernel, stride, 1, [pad, pad]).unwrap();
        let conv = Conv { batch: 2, in_channels: c, out_channels: k, groups: 1, rows: span, columns: span };
        check_conv(conv, 2, true, true, false);
    }
}

#[test]
#[should_panic(expected = "in an arena of")]
fn a_step_outside_of_the_arena_is_refused() {
    let place = map(0, [16, 4, 4]);
    let step = Move::new(1, [16, 4, 4], Place::Plain(Plain::Input(0)), Place::Map(place, 0));
    let _ = Program::new(vec![boxed(step)], 1, vec![256], Vec::new(), 255 - LANES, 1);
}

#[test]
fn buffers_are_aligned_and_zero() {
    for len in [0, 1, 100] {
        let buffer: Buffer = Buffer::zeros(len);
        assert_eq!((buffer.len(), buffer.iter().all(|&value| value == 0.0)), (len, true));
        assert!(len == 0 || buffer.as_ptr().addr().is_multiple_of(64));
    }
}

#[test]
fn what_is_written_over_what_is_read_is_refused() {
    let span = Span::new(4, 4, 1, 1, 1, [0, 0]).unwrap();
    let target = Target { isa: Isa::Portable, threads: 1 };
    let place = map(0, [16, 4, 4]);
    for offset in [0, 16, 255] {
        let made = std::panic::catch_unwind(|| {
            let output = Map { offset, ..place };
            let pool = Pool::new(target, PoolKind::Max, [span, span], 1, place, output);
            Program::new(vec![boxed(pool)], 1, Vec::new(), Vec::new(), 1024, 1)
        });
        assert!(made.is_err(), "{offset}");
    }
}
