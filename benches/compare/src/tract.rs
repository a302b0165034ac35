//! tract: the ONNX file, optimized for its fixed shapes.

use std::sync::Arc;

use anyhow::Result;
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

use crate::engine::{Engine, Job};

pub struct TractEngine {
    plan: Arc<TypedSimplePlan>,
    images: TValue,
    output: Option<TValue>,
}

pub fn load(job: &Job) -> Result<TractEngine> {
    if job.threads > 1 {
        set_default_executor(Executor::multithread(job.threads));
    }
    let plan = tract_onnx::onnx().model_for_path(job.onnx())?.into_optimized()?.into_runnable()?;
    let images = job.images()?;
    let values = images.flatten_all()?.to_vec1::<f32>()?;
    let images = tract_onnx::prelude::Tensor::from_shape(images.dims(), &values)?.into_tvalue();
    Ok(TractEngine { plan, images, output: None })
}

impl Engine for TractEngine {
    fn run(&mut self) -> Result<()> {
        self.output = self.plan.run(tvec![self.images.clone()])?.pop();
        Ok(())
    }

    fn found(&self) -> Result<Vec<f32>> {
        let output = self.output.as_ref().expect("a run");
        Ok(output.to_plain_array_view::<f32>()?.iter().copied().collect())
    }
}
