//! Pooling and upsampling against definitions written per output value in `f64`.
mod common;

use cnn_kernels::{
    Float,
    pool::{self, Adaptive, Pool},
    resize::{self, Upsample},
    window::Span,
};
use common::{assert_close, cast, numbers, tolerance, with_threads};

#[derive(Clone, Copy, Debug)]
struct Side {
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: [usize; 2],
    ceil: bool,
}

const fn side(input: usize, kernel: usize, stride: usize, pads: [usize; 2], ceil: bool) -> Side {
    Side { input, kernel, stride, dilation: 1, pads, ceil }
}

impl Side {
    fn output(&self) -> usize {
        // Below 0, and above minus the stride, where a window is larger than the input and `ceil` keeps it.
        let room =
            (self.input + self.pads[0] + self.pads[1]).saturating_sub(self.dilation * (self.kernel - 1) + 1);
        if !self.ceil {
            return room / self.stride + 1;
        }
        // PyTorch: the last window must start inside the input or the padding before it.
        let out = room.div_ceil(self.stride) + 1;
        if (out - 1) * self.stride >= self.input + self.pads[0] { out - 1 } else { out }
    }

    fn span(&self) -> Span {
        Span::new(self.input, self.output(), self.kernel, self.stride, self.dilation, self.pads).unwrap()
    }

    /// Input positions of a window, and how many of its taps count with the padding.
    fn window(&self, at: usize) -> (Vec<usize>, usize) {
        let taps =
            (0..self.kernel).map(|tap| (at * self.stride + tap * self.dilation) as i64 - self.pads[0] as i64);
        let padded = taps.clone().filter(|&tap| tap < (self.input + self.pads[1]) as i64).count();
        (taps.filter(|&tap| tap >= 0 && tap < self.input as i64).map(|tap| tap as usize).collect(), padded)
    }
}

const CASES: [[Side; 2]; 10] = [
    [side(8, 2, 2, [0, 0], false), side(8, 2, 2, [0, 0], false)],
    [side(9, 2, 2, [0, 0], false), side(9, 2, 2, [0, 0], false)], // remainder
    [side(9, 3, 2, [1, 1], false), side(10, 3, 2, [1, 1], false)], // overlap, padding
    [side(7, 3, 2, [0, 0], true), side(10, 3, 2, [0, 0], true)],  // rounded up
    [side(6, 3, 2, [1, 1], true), side(8, 3, 3, [1, 1], true)],
    [side(5, 3, 1, [0, 2], false), side(6, 4, 3, [2, 1], true)], // asymmetric
    [side(1, 1, 1, [0, 0], false), side(1, 3, 1, [1, 1], false)], // one pixel
    [side(1, 2, 2, [0, 0], true), side(2, 3, 2, [0, 0], true)],  // smaller than the window
    [side(7, 7, 7, [0, 0], false), side(7, 7, 1, [0, 0], false)],
    [
        Side { input: 9, kernel: 3, stride: 2, dilation: 2, pads: [1, 1], ceil: false },
        Side { input: 8, kernel: 2, stride: 1, dilation: 3, pads: [0, 0], ceil: false },
    ],
];

const PLANES: usize = 3;

/// For every output value: its index and the input positions of its window, with the number of padded taps.
fn windows([rows, columns]: &[Side; 2]) -> Vec<(Vec<usize>, usize)> {
    let mut result = Vec::new();
    for plane in 0..PLANES {
        for oy in 0..rows.output() {
            for ox in 0..columns.output() {
                let ((ys, tall), (xs, wide)) = (rows.window(oy), columns.window(ox));
                let at = |y: usize, x: usize| (plane * rows.input + y) * columns.input + x;
                let inside = ys.iter().flat_map(|&y| xs.iter().map(move |&x| at(y, x))).collect();
                result.push((inside, tall * wide));
            }
        }
    }
    result
}

