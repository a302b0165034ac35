//! The program `lenet_mnist` on small data sets: what it prints, what it writes, and what it refuses.

#[path = "../lenet_mnist.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod program;

#[path = "../../cnn-train/tests/files/mod.rs"]
mod common;

use clap::Parser;
use cnn_examples::mnist;
use cnn_examples::models::lenet::LeNet5Mnist;
use cnn_runtime::prelude::*;
use common::{Folder, images, labels, shipped};
use program::{Args, run};

/// A folder with the first `train` and `test` of the shipped digits.
fn few_digits(name: &str, train: usize, test: usize) -> Folder {
    let data = mnist::read_folder(&shipped()).unwrap();
    let folder = Folder::new(name);
    for (prefix, digits, count) in [("train", &data.train, train), ("t10k", &data.test, test)] {
        let mut images = images(count)[..16].to_vec();
        images.extend((0..count).flat_map(|index| digits.image(index)));
        folder.write(&format!("{prefix}-images-idx3-ubyte"), &images);
        let mut labels = labels(count)[..8].to_vec();
        labels.extend(&digits.labels()[..count]);
        folder.write(&format!("{prefix}-labels-idx1-ubyte"), &labels);
    }
    folder
}

/// Runs the program on the folder's data, with the weights in the folder: what it prints, or its error.
fn run_in(folder: &Folder, options: &str) -> Result<String, String> {
    let path = folder.path().to_str().unwrap();
    let out = format!("--out {path}/weights.safetensors");
    let out = if options.contains("--out") { "" } else { &out };
    let words = ["lenet_mnist", "--data", path];
    let words = words.into_iter().chain(out.split_whitespace()).chain(options.split_whitespace());
    let args = Args::try_parse_from(words).map_err(|error| error.to_string())?;
    let mut printed = Vec::new();
    run(&args, &mut printed).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(printed).unwrap())
}

/// What is printed without the times, which differ from run to run.
fn timeless(printed: &str) -> String {
    printed
        .lines()
        .map(|line| line.split("   ").take(3).collect::<Vec<_>>().join("   "))
        .filter(|line| !line.ends_with("s in all"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_network_is_the_lectures() {
    let net = LeNet5Mnist::init(Init::seed(0), &Device::Cpu).unwrap();
    // 6 (25 + 1) + 16 (150 + 1) + 120 (400 + 1) + 84 (120 + 1) + 10 (84 + 1).
    assert_eq!(net.trainable().iter().map(|var| var.elem_count()).sum::<usize>(), 61_706);
}

#[test]
fn it_learns_and_ends_with_the_test_accuracy() {
    let folder = few_digits("learns", 600, 200);
    let printed = run_in(&folder, "--epochs 4 --batch-size 20 --device cpu").unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "600 pictures to learn from, 200 to test with, on the CPU");
    for (epoch, line) in (1..=4).zip(&lines[1..]) {
        assert!(
            line.starts_with(&format!("epoch {epoch:2}   loss ")) && line.contains(" test accuracy "),
            "{line}"
        );
    }
    let last = lines.last().unwrap();
    let percent = last.strip_prefix("test accuracy ").and_then(|rest| rest.strip_suffix(" %")).unwrap();
    assert_eq!(percent.split_once('.').map(|(_, decimals)| decimals.len()), Some(2), "{last}");
    // Chance is 10 %.
    assert!(percent.parse::<f64>().unwrap() > 60.0, "{last}");
    // The weights that were loaded give what the trained network gave.
    assert!(lines[4].contains(last), "{}\n{last}", lines[4]);
    assert!(lines.iter().filter(|line| line.contains('█')).count() >= 10, "{printed}");
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{printed}");
    assert!(folder.path().join("weights.safetensors").is_file());
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_gives_another() {
    let folder = few_digits("seed", 100, 50);
    let [first, second, third] =
        ["7", "7", "8"].map(|seed| timeless(&run_in(&folder, &format!("--epochs 2 --seed {seed}")).unwrap()));
    assert_eq!(first, second);
    assert_ne!(first, third);
}

#[test]
fn a_run_that_diverges_says_so_and_writes_nothing() {
    let folder = few_digits("diverges", 100, 10);
    let before = folder.names();
    let error = run_in(&folder, "--lr 1e30").unwrap_err();
    assert!(error.contains("the loss became ") && error.contains("lower the learning rate"), "{error}");
    assert_eq!(folder.names(), before);
}

#[test]
fn a_place_for_the_weights_that_cannot_be_is_refused_before_training() {
    let folder = few_digits("place", 10, 10);
    let path = folder.path().to_str().unwrap().to_owned();
    let error =
        run_in(&folder, &format!("--epochs 1000000 --out {path}/none/weights.safetensors")).unwrap_err();
    assert!(error.starts_with("there is no folder ") && error.contains("none"), "{error}");
    let error = run_in(&folder, &format!("--epochs 1000000 --out {path}")).unwrap_err();
    assert!(error.contains("is a folder: give a file name with --out"), "{error}");
}

#[test]
fn bad_data_is_an_error_that_names_the_file() {
    let folder = few_digits("bad-data", 10, 10);
    folder.write("t10k-labels-idx1-ubyte", &labels(9));
    let error = run_in(&folder, "").unwrap_err();
    assert!(error.contains("t10k-labels-idx1-ubyte holds 9 labels"), "{error}");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let folder = Folder::new("options");
    for (options, says) in [
        ("--epochs 0", "expected a whole number from 1"),
        ("--batch-size 0", "expected a whole number from 1"),
        ("--batch-size -3", "unexpected argument"),
        ("--lr 0", "expected a number above 0"),
        ("--lr nan", "expected a number above 0"),
        ("--lr fast", "expected a number above 0"),
        ("--seed minus", "invalid digit"),
        ("--device=gpu", "expected cpu, cuda, cuda:N or auto"),
        ("--epoch 3", "--epochs"),
    ] {
        let error = run_in(&folder, options).unwrap_err();
        assert!(error.contains(says), "{options}: {error}");
    }
}
