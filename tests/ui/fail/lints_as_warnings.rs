// Every lint as the compiler shows it; `deny(deprecated)` makes the warnings errors, so that they are compared.
#![deny(deprecated)]

use cnn_runtime::prelude::*;

network! {
    /// `dropped_pixels`: AlexNet's first layer at 224 without padding gives (224 - 11)/4 + 1 = 54.25 rows.
    Dropped: 3x224x224 -> 10 { conv11-96/4(valid) relu -> gap -> fc10 }

    /// `bias_before_norm`
    Bias: 3x32x32 -> 10 { conv3-16 @x bn relu -> gap -> fc10 }

    /// `softmax_output`
    Softmax: 3x32x32 -> 10 { conv3-16 relu -> gap -> fc10 softmax }

    /// `repeated_activation`
    Repeated: 3x32x32 -> 10 { conv3-16 relu relu -> gap -> fc10 }

    /// `missing_activation`
    Missing: 3x32x32 -> 10 { conv3-16 -> conv3-16 relu -> gap -> fc10 }

    /// `unused_tap`
    Unused: 3x32x32 -> 10 { block Stem() { conv3-16 relu @x pool2 } Stem -> gap -> fc10 }

    /// `single_value_norm`
    Single: 3x32x32 -> 10 { conv3-16 relu -> gap -> conv1-32 bn relu -> fc10 }

    /// `dropout_before_norm`
    Dropout: 3x32x32 -> 10 { conv3-16 relu dropout -> conv3-16 bn relu -> gap -> fc10 }
}

fn main() {}
