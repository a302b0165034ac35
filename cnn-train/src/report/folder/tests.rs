use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::super::{Compared, compare_svg};
use super::*;
use crate::trainer::{History, Stop, Validation};

fn record(epoch: usize) -> EpochRecord {
    EpochRecord {
        epoch,
        train_loss: 2.0 / epoch as f64,
        valid_loss: 2.5 / epoch as f64,
        accuracy: 1.0 - 0.5 / epoch as f64,
        top5: 0.9,
        learning_rate: 0.125,
        global_step: 2 * epoch,
        train_seconds: 1.5,
        seconds: 2.0,
        images_per_second: 80.0,
    }
}

/// A run of `epochs` epochs of two steps, which begins after `done`.
fn run(folder: &mut RunFolder, done: usize, epochs: usize) -> Result<()> {
    run_in(folder, None, done, epochs)
}

fn run_in(folder: &mut RunFolder, trainers: Option<&Path>, done: usize, epochs: usize) -> Result<()> {
    let records: Vec<_> = (1..=done).map(record).collect();
    let classes = ["cat".to_owned(), "dog".to_owned()];
    let begin = Begin {
        network: "models::LeNet5",
        input_shape: &[1, 28, 28],
        parameters: 10,
        classes: &classes,
        epochs,
        batches: 2,
        steps: 2,
        train_samples: 120,
        valid_batches: 2,
        valid_samples: 4,
        epochs_done: done,
        steps_done: 0,
        records: &records,
        folder: trainers,
        config: &serde_json::json!({"optimizer": "sgd", "momentum": 0.9}),
    };
    let _ = folder.observe(&Event::Begin(&begin))?;
    for epoch in done + 1..=epochs {
        for step in 1..=2 {
            let global_step = 2 * (epoch - 1) + step;
            let step = Step {
                epoch,
                step,
                steps: 2,
                global_step,
                loss: 1.0 / global_step as f64,
                mean_loss: 1.0,
                learning_rate: 0.125,
                gradient_norm: Some(3.0),
                images: 60,
                epoch_images: 60 * step,
                total_images: 60 * global_step,
                seconds: 1.0,
                images_per_second: 60.0,
            };
            let _ = folder.observe(&Event::Step(&step))?;
        }
        for batch in 1..=2 {
            let logits = Tensor::new(&[[1.0_f32, 0.0], [1.0, 0.0]], &Device::Cpu)?;
            let labels = Tensor::new(&[0_u32, 1], &Device::Cpu)?;
            let validation = Validation { epoch, batch, batches: 2, logits: &logits, labels: &labels };
            let _ = folder.observe(&Event::Validation(&validation))?;
        }
        let weight = Tensor::full(epoch as f32, 3, &Device::Cpu)?;
        let (record, weights) = (record(epoch), [("fc.weight", &weight)]);
        let epoch = Epoch { record: &record, epochs, is_best: epoch != 3, weights: &weights };
        let _ = folder.observe(&Event::Epoch(&epoch))?;
    }
    let history = History { epochs: Vec::new(), best_epoch: None, stop: Stop::Finished };
    let _ = folder.observe(&Event::End(&history))?;
    Ok(())
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The names in a folder, those of events without what differs.
fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(name)
        .map(|name| if name.starts_with("events") { "events".to_owned() } else { name })
        .collect();
    names.sort();
    names
}

#[test]
fn a_run_leaves_its_files_and_nothing_half_written() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("runs/first");
    let mut folder = RunFolder::new(&path);
    run(&mut folder, 0, 3).unwrap();
    assert_eq!(
        names(&path),
        ["best.safetensors", "config.json", "confusion.svg", "curves.svg", "events", "metrics.csv"]
    );
    assert_eq!(
        read(&path, "metrics.csv"),
        "epoch,train_loss,valid_loss,accuracy,top5,learning_rate,global_step,train_seconds,seconds,images_per_second
1,2,2.5,0.5,0.9,0.125,2,1.5,2,80
2,1,1.25,0.75,0.9,0.125,4,1.5,2,80
3,0.6666666666666666,0.8333333333333334,0.8333333333333334,0.9,0.125,6,1.5,2,80
"
    );
    let config: serde_json::Value = serde_json::from_str(&read(&path, "config.json")).unwrap();
    assert_eq!(config, serde_json::json!({"optimizer": "sgd", "momentum": 0.9}));
    // The third epoch was not the best.
    let best = candle_core::safetensors::load(path.join("best.safetensors"), &Device::Cpu).unwrap();
    assert_eq!(best["fc.weight"].to_vec1::<f32>().unwrap(), [2.0; 3]);
    assert!(read(&path, "confusion.svg").contains("LeNet5: epoch 2, 75.00 %"));
    assert!(read(&path, "curves.svg").contains("LeNet5: epoch 3, 83.33 %"));
    // Of the last validation only.
    assert_eq!(folder.metrics().map(Metrics::samples), Some(4));
}

