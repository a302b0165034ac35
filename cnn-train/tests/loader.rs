//! Batches: the same however they are made, whole, and without threads left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, Tensor};
use cnn_runtime::random::Stream;
use cnn_train::data::transform::{Normalize, RandomCrop, RandomHorizontalFlip};
use cnn_train::data::{self, Dataset, Image, Images, Loader, Subset, split, split_stratified};
use cnn_train::{Batch, Batches};

/// Image i is 4x4 pixels of 10 i + its place, of class i modulo 3.
fn images(count: usize) -> Images {
    let pixels = (0..count).flat_map(|index| (0..16).map(move |place| (10 * index + place) as u8)).collect();
    let labels = (0..count).map(|index| index as u32 % 3).collect();
    Images::new([1, 4, 4], pixels, labels).unwrap()
}

fn loader(count: usize) -> Loader {
    Loader::new(images(count), 4)
        .unwrap()
        .shuffle(true)
        .seed(7)
        .transform(RandomCrop::new(4).padding(1))
        .transform(RandomHorizontalFlip::default())
        .transform(Normalize::new([0.5], [0.25]))
}

/// Inputs and labels of every batch.
fn values(batches: &dyn Batches, epoch: usize, first: usize) -> Vec<(Vec<f32>, Vec<u32>)> {
    let each = |batch: Batch| {
        (batch.inputs.flatten_all().unwrap().to_vec1().unwrap(), batch.labels.to_vec1().unwrap())
    };
    batches.epoch(epoch, first).unwrap().map(|batch| each(batch.unwrap())).collect()
}

#[test]
fn batches_do_not_depend_on_workers_or_where_an_epoch_begins() {
    let one = values(&loader(22).workers(0), 3, 0);
    assert_eq!(one.iter().map(|(_, labels)| labels.len()).collect::<Vec<_>>(), [4, 4, 4, 4, 4, 2]);
    for (workers, prefetch) in [(1, 1), (1, 3), (2, 1), (3, 2), (9, 1)] {
        let many = loader(22).workers(workers).prefetch(prefetch);
        assert_eq!(values(&many, 3, 0), one, "{workers} workers");
        assert_eq!(values(&many, 3, 4), one[4..], "{workers} workers");
    }
    assert!(values(&loader(22), 3, 6).is_empty() && values(&loader(22), 3, 60).is_empty());
    assert_ne!(values(&loader(22), 4, 0), one);
    assert_ne!(values(&loader(22).seed(8), 3, 0), one);
}

#[test]
fn an_image_is_transformed_alike_in_any_batch() {
    let mut of_four: Vec<_> =
        values(&loader(12), 1, 0).into_iter().flat_map(|(inputs, _)| chunks(&inputs)).collect();
    let alone = Loader::new(images(12), 1).unwrap().seed(7);
    let alone = alone
        .transform(RandomCrop::new(4).padding(1))
        .transform(RandomHorizontalFlip::default())
        .transform(Normalize::new([0.5], [0.25]));
    let mut of_one: Vec<_> =
        values(&alone, 1, 0).into_iter().flat_map(|(inputs, _)| chunks(&inputs)).collect();
    let by_bits = |a: &Vec<u32>, b: &Vec<u32>| a.cmp(b);
    of_four.sort_by(by_bits);
    of_one.sort_by(by_bits);
    assert_eq!(of_four, of_one);
}

/// The images of a batch, as bits.
fn chunks(inputs: &[f32]) -> Vec<Vec<u32>> {
    inputs.chunks(16).map(|image| image.iter().map(|value| value.to_bits()).collect()).collect()
}

#[test]
fn every_image_comes_once_in_an_epoch_with_its_label() {
    for shuffle in [false, true] {
        let plain = Loader::new(images(10), 3).unwrap().shuffle(shuffle).seed(1);
        let mut firsts = Vec::new();
        for (inputs, labels) in values(&plain, 0, 0) {
            for (image, label) in inputs.chunks(16).zip(labels) {
                let index = (image[0] * 255.0).round() as u32 / 10;
                assert_eq!(label, index % 3);
                firsts.push(index);
            }
        }
        assert_eq!(firsts.is_sorted(), !shuffle);
        firsts.sort_unstable();
        assert_eq!(firsts, (0..10).collect::<Vec<_>>());
    }
}

#[test]
fn lengths_are_those_of_what_comes() {
    for (drop_last, batches, samples) in [(false, 4, 10), (true, 3, 9)] {
        let loader = Loader::new(images(10), 3).unwrap().drop_last(drop_last);
        assert_eq!((loader.len(), loader.samples()), (batches, samples));
        let values = values(&loader, 0, 0);
        assert_eq!(
            (values.len(), values.iter().map(|(_, labels)| labels.len()).sum::<usize>()),
            (batches, samples)
        );
    }
    let few = Loader::new(images(2), 3).unwrap().drop_last(true);
    assert_eq!((few.len(), few.samples(), values(&few, 0, 0).len()), (0, 0, 0));
}

#[test]
fn settings_that_cannot_be_are_errors() {
    assert!(Loader::new(images(3), 0).is_err());
    assert!(Images::new([1, 4, 4], vec![], vec![]).is_err());
    assert!(Loader::new(Subset::new(images(3), vec![]).unwrap(), 4).is_err());
    assert!(Subset::new(images(3), vec![0, 3]).is_err());
}

