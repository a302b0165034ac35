use anyhow::Result;
use burn::module::Module;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, PaddingConfig2d};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::Network;
use super::layers::{ConvNorm, Weights, global_average};

#[derive(Module, Debug)]
pub struct ResNet18 {
    stem: ConvNorm,
    pool: MaxPool2d,
    blocks: Vec<Block>,
    fc: Linear,
}

/// Two convolutions, added to what they start from, or to a convolution of that where the shapes differ.
#[derive(Module, Debug)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    downsample: Option<ConvNorm>,
}

impl ResNet18 {
    pub fn new(weights: &Weights) -> Result<Self> {
        let mut blocks = Vec::new();
        for stage in 1..=4 {
            for index in 0..2 {
                let stride = if stage > 1 && index == 0 { 2 } else { 1 };
                blocks.push(Block::new(weights, &format!("layer{stage}.{index}"), stride)?);
            }
        }
        Ok(Self {
            stem: ConvNorm::new(weights.conv("conv1", 3, 2, 1)?, weights.norm("bn1")?),
            pool: MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            blocks,
            fc: weights.linear("fc")?,
        })
    }
}

impl Network for ResNet18 {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.pool.forward(relu(self.stem.forward(images)));
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.fc.forward(global_average(x))
    }
}

impl Block {
    fn new(weights: &Weights, name: &str, stride: usize) -> Result<Self> {
        let conv_norm = |number: usize, stride| {
            let conv = weights.conv(&format!("{name}.conv{number}"), 1, stride, 1)?;
            anyhow::Ok(ConvNorm::new(conv, weights.norm(&format!("{name}.bn{number}"))?))
        };
        let downsample = if stride > 1 {
            let conv = weights.conv(&format!("{name}.downsample.0"), 0, stride, 1)?;
            Some(ConvNorm::new(conv, weights.norm(&format!("{name}.downsample.1"))?))
        } else {
            None
        };
        Ok(Self { first: conv_norm(1, stride)?, second: conv_norm(2, 1)?, downsample })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.second.forward(relu(self.first.forward(x.clone())));
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.forward(x),
            None => x,
        };
        relu(y + shortcut)
    }
}
