//! Networks whose losses PyTorch recorded, their batches, and the steps of a training plan.

use candle_core::Var;
use candle_nn::var_builder::VarBuilder;
use cnn_runtime::prelude::*;
use cnn_runtime::{Network, ops};
use cnn_train::optim::{Config, Optimizer};

use crate::formula::{self, Weights};

network! {
    pub(crate) LeNet5: 1x28x28 -> 10 {
        conv1: conv5-6(pad=2) relu -> pool2 -> conv2: conv5-16(valid) relu -> pool2
     -> fc1: fc120 relu -> fc2: fc84 relu -> fc3: fc10
    }

    pub(crate) TinyVgg: 3x32x32 -> 10 {
        conv1: conv3-16 bn1: bn relu -> conv2: conv3-16 bn2: bn relu -> pool2
     -> conv3: conv3-32 bn3: bn relu -> conv4: conv3-32 bn4: bn relu -> pool2
     -> fc1: fc64 relu -> fc2: fc10
    }

    block Basic(c) {
        residual { conv1: conv3-c/stride bn1: bn relu -> conv2: conv3-c bn2: bn }
        else downsample: (conv1-c/stride bn)
        relu
    }

    pub(crate) ResNet18: 3x64x64 -> 10 {
        conv1: conv7-64/2 bn1: bn relu -> pool3/2(pad=1)
     -> layer1: Basic(64) x2 -> layer2: Basic(128) x2/2 -> layer3: Basic(256) x2/2 -> layer4: Basic(512) x2/2
     -> gap -> fc: fc10
    }
}

/// Batches of an epoch.
pub(crate) const BATCHES: usize = 10;

/// Images with a bright square for their class, as `generate.py` makes them.
pub(crate) fn batch(shape: &[usize], classes: usize, index: usize) -> (Tensor, Vec<u32>) {
    let mut images = formula::values(&format!("batch{index}"), shape.iter().product());
    let labels: Vec<u32> = formula::values(&format!("labels{index}"), shape[0])
        .into_iter()
        .map(|value| ((value + 1.0) * (classes as f32 / 2.0)) as u32)
        .collect();
    let (plane, width) = (shape[2] * shape[3], shape[3]);
    for (image, &label) in images.chunks_mut(shape[1] * plane).zip(&labels) {
        let (row, column) = (label as usize / 4 * 6, label as usize % 4 * 6);
        for map in image.chunks_mut(plane) {
            for y in row..row + 6 {
                map[y * width + column..][..6].iter_mut().for_each(|value| *value += 1.0);
            }
        }
    }
    (Tensor::from_vec(images, shape, &Device::Cpu).unwrap(), labels)
}

pub(crate) fn vars(device: &Device) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Weights { gain: 1.0 }), DType::F32, device.clone())
}

/// The losses of the first steps by a plan, on the network's device.
pub(crate) fn compiled(
    net: &dyn Network,
    options: &CompileOptions,
    config: impl Into<Config>,
    steps: usize,
) -> Vec<f64> {
    let shape = [&[options.batch], net.input_shape()].concat();
    let classes = net.output_shape()[0];
    let mut plan = net.compile_training(options).unwrap();
    let mut optimizer = Optimizer::new(net.state(), config).unwrap();
    let step = |index: usize| {
        let (images, labels) = batch(&shape, classes, index % BATCHES);
        let images = images.to_device(net.state().device()).unwrap();
        let logits = Var::from_tensor(&plan.forward(&[&images]).unwrap()).unwrap();
        let labels = Tensor::new(labels.as_slice(), &Device::Cpu).unwrap();
        let loss = ops::cross_entropy(&logits, &labels, 0.0).unwrap();
        plan.backward(loss.backward().unwrap().get(&logits).unwrap()).unwrap();
        optimizer.step_plan(&plan).unwrap();
        f64::from(loss.to_scalar::<f32>().unwrap())
    };
    (0..steps).map(step).collect()
}
