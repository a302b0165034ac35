use anyhow::Result;
use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::Network;
use super::layers::Weights;

#[derive(Module, Debug)]
pub struct SmallVgg {
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
    conv4: Conv2d,
    pool: MaxPool2d,
    fc1: Linear,
    fc2: Linear,
}

impl SmallVgg {
    pub fn new(weights: &Weights) -> Result<Self> {
        Ok(Self {
            conv1: weights.conv("conv1", 1, 1, 1)?,
            conv2: weights.conv("conv2", 1, 1, 1)?,
            conv3: weights.conv("conv3", 1, 1, 1)?,
            conv4: weights.conv("conv4", 1, 1, 1)?,
            pool: MaxPool2dConfig::new([2, 2]).init(),
            fc1: weights.linear("fc1")?,
            fc2: weights.linear("fc2")?,
        })
    }
}

impl Network for SmallVgg {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv1.forward(images));
        let x = self.pool.forward(relu(self.conv2.forward(x)));
        let x = relu(self.conv3.forward(x));
        let x = self.pool.forward(relu(self.conv4.forward(x)));
        self.fc2.forward(relu(self.fc1.forward(x.flatten::<2>(1, 3))))
    }
}