fn sizes([rows, columns]: &[Side; 2]) -> (Pool, usize, usize) {
    let pool = Pool { planes: PLANES, rows: rows.span(), columns: columns.span() };
    (pool, PLANES * pool.input_plane(), PLANES * pool.output_plane())
}

fn check_max<T: Float>(sides: &[Side; 2]) {
    let (pool, inputs, outputs) = sizes(sides);
    // Few distinct values: many ties.
    let x: Vec<f64> = numbers(inputs, 5).iter().map(|x| (x * 2.0).round()).collect();
    let g = numbers(outputs, 6);
    let (mut expected, mut gradient) = (Vec::new(), vec![0.0; inputs]);
    for ((window, _), g) in windows(sides).iter().zip(&g) {
        let top = window.iter().map(|&at| x[at]).fold(f64::MIN, f64::max);
        let first = window.iter().find(|&&at| x[at] == top).unwrap();
        expected.push(top);
        gradient[*first] += g;
    }
    let (tx, tg) = (cast::<T>(&x), cast::<T>(&g));
    let mut y = vec![T::zero(); outputs];
    pool::max(&pool, &tx, &mut y);
    assert_close(&format!("max {sides:?}"), &y, &expected, 0.0);
    let mut grad = vec![T::zero(); inputs];
    pool::max_gradient(&pool, &tx, &tg, &mut grad);
    assert_close(&format!("max gradient {sides:?}"), &grad, &gradient, tolerance::<T>());
}

fn check_average<T: Float>(sides: &[Side; 2], count_padding: bool) {
    let (pool, inputs, outputs) = sizes(sides);
    let (x, g) = (numbers(inputs, 7), numbers(outputs, 8));
    let (mut expected, mut gradient) = (Vec::new(), vec![0.0; inputs]);
    for ((window, padded), g) in windows(sides).iter().zip(&g) {
        let count = if count_padding { *padded } else { window.len() } as f64;
        expected.push(window.iter().map(|&at| x[at]).sum::<f64>() / count);
        window.iter().for_each(|&at| gradient[at] += g / count);
    }
    let (tx, tg) = (cast::<T>(&x), cast::<T>(&g));
    let mut y = vec![T::zero(); outputs];
    pool::average(&pool, count_padding, &tx, &mut y);
    assert_close(&format!("average {sides:?}"), &y, &expected, tolerance::<T>());
    let mut grad = vec![T::zero(); inputs];
    pool::average_gradient(&pool, count_padding, &tg, &mut grad);
    assert_close(&format!("average gradient {sides:?}"), &grad, &gradient, tolerance::<T>());
}

#[test]
fn maximum_and_average() {
    for sides in &CASES {
        check_max::<f32>(sides);
        check_max::<f64>(sides);
        for count_padding in [true, false] {
            check_average::<f32>(sides, count_padding);
            check_average::<f64>(sides, count_padding);
        }
    }
}

#[test]
fn not_a_number_wins() {
    let pool = Pool {
        planes: 1,
        rows: Span::new(2, 1, 2, 2, 1, [0, 0]).unwrap(),
        columns: Span::new(2, 1, 2, 2, 1, [0, 0]).unwrap(),
    };
    let (mut y, mut grad) = ([0.0], [0.0; 4]);
    let x = [f32::NAN, 1.0, f32::NAN, 2.0];
    pool::max(&pool, &x, &mut y);
    pool::max_gradient(&pool, &x, &[1.0], &mut grad);
    assert!(y[0].is_nan());
    assert_eq!(grad, [0.0, 0.0, 1.0, 0.0], "PyTorch gives the gradient to the last NaN");
    let (x, mut grad) = ([f32::NEG_INFINITY; 4], [0.0; 4]);
    pool::max(&pool, &x, &mut y);
    pool::max_gradient(&pool, &x, &[1.0], &mut grad);
    assert_eq!((y[0], grad), (f32::NEG_INFINITY, [1.0, 0.0, 0.0, 0.0]));
}

