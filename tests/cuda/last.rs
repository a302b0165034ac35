//! The functions for maps with their channels last, and their gradients, beside operations on the CPU and candle's gradients
//! of them.

use candle_core::op::BackpropOp;
use candle_core::{DType, Device, Result, Storage, Tensor, Var};
use cnn_cuda::arrange::{self, Frame, PixelShuffle};
use cnn_cuda::elementwise::{Activation, Ending};
use cnn_cuda::group_norm_last::{self, Gradients, GroupNorm, Statistics};
use cnn_cuda::{Gpu, In, Out, tensor as memory};
use cnn_kernels::channels::Planes;
use cnn_runtime::ops;
use cnn_tests::gpu;

use crate::compare::deviation;
use crate::networks::tensor;

/// Element types of maps, and how far norms may be from what `f64` gives.
const TYPES: [(DType, f64); 3] = [(DType::F32, 1e-5), (DType::F64, 1e-10), (DType::BF16, 2e-2)];

/// What biases, factors and statistics hold.
fn of_parameters(dtype: DType) -> DType {
    if dtype == DType::F64 { DType::F64 } else { DType::F32 }
}

/// Numbers as a map of this element type has them, in `f64`.
pub(crate) fn rounded(seed: u64, shape: &[usize], dtype: DType) -> Tensor {
    tensor(seed, shape).to_dtype(dtype).unwrap().to_dtype(DType::F64).unwrap()
}

/// A map with its channels last, on the device.
pub(crate) fn put(map: &Tensor, dtype: DType, device: &Device) -> Tensor {
    let last = map.permute([0, 2, 3, 1]).unwrap().contiguous().unwrap();
    last.to_dtype(dtype).unwrap().to_device(device).unwrap()
}

/// In `f64` on the CPU.
pub(crate) fn home(values: &Tensor) -> Tensor {
    values.to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap()
}

/// A map in NCHW order, of values with their channels last.
pub(crate) fn get(values: &Tensor, [n, c, h, w]: [usize; 4]) -> Tensor {
    home(values).reshape((n, h, w, c)).unwrap().permute([0, 3, 1, 2]).unwrap().contiguous().unwrap()
}

/// What `run` writes, given these tensors: so many values of each element type.
pub(crate) fn launched(
    device: &Device,
    inputs: &[&Tensor],
    outputs: &[(DType, usize)],
    run: impl FnOnce(&Gpu, &[In<'_>], &mut [Out<'_>]) -> cnn_cuda::Result<()>,
) -> Vec<Tensor> {
    let cuda = device.as_cuda_device().unwrap();
    let gpu = memory::gpu(cuda).unwrap();
    let held: Vec<_> = inputs.iter().map(|input| input.storage_and_layout()).collect();
    let read = held.iter().map(|(storage, layout)| match &**storage {
        Storage::Cuda(storage) => memory::read(&gpu, "test", storage, layout),
        _ => panic!("a tensor is elsewhere"),
    });
    let inputs = read.collect::<Result<Vec<_>>>().unwrap();
    let allocated = outputs.iter().map(|&(dtype, len)| memory::allocate(&gpu, cuda, dtype, len));
    let mut storages = allocated.collect::<Result<Vec<_>>>().unwrap();
    let written = storages.iter_mut().map(|storage| memory::write_new(&gpu, "test", storage));
    let mut written = written.collect::<Result<Vec<_>>>().unwrap();
    run(&gpu, &inputs, &mut written).unwrap();
    drop(written);
    let tensors = storages.into_iter().zip(outputs).map(|(storage, &(_, len))| {
        Tensor::from_storage(Storage::Cuda(storage), len, BackpropOp::none(), false)
    });
    tensors.collect()
}

#[track_caller]
pub(crate) fn alike(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    let found = deviation(found, expected).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(found.error <= tolerance, "{what}: {found:?}");
}

type Function<'a> = &'a dyn Fn(&Gpu, &In<'_>, &mut Out<'_>) -> cnn_cuda::Result<()>;

