//! What else a plan can do: slices, forks, its steps and their times, precisions and tunings.

use cnn_runtime::Plan;
use cnn_runtime::prelude::*;

use crate::formula::values;

network! {
    Blocks: 3x16x16 -> 10 {
        conv5-16(pad=2) bn relu -> pool2
        -> residual { conv3-16 bn relu conv3-16 bn } relu
        -> flatten -> fc40 relu -> fc: fc10
    }

    Maps: 3x24x24 -> 32x24x24 { conv3-32 relu conv5-32(pad=2) relu conv3-32 relu conv3-32(groups=8) }

    Sized: [3, H, W] -> 4 { conv3-8 relu -> gap -> fc4 }
}

fn blocks() -> Blocks {
    Blocks::init(Init::seed(3), &Device::Cpu).unwrap()
}

fn images(batch: usize) -> Tensor {
    Tensor::from_vec(values("input", batch * 768), (batch, 3, 16, 16), &Device::Cpu).unwrap()
}

fn numbers(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference, as a part of the largest value.
fn deviation(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    assert!(largest > 0.0);
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max) / largest
}

#[test]
fn slices() {
    let network = blocks();
    let mut plan = network.compile(&CompileOptions::batch(2)).unwrap();
    let x = images(2);
    let (pixels, mut logits) = (numbers(&x), vec![0.0; 20]);
    plan.run_slices(&[&pixels], &mut [&mut logits]).unwrap();
    assert!(deviation(&logits, &numbers(&network.forward(&x).unwrap())) <= 1e-6);

    // From any address.
    let shifted = [&[0.0], pixels.as_slice()].concat();
    let mut room = [0.0; 23];
    plan.run_slices(&[&shifted[1..]], &mut [&mut room[3..]]).unwrap();
    assert_eq!(room[3..], logits);

    let mut refused = |inputs: &[&[f32]], outputs: &mut [&mut [f32]], reason: &str| {
        let error = plan.run_slices(inputs, outputs).unwrap_err().to_string();
        assert_eq!(error, format!("the plan of `Blocks`: {reason}"));
    };
    refused(&[], &mut [&mut logits], "expected 1 inputs, found 0");
    refused(&[&pixels], &mut [], "expected 1 outputs, found 0");
    refused(
        &[&pixels[1..]],
        &mut [&mut logits],
        "input 0 has the shape [2, 3, 16, 16], which is 1536 values, found a slice of 1535",
    );
    refused(
        &[&pixels],
        &mut [&mut [0.0; 10]],
        "output 0 has the shape [2, 10], which is 20 values, found a slice of 10",
    );
    assert!(deviation(&logits, &numbers(&network.forward(&x).unwrap())) <= 1e-6, "nothing was written");
}

#[test]
fn slices_of_sizes_that_are_symbols() {
    let network = Sized::init(Init::seed(3), &Device::Cpu).unwrap();
    let mut plan = network.compile(&CompileOptions::batch(1)).unwrap();
    let mut logits = [0.0; 4];
    let error = plan.run_slices(&[&[0.0; 192]], &mut [&mut logits]).unwrap_err().to_string();
    assert_eq!(
        error,
        "the plan of `Sized`: its sizes are symbols: give them with `CompileOptions::with_input`, or run it on a tensor \
         first"
    );
    assert_eq!(plan.to_string(), "Sized: not prepared for any sizes yet");
    assert!(plan.steps().is_empty());
    // The sizes of the last run.
    let x = images(1).narrow(2, 0, 8).unwrap().narrow(3, 0, 8).unwrap().contiguous().unwrap();
    let expected = numbers(&plan.run(&x).unwrap());
    plan.run_slices(&[&numbers(&x)], &mut [&mut logits]).unwrap();
    assert_eq!(logits.as_slice(), expected);
    assert!(plan.run_slices(&[&[0.0; 768]], &mut [&mut logits]).is_err());
}

