//! RTen: the ONNX file, its weights packed when it is loaded.

use std::sync::Arc;

use anyhow::Result;
use rten::{Model, ModelOptions, RunOptions, ThreadPool, Value, ValueView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use crate::engine::{Engine, Job};

pub struct RtenEngine {
    model: Model,
    options: RunOptions,
    images: Tensor<f32>,
    output: Option<Value>,
}

pub fn load(job: &Job) -> Result<RtenEngine> {
    let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(job.onnx())?;
    let pool = Arc::new(ThreadPool::with_num_threads(job.threads));
    let images = job.images()?;
    let images = Tensor::from_data(images.dims(), images.flatten_all()?.to_vec1::<f32>()?);
    Ok(RtenEngine {
        model,
        options: RunOptions::default().with_thread_pool(Some(pool)),
        images,
        output: None,
    })
}

impl Engine for RtenEngine {
    fn run(&mut self) -> Result<()> {
        let images = ValueView::from(self.images.view());
        self.output = Some(self.model.run_one(images.into(), Some(self.options.clone()))?);
        Ok(())
    }

    fn found(&self) -> Result<Vec<f32>> {
        let output: Tensor<f32> = self.output.clone().expect("a run").try_into()?;
        Ok(output.to_vec())
    }
}
