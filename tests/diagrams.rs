//! Diagrams and summaries of the run time: what the macro wrote down is what the text front end sees.

use cnn_runtime::prelude::*;

/// Declares networks, and keeps their text.
macro_rules! declared {
    ($($declaration:tt)*) => {
        network! { $($declaration)* }

        const TEXT: &str = stringify!($($declaration)*);
    };
}

declared! {
    Features: 4x8x8 -> (wide: 4x8x8, narrow: 8x4x4) {
        stem: conv3-4 relu @wide -> conv3-8/2 relu @narrow
    }

    Everything: (image: 3x8x8, depth: 1x8x8) -> (class: 10, map: 4x8x8) {
        block Unit(c) {
            residual { a: conv1-c/stride bn relu -> b: conv3-c bn } else project: (conv1-c/stride bn)
            relu
        }
        block Plain() { residual { conv1-cin } else none }
        image -> first: (conv3-2 relu -> Unit(4) x2) @i;
        depth -> conv3-4 @d;
        concat(@i, @d) -> layer1: Unit(8) x2/2 -> layer[3..]: Plain() x2
     -> dense { conv3-4 relu } x2 -> split { | shuffled: (conv1-8 relu -> dw3) } channelshuffle2
     -> mul { id | gap -> fc4 relu -> fc16 sigmoid } @trunk -> gap -> fc10 @class;
        add(@i, @d) -> features: Features();
        @features.narrow -> deconv2-4/2 -> @up;
        add(@features.wide, @up) -> tail: residual { conv3-4 } x2 -> @map
    }
}

fn text() -> cnn_ir::Network {
    TEXT.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_macro_and_the_text_give_the_same_diagram() {
    assert_eq!(Everything::diagram(), text().diagram());
    let inner = cnn_ir::diagram::Diagram::of(&text().models()[0]);
    assert_eq!(Features::diagram(), inner);
    for detail in [Detail::Stages, Detail::Layers] {
        assert_eq!(Features::diagram().detail(detail).svg(), inner.clone().detail(detail).svg());
    }
}

#[test]
fn the_macro_and_the_text_give_the_same_table() {
    let (summary, expected) = (Everything::summary(), text().summary());
    assert_eq!(summary.to_string(), expected.to_string());
    assert_eq!(summary.markdown(), expected.markdown());
    assert_eq!(summary.lecture().to_string(), expected.lecture().to_string());
}

network! {
    Head<CLASSES = 10>: 8x4x4 -> CLASSES { pool2 -> fc-CLASSES }

    Halves: [1, H, W] -> [2, H, W] where H % 2 == 0, W % 2 == 0 {
        conv3-8 relu -> @e -> pool2 -> deconv2-8/2 -> @d; concat(@e, @d) -> conv1-2
    }
}

#[test]
fn generics_are_numbers_and_symbols_are_any_size() {
    assert!(Head::<7>::diagram().mermaid().contains("|7|"), "{}", Head::<7>::diagram().mermaid());
    let lecture = Head::<7>::summary().lecture().to_string();
    assert!(lecture.contains("FC-CLASSES: [1x1x7]"), "{lecture}");
    assert!(lecture.contains("weights: 2*2*8*7 = 224"), "{lecture}");
    // A pooling of any size does not work in place.
    let halves = Halves::diagram();
    let stages: Vec<String> = halves.view().nodes.iter().map(|node| node.text.clone()).collect();
    assert_eq!(stages, ["", "conv3-8 relu", "pool2", "deconv2-8/2", "", "conv1-2", ""]);
    assert!(halves.dot().contains("[label=\"16x?x?\"]"), "{}", halves.dot());
    let lecture = Halves::summary().lecture().to_string();
    assert!(lecture.contains("POOL2: [?x?x8]"), "{lecture}");
}

#[test]
fn any_network_can_be_drawn() {
    let networks: Vec<Box<dyn Network>> =
        vec![Box::new(Head::<3>::init(Init::seed(1), &Device::Cpu).unwrap())];
    let titles: Vec<String> = networks.iter().map(|network| network.diagram().name().to_owned()).collect();
    assert_eq!(titles, ["Head"]);
}