/// An operation that copies values beside two functions: itself and its gradient. They give the same bits.
fn check_copies(
    what: &str,
    shape: [usize; 4],
    operation: impl Fn(&Tensor) -> Result<Tensor>,
    [forward, gradient]: [Function<'_>; 2],
) {
    let Some(device) = gpu() else { return };
    for (dtype, _) in TYPES {
        let x = Var::from_tensor(&rounded(1, &shape, dtype)).unwrap();
        let y = operation(&x).unwrap();
        let grad = rounded(2, y.dims(), dtype);
        let store = (&y * &grad).unwrap().sum_all().unwrap().backward().unwrap();
        let copied = |map: &Tensor, to: [usize; 4], function: Function<'_>| {
            let output = (dtype, to.iter().product());
            let found = launched(&device, &[&put(map, dtype, &device)], &[output], |gpu, from, to| {
                function(gpu, &from[0], &mut to[0])
            });
            get(&found[0], to)
        };
        let (n, c, h, w) = y.dims4().unwrap();
        alike(&format!("{what}, {dtype:?}"), &copied(&x, [n, c, h, w], forward), &y, 0.0);
        let expected = store.get(&x).unwrap();
        alike(&format!("{what}, gradient, {dtype:?}"), &copied(&grad, shape, gradient), expected, 0.0);
    }
}

#[test]
fn channel_shuffles() {
    for (shape, groups) in
        [([1, 6, 5, 7], 2), ([3, 10, 5, 7], 5), ([3, 3, 5, 7], 3), ([3, 6, 5, 7], 1), ([2, 70, 3, 2], 7)]
    {
        let sizes = [shape[0] * shape[2] * shape[3], shape[1]];
        check_copies(
            &format!("{groups} groups of {shape:?}"),
            shape,
            |x| ops::channel_shuffle(x, groups),
            [&|gpu, x, y| arrange::channel_shuffle(gpu, sizes, groups, x, y), &|gpu, grad, to| {
                arrange::channel_shuffle(gpu, sizes, shape[1] / groups, grad, to)
            }],
        );
    }
}

#[test]
fn pixel_shuffles() {
    for ([n, c, h, w], factor) in
        [([1, 12, 5, 7], 2), ([3, 18, 5, 7], 3), ([3, 10, 5, 7], 1), ([2, 4, 1, 3], 2)]
    {
        let shuffle = PixelShuffle { maps: [n, c / factor / factor], input: [h, w], factor };
        check_copies(
            &format!("{shuffle:?}"),
            [n, c, h, w],
            |x| ops::pixel_shuffle(x, factor),
            [&|gpu, x, y| arrange::pixel_shuffle(gpu, &shuffle, x, y), &|gpu, grad, to| {
                arrange::pixel_shuffle_gradient(gpu, &shuffle, grad, to)
            }],
        );
    }
}

#[test]
fn crops() {
    for ([n, c], part, first) in
        [([1, 6], [2, 3], [1, 2]), ([3, 10], [5, 7], [0, 0]), ([3, 3], [1, 6], [2, 0])]
    {
        let frame = Frame { maps: [n, c], part, whole: [5, 7], first };
        check_copies(
            &format!("{frame:?}"),
            [n, c, 5, 7],
            |x| ops::crop2d(x, part),
            [&|gpu, x, y| arrange::crop(gpu, &frame, x, y), &|gpu, grad, to| {
                arrange::pad(gpu, &frame, grad, to)
            }],
        );
    }
}

#[test]
fn pads() {
    for ([n, c], [top, bottom, left, right]) in
        [([1, 6], [1, 0, 2, 3]), ([3, 10], [0, 2, 0, 0]), ([3, 3], [9, 1, 1, 8])]
    {
        let whole = [top + 5 + bottom, left + 7 + right];
        let frame = Frame { maps: [n, c], part: [5, 7], whole, first: [top, left] };
        check_copies(
            &format!("{frame:?}"),
            [n, c, 5, 7],
            |x| ops::pad2d(x, top, bottom, left, right),
            [&|gpu, x, y| arrange::pad(gpu, &frame, x, y), &|gpu, grad, to| {
                arrange::crop(gpu, &frame, grad, to)
            }],
        );
    }
}

