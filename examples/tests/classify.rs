//! The program `classify`: the shipped photos against PyTorch's answers, what it prints, and what it refuses.

#[path = "../classify.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod program;

#[path = "../../cnn-train/tests/files/mod.rs"]
mod common;

use std::collections::HashMap;
use std::fs;

use candle_core::{Device, Tensor};
use clap::Parser;
use cnn_examples::classifier::{Choice, Classifier, Fast};
use cnn_examples::models::lecture::TinyVgg;
use cnn_examples::models::lenet::LeNet5Mnist;
use cnn_examples::paths::repository;
use cnn_examples::photo::Photo;
use cnn_runtime::Init;
use common::Folder;
use program::{Args, run};

/// The shipped photos in the order of the reference, and what each shows.
const PHOTOS: [(&str, &str); 4] = [
    ("chelsea.png", "Egyptian cat"),
    ("coffee.webp", "espresso"),
    ("camera.png", "tripod"),
    ("china.jpg", "palace"),
];

/// What PyTorch made of them: `pixels_u8` (4, 3, 224, 224) and `logits` (4, 1000).
fn reference() -> HashMap<String, Tensor> {
    let path = repository().join("data/imagenet/mobilenet_v2_reference.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

fn shipped(name: &str) -> Photo {
    Photo::read(&repository().join("data/photos").join(name)).unwrap()
}

fn classifier() -> Classifier {
    let choice = Choice { model: "mobilenet_v2".to_owned(), weights: None, classes: None };
    choice.open(&Device::Cpu).unwrap()
}

/// Runs the program: what it prints, what it says of errors, and how many photos failed.
fn run_with(options: &[&str]) -> Result<(String, String, usize), String> {
    let words = ["classify", "--device=cpu"].iter().chain(options);
    let args = Args::try_parse_from(words).map_err(|error| error.to_string())?;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let failed = run(&args, &mut out, &mut err).map_err(|error| error.to_string())?;
    Ok((String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), failed))
}

#[test]
fn the_shipped_photos_have_torchvisions_pixels() {
    let pixels = reference()["pixels_u8"].permute((0, 2, 3, 1)).unwrap();
    let classifier = classifier();
    for (index, (name, _)) in PHOTOS.iter().enumerate() {
        let expected = pixels.get(index).unwrap().flatten_all().unwrap().to_vec1::<u8>().unwrap();
        let crop = classifier.preprocessing.crop(&shipped(name));
        let differ =
            crop.as_raw().iter().zip(&expected).filter(|(found, expected)| found != expected).count();
        assert_eq!((crop.as_raw().len(), differ), (expected.len(), 0), "{name}");
    }
}

#[test]
fn the_shipped_network_gives_pytorchs_logits() {
    let classifier = classifier();
    let inputs: Vec<Tensor> = PHOTOS
        .iter()
        .map(|(name, _)| classifier.preprocessing.tensor(&shipped(name), &Device::Cpu).unwrap())
        .collect();
    let logits = classifier.net.forward_t(&Tensor::stack(&inputs, 0).unwrap(), false).unwrap();
    let expected = &reference()["logits"];
    assert_eq!(logits.dims(), expected.dims());
    let largest = (logits - expected).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    println!("the largest difference from PyTorch's logits is {largest:.1e}");
    // They go from -10 to 21; PyTorch's own f32 is 1.1e-5 from its f64.
    assert!(largest < 1e-4, "{largest}");
}

/// The largest difference of logits from PyTorch's, and the first class of each photo.
fn compiled(fast: Fast) -> (f32, Vec<u32>) {
    let choice = Choice { model: "mobilenet_v2".to_owned(), weights: None, classes: None };
    let classifier = choice.open(&Device::Cpu).unwrap().compiled(fast.into());
    let inputs: Vec<Tensor> = PHOTOS
        .iter()
        .map(|(name, _)| classifier.preprocessing.tensor(&shipped(name), &Device::Cpu).unwrap())
        .collect();
    let logits = classifier.logits(&Tensor::stack(&inputs, 0).unwrap()).unwrap();
    let difference = (&logits - &reference()["logits"]).unwrap().abs().unwrap().max_all().unwrap();
    (difference.to_scalar::<f32>().unwrap(), logits.argmax(1).unwrap().to_vec1::<u32>().unwrap())
}

#[test]
fn compiled_it_gives_pytorchs_logits_too() {
    let classes = reference()["logits"].argmax(1).unwrap().to_vec1::<u32>().unwrap();
    // bf16 has eight bits; the logits go to 21.
    for (fast, most) in [(Fast::F32, 1e-4), (Fast::Exact, 1e-4), (Fast::Bf16Linear, 0.05), (Fast::Bf16, 0.4)]
    {
        let (difference, found) = compiled(fast);
        println!("{fast:?}: the largest difference from PyTorch's logits is {difference:.1e}");
        assert!(difference < most, "{fast:?}: {difference}");
        assert_eq!(found, classes, "{fast:?}");
    }
}

#[test]
fn the_program_compiles_on_request() {
    let photos = repository().join("data/photos");
    let options = [photos.to_str().unwrap(), "--top", "1"];
    let (eager, ..) = run_with(&options).unwrap();
    for fast in ["--fast", "--fast=exact"] {
        let (printed, said, failed) = run_with(&[&options[..], &[fast]].concat()).unwrap();
        assert_eq!((printed.as_str(), said.as_str(), failed), (eager.as_str(), "", 0), "{fast}");
    }
    let error = run_with(&["--fast=slow"]).unwrap_err();
    assert!(error.contains("[possible values: f32, exact, bf16, bf16-linear]"), "{error}");
}

#[test]
fn the_program_names_the_shipped_photos_as_pytorch_does() {
    let (printed, said, failed) = run_with(&["--top", "1000"]).unwrap();
    assert_eq!((said.as_str(), failed), ("", 0));
    let probabilities = probabilities();
    let classes = fs::read_to_string(repository().join("data/imagenet/imagenet_classes.txt")).unwrap();
    // Two of the 1,000 classes are called crane, and two maillot.
    let classes: Vec<&str> = classes.lines().collect();
    let mut seen = 0;
    for photo in printed.split("\n\n") {
        let (path, lines) = photo.split_once('\n').unwrap();
        let index = PHOTOS.iter().position(|(name, _)| path.ends_with(name)).unwrap();
        let expected = &probabilities[index];
        let lines: Vec<(f64, &str)> = lines
            .lines()
            .map(|line| line.split_once(" %  ").unwrap())
            .map(|(percent, name)| (percent.trim().parse::<f64>().unwrap() / 100.0, name))
            .collect();
        assert_eq!((lines.len(), lines[0].1), (1000, PHOTOS[index].1));
        assert!(lines.is_sorted_by(|a, b| a.0 >= b.0), "{path}");
        for (probability, name) in lines {
            let mut same = (0..1000).filter(|&class| classes[class] == name);
            assert!(same.any(|class| (expected[class] - probability).abs() < 0.001), "{path}: {name}");
        }
        seen += 1;
    }
    assert_eq!(seen, 4);
}

/// PyTorch's probabilities of the four photos, in f64 of its logits.
fn probabilities() -> Vec<Vec<f64>> {
    let logits = reference()["logits"].to_vec2::<f32>().unwrap();
    let softmax = |row: &Vec<f32>| {
        let powers: Vec<f64> = row.iter().map(|&logit| f64::from(logit).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.iter().map(|power| power / sum).collect()
    };
    logits.iter().map(softmax).collect()
}

#[test]
fn a_broken_photo_is_reported_and_the_others_are_named() {
    let folder = Folder::new("broken");
    let photos = repository().join("data/photos");
    fs::create_dir_all(folder.path().join("inner")).unwrap();
    fs::copy(photos.join("chelsea.png"), folder.path().join("a.png")).unwrap();
    let jpeg = fs::read(photos.join("china.jpg")).unwrap();
    folder.write("b.jpg", &jpeg[..jpeg.len() / 2]);
    folder.write("inner/c.jpg", &jpeg);
    folder.write("inner/d.png", b"not a photo");
    folder.write("inner/readme.txt", b"not a photo either");
    let path = folder.path().to_str().unwrap();

    let (printed, said, failed) = run_with(&[path, "--top", "1", "--batch-size", "3"]).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 5, "{printed}");
    assert!(lines[0].ends_with("a.png") && lines[1].ends_with(" %  Egyptian cat"), "{printed}");
    assert!(lines[3].ends_with("c.jpg") && lines[4].ends_with(" %  palace"), "{printed}");
    let errors: Vec<&str> = said.lines().collect();
    assert!(
        errors[0].starts_with(&format!("error: {path}/b.jpg: this JPEG file is broken or cut short: ")),
        "{said}"
    );
    assert!(
        errors[1].starts_with(&format!("error: {path}/inner/d.png: it is no photo of a known kind: ")),
        "{said}"
    );
    assert_eq!((errors[2], errors.len(), failed), ("2 of 4 could not be read", 3, 2));
}

#[test]
fn a_photo_is_named_the_same_alone_and_in_a_batch() {
    let photos = repository().join("data/photos");
    let path = photos.to_str().unwrap();
    let alone = run_with(&[path, "--batch-size", "1"]).unwrap();
    let together = run_with(&[path, "--batch-size", "4"]).unwrap();
    assert_eq!(alone, together);
}

#[test]
fn json_has_a_line_for_each_photo() {
    let photo = repository().join("data/photos/coffee.webp");
    let (printed, ..) = run_with(&[photo.to_str().unwrap(), "--json", "--top", "2"]).unwrap();
    let line: serde_json::Value = serde_json::from_str(printed.trim_end()).unwrap();
    assert!(line["photo"].as_str().unwrap().ends_with("coffee.webp"));
    let classes = line["classes"].as_array().unwrap();
    let names: Vec<_> =
        classes.iter().map(|class| (class["class"].as_u64(), class["name"].as_str())).collect();
    assert_eq!(names, [(Some(967), Some("espresso")), (Some(925), Some("consomme"))]);
    let probability = classes[0]["probability"].as_f64().unwrap();
    assert!((probability - probabilities()[1][967]).abs() < 0.001, "{probability}");
}

#[test]
fn classes_have_the_names_of_the_file_that_is_given() {
    let folder = Folder::new("names");
    let names: String = (0..1000).map(|class| format!("thing {class}\n")).collect();
    folder.write("names.txt", names.as_bytes());
    folder.write("few.txt", b"one\ntwo\n");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let photo = repository().join("data/photos/chelsea.png");
    let photo = photo.to_str().unwrap();
    let (printed, ..) = run_with(&[photo, "--top", "1", "--classes", &path("names.txt")]).unwrap();
    assert!(printed.trim_end().ends_with(" %  thing 285"), "{printed}");
    let error = run_with(&[photo, "--classes", &path("few.txt")]).unwrap_err();
    assert!(error.contains("few.txt names 2 classes, but the network has 1000"), "{error}");
    let error = run_with(&[photo, "--classes", &path("none.txt")]).unwrap_err();
    assert!(error.contains("none.txt cannot be read"), "{error}");
}

#[test]
fn another_network_is_run_with_its_own_size_and_number_of_classes() {
    let folder = Folder::new("another");
    let weights = folder.path().join("weights.safetensors");
    TinyVgg::<10>::init(Init::seed(1), &Device::Cpu).unwrap().save(&weights).unwrap();
    let photo = repository().join("data/photos/chelsea.png");
    let options = ["--model", "tiny_vgg", "--weights", weights.to_str().unwrap(), "--top", "20"];
    let (printed, ..) = run_with(&[&options[..], &[photo.to_str().unwrap()]].concat()).unwrap();
    let mut names: Vec<&str> =
        printed.lines().skip(1).map(|line| line.split_once(" %  ").unwrap().1).collect();
    names.sort();
    assert_eq!(names, (0..10).map(|class| format!("class {class}")).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = Folder::new("refused");
    folder.write("weights.safetensors", b"\x02\0\0\0\0\0\0\0{}");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (weights, missing) = (path("weights.safetensors"), path("none.safetensors"));
    let digits = path("digits.safetensors");
    LeNet5Mnist::init(Init::seed(1), &Device::Cpu).unwrap().save(&digits).unwrap();
    for (options, says) in [
        (
            vec!["--model", "mobilnet_v2"],
            "there is no model `mobilnet_v2`; the nearest name is `mobilenet_v2`",
        ),
        (vec!["--weights", &missing], "none.safetensors"),
        (vec!["--weights", &weights], "features.0.0.weight"),
        (vec!["--top", "0"], "expected a whole number from 1"),
        (vec!["--batch-size", "0"], "expected a whole number from 1"),
        (vec!["--model", "resnet18"], "resnet18 has no weights here: give a file with --weights"),
        (
            vec!["--model", "lenet5_mnist", "--weights", &digits],
            "lenet5_mnist takes 1x28x28 and gives 10, but photos",
        ),
        (vec!["--tops", "3"], "--top"),
    ] {
        let error = run_with(&options).unwrap_err();
        assert!(error.contains(says), "{options:?}: {error}");
    }
    let (printed, said, failed) = run_with(&[folder.path().to_str().unwrap()]).unwrap();
    assert_eq!((printed.as_str(), failed), ("", 1));
    assert!(said.contains("there are no photos in this folder (jpg, jpeg, png"), "{said}");
}
