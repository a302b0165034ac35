//! Differences between a network and its weights are all found, and named.

use std::path::PathBuf;

use candle_nn::{VarBuilder, VarMap};

use super::*;
use crate::init::Init;
use crate::weights::{self, WeightProblem};

fn save(test: &str, tensors: &[(&str, Tensor)]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("cnn-params-{}-{test}.safetensors", std::process::id()));
    weights::save(&path, tensors.iter().map(|(name, tensor)| (*name, tensor))).expect("saved");
    path
}

fn zeros(shape: impl Into<Shape>, dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &Device::Cpu).expect("zeros")
}

/// A small network: conv1, bn1 (with buffers), fc.
fn build(builder: &Builder<'_>) -> Result<()> {
    let root = builder.root();
    let weight = Fill::Weight { fan_in: 27, fan_out: 36 };
    root.pp("conv1").tensor("weight", (4, 3, 3, 3), weight, Role::Parameter)?;
    let bn = root.pp("bn1");
    bn.tensor("weight", 4, Fill::Constant(1.0), Role::Parameter)?;
    bn.tensor("running_var", 4, Fill::Constant(1.0), Role::Buffer)?;
    root.pp("fc").tensor("weight", (2, 4), Fill::Weight { fan_in: 4, fan_out: 2 }, Role::Parameter)?;
    root.pp("fc").tensor("bias", 2, Fill::Bias { fan_in: 4 }, Role::Parameter)?;
    Ok(())
}

fn problems(error: Error) -> (String, Vec<WeightProblem>) {
    let text = error.to_string();
    match error {
        Error::Weights { problems, .. } => (text, problems),
        other => panic!("not a difference of weights: {other}"),
    }
}

#[test]
fn every_difference_is_in_one_error() {
    let path = save(
        "differences",
        &[
            ("conv.weight", zeros((4, 3, 3, 3), DType::F32)),
            ("bn1.weight", zeros((4, 1, 1), DType::F32)),
            ("bn1.running_var", zeros(4, DType::I64)),
            ("bn1.num_batches_tracked", zeros((), DType::I64)),
            ("fc.weight", zeros((2, 4), DType::F32)),
            ("aux.logits.weight", zeros(7, DType::F32)),
        ],
    );
    let builder = Builder::from_file(&path, &Device::Cpu, DType::F32).expect("a sound file");
    build(&builder).expect("placeholders");
    let (text, problems) = problems(builder.finish().expect_err("differences"));
    std::fs::remove_file(&path).expect("cleaned up");
    assert_eq!(
        problems,
        [
            WeightProblem::Missing {
                name: "conv1.weight".into(),
                shape: vec![4, 3, 3, 3],
                nearest: Some("conv.weight".into())
            },
            WeightProblem::Shape { name: "bn1.weight".into(), expected: vec![4], found: vec![4, 1, 1] },
            WeightProblem::DType { name: "bn1.running_var".into(), found: "I64".into() },
            WeightProblem::Missing { name: "fc.bias".into(), shape: vec![2], nearest: None },
            WeightProblem::Unexpected { name: "aux.logits.weight".into(), shape: vec![7], nearest: None },
            WeightProblem::Unexpected {
                name: "conv.weight".into(),
                shape: vec![4, 3, 3, 3],
                nearest: Some("conv1.weight".into())
            },
        ]
    );
    let table = text.split_once('\n').expect("a table").1;
    assert_eq!(
        table,
        "  missing     conv1.weight       (4, 3, 3, 3) is not in the file; nearest there: conv.weight\n  \
         shape       bn1.weight         the network has (4), the file (4, 1, 1)\n  \
         type        bn1.running_var    I64 is not converted; save it as F32, F64, F16 or BF16\n  \
         missing     fc.bias            (2) is not in the file\n  \
         unexpected  aux.logits.weight  (7) is not in the network\n  \
         unexpected  conv.weight        (4, 3, 3, 3) is not in the network; nearest there: conv1.weight"
    );
    assert!(text.contains(&path.display().to_string()) && text.contains("6 differences"), "{text}");
}

/// A file that fits, with half-precision values in it, and another head if asked.
fn fitting(test: &str, classes: usize) -> PathBuf {
    let weight = Tensor::new(&[0.5f32, -1.5, 2.0, 0.25], &Device::Cpu).expect("values");
    save(
        test,
        &[
            ("conv1.weight", zeros((4, 3, 3, 3), DType::BF16)),
            ("bn1.weight", weight.to_dtype(DType::F16).expect("converted")),
            ("bn1.running_var", weight.to_dtype(DType::F64).expect("converted")),
            ("bn1.num_batches_tracked", zeros((), DType::I64)),
            ("fc.weight", zeros((classes, 4), DType::F32)),
            ("fc.bias", zeros(classes, DType::F32)),
        ],
    )
}

#[test]
fn other_float_types_are_converted() {
    let path = fitting("converted", 2);
    let builder = Builder::from_file(&path, &Device::Cpu, DType::F32).expect("a sound file");
    build(&builder).expect("built");
    let state = builder.finish().expect("a file that fits");
    std::fs::remove_file(path).expect("cleaned up");
    for name in ["bn1.weight", "bn1.running_var"] {
        let values = state.get(name).expect("registered").to_vec1::<f32>().expect("f32");
        assert_eq!(values, [0.5, -1.5, 2.0, 0.25], "{name}");
    }
    assert!(state.named().all(|(_, var, _)| var.dtype() == DType::F32));
}

