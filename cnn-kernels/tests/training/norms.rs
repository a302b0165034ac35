//! Norms and what follows them, there and back.

use cnn_kernels::blocked::training::{
    ActivationGradient, BatchNorm, BatchNormGradient, GroupNorm, GroupNormGradient, Grouped, LayerNorm,
    LayerNormGradient, Layered, NormStatistics, Normalized,
};
use cnn_kernels::blocked::{Activation, Pad, Target};
use cnn_kernels::channels::Planes;
use cnn_kernels::norm::batch::{self, Channels, Gradients, Statistics};
use cnn_kernels::norm::{group, layer};
use cnn_kernels::simd::{Isa, LANES};
use proptest::prelude::*;

use crate::pointwise::{ENDS, end, leave_undecided};
use crate::rig::{Rig, away_of, config, exact, most};

proptest! {
    #![proptest_config(config())]

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
    fn layer_norms(
        batch in 1..=4usize, channels in 3..=2 * most(), sides in [1..=6usize, 1..=6usize], threads in 1..=3usize,
    ) {
        check_layer_norm(batch, [channels, sides[0], sides[1]], threads);
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
    // What an activation took cannot be computed again behind a residual.
    let residual = residual && activation.is_none_or(ActivationGradient::reads_output);
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
        let [weight, bias] = parameters.map_or([None; 2], |parameters| parameters.map(Some));
        let of = Normalized { batch, input, output, weight, bias, statistics, activation, saved };
        let affine = parameters.map(|_| [rig.output(shape[0]), rig.output(shape[0])]);
        rig.step(BatchNorm::new(target, of, residual.then_some(added), eps));
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
        let [weight, bias] = parameters.map_or([None; 2], |parameters| parameters.map(Some));
        let of = Grouped { batch, groups, input, output, weight, bias, activation, saved };
        let affine = parameters.map(|_| [rig.output(shape[0]), rig.output(shape[0])]);
        rig.step(GroupNorm::new(target, of, eps));
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

fn check_layer_norm(batch: usize, shape: [usize; 3], threads: usize) {
    let planes = Planes { batch, channels: shape[0], plane: shape[1] * shape[2] };
    let (count, pixels, eps) = (batch * shape.iter().product::<usize>(), batch * planes.plane, 1e-6);
    // Far from zero, each pixel elsewhere.
    let far = |index: usize| 10.0 + (index % planes.plane) as f64;
    let x = exact(count, 1).into_iter().enumerate();
    let x: Vec<f64> = x.map(|(index, value)| f64::from((value + far(index)) as f32)).collect();
    let (grad, weight, bias) = (exact(count, 2), exact(shape[0], 3), exact(shape[0], 4));
    let [mut mean, mut variance] = [vec![0.0; pixels], vec![0.0; pixels]];
    layer::statistics(&planes, &x, &mut mean, &mut variance);
    let norm = layer::Pixels { mean: &mean, variance: &variance, weight: &weight, eps };
    let mut y = vec![0.0; count];
    layer::forward(&planes, &norm, &bias, &x, &mut y);
    let [mut dx, mut dw, mut db] = [vec![0.0; count], vec![0.0; shape[0]], vec![0.0; shape[0]]];
    let gradients = Gradients { input: &mut dx, weight: &mut dw, bias: &mut db };
    layer::gradient(&planes, &norm, &x, &grad, gradients);
    for isa in Isa::available() {
        let target = Target { isa, threads };
        let mut rig = Rig::new(batch, threads);
        let (input, behind) = (rig.load(shape, &x), rig.load(shape, &grad));
        let [output, to] = [(); 2].map(|()| rig.map(shape));
        let saved = rig.place(Layered::saved_len(batch, shape));
        let [scale, shift] = [&weight, &bias].map(|values| {
            let (from, to) = (rig.input(values), rig.place(shape[0].next_multiple_of(LANES)));
            rig.step(Pad::new(from, to));
            to
        });
        let of = Layered { batch, input, weight: scale, saved };
        let affine = [rig.output(shape[0]), rig.output(shape[0])];
        rig.step(LayerNorm::new(target, of, shift, eps, output));
        rig.step(LayerNormGradient::new(target, of, behind, to, Some(affine)));
        rig.give(output);
        rig.give(to);
        let expected = [("scale", &dw), ("shift", &db), ("output", &y), ("input", &dx)];
        for ((what, expected), found) in expected.into_iter().zip(rig.run()) {
            let natural = if matches!(what, "scale" | "shift") { 0.1 * pixels as f64 } else { 0.1 };
            let error = away_of(expected, &found, natural);
            // The input has five digits behind its forty, and three channels may have little variance.
            assert!(error < 3e-4, "{isa} {what}: {error:e}");
        }
    }
}
