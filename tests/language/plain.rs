//! The layers again, as loops over `f64`, and what the tests need to feed and compare networks.

use cnn_runtime::prelude::*;

pub(crate) const CPU: Device = Device::Cpu;

/// Values that look random, the same in every run.
pub(crate) fn values(count: usize, salt: usize) -> Vec<f32> {
    let mut state = (salt as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as f64 / f64::from(1u32 << 31) * 2.0 - 1.0) as f32
        })
        .collect()
}

pub(crate) fn tensor(dims: &[usize]) -> Tensor {
    Tensor::from_vec(values(dims.iter().product(), dims.len()), dims, &CPU).unwrap()
}

/// Gives every tensor of a network values of its own: norms that start at 1 and 0 would hide mistakes.
pub(crate) fn shake(state: &State) {
    for (salt, (name, var, _)) in state.named().enumerate() {
        let mut data = values(var.elem_count(), salt);
        if name.ends_with("running_var") {
            data.iter_mut().for_each(|value| *value = value.abs() + 0.5);
        }
        var.set(&Tensor::from_vec(data, var.dims(), &CPU).unwrap().to_device(var.device()).unwrap()).unwrap();
    }
}

pub(crate) fn param(state: &State, name: &str) -> Tensor {
    let names: Vec<&str> = state.named().map(|(name, _, _)| name).collect();
    state.get(name).unwrap_or_else(|| panic!("no `{name}` among {names:?}")).as_tensor().clone()
}

pub(crate) fn names(state: &State) -> Vec<String> {
    state.named().map(|(name, var, _)| format!("{name} {:?}", var.dims())).collect()
}

#[track_caller]
pub(crate) fn close(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (flat(found), flat(expected));
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let tolerance = 1e-4 * expected.abs().max(1.0);
        assert!((found - expected).abs() <= tolerance, "at {index}: {found} is not {expected}");
    }
}

#[track_caller]
pub(crate) fn same_bits(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims());
    let bits = |tensor: &Tensor| {
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(bits(found), bits(expected));
}

pub(crate) fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// (N, C, H, W) with its values.
struct Images {
    dims: [usize; 4],
    data: Vec<f64>,
}

impl Images {
    fn of(tensor: &Tensor) -> Self {
        let (n, c, h, w) = tensor.dims4().unwrap();
        Self { dims: [n, c, h, w], data: flat(tensor) }
    }

    /// A value; `None` outside.
    fn at(&self, n: usize, c: usize, y: isize, x: isize) -> Option<f64> {
        let [_, channels, h, w] = self.dims;
        let (y, x) = (usize::try_from(y).ok()?, usize::try_from(x).ok()?);
        (y < h && x < w).then(|| self.data[((n * channels + c) * h + y) * w + x])
    }

    fn fill(dims: [usize; 4], value: impl Fn(usize, usize, usize, usize) -> f64) -> Tensor {
        let [n, c, h, w] = dims;
        let mut data = Vec::with_capacity(n * c * h * w);
        for n in 0..n {
            for c in 0..c {
                for y in 0..h {
                    for x in 0..w {
                        data.push(value(n, c, y, x) as f32);
                    }
                }
            }
        }
        Tensor::from_vec(data, &dims, &CPU).unwrap()
    }
}

/// A sliding window: `[rows, columns]`; padding `[top, bottom, left, right]`.
#[derive(Clone, Copy)]
pub(crate) struct Slide {
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) pad: [usize; 4],
    pub(crate) dilation: [usize; 2],
}

impl Slide {
    pub(crate) fn new(kernel: [usize; 2]) -> Self {
        Self { kernel, stride: [1; 2], pad: [0; 4], dilation: [1; 2] }
    }

    pub(crate) fn stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }
    }

    pub(crate) fn pad(self, pad: [usize; 4]) -> Self {
        Self { pad, ..self }
    }

    pub(crate) fn dilation(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }
    }

    /// Where tap `k` of output `o` lies in the input.
    fn source(self, axis: usize, o: usize, k: usize) -> isize {
        (o * self.stride[axis] + k * self.dilation[axis]) as isize - self.pad[2 * axis] as isize
    }
}

/// Convolution; the output's size is stated by the caller.
pub(crate) fn conv(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    slide: Slide,
    groups: usize,
    out: [usize; 2],
) -> Tensor {
    let (x, weight) = (Images::of(x), Images::of(weight));
    let bias = bias.map(flat);
    let [filters, per_group, kh, kw] = weight.dims;
    assert_eq!([kh, kw], slide.kernel);
    assert_eq!(per_group * groups, x.dims[1]);
    Images::fill([x.dims[0], filters, out[0], out[1]], |n, f, y, column| {
        let group = f / (filters / groups);
        let mut sum = bias.as_ref().map_or(0.0, |bias| bias[f]);
        for c in 0..per_group {
            for i in 0..kh {
                for j in 0..kw {
                    let value =
                        x.at(n, group * per_group + c, slide.source(0, y, i), slide.source(1, column, j));
                    sum += value.unwrap_or(0.0) * weight.at(f, c, i as isize, j as isize).unwrap();
                }
            }
        }
        sum
    })
}

