//! What a run does, tells and refuses.

use std::ops::ControlFlow;

use candle_core::{DType, Device, Tensor};
use cnn_runtime::prelude::*;
use cnn_runtime::{Network, Pass, ops};
use cnn_train::optim::{AdamW, Optimizer, Sgd};
use cnn_train::schedule::{OneCycle, Schedule, Span};
use cnn_train::trainer::{Event, Stop, Trainer};
use cnn_train::{Batch, Batches, Error};
use common::{Pictures, TRAIN, VALID, bits, small};

mod common;

#[test]
fn it_does_what_a_loop_by_hand_does() {
    by_hand(true);
}

#[test]
fn it_does_what_a_loop_by_hand_does_on_tensors() {
    by_hand(false);
}

fn by_hand(compiled: bool) {
    let trained = small(3);
    let history = Trainer::new(&trained)
        .optimizer(Sgd::new(0.05).momentum(0.9).weight_decay(1e-3).sparing_norms())
        .schedule(Schedule::step(1, 0.5))
        .epochs(3)
        .label_smoothing(0.1)
        .clip_norm(1.0)
        .compile(compiled)
        .fit(&TRAIN, &VALID)
        .unwrap();

    let by_hand = small(3);
    let config = Sgd::new(0.05).momentum(0.9).weight_decay(1e-3).sparing_norms();
    let mut optimizer = Optimizer::new(by_hand.state(), config).unwrap().clip_norm(1.0);
    for epoch in 0..3 {
        optimizer.set_learning_rate(0.05 * 0.5f64.powi(epoch));
        for batch in TRAIN.epoch(epoch as usize, 0).unwrap() {
            let Batch { inputs, labels } = batch.unwrap();
            let logits = if compiled {
                by_hand.forward_train(&inputs).unwrap().into_inner()
            } else {
                by_hand.forward_pass(&inputs, &Pass::train(by_hand.state().generator())).unwrap()
            };
            let loss = ops::cross_entropy(&logits, &labels, 0.1).unwrap();
            optimizer.backward_step(&loss).unwrap();
        }
    }
    assert_eq!(bits(trained.state()), bits(by_hand.state()));

    let mut right = 0;
    let mut loss = 0.0;
    for batch in VALID.epoch(0, 0).unwrap() {
        let Batch { inputs, labels } = batch.unwrap();
        let logits = by_hand.forward(&inputs).unwrap().into_inner();
        let said = logits.argmax(1).unwrap().to_vec1::<u32>().unwrap();
        let labels_of = labels.to_vec1::<u32>().unwrap();
        right += said.iter().zip(&labels_of).filter(|(said, label)| said == label).count();
        // candle's loss, not ours.
        let mean = candle_nn::loss::cross_entropy(&logits, &labels).unwrap().to_scalar::<f32>().unwrap();
        loss += f64::from(mean) * said.len() as f64;
    }
    let last = history.last().unwrap();
    assert_eq!(last.accuracy, right as f64 / 30.0);
    assert!((last.valid_loss - loss / 30.0).abs() < 1e-6);
    assert_eq!((last.top5, last.epoch, last.global_step), (1.0, 3, 21));
    assert_eq!(last.learning_rate, 0.05 * 0.25);
    assert_eq!(history.stop, Stop::Finished);
}

