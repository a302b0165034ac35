//! The program `dcgan_mnist` on a few digits: what it prints, what it draws, and what it refuses.

#[path = "../dcgan_mnist.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod program;

#[path = "../../cnn-train/tests/files/mod.rs"]
mod common;

use clap::Parser;
use common::{Folder, images, labels};
use program::{Args, run};
use tempfile::TempDir;

fn run_with(options: &str) -> Result<String, String> {
    let words = ["dcgan_mnist"].into_iter().chain(options.split_whitespace());
    let args = Args::try_parse_from(words).map_err(|error| error.to_string())?;
    let mut printed = Vec::new();
    run(&args, &mut printed).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(printed).unwrap())
}

#[test]
fn it_draws_a_picture_an_epoch() {
    let (folder, data) = (TempDir::new().unwrap(), Folder::new("digits"));
    for (part, count) in [("train", 40), ("t10k", 1)] {
        data.write(&format!("{part}-images-idx3-ubyte"), &images(count));
        data.write(&format!("{part}-labels-idx1-ubyte"), &labels(count));
    }
    let (data, out) = (data.path().to_str().unwrap(), folder.path().to_str().unwrap());
    let printed = run_with(&format!("--epochs 2 --batch-size 10 --data {data} --out {out}")).unwrap();
    assert_eq!(printed.lines().filter(|line| line.starts_with("epoch ")).count(), 2, "{printed}");
    let pictures = [1, 2].map(|epoch| {
        let picture = image::open(folder.path().join(format!("epoch-0{epoch}.png"))).unwrap().to_luma8();
        assert_eq!(picture.dimensions(), (240, 240));
        picture
    });
    assert_ne!(pictures[0], pictures[1]);
    assert!(folder.path().join("generator.safetensors").is_file());
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (options, says) in [
        ("--epochs 0", "0 is not in 1.."),
        ("--batch-size 1", "1 is not in 2.."),
        ("--batch-size 20000", "a batch of 20000 is more than there are digits"),
        ("--data no/such/folder", "there is no folder no/such/folder"),
    ] {
        let error = run_with(options).unwrap_err();
        assert!(error.contains(says), "{options}: {error}");
    }
}
