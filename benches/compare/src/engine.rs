//! What an engine is, and what it is given.

use std::path::PathBuf;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor, safetensors};
use clap::{Args, ValueEnum};

/// A network that is ready to run, or to be trained.
pub trait Engine {
    /// What is timed: from the images in the engine's own form to logits that can be read, or a training step.
    fn run(&mut self) -> Result<()>;

    /// What is compared with PyTorch's: the logits of the last run, or the losses of the first steps.
    fn found(&self) -> Result<Vec<f32>>;
}

/// What is done with a network.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Task {
    Inference,
    Training,
}

/// Which network, and how.
#[derive(Args)]
pub struct Job {
    #[arg(long, value_enum, default_value = "inference")]
    pub task: Task,
    /// As torchvision spells it, `lenet5` or `small_vgg`.
    #[arg(long, default_value = "lenet5")]
    pub network: String,
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Of training only.
    #[arg(long, default_value_t = 0.0)]
    pub learning_rate: f64,
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
        self.data("input")
    }

    /// The class of each image: u32.
    pub fn labels(&self) -> Result<Tensor> {
        Ok(self.data("labels")?.to_dtype(DType::U32)?)
    }

    fn data(&self, name: &str) -> Result<Tensor> {
        let path = self.file("data.safetensors");
        let data = safetensors::load(&path, &Device::Cpu)?.remove(name);
        let data = data.with_context(|| format!("no `{name}` in {}", path.display()))?;
        Ok(data.narrow(0, 0, self.batch)?.contiguous()?)
    }
}