#[test]
fn compiled_or_not_it_learns_the_same() {
    let weights = |compile: bool, accumulate: usize| -> Vec<f32> {
        let net = small(3);
        let sgd = Sgd::new(0.02).momentum(0.9);
        let mut trainer = Trainer::new(&net).optimizer(sgd).epochs(2).accumulate(accumulate).compile(compile);
        trainer.fit(&TRAIN, &VALID).unwrap();
        let all = net.state().named().map(|(_, var, _)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        all.flatten().collect()
    };
    for accumulate in [1, 3] {
        let (compiled, eager) = (weights(true, accumulate), weights(false, accumulate));
        assert_ne!(compiled, weights(true, accumulate + 1));
        let away = compiled.iter().zip(&eager).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(away < 1e-5, "{away:e}");
    }
}

#[test]
fn it_learns_and_tells() {
    let net = small(1);
    let mut told = Vec::new();
    let mut steps = Vec::new();
    let history = Trainer::new(&net)
        .optimizer(AdamW::new(0.02))
        .schedule(Schedule::from(OneCycle::new()).warm_up(Span::Steps(3), 0.1))
        .epochs(6)
        .callback(|event: &Event<'_>| {
            told.push(match event {
                Event::Begin(begin) => {
                    assert_eq!((begin.network, begin.parameters), ("Small", 36 + 8 + 64 * 3 + 3));
                    assert_eq!((begin.batches, begin.steps, begin.epochs), (7, 7, 6));
                    assert_eq!((begin.train_samples, begin.valid_samples), (50, 30));
                    assert_eq!(begin.config["optimizer"]["adam_w"]["learning_rate"], 0.02);
                    'B'
                }
                Event::Step(step) => {
                    steps.push(**step);
                    's'
                }
                Event::Validation(batch) => {
                    assert_eq!(batch.logits.dims(), [batch.labels.dim(0).unwrap(), 3]);
                    assert!(!batch.logits.track_op());
                    'v'
                }
                Event::Epoch(epoch) => {
                    assert_eq!(epoch.weights.len(), net.state().named().count());
                    'e'
                }
                Event::End(_) => 'E',
                _ => '?',
            });
            ControlFlow::Continue(())
        })
        .fit(&TRAIN, &VALID)
        .unwrap();
    let told: String = told.into_iter().collect();
    assert_eq!(told, format!("B{}E", "sssssssvvvvve".repeat(6)));
    assert_eq!((steps[8].epoch, steps[8].step, steps[8].global_step), (2, 2, 9));
    assert_eq!((steps[6].images, steps[6].epoch_images, steps[13].total_images), (2, 50, 100));
    let losses: f64 = steps[..7].iter().map(|step| step.loss * step.images as f64).sum();
    assert!((history.epochs[0].train_loss - losses / 50.0).abs() < 1e-12);
    assert_eq!(history.epochs.len(), 6);
    // Chance is a third.
    assert!(history.best().unwrap().accuracy > 0.8, "{history:?}");
}

/// A gradient of several batches is that of all their samples.
#[test]
fn accumulated_batches_are_one_large_batch() {
    // Without batch norm and dropout, which look at batches.
    network! { Plain: 1x8x8 -> 3 { conv3-4 relu -> pool2 -> fc3 } }
    let run = |batch_size, accumulate| {
        let net = Plain::init(Init::seed(1).dtype(DType::F64), &Device::Cpu).unwrap();
        let train = Pictures { batch_size, ..TRAIN };
        let mut trainer = Trainer::new(&net).optimizer(Sgd::new(0.1).momentum(0.9)).epochs(2);
        trainer = trainer.accumulate(accumulate).clip_norm(0.5);
        let history = trainer.fit(&train, &VALID).unwrap();
        assert_eq!(history.last().unwrap().global_step, 2 * 3);
        drop(trainer);
        net
    };
    let [small, large] = [run(5, 4), run(20, 1)];
    for ((name, a, _), (_, b, _)) in small.state().named().zip(large.state().named()) {
        let difference = (a.as_tensor() - b.as_tensor()).unwrap().abs().unwrap().flatten_all().unwrap();
        let difference = difference.max(0).unwrap().to_scalar::<f64>().unwrap();
        assert!(difference < 1e-13, "{name}: {difference}");
    }
}

