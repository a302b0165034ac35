//! Convolution and its gradients against seven nested loops in `f64`.
mod common;

use cnn_kernels::{
    Float, channels,
    conv::{self, Conv},
    window::Span,
};
use common::{assert_close, cast, numbers, tolerance, with_threads};

/// An axis with floor rounding.
fn axis(input: usize, kernel: usize, stride: usize, dilation: usize, pads: [usize; 2]) -> Span {
    let output = (input + pads[0] + pads[1] - dilation * (kernel - 1) - 1) / stride + 1;
    Span::new(input, output, kernel, stride, dilation, pads).unwrap()
}

struct Case {
    conv: Conv,
    stride: [i64; 2],
    dilation: [i64; 2],
    before: [i64; 2],
}

type Side = (usize, usize, usize, usize, [usize; 2]);

fn case([batch, inputs, outputs, groups]: [usize; 4], rows: Side, columns: Side) -> Case {
    let conv = Conv {
        batch,
        in_channels: inputs,
        out_channels: outputs,
        groups,
        rows: axis(rows.0, rows.1, rows.2, rows.3, rows.4),
        columns: axis(columns.0, columns.1, columns.2, columns.3, columns.4),
    };
    let pair = |a: usize, b: usize| [a as i64, b as i64];
    Case {
        conv,
        stride: pair(rows.2, columns.2),
        dilation: pair(rows.3, columns.3),
        before: pair(rows.4[0], columns.4[0]),
    }
}

struct Expected {
    output: Vec<f64>,
    input: Vec<f64>,
    weight: Vec<f64>,
}

/// Output and gradients by definition: every product of an input value and a weight, one by one.
fn by_definition(case: &Case, x: &[f64], w: &[f64], g: &[f64]) -> Expected {
    let conv = &case.conv;
    let (height, width) = (conv.rows.input(), conv.columns.input());
    let (out_height, out_width) = (conv.rows.output(), conv.columns.output());
    let (kh, kw) = (conv.rows.kernel(), conv.columns.kernel());
    let (group_in, group_out) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let mut result =
        Expected { output: vec![0.0; g.len()], input: vec![0.0; x.len()], weight: vec![0.0; w.len()] };
    for n in 0..conv.batch {
        for o in 0..conv.out_channels {
            for i in 0..group_in {
                let c = o / group_out * group_in + i;
                for oy in 0..out_height {
                    for ox in 0..out_width {
                        for ky in 0..kh {
                            for kx in 0..kw {
                                let y = oy as i64 * case.stride[0] + ky as i64 * case.dilation[0]
                                    - case.before[0];
                                let xx = ox as i64 * case.stride[1] + kx as i64 * case.dilation[1]
                                    - case.before[1];
                                if y < 0 || y >= height as i64 || xx < 0 || xx >= width as i64 {
                                    continue;
                                }
                                let at_x =
                                    ((n * conv.in_channels + c) * height + y as usize) * width + xx as usize;
                                let at_w = ((o * group_in + i) * kh + ky) * kw + kx;
                                let at_y = ((n * conv.out_channels + o) * out_height + oy) * out_width + ox;
                                result.output[at_y] += x[at_x] * w[at_w];
                                result.input[at_x] += g[at_y] * w[at_w];
                                result.weight[at_w] += g[at_y] * x[at_x];
                            }
                        }
                    }
                }
            }
        }
    }
    result
}

fn check<T: Float>(case: &Case) {
    let conv = &case.conv;
    let (x, w, g) =
        (numbers(conv.input_len(), 1), numbers(conv.weight_len(), 2), numbers(conv.output_len(), 3));
    let b = numbers(conv.out_channels, 4);
    let mut expected = by_definition(case, &x, &w, &g);
    let (tx, tw, tg, tb) = (cast::<T>(&x), cast::<T>(&w), cast::<T>(&g), cast::<T>(&b));
    let what = |name: &str| format!("{name} of {conv:?}");

    let mut input = vec![T::zero(); x.len()];
    conv::input_gradient(conv, &tw, &tg, &mut input);
    assert_close(&what("input gradient"), &input, &expected.input, tolerance::<T>());
    let mut weight = vec![T::one(); w.len()];
    conv::weight_gradient(conv, &tx, &tg, &mut weight);
    assert_close(&what("weight gradient"), &weight, &expected.weight, tolerance::<T>());
    let mut output = vec![T::one(); g.len()];
    conv::forward(conv, &tx, &tw, None, &mut output);
    assert_close(&what("output"), &output, &expected.output, tolerance::<T>());
    conv::forward(conv, &tx, &tw, Some(&tb), &mut output);
    let plane = conv.output_plane();
    expected.output.iter_mut().enumerate().for_each(|(at, y)| *y += b[at / plane % conv.out_channels]);
    assert_close(&what("output with bias"), &output, &expected.output, tolerance::<T>());

    // The sum of the input's gradient with what was there.
    let mut twice = input.clone();
    conv::input_gradient(conv, &tw, &tg, &mut twice);
    let doubled: Vec<f64> = input.iter().map(|x| 2.0 * x.wide()).collect();
    assert_close(&what("added input gradient"), &twice, &doubled, tolerance::<T>());
}

