//! The networks of these tests as plans: what `compile` records does what `forward` does.

use crate::plain::{CPU, shake, tensor};
use crate::{blocks, calls, heads, interface, merges, naming, sizes, stages};
use cnn_runtime::prelude::*;

/// Compares with a tolerance that is relative to the largest value, in any shape.
#[track_caller]
fn alike(name: &str, found: &Tensor, expected: &Tensor) {
    let expected = expected.reshape(found.dims()).unwrap();
    let largest = |x: &Tensor| x.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    let (difference, scale) = (largest(&(found - &expected).unwrap()), largest(&expected));
    assert!(difference <= 2e-5 * scale, "{name}: {difference} of {scale}");
}

/// Networks of one output.
macro_rules! single {
    ($($name:ident: $network:ty, [$($size:expr),+];)+) => {
        $(#[test]
        fn $name() {
            let network = <$network>::init(Init::seed(7), &CPU).unwrap();
            shake(network.state());
            let mut plan = network.compile(&CompileOptions::batch(3)).unwrap();
            let x = tensor(&[3, $($size),+]);
            alike(stringify!($name), &plan.run(&x).unwrap(), &network.forward(&x).unwrap());
            // The same again: nothing is left of the first run.
            alike(stringify!($name), &plan.run(&x).unwrap(), &network.forward(&x).unwrap());
            #[cfg(feature = "cuda")]
            if let Some(gpu) = cnn_tests::gpu() {
                let there = <$network>::init(Init::seed(7), &gpu).unwrap();
                shake(there.state());
                let mut plan = there.compile(&CompileOptions::batch(3)).unwrap();
                let expected = network.forward(&x).unwrap();
                // Launched one by one, captured, and repeated.
                for _ in 0..3 {
                    let found = plan.run(&x.to_device(&gpu).unwrap()).unwrap();
                    alike(stringify!($name), &found.to_device(&CPU).unwrap(), &expected);
                }
            }
        })+
    };
}

/// Networks of several outputs, which are traced by name.
macro_rules! several {
    ($($name:ident: $network:ty, $([$($size:expr),+])&+;)+) => {
        $(#[test]
        fn $name() {
            let network = <$network>::init(Init::seed(7), &CPU).unwrap();
            shake(network.state());
            let mut plan = network.compile(&CompileOptions::batch(2)).unwrap();
            let seen = network.trace($(tensor(&[2, $($size),+])),+).unwrap();
            let outputs = plan.run_all(&[$(&tensor(&[2, $($size),+])),+]).unwrap();
            assert_eq!(outputs.len(), <$network>::OUTPUT.len());
            for (output, (name, shape)) in outputs.iter().zip(<$network>::OUTPUT) {
                assert_eq!(&output.dims()[1..], shape, "{name}");
                let stages = seen.stages();
                let (_, stage) = stages.iter().find(|(other, _)| *other == name).unwrap();
                alike(name, output, stage);
            }
            #[cfg(feature = "cuda")]
            if let Some(gpu) = cnn_tests::gpu() {
                let there = <$network>::init(Init::seed(7), &gpu).unwrap();
                shake(there.state());
                let mut plan = there.compile(&CompileOptions::batch(2)).unwrap();
                for _ in 0..3 {
                    let found = plan.run_all(&[$(&tensor(&[2, $($size),+]).to_device(&gpu).unwrap()),+]).unwrap();
                    for ((found, expected), (name, _)) in found.iter().zip(&outputs).zip(<$network>::OUTPUT) {
                        alike(name, &found.to_device(&CPU).unwrap(), expected);
                    }
                }
            }
        })+
    };
}

single! {
    parameters: blocks::Parameters, [4, 8, 8];
    layers: blocks::Layers, [4, 8, 8];
    options: blocks::Options, [8, 8, 8];
    nested: blocks::Nested, [3, 8, 8];
    shortcuts: merges::Shortcuts, [4, 8, 8];
    taps: merges::Taps, [2, 4, 4];
    seen: stages::Seen, [2, 3, 3];
    pyramid: stages::Pyramid::<4>, [2, 8, 8];
    both: stages::Both, [2, 8, 8];
    below: stages::Below, [2, 8, 8];
    generic: sizes::Generic::<7, 2>, [3, 4, 4];
    needed: sizes::Needed::<5>, [5];
    consts: sizes::Consts, [3, 8, 8];
    custom: calls::Custom, [2, 3, 3];
    whole: calls::Whole, [3, 16, 16];
    by_name: calls::ByName, [8, 4, 4];
    in_block: calls::InBlock, [8, 4, 4];
    external: calls::External, [3, 16, 16];
    copies: calls::Copies, [4, 6, 6];
    labels: naming::Labels, [2, 8, 8];
    small: interface::Small, [2, 8, 8];
    called_v: CalledV::<3, 5>, [2, 4, 4];
}

