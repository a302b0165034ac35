//! CIFAR's files: the shipped part, the distribution's forms, and one of every kind of damage.

mod files;

use std::path::{Path, PathBuf};

use cnn_train::Batches;
use cnn_train::data::cifar::{self, CLASSES, Error, SIZE, read_folder, to_records};
use cnn_train::data::transform::Normalize;
use cnn_train::data::{Dataset, Images, Loader, Subset};
use files::{Folder, gzip};

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("data/cifar10")
}

/// `count` records with `label_bytes` labels: picture i has class i (modulo 10) and all bytes 20 i + its channel.
fn records(count: usize, label_bytes: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for index in 0..count {
        all.extend(vec![7; label_bytes - 1]);
        all.push((index % 10) as u8);
        all.extend((0..3072).map(|place| (20 * index + place / 1024) as u8));
    }
    all
}

fn good(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("data_batch_1.bin", &records(3, 1));
    folder.write("test_batch.bin", &records(2, 1));
    folder
}

/// What reading the folder fails with: the error, and its message with `DIR` for the folder's path.
fn failure(folder: &Folder) -> (Error, String) {
    let error = read_folder(folder.path()).expect_err("a damaged data set was read");
    let message = error.to_string().replace(&folder.path().display().to_string(), "DIR");
    (error, message)
}

#[test]
fn the_shipped_part_has_the_pixels_of_the_originals_records() {
    let cifar = read_folder(&shipped()).unwrap();
    // numpy's and zlib's numbers of the records that `data/cifar10/pack.py` chose.
    for (images, each, checksum) in [(&cifar.train, 270, 0xf641_628b), (&cifar.test, 100, 0x014c_891b)] {
        assert_eq!((images.size(), images.len()), (SIZE, 10 * each));
        assert_eq!(images.classes(), CLASSES);
        for class in 0..10 {
            assert_eq!(images.labels().iter().filter(|&&label| label == class).count(), each);
        }
        assert_eq!(crc32fast::hash(&to_records(images)), checksum);
    }
}

#[test]
fn the_shipped_parts_statistics_are_about_those_of_the_whole() {
    let train = read_folder(&shipped()).unwrap().train;
    for channel in 0..3 {
        let values: Vec<f64> = (0..train.len())
            .flat_map(|index| train.bytes(index)[1024 * channel..1024 * (channel + 1)].iter())
            .map(|&byte| f64::from(byte) / 255.0)
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!((mean - f64::from(cifar::MEAN[channel])).abs() < 0.01, "{channel}: {mean}");
        assert!((variance.sqrt() - f64::from(cifar::STD[channel])).abs() < 0.01, "{channel}: {variance}");
    }
}

#[test]
fn statistics_are_numpys() {
    // `(pixels / 255).mean(axis=(0, 2, 3))` and `.std(..)` of the shipped test pictures, in f64.
    let normalize = Normalize::of(&read_folder(&shipped()).unwrap().test).unwrap();
    for (found, expected) in [
        (normalize.mean(), [0.4967386, 0.4872724, 0.4505771]),
        (normalize.std(), [0.246_619, 0.2428445, 0.2615215]),
    ] {
        assert!(
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6),
            "{found:?}"
        );
    }
}

#[test]
fn training_batches_are_moved_and_flipped_and_validations_are_not() {
    let part = Subset::new(read_folder(&shipped()).unwrap().test, vec![3]).unwrap();
    let values = |loader: &Loader, epoch: usize| -> Vec<f32> {
        let batch = loader.epoch(epoch, 0).unwrap().next().unwrap().unwrap();
        assert_eq!((batch.inputs.dims(), batch.labels.dims()), ([1, 3, 32, 32].as_slice(), [1].as_slice()));
        batch.inputs.flatten_all().unwrap().to_vec1().unwrap()
    };
    let (train, valid) =
        (cifar::training(part.clone(), 4, 1).unwrap(), cifar::validation(part.clone(), 4).unwrap());
    assert_ne!(values(&train, 0), values(&train, 1));
    assert_eq!(values(&valid, 0), values(&valid, 1));
    let first = f32::from(part.image(0).unwrap().bytes().unwrap()[0]);
    assert!((values(&valid, 0)[0] - (first / 255.0 - cifar::MEAN[0]) / cifar::STD[0]).abs() < 1e-6);
}

#[test]
fn records_are_read_in_order_packed_or_not() {
    let folder = good("order");
    folder.write("data_batch_2.bin.gz", &gzip(&records(1, 1)));
    let cifar = read_folder(folder.path()).unwrap();
    assert_eq!(cifar.train.labels(), [0, 1, 2, 0]);
    assert_eq!(cifar.train.bytes(2)[1023..1025], [40, 41]);
    assert_eq!((cifar.test.len(), cifar.test.label(1)), (2, 1));
    let image = cifar.train.image(1).unwrap();
    assert_eq!((image.size(), image.bytes().unwrap()[3071]), (SIZE, 22));
    assert_eq!(to_records(&cifar.test), records(2, 1));
}

