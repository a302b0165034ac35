//! A trained network that names photos: which one, from which file, and what it says.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use candle_core::{D, DType, Device, Tensor};
use clap::{Args, ValueEnum};
use cnn_runtime::Network;
use cnn_runtime::plan::{CompileOptions, Plan, Precision};

use crate::classes::{self, Classes};
use crate::models::zoo;
use crate::paths::repository;
use crate::photo::{Interpolation, Preprocessing};

/// The network whose weights the repository has.
pub const SHIPPED: &str = "mobilenet_v2";

/// Options of a program that runs a trained network.
#[derive(Clone, Debug, Args)]
pub struct Choice {
    /// The network, by the name that torchvision has for it: resnet18, vgg16, ...
    #[arg(long, value_name = "NAME", default_value = SHIPPED)]
    pub model: String,
    /// Its weights, a safetensors or PyTorch file with torchvision's names of tensors [default: the repository's, for
    /// mobilenet_v2]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// The names of its classes, one on each line [default: ImageNet's for a network of 1,000 classes, else numbers]
    #[arg(long, value_name = "FILE")]
    pub classes: Option<PathBuf>,
}

/// How exact a compiled network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fast {
    /// `f32`, with Winograd's arrangement.
    F32,
    /// `f32` without it.
    Exact,
    /// Weights in bf16.
    Bf16,
    /// Fully connected weights in bf16.
    Bf16Linear,
}

impl From<Fast> for Precision {
    fn from(fast: Fast) -> Self {
        match fast {
            Fast::F32 => Self::F32,
            Fast::Exact => Self::Exact,
            Fast::Bf16 => Self::Bf16,
            Fast::Bf16Linear => Self::Bf16Linear,
        }
    }
}

/// Why a network cannot name photos.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no network of that name.
    #[error(transparent)]
    Unknown(#[from] zoo::UnknownModel),
    /// The repository has no weights for it.
    #[error(
        "{model} has no weights here: give a file with --weights (the repository has those of {SHIPPED})"
    )]
    NoWeights {
        /// The network.
        model: &'static str,
    },
    /// It does not take photos, or does not give classes.
    #[error(
        "{model} takes {} and gives {}, but photos are 3xNxN and classes N: choose another with --model",
        by(input),
        by(output)
    )]
    NoClassifier {
        /// The network.
        model: &'static str,
        /// What it takes.
        input: &'static [usize],
        /// What it gives.
        output: &'static [usize],
    },
    /// The file of names is not usable.
    #[error(transparent)]
    Classes(#[from] classes::Error),
    /// The weights do not fit, or cannot be read.
    #[error(transparent)]
    Network(#[from] cnn_runtime::Error),
}

/// A shape in words.
fn by(shape: &[usize]) -> String {
    shape
        .iter()
        .map(|&size| if size == 0 { "N".to_owned() } else { size.to_string() })
        .collect::<Vec<_>>()
        .join("x")
}

impl Choice {
    /// Loads the network to the device.
    ///
    /// # Errors
    /// If there is no such network, its weights are not there or do not fit it, it is none that names photos, or the
    /// names of its classes cannot be read.
    pub fn open(&self, device: &Device) -> Result<Classifier, Error> {
        let model = zoo::find(&self.model)?;
        let weights = match &self.weights {
            Some(path) => path.clone(),
            None if model.name == SHIPPED => repository().join("data/imagenet/mobilenet_v2.safetensors"),
            None => return Err(Error::NoWeights { model: model.name }),
        };
        let net = model.load(&weights, device)?;
        let (input, output) = (net.input_shape(), net.output_shape());
        let (&[3, height, width], &[count]) = (input, output) else {
            return Err(Error::NoClassifier { model: model.name, input, output });
        };
        if height != width || count == 0 {
            return Err(Error::NoClassifier { model: model.name, input, output });
        }
        let classes = match &self.classes {
            Some(path) => Classes::read(path, count)?,
            None => Classes::usual(count),
        };
        Ok(Classifier {
            model: model.name,
            weights,
            preprocessing: preprocessing(model.name, height),
            net,
            classes,
            fast: None,
        })
    }
}

/// What torchvision evaluates the weights of that name with; `side` is the network's own, 0 where it takes any.
fn preprocessing(model: &str, side: usize) -> Preprocessing {
    let usual = Preprocessing::for_side(if side == 0 { Preprocessing::IMAGENET.crop_size } else { side });
    match model {
        "convnext_tiny" => Preprocessing { resize_size: 236, ..usual },
        "efficientnet_b0" => Preprocessing { interpolation: Interpolation::Bicubic, ..usual },
        _ => usual,
    }
}

/// A trained network with what belongs to it.
#[derive(Debug)]
pub struct Classifier {
    /// The network's name.
    pub model: &'static str,
    /// The file of its weights.
    pub weights: PathBuf,
    /// The network.
    pub net: Box<dyn Network>,
    /// How photos become its input.
    pub preprocessing: Preprocessing,
    /// The names of its classes.
    pub classes: Classes,
    /// Where it is compiled: how, and a plan for each size of batch so far.
    fast: Option<(Precision, Mutex<Vec<Plan>>)>,
}

/// A class that a photo may show.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// The number of the class.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// How probable the network finds it.
    pub probability: f32,
}

impl Classifier {
    /// The same, compiled for each size of batch that it meets.
    #[must_use]
    pub fn compiled(self, precision: Precision) -> Self {
        Self { fast: Some((precision, Mutex::default())), ..self }
    }

    /// The `count` most probable classes of each photo, the most probable first. `photos` are [`Preprocessing::tensor`]s,
    /// at least one.
    ///
    /// # Errors
    /// If they are not of the network's size, the device fails, or the weights make numbers that are none.
    pub fn rank(&self, photos: &[Tensor], count: usize) -> cnn_runtime::Result<Vec<Vec<Guess>>> {
        let logits = self.logits(&Tensor::stack(photos, 0)?)?.to_dtype(DType::F32)?;
        let probabilities = candle_nn::ops::softmax(&logits, D::Minus1)?.to_vec2::<f32>()?;
        if probabilities.iter().flatten().any(|probability| !probability.is_finite()) {
            let weights = self.weights.display();
            let message = format!("{} answers with NaN: the weights of {weights} are damaged", self.model);
            return Err(candle_core::Error::Msg(message).into());
        }
        Ok(probabilities.iter().map(|probabilities| self.best(probabilities, count)).collect())
    }

    /// What the network, or a plan of it, gives for a batch (N, 3, H, W).
    ///
    /// # Errors
    /// As [`rank`](Self::rank); where it cannot be compiled.
    pub fn logits(&self, photos: &Tensor) -> cnn_runtime::Result<Tensor> {
        let Some((precision, plans)) = &self.fast else { return Ok(self.net.forward_t(photos, false)?) };
        let batch = photos.dim(0)?;
        let mut plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match plans.iter().position(|plan| plan.options().batch == batch) {
            Some(index) => index,
            None => {
                let options = CompileOptions::batch(batch).with_precision(*precision);
                plans.push(self.net.compile(&options)?);
                plans.len() - 1
            }
        };
        plans[index].run(photos)
    }

    fn best(&self, probabilities: &[f32], count: usize) -> Vec<Guess> {
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        // Stable: of two equal ones the lower number comes first.
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        let guess = |&class: &usize| Guess {
            class,
            name: self.classes.name(class),
            probability: probabilities[class],
        };
        order.iter().take(count).map(guess).collect()
    }
}