several! {
    convs: heads::Convs, [4, 9, 8];
    deconvs: heads::Deconvs, [4, 5, 4];
    pools: heads::Pools, [3, 9, 8];
    shapes: heads::Shapes, [4, 5, 4];
    norms: heads::Norms, [6, 3, 4];
    activations: heads::Activations, [3, 4, 4];
    linears: heads::Linears, [3, 2, 2];
    drops: heads::Drops, [8, 3, 3];
    repeats: blocks::Repeats, [2, 16, 16];
    many_merges: merges::Merges, [4, 6, 6];
    ports: merges::Ports, [3, 6, 6] & [2, 3, 3];
    parts: stages::Parts, [6, 4, 3];
    seen_twice: stages::SeenTwice, [2, 3, 3];
    headed: stages::Headed, [2, 8, 8];
}

network! {
    /// Numbers whose names generated code might like to have.
    CalledV<V, VV = 2>: 2x4x4 -> VV {
        block Unit(c) { residual { conv3-c bn } relu }
        conv1-V => [V, 4, 4] -> Unit(V) -> concat { id | conv1-V } -> fc: fc-VV
    }
}

#[test]
fn sizes_that_are_symbols() {
    let options = CompileOptions::batch(2).with_input([3, 8, 12]);
    let network = sizes::Symbols::init(Init::seed(7), &CPU).unwrap();
    let mut plan = network.compile(&options).unwrap();
    for [h, w] in [[8, 12], [4, 16], [8, 12], [4, 8], [4, 16]] {
        let x = tensor(&[2, 3, h, w]);
        alike("symbols", &plan.run(&x).unwrap(), &network.forward(&x).unwrap());
    }
    // The facts of the declaration are checked for each.
    let eager = network.forward(tensor(&[2, 3, 10, 12])).unwrap_err().to_string();
    assert_eq!(plan.run(&tensor(&[2, 3, 10, 12])).unwrap_err().to_string(), eager);
    let error = network.compile(&CompileOptions::batch(1).with_input([3, 10, 12])).unwrap_err();
    assert_eq!(error.to_string(), eager);

    let mut plan =
        sizes::Pooled::init(Init::seed(7), &CPU).unwrap().compile(&CompileOptions::batch(1)).unwrap();
    for [h, w] in [[7, 9], [2, 3]] {
        assert_eq!(plan.run(&tensor(&[1, 1, h, w])).unwrap().dims(), [1, 6]);
    }
    let network = sizes::Cropped::init(Init::seed(7), &CPU).unwrap();
    let mut plan = network.compile(&CompileOptions::batch(2)).unwrap();
    for [h, w] in [[6, 8], [2, 4]] {
        let x = tensor(&[2, 1, h, w]);
        alike("cropped", &plan.run(&x).unwrap(), &network.forward(&x).unwrap());
    }
}

#[test]
fn rust_code_that_gives_another_shape() {
    let mut plan =
        calls::Lying::init(Init::seed(1), &CPU).unwrap().compile(&CompileOptions::batch(1)).unwrap();
    let error = plan.run(&tensor(&[1, 2, 3, 3])).unwrap_err().to_string();
    assert!(error.contains("was stated to give"), "{error}");
}

network! {
    /// One input that has a name.
    Named: (image: 2x4x4) -> 3 { image -> fc: fc3 }
}

#[test]
fn an_input_with_a_name() {
    let network: Box<dyn cnn_runtime::Network> = Box::new(Named::init(Init::seed(7), &CPU).unwrap());
    assert_eq!(network.input_shape(), [2, 4, 4]);
    let mut plan = network.compile(&CompileOptions::batch(1)).unwrap();
    let x = tensor(&[1, 2, 4, 4]);
    alike("named", &plan.run(&x).unwrap(), &network.forward_t(&x, false).unwrap());
    let error = plan.run(&tensor(&[1, 2, 4, 5])).unwrap_err().to_string();
    assert_eq!(error, "the plan of `Named`, input `image`: expected (1, 2, 4, 4), found (1, 2, 4, 5)");
}
