//! Runs that are interrupted and go on: to the same bits, from files that are whole.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cnn_runtime::prelude::*;
use cnn_runtime::weights::WeightFile;
use cnn_train::optim::{AdamW, Config, RmsProp, Sgd};
use cnn_train::schedule::Schedule;
use cnn_train::trainer::{CHECKPOINT, Event, History, Stop, Trainer};
use common::{Small, TRAIN, VALID, bits, small};

mod common;

/// Steps of a run of [`EPOCHS`].
const STEPS: usize = EPOCHS * 4;
const EPOCHS: usize = 3;

/// A run with everything that has a state: momentum, dropout, batch norm, an average, mixup, accumulated gradients.
fn trainer<'a>(net: &'a Small, optimizer: Config) -> Trainer<'a> {
    Trainer::new(net)
        .optimizer(optimizer)
        .schedule(Schedule::one_cycle())
        .epochs(EPOCHS)
        .accumulate(2)
        .clip_norm(2.0)
        .ema(0.9)
        .mixup(0.4)
        .label_smoothing(0.1)
        .seed(5)
}

/// What must be the same: not the times.
fn timeless(history: &History) -> Vec<[f64; 6]> {
    let records = history.epochs.iter();
    records
        .map(|record| {
            let global = record.global_step as f64;
            let [train, valid] = [record.train_loss, record.valid_loss];
            [record.epoch as f64, train, valid, record.accuracy, record.learning_rate, global]
        })
        .collect()
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let configs: [(&str, Config); 3] = [
        ("SGD", Sgd::new(0.05).momentum(0.9).nesterov().weight_decay(1e-3).into()),
        ("AdamW", AdamW::new(0.01).sparing_norms().into()),
        ("RMSprop", RmsProp::new(0.01).centered().momentum(0.5).into()),
    ];
    for (name, config) in configs {
        let whole = small(2);
        let expected = trainer(&whole, config).fit(&TRAIN, &VALID).unwrap();
        let generator = whole.state().generator().state();
        // After every step, the last of an epoch and of the run included.
        for stop in 1..=STEPS {
            let folder = tempfile::tempdir().unwrap();
            let interrupted = small(2);
            let stopped = trainer(&interrupted, config)
                .run_folder(folder.path())
                .callback(move |event: &Event<'_>| match event {
                    Event::Step(step) if step.global_step == stop => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                })
                .fit(&TRAIN, &VALID)
                .unwrap();
            assert_eq!((stopped.stop, stopped.epochs.len()), (Stop::Callback, (stop - 1) / 4));
            // Another network: everything must come from the file.
            let resumed = small(99);
            let history =
                trainer(&resumed, config).run_folder(folder.path()).resume(true).fit(&TRAIN, &VALID).unwrap();
            assert_eq!(timeless(&history), timeless(&expected), "{name}, stopped after {stop}");
            assert_eq!(history.stop, Stop::Finished);
            assert_eq!(bits(resumed.state()), bits(whole.state()), "{name}, stopped after {stop}");
            assert_eq!(resumed.state().generator().state(), generator, "{name}, stopped after {stop}");
        }
    }
}

