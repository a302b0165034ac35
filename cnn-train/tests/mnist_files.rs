//! Reading data sets: the shipped one, and one of every kind of damage.

mod files;

use std::fs;

use cnn_train::data::mnist::{self, Error, MAX_ITEMS, PIXELS};
use files::{Folder, gzip, images, labels, shipped};

/// A folder with `count` plain test pictures and as many training pictures, to be damaged.
fn good(name: &str, count: usize) -> Folder {
    let folder = Folder::new(name);
    for prefix in ["train", "t10k"] {
        folder.write(&format!("{prefix}-images-idx3-ubyte"), &images(count));
        folder.write(&format!("{prefix}-labels-idx1-ubyte"), &labels(count));
    }
    folder
}

/// What reading the folder fails with: the error, and its message with `DIR` for the folder's path.
fn failure(folder: &Folder) -> (Error, String) {
    let error = mnist::read_folder(folder.path()).expect_err("a damaged data set was read");
    let message = error.to_string().replace(&folder.path().display().to_string(), "DIR");
    (error, message)
}

#[test]
fn the_shipped_digits_are_mnists() {
    let data = mnist::read_folder(&shipped()).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (10_000, 10_000));
    // The first labels of both sets, as every tutorial shows them.
    assert_eq!(data.train.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(data.test.labels()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    // Mean and deviation of the test pixels are 0.1325 and 0.3105.
    let pixels =
        (0..10_000).flat_map(|index| data.test.image(index).iter().map(|&pixel| f64::from(pixel) / 255.0));
    let (sum, squares) =
        pixels.fold((0.0, 0.0), |(sum, squares), pixel| (sum + pixel, squares + pixel * pixel));
    let count = (10_000 * PIXELS) as f64;
    let mean = sum / count;
    assert!((mean - 0.1325).abs() < 5e-5, "{mean}");
    assert!(((squares / count - mean * mean).sqrt() - 0.3105).abs() < 5e-5);
}

#[test]
fn packed_and_plain_files_of_any_name_are_read_alike() {
    let plain = good("plain", 3);
    let packed = Folder::new("packed");
    for name in ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        packed.write(&format!("{name}.gz"), &gzip(&plain.read(name)));
    }
    packed.write("train-labels-idx1-ubyte", &gzip(&plain.read("train-labels-idx1-ubyte")));
    packed.write("t10k-images-idx3-ubyte.gz", &plain.read("t10k-images-idx3-ubyte"));
    assert_eq!(mnist::read_folder(packed.path()).unwrap(), mnist::read_folder(plain.path()).unwrap());
}

#[test]
fn the_whole_training_set_is_preferred_to_its_part() {
    let folder = good("both", 3);
    folder.write("train10k-images-idx3-ubyte", &images(2));
    folder.write("train10k-labels-idx1-ubyte", &labels(2));
    assert_eq!(mnist::read_folder(folder.path()).unwrap().train.len(), 3);
    folder.remove("train-images-idx3-ubyte");
    assert_eq!(mnist::read_folder(folder.path()).unwrap().train.len(), 2);
}

