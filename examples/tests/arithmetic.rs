//! The arithmetic of sliding windows as it is drawn, against the figures of Dumoulin & Visin (arXiv 1603.07285) and
//! against candle's convolutions.

use std::collections::BTreeSet;

use candle_core::{DType, Device, Tensor};
use cnn_examples::arithmetic::{Arithmetic, Cell, Error, Slide};
use roxmltree::{Document, Node};

fn drawn(layer: &str, input: &str) -> Arithmetic {
    Arithmetic::of(layer, input.parse().unwrap()).unwrap_or_else(|error| panic!("{layer}: {error}"))
}

/// The paper's figures: layer, input, cells along a side of the (stretched and) padded input, output.
const FIGURES: [(&str, &str, &str, usize, usize); 17] = [
    ("1.5, average pooling", "avgpool3/1", "5x5", 5, 3),
    ("1.6, maximum pooling", "pool3/1", "5x5", 5, 3),
    ("2.1, no padding, unit strides", "conv3-1(valid)", "4x4", 4, 2),
    ("2.2, arbitrary padding", "conv4-1(pad=2)", "5x5", 9, 6),
    ("2.3, half padding", "conv3-1", "5x5", 7, 5),
    ("2.4, full padding", "conv3-1(full)", "5x5", 9, 7),
    ("2.5, strides", "conv3-1/2(valid)", "5x5", 5, 2),
    ("2.6, strides and padding", "conv3-1/2(pad=1)", "5x5", 7, 3),
    ("2.7, the same with a row and a column left over", "conv3-1/2(pad=1)", "6x6", 8, 3),
    ("4.1, transposed, no padding", "deconv3-1", "2x2", 6, 4),
    ("4.2, transposed, arbitrary padding", "deconv4-1(pad=2)", "6x6", 8, 5),
    ("4.3, transposed, half padding", "deconv3-1(pad=1)", "5x5", 7, 5),
    ("4.4, transposed, full padding", "deconv3-1(pad=2)", "7x7", 7, 5),
    ("4.5, transposed, strides", "deconv3-1/2", "2x2", 7, 5),
    ("4.6, transposed, strides and padding", "deconv3-1/2(pad=1)", "3x3", 7, 5),
    ("4.7, the same with a row and a column added", "deconv3-1/2(pad=1, outpad=1)", "3x3", 8, 6),
    ("5.1, dilation", "conv3-1(valid, dilation=2)", "7x7", 7, 3),
];

#[test]
fn the_papers_figures() {
    for (figure, layer, input, cells, output) in FIGURES {
        let drawn = drawn(layer, input);
        assert_eq!(drawn.layer().output(), [output; 2], "figure {figure}");
        assert_eq!(drawn.slides().each_ref().map(|slide| slide.cells().len()), [cells; 2], "figure {figure}");
        assert_eq!(drawn.positions().len(), output * output, "figure {figure}");
    }
}

#[test]
fn figure_2_7_does_not_read_the_last_row_and_column() {
    let [rows, columns] = drawn("conv3-1/2(pad=1)", "6x6").slides().clone();
    for slide in [rows, columns] {
        let unread: Vec<usize> = (0..8).filter(|&cell| !slide.reads(cell)).collect();
        assert_eq!(unread, [7]);
        assert_eq!(slide.starts(), [0, 2, 4]);
    }
}