#[test]
fn a_run_that_goes_on_drops_what_was_after_its_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    run(&mut RunFolder::new(root.path()), 0, 4).unwrap();
    let whole = read(root.path(), "metrics.csv");
    run(&mut RunFolder::new(root.path()), 2, 4).unwrap();
    assert_eq!(read(root.path(), "metrics.csv"), whole);
    run(&mut RunFolder::new(root.path()), 2, 2).unwrap();
    assert_eq!(read(root.path(), "metrics.csv").lines().count(), 3);
    assert_eq!(names(root.path()).iter().filter(|name| *name == "events").count(), 3);
}

#[test]
fn another_runs_folder_is_taken_only_where_that_is_said() {
    let root = tempfile::tempdir().unwrap();
    run(&mut RunFolder::new(root.path()), 0, 2).unwrap();
    let before = read(root.path(), "metrics.csv");
    let error = run(&mut RunFolder::new(root.path()), 0, 1).unwrap_err().to_string();
    assert!(error.contains("holds another run's metrics: give another folder"), "{error}");
    assert_eq!(read(root.path(), "metrics.csv"), before);
    run(&mut RunFolder::new(root.path()).overwrite(true), 0, 1).unwrap();
    assert_eq!(read(root.path(), "metrics.csv").lines().count(), 2);
    assert_eq!(names(root.path()).iter().filter(|name| *name == "events").count(), 1);
}

#[test]
fn the_trainers_folder_is_taken_where_no_other_is_given() {
    let root = tempfile::tempdir().unwrap();
    run_in(&mut RunFolder::default(), Some(root.path()), 0, 1).unwrap();
    assert!(root.path().join("metrics.csv").exists());
    let error = run(&mut RunFolder::default(), 0, 1).unwrap_err().to_string();
    assert!(error.starts_with("the run has no folder"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let error = append(Path::new("/dev/full"), b"1,2\n").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_folder_that_cannot_be_made_or_written_to_is_named() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), b"x").unwrap();
    let error = run(&mut RunFolder::new(root.path().join("file/run")), 0, 1).unwrap_err().to_string();
    assert!(error.starts_with("cannot make the folder `") && error.contains("file/run"), "{error}");
    fs::create_dir(root.path().join("config.json")).unwrap();
    let error = run(&mut RunFolder::new(root.path()), 0, 1).unwrap_err().to_string();
    assert!(error.starts_with("cannot write `") && error.contains("config.json"), "{error}");
}

/// The texts of an SVG, and the points of its lines.
fn drawn(svg: &str) -> (Vec<String>, Vec<Vec<[f64; 2]>>) {
    let document = roxmltree::Document::parse(svg).unwrap();
    let named = |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
    let texts = named("text").map(|node| node.text().unwrap_or_default().trim().to_owned()).collect();
    let points = |node: roxmltree::Node<'_, '_>| {
        let numbers = |pair: &str| {
            let (x, y) = pair.split_once(',').unwrap();
            [x.parse().unwrap(), y.parse().unwrap()]
        };
        node.attribute("points").unwrap().split_whitespace().map(numbers).collect::<Vec<_>>()
    };
    (texts, named("polyline").map(points).collect())
}

#[test]
fn curves_go_through_their_points_and_are_labelled() {
    let records: Vec<_> = (1..=5).map(record).collect();
    let (texts, lines) = drawn(&curves_svg("LeNet5", &records).unwrap());
    for text in ["LeNet5", "epoch", "loss", "training", "validation", "accuracy", "top-5", "1", "5"] {
        assert!(texts.iter().any(|found| found == text), "{text} in {texts:?}");
    }
    let curves: Vec<_> = lines.iter().filter(|line| line.len() == 5).collect();
    assert_eq!(curves.len(), 4);
    // The training's loss is 2, 1, 2/3, 1/2, 2/5; the validation's a quarter more.
    let height = |curve: usize, epoch: usize| curves[curve][epoch - 1][1];
    let scale = (height(0, 1) - height(0, 2)) / (2.0 - 1.0);
    for (curve, epoch, loss) in [(0, 3, 2.0 / 3.0), (0, 5, 0.4), (1, 1, 2.5), (1, 5, 0.5)] {
        let expected = height(0, 1) + scale * (loss - 2.0);
        assert!((height(curve, epoch) - expected).abs() <= 2.0, "{curve} {epoch}");
    }
    // Epochs are evenly apart.
    let across: Vec<f64> = curves[0].windows(2).map(|pair| pair[1][0] - pair[0][0]).collect();
    assert!(across.iter().all(|step| (step - across[0]).abs() <= 1.0), "{across:?}");
}

