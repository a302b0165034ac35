//! Activations, pooling and factors, there and back.

use cnn_kernels::blocked::training::{
    ActivationGradient, ChannelScale, ChannelSums, PixelSums, PoolGradient, Spread,
};
use cnn_kernels::blocked::{Activation, Pool, PoolKind, Target};
use cnn_kernels::pool::{self, Adaptive};
use cnn_kernels::simd::Isa;
use cnn_kernels::window::Span;
use proptest::prelude::*;

use crate::rig::{Rig, away, away_of, axis, config, exact, most};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn pooling(
        batch in 1..=3usize, channels in 1..=most(), rows in axis(11, 3), columns in axis(11, 3), threads in 1..=3usize,
    ) {
        prop_assume!(rows.empty_window().is_none() && columns.empty_window().is_none());
        check_pool(batch, channels, [rows, columns], threads);
    }
}

/// What may follow a norm.
pub(crate) const ENDS: [Option<Activation>; 11] = [
    None,
    Some(Activation::Relu),
    Some(Activation::Relu6),
    Some(Activation::LeakyRelu { slope: 0.25 }),
    Some(Activation::Sigmoid),
    Some(Activation::Tanh),
    Some(Activation::Elu { alpha: 1.5 }),
    Some(Activation::Gelu),
    Some(Activation::Silu),
    Some(Activation::HardSwish),
    Some(Activation::HardSigmoid),
];

/// An activation of one value, and the way back of its gradient: NaN where rounding may decide it either way.
pub(crate) fn end(activation: Option<Activation>, y: &mut f64, g: &mut f64) {
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
        // The plain function, which is tested against PyTorch.
        Some(other) => {
            let (mut value, mut slope) = (0.0, 0.0);
            other.forward(&[x], std::slice::from_mut(&mut value));
            other.gradient(&[x], &[value], &[1.0], std::slice::from_mut(&mut slope));
            let is_hard = matches!(other, Activation::HardSwish | Activation::HardSigmoid);
            (value, if is_hard && (x.abs() - 3.0).abs() < 1e-3 { f64::NAN } else { slope })
        }
    };
    (*y, *g) = (value, *g * slope);
}

/// Takes gradients out of the way there and back where rounding may decide an activation either way.
pub(crate) fn leave_undecided(behind: &mut [f64], before: &mut [f64]) {
    for (behind, before) in behind.iter_mut().zip(before).filter(|(_, before)| before.is_nan()) {
        (*behind, *before) = (0.0, 0.0);
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
        let (input, output, indices) = (rig.load(x_shape, &x), rig.map(y_shape), rig.map(y_shape));
        let (behind, to) = (rig.load(y_shape, &grad), rig.map(x_shape));
        let pool = Pool::new(target, PoolKind::Max, [rows, columns], batch, input, output);
        rig.step(pool.with_indices(indices));
        let spread = Spread::Max { indices };
        rig.step(PoolGradient::new(target, spread, [rows, columns], batch, behind, to));
        rig.give(output);
        rig.give(to);
        for (expected, found) in [&y, &dx].into_iter().zip(rig.run()) {
            let error = away(expected, &found);
            assert!(error < 1e-6, "{isa}: {error:e}");
        }
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
            let told = if ActivationGradient::reads_output(activation) { &y } else { &x };
            let (told, behind, to) = (rig.load(shape, told), rig.load(shape, &grad), rig.map(shape));
            rig.step(ActivationGradient::new(target, batch, activation, told, behind, to));
            rig.give(to);
            let error = away_of(&expected, &rig.run()[0], 0.1);
            assert!(error < 1e-6, "{isa} {activation:?}: {error:e}");
        }
    }
}

#[test]
fn factors() {
    for (batch, shape, threads) in [(2, [19, 5, 7], 2), (3, [40, 1, 1], 1), (5, [16, 9, 3], 3)] {
        let plane = shape[1] * shape[2];
        let (x, grad) = (exact(batch * shape[0] * plane, 1), exact(batch * shape[0] * plane, 2));
        let factors = exact(shape[0], 3);
        let product = |index: usize| x[index] * grad[index];
        let y: Vec<f64> =
            x.iter().enumerate().map(|(index, x)| x * factors[index / plane % shape[0]]).collect();
        let by_image: Vec<f64> = (0..batch * shape[0])
            .map(|channel| (channel * plane..(channel + 1) * plane).map(product).sum())
            .collect();
        let in_all: Vec<f64> =
            (0..shape[0]).map(|channel| (0..batch).map(|n| by_image[n * shape[0] + channel]).sum()).collect();
        for isa in Isa::available() {
            let target = Target { isa, threads };
            let mut rig = Rig::new(batch, threads);
            let (input, behind) = (rig.load(shape, &x), rig.load(shape, &grad));
            let (output, each) = (rig.map(shape), rig.map([shape[0], 1, 1]));
            let (weight, to) = (rig.input(&factors), rig.output(shape[0]));
            rig.step(ChannelScale::new(target, batch, input, weight, output));
            rig.step(PixelSums::new(target, batch, [behind, input], each));
            rig.step(ChannelSums::new(target, batch, behind, Some(input), to));
            rig.give(output);
            rig.give(each);
            for (expected, found) in [&in_all, &y, &by_image].into_iter().zip(rig.run()) {
                let error = away_of(expected, &found, 0.1);
                assert!(error < 1e-6, "{isa}: {error:e}");
            }
        }
    }
}
