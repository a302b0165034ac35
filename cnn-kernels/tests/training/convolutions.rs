//! Convolutions and fully connected layers, there and back.

use cnn_kernels::blocked::training::{
    ChannelSums, DepthwiseWeightGradient, MaskedWeight, Product, ProductInputGradient, ProductWeightGradient,
    RowActivationGradient, WeightFrom, WeightGradient,
};
use cnn_kernels::blocked::{
    Activation, Algorithm, ConvInput, ConvStep, Depthwise, Late, Pad, Plain, Repack, Target, View, Winograd,
};
use cnn_kernels::conv::{self, Conv};
use cnn_kernels::simd::{Isa, LANES};
use cnn_kernels::window::Span;
use proptest::prelude::*;

use crate::rig::{Rig, away_of, axis, config, exact, most};

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
            rig.step(ChannelSums::new(target, conv.batch, g, None, to));
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
    fn fully_connected(
        batch in 1..=9usize, inputs in 1..=90usize, outputs in 1..=90usize, threads in 1..=3usize, relu: bool,
        drops: bool,
    ) {
        check_linear(batch, [inputs, outputs], threads, relu, drops);
    }
}

fn check_linear(batch: usize, [inputs, outputs]: [usize; 2], threads: usize, relu: bool, drops: bool) {
    let (x, whole) = (exact(batch * inputs, 1), exact(inputs * outputs, 2));
    let mask: Vec<f64> = exact(inputs * outputs, 5)
        .into_iter()
        .map(|value| {
            if !drops {
                1.0
            } else if value > 0.0 {
                1.25
            } else {
                0.0
            }
        })
        .collect();
    let weight: Vec<f64> = whole.iter().zip(&mask).map(|(weight, mask)| weight * mask).collect();
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
            (0..batch).map(|n| mask[index] * g[n * outputs + o] * x[n * inputs + i]).sum()
        })
        .collect();
    let db: Vec<f64> = (0..outputs).map(|o| (0..batch).map(|n| g[n * outputs + o]).sum()).collect();
    for isa in Isa::available() {
        let target = Target { isa, threads };
        let mut rig = Rig::new(batch, threads);
        let (w, b) = (rig.input(&whole), rig.input(&bias));
        let (input, behind, mask) = (rig.row(&x), rig.row(&grad), rig.row(&mask));
        let [output, before] = [(); 2].map(|()| rig.place(batch * outputs));
        let to = rig.place(batch * inputs);
        let features = [inputs, outputs];
        let (weights, biases) = (rig.output(inputs * outputs), rig.output(outputs));
        let mut from = WeightFrom::Input(w);
        if drops {
            let masked = rig.place(whole.len());
            rig.step(MaskedWeight::new(target, w, [mask, masked]));
            from = WeightFrom::Arena(masked);
        }
        rig.step(Product::new(target, batch, features, from, Some(b), relu, [input, output]));
        let mut g = behind;
        if relu {
            let rows = [output, behind, before];
            rig.step(RowActivationGradient::new(target, Activation::Relu, rows, batch * outputs));
            g = before;
        }
        let gradient = ProductWeightGradient::new(target, batch, features, weights, Some(biases), [input, g]);
        rig.step(if drops { gradient.masked(mask) } else { gradient });
        rig.step(ProductInputGradient::new(target, batch, features, from, [g, to]));
        rig.give_row(output, outputs);
        rig.give_row(to, inputs);
        for (expected, found) in [&dw, &db, &y, &dx].into_iter().zip(rig.run()) {
            let error = away_of(expected, &found, 0.1);
            assert!(error < 1e-5, "{isa}: {error:e}");
        }
    }
}
