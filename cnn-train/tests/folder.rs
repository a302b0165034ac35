//! Folders of images: classes, order, and files that are none.

mod files;

use std::fs;

use cnn_train::Batches;
use cnn_train::data::transform::Resize;
use cnn_train::data::{Dataset, Error, ImageFolder, Loader};
use files::Folder;

/// A picture whose pixels all have this red.
fn picture(folder: &Folder, name: &str, red: u8, size: [u32; 2]) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(size[0], size[1], image::Rgb([red, 1, 2])).save(path).unwrap();
}

fn good(name: &str) -> Folder {
    let folder = Folder::new(name);
    picture(&folder, "dog/b.png", 1, [5, 4]);
    picture(&folder, "dog/a.png", 2, [6, 6]);
    picture(&folder, "dog/deep/0.bmp", 3, [6, 7]);
    picture(&folder, "cat/z.webp", 4, [8, 8]);
    fs::create_dir_all(folder.path().join(".cache")).unwrap();
    folder.write("dog/.DS_Store", b"x");
    folder.write("notes.txt", b"not a class");
    folder
}

#[test]
fn classes_are_sorted_and_files_in_torchvisions_order() {
    let folder = good("order");
    let set = ImageFolder::open(folder.path()).unwrap();
    assert_eq!(set.classes(), ["cat", "dog"]);
    let names: Vec<_> = (0..set.len())
        .map(|index| set.path(index).strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned())
        .collect();
    // torchvision 0.29's `ImageFolder(root).samples` of these files.
    assert_eq!(names, ["cat/z.webp", "dog/a.png", "dog/b.png", "dog/deep/0.bmp"]);
    assert_eq!((0..4).map(|index| set.label(index)).collect::<Vec<_>>(), [0, 1, 1, 1]);
    let image = set.image(2).unwrap();
    assert_eq!((image.size(), &image.bytes().unwrap()[18..22]), ([3, 4, 5], [1, 1, 1, 1].as_slice()));
}

#[test]
fn a_file_that_is_no_image_is_named_or_skipped_and_listed() {
    let folder = good("odd");
    folder.write("cat/readme.txt", b"these are cats");
    let message = ImageFolder::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("cat/readme.txt is no image"), "{message}");

    // One that begins well and ends early is found when it is decoded.
    let whole = folder.read("cat/z.webp");
    folder.write("cat/readme.txt", &whole[..whole.len() - 5]);
    let set = ImageFolder::open(folder.path()).unwrap();
    let message = set.image(0).unwrap_err().to_string();
    assert!(message.contains("cat/readme.txt: this WebP file is broken"), "{message}");
    let loader = Loader::new(set, 4).unwrap().transform(Resize::exact(4, 4));
    let message = loader.epoch(0, 0).unwrap().next().unwrap().unwrap_err().to_string();
    assert!(message.starts_with("image 0 (counted from 0): ") && message.contains("readme.txt"), "{message}");

    let set = ImageFolder::open_skipping(folder.path()).unwrap();
    assert_eq!(set.len(), 4);
    assert_eq!(set.skipped(), [folder.path().join("cat/readme.txt")]);
}

#[test]
fn empty_classes_and_folders_are_refused() {
    let folder = Folder::new("empty");
    assert!(matches!(ImageFolder::open(folder.path()), Err(Error::NoClasses { .. })));
    fs::create_dir(folder.path().join("dog")).unwrap();
    let message = ImageFolder::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("dog holds no images"), "{message}");
    let message = ImageFolder::open(&folder.path().join("none")).unwrap_err().to_string();
    assert!(message.contains("none cannot be read"), "{message}");
}
