//! Normalizations, softmax and PReLU forward against textbook formulas per value in `f64`; the gradients of these are
//! tested by finite differences where they are used.
mod common;

use cnn_kernels::{
    Float,
    channels::{self, Factors, Planes},
    lrn::{self, Response},
    norm::{
        batch::{self, Channels},
        group::{self, Groups},
        layer::{self, Pixels},
    },
};
use common::{assert_close, cast, numbers, tolerance, with_threads};

const MAPS: [Planes; 4] = [
    Planes { batch: 2, channels: 6, plane: 35 },
    Planes { batch: 5, channels: 4, plane: 1 },
    Planes { batch: 1, channels: 2, plane: 3000 },
    Planes { batch: 3, channels: 12, plane: 7 },
];

/// Normalized by the statistics of all values of the same `set`.
fn normalized(
    planes: &Planes,
    x: &[f64],
    w: &[f64],
    b: &[f64],
    eps: f64,
    set: impl Fn(usize) -> usize,
) -> Vec<f64> {
    let mut sets = std::collections::BTreeMap::<usize, Vec<f64>>::new();
    x.iter().enumerate().for_each(|(at, &x)| sets.entry(set(at)).or_default().push(x));
    let moments = |values: &Vec<f64>| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64)
    };
    let moments: std::collections::BTreeMap<_, _> =
        sets.iter().map(|(set, values)| (*set, moments(values))).collect();
    let normal = |(at, x): (usize, &f64)| {
        let (mean, variance) = moments[&set(at)];
        let channel = at / planes.plane % planes.channels;
        (x - mean) / (variance + eps).sqrt() * w[channel] + b[channel]
    };
    x.iter().enumerate().map(normal).collect()
}

fn check<T: Float>(planes: &Planes, offset: f64) {
    let Planes { batch, channels, plane } = *planes;
    let x: Vec<f64> = numbers(planes.len(), 1).iter().map(|x| f64::from((x + offset) as f32)).collect();
    let (w, b, eps) = (numbers(channels, 2), numbers(channels, 3), 1e-5);
    let (tx, tw, tb) = (cast::<T>(&x), cast::<T>(&w), cast::<T>(&b));
    let statistics = |count: usize| (vec![T::zero(); count], vec![T::zero(); count]);
    let mut y = vec![T::zero(); x.len()];
    let tolerance = tolerance::<T>() * (1.0 + offset);

    let (mut mean, mut variance) = statistics(channels);
    batch::statistics(planes, &tx, &mut mean, &mut variance);
    let norm = Channels { mean: &mean, variance: &variance, weight: &tw, eps };
    batch::forward(planes, &norm, &tb, &tx, &mut y);
    let expected = normalized(planes, &x, &w, &b, eps, |at| at / plane % channels);
    assert_close(&format!("batch {planes:?}"), &y, &expected, tolerance);

    for groups in [1, 2, channels] {
        let (mut mean, mut variance) = statistics(batch * groups);
        group::statistics(planes, groups, &tx, &mut mean, &mut variance);
        let norm = Groups { groups, mean: &mean, variance: &variance, weight: &tw, eps };
        group::forward(planes, &norm, &tb, &tx, &mut y);
        let expected = normalized(planes, &x, &w, &b, eps, |at| at / (channels / groups * plane));
        assert_close(&format!("group {planes:?} {groups}"), &y, &expected, tolerance);
    }

    let (mut mean, mut variance) = statistics(batch * plane);
    layer::statistics(planes, &tx, &mut mean, &mut variance);
    layer::forward(planes, &Pixels { mean: &mean, variance: &variance, weight: &tw, eps }, &tb, &tx, &mut y);
    let expected = normalized(planes, &x, &w, &b, eps, |at| at / (channels * plane) * plane + at % plane);
    assert_close(&format!("layer {planes:?}"), &y, &expected, 20.0 * tolerance);
}

#[test]
fn norms() {
    with_threads(|| {
        for planes in &MAPS {
            check::<f64>(planes, 0.0);
            check::<f64>(planes, 100.0);
            check::<f32>(planes, 0.0);
        }
    });
}

#[test]
fn a_large_mean_costs_no_digits() {
    // Mean 1000, deviation 0.5: a one-pass sum of squares in f32 would have no digit left.
    let planes = Planes { batch: 4, channels: 1, plane: 1000 };
    let x: Vec<f64> = (0..4000).map(|at| if at % 2 == 0 { 999.5 } else { 1000.5 }).collect();
    let (mut mean, mut variance) = ([0f32], [0f32]);
    batch::statistics(&planes, &cast::<f32>(&x), &mut mean, &mut variance);
    assert_eq!((mean, variance), ([1000.0], [0.25]));
}

#[test]
fn local_response() {
    with_threads(|| {
        for planes in &MAPS {
            for (size, beta, k) in [(5, 0.75, 1.0), (4, 0.75, 2.0), (1, 0.5, 1.0), (30, 1.25, 1.5)] {
                let response = Response { size, alpha: 0.7, beta, k };
                let x = numbers(planes.len(), 4);
                let expected: Vec<f64> = (0..x.len())
                    .map(|at| {
                        let channel = (at / planes.plane % planes.channels) as i64;
                        // PyTorch pads size / 2 channels before and (size - 1) / 2 after.
                        let squares: f64 = (-(size as i64 / 2)..=(size as i64 - 1) / 2)
                            .filter(|step| (0..planes.channels as i64).contains(&(channel + step)))
                            .map(|step| x[(at as i64 + step * planes.plane as i64) as usize].powi(2))
                            .sum();
                        x[at] / (k + 0.7 / size as f64 * squares).powf(beta)
                    })
                    .collect();
                let (mut y, mut y32) = (vec![0f64; x.len()], vec![0f32; x.len()]);
                lrn::forward(planes, &response, &x, &mut y);
                assert_close("lrn", &y, &expected, 1e-13);
                lrn::forward(planes, &response, &cast::<f32>(&x), &mut y32);
                assert_close("lrn", &y32, &expected, 1e-6);
            }
        }
    });
}

#[test]
fn softmax_prelu_scale() {
    for planes in &MAPS {
        let Planes { channels, plane, .. } = *planes;
        let x: Vec<f64> = numbers(planes.len(), 4).iter().map(|x| 80.0 * x).collect();
        let first = |at: usize| at / (channels * plane) * channels * plane + at % plane;
        let mut y = vec![0f64; x.len()];
        channels::softmax(planes, &x, &mut y);
        let expected: Vec<f64> = (0..x.len())
            .map(|at| 1.0 / (0..channels).map(|c| (x[first(at) + c * plane] - x[at]).exp()).sum::<f64>())
            .collect();
        assert_close("softmax", &y, &expected, 1e-13);

        for count in [1, channels] {
            let slopes = numbers(count, 5);
            channels::prelu(planes, &x, &slopes, &mut y);
            let slope = |at: usize| if count == 1 { slopes[0] } else { slopes[at / plane % channels] };
            let expected: Vec<f64> =
                (0..x.len()).map(|at| x[at].max(0.0) + slope(at) * x[at].min(0.0)).collect();
            assert_close("prelu", &y, &expected, 1e-15);
        }

        let factors = numbers(planes.batch * channels, 6);
        channels::scale(planes, Factors::PerPlane, &x, &factors, &mut y);
        let expected: Vec<f64> = (0..x.len()).map(|at| x[at] * factors[at / plane]).collect();
        assert_close("scale", &y, &expected, 0.0);
    }
}
