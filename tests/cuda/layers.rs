//! Layers that plans do by kernels of their own for maps with their channels last: of sizes that fill nothing.

use candle_core::Device;
use cnn_runtime::prelude::*;
use cnn_runtime::{CompileOptions, State};
use cnn_tests::gpu;

use crate::check_plan;
use crate::networks::{tensor, values};

network! {
    /// Groups of two channels.
    Groups: 6x5x7 -> [6, 5, 7] { gn3 }

    /// All channels are one group.
    OneGroup: 10x5x7 -> [10, 5, 7] { gn1(eps=0.1) }

    /// More channels than a block has of a pixel, in groups that stand in two blocks.
    ManyChannels: 70x5x7 -> [70, 5, 7] { gn7 }

    /// Enough pixels for several parts.
    ManyPixels: 6x40x48 -> [6, 40, 48] { gn2 }

    /// Rows are maps of one pixel.
    Rows: 10 -> 10 { gn5 }

    Instances: 3x5x7 -> [3, 5, 7] { inorm }

    InstancesScaled: 10x5x7 -> [10, 5, 7] { inorm(affine=true, eps=0.1) }

    Channels: 6x5x7 -> [6, 5, 7] { channelshuffle2 }

    ChannelsBack: 10x5x7 -> [10, 5, 7] { channelshuffle5 }

    Pixels: 12x5x7 -> [3, 10, 14] { shuffle2 }

    PixelsByThree: 18x5x7 -> [2, 15, 21] { shuffle3 }

    Cropped: 3x5x7 -> [3, 2, 3] { crop(2x3) }

    Padded: 6x5x7 -> [6, 6, 12] { pad([1, 0, 2, 3]) }

    Factors: 10 -> 10 { scale(0.5) }

    /// One after the other, between convolutions.
    Chained: 3x5x7 -> [3, 8, 10] {
        conv3-10(bias=false) gn5 relu -> pad([1, 0, 2, 3]) -> conv3-12 -> channelshuffle3 -> inorm -> shuffle2
     -> concat { crop(8x10) | pool5x15/1(valid) } -> channelshuffle2 -> conv1-3
    }
}

/// Weights that differ in every channel.
fn shake(state: &State) {
    for (seed, (_, var, _)) in state.named().enumerate() {
        let numbers = Tensor::from_vec(values(seed as u64, var.elem_count()), var.dims(), &Device::Cpu);
        var.set(&numbers.unwrap().to_device(var.device()).unwrap()).unwrap();
    }
}

macro_rules! captured {
    ($($test:ident: $network:ident;)+) => {
        $(
            #[test]
            fn $test() {
                let Some(gpu) = gpu() else { return };
                let nets = [&Device::Cpu, &gpu].map(|device| $network::init(Init::seed(3), device).unwrap());
                nets.iter().for_each(|net| shake(net.state()));
                let compile = |options: &CompileOptions| {
                    let plan = nets[1].compile(options).unwrap();
                    assert!(plan.to_string().contains("CUDA, as a graph"), "{plan}");
                    plan
                };
                for batch in [1, 3] {
                    let shape: Vec<usize> = [batch].into_iter().chain($network::INPUT).collect();
                    let x = tensor(5, &shape);
                    let expected = nets[0].forward(&x).unwrap().into_inner();
                    check_plan(stringify!($network), &expected, &x, compile, &gpu);
                }
            }
        )+
    };
}

captured! {
    groups: Groups;
    one_group: OneGroup;
    many_channels: ManyChannels;
    many_pixels: ManyPixels;
    rows: Rows;
    instances: Instances;
    instances_scaled: InstancesScaled;
    channels: Channels;
    channels_back: ChannelsBack;
    pixels: Pixels;
    pixels_by_three: PixelsByThree;
    cropped: Cropped;
    padded: Padded;
    factors: Factors;
    chained: Chained;
}
