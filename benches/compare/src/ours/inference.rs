//! This project: the network of `cnn_examples`, compiled from the file of its weights.

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
    let options = CompileOptions::batch(job.batch).with_precision(precision);
    let plan = zoo::find(&job.network)?.compile_file(job.file("weights.safetensors"), &options)?;
    Ok(Ours { plan, images: job.images()?, output: None })
}

impl Engine for Ours {
    fn run(&mut self) -> Result<()> {
        self.output = Some(self.plan.run(&self.images)?);
        Ok(())
    }

    fn found(&self) -> Result<Vec<f32>> {
        Ok(self.output.as_ref().expect("a run").flatten_all()?.to_vec1()?)
    }
}
