//! Diagrams: what is in them, against what is known of the papers' networks; and that every renderer writes what its
//! reader can read, whatever the declaration says.

#[path = "diagrams/read.rs"]
mod read;

use cnn_ir::Network;
use cnn_ir::diagram::{Detail, Diagram, Kind, Node};
use cnn_ir::model::Model;
use expect_test::expect;
use proptest::prelude::*;
use std::sync::LazyLock;

/// The networks of the papers, as the examples declare them.
static CLASSICS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    macro_rules! declarations {
        ($($file:literal)*) => { [$(include_str!(concat!("../../examples/src/models/", $file, ".rs"))),*] };
    }
    let files = declarations!["alexnet" "convnext" "dcgan" "densenet" "efficientnet" "googlenet" "lenet" "mobilenet_v2"
        "mobilenet_v3" "resnet" "shufflenet_v2" "squeezenet" "unet" "vgg"];
    // A declaration ends at the first line that is a bracket alone.
    let declarations = files.iter().flat_map(|file| file.split("network! {").skip(1));
    let declarations = declarations.map(|text| text.split_once("\n}").unwrap().0);
    declarations.flat_map(|text| network(text).models().to_vec()).collect()
});

fn network(text: &str) -> Network {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn classic(name: &str) -> Diagram {
    Diagram::of(CLASSICS.iter().find(|model| model.name.text == name).unwrap())
}

fn nodes(name: &str, detail: Detail, kind: Kind) -> (Vec<Node>, Vec<Node>) {
    let nodes = classic(name).detail(detail).view().nodes;
    (nodes.iter().filter(|node| node.kind == kind).cloned().collect(), nodes)
}

#[test]
fn sums_are_where_the_papers_have_them() {
    // Residuals, and those of them with a projection: one a stage of ResNet but the first of 18; where the shapes
    // differ there is none in MobileNetV2 (10 of its 17 blocks are residual).
    for (name, sums, projections) in
        [("ResNet18", 8, 3), ("ResNet50", 16, 4), ("MobileNetV2", 10, 0), ("ConvNextTiny", 18, 0)]
    {
        let (found, all) = nodes(name, Detail::Layers, Kind::Add);
        assert_eq!(found.len(), sums, "{name}");
        assert!(found.iter().all(|sum| sum.from.len() == 2), "{name}");
        let projected = |sum: &&Node| sum.from.iter().any(|&from| all[from].path.contains(".downsample."));
        assert_eq!(found.iter().filter(projected).count(), projections, "{name}");
        for sum in found {
            assert!(sum.from.iter().all(|&from| all[from].shape == sum.shape), "{name}: {}", sum.path);
        }
    }
}

#[test]
fn concatenations_are_where_the_papers_have_them() {
    // GoogLeNet: nine modules of four branches. DenseNet-121: 6 + 12 + 24 + 16 layers. SqueezeNet: eight.
    // ShuffleNetV2: 4 + 8 + 4 units.
    for (name, count, parts) in [
        ("GoogLeNet", 9, 4),
        ("DenseNet121", 58, 2),
        ("SqueezeNet1_0", 8, 2),
        ("ShuffleNetV2", 16, 2),
        ("UNet", 4, 2),
    ] {
        let (found, all) = nodes(name, Detail::Layers, Kind::Concat);
        assert_eq!(found.len(), count, "{name}");
        for concat in &found {
            assert_eq!(concat.from.len(), parts, "{name}: {}", concat.path);
            let channels =
                |node: &Node| node.shape.dims()[0].as_ref().and_then(|size| size.number()).unwrap();
            let sum: i128 = concat.from.iter().map(|&from| channels(&all[from])).sum();
            assert_eq!(sum, channels(concat), "{name}: {}", concat.path);
        }
    }
    // Figure 1 of the U-Net paper with half padding: each level's map goes over to its mirror image.
    assert_eq!(nodes("ShuffleNetV2", Detail::Layers, Kind::Split).0.len(), 3 + 7 + 3);
    for detail in [Detail::Stages, Detail::Layers] {
        let (found, all) = nodes("UNet", detail, Kind::Concat);
        let skips: Vec<String> = found.iter().map(|concat| all[concat.from[0]].shape.to_string()).collect();
        assert_eq!(skips, ["512x32x32", "256x64x64", "128x128x128", "64x256x256"]);
    }
}

#[test]
fn every_row_is_a_node_and_what_arrives_is_its_input() {
    for model in CLASSICS.iter() {
        let nodes = Diagram::of(model).detail(Detail::Layers).view().nodes;
        let layers: Vec<&Node> = nodes.iter().filter(|node| node.kind == Kind::Layer).collect();
        assert_eq!(layers.len(), model.rows.len());
        for (node, row) in layers.iter().zip(&model.rows) {
            assert_eq!((&node.path, &node.text), (&row.path, &row.source), "{}", model.name.text);
            assert_eq!(node.shape.to_string(), row.output.to_string(), "{}", row.path);
            let [from] = node.from.as_slice() else { panic!("{}: {:?}", row.path, node.from) };
            let arrives = &nodes[*from].shape;
            // Cx1x1 counts as C.
            let same =
                arrives.to_string() == row.input.to_string() || arrives.product() == Some(row.input.values());
            assert!(same, "{}: {arrives} arrives, but it takes {}", row.path, row.input);
        }
    }
}

#[test]
fn the_stages_of_resnet18() {
    expect![[r#"
        flowchart TD
            n0(["input"])
            n1["conv7-64/2 bn relu<br/>conv1: 9,536 parameters"]
            n2["pool3/2#40;pad#61;1#41;<br/>3"]
            n3[["Basic#40;64#41; x2<br/>layer1: 147,968 parameters"]]
            n4[["Basic#40;128#41; x2/2<br/>layer2: 525,568 parameters"]]
            n5[["Basic#40;256#41; x2/2<br/>layer3: 2,099,712 parameters"]]
            n6[["Basic#40;512#41; x2/2<br/>layer4: 8,393,728 parameters"]]
            n7["gap<br/>8"]
            n8["fc-CLASSES<br/>fc: 513#42;CLASSES parameters"]
            n9(["output"])
            n0 -->|3x224x224| n1
            n1 -->|64x112x112| n2
            n2 -->|64x56x56| n3
            n3 -->|64x56x56| n4
            n4 -->|128x28x28| n5
            n5 -->|256x14x14| n6
            n6 -->|512x7x7| n7
            n7 -->|512x1x1| n8
            n8 -->|CLASSES| n9
    "#]]
    .assert_eq(&classic("ResNet18").mermaid());
}

#[test]
fn stages_are_calls_and_layers_with_what_follows_them() {
    let titles = |name: &str| -> Vec<String> {
        classic(name).view().nodes.into_iter().map(|node| node.text).filter(|text| !text.is_empty()).collect()
    };
    expect![[r#"
        (conv3-64 relu) x2
        pool2
        (conv3-128 relu) x2
        pool2
        (conv3-256 relu) x3
        pool2
        (conv3-512 relu) x3
        pool2
        (conv3-512 relu) x3
        pool2
        (fc4096 relu dropout(0.5)) x2
        fc-CLASSES"#]]
    .assert_eq(&titles("Vgg16").join("\n"));
    expect![[r#"
        conv7-64/2 bn relu
        pool3/2(pad=1)
        Layer() x6
        Transition()
        Layer() x12
        Transition()
        Layer() x24
        Transition()
        Layer() x16
        bn relu
        gap
        fc-CLASSES"#]]
    .assert_eq(&titles("DenseNet121").join("\n"));
}

const SHUFFLE: &str = "Shuffle: 8x6x6 -> 8x6x6 {
    split { id | conv1-4 relu -> dw3 } channelshuffle2 -> mul { id | gap -> fc8 sigmoid }
}";

#[test]
fn dot_of_a_split() {
    expect![[r#"
        digraph "Shuffle" {
            node [shape=box, style=rounded, fontname=monospace, fontsize=12];
            edge [fontname=monospace, fontsize=10];
            n0 [label="input", shape=ellipse];
            n1 [label="split", shape=ellipse];
            n2 [label="id\n0"];
            n3 [label="conv1-4 relu\n1: 20 parameters"];
            n4 [label="dw3\n3: 40 parameters"];
            n5 [label="concat", shape=ellipse];
            n6 [label="channelshuffle2\n4"];
            n7 [label="id\n5"];
            n8 [label="gap\n6"];
            n9 [label="fc8 sigmoid\n7: 72 parameters"];
            n10 [label="×", shape=circle];
            n11 [label="output", shape=ellipse];
            n0 -> n1 [label="8x6x6"];
            n1 -> n2 [label="4x6x6"];
            n1 -> n3 [label="4x6x6"];
            n3 -> n4 [label="4x6x6"];
            n2 -> n5 [label="4x6x6"];
            n4 -> n5 [label="4x6x6"];
            n5 -> n6 [label="8x6x6"];
            n6 -> n7 [label="8x6x6"];
            n6 -> n8 [label="8x6x6"];
            n8 -> n9 [label="8x1x1"];
            n7 -> n10 [label="8x6x6"];
            n9 -> n10 [label="8"];
            n10 -> n11 [label="8x6x6"];
        }
    "#]]
    .assert_eq(&network(SHUFFLE).diagram().dot());
}

#[test]
fn svg_of_a_residual() {
    let residual = network("Residual: 8x4x4 -> 8x4x4 { body: residual { conv3-8 } relu }");
    expect![[r##"
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 172 278" width="172" height="278" role="img" font-family="ui-monospace, Menlo, Consolas, monospace" fill="currentColor" text-anchor="middle">
        <title>Residual</title>
        <g fill-opacity=".04" stroke="currentColor" stroke-opacity=".35" stroke-dasharray="4 3">
        <rect x="8" y="64" width="144" height="112" rx="8"/>
        </g>
        <g font-size="10" text-anchor="start" fill-opacity=".75">
        <text x="16" y="78">body</text>
        </g>
        <path fill="none" stroke="currentColor" stroke-opacity=".6" d="M80 32V90m-4 -5 4 5 4 -5M80 128V144m-4 -5 4 5 4 -5M112 23H156Q164 23 164 31V144Q164 152 156 152H91m5 -4 -5 4 5 4M80 166V192m-4 -5 4 5 4 -5M80 230V246m-4 -5 4 5 4 -5"/>
        <g fill="#4a8fe0" fill-opacity=".2" stroke="#4a8fe0">
        <rect x="18" y="90" width="124" height="38" rx="5"/>
        </g>
        <g fill="currentColor" fill-opacity=".06" stroke="currentColor">
        <rect x="49" y="8" width="63" height="24" rx="12"/>
        <rect x="69" y="144" width="22" height="22" rx="11"/>
        <rect x="55" y="192" width="50" height="38" rx="5"/>
        <rect x="45" y="246" width="70" height="24" rx="12"/>
        </g>
        <g font-size="12">
        <text x="80" y="24">input</text>
        <text x="80" y="106">conv3-8</text>
        <text x="80" y="159">+</text>
        <text x="80" y="208">relu</text>
        <text x="80" y="262">output</text>
        </g>
        <g font-size="10" fill-opacity=".75">
        <text x="80" y="120">0: 584 parameters</text>
        <text x="80" y="222">1</text>
        </g>
        <g font-size="10" text-anchor="start" fill-opacity=".75">
        <text x="86" y="44">8x4x4</text>
        </g>
        </svg>
    "##]].assert_eq(&residual.diagram().detail(Detail::Layers).svg());
}

#[test]
fn everything_of_the_papers_is_well_formed() {
    for model in CLASSICS.iter() {
        read::all(&Diagram::of(model));
    }
    read::all(&network(SHUFFLE).diagram());
}

#[test]
fn several_inputs_and_outputs() {
    let detector = network(
        "Detector: (image: 3x32x32, depth: 1x32x32) -> (class: 10, box: 4) {
            image -> conv3-16 relu @i;
            depth -> conv3-16 relu @d;
            concat(@i, @d) -> conv3-32/2 relu -> gap @trunk -> fc10 @class;
            @trunk -> fc4 @box
        }",
    );
    read::all(&detector.diagram());
    expect![[r#"
        flowchart TD
            n0(["image"])
            n1(["depth"])
            n2["conv3-16 relu<br/>0: 448 parameters"]
            n3["conv3-16 relu<br/>2: 160 parameters"]
            n4(["concat"])
            n5["conv3-32/2 relu<br/>4: 9,248 parameters"]
            n6["gap<br/>6"]
            n7["fc10<br/>7: 330 parameters"]
            n8["fc4<br/>8: 132 parameters"]
            n9(["class"])
            n10(["box"])
            n0 -->|3x32x32| n2
            n1 -->|1x32x32| n3
            n2 -->|16x32x32| n4
            n3 -->|16x32x32| n4
            n4 -->|32x32x32| n5
            n5 -->|32x16x16| n6
            n6 -->|32x1x1| n7
            n6 -->|32x1x1| n8
            n7 -->|10| n9
            n8 -->|4| n10
    "#]]
    .assert_eq(&detector.diagram().mermaid());
}

#[test]
fn what_is_read_of_a_network_inside() {
    let pyramid = network(
        "Backbone: 3x64x64 -> (stride2: 16x32x32, stride4: 32x16x16) {
            conv1: conv3-16/2 relu @stride2 -> conv2: conv3-32/2 relu @stride4
        }
        Pyramid: 3x64x64 -> 21x32x32 {
            body: Backbone();
            @body.stride4 -> conv1-32 relu -> up2 -> @coarse;
            @body.stride2 -> conv1-32 relu -> @fine;
            add(@fine, @coarse) -> conv1-21
        }",
    );
    read::all(&pyramid.diagram());
    expect![[r##"
        flowchart TD
            n0(["input"])
            n1["Backbone#40;#41;<br/>body: 5,088 parameters"]
            n2(["#64;stride4"])
            n3["conv1-32 relu<br/>1: 1,056 parameters"]
            n4["up2<br/>3"]
            n5(["#64;stride2"])
            n6["conv1-32 relu<br/>4: 544 parameters"]
            n7(("+"))
            n8["conv1-21<br/>6: 693 parameters"]
            n9(["output"])
            n0 -->|3x64x64| n1
            n1 -->|32x16x16| n2
            n2 -->|32x16x16| n3
            n3 -->|32x16x16| n4
            n1 -->|16x32x32| n5
            n5 -->|16x32x32| n6
            n6 -->|32x32x32| n7
            n4 -->|32x32x32| n7
            n7 -->|32x32x32| n8
            n8 -->|21x32x32| n9
    "##]]
    .assert_eq(&pyramid.diagram().mermaid());
}

#[test]
fn what_a_user_writes_is_text_and_nothing_else() {
    let text = r##"Hostile: 3x8x8 -> 3x8x8 {
        end: rust(f("\"]; </text></svg><script>alert('x')</script> <!-- --> %% |#quot;& \\n `x` ]]> \u{7}")) => 3x8x8
     -> subgraph: rust(|x: &Tensor| x << 1 & "]") => 3x8x8
     -> class: rust("a | b -->|c| d; graph { n0 -> n1 [label=\"x\"]; }") => 3x8x8
    }"##;
    let hostile = network(text).diagram();
    read::all(&hostile);
    let svg = hostile.detail(Detail::Layers).svg();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let shown: String = document.descendants().filter_map(|node| node.text()).collect();
    assert!(shown.contains("</text></svg><script>"), "{shown}");
}

#[test]
fn a_diagram_of_nonsense_is_drawn() {
    // By hand anything can be said: edges from nowhere, from behind, twice.
    let node =
        |kind, path: &str, from: &[usize]| Node::new(kind, path, [3_usize, 0, 8][..].into(), from.to_vec());
    let nodes = vec![
        node(Kind::Layer, "a.b", &[0, 7]),
        node(Kind::Add, "a", &[0, 0]),
        node(Kind::Call, "..", &[1, 0]),
        node(Kind::Concat, "", &[2, 1, 0, 5]),
        node(Kind::Output, "", &[]),
    ];
    read::all(&Diagram::new("", nodes, vec![("a".into(), "A".into()), ("".into(), "".into())]));
    read::all(&Diagram::new("none", Vec::new(), Vec::new()));
}

#[test]
fn skips_in_skips_without_end() {
    let depth = 300;
    let down: String = (0..depth).map(|level| format!("conv1-4 @t{level} relu -> ")).collect();
    let up: String =
        (0..depth).rev().map(|level| format!(" @u{level}; add(@t{level}, @u{level}) -> relu")).collect();
    read::all(&network(&format!("Deep: 4x2x2 -> 4x2x2 {{ {down} relu {up} }}")).diagram());
}

/// A path that takes and gives 8x4x4.
fn path() -> impl Strategy<Value = String> {
    let layer = prop::sample::select(vec![
        "conv3-8",
        "relu",
        "bn",
        "id",
        "dw3",
        "conv1-8 bn relu",
        "Unit(4)",
        "Unit(2) x2",
    ]);
    layer.prop_map(str::to_owned).prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} -> {b}")),
            inner.clone().prop_map(|a| format!("({a}) x2")),
            inner.clone().prop_map(|a| format!("residual {{ {a} }}")),
            inner.clone().prop_map(|a| format!("dense {{ {a} }} -> conv1-8")),
            inner.clone().prop_map(|a| format!("split {{ conv1-4 | conv1-8 -> {a} -> conv1-4 }}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("concat {{ {a} | {b} | }} -> conv1-8")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("add {{ {a} | {b} }}")),
            (inner.clone(), inner)
                .prop_map(|(a, b)| format!("mul {{ {a} | gap -> conv1-8 sigmoid }} -> {b}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_declaration_that_resolves_is_drawn(paths in prop::collection::vec(path(), 1..4), back in 0..4_usize) {
        // Each path ends in a tap; a sum of an earlier one and the last makes skips that cross.
        let body: Vec<String> = paths
            .iter()
            .enumerate()
            .map(|(index, path)| match index {
                0 => format!("{path} @t0"),
                _ => format!("add(@t{}, @t{}) -> stage{index}: ({path}) @t{index}", index - 1, back.min(index - 1)),
            })
            .collect();
        let text = format!(
            "N: 8x4x4 -> 8x4x4 {{ block Unit(c) {{ residual {{ a: conv1-c relu -> b: conv1-cin }} }} {} }}",
            body.join("; ")
        );
        let network = network(&text);
        read::all(&network.diagram());
    }
}
