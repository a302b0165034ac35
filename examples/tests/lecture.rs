//! The program `lecture` in its quick form: what it prints and writes, and what it refuses.

#[path = "../lecture.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod program;

#[path = "../../cnn-train/tests/files/mod.rs"]
mod common;

use clap::Parser;
use common::Folder;
use program::{Args, run};

/// Runs the program: what it prints, or its error.
fn run_with(options: &[&str]) -> Result<String, String> {
    let args = Args::try_parse_from(["lecture"].iter().chain(options)).map_err(|error| error.to_string())?;
    let mut printed = Vec::new();
    run(&args, &mut printed).map_err(|error| error.to_string())?;
    String::from_utf8(printed).map_err(|error| error.to_string())
}

#[test]
fn an_experiment_leaves_its_picture_its_table_and_its_sentence() {
    let folder = Folder::new("lecture");
    let out = folder.path().join("new/folder");
    let printed = run_with(&["--only", "groupnorm", "--quick", "--out", out.to_str().unwrap()]).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "groupnorm: Group norm does not mind small batches, where batch norm does?");
    assert!(lines[1].starts_with("variant ") && lines[1].ends_with("  seconds"), "{printed}");
    let names = [
        "batch norm, batches of 2",
        "group norm, batches of 2",
        "batch norm, batches of 32",
        "group norm, batches of 32",
    ];
    for (name, line) in names.iter().zip(&lines[2..]) {
        assert!(line.starts_with(&format!("{name} ")), "{printed}");
        // 3x3 weights and the fully connected layer, and two numbers a channel of each norm.
        let parameters = 9 * (16 + 16 * 32 + 32 * 64) + 64 * 10 + 10 + 2 * (16 + 32 + 64);
        assert!(line.contains(&format!("  {parameters}  ")), "{line}");
    }
    assert!(lines[6].starts_with("With 2 pictures to a batch ") && lines[6].ends_with('.'), "{printed}");

    let svg = std::fs::read_to_string(out.join("groupnorm.svg")).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(|node| node.text().unwrap_or_default().trim())
        .collect();
    for name in names {
        assert!(texts.contains(&name), "{name} in {texts:?}");
    }
    let page = std::fs::read_to_string(out.join("lecture.md")).unwrap();
    assert!(page.contains(lines[6]) && page.contains("](groupnorm.svg)"), "{page}");
    let mut files: Vec<_> =
        std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["groupnorm.svg", "lecture.md"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_before_training() {
    let folder = Folder::new("lecture-place");
    folder.write("taken", b"a file");
    let taken = folder.path().join("taken");
    let error = run_with(&["--out", taken.to_str().unwrap()]).unwrap_err();
    assert!(error.contains("taken cannot be written: "), "{error}");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for (options, says) in [
        (["--only", "width"], "activations, batchnorm, groupnorm, depth, dropout"),
        (["--seed", "minus"], "invalid digit"),
        (["--seed", "18446744073709551615"], "is not in"),
        (["--quicker", "yes"], "--quick"),
    ] {
        let error = run_with(&options).unwrap_err();
        assert!(error.contains(says), "{options:?}: {error}");
    }
}