/// Transposed convolution: every input value scatters its kernel.
pub(crate) fn deconv(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    slide: Slide,
    groups: usize,
    out: [usize; 2],
) -> Tensor {
    let (x, weight) = (Images::of(x), Images::of(weight));
    let bias = bias.map(flat);
    let [n, channels, h, w] = x.dims;
    let [_, per_group, kh, kw] = weight.dims;
    let filters = per_group * groups;
    let mut sums = vec![0.0; n * filters * out[0] * out[1]];
    for n in 0..n {
        for c in 0..channels {
            let group = c / (channels / groups);
            for (y, column) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
                let value = x.at(n, c, y as isize, column as isize).unwrap();
                for (f, i, j) in
                    (0..per_group).flat_map(|f| (0..kh).flat_map(move |i| (0..kw).map(move |j| (f, i, j))))
                {
                    let target = [slide.source(0, y, i), slide.source(1, column, j)];
                    let [Ok(row), Ok(column)] = target.map(usize::try_from) else { continue };
                    if row < out[0] && column < out[1] {
                        let f_out = group * per_group + f;
                        sums[((n * filters + f_out) * out[0] + row) * out[1] + column] +=
                            value * weight.at(c, f, i as isize, j as isize).unwrap();
                    }
                }
            }
        }
    }
    Images::fill([n, filters, out[0], out[1]], |n, f, y, x| {
        sums[((n * filters + f) * out[0] + y) * out[1] + x] + bias.as_ref().map_or(0.0, |bias| bias[f])
    })
}

pub(crate) fn max_pool(x: &Tensor, slide: Slide, out: [usize; 2]) -> Tensor {
    let x = Images::of(x);
    Images::fill([x.dims[0], x.dims[1], out[0], out[1]], |n, c, y, column| {
        let taps = (0..slide.kernel[0]).flat_map(|i| (0..slide.kernel[1]).map(move |j| (i, j)));
        taps.filter_map(|(i, j)| x.at(n, c, slide.source(0, y, i), slide.source(1, column, j)))
            .fold(f64::NEG_INFINITY, f64::max)
    })
}

/// Average pooling as PyTorch divides: by the part of the window inside the padded input, or inside the input.
pub(crate) fn avg_pool(x: &Tensor, slide: Slide, count_pad: bool, out: [usize; 2]) -> Tensor {
    let x = Images::of(x);
    let padded = |position: isize, axis: usize| {
        let size = x.dims[2 + axis] as isize;
        position >= -(slide.pad[2 * axis] as isize) && position < size + slide.pad[2 * axis + 1] as isize
    };
    Images::fill([x.dims[0], x.dims[1], out[0], out[1]], |n, c, y, column| {
        let (mut sum, mut count) = (0.0, 0.0);
        for (i, j) in (0..slide.kernel[0]).flat_map(|i| (0..slide.kernel[1]).map(move |j| (i, j))) {
            let (row, column) = (slide.source(0, y, i), slide.source(1, column, j));
            match x.at(n, c, row, column) {
                Some(value) => {
                    sum += value;
                    count += 1.0;
                }
                None if count_pad && padded(row, 0) && padded(column, 1) => count += 1.0,
                None => {}
            }
        }
        sum / count
    })
}

/// Adaptive average pooling: output `o` of `out` sees `floor(o n / out) .. ceil((o + 1) n / out)`.
pub(crate) fn adaptive(x: &Tensor, out: [usize; 2]) -> Tensor {
    let x = Images::of(x);
    let [n, c, h, w] = x.dims;
    Images::fill([n, c, out[0], out[1]], |n, c, y, column| {
        let (mut sum, mut count) = (0.0, 0.0);
        for row in y * h / out[0]..((y + 1) * h).div_ceil(out[0]) {
            for column in column * w / out[1]..((column + 1) * w).div_ceil(out[1]) {
                sum += x.at(n, c, row as isize, column as isize).unwrap();
                count += 1.0;
            }
        }
        sum / count
    })
}

pub(crate) fn up_nearest(x: &Tensor, scale: [usize; 2]) -> Tensor {
    let x = Images::of(x);
    let [n, c, h, w] = x.dims;
    Images::fill([n, c, h * scale[0], w * scale[1]], |n, c, y, column| {
        x.at(n, c, (y / scale[0]) as isize, (column / scale[1]) as isize).unwrap()
    })
}