#[test]
fn forks_run_at_the_same_time() {
    let network = blocks();
    let plan = network.compile(&CompileOptions::batch(1)).unwrap();
    let x = images(4);
    let expected: Vec<Vec<f32>> =
        (0..4).map(|n| numbers(&network.forward(x.narrow(0, n, 1).unwrap()).unwrap())).collect();
    std::thread::scope(|scope| {
        for (n, expected) in expected.iter().enumerate() {
            let (mut plan, sample) = (plan.fork(), x.narrow(0, n, 1).unwrap());
            scope.spawn(move || {
                for _ in 0..50 {
                    let found = numbers(&plan.run(&sample).unwrap());
                    assert!(deviation(&found, expected) <= 1e-6, "sample {n}");
                }
            });
        }
    });
    // They watch the same weights.
    let mut fork = plan.fork();
    network
        .state()
        .get("fc.bias")
        .unwrap()
        .set(&Tensor::ones(10, DType::F32, &Device::Cpu).unwrap())
        .unwrap();
    assert!(fork.run(&x.narrow(0, 0, 1).unwrap()).unwrap_err().to_string().contains("`fc.bias` changed"));
}

#[test]
fn every_step_has_a_time() {
    let mut plan = blocks().compile(&CompileOptions::batch(1)).unwrap();
    let times = plan.profile(&[&images(1)]).unwrap();
    assert_eq!(times.len(), plan.steps().len());
    assert!(times.iter().any(|time| !time.is_zero()));
    assert!(plan.profile(&[&images(2)]).is_err());
}

/// What it says without what depends on the processor.
fn described(plan: &Plan) -> Vec<(&str, &[usize], &str, usize, usize)> {
    plan.steps()
        .iter()
        .map(|row| {
            (row.layers.as_str(), row.output.as_slice(), row.algorithm.as_str(), row.macs, row.weight_bytes)
        })
        .collect()
}

#[test]
fn the_steps_say_what_was_fused() {
    let plan = blocks().compile(&CompileOptions::batch(2).with_precision(Precision::Exact)).unwrap();
    let map = [2, 16, 8, 8];
    assert_eq!(
        described(&plan),
        [
            // By hand: 2 * 16 * 16 * 16 * 75 multiply-accumulates, 16 * 75 weights.
            ("conv2d + batch_norm + relu", &[2, 16, 16, 16][..], "direct", 614_400, 4 * 1200),
            ("max_pool2d", &map, "max pooling", 0, 0),
            ("conv2d + batch_norm + relu", &map, "direct", 294_912, 4 * 2304),
            ("conv2d + batch_norm + add + relu", &map, "direct", 294_912, 4 * 2304),
            ("(layout)", &map, "copy", 0, 0),
            ("linear + relu", &[2, 40], "dot products", 81_920, 4 * 40_960),
            ("linear", &[2, 10], "dot products", 800, 4 * 400),
        ]
    );
    let text = plan.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2 + 7 + 1);
    assert!(lines[0].starts_with("Blocks, batch 2, Exact, Fast, "), "{}", lines[0]);
    assert!(lines[1].starts_with("layers"), "{}", lines[1]);
    assert!(lines[9].starts_with("1.3 MMACs; weights "), "{}", lines[9]);
    let memory = plan.memory();
    let weights: usize = plan.steps().iter().map(|row| row.weight_bytes).sum();
    assert_eq!(memory.weights, weights);
    // Two maps of the first size, of which the second stage needs less, and at least one.
    let first = 4 * 2 * 16 * 256;
    assert!((first..3 * first).contains(&memory.activations), "{memory:?}");
}

