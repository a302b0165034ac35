//! A const generic that does not fit, where it is given.
use cnn_runtime::prelude::*;

network! {
    Net<WIDTH = 64>: 3x8x8 -> 10 {
        conv3-WIDTH => 64x8x8 -> gap -> fc10
    }
}

fn main() -> Result<()> {
    Net::<64>::init(Init::seed(1), &Device::Cpu)?;
    Net::<32>::init(Init::seed(1), &Device::Cpu)?;
    Ok(())
}
