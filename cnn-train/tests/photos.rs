//! Photos of every odd kind against Pillow and torchvision: whole pictures, and what broken files are told.

mod files;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use cnn_train::data::photo::{self, Interpolation, Photo, Preprocessing, Problem};
use files::Folder;
use image::RgbImage;

fn photos() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos")
}

/// What Pillow and torchvision made of the photos: `KIND/FILE` to pixels, (height, width, 3).
fn expected() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(photos().join("expected.safetensors"), &Device::Cpu).unwrap()
}

/// The largest difference of a sample, and how many differ.
fn differences(found: &RgbImage, expected: &Tensor) -> (u8, usize) {
    let (height, width, _) = expected.dims3().unwrap();
    assert_eq!(found.dimensions(), (width as u32, height as u32));
    let expected = expected.flatten_all().unwrap().to_vec1::<u8>().unwrap();
    let each = found.as_raw().iter().zip(expected).map(|(&found, expected)| found.abs_diff(expected));
    each.fold((0, 0), |(largest, count), difference| {
        (largest.max(difference), count + usize::from(difference > 0))
    })
}

/// Photos that are read with other pixels than Pillow's: by how much samples differ at most, and how many.
const INEXACT: [(&str, (u8, usize)); 1] = [("ycck_420.jpg", (2, 23))];

/// A photo that Pillow reads and we do not.
const REFUSED: &str = "small_black.jpg";

#[test]
fn every_kind_of_file_gives_pillows_pixels() {
    let mut wrong = Vec::new();
    let mut read = 0;
    for (key, expected) in expected() {
        let Some(name) = key.strip_prefix("rgb/") else { continue };
        if name == REFUSED {
            continue;
        }
        let photo = Photo::read(&photos().join(name)).unwrap();
        let found = differences(photo.image(), &expected);
        let known = INEXACT.iter().find(|inexact| inexact.0 == name).map_or((0, 0), |inexact| inexact.1);
        if found.0 > known.0 || found.1 > known.1 {
            wrong.push(format!("{name}: {} samples differ, by up to {}", found.1, found.0));
        }
        read += 1;
    }
    assert_eq!(read, 66);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn preparing_gives_torchvisions_pixels() {
    let mut compared = 0;
    for (key, expected) in expected() {
        let (kind, name) = key.split_once('/').unwrap();
        let Some((resize, (crop, interpolation))) =
            kind.split_once('-').and_then(|(resize, rest)| Some((resize, rest.split_once('-')?)))
        else {
            continue;
        };
        let preprocessing = Preprocessing {
            resize_size: resize.parse().unwrap(),
            crop_size: crop.parse().unwrap(),
            interpolation: match interpolation {
                "bilinear" => Interpolation::Bilinear,
                "bicubic" => Interpolation::Bicubic,
                other => panic!("{other}"),
            },
            ..Preprocessing::IMAGENET
        };
        let photo = Photo::read(&photos().join(name)).unwrap();
        assert_eq!(differences(&preprocessing.crop(&photo), &expected), (0, 0), "{key}");
        compared += 1;
    }
    assert_eq!(compared, 21);
}

/// All photos of this folder: name and content.
fn contents() -> Vec<(String, Vec<u8>)> {
    let mut contents: Vec<_> = fs::read_dir(photos())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| {
            !name.ends_with(".py") && !name.ends_with(".safetensors") && !name.ends_with(".md")
        })
        .collect();
    contents.sort();
    contents
}

#[test]
fn what_is_no_photo_is_an_error_that_names_the_file() {
    let folder = Folder::new("no-photo");
    folder.write("empty.jpg", b"");
    folder.write("page.jpg", b"<!DOCTYPE html><html><body>404</body></html>");
    folder.write("text.png", b"\x89PNG as a text");
    let path = |name: &str| folder.path().join(name);
    for (name, says) in [
        ("empty.jpg", "it is no photo of a known kind: give a JPEG, PNG"),
        ("page.jpg", "it is no photo of a known kind"),
        ("text.png", "it is no photo of a known kind"),
        ("none.jpg", "it cannot be read: "),
        ("", "it is not a regular file"),
    ] {
        let error = Photo::read(&path(name)).unwrap_err().to_string();
        let named = format!("{}: {says}", path(name).display());
        assert!(error.starts_with(&named), "{error}");
    }
}

#[test]
fn a_photo_on_which_the_decoder_gives_up_is_an_error() {
    let problem = Photo::read(&photos().join(REFUSED)).unwrap_err().to_string();
    assert!(problem.contains("this JPEG file cannot be decoded: its decoder gave up ("), "{problem}");
    assert!(problem.ends_with("; save it as a plain JPEG or PNG"), "{problem}");
}