/// A norm on both devices, from the same numbers.
struct Case {
    shape: [usize; 4],
    groups: usize,
    eps: f64,
    is_affine: bool,
    dtype: DType,
}

impl Case {
    fn norm(&self) -> GroupNorm {
        let [batch, channels, height, width] = self.shape;
        let planes = Planes { batch, channels, plane: height * width };
        GroupNorm { planes, groups: self.groups, eps: self.eps }
    }

    /// What differs in every channel and image, the output's gradient, and factors and terms.
    fn numbers(&self) -> [Tensor; 4] {
        let [n, c, _, _] = self.shape;
        let spread = (rounded(3, &[n, c, 1, 1], self.dtype) * 2.0).unwrap();
        let x =
            rounded(1, &self.shape, self.dtype).broadcast_add(&spread).unwrap().to_dtype(self.dtype).unwrap();
        let parameters = [5, 6].map(|seed| rounded(seed, &[c], of_parameters(self.dtype)));
        let [weight, bias] = parameters;
        [x.to_dtype(DType::F64).unwrap(), rounded(2, &self.shape, self.dtype), weight, bias]
    }

    /// The mean and biased variance of each group, and by candle the gradients of input, weight and bias. Behind them what an
    /// activation makes of the output.
    fn on_cpu(&self, [x, grad, weight, bias]: &[Tensor; 4]) -> Result<Vec<Tensor>> {
        let grouped = x.reshape((self.norm().statistics(), ()))?;
        let mean = grouped.mean_keepdim(1)?;
        let variance = grouped.broadcast_sub(&mean)?.sqr()?.mean(1)?;
        let [x, weight, bias] = [x, weight, bias].map(|values| Var::from_tensor(values).unwrap());
        let affine = self.is_affine.then_some((weight.as_tensor(), bias.as_tensor())).unzip();
        let y = ops::group_norm(&x, self.groups, affine.0, affine.1, self.eps)?;
        let store = (&y * grad)?.sum_all()?.backward()?;
        let mut expected =
            vec![mean.flatten_all()?, variance, ops::silu(&y)?.detach(), store.get(&x).unwrap().clone()];
        if self.is_affine {
            expected.extend([&weight, &bias].map(|var| store.get(var).unwrap().clone()));
        }
        Ok(expected)
    }

    /// The same of the functions.
    fn on_device(&self, [x, grad, weight, bias]: &[Tensor; 4], device: &Device) -> Vec<Tensor> {
        let (norm, dtype, parameters) = (self.norm(), self.dtype, of_parameters(self.dtype));
        let there = |values: &Tensor| values.to_dtype(parameters).unwrap().to_device(device).unwrap();
        let (x, grad, weight, bias) =
            (put(x, dtype, device), put(grad, dtype, device), there(weight), there(bias));
        let statistics = [(parameters, norm.statistics()); 2];
        let found = launched(device, &[&x], &statistics, |gpu, from, to| {
            let [mean, variance] = to else { panic!("two outputs") };
            group_norm_last::statistics(gpu, &norm, &from[0], mean, variance)
        });
        let inputs = [&x, &grad, &weight, &bias, &found[0], &found[1]];
        let (map, channels) = ((dtype, norm.planes.len()), (parameters, norm.planes.channels));
        let others = launched(device, &inputs, &[map, map, channels, channels], |gpu, from, to| {
            let [x, grad, weight, bias, mean, variance] = from else { panic!("six inputs") };
            let [y, input, weights, biases] = to else { panic!("four outputs") };
            let [weight, bias] = [weight, bias].map(|values| self.is_affine.then_some(values));
            let statistics = Statistics { mean, variance, weight };
            group_norm_last::forward(gpu, &norm, x, statistics, bias, Ending::from(Activation::Silu), y)?;
            let (weight, bias) = self.is_affine.then_some((weights, biases)).unzip();
            let gradients = Gradients { input, weight, bias };
            group_norm_last::gradient(gpu, &norm, x, grad, statistics, gradients)
        });
        let maps = others[..2].iter().map(|map| get(map, self.shape));
        let affine = if self.is_affine { &others[2..] } else { &[] };
        found.iter().map(home).chain(maps).chain(affine.iter().map(home)).collect()
    }
}

