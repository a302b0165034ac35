//! candle without this project: each network on the layers of `candle-nn`, as its users write them.

mod alexnet;
mod layers;
mod lenet;
mod mobilenet_v2;
mod resnet;
pub mod training;
mod vgg;

use anyhow::{Result, bail};
use candle_core::{DType, Device, Module, Tensor, safetensors};
use candle_nn::VarBuilder;

use crate::engine::{Engine, Job};

pub struct CandleEngine {
    network: Box<dyn Module>,
    images: Tensor,
    output: Option<Tensor>,
}

pub fn load(job: &Job) -> Result<CandleEngine> {
    let weights = safetensors::load(job.file("weights.safetensors"), &Device::Cpu)?;
    let vars = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
    let network: Box<dyn Module> = match job.network.as_str() {
        "lenet5" => Box::new(lenet::lenet5(vars)?),
        "alexnet" => Box::new(alexnet::alexnet(vars)?),
        "vgg16" => Box::new(vgg::vgg16(vars)?),
        "resnet18" => Box::new(resnet::resnet18(vars, false)?),
        "resnet50" => Box::new(resnet::resnet50(vars, false)?),
        "mobilenet_v2" => Box::new(mobilenet_v2::mobilenet_v2(vars, false)?),
        other => bail!("`{other}` is not written with candle-nn here"),
    };
    Ok(CandleEngine { network, images: job.images()?, output: None })
}

impl Engine for CandleEngine {
    fn run(&mut self) -> Result<()> {
        self.output = Some(self.network.forward(&self.images)?);
        Ok(())
    }

    fn found(&self) -> Result<Vec<f32>> {
        Ok(self.output.as_ref().expect("a run").flatten_all()?.to_vec1()?)
    }
}