#[test]
fn precisions_and_tunings() {
    let network = blocks();
    let x = images(2);
    let expected = numbers(&network.forward(&x).unwrap());
    let run = |options: CompileOptions| {
        let mut plan = network.compile(&options).unwrap();
        (numbers(&plan.run(&x).unwrap()), plan.memory().weights)
    };
    let batch = CompileOptions::batch(2);
    let (single, weights) = run(batch.clone());
    assert!(deviation(&single, &expected) <= 2e-5);
    let (exact, _) = run(batch.clone().with_precision(Precision::Exact));
    assert!(deviation(&exact, &expected) <= 1e-6);
    let (measured, _) = run(batch.clone().with_tuning(Tuning::Measured));
    assert!(deviation(&measured, &expected) <= 2e-5);
    // Weights are rounded to eight bits: of the fully connected layers, or of all but the first.
    let linear = 2 * (40 * 1024 + 10 * 40);
    let (halves, less) = run(batch.clone().with_precision(Precision::Bf16Linear));
    let error = deviation(&halves, &expected);
    assert!(error > 1e-5 && error <= 1e-2, "{error}");
    assert_eq!(weights - less, linear);
    let (halves, less) = run(batch.clone().with_precision(Precision::Bf16));
    let error = deviation(&halves, &expected);
    assert!(error > 1e-5 && error <= 1e-2, "{error}");
    assert_eq!(less, linear + 4 * 1200 + 2 * 2 * 2304);
    // The same every time.
    assert_eq!(run(batch).0, single);
}

#[test]
fn values_that_are_not_finite_are_where_forward_has_them() {
    let network = Maps::init(Init::seed(3), &Device::Cpu).unwrap();
    let mut plan = network.compile(&CompileOptions::batch(1)).unwrap();
    let ways: Vec<&str> = plan.steps().iter().map(|row| row.algorithm.as_str()).collect();
    assert!(ways.iter().filter(|way| way.starts_with("winograd")).count() == 2, "{ways:?}");
    for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut pixels = values("input", 3 * 24 * 24);
        pixels[24 * 9 + 13] = special;
        let x = Tensor::from_vec(pixels, (1, 3, 24, 24), &Device::Cpu).unwrap();
        let (found, expected) = (numbers(&plan.run(&x).unwrap()), numbers(&network.forward(&x).unwrap()));
        let finite = |values: &[f32]| values.iter().filter(|value| value.is_finite()).count();
        // A part of the map sees it: 11 x 11 pixels of 24 x 24 at most.
        assert!(finite(&expected) >= 32 * (24 * 24 - 11 * 11) && finite(&expected) < expected.len());
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let alike =
                (found - expected).abs() <= 1e-5 || found == expected || found.is_nan() && expected.is_nan();
            assert!(alike, "{special}, value {place}: {found} and {expected}");
        }
    }
}

network! {
    /// Inputs with the names of what generated code has.
    Named: (pass: 2x4x4, output: 2x4x4) -> 3 {
        pass -> conv1-2 @a; output -> conv1-2 @b; add(@a, @b) -> flatten -> fc: fc3
    }
}

#[test]
fn inputs_may_be_called_as_generated_variables_are() {
    let network = Named::init(Init::seed(3), &Device::Cpu).unwrap();
    let x = Tensor::ones((1, 2, 4, 4), DType::F32, &Device::Cpu).unwrap();
    let expected = network.forward(&x, &x).unwrap();
    let mut plan = network.compile(&CompileOptions::batch(1)).unwrap();
    let found = plan.run_all(&[&x, &x]).unwrap();
    assert!(deviation(&numbers(&found[0]), &numbers(&expected)) <= 1e-6);
}

network! {
    /// Large maps and few weights.
    Deep: 3x96x96 -> 10 { (conv3-16 bn relu) x6 -> pool2 -> conv3-16 relu -> gap -> fc: fc10 }
}