#[test]
fn odd_curves_are_drawn_too() {
    for records in
        [vec![], vec![record(1)], vec![EpochRecord { train_loss: f64::NAN, ..record(1) }, record(2)]]
    {
        drawn(&curves_svg("<&>", &records).unwrap());
    }
    // Where top-5 is always 1 there is nothing to see in it.
    let all = EpochRecord { top5: 1.0, ..record(1) };
    assert!(!drawn(&curves_svg("", &[all]).unwrap()).0.contains(&"top-5".to_owned()));
}

#[test]
fn compared_runs_have_their_mean_and_their_names() {
    let run = |factor: f64, epochs: usize| -> Vec<EpochRecord> {
        (1..=epochs).map(|epoch| EpochRecord { train_loss: factor / epoch as f64, ..record(epoch) }).collect()
    };
    let (first, second, other) = (run(1.0, 4), run(3.0, 5), run(4.0, 5));
    let compared = [
        Compared { name: "with", runs: &[&first, &second] },
        Compared { name: "without <&>", runs: &[&other] },
    ];
    let (texts, lines) = drawn(&compare_svg("Two of them", &compared).unwrap());
    for text in ["Two of them", "epoch", "training loss", "with", "without <&>"] {
        assert!(texts.iter().any(|found| found == text), "{text} in {texts:?}");
    }
    // In each panel two fine lines, then the means: the first as far as both runs go.
    let curves: Vec<_> = lines.iter().filter(|line| line.len() > 3).collect();
    let lengths: Vec<_> = curves.iter().map(|line| line.len()).collect();
    assert_eq!(lengths, [4, 5, 4, 5, 4, 5, 4, 5]);
    let height = |curve: usize, epoch: usize| curves[curve][epoch - 1][1];
    for epoch in 1..=4 {
        let mean = (height(0, epoch) + height(1, epoch)) / 2.0;
        assert!((height(2, epoch) - mean).abs() <= 1.0, "{epoch}");
    }
}

#[test]
fn odd_runs_are_compared_too() {
    drawn(&compare_svg("none", &[]).unwrap());
    let compared = |runs: &[EpochRecord]| {
        drawn(
            &compare_svg("odd", &[Compared { name: "a", runs: &[runs] }, Compared { name: "b", runs: &[] }])
                .unwrap(),
        )
    };
    compared(&[]);
    compared(&[EpochRecord { train_loss: f64::NAN, ..record(1) }, record(2)]);
    // A loss that is far above the others leaves them room.
    let records: Vec<_> = (1..=5).map(record).collect();
    let mut far = records.clone();
    far[0].train_loss = 1e9;
    let lines = compared(&far).1;
    let line = lines.iter().find(|line| line.len() == 5).unwrap();
    assert!(line[4][1] - line[1][1] > 10.0, "{line:?}");
}

#[test]
fn the_matrix_has_its_names_and_numbers() {
    let mut metrics = Metrics::named(["airplane", "a very long name of a class"]);
    let logits = Tensor::new(&[[1.0_f32, 0.0], [1.0, 0.0], [0.0, 1.0]], &Device::Cpu).unwrap();
    metrics.update(&logits, &Tensor::new(&[0_u32, 1, 1], &Device::Cpu).unwrap()).unwrap();
    let svg = confusion_svg("epoch 2", metrics.confusion()).unwrap();
    let mut counts = HashMap::new();
    for text in drawn(&svg).0 {
        *counts.entry(text).or_insert(0) += 1;
    }
    for (text, count) in [
        ("epoch 2", 1),
        ("airplane", 2),
        ("a very long n…", 2),
        ("1", 3),
        ("true class", 1),
        ("predicted class", 1),
    ] {
        assert_eq!(counts.get(text), Some(&count), "{text} in {counts:?}");
    }
    // A thousand classes are a picture without names, and none at all is one too.
    assert!(drawn(&confusion_svg("many", Metrics::new(300).confusion()).unwrap()).0.len() == 3);
    drawn(&confusion_svg("none", Metrics::new(0).confusion()).unwrap());
}
