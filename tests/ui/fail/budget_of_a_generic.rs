// A budget of costs that depend on a generic is checked where the network is used.
use cnn_runtime::prelude::*;

network! {
    #[budget(params < 10K)]
    Net<CLASSES = 10>: 3x8x8 -> CLASSES { conv3-16 relu -> gap -> fc-CLASSES }
}

fn main() {
    let _ = Net::<10>::init(Init::seed(1), &Device::Cpu);
    let _ = Net::<1000>::init(Init::seed(1), &Device::Cpu);
}
