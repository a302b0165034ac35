use candle_core::{Result, Tensor};
use candle_nn::{Conv2dConfig, Func, Module, Sequential, VarBuilder, linear, seq};

use super::layers::{conv_bn, global_average};

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
pub fn mobilenet_v2(vars: VarBuilder<'_>, train: bool) -> Result<Sequential> {
    let features = vars.pp("features");
    let mut layers = seq().add(conv_bn_relu6((3, 32, 3), 2, 1, &features.pp(0), train)?);
    let (mut c_in, mut index) = (32, 1);
    for (expansion, c_out, repeats, first_stride) in STAGES {
        for repeat in 0..repeats {
            let stride = if repeat == 0 { first_stride } else { 1 };
            let vars = features.pp(index).pp("conv");
            layers = layers.add(inverted((c_in, c_out), expansion, stride, &vars, train)?);
            c_in = c_out;
            index += 1;
        }
    }
    Ok(layers
        .add(conv_bn_relu6((320, 1280, 1), 1, 1, &features.pp(index), train)?)
        .add_fn(global_average)
        .add(linear(1280, 1000, vars.pp("classifier").pp("1"))?))
}

/// An inverted residual.
struct Inverted {
    branch: Sequential,
    residual: bool,
}

impl Module for Inverted {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.branch.forward(x)?;
        if self.residual { y + x } else { Ok(y) }
    }
}

fn inverted(
    (c_in, c_out): (usize, usize),
    expansion: usize,
    stride: usize,
    vars: &VarBuilder<'_>,
    train: bool,
) -> Result<Inverted> {
    let wide = c_in * expansion;
    let (mut branch, mut index) = (seq(), 0);
    if expansion > 1 {
        branch = branch.add(conv_bn_relu6((c_in, wide, 1), 1, 1, &vars.pp(0), train)?);
        index = 1;
    }
    let (depthwise, conv, norm) = (vars.pp(index), vars.pp(index + 1), vars.pp(index + 2));
    let branch = branch.add(conv_bn_relu6((wide, wide, 3), stride, wide, &depthwise, train)?).add(conv_bn(
        (wide, c_out, 1),
        Conv2dConfig::default(),
        conv,
        norm,
        train,
    )?);
    Ok(Inverted { branch, residual: stride == 1 && c_in == c_out })
}

fn conv_bn_relu6(
    (c_in, c_out, kernel): (usize, usize, usize),
    stride: usize,
    groups: usize,
    vars: &VarBuilder<'_>,
    train: bool,
) -> Result<Func<'static>> {
    let config = Conv2dConfig { padding: kernel / 2, stride, groups, ..Default::default() };
    let layer = conv_bn((c_in, c_out, kernel), config, vars.pp("0"), vars.pp("1"), train)?;
    Ok(Func::new(move |x| layer.forward(x)?.clamp(0f32, 6f32)))
}