#[test]
fn the_average_is_validated_and_left_in_the_network() {
    let net = small(1);
    let mut trained = None;
    let mut given = None;
    let history = Trainer::new(&net)
        .optimizer(Sgd::new(0.1))
        .epochs(1)
        .ema(0.5)
        .callback(|event: &Event<'_>| {
            if let Event::Epoch(epoch) = event {
                trained = Some(bits(net.state()));
                let weights = epoch.weights.iter().map(|(name, tensor)| {
                    ((*name).to_owned(), tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap())
                });
                given = Some(weights.collect::<Vec<_>>());
            }
            ControlFlow::Continue(())
        })
        .fit(&TRAIN, &VALID)
        .unwrap();
    let (trained, given) = (trained.unwrap(), given.unwrap());
    // The average by the definition, from the weights of each step of the same run.
    let other = small(1);
    let mut average: Vec<Vec<f64>> = Vec::new();
    Trainer::new(&other)
        .optimizer(Sgd::new(0.1))
        .epochs(1)
        .callback(|event: &Event<'_>| {
            if let Event::Step(_) = event {
                let now: Vec<Vec<f64>> = other
                    .trainable()
                    .iter()
                    .map(|var| var.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap())
                    .collect();
                if average.is_empty() {
                    average = now;
                } else {
                    for (average, now) in average.iter_mut().flatten().zip(now.iter().flatten()) {
                        *average = 0.5 * *average + 0.5 * now;
                    }
                }
            }
            ControlFlow::Continue(())
        })
        .fit(&TRAIN, &VALID)
        .unwrap();
    assert_eq!(trained, bits(other.state()));
    let in_network: Vec<f32> =
        net.trainable().iter().flat_map(|var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect();
    for (ours, expected) in in_network.iter().zip(average.iter().flatten()) {
        assert!((f64::from(*ours) - expected).abs() < 1e-6);
    }
    assert_ne!(trained, bits(net.state()));
    let now = bits(net.state());
    for ((name, values), (other, bits)) in given.iter().zip(&now) {
        assert_eq!(name, other);
        assert!(values.iter().zip(bits).all(|(value, bits)| value.to_bits() == *bits), "{name}");
    }
    // What was validated is what the network says now.
    let mut right = 0;
    for batch in VALID.epoch(0, 0).unwrap() {
        let Batch { inputs, labels } = batch.unwrap();
        let said = net.forward(&inputs).unwrap().argmax(1).unwrap().to_vec1::<u32>().unwrap();
        right += said.iter().zip(&labels.to_vec1::<u32>().unwrap()).filter(|(a, b)| a == b).count();
    }
    assert_eq!(history.last().unwrap().accuracy, right as f64 / 30.0);
}

#[test]
fn it_stops_early_when_nothing_becomes_better() {
    network! { Plain: 1x8x8 -> 3 { conv3-4 relu -> pool2 -> fc3 } }
    let net = Plain::init(Init::seed(1), &Device::Cpu).unwrap();
    // Nothing is learnt, nothing moves: the first epoch stays the best.
    let mut trainer = Trainer::new(&net).optimizer(Sgd::new(0.0)).epochs(50).early_stopping(3);
    let history = trainer.fit(&TRAIN, &VALID).unwrap();
    assert_eq!((history.epochs.len(), history.best_epoch, history.stop), (4, Some(1), Stop::Early));
}

#[test]
fn a_listener_stops_a_run() {
    let net = small(1);
    let mut steps = 0;
    let history = Trainer::new(&net)
        .callback(|event: &Event<'_>| {
            steps += usize::from(matches!(event, Event::Step(_)));
            if steps == 9 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .fit(&TRAIN, &VALID)
        .unwrap();
    assert_eq!((history.stop, history.epochs.len(), steps), (Stop::Callback, 1, 9));
}

#[test]
fn mixup_and_its_seed_change_the_run() {
    let run = |mixup: Option<f64>, seed| {
        let net = small(1);
        let trainer = Trainer::new(&net).epochs(1).seed(seed);
        let mut trainer = if let Some(alpha) = mixup { trainer.mixup(alpha) } else { trainer };
        trainer.fit(&TRAIN, &VALID).unwrap();
        bits(net.state())
    };
    assert_eq!(run(Some(0.4), 1), run(Some(0.4), 1));
    assert_ne!(run(Some(0.4), 1), run(Some(0.4), 2));
    assert_ne!(run(Some(0.4), 1), run(None, 1));
    assert_eq!(run(None, 1), run(None, 2));
}

#[test]
fn a_loss_that_is_not_finite_names_where_it_began() {
    let fails = |net: &dyn Network, train: &dyn Batches| {
        let mut trainer = Trainer::new(net).optimizer(Sgd::new(0.01)).epochs(1);
        let error = trainer.fit(train, &VALID).unwrap_err();
        assert!(matches!(error, Error::Diverged { epoch: 1, .. }), "{error}");
        error.to_string()
    };
    let set = |net: &common::Small, name: &str, value: f64| {
        let var = net.state().get(name).unwrap();
        var.set(&(var.ones_like().unwrap() * value).unwrap()).unwrap();
    };

    let net = small(1);
    set(&net, "fc.bias", f64::NAN);
    let error = fails(&net, &TRAIN);
    assert!(error.contains("epoch 1, step 1: `fc.bias` has NaN"), "{error}");

    // The weights are finite, the products are not.
    let net = small(1);
    set(&net, "fc.weight", 3e38);
    let error = fails(&net, &TRAIN);
    assert!(error.contains("the output of layer `fc` (`fc3`) is the first that has"), "{error}");
    let net = small(1);
    set(&net, "conv1.weight", 3e38);
    let error = fails(&net, &TRAIN);
    assert!(error.contains("the output of layer `conv1` (`conv3-4`) is the first that has"), "{error}");

    struct Broken;
    impl Batches for Broken {
        fn len(&self) -> usize {
            TRAIN.len()
        }

        fn samples(&self) -> usize {
            TRAIN.samples()
        }

        fn epoch(
            &self,
            epoch: usize,
            first: usize,
        ) -> cnn_train::Result<Box<dyn Iterator<Item = cnn_train::Result<Batch>> + '_>> {
            Ok(Box::new(TRAIN.epoch(epoch, first)?.enumerate().map(|(index, batch)| {
                let Batch { inputs, labels } = batch?;
                let mut values = inputs.flatten_all()?.to_vec1::<f32>()?;
                if index == 2 {
                    values[64 * 5 + 3] = f32::INFINITY;
                }
                Ok(Batch { inputs: Tensor::from_vec(values, inputs.shape(), &Device::Cpu)?, labels })
            })))
        }
    }
    let error = fails(&small(1), &Broken);
    assert!(error.contains("epoch 1, step 3: the batch's input has inf in sample 5 already"), "{error}");
}

