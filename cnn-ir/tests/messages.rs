//! Every message, word for word, with its caret.
//!
//! `UPDATE_EXPECT=1 cargo test -p cnn-ir --test messages` rewrites what is expected; read the difference.

use cnn_ir::Network;
use expect_test::{Expect, expect};

/// A declaration that must be refused, and with what.
#[track_caller]
fn refused(text: &str, expected: &Expect) {
    match text.parse::<Network>() {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => expected.assert_eq(&error.to_string()),
    }
}

#[test]
fn an_unknown_layer() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 -> rellu -> gap -> fc10 }",
        &expect![[r#"
            error: `rellu` is not a layer
            1 | Net: 3x32x32 -> 10 { conv3-64 -> rellu -> gap -> fc10 }
              |                                  ^^^^^
              |
              | fits: `relu` for `rellu`
              | [N0201]
        "#]],
    );
}

#[test]
fn an_unknown_layer_with_digits() {
    refused(
        "Net: 3x32x32 -> 10 { convv3-64 relu -> gap -> fc10 }",
        &expect![[r#"
            error: `convv3` is not a layer
            1 | Net: 3x32x32 -> 10 { convv3-64 relu -> gap -> fc10 }
              |                      ^^^^^^
              |
              | fits: `conv3` for `convv3`
              | [N0201]
        "#]],
    );
}

#[test]
fn a_layer_by_its_name_elsewhere() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 relu -> maxpool2 -> flatten -> linear10 }",
        &expect![[r#"
            error: `maxpool2` is not a layer
            1 | Net: 3x32x32 -> 10 { conv3-64 relu -> maxpool2 -> flatten -> linear10 }
              |                                       ^^^^^^^^
              |
              | fits: `pool2` for `maxpool2` (and the other mistakes corrected)
              | [N0201]

            error: `linear10` is not a layer
            1 | Net: 3x32x32 -> 10 { conv3-64 relu -> maxpool2 -> flatten -> linear10 }
              |                                                              ^^^^^^^^
              |
              | fits: `fc10` for `linear10` (and the other mistakes corrected)
              | [N0201]
        "#]],
    );
}

#[test]
fn batchnorm_by_its_name_elsewhere() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 batchnorm relu -> gap -> fc10 }",
        &expect![[r#"
            error: `batchnorm` is not a layer
            1 | Net: 3x32x32 -> 10 { conv3-64 batchnorm relu -> gap -> fc10 }
              |                               ^^^^^^^^^
              |
              | fits: `bn` for `batchnorm`
              | [N0201]
        "#]],
    );
}

#[test]
fn an_unknown_layer_like_nothing() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 -> banana -> fc10 }",
        &expect![[r#"
            error: `banana` is not a layer
            1 | Net: 3x32x32 -> 10 { conv3-64 -> banana -> fc10 }
              |                                  ^^^^^^
              |
              | [N0201]
        "#]],
    );
}

#[test]
fn an_unknown_block() {
    refused(
        "Net: 3x32x32 -> 10 { block Basic(c) { conv3-c relu } Basik(64) -> gap -> fc10 }",
        &expect![[r#"
            error: `Basik` is not a layer
            1 | Net: 3x32x32 -> 10 { block Basic(c) { conv3-c relu } Basik(64) -> gap -> fc10 }
              |                                                      ^^^^^
              |
              | fits: `Basic` for `Basik`
              | fits: `Basik` for `Basic`
              | [N0201]
        "#]],
    );
}

#[test]
fn an_unknown_option() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64(padd=1) relu -> gap -> fc10 }",
        &expect![[r#"
            error: `conv` has no option `padd`
            1 | Net: 3x32x32 -> 10 { conv3-64(padd=1) relu -> gap -> fc10 }
              |                               ^^^^
              |
              | fits: `pad` for `padd`
              | fits: `conv3-64` for `conv3-64(padd=1)`
              | [N0202]
        "#]],
    );
}

#[test]
fn an_unknown_option_like_nothing() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64(banana=1) relu -> gap -> fc10 }",
        &expect![[r#"
            error: `conv` has no option `banana`
            1 | Net: 3x32x32 -> 10 { conv3-64(banana=1) relu -> gap -> fc10 }
              |                               ^^^^^^
              |
              | fits: `conv3-64` for `conv3-64(banana=1)`
              | [N0202]
        "#]],
    );
}

#[test]
fn an_unknown_word() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 relu -> pool2(cell) -> gap -> fc10 }",
        &expect![[r#"
            error: `cell` is neither a number nor an option here
            1 | Net: 3x32x32 -> 10 { conv3-64 relu -> pool2(cell) -> gap -> fc10 }
              |                                             ^^^^
              |
              | fits: `ceil` for `cell`
              | [N0203]
        "#]],
    );
}

#[test]
fn an_option_that_the_layer_has_not() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 relu(0.2) -> gap -> fc10 }",
        &expect![[r#"
            error: `relu(0.2)` does not take `0.2`
            1 | Net: 3x32x32 -> 10 { conv3-64 relu(0.2) -> gap -> fc10 }
              |                                    ^^^
              |
              | fits: `leaky(0.2)` for `relu(0.2)`
              | [N0308]
        "#]],
    );
}