#[test]
fn a_run_that_is_interrupted_again_and_again_arrives() {
    let whole = small(2);
    let config = AdamW::new(0.01).amsgrad();
    trainer(&whole, config.into()).fit(&TRAIN, &VALID).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for run in 0.. {
        assert!(run < 2 * STEPS, "it does not arrive");
        // The first begins as the whole run does; the others take everything from the file.
        let net = small(if run == 0 { 2 } else { run as u64 + 50 });
        let history = trainer(&net, config.into())
            .run_folder(folder.path())
            .resume(true)
            .callback(|event: &Event<'_>| match event {
                Event::Step(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
            .fit(&TRAIN, &VALID)
            .unwrap();
        if history.stop == Stop::Finished {
            assert_eq!(bits(net.state()), bits(whole.state()));
            break;
        }
    }
}

#[test]
fn a_finished_run_stays_finished_and_a_longer_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = |net, epochs| {
        Trainer::new(net)
            .epochs(epochs)
            .schedule(Schedule::step(2, 0.5))
            .run_folder(folder.path())
            .resume(true)
    };
    let net = small(1);
    let first = trainer(&net, 2).fit(&TRAIN, &VALID).unwrap();
    let again = small(1);
    let mut steps = 0;
    let second = trainer(&again, 2)
        .callback(|event: &Event<'_>| {
            steps += usize::from(matches!(event, Event::Step(_)));
            ControlFlow::Continue(())
        })
        .fit(&TRAIN, &VALID)
        .unwrap();
    // With the times: they come from the file too.
    assert_eq!((second, steps), (first, 0));
    assert_eq!(bits(net.state()), bits(again.state()));

    let longer = small(1);
    let history = trainer(&longer, 4).fit(&TRAIN, &VALID).unwrap();
    let at_once = small(1);
    let expected =
        Trainer::new(&at_once).epochs(4).schedule(Schedule::step(2, 0.5)).fit(&TRAIN, &VALID).unwrap();
    assert_eq!(timeless(&history), timeless(&expected));
    assert_eq!(bits(longer.state()), bits(at_once.state()));
}

#[test]
fn checkpoints_come_when_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let net = small(1);
    let mut saved = Vec::new();
    Trainer::new(&net)
        .epochs(2)
        .run_folder(folder.path().join("made/of two"))
        .checkpoint_steps(3)
        .callback(|event: &Event<'_>| {
            if let Event::Saved { epoch, step, path, .. } = event {
                assert!(path.is_file());
                saved.push((*epoch, *step));
            }
            ControlFlow::Continue(())
        })
        .fit(&TRAIN, &VALID)
        .unwrap();
    assert_eq!(saved, [(1, 3), (1, 6), (1, 7), (2, 2), (2, 5), (2, 7)]);

    let net = small(1);
    let mut saved = 0;
    Trainer::new(&net)
        .epochs(1)
        .run_folder(folder.path().join("time"))
        .checkpoint_every(Duration::ZERO)
        .callback(|event: &Event<'_>| {
            saved += usize::from(matches!(event, Event::Saved { .. }));
            ControlFlow::Continue(())
        })
        .fit(&TRAIN, &VALID)
        .unwrap();
    assert_eq!(saved, 7);
    // A file of weights for PyTorch as well: the names say what is what.
    let file = WeightFile::open(folder.path().join("time").join(CHECKPOINT)).unwrap();
    assert_eq!(file.shape("model.conv1.weight"), Some(&[4, 1, 3, 3][..]));
    assert_eq!(file.shape("optimizer.fc.bias.exp_avg_sq"), Some(&[3][..]));
}

#[test]
fn the_weights_of_a_checkpoint_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(CHECKPOINT);
    let net = small(1);
    Trainer::new(&net).epochs(1).ema(0.9).run_folder(folder.path()).fit(&TRAIN, &VALID).unwrap();
    let other = small(2);
    cnn_train::checkpoint::load_weights(other.state(), &path).unwrap();
    // After a run the network has the average.
    assert_eq!(bits(other.state()), bits(net.state()));

    network! { Wider: 1x8x8 -> 4 { conv1: conv3-4 bn relu -> pool2 -> dropout(0.3) -> fc: fc4 } }
    let wider = Wider::init(Init::seed(1), &Device::Cpu).unwrap();
    let before = bits(wider.state());
    let error = cnn_train::checkpoint::load_weights(wider.state(), &path).unwrap_err().to_string();
    assert!(error.contains("its `ema.fc.weight` is [3, 64] of f32, the network's is [4, 64]"), "{error}");
    assert_eq!(bits(wider.state()), before);
}

