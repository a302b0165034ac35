//! What the macro writes, as it is shown in the documentation.
//!
//! The macro's own sources are compiled into this test, because a procedural macro's crate exports nothing else.
//! `UPDATE_EXPECT=1 cargo test -p cnn-tests --test expansion` rewrites `docs/expanded`; read the difference.

#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "../cnn-macros/src/bridge.rs"]
mod bridge;
#[path = "../cnn-macros/src/emit.rs"]
mod emit;
#[path = "../cnn-macros/src/expand.rs"]
mod expand;
#[path = "../cnn-macros/src/lower/mod.rs"]
mod lower;

use expect_test::{ExpectFile, expect_file};

const LENET5: &str = "
    /// LeNet-5 (LeCun et al., 1998), with ReLU and max pooling.
    pub LeNet5: 1x32x32 -> 10 {
        conv5-6(valid) relu -> pool2
     -> conv5-16(valid) relu -> pool2       => 16x5x5
     -> fc120 relu -> fc84 relu -> fc10
    }";

const RESNET18: &str = "
    /// ResNet-18 (He et al., 2015), with torchvision's names.
    pub ResNet18<CLASSES = 1000>: 3x224x224 -> CLASSES {
        block Basic(c) {
            residual { conv1: conv3-c/stride bn1: bn relu -> conv2: conv3-c bn2: bn }
            else downsample: (conv1-c/stride bn)
            relu
        }
        conv1: conv7-64/2 bn1: bn relu -> pool3/2(pad=1)      => 64x56x56
     -> layer1: Basic(64)  x2
     -> layer2: Basic(128) x2/2
     -> layer3: Basic(256) x2/2
     -> layer4: Basic(512) x2/2                               => 512x7x7
     -> gap -> fc: fc-CLASSES
    }";

fn expands(declaration: &str, expected: &ExpectFile) {
    let tokens: proc_macro2::TokenStream = declaration.parse().unwrap();
    let text = expand::expand(tokens).to_string();
    let file: syn::File = syn::parse_str(&text).unwrap();
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn lenet5() {
    expands(LENET5, &expect_file!["../docs/expanded/lenet5.rs"]);
}

#[test]
fn resnet18() {
    expands(RESNET18, &expect_file!["../docs/expanded/resnet18.rs"]);
}
