//! Every way that a convolution of maps with their channels last may be computed, of which measurements choose one, beside candle's
//! convolution in `f64` on the CPU and its gradients.

use candle_core::{DType, Device, Tensor, Var};
use cnn_cuda::conv::Epilogue;
use cnn_cuda::conv_last::{Planned, Transposed, WeightGradient};
use cnn_cuda::source::Scalar;
use cnn_cuda::{Gpu, tensor as memory};
use cnn_kernels::conv::Conv;
use cnn_kernels::window::Span;
use cnn_runtime::prelude::*;
use cnn_runtime::{CompileOptions, Pass};
use cnn_tests::gpu;

use crate::last::{alike, get, home, launched, put, rounded};
use crate::networks::{Mobile, Residual, deviation, numbers, tensor};

/// Images, channels before and after, groups, rows and columns, and the window: its size, stride, padding and dilation.
struct Case {
    maps: [usize; 4],
    size: [usize; 2],
    window: [usize; 4],
}

const CASES: [Case; 8] = [
    Case { maps: [2, 16, 24, 1], size: [9, 7], window: [3, 1, 1, 1] },
    Case { maps: [3, 24, 40, 1], size: [10, 8], window: [3, 2, 1, 1] },
    Case { maps: [2, 32, 48, 2], size: [7, 6], window: [5, 1, 2, 1] },
    // Few pixels and many factors.
    Case { maps: [1, 512, 72, 1], size: [5, 4], window: [1, 1, 0, 1] },
    Case { maps: [1, 40, 72, 1], size: [9, 8], window: [3, 1, 2, 2] },
    // Values that no window reaches.
    Case { maps: [2, 16, 16, 1], size: [7, 5], window: [1, 2, 0, 1] },
    Case { maps: [2, 40, 40, 40], size: [11, 9], window: [3, 2, 1, 1] },
    Case { maps: [2, 10, 20, 10], size: [6, 9], window: [3, 1, 1, 1] },
];

