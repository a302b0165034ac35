use anyhow::Result;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::relu6;

use super::Network;
use super::layers::{ConvNorm, Weights, global_average};

/// Expansion, channels, repeats and first stride: the paper's table 2.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Without its dropout.
#[derive(Module, Debug)]
pub struct MobileNetV2 {
    stem: ConvNorm,
    blocks: Vec<Inverted>,
    head: ConvNorm,
    classifier: Linear,
}

/// An inverted residual.
#[derive(Module, Debug)]
struct Inverted {
    expand: Option<ConvNorm>,
    depthwise: ConvNorm,
    project: ConvNorm,
    residual: bool,
}

impl MobileNetV2 {
    pub fn new(weights: &Weights) -> Result<Self> {
        let stem = conv_norm(weights, "features.0", (1, 2), 1)?;
        let (mut blocks, mut c_in) = (Vec::new(), 32);
        for (expansion, c_out, repeats, first_stride) in STAGES {
            for repeat in 0..repeats {
                let stride = if repeat == 0 { first_stride } else { 1 };
                let name = format!("features.{}.conv", blocks.len() + 1);
                blocks.push(Inverted::new(weights, &name, (c_in, c_out), expansion, stride)?);
                c_in = c_out;
            }
        }
        let head = conv_norm(weights, &format!("features.{}", blocks.len() + 1), (0, 1), 1)?;
        Ok(Self { stem, blocks, head, classifier: weights.linear("classifier.1")? })
    }
}

impl Network for MobileNetV2 {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = relu6(self.stem.forward(images));
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.classifier.forward(global_average(relu6(self.head.forward(x))))
    }
}

impl Inverted {
    fn new(
        weights: &Weights,
        name: &str,
        (c_in, c_out): (usize, usize),
        expansion: usize,
        stride: usize,
    ) -> Result<Self> {
        let first = usize::from(expansion > 1);
        let expand = match expansion {
            1 => None,
            _ => Some(conv_norm(weights, &format!("{name}.0"), (0, 1), 1)?),
        };
        let depthwise = conv_norm(weights, &format!("{name}.{first}"), (1, stride), c_in * expansion)?;
        let conv = weights.conv(&format!("{name}.{}", first + 1), 0, 1, 1)?;
        let project = ConvNorm::new(conv, weights.norm(&format!("{name}.{}", first + 2))?);
        Ok(Self { expand, depthwise, project, residual: stride == 1 && c_in == c_out })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let wide = match &self.expand {
            Some(expand) => relu6(expand.forward(x.clone())),
            None => x.clone(),
        };
        let y = self.project.forward(relu6(self.depthwise.forward(wide)));
        if self.residual { y + x } else { y }
    }
}

/// torchvision's `Conv2dNormActivation`, without its activation.
fn conv_norm(
    weights: &Weights,
    name: &str,
    (padding, stride): (usize, usize),
    groups: usize,
) -> Result<ConvNorm> {
    let conv = weights.conv(&format!("{name}.0"), padding, stride, groups)?;
    Ok(ConvNorm::new(conv, weights.norm(&format!("{name}.1"))?))
}
