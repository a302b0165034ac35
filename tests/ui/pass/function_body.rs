//! A network inside a function, with consts of that function.
#![deny(warnings)]

fn run() -> cnn_runtime::Result<usize> {
    use cnn_runtime::prelude::*;

    const CLASSES: usize = 7;

    network! {
        Net: 1x8x8 -> CLASSES {
            block Unit(c) { conv3-c relu }
            Unit(4) -> pool2 -> Unit(8) -> gap -> fc-CLASSES
        }
    }

    let net = Net::init(Init::seed(1), &Device::Cpu)?;
    Ok(net.forward(Tensor::zeros((2, 1, 8, 8), DType::F32, &Device::Cpu)?)?.dims()[1])
}

fn main() {
    assert_eq!(run().unwrap(), 7);
}
