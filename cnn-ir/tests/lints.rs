//! Every lint: what it finds, word for word, and what it must leave alone.
//!
//! `UPDATE_EXPECT=1 cargo test -p cnn-ir --test lints` rewrites what is expected; read the difference.

use cnn_ir::lint::{Finding, lint};
use cnn_ir::token::TokenTable;
use cnn_ir::window::Axis;
use expect_test::{Expect, expect};
use std::collections::BTreeSet;

/// What is found in every network of a declaration that resolves.
#[track_caller]
fn findings(text: &str) -> (Vec<Finding>, TokenTable) {
    let lexed = cnn_ir::lex::lex(text);
    let (file, unread) = cnn_ir::parse::parse(&lexed.table);
    let (models, unresolved) = cnn_ir::resolve::resolve(&file, &lexed.table);
    let errors: Vec<String> =
        lexed.diagnostics.iter().chain(&unread).chain(&unresolved).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{text}\ndoes not resolve: {errors:#?}");
    let networks = file.networks.iter().zip(&models);
    let found = networks.flat_map(|(network, model)| lint(network, model, &lexed.table)).collect();
    (found, lexed.table)
}

/// A declaration in which something is found.
#[track_caller]
fn warned(text: &str, expected: &Expect) {
    let (found, table) = findings(text);
    let mut out = String::new();
    for Finding { lint, range, headline, help } in &found {
        out.push_str(&format!("warning: {headline}\n | {}: `{}`\n", lint.name(), table.text(*range)));
        if let Some(help) = help {
            out.push_str(&format!(" = help: {help}\n"));
        }
    }
    expected.assert_eq(&out);
}

/// A declaration in which nothing is found.
#[track_caller]
fn quiet(text: &str) {
    let (found, _) = findings(text);
    assert!(found.is_empty(), "{text}\n{found:#?}");
}

/// What is found, in short: the lint and the tokens.
#[track_caller]
fn short(text: &str) -> Vec<String> {
    let (found, table) = findings(text);
    found.iter().map(|finding| format!("{} `{}`", finding.lint.name(), table.text(finding.range))).collect()
}

mod dropped_pixels {
    use super::*;

    #[test]
    fn a_convolution_that_pads_too_little() {
        // AlexNet on the size that its paper states.
        warned(
            "N: 3x224x224 -> 96x54x54 { conv11-96/4(valid) relu }",
            &expect![[r#"
                warning: `conv11-96/4(valid)` leaves the last row and column of 3x224x224 unread
                 | dropped_pixels: `conv11-96/4(valid)`
                 = help: `conv11-96/4(pad=2)` reads them too and gives 96x55x55; an input of 223x223 or 227x227 leaves nothing
            "#]],
        );
    }

    #[test]
    fn a_pooling_on_an_odd_size() {
        warned(
            "N: 3x28x28 -> 10 { (conv3-8 relu -> pool2) x3 -> fc10 }",
            &expect![[r#"
                warning: `pool2` leaves the last row and column of 8x7x7 unread
                 | dropped_pixels: `pool2`
                 = help: `pool2(ceil)` reads them too and gives 8x4x4; a map of 6x6 or 8x8 leaves nothing
            "#]],
        );
    }

    #[test]
    fn one_axis_only() {
        warned(
            "N: 3x28x31 -> 8x14x10 { conv3-8 relu -> avgpool(kernel=[2, 3]) }",
            &expect![[r#"
            warning: `avgpool(kernel=[2, 3])` leaves the last column of 8x28x31 unread
             | dropped_pixels: `avgpool(kernel=[2, 3])`
             = help: `avgpool(kernel=[2, 3], ceil)` reads them too and gives 8x14x11; a map of 28x30 or 28x33 leaves nothing
        "#]],
        );
    }

    #[test]
    fn several_rows() {
        warned(
            "N: 3x250x250 -> 768x15x15 { conv16-768/16(valid) }",
            &expect![[r#"
                warning: `conv16-768/16(valid)` leaves the last 10 rows and columns of 3x250x250 unread
                 | dropped_pixels: `conv16-768/16(valid)`
                 = help: `conv16-768/16(pad=3)` reads them too and gives 768x16x16; an input of 240x240 or 256x256 leaves nothing
            "#]],
        );
    }

    #[test]
    fn the_first_call_that_drops() {
        warned(
            "N: 3x28x28 -> 10 {
                block Unit(c) { conv3-c relu -> pool2 }
                Unit(8) -> Unit(16) -> Unit(32) -> gap -> fc10
            }",
            &expect![[r#"
                warning: `pool2` leaves the last row and column of 32x7x7 unread
                 | dropped_pixels: `pool2`
                 = help: `pool2(ceil)` reads them too and gives 32x4x4; a map of 6x6 or 8x8 leaves nothing
            "#]],
        );
    }

    #[test]
    fn a_convolution_in_a_block_of_several_calls_is_not_padded() {
        warned(
            "N: 3x30x30 -> 10 { block Unit(c) { conv2-c/2(valid) relu } Unit(8) -> Unit(16) -> gap -> fc10 }",
            &expect![[r#"
                warning: `conv2-c/2(valid)` leaves the last row and column of 8x15x15 unread
                 | dropped_pixels: `conv2-c/2(valid)`
                 = help: a map of 14x14 or 16x16 leaves nothing
            "#]],
        );
    }

    #[test]
    fn one_size_that_is_known() {
        warned(
            "N: [3, H, 31] -> 3x1x1 where H >= 2 { pool2 -> gap }",
            &expect![[r#"
            warning: `pool2` leaves the last column of [3, H, 31] unread
             | dropped_pixels: `pool2`
        "#]],
        );
    }

    #[test]
    fn an_option_in_the_first_parenthesis() {
        warned(
            "N: 3x224x224 -> 8x44x44 { conv(kernel=8, valid)-8/5(groups=1) }",
            &expect![[r#"
                warning: `conv(kernel=8, valid)-8/5(groups=1)` leaves the last row and column of 3x224x224 unread
                 | dropped_pixels: `conv(kernel=8, valid)-8/5(groups=1)`
                 = help: `conv(kernel=8)-8/5(groups=1, pad=2)` reads them too and gives 8x45x45; an input of 223x223 or 228x228 leaves nothing
            "#]],
        );
    }

    /// Windows laid out one by one; and what the help proposes is right.
    #[test]
    fn as_windows_lie() {
        let mut found_some = 0;
        for (size, kernel) in (4..16_usize).flat_map(|size| (2..=4_usize).map(move |kernel| (size, kernel))) {
            for (stride, pad) in
                (2..=kernel).flat_map(|stride| (0..=kernel / 2).map(move |pad| (stride, pad)))
            {
                let axis = Axis { stride, before: pad, after: pad, ..Axis::new(kernel) };
                let Some(out) = axis.out(size) else { continue };
                let end = (out - 1) * stride + kernel - pad;
                for layer in ["conv", "pool"] {
                    let filters = if layer == "conv" { "-3" } else { "" };
                    let written = format!("{layer}{kernel}{filters}/{stride}(pad={pad})");
                    let text = format!("N: 3x{size}x{size} -> 3x{out}x{out} {{ {written} }}");
                    let (found, _) = findings(&text);
                    assert_eq!(found.len(), usize::from(end < size), "{text}");
                    let Some(help) = found.first().and_then(|finding| finding.help.as_deref()) else {
                        continue;
                    };
                    found_some += 1;
                    let (change, sizes) = help.rsplit_once("an input of ").unwrap();
                    if let Some((layer, rest)) = change.split_once(" reads them too and gives ") {
                        let (layer, gives) = (layer.trim_matches('`'), rest.trim_end_matches("; "));
                        quiet(&format!("N: 3x{size}x{size} -> {gives} {{ {layer} }}"));
                    }
                    for size in sizes.strip_suffix(" leaves nothing").unwrap().split(" or ") {
                        let size: usize = size.split('x').next().unwrap().parse().unwrap();
                        let out = axis.out(size).unwrap();
                        quiet(&format!("N: 3x{size}x{size} -> 3x{out}x{out} {{ {written} }}"));
                    }
                }
            }
        }
        assert!(found_some > 50, "{found_some}");
    }

    #[test]
    fn unread_padding_is_nothing_lost() {
        quiet("N: 3x224x224 -> 8x112x112 { conv3-8/2 }");
        quiet("N: 3x224x224 -> 64x55x55 { conv11-64/4(pad=2) relu }");
        quiet("N: 3x112x112 -> 3x56x56 { pool3/2(pad=1) }");
        quiet("N: 3x7x7 -> 3x4x4 { conv2-3/2(pad=[0, 1, 0, 1]) }");
    }

    #[test]
    fn what_comes_out_even() {
        quiet("N: 3x227x227 -> 96x55x55 { conv11-96/4(valid) }");
        quiet("N: 3x13x13 -> 3x6x6 { pool3/2 }");
        quiet("N: 3x28x28 -> 3x14x14 { pool2 }");
    }

    #[test]
    fn windows_smaller_than_their_stride_skip_on_purpose() {
        quiet("N: 3x56x56 -> 8x28x28 { conv1-8/2 }");
        quiet("N: 3x57x57 -> 8x28x28 { conv1-8/2(valid) -> crop(28) }");
        quiet("N: 3x31x31 -> 3x10x10 { pool(kernel=2, stride=3) }");
    }

    #[test]
    fn what_reads_everything() {
        quiet("N: 3x13x13 -> 3x7x7 { pool2(ceil) }");
        quiet("N: 3x13x13 -> 3x7x7 { avgpool2(same) }");
        quiet("N: 3x13x13 -> 3x7x7 { conv2-3/2(same) }");
        quiet("N: 3x13x13 -> 3x3x3 { avgpool(3x3) }");
    }

    #[test]
    fn sizes_that_are_not_known() {
        quiet("N: [3, H, W] -> 3x1x1 where H >= 2, W >= 2 { pool2 -> gap }");
        quiet("N: [3, SIDE, SIDE] -> 3x1x1 { pool2 -> gap }");
    }
}

mod bias_before_norm {
    use super::*;

    #[test]
    fn behind_a_tap() {
        warned(
            "N: 3x8x8 -> 8x8x8 { conv3-8 @x bn relu }",
            &expect![[r#"
            warning: the bias of `conv3-8` has no effect: the `bn` behind it takes it away
             | bias_before_norm: `conv3-8`
             = help: write `conv3-8(bias=false)`
        "#]],
        );
    }

    #[test]
    fn behind_a_bracket() {
        warned(
            "N: 3x8x8 -> 8x8x8 { (conv3-8) bn relu }",
            &expect![[r#"
            warning: the bias of `conv3-8` has no effect: the `bn` behind it takes it away
             | bias_before_norm: `conv3-8`
             = help: write `conv3-8(bias=false)`
        "#]],
        );
    }

    #[test]
    fn behind_a_pooling() {
        warned(
            "N: 3x8x8 -> 8x4x4 { conv3-8(pad=1) -> pool2 -> bn relu }",
            &expect![[r#"
            warning: the bias of `conv3-8(pad=1)` has no effect: the `bn` behind it takes it away
             | bias_before_norm: `conv3-8(pad=1)`
             = help: write `conv3-8(pad=1, bias=false)`
        "#]],
        );
    }

    #[test]
    fn written() {
        warned(
            "N: 3x8x8 -> 10 { dw3(bias=true) bn relu -> conv1-(2*4)(groups=1, bias=true) bn relu -> fc10(bias=true) bn }",
            &expect![[r#"
                warning: the bias of `dw3(bias=true)` has no effect: the `bn` behind it takes it away
                 | bias_before_norm: `dw3(bias=true)`
                 = help: write `dw3(bias=false)`
                warning: the bias of `conv1-(2*4)(groups=1, bias=true)` has no effect: the `bn` behind it takes it away
                 | bias_before_norm: `conv1-(2*4)(groups=1, bias=true)`
                 = help: write `conv1-(2*4)(groups=1, bias=false)`
                warning: the bias of `fc10(bias=true)` has no effect: the `bn` behind it takes it away
                 | bias_before_norm: `fc10(bias=true)`
                 = help: write `fc10(bias=false)`
            "#]],
        );
    }

    #[test]
    fn at_the_end_of_a_block() {
        warned(
            "N: 3x8x8 -> 16x8x8 { block Conv(c) { conv3-c } Conv(8) -> bn relu -> Conv(16) -> bn relu }",
            &expect![[r#"
                warning: the bias of `conv3-c` has no effect: the `bn` behind it takes it away
                 | bias_before_norm: `conv3-c`
                 = help: write `conv3-c(bias=false)`
            "#]],
        );
    }

    #[test]
    fn before_an_instance_norm() {
        warned(
            "N: 3x8x8 -> 8x8x8 { conv3-8 inorm relu -> deconv2-8/2 gn8 relu -> pool2 }",
            &expect![[r#"
            warning: the bias of `conv3-8` has no effect: the `inorm` behind it takes it away
             | bias_before_norm: `conv3-8`
             = help: write `conv3-8(bias=false)`
            warning: the bias of `deconv2-8/2` has no effect: the `gn8` behind it takes it away
             | bias_before_norm: `deconv2-8/2`
             = help: write `deconv2-8/2(bias=false)`
        "#]],
        );
    }

    #[test]
    fn through_sums_and_concatenations() {
        // ResNet with pre-activation, without `bias=false`.
        warned(
            "N: 3x32x32 -> 10 {
                block Pre(c) { residual { bn relu conv3-c bn relu conv3-c } else (conv1-c) }
                conv3-16 -> Pre(16) x2 -> Pre(32) -> bn relu -> gap -> fc10
            }",
            &expect![[r#"
                warning: the bias of `conv3-c` has no effect: the `bn` behind it takes it away
                 | bias_before_norm: `conv3-c`
                 = help: write `conv3-c(bias=false)`
                warning: the bias of `conv1-c` has no effect: the `bn` behind it takes it away
                 | bias_before_norm: `conv1-c`
                 = help: write `conv1-c(bias=false)`
                warning: the bias of `conv3-16` has no effect: the `bn` behind it takes it away
                 | bias_before_norm: `conv3-16`
                 = help: write `conv3-16(bias=false)`
            "#]],
        );
    }

    #[test]
    fn for_every_reader() {
        warned(
            "N: 3x8x8 -> 8x8x8 { conv3-8 @x -> bn @a; @x -> bn(affine=false) @b; add(@a, @b) }",
            &expect![[r#"
                warning: the bias of `conv3-8` has no effect: the `bn` behind it takes it away
                 | bias_before_norm: `conv3-8`
                 = help: write `conv3-8(bias=false)`
            "#]],
        );
    }

    #[test]
    fn through_linear_layers() {
        warned(
            "N: 3x8x8 -> 10 { conv3-8 -> gap -> fc16 bn relu -> fc10 }",
            &expect![[r#"
            warning: the bias of `conv3-8` has no effect: the `bn` behind it takes it away
             | bias_before_norm: `conv3-8`
             = help: write `conv3-8(bias=false)`
        "#]],
        );
        warned(
            "N: 3x8x8 -> 8x8x8 { dw3 -> conv1-8 bn relu }",
            &expect![[r#"
            warning: the bias of `dw3` has no effect: the `bn` behind it takes it away
             | bias_before_norm: `dw3`
             = help: write `dw3(bias=false)`
        "#]],
        );
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 -> deconv3-8(half) bn relu }");
        quiet("N: 3x8x8 -> 10 { conv3-8 -> gap -> fc16(dropconnect=0.1) bn relu -> fc10 }");
    }

    #[test]
    fn the_bias_that_the_language_left_out() {
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 => 8x8x8 -> bn relu -> dw3 bn relu -> deconv3-8(pad=1) bn }");
    }

    #[test]
    fn norms_over_several_channels() {
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 ln relu -> conv3-8 gn4 relu -> conv3-8 lrn5 }");
    }

    #[test]
    fn another_reader() {
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 @x -> bn @a; add(@x, @a) }");
        quiet("N: 3x8x8 -> (x: 8x8x8, y: 8x8x8) { conv3-8 @x -> bn @y }");
    }

    #[test]
    fn what_does_not_keep_a_constant() {
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 relu bn }");
        quiet("N: 3x8x8 -> 8x10x10 { conv3-8 -> pad(1) -> bn }");
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 -> avgpool3/1(half) -> bn }");
        quiet("N: 3x8x8 -> 2x16x16 { conv3-8 -> shuffle2 -> bn }");
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 -> mul { id | gap -> conv1-8 sigmoid } -> bn }");
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 -> rust(|x: &Tensor| x.sqr()) => 8x8x8 -> bn }");
    }

    #[test]
    fn a_call_that_needs_it() {
        quiet("N: 3x8x8 -> 8x8x8 { block Conv(c) { conv3-c } Conv(8) -> bn relu -> Conv(8) }");
    }
}

mod softmax_output {
    use super::*;

    #[test]
    fn the_output() {
        warned(
            "N: 3x8x8 -> 10 { gap -> fc10 softmax }",
            &expect![[r#"
                warning: the output comes out of `softmax`, but a cross-entropy expects logits
                 | softmax_output: `softmax`
                 = help: leave it out and apply `candle_nn::ops::softmax` where probabilities are needed, or allow this lint where the network is to give them
            "#]],
        );
    }

    #[test]
    fn through_a_flattening() {
        warned(
            "N: 3x8x8 -> 10 { conv1-10 -> gap -> softmax -> flatten id }",
            &expect![[r#"
                warning: the output comes out of `softmax`, but a cross-entropy expects logits
                 | softmax_output: `softmax`
                 = help: leave it out and apply `candle_nn::ops::softmax` where probabilities are needed, or allow this lint where the network is to give them
            "#]],
        );
        warned(
            "N: 3x8x8 -> 10 { block Head(c) { gap -> conv1-c softmax } Head(10) }",
            &expect![[r#"
                warning: the output comes out of `softmax`, but a cross-entropy expects logits
                 | softmax_output: `softmax`
                 = help: leave it out and apply `candle_nn::ops::softmax` where probabilities are needed, or allow this lint where the network is to give them
            "#]],
        );
    }

    #[test]
    fn a_named_output() {
        warned(
            "N: 3x8x8 -> (class: 10, box: 4) { gap @x -> fc10 softmax @class; @x -> fc4 @box }",
            &expect![[r#"
                warning: the output `class` comes out of `softmax`, but a cross-entropy expects logits
                 | softmax_output: `softmax`
                 = help: leave it out and apply `candle_nn::ops::softmax` where probabilities are needed, or allow this lint where the network is to give them
            "#]],
        );
    }

    #[test]
    fn of_a_map() {
        warned(
            "N: 3x8x8 -> 2x8x8 { conv1-2 softmax }",
            &expect![[r#"
                warning: the output comes out of `softmax`, but a cross-entropy expects logits
                 | softmax_output: `softmax`
                 = help: leave it out and apply `candle_nn::ops::softmax` where probabilities are needed, or allow this lint where the network is to give them
            "#]],
        );
    }

    #[test]
    fn inside() {
        quiet("N: 3x8x8 -> 3x8x8 { mul { id | conv1-3 softmax } }");
        quiet("N: 3x8x8 -> 10 { conv1-3 softmax -> gap -> fc10 }");
    }

    #[test]
    fn other_outputs() {
        quiet("N: 3x8x8 -> 1 { gap -> fc1 sigmoid }");
        quiet("N: 3x8x8 -> 10 { gap -> fc10 }");
    }

    #[test]
    fn a_tap_that_is_no_output() {
        quiet("N: 3x8x8 -> 10 { gap -> fc10 @logits; @logits -> softmax @shown; @logits }");
    }

    #[test]
    fn a_block_that_stands_inside_too() {
        quiet("N: 3x8x8 -> 3x8x8 { block Pick() { conv1-3 softmax } mul { id | Pick() } -> Pick() }");
    }
}

mod repeated_activation {
    use super::*;

    #[test]
    fn twice_the_same() {
        warned(
            "N: 3x8x8 -> 8x8x8 { conv3-8 relu relu }",
            &expect![[r#"
            warning: `relu` changes nothing: what `relu` gives is never negative
             | repeated_activation: `relu`
             = help: leave it out
        "#]],
        );
    }

    #[test]
    fn behind_dropout_and_pooling() {
        warned(
            "N: 3x8x8 -> 10 { conv3-8 relu -> dropout id -> relu -> pool2 -> relu -> fc10 }",
            &expect![[r#"
            warning: `relu` changes nothing: what `relu` gives is never negative
             | repeated_activation: `relu`
             = help: leave it out
            warning: `relu` changes nothing: what `relu` gives is never negative
             | repeated_activation: `relu`
             = help: leave it out
        "#]],
        );
    }

    #[test]
    fn nothing_negative_arrives() {
        warned(
            "N: 3x8x8 -> 8x8x8 { conv3-8 sigmoid leaky(0.2) -> conv3-8 relu prelu -> conv3-8 relu6 elu }",
            &expect![[r#"
            warning: `leaky(0.2)` changes nothing: what `sigmoid` gives is never negative
             | repeated_activation: `leaky(0.2)`
             = help: leave it out
            warning: `prelu` changes nothing: what `relu` gives is never negative
             | repeated_activation: `prelu`
             = help: leave it out
            warning: `elu` changes nothing: what `relu6` gives is never negative
             | repeated_activation: `elu`
             = help: leave it out
        "#]],
        );
        warned(
            "N: 3x8x8 -> 8x8x8 { conv3-8 sigmoid relu6 -> conv3-8 relu6 relu6 }",
            &expect![[r#"
            warning: `relu6` changes nothing: what `sigmoid` gives lies between 0 and 6
             | repeated_activation: `relu6`
             = help: leave it out
            warning: `relu6` changes nothing: what `relu6` gives lies between 0 and 6
             | repeated_activation: `relu6`
             = help: leave it out
        "#]],
        );
    }

    #[test]
    fn two_that_both_change_something() {
        warned(
            "N: 3x8x8 -> 8x8x8 { conv3-8 relu relu6 -> conv3-8 relu sigmoid -> conv3-8 prelu relu }",
            &expect![[r#"
            warning: two activations one after the other: `relu`, then `relu6`
             | repeated_activation: `relu6`
             = help: leave one of them out, or put the missing layer between them
            warning: two activations one after the other: `relu`, then `sigmoid`
             | repeated_activation: `sigmoid`
             = help: leave one of them out, or put the missing layer between them
            warning: two activations one after the other: `prelu`, then `relu`
             | repeated_activation: `relu`
             = help: leave one of them out, or put the missing layer between them
        "#]],
        );
    }

    #[test]
    fn across_the_edge_of_a_block() {
        warned(
            "N: 3x8x8 -> 8x8x8 { block Unit(act = relu) { conv3-8 bn act } Unit() -> relu -> Unit(gelu) -> tanh }",
            &expect![[r#"
                warning: `relu` changes nothing: what `relu` gives is never negative
                 | repeated_activation: `relu`
                 = help: leave it out
                warning: two activations one after the other: `gelu`, then `tanh`
                 | repeated_activation: `tanh`
                 = help: leave one of them out, or put the missing layer between them
            "#]],
        );
    }

    #[test]
    fn at_the_beginning_of_a_block() {
        warned(
            "N: 3x8x8 -> 8x8x8 { block Unit() { relu conv3-8 bn relu } conv3-8 relu -> Unit() x2 }",
            &expect![[r#"
                warning: `relu` changes nothing: what `relu` gives is never negative
                 | repeated_activation: `relu`
                 = help: leave it out
            "#]],
        );
    }

    #[test]
    fn layers_between() {
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 relu bn relu -> conv3-8 relu lrn5 relu scale relu }");
    }

    #[test]
    fn sums() {
        quiet("N: 3x8x8 -> 3x8x8 { residual { conv3-3 relu } relu }");
        quiet("N: 3x8x8 -> 3x8x8 { conv3-3 relu -> residual { conv3-3 bn } relu }");
    }

    #[test]
    fn softmax_behind_something() {
        quiet("N: 3x8x8 -> 3x8x8 { mul { id | conv1-3 relu softmax } }");
    }

    #[test]
    fn gates() {
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 relu -> mul { id | sigmoid } }");
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 leaky @x -> sigmoid @gate; mul(@x, @gate) }");
        quiet("N: 3x8x8 -> 8x8x8 { conv3-8 relu -> mul { id | gap -> hardsigmoid } }");
    }

    #[test]
    fn other_values_of_the_same_range() {
        quiet("N: 3x8x8 -> 8x1x1 { conv3-8 relu -> gap -> tanh }");
    }

    #[test]
    fn a_block_that_is_called_behind_a_sum_too() {
        quiet(
            "N: 3x8x8 -> 3x8x8 { block Pre() { residual { relu conv3-3 bn relu conv3-3 } } conv3-3 relu -> Pre() x2 }",
        );
    }
}

mod missing_activation {
    use super::*;

    #[test]
    fn two_convolutions() {
        warned(
            "N: 3x8x8 -> 64x8x8 { conv3-64 -> conv3-64 relu }",
            &expect![[r#"
            warning: no activation stands between `conv3-64` and `conv3-64`
             | missing_activation: `conv3-64`
             = help: put one such as `relu` between them: without it both together are one linear layer
        "#]],
        );
    }

    #[test]
    fn two_fully_connected_layers() {
        warned(
            "N: 3x8x8 -> 10 { fc256 relu dropout -> fc128 dropout -> fc10 }",
            &expect![[r#"
            warning: no activation stands between `fc128` and `fc10`
             | missing_activation: `fc10`
             = help: put one such as `relu` between them: without it both together are one linear layer
        "#]],
        );
    }

    #[test]
    fn norms_are_no_activations() {
        warned(
            "N: 3x8x8 -> 64x4x4 { conv3-64 bn -> avgpool2 -> conv3-64 ln -> conv3-64(valid) -> pad(1) }",
            &expect![[r#"
            warning: no activation stands between `conv3-64` and `conv3-64`
             | missing_activation: `conv3-64`
             = help: put one such as `relu` between them: without it both together are one linear layer
            warning: no activation stands between `conv3-64` and `conv3-64(valid)`
             | missing_activation: `conv3-64(valid)`
             = help: put one such as `relu` between them
        "#]],
        );
    }

    #[test]
    fn every_copy_of_a_repeat() {
        warned(
            "N: 3x8x8 -> 64x8x8 { (conv3-64) x3 relu }",
            &expect![[r#"
            warning: no activation stands between `conv3-64` and `conv3-64`
             | missing_activation: `conv3-64`
             = help: put one such as `relu` between them: without it both together are one linear layer
        "#]],
        );
    }

    #[test]
    fn blocks_in_a_row() {
        warned(
            "N: 3x8x8 -> 10 { block Unit(c) { conv3-c bn } Unit(16) -> Unit(16) -> relu -> gap -> fc10 }",
            &expect![[r#"
                warning: no activation stands between `conv3-c` and `conv3-c`
                 | missing_activation: `conv3-c`
                 = help: put one such as `relu` between them: without it both together are one linear layer
            "#]],
        );
    }

    #[test]
    fn a_wide_layer_between() {
        warned(
            "N: 64x8x8 -> 64x8x8 { conv1-256 -> conv1-64 -> conv3-64 relu -> conv1-64 bn -> conv3-64 relu }",
            &expect![[r#"
            warning: no activation stands between `conv1-256` and `conv1-64`
             | missing_activation: `conv1-64`
             = help: put one such as `relu` between them: without it both together are one linear layer
            warning: no activation stands between `conv1-64` and `conv3-64`
             | missing_activation: `conv3-64`
             = help: put one such as `relu` between them: without it both together are one linear layer
            warning: no activation stands between `conv1-64` and `conv3-64`
             | missing_activation: `conv3-64`
             = help: put one such as `relu` between them: without it both together are one linear layer
        "#]],
        );
    }

    #[test]
    fn separable_convolutions() {
        quiet("N: 3x8x8 -> 64x8x8 { dw3 -> conv1-64 relu -> conv1-64 bn -> dw3 bn relu }");
        quiet(
            "N: 64x8x8 -> 64x8x8 { conv3-64(groups=8) -> conv1-64 relu -> conv3-64(groups=64) -> dw5 -> conv1-64 }",
        );
    }

    #[test]
    fn factors_of_a_kernel() {
        quiet("N: 3x8x8 -> 8x8x8 { conv7x1-8 -> conv1x7-8 relu -> conv1x3-8 bn -> conv3x1-8 bn relu }");
    }

    #[test]
    fn linear_bottlenecks() {
        quiet("N: 64x8x8 -> 96x8x8 { conv1-24 bn -> conv1-144 bn relu6 -> conv1-24 bn -> conv3-96 bn silu }");
        quiet("N: 64x8x8 -> 10 { conv3-16 -> conv1-64 relu -> gap -> fc8(bias=false) -> fc10 }");
    }

    #[test]
    fn branches() {
        quiet("N: 8x8x8 -> 8x8x8 { conv3-8 -> residual { conv3-8 relu -> conv3-8 } -> conv3-8 }");
        quiet("N: 8x8x8 -> 8x8x8 { conv3-8 @x -> conv3-8 relu }");
        quiet("N: 8x8x8 -> 8x8x8 { concat { conv1-4 | conv3-4 } -> conv1-8 }");
    }

    #[test]
    fn something_nonlinear_between() {
        quiet("N: 8x8x8 -> 8x4x4 { conv3-8 -> pool2 -> conv3-8 }");
        quiet("N: 8x8x8 -> 8x8x8 { conv3-8 prelu -> conv3-8 lrn5 -> conv3-8 }");
        quiet("N: 8x8x8 -> 8x8x8 { conv3-8 -> rust(|x: &Tensor| x.sqr()) => 8x8x8 -> conv3-8 }");
    }

    #[test]
    fn resolution_upwards() {
        quiet("N: 8x8x8 -> 3x32x32 { conv3-32 -> shuffle2 -> conv3-32 -> shuffle2 -> conv3-3 }");
        quiet("N: 8x8x8 -> 3x16x16 { conv3-8 -> up2 -> conv3-3 }");
        quiet("N: 8x8x8 -> 2x256x256 { conv1-2 -> deconv64-2/32(pad=16) }");
    }

    #[test]
    fn a_convolution_and_a_fully_connected_layer() {
        quiet("N: 8x8x8 -> 10 { conv3-8 -> gap -> fc10 }");
    }

    #[test]
    fn channels_that_are_not_known() {
        quiet("N<WIDTH = 8>: 8x8x8 -> 8x8x8 { conv1-WIDTH -> conv3-8 }");
    }
}

mod unused_tap {
    use super::*;

    #[test]
    fn in_a_block() {
        warned(
            "N: 3x8x8 -> 8x8x8 { block Unit(c) { conv3-c @x relu -> residual { conv3-c @y bn } } Unit(8) }",
            &expect![[r#"
                warning: `@x` is never read, and outside its block it is not seen
                 | unused_tap: `x`
                 = help: leave it out
                warning: the bias of `conv3-c` has no effect: the `bn` behind it takes it away
                 | bias_before_norm: `conv3-c`
                 = help: write `conv3-c(bias=false)`
                warning: `@y` is never read, and outside its block it is not seen
                 | unused_tap: `y`
                 = help: leave it out
            "#]],
        );
    }

    #[test]
    fn a_path_that_leads_nowhere() {
        warned(
            "N: 3x8x8 -> 10 { conv3-8 relu @x -> gap -> head: fc10 => 10; @x -> gap -> fc10 }",
            &expect![[r#"
            warning: what `fc10` gives is never used: its path ends here, without a tap
             | unused_tap: `fc10`
             = help: name it, as in `fc10 @class`, for an output, another path or `trace`, or leave the path out
        "#]],
        );
    }

    #[test]
    fn a_path_without_its_output() {
        warned(
            "N: 3x8x8 -> (class: 10, box: 4) { gap @x -> fc10 @class; @x -> fc4 @box; @x -> fc2 relu }",
            &expect![[r#"
                warning: what `relu` gives is never used: its path ends here, without a tap
                 | unused_tap: `relu`
                 = help: name it, as in `fc10 @class`, for an output, another path or `trace`, or leave the path out
            "#]],
        );
    }

    #[test]
    fn what_stands_before_taps() {
        warned(
            "N: 3x8x8 -> 16x8x8 { conv3-8 relu @a -> conv3-8 relu @b -> conv3-8 -> concat(@a, @b) }",
            &expect![[r#"
                warning: what `conv3-8` gives is dropped: `concat(@a, @b)` begins with taps
                 | unused_tap: `conv3-8`
                 = help: name it, as in `conv3-8 @x`, and read it there, or leave out what makes it
            "#]],
        );
        warned(
            "N: 3x8x8 -> 16x8x8 {
                conv3-8 relu @a -> conv3-8 relu @b -> (conv3-8) -> concat { @a -> conv1-8 | @b -> conv1-8 }
            }",
            &expect![[r#"
                warning: what `(conv3-8)` gives is dropped: `concat { @a -> conv1-8 | @b -> conv1-8 }` begins with taps
                 | unused_tap: `(conv3-8)`
                 = help: name it, as in `conv3-8 @x`, and read it there, or leave out what makes it
            "#]],
        );
    }

    #[test]
    fn a_sum_that_leads_nowhere() {
        warned(
            "N: 3x8x8 -> 3x8x8 { conv3-3 @x -> skip: residual { conv3-3 relu }; @x -> relu }",
            &expect![[r#"
            warning: what `residual { conv3-3 relu }` gives is never used: its path ends here, without a tap
             | unused_tap: `residual { conv3-3 relu }`
             = help: name it, as in `fc10 @class`, for an output, another path or `trace`, or leave the path out
        "#]],
        );
    }

    #[test]
    fn a_tap_of_the_networks_own_paths_is_for_trace() {
        quiet("N: 3x8x8 -> 10 { conv3-8 @x relu -> gap @pooled -> fc10 @logits }");
        quiet("N: 3x8x8 -> 10 { conv3-8 @x relu -> gap -> fc10 @a; @x -> relu -> gap -> fc10 }");
    }

    #[test]
    fn taps_that_are_read() {
        quiet("N: 3x8x8 -> 11x8x8 { block Unit(c) { id @x -> conv3-c relu @y -> concat(@x, @y) } Unit(8) }");
        quiet(
            "N: 3x8x8 -> 8x8x8 { block Unit(c) { conv3-c @x relu -> pool2 -> deconv2-c/2(like @x) } Unit(8) }",
        );
        quiet(
            "N: 3x8x8 -> 8x6x6 { block Unit(c) { pool3/1 @x -> conv3-c(full) relu -> crop(like @x) } Unit(8) }",
        );
        quiet(
            "N: 3x8x8 -> 8x8x8 { block Unit(c) { conv3-c relu @x -> residual { @x -> conv3-c } } Unit(8) }",
        );
    }

    #[test]
    fn outputs() {
        quiet("N: 3x8x8 -> (class: 10, box: 4) { gap @x -> fc10 @class; @x -> fc4 @box }");
        quiet("N: (a: 3x8x8, b: 3x8x8) -> 6x8x8 { a -> @x; b -> @y; concat(@x, @y) }");
        quiet("N: 3x8x8 -> 3x8x8 { (conv3-3 relu @x); (@x -> conv3-3) }");
    }

    #[test]
    fn blocks_that_are_not_called() {
        quiet("N: 3x8x8 -> 3x8x8 { block Unit(c) { conv3-c @x relu } conv3-3 }");
    }
}

mod single_value_norm {
    use super::*;

    #[test]
    fn batch_norm_of_one_pixel() {
        warned(
            "N: 3x8x8 -> 10 { conv3-64 relu -> gap -> conv1-32 bn relu -> fc10 }",
            &expect![[r#"
                warning: `bn` on 32x1x1 sees one value of a channel in each sample: a batch of 1 cannot train it
                 | single_value_norm: `bn`
                 = help: leave it out, use `ln`, or allow this lint where batches are always larger
            "#]],
        );
    }

    #[test]
    fn instance_norm_of_one_pixel() {
        warned(
            "N: 3x8x8 -> 10 { conv3-64 relu -> gap inorm -> fc10 }",
            &expect![[r#"
            warning: `inorm` on 64x1x1 gives the same for every input: it subtracts each value from itself
             | single_value_norm: `inorm`
             = help: leave it out
        "#]],
        );
    }

    #[test]
    fn groups_and_layers_of_one_value() {
        warned(
            "N: 3x8x8 -> 1x8x8 { add { gap -> gn3 | conv3-3 } -> conv1-1 ln }",
            &expect![[r#"
            warning: `gn3` on 3x1x1 gives the same for every input: it subtracts each value from itself
             | single_value_norm: `gn3`
             = help: leave it out
            warning: `ln` on 1x8x8 gives the same for every input: it subtracts each value from itself
             | single_value_norm: `ln`
             = help: leave it out
        "#]],
        );
        warned(
            "N: 3x8x8 -> 16 { fc16 gn16 }",
            &expect![[r#"
            warning: the bias of `fc16` has no effect: the `gn16` behind it takes it away
             | bias_before_norm: `fc16`
             = help: write `fc16(bias=false)`
            warning: `gn16` on 16 gives the same for every input: it subtracts each value from itself
             | single_value_norm: `gn16`
             = help: leave it out
        "#]],
        );
    }

    #[test]
    fn features() {
        quiet("N: 3x8x8 -> 10 { fc64 bn relu -> fc64 ln relu -> fc64 gn8 relu -> fc10 }");
        quiet("N: 3x8x8 -> 10 { conv3-8 relu -> gap -> flatten -> bn -> fc10 }");
    }

    #[test]
    fn more_than_one_pixel() {
        quiet("N: 3x8x8 -> 8x1x2 { conv3-8 bn relu -> avgpool(1x2) bn -> conv1-8(bias=false) inorm }");
    }

    #[test]
    fn several_channels() {
        quiet("N: 3x8x8 -> 64 { conv3-64 relu -> gap ln -> conv1-64 gn32 }");
    }

    #[test]
    fn sizes_that_are_not_known() {
        quiet("N: [3, H, W] -> [8, H, W] { conv3-8 bn relu -> conv3-8(bias=false) inorm }");
    }

    #[test]
    fn a_block_that_sees_maps_too() {
        quiet("N: 3x8x8 -> 8 { block Unit(c) { conv1-c bn relu } Unit(8) -> gap -> Unit(8) }");
    }
}

mod dropout_before_norm {
    use super::*;

    #[test]
    fn right_before() {
        warned(
            "N: 3x8x8 -> 8x8x8 { conv3-8 dropout(0.3) bn relu }",
            &expect![[r#"
            warning: `dropout(0.3)` before `bn`: the norm keeps a variance that only training has
             | dropout_before_norm: `dropout(0.3)`
             = help: put the dropout behind the last `bn` (Li et al. 2018, arXiv 1801.05134)
        "#]],
        );
    }

    #[test]
    fn before_a_linear_layer() {
        warned(
            "N: 3x8x8 -> 10 { conv3-8 relu dropout2d(0.1) -> conv3-8 bn relu -> fc64 relu dropout -> fc64 bn relu -> fc10 }",
            &expect![[r#"
                warning: `dropout2d(0.1)` before `bn`: the norm keeps a variance that only training has
                 | dropout_before_norm: `dropout2d(0.1)`
                 = help: put the dropout behind the last `bn` (Li et al. 2018, arXiv 1801.05134)
                warning: `dropout` before `bn`: the norm keeps a variance that only training has
                 | dropout_before_norm: `dropout`
                 = help: put the dropout behind the last `bn` (Li et al. 2018, arXiv 1801.05134)
            "#]],
        );
    }

    #[test]
    fn wide_resnet() {
        warned(
            "N: 3x32x32 -> 10 {
                block Wide(c) {
                    residual {
                        bn relu conv3-c/stride(bias=false) dropout(0.3)
                     -> bn relu conv3-c(bias=false)
                    } else (conv1-c/stride(bias=false))
                }
                conv3-16(bias=false) -> Wide(160) x4 -> Wide(320) x4/2 -> Wide(640) x4/2 -> bn relu -> gap -> fc10
            }",
            &expect![[r#"
                warning: `dropout(0.3)` before `bn`: the norm keeps a variance that only training has
                 | dropout_before_norm: `dropout(0.3)`
                 = help: put the dropout behind the last `bn` (Li et al. 2018, arXiv 1801.05134)
            "#]],
        );
    }

    #[test]
    fn behind_the_norms() {
        quiet("N: 3x8x8 -> 10 { conv3-8 bn relu dropout2d(0.1) -> fc64 relu dropout -> fc10 }");
    }

    #[test]
    fn behind_an_activation() {
        quiet("N: 3x8x8 -> 10 { conv3-8 relu dropout -> fc64 relu -> bn dropout -> fc10 }");
    }

    #[test]
    fn other_norms() {
        quiet("N: 3x8x8 -> 10 { conv3-8 dropout ln relu -> conv3-8 dropout gn4 relu -> fc10 }");
    }

    #[test]
    fn dropout_of_nothing() {
        quiet("N: 3x8x8 -> 10 { conv3-8(bias=false) dropout(0) bn relu -> fc10 }");
    }

    #[test]
    fn stochastic_depth() {
        quiet("N: 8x8x8 -> 8x8x8 { residual { conv3-8 bn relu -> conv3-8 droppath(0.1) } -> bn }");
        quiet("N: 8x8x8 -> 8x8x8 { residual { conv3-8 bn relu -> conv3-8 dropout } -> conv3-8 bn }");
    }
}

#[test]
fn findings_are_in_order_and_once_at_a_place() {
    let found = short(
        "N: 3x7x7 -> 10 {
            block Unit(c) { conv3-c @x -> pool2 -> bn relu relu }
            Unit(8) -> Unit(8) -> gap -> fc16 -> fc10 softmax
        }
        M: 3x7x7 -> 3x3x3 { pool2 }",
    );
    assert_eq!(
        found,
        [
            "bias_before_norm `conv3-c`",
            "unused_tap `x`",
            "dropped_pixels `pool2`",
            "repeated_activation `relu`",
            "missing_activation `fc10`",
            "softmax_output `softmax`",
            "dropped_pixels `pool2`",
        ]
    );
}

/// Whoever asks about a network with errors gets something, and no panic.
#[test]
fn networks_with_errors() {
    let reference = include_str!("../../docs/language.md");
    let refused = reference.split("\n```refused\n").skip(1).map(|fence| fence.split("\n```").next());
    let others = [
        "",
        "N: 3x8x8",
        "N: 3x8x8 -> 8 { }",
        "N: -> { relu }",
        "N: 3x8x8 -> 8 { @x -> concat(@y, @z); add { | } }",
        "N: 3x8x8 -> (a: 8, b: 9) { block A() { B() @x } block B() { A() } A() -> A() }",
        "N: 1x1x1 -> 1 { pool2 -> N() }",
        "N: 1x1x1 -> 1x1x1 { conv3-1/3(pad=[9, 0, 9, 0]) bn softmax dropout bn -> rust(x) => 1x1x1 }",
    ];
    for text in refused.flatten().flat_map(|fence| fence.split("\n\n")).chain(others) {
        let lexed = cnn_ir::lex::lex(text);
        let (file, _) = cnn_ir::parse::parse(&lexed.table);
        let (models, _) = cnn_ir::resolve::resolve(&file, &lexed.table);
        for (network, model) in file.networks.iter().zip(&models) {
            let _ = lint(network, model, &lexed.table);
        }
    }
}

/// Networks as they were published, written the way the language is meant to be written. Nothing may be found in
/// them that is not worth telling their authors.
mod published {
    use super::*;

    /// Nothing is found in any of them.
    #[test]
    fn nothing_to_tell() {
        for text in QUIET {
            quiet(text);
        }
    }

    const QUIET: &[&str] = &[
        "/// torchvision's AlexNet: the columns that the first layer does not reach are padding.
        AlexNet: 3x224x224 -> 1000 {
            features: (
                conv11-64/4(pad=2) relu -> pool3/2
             -> conv5-192 relu -> pool3/2
             -> conv3-384 relu -> conv3-256 relu -> conv3-256 relu -> pool3/2
            )
         -> avgpool(6x6) -> classifier: (dropout -> fc4096 relu dropout -> fc4096 relu -> fc1000)
        }",
        "/// VGG-16 with batch normalization.
        Vgg16Bn: 3x224x224 -> 1000 {
            features: (
                (conv3-64 bn relu) x2 -> pool2 -> (conv3-128 bn relu) x2 -> pool2 -> (conv3-256 bn relu) x3 -> pool2
             -> (conv3-512 bn relu) x3 -> pool2 -> (conv3-512 bn relu) x3 -> pool2
            )
         -> avgpool(7x7) -> classifier: (fc4096 relu dropout -> fc4096 relu dropout -> fc1000)
        }",
        "/// VGG-11.
        Vgg11: 3x224x224 -> 1000 {
            conv3-64 relu -> pool2 -> conv3-128 relu -> pool2 -> (conv3-256 relu) x2 -> pool2
         -> (conv3-512 relu) x2 -> pool2 -> (conv3-512 relu) x2 -> pool2 -> (fc4096 relu dropout) x2 -> fc1000
        }",
        "/// ResNeXt-50 32x4d, with ResNet-D's shortcut.
        ResNeXt50: 3x224x224 -> 1000 {
            block Bottleneck(w, c) {
                residual { conv1-w bn relu -> conv3-w/stride(groups=32) bn relu -> conv1-c bn }
                else (avgpool(kernel=stride, ceil) -> conv1-c bn)
                relu
            }
            conv3-32/2 bn relu -> conv3-32 bn relu -> conv3-64 bn relu -> pool3/2(pad=1)
         -> Bottleneck(128, 256) x3 -> Bottleneck(256, 512) x4/2 -> Bottleneck(512, 1024) x6/2
         -> Bottleneck(1024, 2048) x3/2 -> gap -> fc1000
        }",
        "/// SE-ResNet-50.
        SeResNet50: 3x224x224 -> 1000 {
            block Se(r) { mul { id | gap -> fc-(cin/r) relu -> fc-cin sigmoid } }
            block Bottleneck(c) {
                residual { conv1-c bn relu -> conv3-c/stride bn relu -> conv1-(4*c) bn -> Se(16) }
                else (conv1-(4*c)/stride bn)
                relu
            }
            conv7-64/2 bn relu -> pool3/2(ceil)
         -> Bottleneck(64) x3 -> Bottleneck(128) x4/2 -> Bottleneck(256) x6/2 -> Bottleneck(512) x3/2
         -> gap -> fc1000
        }",
        "/// ResNet-110 with pre-activation, for CIFAR (He et al., 2016).
        PreAct: 3x32x32 -> 10 {
            block Pre(c) {
                residual { bn relu conv3-c/stride -> bn relu conv3-c(bias=false) }
                else (conv1-c/stride(bias=false))
            }
            conv3-16(bias=false) -> Pre(16) x18 -> Pre(32) x18/2 -> Pre(64) x18/2 -> bn relu -> gap -> fc10
        }",
        "/// MobileNet (Howard et al., 2017).
        MobileNet: 3x224x224 -> 1000 {
            block Dw(c) { dw3/stride bn relu -> conv1-c bn relu }
            conv3-32/2 bn relu -> Dw(64) -> Dw(128)/2 -> Dw(128) -> Dw(256)/2 -> Dw(256) -> Dw(512)/2 -> Dw(512) x5
         -> Dw(1024)/2 -> Dw(1024) -> gap -> fc1000
        }",
        "/// MobileNetV2 in its bare form: the projections are linear, and not all of them end in a sum.
        MobileNetV2: 3x224x224 -> 1000 {
            block Inverted(t, c) {
                residual { conv1-(t*cin) bn relu6 -> dw3/stride bn relu6 -> conv1-c bn } else none
            }
            conv3-32/2 bn relu6 -> dw3 bn relu6 -> conv1-16 bn
         -> Inverted(6, 24) x2/2 -> Inverted(6, 32) x3/2 -> Inverted(6, 64) x4/2 -> Inverted(6, 96) x3
         -> Inverted(6, 160) x3/2 -> Inverted(6, 320) -> conv1-1280 bn relu6 -> gap -> dropout(0.2) -> fc1000
        }",
        "/// MobileNetV3-Small: its first block keeps the channels.
        MobileNetV3Small: 3x224x224 -> 1000 {
            block Se(r) { mul { id | gap -> conv1-r relu -> conv1-cin hardsigmoid } }
            block Bneck(k, e, c, se, act) {
                residual { conv1-e bn act -> dw(kernel=k)/stride bn act -> se -> conv1-c bn } else none
            }
            conv3-16/2 bn hardswish
         -> dw3/2 bn relu -> Se(8) -> conv1-16 bn
         -> Bneck(3, 72, 24, id, relu)/2 -> Bneck(3, 88, 24, id, relu)
         -> Bneck(5, 96, 40, Se(24), hardswish)/2 -> Bneck(5, 240, 40, Se(64), hardswish) x2
         -> Bneck(5, 120, 48, Se(32), hardswish) -> Bneck(5, 144, 48, Se(40), hardswish)
         -> Bneck(5, 288, 96, Se(72), hardswish)/2 -> Bneck(5, 576, 96, Se(144), hardswish) x2
         -> conv1-576 bn hardswish -> gap -> fc1024 hardswish dropout(0.2) -> fc1000
        }",
        "/// EfficientNet-B0 (Tan and Le, 2019).
        EfficientNetB0: 3x224x224 -> 1000 {
            block Se(r) { mul { id | gap -> conv1-r silu -> conv1-cin sigmoid } }
            block First(c) { dw3 bn silu -> Se(8) -> conv1-c bn }
            block MbConv(k, c) {
                residual {
                    conv1-(6*cin) bn silu -> dw(kernel=k)/stride bn silu -> Se(cin/4) -> conv1-c bn droppath(0.1)
                } else none
            }
            conv3-32/2 bn silu -> First(16) -> MbConv(3, 24) x2/2 -> MbConv(5, 40) x2/2 -> MbConv(3, 80) x3/2
         -> MbConv(5, 112) x3 -> MbConv(5, 192) x4/2 -> MbConv(3, 320) -> conv1-1280 bn silu
         -> gap -> dropout(0.2) -> fc1000
        }",
        "/// EfficientNetV2-S: fused blocks, in which a 1x1 projection meets a 3x3 expansion.
        EfficientNetV2S: 3x384x384 -> 1000 {
            block Se(r) { mul { id | gap -> conv1-r silu -> conv1-cin sigmoid } }
            block Fused(c) { residual { conv3-(4*cin)/stride bn silu -> conv1-c bn droppath(0.1) } else none }
            block MbConv(t, c) {
                residual { conv1-(t*cin) bn silu -> dw3/stride bn silu -> Se(cin/4) -> conv1-c bn } else none
            }
            conv3-24/2 bn silu -> (residual { conv3-24 bn silu }) x2 -> Fused(48) x4/2 -> Fused(64) x4/2
         -> MbConv(4, 128) x6/2 -> MbConv(6, 160) x9 -> MbConv(6, 256) x15/2 -> conv1-1280 bn silu
         -> gap -> dropout(0.2) -> fc1000
        }",
        "/// ShuffleNetV2 1x: the shuffles are Rust code.
        ShuffleNetV2: 3x224x224 -> 1000 {
            block Down(c) {
                concat { dw3/2 bn conv1-c bn relu | conv1-c bn relu -> dw3/2 bn -> conv1-c bn relu }
                rust(channel_shuffle) => [2*c, 28, 28]
            }
            block Unit(c) {
                concat { rust(first_half) => [c, 28, 28]
                       | rust(second_half) => [c, 28, 28] -> conv1-c bn relu -> dw3 bn -> conv1-c bn relu }
                rust(channel_shuffle) => [2*c, 28, 28]
            }
            conv3-24/2 bn relu -> pool3/2(pad=1) -> Down(58) -> Unit(58) x3 -> conv1-1024 bn relu -> gap -> fc1000
        }",
        "/// ShuffleNet with groups: the 1x1s are grouped.
        ShuffleNet: 3x224x224 -> 1000 {
            block Unit(c) {
                residual {
                    conv1-(c/4)(groups=2) bn relu -> rust(channel_shuffle) => [c/4, 56, 56] -> dw3 bn -> conv1-c(groups=2) bn
                } else none
                relu
            }
            conv3-24/2 bn relu -> pool3/2(pad=1) -> Unit(200) x4 -> gap -> fc1000
        }",
        "/// U-Net with batch normalization, upsampled, padded to the skip's size, and a 2x2 convolution without `relu`.
        UNetBn: [3, H, W] -> [2, H, W] where H % 4 == 0, W % 4 == 0 {
            block Double(c) { (conv3-c bn relu) x2 }
            Double(64) -> @e1 -> pool2 -> Double(128) -> @e2 -> pool2 -> Double(256)
         -> up2(bilinear) -> conv3-128 -> @d2; concat(@e2, @d2) -> Double(128)
         -> deconv2-64/2 -> @d1; concat(@e1, @d1) -> Double(64) -> conv1-2
        }",
        "/// U-Net as published, without padding, on 572x572.
        UNet572: 1x572x572 -> 2x388x388 {
            block Double(c) { conv3-c(valid) relu -> conv3-c(valid) relu }
            Double(64) @e1 -> pool2 -> Double(128) @e2 -> pool2 -> Double(256) @e3 -> pool2 -> Double(512) @e4 -> pool2
         -> Double(1024) -> deconv2-512/2 @d4; @e4 -> crop(like @d4) @c4; concat(@c4, @d4)
         -> Double(512) -> deconv2-256/2 @d3; @e3 -> crop(like @d3) @c3; concat(@c3, @d3)
         -> Double(256) -> deconv2-128/2 @d2; @e2 -> crop(like @d2) @c2; concat(@c2, @d2)
         -> Double(128) -> deconv2-64/2 @d1; @e1 -> crop(like @d1) @c1; concat(@c1, @d1) -> Double(64) -> conv1-2
        }",
        "/// DCGAN's discriminator.
        Discriminator: 3x64x64 -> 1 {
            conv4-64/2(pad=1, bias=false) leaky(0.2) -> conv4-128/2(pad=1) bn leaky(0.2)
         -> conv4-256/2(pad=1) bn leaky(0.2) -> conv4-512/2(pad=1) bn leaky(0.2)
         -> conv4-1(valid, bias=false) sigmoid
        }",
        "/// GoogLeNet with batch normalization, torchvision's.
        GoogLeNetBn: 3x224x224 -> 1000 {
            block Basic(k, c) { conv(kernel=k)-c bn(eps=1e-3) relu }
            block Inception(c1, r3, c3, r5, c5, p) {
                concat {
                    Basic(1, c1) | Basic(1, r3) -> Basic(3, c3) | Basic(1, r5) -> Basic(3, c5)
                  | pool3/1(half, ceil) -> Basic(1, p)
                }
            }
            conv7-64/2 bn(eps=1e-3) relu -> pool3/2(ceil) -> Basic(1, 64) -> Basic(3, 192) -> pool3/2(ceil)
         -> Inception(64, 96, 128, 16, 32, 32) -> Inception(128, 128, 192, 32, 96, 64) -> pool3/2(ceil)
         -> Inception(192, 96, 208, 16, 48, 64) -> pool2(ceil) -> Inception(256, 160, 320, 32, 128, 128)
         -> gap -> dropout(0.2) -> fc1000
        }",
        "/// Inception-v3, on 299x299, which all of its windows divide.
        InceptionV3: 3x299x299 -> 1000 {
            block A(p) {
                concat {
                    conv1-64 bn relu
                  | conv1-48 bn relu -> conv5-64 bn relu
                  | conv1-64 bn relu -> conv3-96 bn relu -> conv3-96 bn relu
                  | avgpool3/1(half) -> conv1-p bn relu
                }
            }
            block B() {
                concat {
                    conv3-384/2(valid) bn relu
                  | conv1-64 bn relu -> conv3-96 bn relu -> conv3-96/2(valid) bn relu
                  | pool3/2
                }
            }
            block C(c) {
                concat {
                    conv1-192 bn relu
                  | conv1-c bn relu -> conv1x7-c bn relu -> conv7x1-192 bn relu
                  | conv1-c bn relu -> conv7x1-c bn relu -> conv1x7-c bn relu -> conv7x1-c bn relu -> conv1x7-192 bn relu
                  | avgpool3/1(half) -> conv1-192 bn relu
                }
            }
            block D() {
                concat {
                    conv1-192 bn relu -> conv3-320/2(valid) bn relu
                  | conv1-192 bn relu -> conv1x7-192 bn relu -> conv7x1-192 bn relu -> conv3-192/2(valid) bn relu
                  | pool3/2
                }
            }
            block E() {
                concat {
                    conv1-320 bn relu
                  | conv1-384 bn relu -> concat { conv1x3-384 bn relu | conv3x1-384 bn relu }
                  | conv1-448 bn relu -> conv3-384 bn relu -> concat { conv1x3-384 bn relu | conv3x1-384 bn relu }
                  | avgpool3/1(half) -> conv1-192 bn relu
                }
            }
            conv3-32/2(valid) bn relu -> conv3-32(valid) bn relu -> conv3-64 bn relu -> pool3/2
         -> conv1-80 bn relu -> conv3-192(valid) bn relu -> pool3/2
         -> A(32) -> A(64) -> A(64) -> B() -> C(128) -> C(160) x2 -> C(192) -> D() -> E() x2
         -> gap -> dropout -> fc1000
        }",
        "/// Xception: separable convolutions without an activation inside.
        Xception: 3x299x299 -> 1000 {
            block Sep(c) { dw3(bias=false) -> conv1-c bn }
            block Down(c) { residual { relu -> Sep(c) -> relu -> Sep(c) -> pool3/2(pad=1) } else (conv1-c/2 bn) }
            conv3-32/2(valid) bn relu -> conv3-64(valid) bn relu
         -> residual { Sep(128) -> relu -> Sep(128) -> pool3/2(pad=1) } else (conv1-128/2 bn)
         -> Down(256) -> Down(728) -> (residual { (relu -> Sep(728)) x3 }) x8
         -> residual { relu -> Sep(728) -> relu -> Sep(1024) -> pool3/2(pad=1) } else (conv1-1024/2 bn)
         -> Sep(1536) relu -> Sep(2048) relu -> gap -> fc1000
        }",
        "/// SqueezeNet 1.0 on the size that it was trained on.
        SqueezeNet227: 3x227x227 -> 1000 {
            block Fire(s, e) { conv1-s relu -> concat { conv1-e relu | conv3-e relu } }
            conv7-96/2(valid) relu -> pool3/2(ceil) -> Fire(16, 64) x2 -> Fire(32, 128) -> pool3/2(ceil)
         -> Fire(32, 128) -> Fire(48, 192) x2 -> Fire(64, 256) -> pool3/2(ceil) -> Fire(64, 256)
         -> dropout -> conv1-1000 relu -> gap
        }",
        "/// LeNet-5 with the paper's activations.
        LeNet5: 1x32x32 -> 10 {
            conv5-6(valid) tanh -> avgpool2 -> conv5-16(valid) tanh -> avgpool2 -> conv5-120(valid) tanh -> fc84 tanh -> fc10
        }",
        "/// PyTorch's example for MNIST.
        Mnist: 1x28x28 -> 10 {
            conv3-32(valid) relu -> conv3-64(valid) relu -> pool2 -> dropout(0.25) -> flatten -> fc128 relu dropout -> fc10
        }",
        "/// PyTorch's tutorial on CIFAR-10.
        Cifar: 3x32x32 -> 10 {
            conv5-6(valid) relu -> pool2 -> conv5-16(valid) relu -> pool2 -> flatten -> fc120 relu -> fc84 relu -> fc10
        }",
        "/// All-CNN-C (Springenberg et al., 2014).
        AllCnn: 3x32x32 -> 10 {
            dropout2d(0.2) -> conv3-96 relu -> conv3-96 relu -> conv3-96/2 relu -> dropout -> conv3-192 relu
         -> conv3-192 relu -> conv3-192/2 relu -> dropout -> conv3-192(valid) relu -> conv1-192 relu -> conv1-10 relu -> gap
        }",
        "/// Network in network.
        Nin: 3x32x32 -> 10 {
            conv5-192 relu -> conv1-160 relu -> conv1-96 relu -> pool3/2(ceil) dropout
         -> conv5-192 relu -> (conv1-192 relu) x2 -> avgpool3/2(ceil) dropout
         -> conv3-192 relu -> conv1-192 relu -> conv1-10 relu -> gap
        }",
        "/// EDSR: no activation between the convolutions of its upsampling.
        Edsr: 3x48x48 -> 3x192x192 {
            conv3-64 -> residual { (residual { conv3-64 relu conv3-64 }) x16 conv3-64 }
         -> conv3-256 -> shuffle2 -> conv3-256 -> shuffle2 -> conv3-3
        }",
        "/// SRCNN, and ESPCN.
        Srcnn: [1, H, W] -> [1, H, W] { conv9-64 relu -> conv1-32 relu -> conv5-1 }
        Espcn: [1, H, W] -> [1, 3*H, 3*W] { conv5-64 tanh -> conv3-32 tanh -> conv3-9 -> shuffle3 }",
        "/// FCN-8s on VGG: the scores are upsampled without an activation.
        Fcn8s: 3x224x224 -> 21x224x224 {
            (conv3-64 relu) x2 -> pool2 -> (conv3-128 relu) x2 -> pool2 -> (conv3-256 relu) x3 -> pool2 @p3
         -> (conv3-512 relu) x3 -> pool2 @p4 -> (conv3-512 relu) x3 -> pool2
         -> conv7-4096 relu dropout2d -> conv1-4096 relu dropout2d -> conv1-21 -> deconv4-21/2(pad=1, bias=false) @u5;
            @p4 -> conv1-21 @s4; add(@s4, @u5) -> deconv4-21/2(pad=1, bias=false) @u4;
            @p3 -> conv1-21 @s3; add(@s3, @u4) -> deconv16-21/8(pad=4, bias=false)
        }",
        "/// A feature pyramid.
        Fpn: 3x224x224 -> (p3: 256x28x28, p4: 256x14x14, p5: 256x7x7) {
            conv7-64/2 bn relu -> pool3/2(pad=1) -> conv3-128/2 bn relu @c3 -> conv3-256/2 bn relu @c4
         -> conv3-512/2 bn relu -> conv1-256 @i5 -> conv3-256 @p5;
            @i5 -> up2 @u5; @c4 -> conv1-256 @l4; add(@u5, @l4) @i4 -> conv3-256 @p4;
            @i4 -> up2 @u4; @c3 -> conv1-256 @l3; add(@u4, @l3) -> conv3-256 @p3
        }",
        "/// OSNet's light convolutions and GhostNet's cheap ones.
        Light: 3x64x64 -> 10 {
            block Light(c) { conv1-c(bias=false) -> dw3 bn relu }
            block Ghost(c) { conv1-c bn relu -> dense { dw3 bn relu } }
            block GhostLinear(c) { conv1-c bn -> dense { dw3 bn } }
            conv3-16/2 bn relu -> Light(32) -> Light(32) -> Ghost(24) -> residual { Ghost(48) -> GhostLinear(24) }
         -> Ghost(32) -> GhostLinear(32) -> Ghost(64) -> gap -> fc10
        }",
        "/// MobileNetV4's universal blocks: depthwise before the expansion, linear.
        Uib: 3x64x64 -> 10 {
            block Extra(t, c) { residual { dw5 bn -> conv1-(t*cin) bn relu -> dw5/stride bn relu -> conv1-c bn } else none }
            conv3-32/2 bn relu -> Extra(4, 64)/2 -> Extra(4, 64) -> Extra(4, 96) -> Extra(2, 96) -> conv1-960 bn relu -> gap -> fc10
        }",
        "/// ConvMixer.
        ConvMixer: 3x224x224 -> 1000 {
            conv7-256/7(valid) gelu bn -> (residual { dw9 gelu bn } conv1-256 gelu bn) x8 -> gap -> fc1000
        }",
        "/// YOLOv3-tiny's backbone and its two heads.
        Yolo: 3x416x416 -> (coarse: 255x13x13, fine: 255x26x26) {
            conv3-16 bn leaky(0.1) -> pool2 -> conv3-32 bn leaky(0.1) -> pool2 -> conv3-64 bn leaky(0.1) -> pool2
         -> conv3-128 bn leaky(0.1) -> pool2 -> conv3-256 bn leaky(0.1) @route -> pool2 -> conv3-512 bn leaky(0.1)
         -> pool2/1(same) -> conv3-1024 bn leaky(0.1) -> conv1-256 bn leaky(0.1) @neck
         -> conv3-512 bn leaky(0.1) -> conv1-255 @coarse;
            @neck -> conv1-128 bn leaky(0.1) -> up2 @up; concat(@up, @route) -> conv3-256 bn leaky(0.1) -> conv1-255 @fine
        }",
        "/// CBAM's attention.
        Cbam: 3x32x32 -> 10 {
            block Channels() { mul { id | gap -> conv1-(cin/8)(bias=false) relu -> conv1-cin(bias=false) sigmoid } }
            block Places() { mul { id | rust(mean_and_largest) => [2, 32, 32] -> conv7-1 bn sigmoid -> rust(repeat) => [cin, 32, 32] } }
            (conv3-64 bn relu -> Channels() -> Places()) x3 -> gap -> fc10
        }",
        "/// Inception-ResNet: a linear projection, scaled, before the sum.
        InceptionResNet: 3x149x149 -> 1000 {
            block A() {
                residual {
                    concat { conv1-32 bn relu | conv1-32 bn relu conv3-32 bn relu } -> conv1-cin scale(0.17)
                }
                relu
            }
            conv3-64 bn relu -> A() x5 -> pool3/2 -> gap -> dropout(0.2) -> fc1000
        }",
        "/// An autoencoder with a linear code, and features for a cosine.
        Autoencoder: 784 -> 784 { fc128 relu -> fc12 -> fc128 relu -> fc784 sigmoid }
        Embedding: 3x112x112 -> 512 { conv3-64/2 bn prelu(channels) -> dw7/7(valid) bn -> fc512 bn }",
        "/// A policy and a value, with the logits.
        AlphaZero: 17x8x8 -> (policy: 4672, value: 1) {
            conv3-256 bn relu -> (residual { conv3-256 bn relu -> conv3-256 bn } relu) x19 @tower
         -> conv1-73 -> flatten @policy;
            @tower -> conv1-1 bn relu -> fc256 relu -> fc1 tanh @value
        }",
        "/// A visual transformer's stem.
        Stem: 3x224x224 -> 10 { conv16-384/16(valid) ln -> residual { ln conv1-1536 gelu conv1-384 } -> ln -> gap -> fc10 }",
        "/// pix2pix: no norm where the map is one pixel, dropout behind the norms.
        Pix2Pix: 3x64x64 -> 3x64x64 {
            block Down(c) { leaky(0.2) conv4-c/2(pad=1) bn }
            conv4-64/2(pad=1) @e1 -> Down(128) @e2 -> Down(256) @e3 -> Down(512) @e4 -> Down(512) @e5
         -> leaky(0.2) conv4-512/2(pad=1) relu -> deconv4-512/2(pad=1) bn dropout @d5; concat(@e5, @d5)
         -> relu -> deconv4-512/2(pad=1) bn dropout @d4; concat(@e4, @d4) -> relu -> deconv4-256/2(pad=1) bn @d3;
            concat(@e3, @d3) -> relu -> deconv4-128/2(pad=1) bn @d2; concat(@e2, @d2)
         -> relu -> deconv4-64/2(pad=1) bn @d1; concat(@e1, @d1) -> relu -> deconv4-3/2(pad=1) tanh
        }",
        "/// DenseNet-40 for CIFAR, with dropout: what it drops goes to a concatenation.
        DenseNet40: 3x32x32 -> 10 {
            block Layer(k) { dense { bn relu conv3-k(bias=false) dropout(0.2) } }
            block Transition() { bn relu conv1-cin(bias=false) dropout(0.2) -> avgpool2 }
            conv3-16(bias=false) -> Layer(12) x12 -> Transition() -> Layer(12) x12 -> Transition() -> Layer(12) x12
         -> bn relu -> gap -> fc10
        }",
        "/// GCN's large kernels in two factors, and its refinement.
        Gcn: 3x56x56 -> 21x56x56 {
            conv3-64/2 bn relu
         -> add { conv7x1-21 -> conv1x7-21 | conv1x7-21 -> conv7x1-21 } -> residual { conv3-21 relu conv3-21 }
         -> deconv4-21/2(pad=1)
        }",
    ];

    /// What is found in published networks, and why it is worth telling.
    #[test]
    fn worth_telling() {
        let tell = |text: &str, expected: &[&str]| assert_eq!(short(text), expected, "{text}");

        // Everybody's mistake: the paper states 224x224, and 227x227 (or `pad=2`) is what fits.
        tell(
            "AlexNet: 3x224x224 -> 96x26x26 { conv11-96/4(valid) relu lrn5(k=2) -> pool3/2 }",
            &["dropped_pixels `conv11-96/4(valid)`", "dropped_pixels `pool3/2`"],
        );
        // It was trained on 227x227.
        tell(
            "SqueezeNet: 3x224x224 -> 96x54x54 { conv7-96/2(valid) relu -> pool3/2(ceil) }",
            &["dropped_pixels `conv7-96/2(valid)`"],
        );
        // Keras' example for MNIST: the second pooling drops one row in eleven.
        tell(
            "Keras: 1x28x28 -> 10 {
                conv3-32(valid) relu -> pool2 -> conv3-64(valid) relu -> pool2 -> flatten -> dropout -> fc10 softmax
            }",
            &["dropped_pixels `pool2`", "softmax_output `softmax`"],
        );
        // The network in which Li et al. measured the shift of the variance.
        tell(
            "Wide: 3x32x32 -> 10 {
                block Wide(c) {
                    residual { bn relu conv3-c/stride(bias=false) dropout(0.3) bn relu conv3-c(bias=false) }
                    else (conv1-c/stride(bias=false))
                }
                conv3-16(bias=false) -> Wide(160) x4 -> Wide(320) x4/2 -> Wide(640) x4/2 -> bn relu -> gap -> fc10
            }",
            &["dropout_before_norm `dropout(0.3)`"],
        );
        // And in DenseNet-BC, whose bottleneck drops between a convolution and a norm.
        tell(
            "DenseNetBc: 3x32x32 -> 10 {
                block Layer(k) {
                    dense { bn relu conv1-(4*k)(bias=false) dropout(0.2) bn relu conv3-k(bias=false) dropout(0.2) }
                }
                conv3-24(bias=false) -> Layer(12) x16 -> bn relu -> gap -> fc10
            }",
            &["dropout_before_norm `dropout(0.2)`"],
        );
        // The head of PointNet in its ports to PyTorch.
        tell(
            "PointNet: 1024 -> 40 { fc512 bn relu -> fc256(bias=false) dropout(0.3) bn relu -> fc40 }",
            &["dropout_before_norm `dropout(0.3)`"],
        );
        // Pooled to one pixel: with a batch of 1, PyTorch's raises an error, and many have met it. And the dropout of
        // the pyramid stands before the norm of the head.
        tell(
            "DeepLabV3: 3x65x65 -> 21x65x65 {
                conv3-64 bn relu
             -> concat {
                    conv1-256 bn relu | conv3-256(dilation=12) bn relu | gap -> conv1-256 bn relu -> up65(bilinear)
                }
             -> conv1-256 bn relu dropout -> conv3-256 bn relu -> conv1-21
            }",
            &["single_value_norm `bn`", "dropout_before_norm `dropout`"],
        );
        // The neck of person re-identification; its batches are large, so its authors would allow the lint.
        tell(
            "Neck: 3x64x32 -> 751 { conv3-64 relu -> gap bn -> fc751(bias=false) }",
            &["single_value_norm `bn`"],
        );
        // Keras' ResNet50V2 has biases where PyTorch's code for the paper has none: each meets a norm.
        tell(
            "ResNetV2: 3x224x224 -> 1000 {
                block Pre(c) {
                    residual { bn relu conv1-c bn relu -> conv3-c/stride bn relu -> conv1-(4*c) }
                    else (conv1-(4*c)/stride)
                }
                conv7-64/2 -> pool3/2(pad=1) -> Pre(64) x3 -> Pre(128) x4/2 -> bn relu -> gap -> fc1000
            }",
            &[
                "bias_before_norm `conv1-(4*c)`",
                "bias_before_norm `conv1-(4*c)/stride`",
                "bias_before_norm `conv7-64/2`",
            ],
        );
        // CycleGAN keeps the bias before an instance norm, which takes it away all the same.
        tell(
            "CycleGan: 3x64x64 -> 3x64x64 {
                conv7-64 inorm relu -> conv3-128/2 inorm relu -> (residual { conv3-128 inorm relu -> conv3-128 inorm }) x9
             -> deconv3-64/2(pad=1, outpad=1) inorm relu -> conv7-3 tanh
            }",
            &[
                "bias_before_norm `conv7-64`",
                "bias_before_norm `conv3-128/2`",
                "bias_before_norm `conv3-128`",
                "bias_before_norm `conv3-128`",
                "bias_before_norm `deconv3-64/2(pad=1, outpad=1)`",
            ],
        );
    }

    /// The lints that a declaration allows somewhere.
    fn allowed(text: &str) -> BTreeSet<&str> {
        text.split("allow(network::").skip(1).filter_map(|rest| rest.split(')').next()).collect()
    }

    /// What the models allow is found in them, and nothing else.
    #[test]
    fn of_this_repository() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/src/models");
        let mut models = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for part in source.split("\nnetwork! {").skip(1) {
                let declaration = part.split("\n}\n").next().unwrap_or_default();
                let (found, _) = findings(declaration);
                let found: BTreeSet<&str> = found.iter().map(|finding| finding.lint.name()).collect();
                assert_eq!(found, allowed(declaration), "{declaration}");
                let network: cnn_ir::Network = declaration.parse().unwrap();
                assert!(network.warnings().is_empty(), "{:?}", network.warnings());
                models += network.models().len();
            }
        }
        assert!(models > 30, "{models}");
    }

    #[test]
    fn of_the_language_reference() {
        let reference = include_str!("../../docs/language.md");
        for fence in reference.split("\n```network\n").skip(1) {
            let declaration = fence.split("\n```").next().unwrap_or_default();
            if !declaration.contains("allow(network::") {
                quiet(declaration);
            }
        }
    }
}
