use super::*;
use crate::trainer::EpochRecord;

#[test]
fn every_epoch_has_a_line_and_the_best_is_named() {
    let record = |epoch: usize, accuracy: f64| EpochRecord {
        epoch,
        train_loss: 0.25,
        valid_loss: 0.5,
        accuracy,
        top5: 1.0,
        learning_rate: 0.1,
        global_step: epoch,
        train_seconds: 1.0,
        seconds: 1.25,
        images_per_second: 1234.4,
    };
    let records = [record(1, 0.5), record(2, 0.975)];
    let begin = Begin {
        network: "models::LeNet5",
        input_shape: &[1, 28, 28],
        parameters: 61_706,
        classes: &[],
        epochs: 10,
        batches: 1,
        steps: 1,
        train_samples: 100,
        valid_batches: 1,
        valid_samples: 20,
        epochs_done: 0,
        steps_done: 0,
        records: &[],
        folder: None,
        config: &serde_json::Value::Null,
    };
    let mut console = Console::to(Vec::new());
    let _ = console.observe(&Event::Begin(&begin)).unwrap();
    for record in &records {
        let epoch = Epoch { record, epochs: 10, is_best: record.epoch == 2, weights: &[] };
        let _ = console.observe(&Event::Epoch(&epoch)).unwrap();
    }
    let history = History { epochs: records.to_vec(), best_epoch: Some(2), stop: Stop::Early };
    let _ = console.observe(&Event::End(&history)).unwrap();
    assert_eq!(
        String::from_utf8(console.into_inner()).unwrap(),
        "LeNet5, 61706 parameters: 100 images to learn from, 20 to validate with
epoch  1/10  loss 0.2500  validation loss 0.5000  accuracy 50.00 %    1234 images/s  1.2 s
epoch  2/10  loss 0.2500  validation loss 0.5000  accuracy 97.50 % *  1234 images/s  1.2 s
stopped early: it had not become better; best accuracy 97.50 % in epoch 2
"
    );
}

#[test]
fn an_output_that_takes_nothing_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let history = History { epochs: Vec::new(), best_epoch: None, stop: Stop::Interrupted };
    let error = Console::to(Full).observe(&Event::End(&history)).unwrap_err().to_string();
    assert!(error.starts_with("cannot write to `the standard output`"), "{error}");
}
