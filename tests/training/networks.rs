//! Networks that have every layer which is trained, and numbers for them.

use cnn_runtime::prelude::*;

network! {
    pub(crate) LeNet: 1x28x28 -> 10 {
        conv5-6(pad=2) relu -> pool2 -> conv5-16(valid) relu -> pool2 -> fc120 relu -> fc84 relu -> fc10
    }

    pub(crate) Vgg: 3x32x32 -> 10 {
        conv3-16 bn relu -> conv3-20 bn relu -> pool2 -> conv3-32 bn relu -> pool2 -> conv3-32 relu6
     -> pool3/2(pad=1) -> flatten -> fc24 relu -> dropout(0.4) -> fc10
    }

    pub(crate) Residual: 3x24x24 -> 7 {
        conv7-20/2(pad=3) bn relu -> pool3/2(pad=1)
     -> residual { conv3-20 bn relu -> conv3-20 bn } relu
     -> residual { conv3-32/2 bn relu -> conv3-32 bn } else (conv1-32/2 bn) relu
     -> residual { conv3-32 bn relu -> conv3-32 bn } relu -> gap -> fc: fc7
    }

    pub(crate) Mobile: 3x20x20 -> 5 {
        conv3-16/2 bn relu6 -> dw3 bn relu6 -> conv1-24 bn
     -> residual { conv1-48 bn relu6 -> dw3 bn relu6 -> conv1-24 bn }
     -> conv1-48 bn relu6 -> dw5/2 bn relu6 -> conv1-32 bn -> gap -> fc: fc5
    }

    pub(crate) Grouped: 6x14x14 -> 5 {
        conv3-24(groups=2) bn relu -> conv3-40/2(groups=4) relu
     -> residual { conv1-64 bn relu -> conv3-64(groups=16) bn relu -> conv1-40 bn } relu
     -> conv1-60(groups=5, bias=false) bn -> conv5-64/2(groups=2, pad=2) relu -> conv3-32(groups=2, dilation=2) relu6
     -> gap -> fc: fc5
    }

    pub(crate) Generator: 12x1x1 -> 3x18x18 {
        deconv4-40(bias=false) bn relu -> deconv4-24/2(pad=1) bn relu -> deconv3-20/2(pad=1, outpad=1) relu
     -> conv3-20 relu -> deconv5-18(pad=1) relu6 -> deconv2-16(groups=2) -> deconv4-3(bias=false, pad=2) tanh
    }

    pub(crate) Dropping: 6x12x12 -> 6 {
        conv3-20 relu -> dropout(0.3) -> conv3-24/2 -> dropout2d(0.4)
     -> residual { conv3-24 relu -> droppath(0.3) } -> gap -> flatten
     -> dropout(0.5) -> fc40(dropconnect=0.3) relu -> dropout(0.5) -> fc6(dropconnect=0.4)
    }

    pub(crate) Normed: 6x12x12 -> 4 {
        conv3-20 gn4 relu -> residual { conv3-20 gn5 relu -> conv3-20(bias=false) gn20 } relu
     -> conv3-24/2(bias=false) inorm relu6 -> conv3-32 gn2 tanh -> gap -> fc: fc4
    }

    pub(crate) Ends: 3x16x16 -> 5 {
        conv4-20/2(pad=1) leaky(0.2) -> conv3-20 bn leaky(0.1) -> conv3-24(groups=2) bn tanh -> dw3 sigmoid
     -> residual { conv1-24 bn } tanh -> avgpool2 -> leaky(0.3) -> flatten -> fc5
    }

    pub(crate) Mixed: 6x12x12 -> 4 {
        conv3-16 gn4 tanh -> concat { conv3-8 relu | conv1-12 relu | avgpool3/1(pad=1) }
     -> conv3-16(groups=2) relu -> lrn5 -> dropout(0.25) -> conv2-24/2(valid) prelu -> avgpool2 -> flatten
     -> fc: fc4
    }

    pub(crate) Excited: 3x16x16 -> 5 {
        conv3-24/2 bn silu -> mul { id | gap -> conv1-8 silu -> conv1-24 sigmoid }
     -> residual { dw3 bn hardswish -> conv1-24 bn } gelu -> mul { conv1-20 hardsigmoid | conv1-20 elu }
     -> conv3-16 gn4 silu -> conv3-16(bias=false) inorm gelu -> gap -> fc12 hardswish -> fc5
    }

    pub(crate) Next: 3x16x16 -> 5 {
        conv4-24/4(valid) ln -> residual { dw7 ln -> conv1-96(linear) gelu -> conv1-24(linear) scale(0.5) droppath(0.3) }
     -> ln conv2-40/2(valid) -> gap -> ln -> flatten -> fc20 ln silu -> fc5
    }
}

/// Numbers that look random and are the same everywhere.
pub(crate) fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 2.0
        })
        .collect()
}

pub(crate) fn tensor(seed: u64, shape: &[usize]) -> Tensor {
    Tensor::from_vec(values(seed, shape.iter().product()), shape, &Device::Cpu).unwrap()
}

pub(crate) fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference, relative to the largest value.
pub(crate) fn deviation(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
    let difference = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(found.iter().all(|value| value.is_finite()));
    difference / largest.max(1e-6)
}