#[test]
fn an_unknown_tap() {
    refused(
        "Net: 3x32x32 -> 64x32x32 { conv3-64 -> @skip -> conv3-64 -> @out; add(@skipp, @out) }",
        &expect![[r#"
            error: there is no tap `@skipp` before this
            1 | Net: 3x32x32 -> 64x32x32 { conv3-64 -> @skip -> conv3-64 -> @out; add(@skipp, @out) }
              |                                                                        ^^^^^
              |
              | fits: `@skip` for `@skipp`
              | fits: `@skipp` for `@skip`
              | [N0205]
        "#]],
    );
}

#[test]
fn a_tap_before_it_is_there() {
    refused(
        "Net: 3x32x32 -> 64x32x32 { conv3-64 -> @a; add(@a, @b) -> @b }",
        &expect![[r#"
            error: there is no tap `@b` before this
            1 | Net: 3x32x32 -> 64x32x32 { conv3-64 -> @a; add(@a, @b) -> @b }
              |                                                     ^
              |
              | fits: `@a` for `@b`
              | [N0205]
        "#]],
    );
}

#[test]
fn an_unknown_number() {
    refused(
        "Net: 3x32x32 -> 10 { block B(width) { conv3-widht relu } B(64) -> gap -> fc10 }",
        &expect![[r#"
            error: `widht` is not a number that is known here
            1 | Net: 3x32x32 -> 10 { block B(width) { conv3-widht relu } B(64) -> gap -> fc10 }
              |                                             ^^^^^
              |
              | in `B(64)`
              |
              | fits: `width` for `widht`
              | fits: `widht` for `width`
              | [N0204]
        "#]],
    );
}

#[test]
fn an_unknown_parameter() {
    refused(
        "Net: 3x32x32 -> 10 { block B(width) { conv3-width relu } B(widht=64) -> gap -> fc10 }",
        &expect![[r#"
            error: the block `B` has no parameter `widht`
            1 | Net: 3x32x32 -> 10 { block B(width) { conv3-width relu } B(widht=64) -> gap -> fc10 }
              |                                                            ^^^^^
              |
              | fits: `width` for `widht`
              | [N0206]
        "#]],
    );
}

#[test]
fn too_many_arguments() {
    refused(
        "Net: 3x32x32 -> 10 { block B(c) { conv3-c relu } B(64, 3) -> gap -> fc10 }",
        &expect![[r#"
            error: the block `B` takes 1 argument, and gets 2
            1 | Net: 3x32x32 -> 10 { block B(c) { conv3-c relu } B(64, 3) -> gap -> fc10 }
              |                                                        ^
              |
              | help: its parameters are c
              | [N0320]
        "#]],
    );
}

#[test]
fn too_few_arguments() {
    refused(
        "Net: 3x32x32 -> 10 { block B(c, k = 3) { conv(kernel=k)-c relu } B() -> gap -> fc10 }",
        &expect![[r#"
            error: the block `B` takes 1 to 2 arguments, and gets 0
            1 | Net: 3x32x32 -> 10 { block B(c, k = 3) { conv(kernel=k)-c relu } B() -> gap -> fc10 }
              |                                                                  ^^^
              |
              | help: its parameters are c, k
              | [N0320]
        "#]],
    );
}

#[test]
fn a_number_as_a_layer() {
    refused(
        "Net: 3x32x32 -> 10 { block B(c) { conv3-c -> c } B(64) -> gap -> fc10 }",
        &expect![[r#"
            error: `c` is a number, not a layer
            1 | Net: 3x32x32 -> 10 { block B(c) { conv3-c -> c } B(64) -> gap -> fc10 }
              |                                              ^
              |
              | in `B(64)`
              |
              | [N0207]
        "#]],
    );
}

#[test]
fn a_layer_as_a_number() {
    refused(
        "Net: 3x32x32 -> 10 { block B(act) { conv3-act act } B(relu) -> gap -> fc10 }",
        &expect![[r#"
            error: `act` is a layer, and a number is needed here
            1 | Net: 3x32x32 -> 10 { block B(act) { conv3-act act } B(relu) -> gap -> fc10 }
              |                                           ^^^
              |
              | in `B(relu)`
              |
              | [N0208]
        "#]],
    );
}

#[test]
fn the_size_behind_an_arrow() {
    refused(
        "Net: 3x32x32 -> 10 { conv3 -> 64 -> relu -> gap -> fc10 }",
        &expect![[r#"
            error: `64` is not a layer; did you mean `conv3-64`?
            1 | Net: 3x32x32 -> 10 { conv3 -> 64 -> relu -> gap -> fc10 }
              |                               ^^
              |
              | [N0007]
        "#]],
    );
}

#[test]
fn the_size_missing() {
    refused(
        "Net: 3x32x32 -> 10 { conv3 -> relu -> gap -> fc10 }",
        &expect![[r#"
            error: `conv3` lacks its number of filters
            1 | Net: 3x32x32 -> 10 { conv3 -> relu -> gap -> fc10 }
              |                      ^^^^^
              |
              | help: it is written like `conv3-64`
              | [N0303]
        "#]],
    );
}

#[test]
fn the_kernel_missing() {
    refused(
        "Net: 3x32x32 -> 10 { conv-64 relu -> gap -> fc10 }",
        &expect![[r#"
            error: `conv-64` lacks its kernel size
            1 | Net: 3x32x32 -> 10 { conv-64 relu -> gap -> fc10 }
              |                      ^^^^^^^
              |
              | help: it is written like `conv3-64`
              | [N0301]
        "#]],
    );
}

#[test]
fn the_features_missing() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 relu -> gap -> fc }",
        &expect![[r#"
            error: `fc` lacks its number of features
            1 | Net: 3x32x32 -> 10 { conv3-64 relu -> gap -> fc }
              |                                              ^^
              |
              | help: it is written like `fc1000`
              | [N0303]
        "#]],
    );
}

#[test]
fn the_groups_missing() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 gn relu -> gap -> fc10 }",
        &expect![[r#"
            error: `gn` lacks its number of groups
            1 | Net: 3x32x32 -> 10 { conv3-64 gn relu -> gap -> fc10 }
              |                               ^^
              |
              | help: it is written like `gn32`
              | [N0301]
        "#]],
    );
}

#[test]
fn digits_where_none_belong() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 relu7 -> gap -> fc10 }",
        &expect![[r#"
            error: `relu` takes no number like that of `relu7`
            1 | Net: 3x32x32 -> 10 { conv3-64 relu7 -> gap -> fc10 }
              |                               ^^^^^
              |
              | fits: `relu` for `relu7`
              | [N0302]
        "#]],
    );
}

#[test]
fn a_size_where_none_belongs() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 relu -> pool2-64 -> gap -> fc10 }",
        &expect![[r#"
            error: `pool` takes no size behind `-`, as `pool2-64` has
            1 | Net: 3x32x32 -> 10 { conv3-64 relu -> pool2-64 -> gap -> fc10 }
              |                                             ^^
              |
              | fits: `pool2` for `pool2-64`
              | [N0304]
        "#]],
    );
}

#[test]
fn a_stride_where_none_belongs() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 bn/2 -> gap -> fc10 }",
        &expect![[r#"
            error: `bn` has no stride, as `bn/2` has
            1 | Net: 3x32x32 -> 10 { conv3-64 bn/2 -> gap -> fc10 }
              |                                  ^
              |
              | fits: `bn` for `bn/2`
              | [N0307]
        "#]],
    );
}

#[test]
fn two_sizes() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 relu -> gap -> fc10-10 }",
        &expect![[r#"
            error: `fc10-10` has two numbers of features
            1 | Net: 3x32x32 -> 10 { conv3-64 relu -> gap -> fc10-10 }
              |                                                   ^^
              |
              | fits: `fc10` for `fc10-10`
              | [N0306]
        "#]],
    );
}

#[test]
fn the_repeat_glued_to_the_size() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64x2 relu -> gap -> fc10 }",
        &expect![[r#"
            error: `x2` cannot be glued to the size of `conv3-64`
            1 | Net: 3x32x32 -> 10 { conv3-64x2 relu -> gap -> fc10 }
              |                            ^^^^
              |
              | help: put the layer in parentheses: `(conv3-64) x2`
              | [N0011]
        "#]],
    );
}

#[test]
fn a_repeat_of_a_single_layer() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 x2 -> gap -> fc10 }",
        &expect![[r#"
            error: `x2` repeats a group, and `conv3-64` is a single layer
            1 | Net: 3x32x32 -> 10 { conv3-64 x2 -> gap -> fc10 }
              |                               ^^
              |
              | help: put it in parentheses: `(conv3-64) x2`
              | [N0316]
        "#]],
    );
}

#[test]
fn a_repeat_of_nothing() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 -> x2 -> gap -> fc10 }",
        &expect![[r#"
            error: `x2` repeats a group, a block or a combination, and none stands before it
            1 | Net: 3x32x32 -> 10 { conv3-64 -> x2 -> gap -> fc10 }
              |                                  ^^
              |
              | [N0013]
        "#]],
    );
}

#[test]
fn a_repeat_of_zero() {
    refused(
        "Net: 3x32x32 -> 10 { (conv3-64 relu) x0 -> gap -> fc10 }",
        &expect![[r#"
            error: a repeat of 0 is nothing
            1 | Net: 3x32x32 -> 10 { (conv3-64 relu) x0 -> gap -> fc10 }
              |                                      ^^
              |
              | [N0315]
        "#]],
    );
}

#[test]
fn a_lone_else() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 else none -> gap -> fc10 }",
        &expect![[r#"
            error: `else` belongs to a `residual { .. }` right before it
            1 | Net: 3x32x32 -> 10 { conv3-64 else none -> gap -> fc10 }
              |                               ^^^^
              |
              | [N0012]
        "#]],
    );
}

#[test]
fn an_arrow_with_a_space() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 - > relu -> gap -> fc10 }",
        &expect![[r#"
            error: the arrow is written `->`, without a space
            1 | Net: 3x32x32 -> 10 { conv3-64 - > relu -> gap -> fc10 }
              |                               ^^^
              |
              | fits: `->` for `- >`
              | [N0005]
        "#]],
    );
}

#[test]
fn two_arrows() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 -> -> gap -> fc10 }",
        &expect![[r#"
            error: this arrow does not stand between two layers
            1 | Net: 3x32x32 -> 10 { conv3-64 -> -> gap -> fc10 }
              |                                  ^^
              |
              | [N0006]
        "#]],
    );
}

#[test]
fn an_arrow_at_the_end() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 -> gap -> fc10 -> }",
        &expect![[r#"
            error: this arrow does not stand between two layers
            1 | Net: 3x32x32 -> 10 { conv3-64 -> gap -> fc10 -> }
              |                                              ^^
              |
              | [N0006]
        "#]],
    );
}

#[test]
fn an_arrow_at_the_beginning() {
    refused(
        "Net: 3x32x32 -> 10 { -> conv3-64 -> gap -> fc10 }",
        &expect![[r#"
            error: this arrow does not stand between two layers
            1 | Net: 3x32x32 -> 10 { -> conv3-64 -> gap -> fc10 }
              |                      ^^
              |
              | [N0006]
        "#]],
    );
}

#[test]
fn a_comma_between_layers() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64, gap, fc10 }",
        &expect![[r#"
            error: expected `->` or `;`: branches stand in `concat { a | b }`, found `,`
            1 | Net: 3x32x32 -> 10 { conv3-64, gap, fc10 }
              |                              ^
              |
              | [N0004]

            error: expected `->` or `;`: branches stand in `concat { a | b }`, found `,`
            1 | Net: 3x32x32 -> 10 { conv3-64, gap, fc10 }
              |                                   ^
              |
              | [N0004]
        "#]],
    );
}

#[test]
fn an_unclosed_brace() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 -> gap -> fc10 ",
        &expect![[r#"
            error: this `{` is never closed
            1 | Net: 3x32x32 -> 10 { conv3-64 -> gap -> fc10 
              |                    ^
              |
              | [N0001]
        "#]],
    );
}

#[test]
fn a_stray_bracket() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 ] -> gap -> fc10 }",
        &expect![[r#"
            error: this `]` closes nothing
            1 | Net: 3x32x32 -> 10 { conv3-64 ] -> gap -> fc10 }
              |                               ^
              |
              | [N0002]
        "#]],
    );
}

#[test]
fn a_hexadecimal_shape() {
    refused(
        "Net: 0x32x32 -> 10 { conv3-64 -> gap -> fc10 }",
        &expect![[r#"
            error: `0x32x32` is a hexadecimal or binary number to Rust
            1 | Net: 0x32x32 -> 10 { conv3-64 -> gap -> fc10 }
              |      ^^^^^^^
              |
              | help: sizes do not begin with 0
              | [N0009]
        "#]],
    );
}

#[test]
fn a_number_with_a_suffix() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64k -> gap -> fc10 }",
        &expect![[r#"
            error: `64k` is not a number here
            1 | Net: 3x32x32 -> 10 { conv3-64k -> gap -> fc10 }
              |                            ^^^
              |
              | [N0010]
        "#]],
    );
}

#[test]
fn a_huge_number() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-99999999999 -> gap -> fc10 }",
        &expect![[r#"
            error: `99999999999` is larger than any layer (at most 2147483648)
            1 | Net: 3x32x32 -> 10 { conv3-99999999999 -> gap -> fc10 }
              |                            ^^^^^^^^^^^
              |
              | [N0008]
        "#]],
    );
}

#[test]
fn a_zero_kernel() {
    refused(
        "Net: 3x32x32 -> 10 { conv0-64 -> gap -> fc10 }",
        &expect![[r#"
            error: the kernel of `conv0-64` must be at least 1
            1 | Net: 3x32x32 -> 10 { conv0-64 -> gap -> fc10 }
              |                      ^^^^^^^^
              |
              | [N0310]
        "#]],
    );
}

#[test]
fn zero_filters() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-0 -> gap -> fc10 }",
        &expect![[r#"
            error: the number of filters of `conv3-0` must be at least 1
            1 | Net: 3x32x32 -> 10 { conv3-0 -> gap -> fc10 }
              |                      ^^^^^^^
              |
              | [N0310]
        "#]],
    );
}

#[test]
fn a_zero_stride() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64/0 -> gap -> fc10 }",
        &expect![[r#"
            error: the stride of `conv3-64/0` must be at least 1
            1 | Net: 3x32x32 -> 10 { conv3-64/0 -> gap -> fc10 }
              |                      ^^^^^^^^^^
              |
              | [N0309]
        "#]],
    );
}

#[test]
fn a_zero_in_the_shape() {
    refused(
        "Net: 3x32x0 -> 10 { conv3-64 -> gap -> fc10 }",
        &expect![[r#"
            error: a size in `3x32x0` is not at least 1
            1 | Net: 3x32x0 -> 10 { conv3-64 -> gap -> fc10 }
              |      ^^^^^^
              |
              | [N0108]
        "#]],
    );
}

#[test]
fn a_shape_of_two_sizes() {
    refused(
        "Net: 32x32 -> 10 { conv3-64 -> gap -> fc10 }",
        &expect![[r#"
            error: a shape has one size or three (channels, height, width); `32x32` has 2
            1 | Net: 32x32 -> 10 { conv3-64 -> gap -> fc10 }
              |      ^^^^^
              |
              | help: a grey image has one channel: `1x28x28`
              | [N0107]
        "#]],
    );
}

#[test]
fn no_input_shape() {
    refused(
        "Net { conv3-64 -> gap -> fc10 }",
        &expect![[r#"
            error: expected `:` and the input's shape, as in `Name: 3x224x224 -> 1000`, found `{`
            1 | Net { conv3-64 -> gap -> fc10 }
              |     ^
              |
              | [N0004]
        "#]],
    );
}

#[test]
fn no_output_shape() {
    refused(
        "Net: 3x32x32 { conv3-64 -> gap -> fc10 }",
        &expect![[r#"
            error: expected `->` and the output's shape, as in `Name: 3x224x224 -> 1000`, found `{`
            1 | Net: 3x32x32 { conv3-64 -> gap -> fc10 }
              |              ^
              |
              | [N0004]
        "#]],
    );
}

#[test]
fn no_body() {
    refused(
        "Net: 3x32x32 -> 10",
        &expect![[r#"
            error: expected the network's body `{ .. }`, found the end
            1 | Net: 3x32x32 -> 10
              |                 ^^
              |
              | [N0004]
        "#]],
    );
}

#[test]
fn an_empty_body() {
    refused(
        "Net: 3x32x32 -> 10 { }",
        &expect![[r#"
            error: there is no layer here
            1 | Net: 3x32x32 -> 10 { }
              |                    ^^^
              |
              | [N0102]
        "#]],
    );
}

#[test]
fn nothing_at_all() {
    refused(
        "",
        &expect![[r#"
            error: no network is declared here
            1 | 
              | ^
              |
              | help: write `Name: 3x224x224 -> 1000 { conv3-64 -> .. }`
              | [N0101]
        "#]],
    );
}

#[test]
fn an_empty_group() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 -> () -> gap -> fc10 }",
        &expect![[r#"
            error: there is no layer here
            1 | Net: 3x32x32 -> 10 { conv3-64 -> () -> gap -> fc10 }
              |                                  ^^
              |
              | [N0102]
        "#]],
    );
}

#[test]
fn an_even_kernel_without_padding() {
    refused(
        "Net: 3x32x32 -> 10 { conv4-64 -> gap -> fc10 }",
        &expect![[r#"
            error: `conv4-64` has no half padding: the kernel 4x4 is even, so one side would get more
            1 | Net: 3x32x32 -> 10 { conv4-64 -> gap -> fc10 }
              |                      ^^^^^^^^
              |
              |     input  3x32x32
              |   > conv4-64
              |
              | fits: `conv4-64(valid)` for `conv4-64`
              | fits: `conv3-64` for `conv4-64`
              | fits: `conv4-64(dilation=2)` for `conv4-64`
              | [N0403]
        "#]],
    );
}

#[test]
fn a_kernel_larger_than_its_input() {
    refused(
        "Net: 3x8x8 -> 10 { pool2 pool2 conv5-64(valid) -> gap -> fc10 }",
        &expect![[r#"
            error: `conv5-64(valid)` does not fit: its 5x5 window is larger than 3x2x2
            1 | Net: 3x8x8 -> 10 { pool2 pool2 conv5-64(valid) -> gap -> fc10 }
              |                                ^^^^^^^^^^^^^^^
              |
              |     input  3x8x8
              |     pool2  3x4x4
              |     pool2  3x2x2
              |   > conv5-64(valid)
              |
              | fits: `conv5-64` for `conv5-64(valid)`
              | fits: `conv1-64(valid)` for `conv5-64(valid)`
              | fits: `3x20x20` for `3x8x8`
              | [N0405]
        "#]],
    );
}

#[test]
fn a_pool_larger_than_its_input() {
    refused(
        "Net: 3x8x8 -> 10 { conv3-64 -> pool2 pool2 pool2 pool2 -> gap -> fc10 }",
        &expect![[r#"
            error: `pool2` does not fit: its 2x2 window is larger than 64x1x1
            1 | Net: 3x8x8 -> 10 { conv3-64 -> pool2 pool2 pool2 pool2 -> gap -> fc10 }
              |                                                  ^^^^^
              |
              |     conv3-64  64x8x8
              |     pool2     64x4x4
              |     pool2     64x2x2
              |     pool2     64x1x1
              |   > pool2
              |
              | fits: `pool2(pad=1)` for `pool2`
              | fits: `pool2(ceil)` for `pool2`
              | fits: without `pool2`
              | [N0405]
        "#]],
    );
}

#[test]
fn a_pool_padded_too_much() {
    refused(
        "Net: 3x8x8 -> 10 { conv3-64 -> pool2(pad=2) -> gap -> fc10 }",
        &expect![[r#"
            error: `pool2(pad=2)` pads by more than half of its 2x2 window
            1 | Net: 3x8x8 -> 10 { conv3-64 -> pool2(pad=2) -> gap -> fc10 }
              |                                      ^^^^^
              |
              |     input     3x8x8
              |     conv3-64  64x8x8
              |   > pool2(pad=2)
              |
              | fits: `pool2(pad=1)` for `pool2(pad=2)`
              | fits: `pool2` for `pool2(pad=2)`
              | fits: `pool4(pad=2)` for `pool2(pad=2)`
              | [N0404]
        "#]],
    );
}

#[test]
fn groups_that_do_not_divide() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64(groups=2) -> gap -> fc10 }",
        &expect![[r#"
            error: `conv3-64(groups=2)`: 2 groups do not divide the 3 channels that arrive
            1 | Net: 3x32x32 -> 10 { conv3-64(groups=2) -> gap -> fc10 }
              |                      ^^^^^^^^^^^^^^^^^^
              |
              |     input  3x32x32
              |   > conv3-64(groups=2)
              |
              | fits: `conv3-64(groups=1)` for `conv3-64(groups=2)`
              | fits: `conv3-64` for `conv3-64(groups=2)`
              | fits: `4x32x32` for `3x32x32`
              | [N0409]
        "#]],
    );
}

#[test]
fn groups_that_do_not_divide_the_filters() {
    refused(
        "Net: 4x32x32 -> 10 { conv3-63(groups=2) -> gap -> fc10 }",
        &expect![[r#"
            error: `conv3-63(groups=2)`: 2 groups do not divide the 63 filters
            1 | Net: 4x32x32 -> 10 { conv3-63(groups=2) -> gap -> fc10 }
              |                      ^^^^^^^^^^^^^^^^^^
              |
              |     input  4x32x32
              |   > conv3-63(groups=2)
              |
              | fits: `conv3-4(groups=2)` for `conv3-63(groups=2)`
              | fits: `conv3-63(groups=1)` for `conv3-63(groups=2)`
              | fits: `conv3-63` for `conv3-63(groups=2)`
              | [N0409]
        "#]],
    );
}

#[test]
fn group_norm_that_does_not_divide() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-48 gn32 -> gap -> fc10 }",
        &expect![[r#"
            error: `gn32`: 32 groups do not divide the 48 channels that arrive
            1 | Net: 3x32x32 -> 10 { conv3-48 gn32 -> gap -> fc10 }
              |                               ^^^^
              |
              |     input     3x32x32
              |     conv3-48  48x32x32
              |   > gn32
              |
              | fits: `conv3-64` for `conv3-48`
              | fits: `gn16` for `gn32`
              | fits: `conv3-64 ->` before `gn32`
              | [N0409]
        "#]],
    );
}

#[test]
fn a_shuffle_that_does_not_divide() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-6 shuffle2 -> gap -> fc10 }",
        &expect![[r#"
            error: `shuffle2` needs channels in multiples of 4, and gets 6
            1 | Net: 3x32x32 -> 10 { conv3-6 shuffle2 -> gap -> fc10 }
              |                              ^^^^^^^^
              |
              |     input    3x32x32
              |     conv3-6  6x32x32
              |   > shuffle2
              |
              | fits: `conv3-8` for `conv3-6`
              | fits: `conv3-8 ->` before `shuffle2`
              | fits: without `shuffle2`
              | [N0410]
        "#]],
    );
}

#[test]
fn a_convolution_behind_a_vector() {
    refused(
        "Net: 3x32x32 -> 10 { fc64 -> conv3-8 -> gap -> fc10 }",
        &expect![[r#"
            error: `conv3-8` needs channels, height and width, and gets 64 features
            1 | Net: 3x32x32 -> 10 { fc64 -> conv3-8 -> gap -> fc10 }
              |                              ^^^^^^^
              |
              |     input  3x32x32
              |     fc64   64
              |   > conv3-8
              |
              | fits: without `fc64`
              | [N0402]
        "#]],
    );
}

#[test]
fn an_ascription_that_is_not_met() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64/2 => 64x32x32 -> gap -> fc10 }",
        &expect![[r#"
            error: `conv3-64/2` gives 64x16x16, but 64x32x32 is stated here
            1 | Net: 3x32x32 -> 10 { conv3-64/2 => 64x32x32 -> gap -> fc10 }
              |                                    ^^^^^^^^
              |
              |     input       3x32x32
              |     conv3-64/2  64x16x16
              |   > => 64x32x32
              |
              | fits: `=> 64x16x16` for `=> 64x32x32`
              | fits: `conv3-64` for `conv3-64/2`
              | fits: `3x64x64` for `3x32x32`
              | [N0417]
        "#]],
    );
}

#[test]
fn an_output_that_is_not_met() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 -> gap -> fc100 }",
        &expect![[r#"
            error: the network is declared to give 10, but `fc100` at its end gives 100
            1 | Net: 3x32x32 -> 10 { conv3-64 -> gap -> fc100 }
              |                 ^^
              |
              |     input     3x32x32
              |     conv3-64  64x32x32
              |     gap       64x1x1
              |     fc100     100
              |   > -> 10
              |
              | fits: `fc10` for `fc100`
              | fits: `-> 100` for `-> 10`
              | fits: `-> fc10` behind `fc100`
              | [N0418]
        "#]],
    );
}

#[test]
fn an_output_of_another_rank() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-10 }",
        &expect![[r#"
            error: the network is declared to give 10, but `conv3-10` at its end gives 10x32x32
            1 | Net: 3x32x32 -> 10 { conv3-10 }
              |                 ^^
              |
              |     input     3x32x32
              |     conv3-10  10x32x32
              |   > -> 10
              |
              | fits: `-> 10x32x32` for `-> 10`
              | fits: `-> fc10` behind `conv3-10`
              | [N0418]
        "#]],
    );
}

#[test]
fn a_residual_that_changes_the_shape() {
    refused(
        "Net: 3x32x32 -> 10 { residual { conv3-64 } -> gap -> fc10 }",
        &expect![[r#"
            error: the residual adds 64x32x32 to 3x32x32: the body changes the shape
            1 | Net: 3x32x32 -> 10 { residual { conv3-64 } -> gap -> fc10 }
              |                      ^^^^^^^^
              |
              |     input     3x32x32
              |   the body:
              |     conv3-64  64x32x32
              |   its input: 3x32x32
              |   > residual
              |
              | fits: `else (conv1-64)` behind the residual
              | fits: `conv3-3` for `conv3-64`
              | fits: `else none` behind the residual
              | [N0412]
        "#]],
    );
}

#[test]
fn a_projection_of_another_shape() {
    refused(
        "Net: 3x32x32 -> 10 { residual { conv3-64/2 } else (conv1-64) -> gap -> fc10 }",
        &expect![[r#"
            error: the two sides of the residual differ: 64x16x16 from the body, 64x32x32 from `else`
            1 | Net: 3x32x32 -> 10 { residual { conv3-64/2 } else (conv1-64) -> gap -> fc10 }
              |                      ^^^^^^^^
              |
              |     input       3x32x32
              |   the body:
              |     conv3-64/2  64x16x16
              |   `else`:
              |     conv1-64    64x32x32
              |   > residual
              |
              | fits: `else (conv1-64/2)` for the shortcut
              | fits: `conv3-64` for `conv3-64/2`
              | fits: `else none` for the shortcut
              | [N0413]
        "#]],
    );
}

#[test]
fn concat_of_two_sizes() {
    refused(
        "Net: 3x32x32 -> 10 { concat { conv3-8 | conv3-8/2 } -> gap -> fc10 }",
        &expect![[r#"
            error: `concat` needs one height and width, and gets 8x32x32 and 8x16x16
            1 | Net: 3x32x32 -> 10 { concat { conv3-8 | conv3-8/2 } -> gap -> fc10 }
              |                      ^^^^^^
              |
              |     input      3x32x32
              |   branch 1:
              |     conv3-8    8x32x32
              |   branch 2:
              |     conv3-8/2  8x16x16
              |   > concat
              |
              | fits: `conv3-8/2` for `conv3-8`
              | fits: `conv3-8` for `conv3-8/2`
              | fits: `gap ->` before `concat { conv3-8 | conv3-8/2 }`
              | [N0414]
        "#]],
    );
}

#[test]
fn add_of_two_shapes() {
    refused(
        "Net: 3x32x32 -> 10 { add { conv3-8 | conv3-16 } -> gap -> fc10 }",
        &expect![[r#"
            error: `add` needs equal shapes, and gets 8x32x32 and 16x32x32
            1 | Net: 3x32x32 -> 10 { add { conv3-8 | conv3-16 } -> gap -> fc10 }
              |                      ^^^
              |
              |     input     3x32x32
              |   branch 1:
              |     conv3-8   8x32x32
              |   branch 2:
              |     conv3-16  16x32x32
              |   > add
              |
              | fits: `conv3-16` for `conv3-8`
              | fits: `conv3-8` for `conv3-16`
              | fits: `-> conv3-16` behind `conv3-8`
              | [N0415]
        "#]],
    );
}

#[test]
fn concat_of_one_branch() {
    refused(
        "Net: 3x32x32 -> 10 { concat { conv3-8 } -> gap -> fc10 }",
        &expect![[r#"
            error: `concat` needs two branches or more
            1 | Net: 3x32x32 -> 10 { concat { conv3-8 } -> gap -> fc10 }
              |                      ^^^^^^^^^^^^^^^^^^
              |
              | help: what arrives is no branch: name it, `@a -> concat(@a, @b)`
              | [N0324]
        "#]],
    );
}

#[test]
fn dense_of_two_sizes() {
    refused(
        "Net: 3x32x32 -> 10 { dense { conv3-8/2 } -> gap -> fc10 }",
        &expect![[r#"
            error: `concat` needs one height and width, and gets 3x32x32 and 8x16x16
            1 | Net: 3x32x32 -> 10 { dense { conv3-8/2 } -> gap -> fc10 }
              |                      ^^^^^
              |
              |     input      3x32x32
              |   its input: 3x32x32
              |   the body:
              |     conv3-8/2  8x16x16
              |   > dense
              |
              | fits: `conv3-8` for `conv3-8/2`
              | fits: `gap ->` before `dense { conv3-8/2 }`
              | fits: without `dense { conv3-8/2 }`
              | [N0414]
        "#]],
    );
}

#[test]
fn an_odd_u_net() {
    refused(
        "Net: 1x30x30 -> 2x30x30 { conv3-8 -> @e1 -> pool2 -> conv3-16 -> @e2 -> pool2 -> conv3-32 -> up2 -> @d2; concat(@e2, @d2) -> conv3-16 -> up2 -> @d1; concat(@e1, @d1) -> conv1-2 }",
        &expect![[r#"
            error: `concat` needs one height and width, and gets 16x15x15 and 32x14x14
            1 | Net: 1x30x30 -> 2x30x30 { conv3-8 -> @e1 -> pool2 -> conv3-16 -> @e2 -> pool2 -> conv3-32 -> up2 -> @d2; concat(@e2, @d2) -> conv3-16 -> up2 -> @d1; concat(@e1, @d1) -> conv1-2 }
              |                                                                                                          ^^^^^^^^^^^^^^^^
              |
              |     conv3-16  16x15x15
              |   `@e2`: 16x15x15
              |   `@d2`:
              |     pool2     16x7x7
              |     conv3-32  32x7x7
              |     up2       32x14x14
              |   > concat(@e2, @d2)
              |
              | [N0414]
        "#]],
    );
}

#[test]
fn a_deconvolution_that_cannot_reach_its_tap() {
    refused(
        "Net: 1x8x8 -> 8x8x8 { conv3-8 -> @e -> pool2 pool2 -> deconv2-8/2(like @e) }",
        &expect![[r#"
            error: `deconv2-8/2(like @e)` gives 4x4 and cannot reach the 8x8 of `@e`: an output padding is less than the stride
            1 | Net: 1x8x8 -> 8x8x8 { conv3-8 -> @e -> pool2 pool2 -> deconv2-8/2(like @e) }
              |                                                                   ^^^^^^^
              |
              |     input    1x8x8
              |     conv3-8  8x8x8
              |     pool2    8x4x4
              |     pool2    8x2x2
              |   > deconv2-8/2(like @e)
              |
              | fits: without `pool2`
              | fits: `deconv5-8/2(like @e)` for `deconv2-8/2(like @e)`
              | fits: `deconv2-8/4(like @e)` for `deconv2-8/2(like @e)`
              | [N0407]
        "#]],
    );
}

#[test]
fn a_crop_that_is_too_large() {
    refused(
        "Net: 1x8x8 -> 1x9x9 { crop(9x9) }",
        &expect![[r#"
            error: `crop(9x9)` cannot cut 9x9 out of 1x8x8
            1 | Net: 1x8x8 -> 1x9x9 { crop(9x9) }
              |                            ^^^
              |
              |     input  1x8x8
              |   > crop(9x9)
              |
              | fits: `1x9x9` for `1x8x8`
              | fits: `up2 ->` before `crop(9x9)`
              | [N0411]
        "#]],
    );
}

#[test]
fn a_block_that_calls_itself() {
    refused(
        "Net: 3x32x32 -> 10 { block A() { A() } A() -> gap -> fc10 }",
        &expect![[r#"
            error: the block `A` calls itself
            1 | Net: 3x32x32 -> 10 { block A() { A() } A() -> gap -> fc10 }
              |                                  ^
              |
              | in `A()`
              |
              | [N0318]
        "#]],
    );
}

#[test]
fn a_mistake_in_a_block_of_two_networks_is_said_once() {
    refused(
        "block Unit(c) { conv3-c rellu }
Narrow: 3x32x32 -> 10 { Unit(16) -> gap -> fc10 }
Wide: 3x32x32 -> 10 { Unit(64) -> gap -> fc10 }",
        &expect![[r#"
            error: `rellu` is not a layer
            1 | block Unit(c) { conv3-c rellu }
              |                         ^^^^^
              |
              | in `Unit(16)`
              |
              | fits: `relu` for `rellu` in line 1
              | [N0201]
        "#]],
    );
}

#[test]
fn a_block_of_several_networks_has_a_name_of_its_own() {
    refused(
        "block Unit(c) { conv3-c relu }
Net: 3x32x32 -> 10 { block Unit(c) { conv5-c relu } Unit(16) -> gap -> fc10 }",
        &expect![[r#"
            error: the block `Unit` is there twice
            2 | Net: 3x32x32 -> 10 { block Unit(c) { conv5-c relu } Unit(16) -> gap -> fc10 }
              |                            ^^^^
              |
              | [N0105]
        "#]],
    );
}

#[test]
fn a_misspelt_block_of_several_networks() {
    refused(
        "block Basic(c) { conv3-c relu }
Narrow: 3x32x32 -> 10 { Basik(16) -> gap -> fc10 }
Wide: 3x32x32 -> 10 { Basic(64) -> gap -> fc10 }",
        &expect![[r#"
            error: `Basik` is not a layer
            2 | Narrow: 3x32x32 -> 10 { Basik(16) -> gap -> fc10 }
              |                         ^^^^^
              |
              | fits: `Basic` for `Basik` in line 2
              | [N0201]
        "#]],
    );
}

#[test]
fn a_network_that_contains_itself() {
    refused(
        "Net: 3x32x32 -> 3x32x32 { Net() }",
        &expect![[r#"
            error: the network `Net` contains itself
            1 | Net: 3x32x32 -> 3x32x32 { Net() }
              |                           ^^^
              |
              | [N0319]
        "#]],
    );
}

#[test]
fn a_network_of_another_input() {
    refused(
        "A: 1x8x8 -> 4 { fc4 } B: 3x8x8 -> 4 { A() }",
        &expect![[r#"
            error: `A` takes 1x8x8, and gets 3x8x8
            1 | A: 1x8x8 -> 4 { fc4 } B: 3x8x8 -> 4 { A() }
              |                                       ^^^
              |
              |     input  3x8x8
              |   > A()
              |
              | fits: `3x8x8` for `1x8x8`
              | fits: `1x8x8` for `3x8x8`
              | fits: `conv3-1 ->` before `A()`
              | [N0416]
        "#]],
    );
}

#[test]
fn two_blocks_of_one_name() {
    refused(
        "Net: 3x32x32 -> 10 { block A() { relu } block A() { relu } A() -> gap -> fc10 }",
        &expect![[r#"
            error: the block `A` is there twice
            1 | Net: 3x32x32 -> 10 { block A() { relu } block A() { relu } A() -> gap -> fc10 }
              |                                               ^
              |
              | [N0105]
        "#]],
    );
}

#[test]
fn two_taps_of_one_name() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-8 @a conv3-8 @a -> gap -> fc10 }",
        &expect![[r#"
            error: the tap `a` is there twice
            1 | Net: 3x32x32 -> 10 { conv3-8 @a conv3-8 @a -> gap -> fc10 }
              |                                          ^
              |
              | [N0105]
        "#]],
    );
}

#[test]
fn two_layers_of_one_name() {
    refused(
        "Net: 3x32x32 -> 10 { c: conv3-8 relu c: conv3-8 -> gap -> fc10 }",
        &expect![[r#"
            error: two layers would be named `c`, and share their weights' names
            1 | Net: 3x32x32 -> 10 { c: conv3-8 relu c: conv3-8 -> gap -> fc10 }
              |                                      ^
              |
              | help: give one of them another label
              | [N0209]
        "#]],
    );
}

#[test]
fn a_label_in_a_repeated_group() {
    refused(
        "Net: 3x32x32 -> 10 { (c: conv3-8 relu) x2 -> gap -> fc10 }",
        &expect![[r#"
            error: two layers would be named `c`, and share their weights' names
            1 | Net: 3x32x32 -> 10 { (c: conv3-8 relu) x2 -> gap -> fc10 }
              |                       ^
              |
              | help: the group repeats: number its copies, `name[1..]: (..) x2`, or leave the label out
              | [N0209]
        "#]],
    );
}

#[test]
fn a_numbered_label_without_repeat() {
    refused(
        "Net: 3x32x32 -> 10 { block A() { relu } c[1..]: A() -> gap -> fc10 }",
        &expect![[r#"
            error: `c[..]` numbers the copies of a repeat, and nothing is repeated here
            1 | Net: 3x32x32 -> 10 { block A() { relu } c[1..]: A() -> gap -> fc10 }
              |                                         ^
              |
              | help: write `c: ..`, or repeat what follows: `.. x2`
              | [N0210]
        "#]],
    );
}

#[test]
fn a_dropout_beyond_one() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-8 dropout(1.5) -> gap -> fc10 }",
        &expect![[r#"
            error: the argument of `dropout(1.5)` must be a probability of at least 0 and below 1
            1 | Net: 3x32x32 -> 10 { conv3-8 dropout(1.5) -> gap -> fc10 }
              |                                      ^^^
              |
              | [N0309]
        "#]],
    );
}

#[test]
fn a_bias_that_is_a_number() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-8(bias=3) -> gap -> fc10 }",
        &expect![[r#"
            error: `bias` of `conv3-8(bias=3)` must be `true` or `false`
            1 | Net: 3x32x32 -> 10 { conv3-8(bias=3) -> gap -> fc10 }
              |                              ^^^^^^
              |
              | [N0309]
        "#]],
    );
}

#[test]
fn a_stride_that_is_a_const() {
    refused(
        "Net<S = 2>: 3x32x32 -> 10 { conv3-8/S -> gap -> fc10 }",
        &expect![[r#"
            error: the stride must be a number that the macro sees, not `S`
            1 | Net<S = 2>: 3x32x32 -> 10 { conv3-8/S -> gap -> fc10 }
              |                                     ^
              |
              | [N0314]
        "#]],
    );
}

#[test]
fn a_division_by_zero() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-(8/0) -> gap -> fc10 }",
        &expect![[r#"
            error: the divisor of `(8/0)` must be a number of at least 1 that the macro sees
            1 | Net: 3x32x32 -> 10 { conv3-(8/0) -> gap -> fc10 }
              |                            ^^^^^
              |
              | [N0313]
        "#]],
    );
}

#[test]
fn rust_code_without_a_shape() {
    refused(
        "Net: 3x32x32 -> 10 { rust(Thing::new()) -> fc10 }",
        &expect![[r#"
            error: the shape that `rust(..)` gives must be stated: `rust(..) => 64x7x7`
            1 | Net: 3x32x32 -> 10 { rust(Thing::new()) -> fc10 }
              |                      ^^^^^^^^^^^^^^^^^^
              |
              | [N0014]
        "#]],
    );
}

#[test]
fn two_inputs_and_no_beginning() {
    refused(
        "Net: (a: 3x8x8, b: 3x8x8) -> 10 { conv3-8 -> gap -> fc10 }",
        &expect![[r#"
            error: this path does not say which input it begins with
            1 | Net: (a: 3x8x8, b: 3x8x8) -> 10 { conv3-8 -> gap -> fc10 }
              |                                   ^^^^^^^
              |
              | fits: `a` for `conv3`
              | [N0111]
        "#]],
    );
}

#[test]
fn an_input_in_the_middle() {
    refused(
        "Net: (a: 3x8x8, b: 3x8x8) -> 10 { a -> conv3-8 -> b -> gap -> fc10 }",
        &expect![[r#"
            error: the input `b` can only stand at the beginning of a path
            1 | Net: (a: 3x8x8, b: 3x8x8) -> 10 { a -> conv3-8 -> b -> gap -> fc10 }
              |                                                   ^
              |
              | [N0112]
        "#]],
    );
}

#[test]
fn an_output_that_nothing_gives() {
    refused(
        "Net: 3x8x8 -> (class: 10, box: 4) { gap -> @trunk -> fc10 @clas; @trunk -> fc4 @box }",
        &expect![[r#"
            error: nothing is named `@class`, which the network gives
            1 | Net: 3x8x8 -> (class: 10, box: 4) { gap -> @trunk -> fc10 @clas; @trunk -> fc4 @box }
              |                ^^^^^
              |
              | fits: `@class` for `@clas`
              | fits: `clas` for `class`
              | [N0113]
        "#]],
    );
}

#[test]
fn an_output_tap_of_another_shape() {
    refused(
        "Net: 3x8x8 -> (class: 10, box: 4) { gap -> @trunk -> fc10 @class; @trunk -> fc5 @box }",
        &expect![[r#"
            error: the output `box` is declared as 4, but `@box` is 5
            1 | Net: 3x8x8 -> (class: 10, box: 4) { gap -> @trunk -> fc10 @class; @trunk -> fc5 @box }
              |                                ^
              |
              |     input  3x8x8
              |     gap    3x1x1
              |     fc5    5
              |   > -> 4
              |
              | fits: `fc4` for `fc5`
              | fits: `-> 5` for `-> 4`
              | [N0418]
        "#]],
    );
}

#[test]
fn an_unknown_symbol_in_a_fact() {
    refused(
        "Net: [3, H, W] -> 10 where G % 32 == 0 { conv3-8 -> gap -> fc10 }",
        &expect![[r#"
            error: `G` is not a symbol of the input's shape
            1 | Net: [3, H, W] -> 10 where G % 32 == 0 { conv3-8 -> gap -> fc10 }
              |                            ^
              |
              | fits: `H` for `G`
              | [N0109]
        "#]],
    );
}

#[test]
fn an_impossible_fact() {
    refused(
        "Net: [3, H, W] -> 10 where H % 4 == 5 { conv3-8 -> gap -> fc10 }",
        &expect![[r#"
            error: `H % 4 == 5` can never hold: what is left is less than the divisor
            1 | Net: [3, H, W] -> 10 where H % 4 == 5 { conv3-8 -> gap -> fc10 }
              |                            ^^^^^^^^^^
              |
              | [N0110]
        "#]],
    );
}

#[test]
fn a_u_net_without_facts() {
    refused(
        "Net: [1, H, W] -> [8, H, W] { conv3-8 -> @e -> pool2 -> up2 -> @d; add(@e, @d) }",
        &expect![[r#"
            error: [8, 2*floor(H/2), 2*floor(W/2)] need not be [8, H, W] for every size
            1 | Net: [1, H, W] -> [8, H, W] { conv3-8 -> @e -> pool2 -> up2 -> @d; add(@e, @d) }
              |                                                                    ^^^^^^^^^^^
              |
              |     input    [1, H, W]
              |     conv3-8  [8, H, W]
              |     pool2    [8, floor(H/2), floor(W/2)]
              |     up2      [8, 2*floor(H/2), 2*floor(W/2)]
              |   > add(@e, @d)
              |
              | fits: `where H % 2 == 0, W % 2 == 0`, because of `pool2`
              | fits: `up2 -> pool2` for `pool2 -> up2`
              | [N0419]
        "#]],
    );
}

#[test]
fn a_network_with_attributes() {
    refused(
        "#![feature(x)] Net: 3x8x8 -> 10 { gap -> fc10 }",
        &expect![[r#"
            error: only `#![network(crate = path)]` may stand here
            1 | #![feature(x)] Net: 3x8x8 -> 10 { gap -> fc10 }
              | ^^^^^^^^^^^^^^
              |
              | [N0103]
        "#]],
    );
}

#[test]
fn three_mistakes_at_once() {
    refused(
        "Net: 3x32x32 -> 10 { conv3-64 rellu -> pool2 => 64x16x16 -> conv3-64(pda=1) => 64x16x16 -> gap -> fc100 }",
        &expect![[r#"
            error: the network is declared to give 10, but `fc100` at its end gives 100
            1 | Net: 3x32x32 -> 10 { conv3-64 rellu -> pool2 => 64x16x16 -> conv3-64(pda=1) => 64x16x16 -> gap -> fc100 }
              |                 ^^
              |
              |     => 64x16x16  64x16x16
              |     gap          64x1x1
              |     fc100        100
              |   > -> 10
              |
              | fits: `fc10` for `fc100` (and the other mistakes corrected)
              | fits: `-> 100` for `-> 10` (and the other mistakes corrected)
              | fits: `-> fc10` behind `fc100` (and the other mistakes corrected)
              | [N0418]

            error: `rellu` is not a layer
            1 | Net: 3x32x32 -> 10 { conv3-64 rellu -> pool2 => 64x16x16 -> conv3-64(pda=1) => 64x16x16 -> gap -> fc100 }
              |                               ^^^^^
              |
              | fits: `relu` for `rellu` (and the other mistakes corrected)
              | [N0201]

            error: `conv` has no option `pda`
            1 | Net: 3x32x32 -> 10 { conv3-64 rellu -> pool2 => 64x16x16 -> conv3-64(pda=1) => 64x16x16 -> gap -> fc100 }
              |                                                                      ^^^
              |
              | fits: `pad` for `pda` (and the other mistakes corrected)
              | fits: `conv3-64` for `conv3-64(pda=1)` (and the other mistakes corrected)
              | [N0202]
        "#]],
    );
}

#[test]
fn a_generic_that_rust_cannot_pass_on() {
    refused(
        "N<K = 4>: 3x8x8 -> 10 { Head(2*K) } Head<C = 2>: 3x8x8 -> 10 { conv3-C relu gap -> fc10 }",
        &expect![[r#"
            error: a const generic of `Head` can be a number, a const, or outside of blocks a const generic by itself, and this is `2*K`
            1 | N<K = 4>: 3x8x8 -> 10 { Head(2*K) } Head<C = 2>: 3x8x8 -> 10 { conv3-C relu gap -> fc10 }
              |                              ^^^
              |
              | [N0326]
        "#]],
    );
}

#[test]
fn more_than_generics_in_the_call_of_a_network() {
    refused(
        "N: 3x8x8 -> 10 { Body()/2 -> fc10 } Body: 3x8x8 -> 4x8x8 { conv3-4 }",
        &expect![[r#"
            error: `Body` as a layer takes the values of its const generics and nothing else
            1 | N: 3x8x8 -> 10 { Body()/2 -> fc10 } Body: 3x8x8 -> 4x8x8 { conv3-4 }
              |                         ^
              |
              | [N0327]
        "#]],
    );
}

#[test]
fn a_block_whose_struct_another_has() {
    refused(
        "N: 3x8x8 -> 4x8x8 { block Body() { conv3-4 } Body } NBody: 3x8x8 -> 3x8x8 { relu }",
        &expect![[r#"
            error: this block's struct would be named `NBody`, which another struct is
            1 | N: 3x8x8 -> 4x8x8 { block Body() { conv3-4 } Body } NBody: 3x8x8 -> 3x8x8 { relu }
              |                           ^^^^
              |
              | [N0328]
        "#]],
    );
}

#[test]
fn a_count_beyond_64_bits() {
    refused(
        "N: 1x1x1 -> 2147483648 { conv1-2147483648(bias=false) -> conv1-2147483648(bias=false) -> conv1-2147483648(bias=false) -> conv1-2147483648(bias=false) }",
        &expect![[r#"
            error: the network has more parameters than a 64-bit number can count
            1 | N: 1x1x1 -> 2147483648 { conv1-2147483648(bias=false) -> conv1-2147483648(bias=false) -> conv1-2147483648(bias=false) -> conv1-2147483648(bias=false) }
              | ^
              |
              | [N0329]
        "#]],
    );
}

#[test]
fn features_that_are_not_known() {
    refused(
        "N: [3, H, W] -> 10 { conv3-4 relu -> fc10 }",
        &expect![[r#"
            error: `fc10` needs a known number of features, and gets [4, H, W]
            1 | N: [3, H, W] -> 10 { conv3-4 relu -> fc10 }
              |                                      ^^^^
              |
              |     input    [3, H, W]
              |     conv3-4  [4, H, W]
              |   > fc10
              |
              | fits: `gap ->` before `fc10`
              | [N0401]
        "#]],
    );
}

#[test]
fn the_same_said_twice() {
    refused(
        "N: 3x8x8 -> 4x8x8 { conv3-4(kernel=5) }",
        &expect![[r#"
            error: `conv3-4(kernel=5)` has the number in its name and `kernel=`, and only one of them can hold
            1 | N: 3x8x8 -> 4x8x8 { conv3-4(kernel=5) }
              |                     ^^^^^^^^^^^^^^^^^
              |
              | [N0325]
        "#]],
    );
}

#[test]
fn a_repeat_of_taps() {
    refused(
        "N: 3x8x8 -> 6x8x8 { id @a -> concat(@a, @a) x2 }",
        &expect![[r#"
            error: `x2` repeats a group, a block or a combination, and none stands before it
            1 | N: 3x8x8 -> 6x8x8 { id @a -> concat(@a, @a) x2 }
              |                                             ^^
              |
              | [N0013]
        "#]],
    );
}

#[test]
fn a_fact_that_divides_by_nothing() {
    refused(
        "Net: [1, H, W] -> [8, H, W] where H % 0 == 0 { conv3-8 -> @e -> pool2 -> up2 -> @d; add(@e, @d) }",
        &expect![[r#"
            error: `H % 0 == 0` can never hold: what is left is less than the divisor
            1 | Net: [1, H, W] -> [8, H, W] where H % 0 == 0 { conv3-8 -> @e -> pool2 -> up2 -> @d; add(@e, @d) }
              |                                   ^^^^^^^^^^
              |
              | [N0110]

            error: [8, 2*floor(H/2), 2*floor(W/2)] need not be [8, H, W] for every size
            1 | Net: [1, H, W] -> [8, H, W] where H % 0 == 0 { conv3-8 -> @e -> pool2 -> up2 -> @d; add(@e, @d) }
              |                                                                                     ^^^^^^^^^^^
              |
              |     input    [1, H, W]
              |     conv3-8  [8, H, W]
              |     pool2    [8, floor(H/2), floor(W/2)]
              |     up2      [8, 2*floor(H/2), 2*floor(W/2)]
              |   > add(@e, @d)
              |
              | fits: `where H % 2 == 0, W % 2 == 0`, because of `pool2`
              | fits: `up2 -> pool2` for `pool2 -> up2` (and the other mistakes corrected)
              | [N0419]
        "#]],
    );
}
