//! This project: a network's training step, compiled or as a loop by hand has it, and `cnn_train`'s SGD.

use anyhow::{Context, Result, bail};
use cnn_examples::models::lenet::LeNet5Mnist;
use cnn_kernels::cross_entropy::{CrossEntropy, Targets};
use cnn_runtime::plan::TrainingPlan;
use cnn_runtime::prelude::*;
use cnn_runtime::{Network, ops};
use cnn_train::optim::{Optimizer, Sgd};

use super::networks::{MobileNetV2, ResNet18, SmallVgg};
use crate::engine::Job;
use crate::training::{Learner, MOMENTUM};

fn network(job: &Job) -> Result<Box<dyn Network>> {
    let (weights, device) = (job.file("weights.safetensors"), &Device::Cpu);
    Ok(match job.network.as_str() {
        "lenet5" => Box::new(LeNet5Mnist::load(weights, device)?),
        "small_vgg" => Box::new(SmallVgg::load(weights, device)?),
        "resnet18" => Box::new(ResNet18::load(weights, device)?),
        "mobilenet_v2" => Box::new(MobileNetV2::load(weights, device)?),
        other => bail!("`{other}` is not declared for training here"),
    })
}

fn optimizer(network: &dyn Network, job: &Job) -> Result<Optimizer> {
    Ok(Optimizer::new(network.state(), Sgd::new(job.learning_rate).momentum(MOMENTUM))?)
}

/// With a plan.
pub struct Compiled {
    plan: TrainingPlan,
    optimizer: Optimizer,
    loss: CrossEntropy,
    images: Tensor,
    labels: Vec<u32>,
}

impl Compiled {
    pub fn load(job: &Job) -> Result<Self> {
        let network = network(job)?;
        let plan = network.compile_training(&CompileOptions::batch(job.batch).with_threads(job.threads))?;
        let optimizer = optimizer(network.as_ref(), job)?;
        let loss = CrossEntropy { batch: job.batch, classes: network.output_shape()[0], smoothing: 0.0 };
        Ok(Self { plan, optimizer, loss, images: job.images()?, labels: job.labels()?.to_vec1()? })
    }
}

impl Learner for Compiled {
    fn step(&mut self) -> Result<f32> {
        let logits = self.plan.forward(&[&self.images])?;
        let values = logits.flatten_all()?.to_vec1::<f32>()?;
        let mut gradient = vec![0.0; values.len()];
        let targets = Targets::Classes(&self.labels);
        let loss = self.loss.loss_and_gradient(&values, targets, 1.0, &mut gradient);
        let gradient = Tensor::from_vec(gradient, logits.shape(), &Device::Cpu)?;
        self.plan.backward(&gradient)?;
        self.optimizer.step_plan(&self.plan)?;
        Ok(loss as f32)
    }
}

/// A loop as one writes it by hand: `forward_train`, a loss, `backward`, a step.
pub struct Loop {
    network: Box<dyn Network>,
    optimizer: Optimizer,
    images: Tensor,
    labels: Tensor,
}

impl Loop {
    pub fn load(job: &Job) -> Result<Self> {
        let network = network(job)?;
        let optimizer = optimizer(network.as_ref(), job)?;
        Ok(Self { network, optimizer, images: job.images()?, labels: job.labels()? })
    }
}

impl Learner for Loop {
    fn step(&mut self) -> Result<f32> {
        let logits = self.network.forward_t(&self.images, true)?;
        let loss = ops::cross_entropy(&logits, &self.labels, 0.0)?;
        self.optimizer.backward_step(&loss)?;
        Ok(loss.to_scalar()?)
    }
}
