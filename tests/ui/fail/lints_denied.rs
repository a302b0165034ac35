// The same, denied by the network; and names that are no lints.
use cnn_runtime::prelude::*;

network! {
    #[deny(network::dropped_pixels, network::softmax_output)]
    #[deny(network::repeated_activation, network::missing_activation, network::unused_tap)]
    Denied: 3x224x224 -> 10 {
        block Stem() { conv11-96/4(valid) relu relu @x }
        Stem -> conv3-64 -> conv3-64 -> gap -> fc10 softmax
    }
}

network! {
    #[deny(network::bias_before_norm, network::single_value_norm, network::dropout_before_norm)]
    Norms: 3x32x32 -> 10 { conv3-16 @x bn relu dropout -> conv3-16 bn relu -> gap -> conv1-32 bn relu -> fc10 }
}

network! {
    #[allow(network::dropped_pixel)]
    #[warn(network::softmax_output, dead_code)]
    Unknown: 3x32x32 -> 10 { conv3-16 relu -> gap -> fc10 }
}

fn main() {}