/// Bilinear as PyTorch's `align_corners=False`.
pub(crate) fn up_bilinear(x: &Tensor, scale: [usize; 2]) -> Tensor {
    let x = Images::of(x);
    let [n, c, h, w] = x.dims;
    let sides = |o: usize, scale: usize, size: usize| {
        let source = ((o as f64 + 0.5) / scale as f64 - 0.5).max(0.0);
        let low = (source.floor() as usize).min(size - 1);
        (low, (low + 1).min(size - 1), source - low as f64)
    };
    Images::fill([n, c, h * scale[0], w * scale[1]], |n, c, y, column| {
        let (top, bottom, down) = sides(y, scale[0], h);
        let (left, right, along) = sides(column, scale[1], w);
        let at = |y: usize, column: usize| x.at(n, c, y as isize, column as isize).unwrap();
        (1.0 - down) * ((1.0 - along) * at(top, left) + along * at(top, right))
            + down * ((1.0 - along) * at(bottom, left) + along * at(bottom, right))
    })
}

pub(crate) fn shuffle(x: &Tensor, r: usize) -> Tensor {
    let x = Images::of(x);
    let [n, c, h, w] = x.dims;
    Images::fill([n, c / (r * r), h * r, w * r], |n, c, y, column| {
        let channel = c * r * r + (y % r) * r + column % r;
        x.at(n, channel, (y / r) as isize, (column / r) as isize).unwrap()
    })
}

/// Crops (`pad` negative) or pads with zeros: `[top, left]` and the output's size.
pub(crate) fn window(x: &Tensor, [top, left]: [isize; 2], out: [usize; 2]) -> Tensor {
    let x = Images::of(x);
    Images::fill([x.dims[0], x.dims[1], out[0], out[1]], |n, c, y, column| {
        x.at(n, c, y as isize - top, column as isize - left).unwrap_or(0.0)
    })
}

/// Normalizes over the positions for which `group` gives the same key as the value's own, then scales by channel.
pub(crate) fn normalize(
    x: &Tensor,
    eps: f64,
    affine: Option<(&Tensor, &Tensor)>,
    same: impl Fn([usize; 4], [usize; 4]) -> bool,
) -> Tensor {
    let x = Images::of(x);
    let [n, c, h, w] = x.dims;
    let positions: Vec<[usize; 4]> = (0..n)
        .flat_map(|n| (0..c).flat_map(move |c| (0..h).flat_map(move |y| (0..w).map(move |x| [n, c, y, x]))))
        .collect();
    let affine = affine.map(|(weight, bias)| (flat(weight), flat(bias)));
    Images::fill(x.dims, |n, c, y, column| {
        let here = [n, c, y, column];
        let group: Vec<f64> = positions
            .iter()
            .filter(|there| same(here, **there))
            .map(|&[n, c, y, column]| x.at(n, c, y as isize, column as isize).unwrap())
            .collect();
        let mean = group.iter().sum::<f64>() / group.len() as f64;
        let variance = group.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / group.len() as f64;
        let value = (x.at(n, c, y as isize, column as isize).unwrap() - mean) / (variance + eps).sqrt();
        affine.as_ref().map_or(value, |(weight, bias)| value * weight[c] + bias[c])
    })
}

/// Local response normalization as PyTorch's: `size / 2` channels before, `(size - 1) / 2` behind.
pub(crate) fn lrn(x: &Tensor, size: usize, alpha: f64, beta: f64, k: f64) -> Tensor {
    let x = Images::of(x);
    let channels = x.dims[1];
    Images::fill(x.dims, |n, c, y, column| {
        let at = |c: usize| x.at(n, c, y as isize, column as isize).unwrap();
        let sum: f64 = (c.saturating_sub(size / 2)..=(c + (size - 1) / 2).min(channels - 1))
            .map(|c| at(c).powi(2))
            .sum();
        at(c) / (k + alpha / size as f64 * sum).powf(beta)
    })
}

/// `y = x weight^T + bias`, after flattening.
pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let y = x.flatten_from(1).unwrap().matmul(&weight.t().unwrap()).unwrap();
    match bias {
        Some(bias) => y.broadcast_add(bias).unwrap(),
        None => y,
    }
}

/// Batch normalization in inference, by channel.
pub(crate) fn bn(x: &Tensor, state: &State, path: &str, eps: f64) -> Tensor {
    let of = |leaf: &str| state.get(&format!("{path}.{leaf}")).map(|var| flat(var));
    let (mean, variance) = (of("running_mean").unwrap(), of("running_var").unwrap());
    let (weight, bias) = (of("weight"), of("bias"));
    let x = Images::of(x);
    Images::fill(x.dims, |n, c, y, column| {
        let value = (x.at(n, c, y as isize, column as isize).unwrap() - mean[c]) / (variance[c] + eps).sqrt();
        value * weight.as_ref().map_or(1.0, |weight| weight[c]) + bias.as_ref().map_or(0.0, |bias| bias[c])
    })
}

/// A function of each value.
pub(crate) fn map(x: &Tensor, function: impl Fn(f64) -> f64) -> Tensor {
    let data: Vec<f32> = flat(x).into_iter().map(|value| function(value) as f32).collect();
    Tensor::from_vec(data, x.dims(), &CPU).unwrap()
}

pub(crate) fn relu(x: &Tensor) -> Tensor {
    map(x, |value| value.max(0.0))
}