#[test]
fn a_batch_that_fits_no_cache_goes_in_turns() {
    let network = Deep::init(Init::seed(3), &Device::Cpu).unwrap();
    let x = Tensor::from_vec(values("input", 8 * 3 * 96 * 96), (8, 3, 96, 96), &Device::Cpu).unwrap();
    let expected = numbers(&network.forward(&x).unwrap());
    let mut plan = network.compile(&CompileOptions::batch(8)).unwrap();
    assert!(plan.to_string().starts_with("Deep, batch 8 in 8 turns, F32, "), "{plan}");
    assert!(deviation(&numbers(&plan.run(&x).unwrap()), &expected) <= 2e-5);
    let (pixels, mut logits) = (numbers(&x), vec![0.0; 80]);
    plan.fork().run_slices(&[&pixels], &mut [&mut logits]).unwrap();
    assert!(deviation(&logits, &expected) <= 2e-5);
    // What it says is of the whole batch; the memory is that of one sample.
    let one = network.compile(&CompileOptions::batch(1)).unwrap();
    assert_eq!(plan.memory(), one.memory());
    let macs = |plan: &Plan| plan.steps().iter().map(|row| row.macs).sum::<usize>();
    assert_eq!(macs(&plan), 8 * macs(&one));
    assert_eq!(plan.steps().last().unwrap().output, [8, 10]);
    assert_eq!(plan.profile(&[&x]).unwrap().len(), plan.steps().len());
    assert!(plan.run(&x.narrow(0, 0, 1).unwrap()).is_err());
}

network! {
    /// Large maps with few weights, then small maps with many: a residual lies on either side.
    Widening: 3x96x96 -> 10 {
        (conv3-20 bn relu) x5 -> residual { conv3-20 } relu -> conv3-512/8 relu
     -> (conv3-512 bn relu) x2 -> residual { conv3-512 } relu -> gap -> fc: fc10
    }
}

#[test]
fn a_batch_goes_in_turns_as_long_as_maps_are_large() {
    let network = Widening::init(Init::seed(3), &Device::Cpu).unwrap();
    let x = Tensor::from_vec(values("input", 8 * 3 * 96 * 96), (8, 3, 96, 96), &Device::Cpu).unwrap();
    let expected = numbers(&network.forward(&x).unwrap());
    let mut plan = network.compile(&CompileOptions::batch(8)).unwrap();
    assert!(plan.to_string().starts_with("Widening, batch 8, the first 9 steps in 8 turns, F32, "), "{plan}");
    assert!(deviation(&numbers(&plan.run(&x).unwrap()), &expected) <= 2e-5);
    let (pixels, mut logits) = (numbers(&x), vec![0.0; 80]);
    plan.fork().run_slices(&[&pixels], &mut [&mut logits]).unwrap();
    assert!(deviation(&logits, &expected) <= 2e-5);
    let one = network.compile(&CompileOptions::batch(1)).unwrap();
    let macs = |plan: &Plan| plan.steps().iter().map(|row| row.macs).sum::<usize>();
    assert_eq!(macs(&plan), 8 * macs(&one));
    assert!(plan.steps().iter().all(|row| row.output[0] == 8));
    assert_eq!(plan.profile(&[&x]).unwrap().len(), plan.steps().len());
}

network! {
    /// A step that shares itself out by rayon, large enough to do so, between others.
    Responses: 16x64x64 -> 16x64x64 { conv3-16 relu lrn5 conv3-16 relu lrn5 conv3-16 }
}

#[test]
fn steps_that_use_rayon_do_not_wait_for_each_other() {
    let network = Responses::init(Init::seed(3), &Device::Cpu).unwrap();
    let plan = network.compile(&CompileOptions::batch(1).with_threads(3)).unwrap();
    let x = Tensor::from_vec(values("input", 16 * 64 * 64), (1, 16, 64, 64), &Device::Cpu).unwrap();
    let expected = numbers(&network.forward(&x).unwrap());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    // From outside and from within the pool.
    std::thread::scope(|scope| {
        for inside in [false, true, false, true] {
            let (mut plan, x, expected, pool) = (plan.fork(), &x, &expected, &pool);
            scope.spawn(move || {
                let mut runs = move || {
                    for _ in 0..20 {
                        assert!(deviation(&numbers(&plan.run(x).unwrap()), expected) <= 2e-5);
                    }
                };
                if inside { pool.install(runs) } else { runs() }
            });
        }
    });
}