fn check_all(cases: &[Case]) {
    with_threads(|| {
        for case in cases {
            check::<f32>(case);
            check::<f64>(case);
        }
    });
}

#[test]
fn dense() {
    let same = (8, 3, 1, 1, [1, 1]);
    check_all(&[
        case([2, 8, 8, 1], same, same), // C == H == W
        case([1, 1, 1, 1], (1, 1, 1, 1, [0, 0]), (1, 1, 1, 1, [0, 0])),
        case([3, 3, 5, 1], (1, 3, 1, 1, [1, 1]), (1, 3, 1, 1, [1, 1])), // one pixel
        case([2, 3, 4, 1], (9, 3, 2, 1, [1, 1]), (7, 5, 3, 1, [2, 2])), // rectangular
        case([2, 3, 4, 1], (9, 3, 2, 2, [0, 3]), (8, 2, 1, 3, [2, 0])), // dilated, asymmetric
        case([2, 2, 3, 1], (4, 7, 1, 1, [3, 3]), (4, 7, 5, 1, [3, 3])), // kernel larger than the input
        case([1, 2, 3, 1], (3, 2, 1, 4, [2, 2]), (3, 3, 1, 1, [4, 4])), // taps that see padding only
        case([5, 6, 4, 1], (6, 1, 1, 1, [0, 0]), (5, 1, 1, 1, [0, 0])), // pointwise
        case([5, 6, 4, 1], (6, 1, 2, 1, [0, 0]), (5, 1, 2, 1, [0, 0])), // pointwise, strided
        case([1, 6, 4, 1], (6, 1, 1, 1, [1, 0]), (5, 1, 1, 1, [0, 0])), // 1x1, padded
    ]);
}

#[test]
fn grouped() {
    check_all(&[
        case([2, 4, 6, 2], (7, 3, 1, 1, [1, 1]), (7, 3, 1, 1, [1, 1])),
        case([3, 6, 3, 3], (5, 3, 2, 1, [1, 0]), (6, 2, 1, 2, [0, 1])),
        case([2, 4, 8, 2], (4, 1, 1, 1, [0, 0]), (4, 1, 1, 1, [0, 0])),
    ]);
}

#[test]
fn depthwise() {
    check_all(&[
        case([2, 5, 5, 5], (9, 3, 1, 1, [1, 1]), (11, 3, 1, 1, [1, 1])),
        case([2, 3, 6, 3], (9, 3, 2, 1, [1, 1]), (11, 5, 2, 1, [2, 2])), // two filters per channel
        case([1, 4, 4, 4], (6, 3, 3, 2, [2, 2]), (6, 3, 1, 2, [0, 3])),
        case([1, 4, 4, 4], (1, 7, 1, 1, [3, 3]), (1, 7, 1, 1, [3, 3])),
    ]);
}

#[test]
fn large_enough_to_be_shared() {
    check_all(&[
        case([1, 16, 24, 1], (20, 3, 1, 1, [1, 1]), (23, 3, 1, 1, [1, 1])), // one image, all threads
        case([1, 32, 24, 1], (20, 1, 1, 1, [0, 0]), (23, 1, 1, 1, [0, 0])),
        case([1, 32, 32, 8], (24, 3, 1, 1, [1, 1]), (24, 3, 1, 1, [1, 1])), // one image, a task per group
        case([1, 32, 32, 2], (24, 3, 1, 1, [1, 1]), (24, 3, 1, 1, [1, 1])),
        case([40, 12, 16, 1], (4, 3, 1, 1, [1, 1]), (4, 3, 1, 1, [1, 1])), // several images at once
        case([37, 12, 16, 2], (5, 3, 2, 1, [1, 1]), (5, 3, 1, 1, [1, 1])),
        case([6, 48, 96, 1], (9, 3, 1, 1, [1, 1]), (9, 3, 1, 1, [1, 1])), // weights split by channel
        case([3, 8, 16, 1], (60, 3, 1, 1, [1, 1]), (50, 3, 1, 1, [1, 1])), // several blocks of rows
        case([2, 64, 8, 1], (40, 5, 1, 1, [2, 2]), (40, 5, 1, 1, [2, 2])),
    ]);
}

#[test]
fn weight_gradient_does_not_depend_on_threads() {
    let case = case([32, 6, 16, 1], (14, 5, 1, 1, [0, 0]), (14, 5, 1, 1, [0, 0]));
    let (x, g) = (cast::<f32>(&numbers(case.conv.input_len(), 1)), numbers(case.conv.output_len(), 2));
    let g = cast::<f32>(&g);
    let run = |threads: usize| {
        let mut weight = vec![0.0; case.conv.weight_len()];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| conv::weight_gradient(&case.conv, &x, &g, &mut weight));
        weight
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn bias_gradient() {
    let planes = channels::Planes { batch: 3, channels: 5, plane: 700 };
    let g = numbers(planes.len(), 9);
    let mut expected = vec![0.0; 5];
    g.iter().enumerate().for_each(|(at, g)| expected[at / 700 % 5] += g);
    let mut sums = vec![0f32; 5];
    channels::sums(&planes, &cast::<f32>(&g), &mut sums);
    assert_close("sums", &sums, &expected, 1e-6);
}