#[test]
fn exceptions_are_initialised_and_the_rest_is_loaded() {
    let path = fitting("except", 1000);
    let strict = Builder::from_file(&path, &Device::Cpu, DType::F32).expect("a sound file");
    build(&strict).expect("placeholders");
    let text = strict.finish().expect_err("another head").to_string();
    assert!(text.contains("load_except(.., &[\"fc\"]"), "{text}");

    let except = Builder::from_file_except(&path, &["fc"], Init::seed(42), &Device::Cpu);
    let except = except.expect("a sound file");
    build(&except).expect("built");
    let state = except.finish().expect("the head is excepted");
    let fresh = Builder::init(&Init::seed(42), &Device::Cpu).expect("an initialiser");
    build(&fresh).expect("built");
    let fresh = fresh.finish().expect("no file, no differences");
    let values = |state: &State, name: &str| -> Vec<f32> {
        let var = state.get(name).expect("registered");
        var.flatten_all().and_then(|flat| flat.to_vec1()).expect("values")
    };
    assert_eq!(values(&state, "fc.weight"), values(&fresh, "fc.weight"));
    assert_eq!(values(&state, "bn1.weight"), [0.5, -1.5, 2.0, 0.25]);

    let typo = Builder::from_file_except(&path, &["fcc", "f"], Init::seed(42), &Device::Cpu);
    let typo = typo.expect("a sound file");
    build(&typo).expect("placeholders");
    let (_, problems) = problems(typo.finish().expect_err("no such layer"));
    std::fs::remove_file(path).expect("cleaned up");
    assert!(
        problems.contains(&WeightProblem::UnknownPrefix { prefix: "fcc".into(), nearest: Some("fc".into()) })
    );
    // `f` covers no part of `fc`.
    assert!(problems.iter().any(|p| matches!(p, WeightProblem::Shape { name, .. } if name == "fc.bias")));
}

#[test]
fn saving_and_loading_is_the_identity() {
    let path = std::env::temp_dir().join(format!("cnn-params-{}-round.safetensors", std::process::id()));
    let builder = Builder::init(&Init::seed(3).dtype(DType::F64), &Device::Cpu).expect("an initialiser");
    build(&builder).expect("built");
    let first = builder.finish().expect("no differences");
    first.save(&path).expect("saved");
    let builder = Builder::from_file(&path, &Device::Cpu, DType::F64).expect("a sound file");
    build(&builder).expect("built");
    let second = builder.finish().expect("a file that fits");
    std::fs::remove_file(path).expect("cleaned up");
    for ((name, a, role), (other, b, other_role)) in first.named().zip(second.named()) {
        assert_eq!((name, role), (other, other_role));
        let (a, b) = (a.flatten_all().expect("flat"), b.flatten_all().expect("flat"));
        assert_eq!(a.to_vec1::<f64>().expect("values"), b.to_vec1::<f64>().expect("values"), "{name}");
    }
}

#[test]
fn a_varmap_is_shared_both_ways() {
    let map = VarMap::new();
    let vars = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let builder = Builder::from_var_builder(vars.pp("backbone")).expect("a source");
    build(&builder).expect("built");
    let state = builder.finish().expect("no differences");
    let ones = Tensor::ones(4, DType::F32, &Device::Cpu).expect("ones");
    let mut writable = map.clone();
    writable.set_one("backbone.bn1.weight", (&ones * 7.0).expect("sevens")).expect("set");
    let ours = state.get("bn1.weight").expect("registered").to_vec1::<f32>().expect("values");
    assert_eq!(ours, [7.0; 4]);

    let mut out = state.varmap();
    out.set_one("bn1.weight", &ones).expect("set");
    let ours = state.get("bn1.weight").expect("registered").to_vec1::<f32>().expect("values");
    assert_eq!(ours, [1.0; 4]);
    assert_eq!(out.all_vars().len(), 5);
}

#[test]
fn a_var_builder_that_lacks_tensors_is_reported_whole() {
    let tensors = std::collections::HashMap::from([("fc.bias".to_owned(), zeros(3, DType::F32))]);
    let vars = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let builder = Builder::from_var_builder(vars).expect("a source");
    build(&builder).expect("placeholders");
    let (text, problems) = problems(builder.finish().expect_err("differences"));
    assert_eq!(problems.len(), 5, "{text}");
    assert!(text.starts_with("the VarBuilder does not fit"), "{text}");
}

#[test]
fn a_name_is_given_once() {
    let builder = Builder::init(&Init::seed(0), &Device::Cpu).expect("an initialiser");
    build(&builder).expect("built");
    let again = build(&builder).expect_err("the same names");
    assert!(matches!(again, Error::DuplicateName { name } if name == "conv1.weight"));
}

#[test]
fn an_empty_leaf_or_label_adds_nothing() {
    let builder = Builder::init(&Init::seed(0), &Device::Cpu).expect("an initialiser");
    let params = builder.root().pp("").pp("scale").pp("");
    assert_eq!(params.path(), "scale");
    params.tensor("", (2, 1, 1), Fill::Constant(1.0), Role::Parameter).expect("built");
    assert!(builder.finish().expect("no differences").get("scale").is_some());
}

#[test]
fn a_network_is_held_in_floats() {
    let error = Builder::init(&Init::seed(0).dtype(DType::I64), &Device::Cpu).expect_err("integers");
    assert!(matches!(error, Error::UnsupportedDType { dtype: DType::I64 }));
}