/// The message of the first batch that is an error, and how many came before it.
fn failure(loader: &Loader) -> (usize, String) {
    let mut batches = loader.epoch(0, 0).unwrap();
    let mut before = 0;
    let message = loop {
        match batches.next().expect("an error before the end") {
            Ok(_) => before += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert!(batches.next().is_none(), "nothing comes after an error");
    (before, message)
}

#[test]
fn a_panic_while_loading_is_an_error_of_its_batch() {
    let panics = |image: Image, _: &mut Stream| -> data::Result<Image> {
        assert!(image.bytes().unwrap()[0] < 90, "no such pixel");
        Ok(image)
    };
    for workers in [1, 2, 5] {
        let loader = Loader::new(images(20), 4).unwrap().workers(workers).transform(panics);
        let (before, message) = failure(&loader);
        assert_eq!(before, 2);
        assert_eq!(message, "loading batch 2 of epoch 0 (counted from 0) panicked: no such pixel");
    }
}

#[test]
fn images_of_several_sizes_are_an_error_that_names_one() {
    let grows = |image: Image, _: &mut Stream| -> data::Result<Image> {
        let rows = if image.bytes().unwrap()[0] == 50 { 5 } else { 4 };
        Image::new([1, rows, 4], vec![0; 4 * rows])
    };
    let (before, message) = failure(&Loader::new(images(8), 4).unwrap().transform(grows));
    assert_eq!(before, 1);
    assert!(message.starts_with("image 5 (counted from 0) is 1x5x4 after the transforms"), "{message}");
}

/// Counts the images that were asked for, and knows whether anybody holds it.
struct Counted(Images, Arc<AtomicUsize>);

impl Dataset for Counted {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn classes(&self) -> &[String] {
        self.0.classes()
    }

    fn label(&self, index: usize) -> usize {
        self.0.label(index)
    }

    fn image(&self, index: usize) -> data::Result<Image> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.image(index)
    }
}

#[test]
fn workers_end_with_the_iterator_and_are_never_far_ahead() {
    let asked = Arc::new(AtomicUsize::new(0));
    let loader = Loader::new(Counted(images(24), Arc::clone(&asked)), 1).unwrap().workers(2).prefetch(3);
    let mut batches = loader.epoch(0, 0).unwrap();
    for _ in 0..4 {
        batches.next().unwrap().unwrap();
    }
    drop(batches);
    // Four were taken, and of each worker at most three were ready.
    let after = asked.load(Ordering::SeqCst);
    assert!((4..=10).contains(&after), "{after}");
    // A worker that still ran would hold the data set.
    let dataset = Arc::downgrade(loader.dataset());
    drop(loader);
    assert!(dataset.upgrade().is_none());
    assert_eq!(asked.load(Ordering::SeqCst), after);
}

#[test]
fn any_iterator_of_batches_can_be_begun_anywhere() {
    let of = |value: f32| Tensor::full(value, (2, 1), &Device::Cpu);
    let labels = || Tensor::zeros(2, candle_core::DType::U32, &Device::Cpu);
    let given = data::from_fn(3, 6, |epoch| {
        (0..3).map(move |batch| Ok((of((10 * epoch + batch) as f32)?, labels()?)))
    });
    let firsts = |first| values(&given, 2, first).iter().map(|(inputs, _)| inputs[0]).collect::<Vec<_>>();
    assert_eq!((firsts(0), firsts(2), firsts(3)), (vec![20.0, 21.0, 22.0], vec![22.0], vec![]));
    // What goes wrong before the first batch is not skipped.
    let broken = data::from_fn(2, 2, |_| (0..2).map(|_| Err::<Batch, _>(data::Error::Empty.into())));
    assert!(broken.epoch(0, 1).unwrap().next().unwrap().is_err());
}

#[test]
fn parts_are_disjoint_complete_and_the_same_again() {
    let (first, second) = split(images(100), 0.7, 3).unwrap();
    assert_eq!((first.len(), second.len()), (70, 30));
    let mut all: Vec<usize> = first.indices().iter().chain(second.indices()).copied().collect();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
    assert_eq!(split(images(100), 0.7, 3).unwrap().0.indices(), first.indices());
    assert_ne!(split(images(100), 0.7, 4).unwrap().0.indices(), first.indices());
    assert_eq!(first.image(5).unwrap(), images(100).image(first.indices()[5]).unwrap());
    for wrong in [-0.1, 1.1, f64::NAN, 0.0, 1.0] {
        assert!(split(images(100), wrong, 3).is_err(), "{wrong}");
    }
}

#[test]
fn a_stratified_split_keeps_the_classes_shares() {
    // Of class 0 ninety, of class 1 ten.
    let labels: Vec<u32> = (0..100).map(|index| u32::from(index % 10 == 3)).collect();
    let images = Images::new([1, 1, 1], vec![0; 100], labels).unwrap();
    let (train, valid) = split_stratified(images, 0.8, 1).unwrap();
    let of_one = |part: &Subset<Arc<Images>>| (0..part.len()).filter(|&index| part.label(index) == 1).count();
    assert_eq!((train.len(), of_one(&train), valid.len(), of_one(&valid)), (80, 8, 20, 2));
}
