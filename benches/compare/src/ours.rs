//! This project: the network of `cnn_examples`, compiled.

use anyhow::Result;
use cnn_examples::models::zoo;
use cnn_runtime::prelude::*;

use crate::engine::{Engine, Job};

pub struct Ours {
    plan: Plan,
    images: Tensor,
    output: Option<Tensor>,
}

pub fn load(job: &Job, precision: Precision) -> Result<Ours> {
    let network = zoo::find(&job.network)?.load(job.file("weights.safetensors"), &Device::Cpu)?;
    let plan = network.compile(&CompileOptions::batch(job.batch).with_precision(precision))?;
    Ok(Ours { plan, images: job.images()?, output: None })
}

impl Engine for Ours {
    fn run(&mut self) -> Result<()> {
        self.output = Some(self.plan.run(&self.images)?);
        Ok(())
    }

    fn logits(&self) -> Result<Vec<f32>> {
        Ok(self.output.as_ref().expect("a run").flatten_all()?.to_vec1()?)
    }
}
