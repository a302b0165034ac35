//! Burn on its CPU backend: each network on the layers of `burn::nn`, as its users write them.

mod layers;
mod lenet;
mod mobilenet_v2;
mod resnet;
mod small_vgg;

use anyhow::{Result, bail};
use burn::module::Module;
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use layers::Weights;

use crate::engine::{Engine, Job};
use crate::training::{Learner, MOMENTUM, Training};

/// A network of images.
trait Network: Module {
    /// Images (N, C, H, W) to logits (N, classes).
    fn forward(&self, images: Tensor<4>) -> Tensor<2>;
}

struct Burn<N> {
    /// The optimizer takes it and gives the next one.
    network: Option<N>,
    optimizer: ModuleOptimizer,
    learning_rate: f64,
    loss: CrossEntropyLoss,
    images: Tensor<4>,
    labels: Tensor<1, Int>,
}

pub fn load(job: &Job) -> Result<Box<dyn Engine>> {
    let device = Device::flex().autodiff();
    let weights = Weights::load(&job.file("weights.safetensors"), device.clone())?;
    Ok(match job.network.as_str() {
        "lenet5" => learner(lenet::LeNet5::new(&weights)?, job, &device)?,
        "small_vgg" => learner(small_vgg::SmallVgg::new(&weights)?, job, &device)?,
        "resnet18" => learner(resnet::ResNet18::new(&weights)?, job, &device)?,
        "mobilenet_v2" => learner(mobilenet_v2::MobileNetV2::new(&weights)?, job, &device)?,
        other => bail!("`{other}` is not written with Burn here"),
    })
}

fn learner<N: Network + 'static>(network: N, job: &Job, device: &Device) -> Result<Box<dyn Engine>> {
    // Without dampening it is PyTorch's.
    let momentum = MomentumConfig::new().with_momentum(MOMENTUM).with_dampening(0.0);
    let (images, labels) = (job.images()?, job.labels()?);
    let labels: Vec<i64> = labels.to_vec1::<u32>()?.into_iter().map(i64::from).collect();
    let images = TensorData::new(images.flatten_all()?.to_vec1::<f32>()?, images.dims().to_vec());
    Ok(Box::new(Training::new(Burn {
        network: Some(network),
        optimizer: SgdConfig::new().with_momentum(Some(momentum)).init(),
        learning_rate: job.learning_rate,
        loss: CrossEntropyLossConfig::new().init(device),
        images: Tensor::from_data(images, device),
        labels: Tensor::from_data(labels.as_slice(), device),
    })))
}

impl<N: Network> Learner for Burn<N> {
    fn step(&mut self) -> Result<f32> {
        let Some(network) = self.network.take() else { bail!("the last step failed") };
        let loss = self.loss.forward(network.forward(self.images.clone()), self.labels.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        self.network = Some(self.optimizer.step(self.learning_rate, network, gradients));
        Ok(loss.into_scalar())
    }
}