impl Case {
    fn conv(&self) -> Conv {
        let ([batch, in_channels, out_channels, groups], [kernel, stride, padding, dilation]) =
            (self.maps, self.window);
        let span = |input: usize| {
            let output = (input + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
            Span::new(input, output, kernel, stride, dilation, [padding; 2]).unwrap()
        };
        let [rows, columns] = self.size.map(span);
        Conv { batch, in_channels, out_channels, groups, rows, columns }
    }
}

/// A convolution in `f64`, a gradient of what it gives, and what follows from that.
struct Expected {
    conv: Conv,
    x: Tensor,
    weight: Tensor,
    y: Tensor,
    grad: Tensor,
    by_input: Tensor,
    by_weight: Tensor,
}

impl Expected {
    fn of(case: &Case, dtype: DType) -> Self {
        let conv = case.conv();
        let ([batch, in_channels, out_channels, groups], [kernel, stride, padding, dilation]) =
            (case.maps, case.window);
        let x = rounded(1, &[batch, in_channels, case.size[0], case.size[1]], dtype);
        let weight = rounded(2, &[out_channels, in_channels / groups, kernel, kernel], dtype);
        let [x, weight] = [x, weight].map(|tensor| Var::from_tensor(&tensor).unwrap());
        let y = x.conv2d(&weight, padding, stride, dilation, groups).unwrap();
        let grad = rounded(3, y.dims(), dtype);
        let store = (&y * &grad).unwrap().sum_all().unwrap().backward().unwrap();
        let [by_input, by_weight] = [&x, &weight].map(|var| store.get(var).unwrap().clone());
        let [x, weight] = [x, weight].map(|var| var.as_detached_tensor());
        Self { conv, x, weight, y: y.detach(), grad, by_input, by_weight }
    }
}

fn dims(tensor: &Tensor) -> [usize; 4] {
    tensor.dims().try_into().unwrap()
}

fn check(expected: &Expected, (scalar, dtype, tensor_cores): (Scalar, DType, bool), device: &Device) {
    let Expected { conv, x, weight, y, grad, by_input, by_weight } = expected;
    let gpu: Gpu = memory::gpu(device.as_cuda_device().unwrap()).unwrap();
    // TF32 has ten digits, bf16 eight.
    let tolerance = match (scalar, tensor_cores) {
        (Scalar::Bf16, _) => 2e-2,
        (_, true) => 5e-3,
        _ => 1e-5,
    };
    let [on_x, on_grad] = [x, grad].map(|map| put(map, dtype, device));
    let on_weight = weight.to_dtype(DType::F32).unwrap().to_device(device).unwrap();
    let pitch = conv.in_channels;
    let what = |way: &str| format!("{way}, {scalar:?}, {conv:?}");

    for planned in Planned::variants(&gpu, conv, scalar, pitch, tensor_cores).unwrap() {
        let outputs =
            [(dtype, planned.weight_len()), (DType::F32, planned.sums_len().max(1)), (dtype, y.elem_count())];
        let found = launched(device, &[&on_x, &on_weight], &outputs, |gpu, inputs, outputs| {
            let [packed, sums, y] = outputs else { panic!("three outputs") };
            planned.pack_on(gpu, &inputs[1], packed)?;
            let sums = (planned.sums_len() > 0).then_some(sums);
            planned.run(gpu, &inputs[0], &packed.read(), Epilogue::default(), sums, y)
        });
        alike(&what(&planned.algorithm()), &get(&found[2], dims(y)), y, tolerance);
    }
    for transposed in Transposed::variants(&gpu, conv, scalar, tensor_cores).unwrap() {
        let outputs = [
            (dtype, transposed.weight_len()),
            (DType::F32, transposed.sums_len().max(1)),
            (dtype, x.elem_count()),
        ];
        let found = launched(device, &[&on_grad, &on_weight], &outputs, |gpu, inputs, outputs| {
            let [packed, sums, to] = outputs else { panic!("three outputs") };
            transposed.pack_on(gpu, &inputs[1], packed)?;
            let sums = (transposed.sums_len() > 0).then_some(sums);
            transposed.run(gpu, &inputs[0], &packed.read(), Epilogue::default(), sums, to)
        });
        let way = format!("the input's gradient, {}", transposed.algorithm());
        alike(&what(&way), &get(&found[2], dims(x)), by_input, tolerance);
    }
    for gradient in WeightGradient::variants(&gpu, conv, scalar, pitch, tensor_cores).unwrap() {
        let outputs = [(DType::F32, gradient.sums_len()), (DType::F32, weight.elem_count())];
        let found = launched(device, &[&on_x, &on_grad], &outputs, |gpu, inputs, outputs| {
            let [sums, to] = outputs else { panic!("two outputs") };
            gradient.sums(gpu, &inputs[0], &inputs[1], sums)?;
            gradient.finish(gpu, &sums.read(), to)
        });
        let way = format!("the weight's gradient, {}", gradient.algorithm());
        let found = home(&found[1]).reshape(weight.dims()).unwrap();
        alike(&what(&way), &found, by_weight, tolerance);
    }
}

#[test]
fn all_compute_the_same() {
    let Some(gpu) = gpu() else { return };
    let kinds = [
        (Scalar::F32, DType::F32, false),
        (Scalar::F32, DType::F32, true),
        (Scalar::Bf16, DType::BF16, true),
    ];
    for (index, case) in CASES.iter().enumerate() {
        for kind in kinds {
            // TF32's kernels are those of bf16 with other words.
            if crate::is_slow() && kind.0 == Scalar::F32 && kind.2 && index > 2 {
                continue;
            }
            check(&Expected::of(case, kind.1), kind, &gpu);
        }
    }
}

macro_rules! measured {
    ($network:ident, $gpu:ident) => {
        let nets = [&Device::Cpu, &$gpu].map(|device| $network::init(Init::seed(3), device).unwrap());
        let options = CompileOptions::batch(2).with_tuning(Tuning::Measured);
        let x = tensor(5, &[&[2], $network::INPUT.as_slice()].concat());
        let there = x.to_device(&$gpu).unwrap();
        let mut plan = nets[1].compile(&options).unwrap();
        let found = numbers(&plan.run(&there).unwrap());
        let error = deviation(&found, &numbers(&nets[0].forward(&x).unwrap()));
        assert!(error < 2e-5, "{}: {error:e}", stringify!($network));
        let mut plan = nets[1].compile_training(&options).unwrap();
        let found = numbers(&plan.forward(&[&there]).unwrap());
        let expected = nets[0].forward_pass(&x, &Pass::train(nets[0].state().generator())).unwrap();
        let error = deviation(&found, &numbers(&expected));
        assert!(error < 2e-5, "{}, training: {error:e}", stringify!($network));
    };
}

#[test]
fn plans_by_measurements_compute_the_same() {
    let Some(gpu) = gpu() else { return };
    measured!(Residual, gpu);
    measured!(Mobile, gpu);
}