#[test]
fn another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let net = small(1);
    let trainer =
        |optimizer: Config| Trainer::new(&net).epochs(1).run_folder(folder.path()).optimizer(optimizer);
    let sgd = Sgd::new(0.1).momentum(0.9);
    trainer(sgd.into()).fit(&TRAIN, &VALID).unwrap();
    let before = std::fs::read(folder.path().join(CHECKPOINT)).unwrap();
    let weights = bits(net.state());

    let error = trainer(sgd.into()).fit(&TRAIN, &VALID).unwrap_err().to_string();
    assert!(error.contains("go on with `.resume(true)`, or give another folder"), "{error}");
    let error = trainer(AdamW::new(0.1).into()).resume(true).fit(&TRAIN, &VALID).unwrap_err().to_string();
    assert!(error.contains("optimizer: {\"sgd\":") && error.contains("now"), "{error}");
    let error = trainer(sgd.into()).resume(true).seed(3).fit(&TRAIN, &VALID).unwrap_err().to_string();
    assert!(error.contains("(seed: 0 in the checkpoint, 3 now)"), "{error}");
    net.state().freeze(&["fc"]).unwrap();
    let error = trainer(sgd.into()).resume(true).fit(&TRAIN, &VALID).unwrap_err().to_string();
    assert!(error.contains("(frozen: [] in the checkpoint, [\"fc.weight\",\"fc.bias\"] now)"), "{error}");
    net.state().unfreeze_all();
    let error = trainer(sgd.into()).resume(true).fit(&common::Pictures { samples: 60, ..TRAIN }, &VALID);
    assert!(error.unwrap_err().to_string().contains("data: "));

    network! { Small: 1x8x8 -> 3 { conv1: conv5-4 bn relu -> pool2 -> dropout(0.3) -> fc: fc3 } }
    let other = Small::init(Init::seed(1), &Device::Cpu).unwrap();
    let mut trainer = Trainer::new(&other).epochs(1).run_folder(folder.path()).optimizer(sgd).resume(true);
    let error = trainer.fit(&TRAIN, &VALID).unwrap_err().to_string();
    assert!(
        error.contains("its `model.conv1.weight` is [4, 1, 3, 3] of f32, the network's is [4, 1, 5, 5]"),
        "{error}"
    );
    assert_eq!(bits(net.state()), weights);
    assert_eq!(std::fs::read(folder.path().join(CHECKPOINT)).unwrap(), before);
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(CHECKPOINT);
    let net = small(1);
    let resume = || {
        let net = small(9);
        let before = bits(net.state());
        let result = Trainer::new(&net).epochs(1).run_folder(folder.path()).resume(true).fit(&TRAIN, &VALID);
        let error = result.unwrap_err().to_string();
        assert_eq!(bits(net.state()), before, "{error}");
        assert!(error.contains(CHECKPOINT), "{error}");
        error
    };
    Trainer::new(&net).epochs(1).run_folder(folder.path()).fit(&TRAIN, &VALID).unwrap();
    let whole = std::fs::read(&path).unwrap();
    // Cut off anywhere.
    for length in [0, 1, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        resume();
    }
    std::fs::write(&path, b"hello, this is no checkpoint at all").unwrap();
    resume();
    // Weights alone.
    net.save(&path).unwrap();
    assert!(resume().contains("it has no `run.json`"));
    // Text that is none, and text that says something else.
    let find = |text: &[u8]| whole.windows(text.len()).position(|part| part == text).unwrap();
    for (text, instead, says) in [
        (&b"{\"version\""[..], &b"[\"version\""[..], "not what a trainer writes"),
        (b"\"version\":1", b"\"version\":7", "version 7, this program reads version 1"),
        (b"\"epoch\":1", b"\"epoch\":9", "it is of 9 epochs and has the numbers of 1"),
        (b"\"step\":0", b"\"step\":x", "not what a trainer writes"),
        (b"fc.bias.exp_avg\"", b"fc.bias.exp_bvg\"", "it has no tensor `optimizer.fc.bias.exp_avg`"),
    ] {
        let mut bytes = whole.clone();
        let place = find(text);
        bytes[place..place + text.len()].copy_from_slice(instead);
        std::fs::write(&path, bytes).unwrap();
        let error = resume();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn what_a_killed_process_left_is_swept_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(format!(".{CHECKPOINT}.4711-0.tmp"));
    std::fs::write(&left, b"half").unwrap();
    let others =
        [".checkpoint.safetensors.bak", "notes.tmp", ".other.tmp"].map(|name| folder.path().join(name));
    others.iter().for_each(|other| std::fs::write(other, b"mine").unwrap());
    Trainer::new(&small(1)).epochs(1).run_folder(folder.path()).fit(&TRAIN, &VALID).unwrap();
    assert!(!left.exists() && others.iter().all(|other| other.exists()));
}

