//! What an engine is, and what it is given.

use std::path::PathBuf;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor, safetensors};
use clap::Args;

/// A network that is ready to run.
pub trait Engine {
    /// What is timed: from the images in the engine's own form to logits that can be read.
    fn run(&mut self) -> Result<()>;

    /// The logits of the last run.
    fn logits(&self) -> Result<Vec<f32>>;
}

/// Which network, and how.
#[derive(Args)]
pub struct Job {
    /// As torchvision spells it, or `lenet5`.
    #[arg(long, default_value = "lenet5")]
    pub network: String,
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Where the exported models are.
    #[arg(long, default_value = "target/compare/models")]
    pub models: PathBuf,
}

impl Job {
    /// A file of the network.
    pub fn file(&self, name: &str) -> PathBuf {
        self.models.join(&self.network).join(name)
    }

    /// The ONNX file for this batch size.
    #[cfg(any(feature = "tract", feature = "rten"))]
    pub fn onnx(&self) -> PathBuf {
        self.file(&format!("b{}.onnx", self.batch))
    }

    /// The images, one batch of them.
    pub fn images(&self) -> Result<Tensor> {
        let path = self.file("data.safetensors");
        let images = safetensors::load(&path, &Device::Cpu)?.remove("input").context("no `input`")?;
        Ok(images.narrow(0, 0, self.batch)?.contiguous()?)
    }
}
