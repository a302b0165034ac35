//! The program `finetune` on a few pictures: what it prints, what it writes, and what it refuses.

#[path = "../finetune.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod program;

use std::fs;
use std::path::Path;

use clap::Parser;
use cnn_examples::models::mobilenet_v2::MobileNetV2;
use cnn_examples::paths::repository;
use cnn_examples::pictures;
use cnn_runtime::prelude::*;
use cnn_train::data::cifar;
use program::{Args, run};
use tempfile::TempDir;

/// A folder with some shipped pictures of each class.
fn few_pictures(train: usize, valid: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    let data = cifar::read_folder(&repository().join("data/cifar10")).unwrap();
    pictures::write_folder(&data.train, train, &folder.path().join("train")).unwrap();
    pictures::write_folder(&data.test, valid, &folder.path().join("valid")).unwrap();
    folder
}

fn run_in(folder: &Path, options: &str) -> Result<String, String> {
    let (data, out) = (folder.to_str().unwrap(), folder.join("weights.safetensors"));
    let words = ["finetune", "--data", data, "--out", out.to_str().unwrap()];
    let args = Args::try_parse_from(words.into_iter().chain(options.split_whitespace()));
    let mut printed = Vec::new();
    run(&args.map_err(|error| error.to_string())?, &mut printed).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(printed).unwrap())
}

#[test]
fn the_head_learns_and_the_rest_stays() {
    let folder = few_pictures(6, 4);
    let printed = run_in(folder.path(), "--head-epochs 6 --epochs 0 --batch-size 10").unwrap();
    // 1,280 values to each of ten classes, and their biases.
    assert!(printed.starts_with("the head alone, of 12810 parameters\n"), "{printed}");
    let last = printed.lines().last().unwrap();
    let percent = last.strip_prefix("validation accuracy ").and_then(|rest| rest.strip_suffix(" %")).unwrap();
    // Chance is 10 %: sixty pictures suffice where the features are there.
    assert!(percent.parse::<f64>().unwrap() >= 30.0, "{printed}");
    let weights = folder.path().join("weights.safetensors");
    let tuned = MobileNetV2::<10>::load(weights, &Device::Cpu).unwrap();
    let shipped = repository().join("data/imagenet/mobilenet_v2.safetensors");
    let shipped = MobileNetV2::<1000>::load(shipped, &Device::Cpu).unwrap();
    for ((name, ours, _), (_, theirs, _)) in tuned.state().named().zip(shipped.state().named()) {
        if name.starts_with("features") {
            let values = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(values(ours) == values(theirs), "{name} changed");
        }
    }
}

#[test]
fn then_all_of_it_learns() {
    let folder = few_pictures(2, 1);
    let printed = run_in(folder.path(), "--head-epochs 0 --epochs 1 --batch-size 5").unwrap();
    // 3,504,872 of the thousand classes, less 990 classes of 1,281 values.
    assert!(printed.starts_with("the whole network, of 2236682 parameters\n"), "{printed}");
}

#[test]
fn folders_that_do_not_fit_are_refused() {
    let folder = few_pictures(1, 1);
    fs::create_dir(folder.path().join("weights.safetensors")).unwrap();
    let error = run_in(folder.path(), "--head-epochs 1000000").unwrap_err();
    assert!(error.ends_with("is a folder: give a file name with --out"), "{error}");
    fs::remove_dir(folder.path().join("weights.safetensors")).unwrap();
    fs::remove_dir_all(folder.path().join("train/cat")).unwrap();
    let error = run_in(folder.path(), "").unwrap_err();
    assert!(error.ends_with("train and valid have different classes"), "{error}");
    fs::remove_dir_all(folder.path().join("valid/cat")).unwrap();
    let error = run_in(folder.path(), "").unwrap_err();
    assert!(error.contains("has 9 classes and the network 10: set CLASSES"), "{error}");
    fs::write(folder.path().join("train/dog/0000.png"), "no picture").unwrap();
    let error = run_in(folder.path(), "").unwrap_err();
    assert!(error.contains("0000.png"), "{error}");
}
