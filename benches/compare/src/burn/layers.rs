//! Layers with the weights of a file.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData};

/// The file's tensors.
pub struct Weights {
    tensors: HashMap<String, candle_core::Tensor>,
    pub device: Device,
}

impl Weights {
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        Ok(Self { tensors: candle_core::safetensors::load(path, &candle_core::Device::Cpu)?, device })
    }

    fn find(&self, name: &str) -> Result<&candle_core::Tensor> {
        self.tensors.get(name).with_context(|| format!("no `{name}`"))
    }

    fn tensor<const D: usize>(&self, tensor: &candle_core::Tensor) -> Result<Param<Tensor<D>>> {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        let data = TensorData::new(values, tensor.dims().to_vec());
        Ok(Param::from_data(data, &self.device))
    }

    /// A convolution, its padding and stride the same in both directions. Sizes and the bias are what the file has.
    pub fn conv(&self, name: &str, padding: usize, stride: usize, groups: usize) -> Result<Conv2d> {
        let weight = self.find(&format!("{name}.weight"))?;
        let (c_out, c_in, height, width) = weight.dims4()?;
        let bias = self.find(&format!("{name}.bias")).ok();
        let mut conv = Conv2dConfig::new([c_in * groups, c_out], [height, width])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
            .with_groups(groups)
            .with_bias(bias.is_some())
            .init(&self.device);
        conv.weight = self.tensor(weight)?;
        conv.bias = bias.map(|bias| self.tensor(bias)).transpose()?;
        Ok(conv)
    }

    /// A batch norm. Its running statistics are not read: training goes by those of the batch.
    pub fn norm(&self, name: &str) -> Result<BatchNorm> {
        let weight = self.find(&format!("{name}.weight"))?;
        let mut norm = BatchNormConfig::new(weight.elem_count()).init(&self.device);
        norm.gamma = self.tensor(weight)?;
        norm.beta = self.tensor(self.find(&format!("{name}.bias"))?)?;
        Ok(norm)
    }

    /// A fully connected layer, whose matrix stands the other way round here.
    pub fn linear(&self, name: &str) -> Result<Linear> {
        let weight = self.find(&format!("{name}.weight"))?;
        let (d_output, d_input) = weight.dims2()?;
        let mut linear = LinearConfig::new(d_input, d_output).init(&self.device);
        linear.weight = self.tensor(&weight.t()?.contiguous()?)?;
        linear.bias = Some(self.tensor(self.find(&format!("{name}.bias"))?)?);
        Ok(linear)
    }
}

/// A convolution without a bias and its batch norm.
#[derive(Module, Debug)]
pub struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    pub const fn new(conv: Conv2d, norm: BatchNorm) -> Self {
        Self { conv, norm }
    }

    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x))
    }
}

/// The mean of each channel: (N, C, H, W) to (N, C).
pub fn global_average(x: Tensor<4>) -> Tensor<2> {
    x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
}
