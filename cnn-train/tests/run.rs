//! A whole run on the shipped digits: loader, trainer, run folder and console together, interrupted and gone on with.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cnn_runtime::prelude::*;
use cnn_train::data::transform::{Normalize, RandomCrop};
use cnn_train::data::{Loader, Subset, mnist};
use cnn_train::optim::Sgd;
use cnn_train::report::{Console, RunFolder};
use cnn_train::trainer::{Event, History, Stop, Trainer};

network! {
    Small: 1x28x28 -> 10 {
        conv5-6 relu -> pool2
     -> conv5-8(valid) relu -> pool2
     -> fc10
    }
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("data/mnist")
}

/// Trains on 1,000 digits in `folder`, for as many epochs as `stop` lets it.
fn run(folder: &Path, stop: Option<usize>) -> History {
    let data = mnist::read_folder(&shipped()).unwrap();
    let part = |digits, count| Subset::new(digits, (0..count).collect()).unwrap();
    let train = Loader::new(part(data.train, 1_000), 50)
        .unwrap()
        .shuffle(true)
        .seed(1)
        .workers(2)
        .transform(RandomCrop::new(28).padding(1))
        .transform(Normalize::new([mnist::MEAN], [mnist::STD]));
    let valid = Loader::new(part(data.test, 500), 100)
        .unwrap()
        .transform(Normalize::new([mnist::MEAN], [mnist::STD]));
    let net = Small::init(Init::seed(3), &Device::Cpu).unwrap();
    let after = move |event: &Event<'_>| match event {
        Event::Epoch(epoch) if Some(epoch.record.epoch) == stop => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    Trainer::new(&net)
        .optimizer(Sgd::new(0.05).momentum(0.9))
        .epochs(4)
        .run_folder(folder)
        .resume(true)
        .callback(RunFolder::default())
        .callback(Console::to(Vec::new()))
        .callback(after)
        .fit(&train, &valid)
        .unwrap()
}

/// The columns that do not hold times.
fn metrics(folder: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.join("metrics.csv")).unwrap();
    text.lines().map(|line| line.split(',').take(7).map(str::to_owned).collect()).collect()
}

#[test]
fn an_interrupted_run_leaves_what_an_uninterrupted_one_leaves() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let history = run(whole.path(), None);
    assert_eq!((history.stop, history.epochs.len()), (Stop::Finished, 4));
    // A tenth of MNIST for four epochs: about nine of ten.
    assert!(history.best().unwrap().accuracy > 0.85, "{:?}", history.best());

    assert_eq!(run(parts.path(), Some(2)).epochs.len(), 2);
    assert_eq!(metrics(parts.path()).len(), 3);
    run(parts.path(), None);
    assert_eq!(metrics(parts.path()), metrics(whole.path()));
    for name in ["best.safetensors", "confusion.svg", "curves.svg"] {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(read(whole.path()) == read(parts.path()), "{name}");
    }
}
