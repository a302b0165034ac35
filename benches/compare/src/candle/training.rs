//! A training step with candle alone.

use anyhow::{Result, bail};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Module, Tensor, Var};
use candle_nn::{VarBuilder, VarMap, loss::cross_entropy};

use super::{lenet, mobilenet_v2, resnet, vgg};
use crate::engine::Job;
use crate::training::{Learner, MOMENTUM};

/// Stochastic gradient descent with momentum, as one writes it on candle's tensors: `candle_nn::SGD` has no momentum.
struct Sgd {
    vars: Vec<Var>,
    velocities: Vec<Option<Tensor>>,
    learning_rate: f64,
}

impl Sgd {
    fn new(vars: Vec<Var>, learning_rate: f64) -> Self {
        let velocities = vec![None; vars.len()];
        Self { vars, velocities, learning_rate }
    }

    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        for (var, velocity) in self.vars.iter().zip(&mut self.velocities) {
            // Running statistics have none.
            let Some(gradient) = gradients.get(var) else { continue };
            let next = match velocity.take() {
                Some(velocity) => ((velocity * MOMENTUM)? + gradient)?,
                None => gradient.clone(),
            };
            var.set(&var.sub(&(&next * self.learning_rate)?)?)?;
            *velocity = Some(next);
        }
        Ok(())
    }
}

pub struct Candle {
    network: Box<dyn Module>,
    sgd: Sgd,
    images: Tensor,
    labels: Tensor,
}

impl Candle {
    pub fn load(job: &Job) -> Result<Self> {
        let mut map = VarMap::new();
        let vars = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        let network: Box<dyn Module> = match job.network.as_str() {
            "lenet5" => Box::new(lenet::lenet5_mnist(vars)?),
            "small_vgg" => Box::new(vgg::small_vgg(vars)?),
            "resnet18" => Box::new(resnet::resnet18(vars, true)?),
            "mobilenet_v2" => Box::new(mobilenet_v2::mobilenet_v2(vars, true)?),
            other => bail!("`{other}` is not written with candle-nn here"),
        };
        map.load(job.file("weights.safetensors"))?;
        let sgd = Sgd::new(map.all_vars(), job.learning_rate);
        Ok(Self { network, sgd, images: job.images()?, labels: job.labels()? })
    }
}

impl Learner for Candle {
    fn step(&mut self) -> Result<f32> {
        let loss = cross_entropy(&self.network.forward(&self.images)?, &self.labels)?;
        self.sgd.step(&loss.backward()?)?;
        Ok(loss.to_scalar()?)
    }
}