#[test]
fn adaptive_bins() {
    for (input, output) in
        [([7, 7], [7, 7]), ([13, 9], [7, 4]), ([5, 6], [1, 1]), ([2, 3], [5, 7]), ([1, 1], [1, 1])]
    {
        let pool = Adaptive { planes: 2, input, output };
        let (x, g) = (numbers(2 * input[0] * input[1], 1), numbers(2 * output[0] * output[1], 2));
        let (mut expected, mut gradient) = (vec![0.0; g.len()], vec![0.0; x.len()]);
        for (at, y) in expected.iter_mut().enumerate() {
            let (plane, oy, ox) = (at / (output[0] * output[1]), at / output[1] % output[0], at % output[1]);
            let member = |axis: usize, bin: usize, at: usize| {
                let (size, out) = (input[axis] as f64, output[axis] as f64);
                at as f64 >= (bin as f64 * size / out).floor()
                    && (at as f64) < ((bin + 1) as f64 * size / out).ceil()
            };
            let inside: Vec<usize> = (0..input[0] * input[1])
                .filter(|at| member(0, oy, at / input[1]) && member(1, ox, at % input[1]))
                .map(|at| plane * input[0] * input[1] + at)
                .collect();
            *y = inside.iter().map(|&at| x[at]).sum::<f64>() / inside.len() as f64;
            inside.iter().for_each(|&from| gradient[from] += g[at] / inside.len() as f64);
        }
        let (mut y, mut grad) = (vec![0f32; g.len()], vec![0f32; x.len()]);
        pool::adaptive_average(&pool, &cast::<f32>(&x), &mut y);
        pool::adaptive_average_gradient(&pool, &cast::<f32>(&g), &mut grad);
        assert_close("adaptive", &y, &expected, 1e-6);
        assert_close("adaptive gradient", &grad, &gradient, 1e-6);
    }
}

#[test]
fn upsampling() {
    with_threads(|| {
        for (input, factors) in [([3, 4], [2, 2]), ([1, 1], [3, 2]), ([5, 2], [1, 4]), ([2, 3], [3, 1])] {
            let sizes = Upsample { planes: 2, input, factors };
            let [height, width] = sizes.output();
            let x = numbers(2 * input[0] * input[1], 1);
            let g = numbers(2 * height * width, 2);
            // A tent around the source position, the positions outside moved to the border.
            let tent = |axis: usize, out: usize, at: usize| {
                let source = (out as f64 + 0.5) / factors[axis] as f64 - 0.5;
                let source = source.clamp(0.0, (input[axis] - 1) as f64);
                (1.0 - (source - at as f64).abs()).max(0.0)
            };
            let block = |axis: usize, out: usize, at: usize| f64::from(u8::from(out / factors[axis] == at));
            for bilinear in [false, true] {
                let share = |axis: usize, out: usize, at: usize| {
                    if bilinear { tent(axis, out, at) } else { block(axis, out, at) }
                };
                let (mut expected, mut gradient) = (vec![0.0; g.len()], vec![0.0; x.len()]);
                for (to, y) in expected.iter_mut().enumerate() {
                    for (from, grad) in gradient.iter_mut().enumerate() {
                        if to / (height * width) == from / (input[0] * input[1]) {
                            let weight = share(0, to / width % height, from / input[1] % input[0])
                                * share(1, to % width, from % input[1]);
                            *y += weight * x[from];
                            *grad += weight * g[to];
                        }
                    }
                }
                let (mut y, mut grad) = (vec![0f64; g.len()], vec![0f64; x.len()]);
                if bilinear {
                    resize::bilinear(&sizes, &x, &mut y);
                    resize::bilinear_gradient(&sizes, &g, &mut grad);
                } else {
                    resize::nearest(&sizes, &x, &mut y);
                    resize::nearest_gradient(&sizes, &g, &mut grad);
                }
                assert_close("upsampled", &y, &expected, 1e-14);
                assert_close("upsampling gradient", &grad, &gradient, 1e-14);
            }
        }
    });
}