/// Set for this program when it is the child of one of the tests below: the folder to train in.
const CHILD: &str = "CNN_TRAIN_CHILD";

fn child_trainer<'a>(net: &'a Small, folder: &Path) -> Trainer<'a> {
    let trainer = trainer(net, AdamW::new(0.01).into()).epochs(CHILD_EPOCHS).run_folder(folder);
    trainer.checkpoint_steps(1).resume(true)
}

const CHILD_EPOCHS: usize = 1000;

/// No test of its own: what the children do.
#[test]
fn child() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let net = small(4);
    let result = child_trainer(&net, Path::new(&folder))
        .stop_on_ctrl_c()
        .callback(|event: &Event<'_>| {
            if let Event::Saved { .. } = event {
                eprintln!("saved");
            }
            ControlFlow::Continue(())
        })
        .fit(&TRAIN, &VALID);
    match result {
        Ok(history) => eprintln!("stopped: {:?}", history.stop),
        Err(error) => eprintln!("error: {error}"),
    }
}

/// This program again, as the child alone.
fn child_command(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads", "1"]).env(CHILD, folder);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The step that the folder's checkpoint is of; it must be whole.
fn step_of(folder: &Path) -> usize {
    let net = small(77);
    let mut step = None;
    child_trainer(&net, folder)
        .callback(|event: &Event<'_>| match event {
            Event::Begin(begin) => {
                step = Some(begin.epochs_done * begin.steps + begin.steps_done);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        })
        .fit(&TRAIN, &VALID)
        .unwrap();
    step.unwrap()
}

#[test]
fn a_process_that_is_killed_at_any_moment_leaves_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = cnn_runtime::random::Stream::keyed(1, "when to kill");
    let mut last = 0;
    let mut advanced = 0;
    for kill in 0..50 {
        let mut child = child_command(folder.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.uniform(5e3, 120e3) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        if !folder.path().join(CHECKPOINT).exists() {
            assert_eq!(last, 0, "the checkpoint is gone after kill {kill}");
            continue;
        }
        let step = step_of(folder.path());
        assert!(step >= last, "kill {kill}: back from {last} to {step}");
        advanced += usize::from(step > last);
        last = step;
    }
    assert!(advanced >= 10, "only {advanced} of 50 children came to save anything");
}

#[cfg(unix)]
mod unix {
    use std::io::{BufRead, BufReader};

    use super::*;

    #[test]
    fn ctrl_c_stops_after_the_step_and_saves() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = child_command(folder.path()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let saved = |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line == "saved");
        assert!(lines.by_ref().take_while(|line| line.is_ok()).any(|line| saved(&line)));
        let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(status.success());
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert!(child.wait().unwrap().success());
        assert!(rest.iter().any(|line| line == "stopped: Interrupted"), "{rest:?}");
        assert!(step_of(folder.path()) >= 1);
    }

    #[test]
    fn a_full_disk_is_an_error_that_keeps_the_last_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let net = small(4);
        child_trainer(&net, folder.path())
            .callback(|event: &Event<'_>| match event {
                Event::Step(step) if step.global_step == 2 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
            .fit(&TRAIN, &VALID)
            .unwrap();
        let before = std::fs::read(folder.path().join(CHECKPOINT)).unwrap();
        // No file may be longer than 2 blocks of at most 1,024 bytes; the signal of that is ignored, so that writing fails as
        // it does on a full disk.
        assert!(before.len() > 2048);
        let program = std::env::current_exe().unwrap();
        let script = r#"trap '' XFSZ; ulimit -f 2; exec "$0" child --exact --nocapture --test-threads 1"#;
        let output =
            Command::new("sh").args(["-c", script]).arg(program).env(CHILD, folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let error = said.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{said}"));
        assert!(error.contains("cannot write `") && error.contains(CHECKPOINT), "{error}");
        assert_eq!(std::fs::read(folder.path().join(CHECKPOINT)).unwrap(), before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
        assert_eq!(step_of(folder.path()), 2);
    }
}