#[test]
fn group_norms() {
    let Some(device) = gpu() else { return };
    let cases = [
        ([1, 6, 5, 7], 3),
        ([3, 10, 5, 7], 5),
        ([3, 10, 5, 7], 1),
        ([3, 3, 5, 7], 3),
        // More channels than a block has, whose groups stand in several; more of a group than a warp takes at once.
        ([2, 70, 4, 3], 7),
        ([2, 70, 4, 3], 1),
        // Several parts, which are not all as large.
        ([1, 6, 40, 49], 2),
        ([2, 40, 16, 17], 40),
        ([1, 1, 90, 91], 1),
        // A pixel.
        ([3, 12, 1, 1], 3),
    ];
    for (shape, groups) in cases {
        for (dtype, tolerance) in TYPES {
            for is_affine in [true, false] {
                let case = Case { shape, groups, eps: 1e-3, is_affine, dtype };
                let numbers = case.numbers();
                let (expected, found) = (case.on_cpu(&numbers).unwrap(), case.on_device(&numbers, &device));
                let names = [
                    "mean",
                    "variance",
                    "output",
                    "input's gradient",
                    "weight's gradient",
                    "bias's gradient",
                ];
                assert_eq!((expected.len(), found.len()), (4 + 2 * usize::from(is_affine), expected.len()));
                for ((name, found), expected) in names.iter().zip(&found).zip(&expected) {
                    let what =
                        format!("{name}, {groups} groups of {shape:?}, {dtype:?}, affine: {is_affine}");
                    alike(&what, found, expected, tolerance);
                }
                // In every run the same.
                for (again, found) in case.on_device(&numbers, &device).iter().zip(&found) {
                    alike("again", again, found, 0.0);
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let Some(device) = gpu() else { return };
    let x = put(&rounded(1, &[2, 6, 5, 7], DType::F32), DType::F32, &device);
    let refused = |len: usize, run: Function<'_>| {
        let mut said = String::new();
        launched(&device, &[&x], &[(DType::F32, len)], |gpu, from, to| {
            said = run(gpu, &from[0], &mut to[0]).unwrap_err().to_string();
            Ok(())
        });
        said
    };
    let said = refused(420, &|gpu, x, y| arrange::channel_shuffle(gpu, [70, 6], 4, x, y));
    assert_eq!(said, "shuffle_channels: 4 groups of 6 channels");
    let shuffle = PixelShuffle { maps: [2, 2], input: [5, 7], factor: 2 };
    let said = refused(420, &|gpu, x, y| arrange::pixel_shuffle(gpu, &shuffle, x, y));
    assert_eq!(said, "shuffle_pixels: expected 560 values of F32 as the input, found 420 of F32");
    let frame = Frame { maps: [2, 6], part: [2, 3], whole: [5, 7], first: [1, 5] };
    let said = refused(72, &|gpu, x, y| arrange::crop(gpu, &frame, x, y));
    assert!(said.starts_with("frame: the part is not in the whole"), "{said}");
    let frame = Frame { first: [1, 4], ..frame };
    let said = refused(71, &|gpu, x, y| arrange::crop(gpu, &frame, x, y));
    assert_eq!(said, "frame: expected 72 values of F32 as the output, found 71 of F32");
    let planes = Planes { batch: 2, channels: 6, plane: 35 };
    let said = refused(8, &|gpu, x, mean| {
        let norm = GroupNorm { planes, groups: 4, eps: 0.0 };
        let mut variance = gpu.scratch(mean.scalar(), 8)?;
        group_norm_last::statistics(gpu, &norm, x, mean, &mut variance.write(gpu))
    });
    assert_eq!(said, "channel_moments: 4 groups of 6 channels");
}