#[test]
fn the_fine_labels_of_the_hundred_count() {
    let folder = Folder::new("hundred");
    folder.write("train.bin", &records(4, 2));
    folder.write("test.bin", &records(1, 2));
    let cifar = read_folder(folder.path()).unwrap();
    assert_eq!((cifar.train.labels(), cifar.train.classes().len()), ([0, 1, 2, 3].as_slice(), 100));
    let names: Vec<String> = (0..100).map(|class| format!("kind {class}")).collect();
    folder.write("fine_label_names.txt", names.join("\n").as_bytes());
    assert_eq!(read_folder(folder.path()).unwrap().test.classes(), names);
    folder.write("fine_label_names.txt", b"apple\nbear\n");
    assert!(failure(&folder).1.contains("fine_label_names.txt names 2 classes, not 100"));
}

#[test]
fn a_missing_folder_or_file_is_named() {
    let folder = Folder::new("missing");
    assert!(failure(&folder).1.starts_with("DIR has no data_batch_1.bin, train.bin"));
    folder.write("data_batch_1.bin", &records(1, 1));
    assert!(failure(&folder).1.starts_with("DIR has no test_batch.bin or test_batch.bin.gz"));
    let message = read_folder(&folder.path().join("data_batch_1.bin")).unwrap_err().to_string();
    assert!(message.contains("data_batch_1.bin is not a folder"), "{message}");
    folder.remove("data_batch_1.bin");
    std::fs::create_dir(folder.path().join("data_batch_1.bin")).unwrap();
    folder.write("test_batch.bin", &records(1, 1));
    assert!(matches!(failure(&folder).0, Error::NotAFile { .. }));
}

#[test]
fn files_that_are_not_whole_records_are_refused_with_the_place() {
    let folder = good("short");
    folder.write("data_batch_1.bin", &records(3, 1)[..3073 * 2 + 100]);
    assert_eq!(
        failure(&folder).1,
        "DIR/data_batch_1.bin is cut short or is no file of CIFAR: after 2 records of 3073 bytes there are 100 bytes at \
         offset 6146 (unpacked); fetch the file again"
    );
    folder.write("data_batch_1.bin", b"");
    assert!(matches!(failure(&folder).0, Error::Empty { .. }));
    let packed = gzip(&records(3, 1));
    folder.write("data_batch_1.bin", &packed[..packed.len() / 2]);
    assert!(matches!(failure(&folder).0, Error::Damaged { .. }));
    let mut bad = packed.clone();
    let checksum = bad.len() - 8;
    bad[checksum] ^= 1;
    folder.write("data_batch_1.bin", &bad);
    assert!(matches!(failure(&folder).0, Error::Damaged { .. }));
}

#[test]
fn a_label_that_is_no_class_is_refused_with_its_place() {
    let folder = good("label");
    let mut file = records(3, 1);
    file[3073] = 10;
    folder.write("data_batch_1.bin", &file);
    let (error, message) = failure(&folder);
    assert!(matches!(error, Error::Label { index: 1, offset: 3073, label: 10, classes: 10, .. }));
    assert!(message.starts_with("DIR/data_batch_1.bin says class 10 for picture 1"), "{message}");
}

#[test]
fn little_gzip_that_becomes_much_is_not_unpacked_whole() {
    let folder = good("bomb");
    folder.write("data_batch_1.bin.gz", &gzip(&vec![0; 60_001 * 3073]));
    folder.remove("data_batch_1.bin");
    assert!(matches!(failure(&folder).0, Error::TooLong { .. }));
}

#[test]
fn a_mosaic_is_read_tile_by_tile() {
    let folder = Folder::new("mosaic");
    // Ten pictures in two rows of five; picture i is (10 i, 20 i, its column).
    let picture = image::RgbImage::from_fn(160, 64, |x, y| {
        let index = (y / 32 * 5 + x / 32) as u8;
        image::Rgb([10 * index, 20 * index, (x % 32) as u8])
    });
    for name in ["train.png", "test.png"] {
        picture.save(folder.path().join(name)).unwrap();
    }
    let train = read_folder(folder.path()).unwrap().train;
    assert_eq!(train.labels(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let seventh: &[u8] = train.bytes(7);
    assert_eq!((seventh[0], seventh[1024], &seventh[2048..2051]), (70, 140, [0, 1, 2].as_slice()));

    for (width, height) in [(160, 65), (150, 64), (32, 32), (31, 31)] {
        image::RgbImage::new(width, height).save(folder.path().join("train.png")).unwrap();
        let (error, message) = failure(&folder);
        assert!(matches!(error, Error::Mosaic { .. }), "{message}");
    }
    folder.write("train.png", b"<html>");
    assert!(failure(&folder).1.contains("DIR/train.png: it is no photo of a known kind"));
    let shipped = std::fs::read(shipped().join("test.webp")).unwrap();
    folder.write("train.webp", &shipped[..shipped.len() / 3]);
    assert!(failure(&folder).1.starts_with("DIR/train.webp: this WebP file is broken"));
}

#[test]
fn images_in_memory_are_checked() {
    assert!(Images::new([1, 2, 2], vec![0; 7], vec![0, 1]).is_err());
    assert!(Images::new([usize::MAX, 2, 2], vec![0; 8], vec![0, 1]).is_err());
    let images = Images::new([1, 2, 2], vec![0; 8], vec![0, 2]).unwrap();
    let message = images.with_classes(vec!["a".into(), "b".into()]).unwrap_err().to_string();
    assert_eq!(message, "image 1 (counted from 0) is of class 2, but there are 2 classes, 0 to 1");
}
