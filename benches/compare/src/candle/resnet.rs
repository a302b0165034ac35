use candle_core::{Result, Tensor};
use candle_nn::{Conv2dConfig, Func, Module, Sequential, VarBuilder, linear, seq};

use super::layers::{conv_bn, global_average};

pub fn resnet18(vars: VarBuilder<'_>, train: bool) -> Result<Sequential> {
    resnet(vars, [2, 2, 2, 2], 1, basic, train)
}

pub fn resnet50(vars: VarBuilder<'_>, train: bool) -> Result<Sequential> {
    resnet(vars, [3, 4, 6, 3], 4, bottleneck, train)
}

/// A block's branch, from its channels before, its own, its stride, its weights, and whether it is trained.
type Branch = fn(usize, usize, usize, &VarBuilder<'_>, bool) -> Result<Sequential>;

fn resnet(
    vars: VarBuilder<'_>,
    depths: [usize; 4],
    widening: usize,
    branch: Branch,
    train: bool,
) -> Result<Sequential> {
    let mut layers = seq()
        .add(norm_conv((3, 64, 7), (3, 2), &vars, 1, train)?)
        .add_fn(|x| x.relu())
        // candle's pooling has no padding; behind a ReLU zeros are as good as nothing.
        .add_fn(|x| x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?.max_pool2d_with_stride(3, 2));
    let mut c_in = 64;
    for (stage, depth) in depths.into_iter().enumerate() {
        let c = 64 << stage;
        let vars = vars.pp(format!("layer{}", stage + 1));
        for index in 0..depth {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            layers = layers.add(block((c_in, c, widening), stride, branch, &vars.pp(index), train)?);
            c_in = c * widening;
        }
    }
    Ok(layers.add_fn(global_average).add(linear(c_in, 1000, vars.pp("fc"))?))
}

/// A branch, added to what it starts from, or to a convolution of that where the shapes differ.
struct Block {
    branch: Sequential,
    shortcut: Option<Func<'static>>,
}

impl Module for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.branch.forward(x)?;
        match &self.shortcut {
            Some(shortcut) => (y + shortcut.forward(x)?)?.relu(),
            None => (y + x)?.relu(),
        }
    }
}

fn block(
    (c_in, c, widening): (usize, usize, usize),
    stride: usize,
    branch: Branch,
    vars: &VarBuilder<'_>,
    train: bool,
) -> Result<Block> {
    let branch = branch(c_in, c, stride, vars, train)?;
    let shortcut = if c_in != c * widening || stride != 1 {
        let config = Conv2dConfig { stride, ..Default::default() };
        let vars = vars.pp("downsample");
        Some(conv_bn((c_in, c * widening, 1), config, vars.pp("0"), vars.pp("1"), train)?)
    } else {
        None
    };
    Ok(Block { branch, shortcut })
}

fn basic(c_in: usize, c: usize, stride: usize, vars: &VarBuilder<'_>, train: bool) -> Result<Sequential> {
    Ok(seq().add(norm_conv((c_in, c, 3), (1, stride), vars, 1, train)?).add_fn(|x| x.relu()).add(norm_conv(
        (c, c, 3),
        (1, 1),
        vars,
        2,
        train,
    )?))
}

fn bottleneck(
    c_in: usize,
    c: usize,
    stride: usize,
    vars: &VarBuilder<'_>,
    train: bool,
) -> Result<Sequential> {
    Ok(seq()
        .add(norm_conv((c_in, c, 1), (0, 1), vars, 1, train)?)
        .add_fn(|x| x.relu())
        .add(norm_conv((c, c, 3), (1, stride), vars, 2, train)?)
        .add_fn(|x| x.relu())
        .add(norm_conv((c, 4 * c, 1), (0, 1), vars, 3, train)?))
}

/// `conv1` with `bn1`, and so on.
fn norm_conv(
    sizes: (usize, usize, usize),
    (padding, stride): (usize, usize),
    vars: &VarBuilder<'_>,
    number: usize,
    train: bool,
) -> Result<Func<'static>> {
    let config = Conv2dConfig { padding, stride, ..Default::default() };
    conv_bn(sizes, config, vars.pp(format!("conv{number}")), vars.pp(format!("bn{number}")), train)
}