#[test]
fn a_photo_that_is_cut_short_is_an_error() {
    for (name, content) in contents() {
        // Some kinds end in what can be done without; the first half is never enough.
        for end in (0..content.len() / 2).step_by(17) {
            assert!(Photo::decode(&content[..end]).is_err(), "{name} up to {end}");
        }
        let half = Photo::decode(&content[..content.len() / 2]).unwrap_err();
        assert!(matches!(half, Problem::Broken { .. } | Problem::Unsupported { .. }), "{name}: {half}");
    }
}

#[test]
fn damaged_photos_are_errors_or_photos() {
    // Numbers of a linear congruential generator: the same bytes are damaged each time.
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut refused = 0;
    for (_, content) in contents() {
        for _ in 0..40 {
            let mut damaged = content.clone();
            for _ in 0..=next(4) {
                damaged[next(content.len())] = next(256) as u8;
            }
            match Photo::decode(&damaged) {
                Ok(photo) => {
                    let (width, height) = photo.image().dimensions();
                    assert_eq!(photo.image().as_raw().len() as u64, 3 * u64::from(width) * u64::from(height));
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 100, "only {refused} were refused");
}

#[test]
fn a_small_file_that_claims_to_be_huge_is_refused() {
    let read = |name: &str| fs::read(photos().join(name)).unwrap();
    let with = |name: &str, at: usize, bytes: &[u8]| {
        let mut content = read(name);
        content[at..at + bytes.len()].copy_from_slice(bytes);
        content
    };
    let jpeg = read("444.jpg");
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    for (kind, content) in [
        ("PNM", b"P6 4000000 4000000 255\n\0\0\0".to_vec()),
        ("JPEG", with("444.jpg", frame + 5, &[0xff, 0xdc, 0xff, 0xdc])),
        ("GIF", with("plain.gif", 6, &[0xff; 4])),
        ("BMP", with("rgb.bmp", 18, &[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f])),
        ("PNG", huge_png()),
    ] {
        let problem = Photo::decode(&content).unwrap_err();
        let refused = matches!(
            problem,
            Problem::TooManyPixels { .. } | Problem::Unsupported { .. } | Problem::Broken { .. }
        );
        assert!(refused, "{kind}: {problem}");
    }
    let problem = Photo::decode(&huge_png()).unwrap_err().to_string();
    assert!(problem.starts_with("it is a picture of 100000x100000 pixels"), "{problem}");
}

/// A PNG's first chunk that says 100000x100000 pixels, and the beginning of the next.
fn huge_png() -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    file.extend([100_000u32.to_be_bytes(), 100_000u32.to_be_bytes()].concat());
    file.extend([8, 2, 0, 0, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&file[12..]);
    file.extend(crc.sum().to_be_bytes());
    file.extend(b"\0\0\x10\0IDAT");
    file
}

#[test]
fn a_line_of_pixels_is_prepared_without_its_length() {
    // Resized whole it would have 15 million columns.
    let line = RgbImage::from_pixel(60_000, 1, image::Rgb([10, 20, 30]));
    let crop = Preprocessing::IMAGENET.crop(&Photo::from(line));
    assert_eq!(crop, RgbImage::from_pixel(224, 224, image::Rgb([10, 20, 30])));
}

#[test]
fn the_values_are_standardised_channel_by_channel() {
    // torchvision's `Normalize` of `ToTensor` of 0, 128 and 255.
    let pixels = RgbImage::from_raw(1, 3, vec![0, 0, 0, 128, 128, 128, 255, 255, 255]).unwrap();
    let values = Preprocessing::IMAGENET.normalize(&pixels, &Device::Cpu).unwrap();
    assert_eq!(values.dims(), [3, 3, 1]);
    let expected =
        [-2.117904, 0.07406463, 2.2489083, -2.0357141, 0.2051822, 2.4285715, -1.8044444, 0.42649257, 2.64];
    assert_eq!(values.flatten_all().unwrap().to_vec1::<f32>().unwrap(), expected);
}

#[test]
fn a_folder_means_the_photos_in_it() {
    let folder = Folder::new("folder");
    fs::create_dir_all(folder.path().join("b/c")).unwrap();
    fs::create_dir_all(folder.path().join(".hidden")).unwrap();
    for name in ["z.JPG", "a.png", "b/c/d.webp", "b/a.tiff", "notes.txt", "._a.png", ".hidden/x.jpg"] {
        folder.write(name, b"");
    }
    let found: Vec<PathBuf> = photo::find(folder.path()).into_iter().map(Result::unwrap).collect();
    let expected = ["a.png", "b/a.tiff", "b/c/d.webp", "z.JPG"].map(|name| folder.path().join(name));
    assert_eq!(found, expected);
    let alone = folder.path().join("notes.txt");
    assert_eq!(photo::find(&alone).into_iter().map(Result::unwrap).collect::<Vec<_>>(), [alone]);
}