#[test]
fn figure_4_7_stretches_the_input_and_adds_a_row() {
    use Cell::{Input, Inserted, OutputPadding, Padding};
    let [rows, _] = drawn("deconv3-1/2(pad=1, outpad=1)", "3x3").slides().clone();
    assert_eq!(rows.cells(), [Padding, Input, Inserted, Input, Inserted, Input, Padding, OutputPadding]);
    assert_eq!(rows.starts(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_last_window_of_ceil_reaches_behind_the_padding() {
    // SqueezeNet's first pooling: 110 gives 55, and 54 without `ceil`.
    let [rows, _] = drawn("pool3/2(ceil)", "6x6").slides().clone();
    assert_eq!(rows.starts(), [0, 2, 4]);
    assert_eq!(rows.cells()[5..], [Cell::Input, Cell::Beyond]);
    assert_eq!(drawn("pool3/2", "6x6").layer().output(), [2, 2]);
}

#[test]
fn same_pads_more_behind() {
    // TensorFlow's documentation: 13 wide, a filter of 6, stride 5: 1 before, 2 behind, 3 outputs.
    let [_, columns] = drawn("conv1x6-1/[1, 5](same)", "1x13").slides().clone();
    let cells = columns.cells();
    assert_eq!(cells.iter().position(|&cell| cell == Cell::Input), Some(1));
    assert_eq!((cells.len(), columns.starts()), (16, &[0, 5, 10][..]));
}

/// The values along a side of the drawn input: the input's, and zeros.
fn filled(slides: &[Slide; 2], input: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let index = |slide: &Slide, cell: usize| {
        let before = slide.cells()[..cell].iter().filter(|&&cell| cell == Cell::Input).count();
        (slide.cells()[cell] == Cell::Input).then_some(before)
    };
    let [rows, columns] = slides;
    let value = |row, column| match (index(rows, row), index(columns, column)) {
        (Some(row), Some(column)) => input[row][column],
        _ => 0.0,
    };
    (0..rows.cells().len())
        .map(|row| (0..columns.cells().len()).map(|column| value(row, column)).collect())
        .collect()
}

/// What the windows give, at the positions that are drawn.
fn slid(drawn: &Arithmetic, input: &[Vec<f64>], kernel: &[Vec<f64>]) -> Vec<f64> {
    let [rows, columns] = drawn.slides();
    let filled = filled(drawn.slides(), input);
    let window = |[row, column]: [usize; 2]| -> f64 {
        let taps = rows.taps().iter().enumerate();
        taps.flat_map(|(r, down)| {
            columns.taps().iter().enumerate().map(move |(c, right)| (r, c, down, right))
        })
        .map(|(r, c, down, right)| filled[row + down][column + right] * kernel[r][c])
        .sum()
    };
    drawn.positions().into_iter().map(window).collect()
}

fn plane(height: usize, width: usize, seed: usize) -> Vec<Vec<f64>> {
    let value = |at: usize| ((at * 7919 + seed) % 23) as f64 - 11.0;
    (0..height).map(|row| (0..width).map(|column| value(row * width + column)).collect()).collect()
}

fn tensor(plane: &[Vec<f64>]) -> Tensor {
    let flat = plane.concat();
    Tensor::from_vec(flat, (1, 1, plane.len(), plane[0].len()), &Device::Cpu).unwrap()
}

#[test]
fn the_positions_give_what_candles_convolution_gives() {
    for (kernel, pad, stride, dilation, side) in
        [(3, 0, 1, 1, 4), (4, 2, 1, 1, 5), (3, 1, 2, 1, 6), (3, 2, 3, 2, 9), (1, 0, 2, 1, 5), (5, 4, 2, 1, 7)]
    {
        let layer = format!("conv{kernel}-1/{stride}(pad={pad}, dilation={dilation})");
        let (input, weight) = (plane(side, side, 3), plane(kernel, kernel, 5));
        let expected = tensor(&input).conv2d(&tensor(&weight), pad, stride, dilation, 1).unwrap();
        let found = slid(&drawn(&layer, &side.to_string()), &input, &weight);
        assert_eq!(
            found,
            expected.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap(),
            "{layer}"
        );
    }
}

#[test]
fn the_positions_give_what_candles_transposed_convolution_gives() {
    for (kernel, pad, outpad, stride, dilation, side) in [
        (3, 0, 0, 1, 1, 2),
        (4, 2, 0, 1, 1, 6),
        (3, 1, 1, 2, 1, 3),
        (4, 1, 0, 2, 1, 4),
        (2, 0, 0, 2, 1, 3),
        (3, 1, 2, 3, 2, 3),
        // More padding than the kernel reaches: the first and last values are not read.
        (3, 4, 0, 1, 1, 9),
        (2, 3, 1, 3, 1, 5),
    ] {
        let layer = format!("deconv{kernel}-1/{stride}(pad={pad}, outpad={outpad}, dilation={dilation})");
        let (input, weight) = (plane(side, side, 3), plane(kernel, kernel, 5));
        let expected =
            tensor(&input).conv_transpose2d(&tensor(&weight), pad, outpad, stride, dilation).unwrap();
        // The convolution that gives the same has the kernel turned by half a turn.
        let turned: Vec<Vec<f64>> =
            weight.iter().rev().map(|row| row.iter().rev().copied().collect()).collect();
        let found = slid(&drawn(&layer, &side.to_string()), &input, &turned);
        assert_eq!(found, expected.flatten_all().unwrap().to_vec1::<f64>().unwrap(), "{layer}");
    }
}

#[test]
fn formulas_are_the_papers() {
    for (layer, input, formula) in [
        ("conv3-1(valid)", "4", "o = i − k + 1 = 4 − 3 + 1 = 2"),
        ("conv4-1(pad=2)", "5", "o = i + 2p − k + 1 = 5 + 2·2 − 4 + 1 = 6"),
        ("conv3-1/2(pad=1)", "6", "o = ⌊(i + 2p − k) / s⌋ + 1 = ⌊(6 + 2·1 − 3) / 2⌋ + 1 = 3"),
        ("conv3-1(valid, dilation=2)", "7", "o = i − d(k − 1) − 1 + 1 = 7 − 2·(3 − 1) − 1 + 1 = 3"),
        ("deconv3-1/2(pad=1, outpad=1)", "3", "o = s(i − 1) + k − 2p + a = 2·(3 − 1) + 3 − 2·1 + 1 = 6"),
        ("pool3/2(ceil)", "6", "o = ⌈(i − k) / s⌉ + 1 = ⌈(6 − 3) / 2⌉ + 1 = 3"),
        // PyTorch leaves out a last window that starts in the padding behind.
        ("pool2/2(pad=1, ceil)", "3", "o = ⌈(i + 2p − k) / s⌉ + 1 − 1 = ⌈(3 + 2·1 − 2) / 2⌉ + 1 − 1 = 2"),
        ("conv4-1/2(same)", "5", "o = ⌊(i + p + q − k) / s⌋ + 1 = ⌊(5 + 1 + 2 − 4) / 2⌋ + 1 = 3"),
        ("gap", "4", "o = ⌊(i − k) / s⌋ + 1 = ⌊(4 − 4) / 4⌋ + 1 = 1"),
    ] {
        assert_eq!(drawn(layer, input).formulas(), [formula], "{layer}");
    }
    let both = drawn("conv3x1-1(valid)", "5x4").formulas();
    assert_eq!(both, ["rows: o = i − k + 1 = 5 − 3 + 1 = 3", "columns: o = i − k + 1 = 4 − 1 + 1 = 4"]);
}

/// The elements of this class.
fn of_class<'a>(svg: &'a Document<'a>, class: &str) -> Vec<Node<'a, 'a>> {
    svg.descendants().filter(|node| node.attribute("class") == Some(class)).collect()
}

/// The first corner of every cell of a path.
fn corners(path: &str) -> Vec<[f64; 2]> {
    path.split('M')
        .skip(1)
        .map(|cell| {
            let mut numbers = cell.split(['L', ' ', 'Z']).map(|number| number.parse().unwrap());
            [numbers.next().unwrap(), numbers.next().unwrap()]
        })
        .collect()
}

fn points(values: &str) -> Vec<[f64; 2]> {
    values
        .split(';')
        .map(|value| {
            let (x, y) = value.split_once(' ').unwrap();
            [x.parse().unwrap(), y.parse().unwrap()]
        })
        .collect()
}

#[test]
fn the_animation_moves_the_kernel_over_the_input() {
    let text = drawn("conv3-1/2(pad=1)", "5x5").svg();
    let svg = Document::parse(&text).unwrap();
    let input = corners(of_class(&svg, "input")[0].attribute("d").unwrap());
    assert_eq!(input.len(), 25);
    // 49 cells in all; the legend's square is the last of the class.
    assert_eq!(corners(of_class(&svg, "padding")[0].attribute("d").unwrap()).len(), 49 - 25);
    assert_eq!(corners(of_class(&svg, "output")[0].attribute("d").unwrap()).len(), 9);
    let kernel = of_class(&svg, "kernel")[0];
    let taps = corners(kernel.attribute("d").unwrap());
    assert_eq!(taps.len(), 9);
    // The padding is 1, so the kernel's middle begins on the input's first value.
    assert_eq!(taps[4], input[0]);
    let moves =
        kernel.parent().unwrap().children().find(|node| node.has_tag_name("animateTransform")).unwrap();
    let moves = points(moves.attribute("values").unwrap());
    assert_eq!(moves.len(), 9);
    // From the first value of the input to every second, row by row.
    let seen: Vec<[f64; 2]> = moves.iter().map(|[x, y]| [taps[4][0] + x, taps[4][1] + y]).collect();
    let expected = [0, 2, 4].iter().flat_map(|row| [0, 2, 4].map(|column| input[row * 5 + column]));
    for (seen, expected) in seen.iter().zip(expected) {
        assert!((seen[0] - expected[0]).abs() < 0.11 && (seen[1] - expected[1]).abs() < 0.11);
    }
}

#[test]
fn pictures_are_well_formed_and_refer_to_nothing() {
    for (_, layer, input, _, output) in FIGURES {
        let drawn = drawn(layer, input);
        for (text, animations) in [(drawn.svg(), 3), (drawn.still(), 0)] {
            let svg = Document::parse(&text).unwrap_or_else(|error| panic!("{layer}: {error}"));
            let root = svg.root_element();
            assert!(root.has_tag_name(("http://www.w3.org/2000/svg", "svg")), "{layer}");
            let animated: Vec<_> =
                svg.descendants().filter(|node| node.tag_name().name().starts_with("animate")).collect();
            assert_eq!(animated.len(), animations, "{layer}");
            for node in animated {
                assert_eq!(node.attribute("values").unwrap().split(';').count(), output * output, "{layer}");
                assert_eq!(node.attribute("repeatCount"), Some("indefinite"));
            }
            let title = svg.descendants().find(|node| node.has_tag_name("title")).unwrap();
            assert!(title.text().unwrap().contains(&format!("to {output}x{output}")), "{layer}");
            for node in svg.descendants() {
                assert!(node.attributes().all(|attribute| !attribute.name().contains("href")), "{layer}");
            }
            assert!(!text.contains("url(") && !text.contains("@import"), "{layer}");
        }
    }
}

#[test]
fn what_differs_is_told_apart() {
    let looks = |layer, input| -> BTreeSet<String> {
        let text = drawn(layer, input).svg();
        let svg = Document::parse(&text).unwrap();
        svg.descendants().filter_map(|node| node.attribute("class")).map(str::to_owned).collect()
    };
    assert!(
        looks("deconv3-1/2(outpad=1)", "3").is_superset(&["inserted", "outpad"].map(str::to_owned).into())
    );
    assert!(looks("pool3/2(ceil)", "6").contains("beyond"));
    assert!(looks("conv3-1/2(pad=1)", "6").contains("padding unread"));
    assert!(!looks("conv3-1/2(pad=1)", "5").iter().any(|class| class.contains("unread")));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let refused = |layer: &str, input: &str| Arithmetic::of(layer, input.parse().unwrap()).unwrap_err();
    assert!(matches!(refused("relu", "5"), Error::NoWindow(_)));
    assert!(matches!(refused("fc10", "5"), Error::NoWindow(_)));
    assert!(matches!(refused("conv3-1 relu", "5"), Error::NotOneLayer(_)));
    assert!(matches!(refused("(conv3-1) x2", "5"), Error::NotOneLayer(_)));
    assert!(matches!(refused("avgpool(3x3)", "7"), Error::Uneven { .. }));
    for (layer, input, says) in [
        ("conv3-1", "224", "is too large to be drawn: a side of more than 40 cells"),
        ("conv3-1", "2147483648", "more MACs than a 64-bit number can count"),
        ("conv3-1(pad=2147483000)", "5", "more MACs than"),
        ("conv3-1", "30", "is too large to be drawn: 900 positions, where 400 can be watched"),
        ("deconv3-1/30", "5", "is too large to be drawn"),
        ("conv9-1(valid)", "5", "`conv9-1(valid)` does not fit: its 9x9 window is larger than 1x5x5"),
        ("conv3-6(groups=4)", "5", "4"),
        ("", "5", "there is no layer here"),
        ("conv3-1(pad=", "5", "1 | conv3-1(pad="),
        ("convv3-1", "5", "conv"),
    ] {
        let error = refused(layer, input).to_string();
        assert!(error.contains(says) && !error.starts_with("error"), "{layer}: {error}");
    }
    for size in ["", "0x5", "5x", "5x5x5x5", "-1", "5.5", "99999999999"] {
        assert!(size.parse::<cnn_examples::arithmetic::InputSize>().is_err(), "{size}");
    }
}

#[test]
fn adaptive_pooling_is_drawn_where_it_is_even() {
    let drawn = drawn("avgpool(2x3)", "4x6");
    assert_eq!(drawn.slides()[0].starts(), [0, 2]);
    assert_eq!(drawn.slides()[1].starts(), [0, 2, 4]);
}
