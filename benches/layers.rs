//! Single layers of compiled plans: every algorithm that computes a convolution, beside the eager kernel.
//!
//! ```text
//! cargo bench -p cnn-benches --bench layers
//! cargo bench -p cnn-benches --bench layers -- 512x512
//! ```

#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;
use std::time::Duration;

use cnn_kernels::blocked::{
    Algorithm, ConvInput, ConvStep, Depthwise, Layer, Linear, Map, Plain, Program, Step, Target, Weight,
    Winograd,
};
use cnn_kernels::conv::{self, Conv};
use cnn_kernels::elementwise::Activation;
use cnn_kernels::simd::Isa;
use cnn_kernels::window::Span;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// in_channels, out_channels, side of the input, kernel, stride, padding, groups.
type Sizes = [usize; 7];

/// Of VGG-16, ResNet-18 and ResNet-50, MobileNetV2 and AlexNet.
const CONVOLUTIONS: [Sizes; 14] = [
    [3, 64, 224, 3, 1, 1, 1],
    [3, 64, 224, 7, 2, 3, 1],
    [64, 64, 224, 3, 1, 1, 1],
    [128, 128, 112, 3, 1, 1, 1],
    [256, 256, 56, 3, 1, 1, 1],
    [512, 512, 28, 3, 1, 1, 1],
    [512, 512, 14, 3, 1, 1, 1],
    [512, 512, 7, 3, 1, 1, 1],
    [128, 256, 28, 3, 2, 1, 1],
    [64, 192, 27, 5, 1, 2, 1],
    [256, 64, 56, 1, 1, 0, 1],
    [1024, 256, 14, 1, 1, 0, 1],
    [144, 144, 56, 3, 1, 1, 144],
    [960, 960, 7, 3, 1, 1, 960],
];

fn values(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7 % 31) as f32 / 31.0 - 0.5).collect()
}

fn geometry([inputs, outputs, side, kernel, stride, padding, groups]: Sizes) -> Conv {
    let output = (side + 2 * padding - kernel) / stride + 1;
    let span = Span::new(side, output, kernel, stride, 1, [padding; 2]).expect("a window that fits");
    Conv { batch: 1, in_channels: inputs, out_channels: outputs, groups, rows: span, columns: span }
}

fn map(offset: usize, shape: [usize; 3]) -> Map {
    let map = Map { offset, stride: 0, shape };
    Map { stride: map.len(), ..map }
}

fn convolutions(criterion: &mut Criterion) {
    let threads = rayon::current_num_threads();
    let target = Target { isa: Isa::best(), threads };
    for sizes in CONVOLUTIONS {
        let conv = geometry(sizes);
        let [inputs, outputs, side, kernel, stride, ..] = sizes;
        let name = format!("{inputs}x{outputs} {kernel}x{kernel}/{stride} at {side}");
        let mut group = criterion.benchmark_group(name);
        // Multiply-accumulates per second.
        group.throughput(Throughput::Elements((conv.output_len() * conv.weight_len() / outputs) as u64));
        let (x, weight) = (values(conv.input_len()), values(conv.weight_len()));
        let mut y = vec![0.0; conv.output_len()];
        group.bench_function("eager", |bencher| {
            bencher.iter(|| conv::forward(&conv, black_box(&x), &weight, None, &mut y));
        });
        let input = map(0, [inputs, side, side]);
        let output = map(input.len(), [outputs, conv.rows.output(), conv.columns.output()]);
        let plain = ConvStep::takes_plain(&conv);
        let place = if plain { ConvInput::Plain(Plain::Input(0)) } else { ConvInput::Map(input) };
        let layer = Layer { weight: &weight, scale: None, bias: None, activation: Some(Activation::Relu) };
        let mut steps: Vec<Box<dyn Step>> = Vec::new();
        if Depthwise::fits(&conv) {
            steps.push(Box::new(Depthwise::new(target, conv, &layer, input, None, output)));
        } else {
            let winograd =
                [Winograd::F2x3, Winograd::F4x3, Winograd::F6x3, Winograd::F2x5].map(Algorithm::Winograd);
            for algorithm in [Algorithm::Direct].into_iter().chain(winograd) {
                if ConvStep::fits(algorithm, &conv) {
                    steps.push(Box::new(ConvStep::new(target, conv, algorithm, &layer, place, None, output)));
                }
            }
        }
        for step in steps {
            let name = step.algorithm();
            let lengths = if plain { vec![x.len()] } else { Vec::new() };
            let program =
                Program::new(vec![step], 1, lengths, Vec::new(), output.offset + output.len(), threads);
            let mut workspace = program.workspace();
            let inputs: &[&[f32]] = if plain { &[&x] } else { &[] };
            group.bench_function(BenchmarkId::new("plan", name), |bencher| {
                bencher.iter(|| program.run(&mut workspace, black_box(inputs), &mut []));
            });
        }
        group.finish();
    }
}

fn fully_connected(criterion: &mut Criterion) {
    let threads = rayon::current_num_threads();
    for [inputs, outputs] in [[25_088, 4096], [4096, 4096], [2048, 1000]] {
        let weight = values(inputs * outputs);
        let kinds = [("f32", Weight::f32(&weight)), ("bf16", Weight::bf16(&weight))];
        for (kind, weight) in kinds {
            let mut group = criterion.benchmark_group(format!("{inputs} to {outputs}, {kind}"));
            let bytes = inputs * outputs * if kind == "f32" { 4 } else { 2 };
            group.throughput(Throughput::Bytes(bytes as u64));
            for batch in [1, 8] {
                let (x, mut y) = (values(batch * inputs), vec![0.0; batch * outputs]);
                let target = Target { isa: Isa::best(), threads };
                let (relu, places) = (Some(Activation::Relu), [Plain::Input(0), Plain::Output(0)]);
                let layer = Linear::new(target, [inputs, outputs], batch, weight.clone(), None, relu, places);
                let steps: Vec<Box<dyn Step>> = vec![Box::new(layer)];
                let program = Program::new(steps, batch, vec![x.len()], vec![y.len()], 0, threads);
                let mut workspace = program.workspace();
                group.bench_function(BenchmarkId::new("batch", batch), |bencher| {
                    bencher.iter(|| program.run(&mut workspace, black_box(&[&x]), &mut [&mut y]));
                });
            }
            group.finish();
        }
    }
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! {
    name = layers;
    config = quick();
    targets = convolutions, fully_connected
}
criterion_main!(layers);