#[test]
fn pixels_and_labels_come_in_order() {
    let data = mnist::read_folder(good("order", 12).path()).unwrap();
    assert_eq!(data.test.labels(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    assert_eq!(data.test.image(11)[..3], [11, 12, 13]);
}

#[test]
fn a_missing_folder_or_file_is_named() {
    let folder = Folder::new("missing");
    let (error, message) = failure(&folder);
    assert!(matches!(error, Error::NoFile { .. }));
    assert_eq!(
        message,
        "DIR has no train-images-idx3-ubyte or train10k-images-idx3-ubyte (or the same with .gz): \
         put the file there or give another folder"
    );
    folder.write("train10k-images-idx3-ubyte.gz", &gzip(&images(1)));
    assert!(failure(&folder).1.starts_with("DIR has no train10k-labels-idx1-ubyte (or the same with .gz)"));

    let file = folder.path().join("train10k-images-idx3-ubyte.gz");
    let message = mnist::read_folder(&file).unwrap_err().to_string();
    assert!(message.contains("train10k-images-idx3-ubyte.gz is not a folder"), "{message}");
    let message = mnist::read_folder(&folder.path().join("none")).unwrap_err().to_string();
    assert!(message.starts_with("there is no folder "), "{message}");
}

#[test]
fn a_folder_in_the_place_of_a_file_cannot_be_read() {
    let folder = good("folder-for-file", 1);
    folder.remove("t10k-images-idx3-ubyte");
    fs::create_dir(folder.path().join("t10k-images-idx3-ubyte")).unwrap();
    let (error, message) = failure(&folder);
    assert!(matches!(error, Error::Unreadable { .. }));
    assert!(message.starts_with("DIR/t10k-images-idx3-ubyte cannot be read: "), "{message}");
}

#[test]
fn a_wrong_magic_number_says_what_the_file_may_be() {
    let folder = good("magic", 2);
    folder.write("train-images-idx3-ubyte", &labels(2));
    let (error, message) = failure(&folder);
    assert!(matches!(error, Error::Magic { expected: 0x0803, found: 0x0801, .. }));
    assert_eq!(
        message,
        "DIR/train-images-idx3-ubyte does not hold images: it starts with 0x00000801, not 0x00000803, \
         as a label file does: the two files are mixed up"
    );
    folder.write("train-images-idx3-ubyte", b"<!DOCTYPE html>");
    assert!(
        failure(&folder).1.contains("it starts with 0x3c21444f, not 0x00000803: it is no IDX file of bytes")
    );
}

#[test]
fn a_file_that_ends_early_is_cut_short() {
    let folder = good("short", 3);
    let whole = images(3);
    for length in [0, 3, 4, 9, 15, 16, 17, whole.len() - 1] {
        folder.write("t10k-images-idx3-ubyte", &whole[..length]);
        let (error, message) = failure(&folder);
        assert!(matches!(error, Error::Truncated { found, .. } if found == length as u64), "{message}");
    }
    assert_eq!(
        failure(&folder).1,
        "DIR/t10k-images-idx3-ubyte is cut short: it should hold 2368 bytes (unpacked) and holds 2367; \
         fetch the file again"
    );
}

#[test]
fn a_truncated_gzip_stream_is_cut_short() {
    let folder = good("gzip-short", 3);
    folder.remove("train-images-idx3-ubyte");
    let whole = gzip(&images(3));
    // In its header, in its data, and in the checksum at its end.
    for length in [2, 9, 40, whole.len() / 2, whole.len() - 6, whole.len() - 1] {
        folder.write("train-images-idx3-ubyte.gz", &whole[..length]);
        let (error, message) = failure(&folder);
        assert!(matches!(error, Error::GzipTruncated { .. }), "{length}: {message}");
    }
}

#[test]
fn a_damaged_gzip_stream_is_found() {
    let folder = good("gzip-damaged", 3);
    folder.remove("train-labels-idx1-ubyte");
    let whole = gzip(&labels(3));
    // The checksum, the method of compression, and something after the stream.
    let mut damaged = vec![whole.clone(), whole.clone(), whole.clone()];
    let checksum = whole.len() - 8;
    damaged[0][checksum] ^= 1;
    damaged[1][2] = 0;
    damaged[2].extend(b"rubbish after the end");
    for file in damaged {
        folder.write("train-labels-idx1-ubyte.gz", &file);
        let (error, message) = failure(&folder);
        assert!(matches!(error, Error::GzipDamaged { .. }), "{message}");
    }
}

#[test]
fn trailing_bytes_are_found() {
    let folder = good("trailing", 2);
    let mut longer = labels(2);
    longer.push(0);
    folder.write("t10k-labels-idx1-ubyte", &longer);
    assert!(matches!(failure(&folder).0, Error::TrailingBytes { expected: 10, .. }));
    folder.write("t10k-labels-idx1-ubyte", &gzip(&longer));
    assert!(matches!(failure(&folder).0, Error::TrailingBytes { expected: 10, .. }));
}

#[test]
fn images_and_labels_must_be_as_many() {
    let folder = good("counts", 3);
    folder.write("t10k-labels-idx1-ubyte", &labels(4));
    let (error, message) = failure(&folder);
    assert!(matches!(error, Error::CountsDisagree { image_count: 3, label_count: 4, .. }));
    assert_eq!(
        message,
        "DIR/t10k-images-idx3-ubyte holds 3 images and DIR/t10k-labels-idx1-ubyte holds 4 labels: \
         take both files from one data set"
    );
}

#[test]
fn pictures_of_another_size_are_refused() {
    let folder = good("size", 1);
    let mut file = images(1);
    file[15] = 32;
    folder.write("train-images-idx3-ubyte", &file);
    let (error, message) = failure(&folder);
    assert!(matches!(error, Error::ImageSize { rows: 28, columns: 32, .. }));
    assert!(message.contains("holds pictures of 28x32 pixels, not 28x28"), "{message}");
}

#[test]
fn a_label_above_nine_is_found() {
    let folder = good("label", 9);
    let mut file = labels(9);
    file[8 + 7] = 10;
    folder.write("train-labels-idx1-ubyte", &file);
    let (error, message) = failure(&folder);
    assert!(matches!(error, Error::Label { index: 7, label: 10, .. }));
    assert!(message.contains("says 10 for picture 7 (counted from 0), where labels are 0 to 9"), "{message}");
}

#[test]
fn no_memory_is_asked_for_what_a_header_only_claims() {
    let folder = good("claims", 1);
    // 4,294,967,295 pictures: 3.4 TB.
    let mut file = images(1);
    file[4..8].fill(0xff);
    folder.write("train-images-idx3-ubyte", &file);
    let (error, message) = failure(&folder);
    assert!(matches!(error, Error::TooMany { count: u32::MAX, .. }));
    assert!(message.contains("announces 4294967295 images, more than the 1000000 read here"), "{message}");
    // The most that is believed, 784 MB, from a file of 800 bytes: what is missing is what is said.
    file[4..8].copy_from_slice(&MAX_ITEMS.to_be_bytes());
    folder.write("train-images-idx3-ubyte", &file);
    assert!(matches!(failure(&folder).0, Error::Truncated { expected: 784_000_016, found: 800, .. }));
    // A picture of 4,294,967,295 x 4,294,967,295 pixels.
    file[8..16].fill(0xff);
    folder.write("train-images-idx3-ubyte", &file);
    assert!(matches!(failure(&folder).0, Error::ImageSize { .. }));
}

#[test]
fn an_empty_set_is_refused() {
    let folder = good("empty", 0);
    let (error, message) = failure(&folder);
    assert!(matches!(error, Error::Empty { .. }));
    assert!(message.contains("train-images-idx3-ubyte holds no images"), "{message}");
}
