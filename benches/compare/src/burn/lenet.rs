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
pub struct LeNet5 {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

impl LeNet5 {
    pub fn new(weights: &Weights) -> Result<Self> {
        Ok(Self {
            conv1: weights.conv("conv1", 2, 1, 1)?,
            conv2: weights.conv("conv2", 0, 1, 1)?,
            pool: MaxPool2dConfig::new([2, 2]).init(),
            fc1: weights.linear("fc1")?,
            fc2: weights.linear("fc2")?,
            fc3: weights.linear("fc3")?,
        })
    }
}

impl Network for LeNet5 {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(relu(self.conv1.forward(images)));
        let x = self.pool.forward(relu(self.conv2.forward(x)));
        let x = relu(self.fc1.forward(x.flatten::<2>(1, 3)));
        self.fc3.forward(relu(self.fc2.forward(x)))
    }
}
