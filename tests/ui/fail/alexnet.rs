// The two traps of the lecture: AlexNet at 224 without padding (54.25 rows), and a shape that the rows do not give.
#![deny(deprecated)]

use cnn_runtime::prelude::*;

network! {
    Silent: 3x224x224 -> 1000 {
        conv11-96/4(valid) relu lrn5(k=2) -> pool3/2(ceil)
     -> conv5-256(groups=2) relu lrn5(k=2) -> pool3/2(ceil)
     -> conv3-384 relu -> conv3-384(groups=2) relu -> conv3-256(groups=2) relu -> pool3/2(ceil)
     -> fc4096 relu dropout -> fc4096 relu dropout -> fc1000
    }
}

network! {
    Stated: 3x224x224 -> 1000 {
        conv11-96/4(valid) relu lrn5(k=2)                      => 96x55x55
     -> pool3/2                                                => 96x27x27
     -> conv5-256(groups=2) relu lrn5(k=2) -> pool3/2          => 256x13x13
     -> conv3-384 relu -> conv3-384(groups=2) relu -> conv3-256(groups=2) relu -> pool3/2 => 256x6x6
     -> fc4096 relu dropout -> fc4096 relu dropout -> fc1000
    }
}

fn main() {}
