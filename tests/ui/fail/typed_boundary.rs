//! The output of one network as the input of another that takes something else.
use cnn_runtime::prelude::*;

network! {
    Encoder: 3x32x32 -> 64x8x8 { conv3-64/4 }
    Decoder: 32x8x8 -> 3x32x32 { up4 -> conv3-3 }
}

fn main() -> Result<()> {
    let encoder = Encoder::init(Init::seed(1), &Device::Cpu)?;
    let decoder = Decoder::init(Init::seed(2), &Device::Cpu)?;
    let code = encoder.forward(Tensor::zeros((1, 3, 32, 32), DType::F32, &Device::Cpu)?)?;
    decoder.forward(&code)?;
    Ok(())
}
