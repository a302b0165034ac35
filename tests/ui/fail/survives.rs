//! One mistake is one error: what the rest of the file uses of the network is still there.
use cnn_runtime::prelude::*;

network! {
    /// Wrong in one layer.
    pub Net<CLASSES = 10>: 3x32x32 -> CLASSES {
        block Unit(c) { conv: conv3-c relu }
        stem: conv3-64 -> rellu     => 64x32x32
     -> first: Unit(64) -> @mid
     -> gap -> fc: fc-CLASSES
    }

    pub Pair: (left: 1x4x4, right: 1x4x4) -> (sum: 1x4x4, class: 3) {
        left -> @l; right -> @r; add(@l, @r) @sum -> fc3 @class
    }
}

const PARAMS: usize = Net::<10>::PARAMS + Net::<10>::MACS + Net::<10>::ACTIVATIONS;

fn train(net: &Net<10>, images: &Tensor) -> Result<Batch<Flat<10>>> {
    let _: Batch<Chw<64, 32, 32>> = net.trace(images)?.mid;
    let _ = net.stem.forward(images)?;
    let _ = net.first.conv.forward(images)?;
    let _ = net.fc.forward(images)?;
    let _ = (Net::<10>::INPUT, Net::<10>::OUTPUT, Net::<10>::LAYERS.len(), net.trainable());
    net.forward_train(images)
}

fn main() -> Result<()> {
    let net = Net::<10>::init(Init::seed(1), &Device::Cpu)?;
    net.save("net.safetensors")?;
    let net = Net::<10>::load("net.safetensors", &Device::Cpu)?;
    println!("{} {PARAMS}", Net::<10>::summary());
    let x = Tensor::zeros((1, 3, 32, 32), DType::F32, &Device::Cpu)?;
    let logits = train(&net, &x)?;
    let again: Batch<Flat<10>> = net.forward(&x)?;
    let _ = (net.forward_t(&x, true)?, logits, again);
    let pair = Pair::init(Init::seed(1), &Device::Cpu)?.forward(&x, &x)?;
    let _: (Batch<Chw<1, 4, 4>>, Batch<Flat<3>>) = (pair.sum, pair.class);
    Ok(())
}
