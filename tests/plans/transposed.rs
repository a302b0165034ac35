//! Transposed convolutions, which plans take apart, beside the layer itself.

use cnn_runtime::layers::{ConvTranspose2d, ConvTranspose2dConfig};
use cnn_runtime::params::Builder;
use cnn_runtime::prelude::*;
use cnn_runtime::{Plan, Value};

use crate::formula::values;

fn tensor(dims: &[usize]) -> Tensor {
    Tensor::from_vec(values("input", dims.iter().product()), dims, &Device::Cpu).unwrap()
}

/// The steps of the plan of a layer, whose run was compared.
fn compare(config: ConvTranspose2dConfig, sizes: [usize; 2], threads: usize) -> Vec<String> {
    let builder = Builder::init(&Init::seed(1), &Device::Cpu).unwrap();
    let layer = ConvTranspose2d::new(builder.root().pp("up"), config).unwrap();
    let state = builder.finish().unwrap();
    for (_, var, _) in state.named() {
        var.set(&tensor(var.dims())).unwrap();
    }
    let x = tensor(&[2, config.in_channels, sizes[0], sizes[1]]);
    let expected = layer.run(&x).unwrap().relu().unwrap();
    let (sample, options) = (&x.dims()[1..], CompileOptions::batch(2).with_threads(threads));
    let record = move |inputs: &[cnn_runtime::plan::Traced]| Ok(vec![layer.run(&inputs[0])?.relu()?]);
    let mut plan = Plan::compile("Up", &[("", sample)], &state, &options, record).unwrap();
    let found = plan.run(&x).unwrap();
    let largest = |x: &Tensor| x.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    assert_eq!(found.dims(), expected.dims(), "{config:?} of {sizes:?}");
    let (scale, difference) = (largest(&expected), largest(&(found - expected).unwrap()));
    assert!(scale > 0.0 && difference <= 2e-5 * scale, "{config:?} of {sizes:?}: {difference} of {scale}");
    plan.steps().iter().map(|row| format!("{} [{}]", row.layers, row.algorithm)).collect()
}

#[test]
fn all_kinds() {
    let (mut apart, mut whole) = (0, 0);
    let kernels = [[1, 1], [2, 2], [3, 3], [4, 4], [2, 5], [6, 3]];
    let strides = [[1, 1], [2, 2], [3, 2], [1, 4]];
    let channels = [(3, 5, 1), (16, 32, 1), (20, 7, 1), (8, 12, 4), (24, 24, 24), (32, 64, 2)];
    let mut count = 0;
    for kernel in kernels {
        for stride in strides {
            for dilation in [[1, 1], [2, 3]] {
                for padding in 0..3 {
                    let (inputs, outputs, groups) = channels[count % channels.len()];
                    let extra = [count % stride[0], count / 2 % stride[1]];
                    count += 1;
                    let reach = |axis: usize| dilation[axis] * (kernel[axis] - 1) + 1;
                    if (0..2).any(|axis| 2 * padding >= reach(axis) + stride[axis]) {
                        continue;
                    }
                    let config = ConvTranspose2dConfig::new(inputs, outputs, kernel)
                        .with_stride(stride)
                        .with_padding([padding; 2])
                        .with_dilation(dilation)
                        .with_output_padding(extra)
                        .with_groups(groups);
                    let steps = compare(config, [5, 4], 1 + count % 2);
                    let eager = steps.iter().any(|step| step == "conv_transpose2d [eager]");
                    *if eager { &mut whole } else { &mut apart } += 1;
                }
            }
        }
    }
    // Where there are outputs that no tap reaches, or padding takes all that one does, it is left to the layer.
    assert!(apart > 40 && whole > 40, "{apart} and {whole}");
}

#[test]
fn those_of_networks_are_taken_apart() {
    // U-Net's, DCGAN's and the fully convolutional networks' bilinear one (Long et al., 2015).
    let unet = ConvTranspose2dConfig::new(64, 32, [2, 2]).with_stride([2, 2]);
    let dcgan = ConvTranspose2dConfig::new(32, 16, [4, 4]).with_stride([2, 2]).with_padding([1, 1]);
    let fcn = ConvTranspose2dConfig::new(21, 21, [4, 4]).with_stride([2, 2]).with_groups(21).without_bias();
    let parts = |algorithm: &str| {
        (1..=4).map(move |part| format!("conv_transpose2d ({part} of 4) [{algorithm}]")).collect::<Vec<_>>()
    };
    for (config, algorithm) in [(unet, "product"), (dcgan, "direct"), (fcn, "depthwise")] {
        let steps = compare(config, [7, 9], 2);
        let whole = steps.iter().position(|step| step == "conv_transpose2d + relu [interleaving]").unwrap();
        assert_eq!(steps[whole - 4..whole], parts(algorithm));
    }
}