#[test]
fn a_rate_that_is_far_too_high_is_an_error_with_advice() {
    network! { Plain: 1x8x8 -> 3 { conv3-4 relu -> pool2 -> fc3 } }
    let net = Plain::init(Init::seed(1), &Device::Cpu).unwrap();
    let error = Trainer::new(&net).optimizer(Sgd::new(1e30)).fit(&TRAIN, &VALID).unwrap_err().to_string();
    assert!(
        error.contains("lower the learning rate, begin with a warm-up, or clip the gradients"),
        "{error}"
    );
}

/// One batch of these tensors.
struct One(Tensor, Tensor);

impl Batches for One {
    fn len(&self) -> usize {
        2
    }

    fn samples(&self) -> usize {
        2
    }

    fn epoch(
        &self,
        _: usize,
        _: usize,
    ) -> cnn_train::Result<Box<dyn Iterator<Item = cnn_train::Result<Batch>> + '_>> {
        Ok(Box::new([Ok(Batch { inputs: self.0.clone(), labels: self.1.clone() })].into_iter()))
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let net = small(1);
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    let good = zeros(&[4, 1, 8, 8], DType::F32);
    for (inputs, labels, says) in [
        (good.clone(), zeros(&[3], DType::U32), "labels (N) with N above 0, found [4, 1, 8, 8] and [3]"),
        (good.clone(), zeros(&[4, 1], DType::U32), "found [4, 1, 8, 8] and [4, 1]"),
        (zeros(&[0, 1, 8, 8], DType::F32), zeros(&[0], DType::U32), "N above 0"),
        (zeros(&[4, 1, 9, 8], DType::F32), zeros(&[4], DType::U32), "Small"),
        (good.clone(), zeros(&[4], DType::F32), "expected labels of u32, u8 or i64, found f32"),
        (
            good.clone(),
            Tensor::new(&[0u32, 1, 3, 2], &Device::Cpu).unwrap(),
            "the label of sample 2 is 3, but there are 3",
        ),
        (good.clone(), Tensor::new(&[0i64, -1, 2, 2], &Device::Cpu).unwrap(), "the label of sample 1 is -1"),
        (good, Tensor::new(&[0u32, 1, 2, 2], &Device::Cpu).unwrap(), "has 1 batches, not 2"),
    ] {
        let error = Trainer::new(&net).fit(&One(inputs, labels), &VALID).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let empty = Pictures { samples: 0, ..TRAIN };
    let error = Trainer::new(&net).fit(&empty, &VALID).unwrap_err().to_string();
    assert!(error.contains("the training data are empty"), "{error}");
    for (mut trainer, says) in [
        (Trainer::new(&net).accumulate(0), "at least 1 batch to accumulate"),
        (Trainer::new(&net).label_smoothing(1.5), "label smoothing between 0 and 1, found 1.5"),
        (Trainer::new(&net).clip_norm(0.0), "norm to clip above 0"),
        (Trainer::new(&net).mixup(f64::NAN), "mixup alpha above 0, found NaN"),
        (Trainer::new(&net).ema(1.0), "from 0 to below 1, found 1"),
        (Trainer::new(&net).resume(true), "`resume` needs a folder"),
        (Trainer::new(&net).optimizer(Sgd::new(-1.0)), "learning rate of at least 0"),
    ] {
        let error = trainer.fit(&TRAIN, &VALID).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
