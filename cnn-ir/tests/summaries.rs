//! The table of a network in the lecture's form, beside the lecture's own.

use cnn_ir::Network;
use expect_test::expect;

const VGG16: &str = "
    Vgg16: 3x224x224 -> 1000 {
        (conv3-64  relu) x2 -> pool2
     -> (conv3-128 relu) x2 -> pool2
     -> (conv3-256 relu) x3 -> pool2
     -> (conv3-512 relu) x3 -> pool2
     -> (conv3-512 relu) x3 -> pool2
     -> (fc4096 relu dropout(0.5)) x2 -> fc1000
    }";

/// The lecture's table of VGG-16 (Stanford's CS231n, notes on convolutional networks, \"Case studies\"): the layer
/// without the fully connected ones' features, the volume, its memory, its weights. Its total of 24M values is not what
/// its rows sum to, and is left out.
const LECTURE: [(&str, &str, &str, &str); 22] = [
    ("INPUT", "224x224x3", "224*224*3=150K", "0"),
    ("CONV3-64", "224x224x64", "224*224*64=3.2M", "(3*3*3)*64 = 1,728"),
    ("CONV3-64", "224x224x64", "224*224*64=3.2M", "(3*3*64)*64 = 36,864"),
    ("POOL2", "112x112x64", "112*112*64=800K", "0"),
    ("CONV3-128", "112x112x128", "112*112*128=1.6M", "(3*3*64)*128 = 73,728"),
    ("CONV3-128", "112x112x128", "112*112*128=1.6M", "(3*3*128)*128 = 147,456"),
    ("POOL2", "56x56x128", "56*56*128=400K", "0"),
    ("CONV3-256", "56x56x256", "56*56*256=800K", "(3*3*128)*256 = 294,912"),
    ("CONV3-256", "56x56x256", "56*56*256=800K", "(3*3*256)*256 = 589,824"),
    ("CONV3-256", "56x56x256", "56*56*256=800K", "(3*3*256)*256 = 589,824"),
    ("POOL2", "28x28x256", "28*28*256=200K", "0"),
    ("CONV3-512", "28x28x512", "28*28*512=400K", "(3*3*256)*512 = 1,179,648"),
    ("CONV3-512", "28x28x512", "28*28*512=400K", "(3*3*512)*512 = 2,359,296"),
    ("CONV3-512", "28x28x512", "28*28*512=400K", "(3*3*512)*512 = 2,359,296"),
    ("POOL2", "14x14x512", "14*14*512=100K", "0"),
    ("CONV3-512", "14x14x512", "14*14*512=100K", "(3*3*512)*512 = 2,359,296"),
    ("CONV3-512", "14x14x512", "14*14*512=100K", "(3*3*512)*512 = 2,359,296"),
    ("CONV3-512", "14x14x512", "14*14*512=100K", "(3*3*512)*512 = 2,359,296"),
    ("POOL2", "7x7x512", "7*7*512=25K", "0"),
    ("FC", "1x1x4096", "4096", "7*7*512*4096 = 102,760,448"),
    ("FC", "1x1x4096", "4096", "4096*4096 = 16,777,216"),
    ("FC", "1x1x1000", "1000", "4096*1000 = 4,096,000"),
];

fn network(text: &str) -> Network {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// `NAME: [volume]  memory: ..  weights: ..`
fn row(line: &str) -> [&str; 4] {
    let (name, rest) = line.split_once(": [").unwrap();
    let (volume, rest) = rest.split_once(']').unwrap();
    let (memory, weights) = rest.split_once("weights: ").unwrap();
    [name, volume, memory.trim().strip_prefix("memory: ").unwrap(), weights]
}

#[test]
fn the_rows_of_vgg16_are_the_lectures() {
    let lecture = network(VGG16).summary().lecture().to_string();
    let (rows, totals) = lecture.split_at(lecture.find("TOTAL").unwrap());
    assert_eq!(rows.lines().count(), LECTURE.len());
    for (line, (name, volume, memory, weights)) in rows.lines().zip(LECTURE) {
        let [found, rest @ ..] = row(line);
        let found = if name == "FC" { &found[..2] } else { found };
        assert_eq!((found, rest), (name, [volume, memory, weights]), "{line}");
    }
    // What the rows sum to, by hand from the volumes; published: 138,357,544 parameters.
    let values: u64 = LECTURE
        .iter()
        .map(|(_, volume, ..)| volume.split('x').map(|size| size.parse::<u64>().unwrap()).product::<u64>())
        .sum();
    assert_eq!(values, 15_237_608);
    assert_eq!(
        totals,
        "TOTAL memory: 15,237,608 * 4 bytes ~= 60.95 MB / image (forward only)\n\
         TOTAL params: 138,357,544 (13,416 of them biases)"
    );
}

#[test]
fn what_the_lecture_does_not_have() {
    // A norm has weights and no memory, a transposed convolution's filters stand second, groups share channels.
    let network = network(
        "Odd: (left: 4x9x9, right: [4, H, W]) -> (up: 6x18x18, class: K) where H % 2 == 0, H >= 2, W >= 2 {
            left -> conv3-8(groups=2, bias=false) bn relu -> deconv2-6/2 @up;
            right -> conv1-8(linear) gelu -> dw3 -> pool2 -> gap -> fc-K @class
        }"
        .replacen("Odd", "Odd<K = 10>", 1)
        .as_str(),
    );
    expect![[r#"
        INPUT left: [9x9x4]                     memory: 9*9*4=324         weights: 0
        INPUT right: [HxWx4]                    memory: H*W*4             weights: 0
        CONV3-8(groups=2, bias=false): [9x9x8]  memory: 9*9*8=648         weights: (3*3*2)*8 = 144
        BN: [9x9x8]                             memory: 0                 weights: 16
        DECONV2-6/2: [18x18x6]                  memory: 18*18*6=1944      weights: (2*2*8)*6 = 192
        CONV1-8(linear): [HxWx8]                memory: H*W*8             weights: 4*8 = 32
        DW3: [HxWx8]                            memory: H*W*8             weights: (3*3*1)*8 = 72
        POOL2: [H/2xfloor(W/2)x8]               memory: H/2*floor(W/2)*8  weights: 0
        GAP: [1x1x8]                            memory: 1*1*8=8           weights: 0
        FC-K: [1x1xK]                           memory: K                 weights: 1*1*8*K
        TOTAL memory: (K + 40*H/2*W + 8*H/2*floor(W/2) + 2924) * 4 bytes / image (forward only)
        TOTAL params: 9*K + 478 (K + 22 of them biases)"#]]
    .assert_eq(&network.summary().lecture().to_string());
}

#[test]
fn memory_is_rounded_as_in_the_lecture() {
    let held = |channels: &str| {
        let text = format!("N: {channels}x1x1 -> {channels} {{ id }}");
        let lecture = network(&text).summary().lecture().to_string();
        let (_, rounded) = row(lecture.lines().next().unwrap())[2].split_once('=').unwrap();
        rounded.to_owned()
    };
    for (values, rounded) in [
        ("9999", "9999"),
        ("10000", "10K"),
        ("25088", "25K"),
        ("150528", "150K"),
        ("802816", "800K"),
        ("994999", "990K"),
        ("995000", "1.0M"),
        ("3211264", "3.2M"),
        ("9949999", "9.9M"),
        ("15237608", "15M"),
        ("994999999", "990M"),
        ("995000000", "1.0G"),
        ("2147483648", "2.1G"),
    ] {
        assert_eq!(held(values), rounded, "{values}");
    }
}
