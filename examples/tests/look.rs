//! The program `look` and its pictures: known values to known pixels, Grad-CAM against PyTorch's, the page, the files.

#[path = "../look.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod program;

#[path = "../../cnn-train/tests/files/mod.rs"]
mod common;

#[path = "look/page.rs"]
mod page;
#[path = "look/pictures.rs"]
mod pictures;

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, IndexOp, Tensor, safetensors};
use clap::Parser;
use cnn_examples::classifier::{Choice, Classifier, SHIPPED};
use cnn_examples::look::grad_cam::Map;
use cnn_examples::paths::repository;
use common::Folder;
use program::{Arguments, run};

/// Runs the program: what it prints, or its error.
fn look(words: &[&str]) -> Result<String, String> {
    let args = Arguments::try_parse_from([&["look"], words].concat()).map_err(|error| error.to_string())?;
    let mut printed = Vec::new();
    run(&args, &mut printed).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(printed).unwrap())
}

fn photo(name: &str) -> String {
    repository().join("data/photos").join(name).to_str().unwrap().to_owned()
}

fn shipped_network() -> Classifier {
    let choice = Choice { model: SHIPPED.to_owned(), weights: None, classes: None };
    choice.open(&Device::Cpu).unwrap()
}

fn reference(path: impl AsRef<Path>) -> std::collections::HashMap<String, Tensor> {
    safetensors::load(path, &Device::Cpu).unwrap()
}

#[test]
fn maps_are_pytorchs() {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/look");
    let expected = reference(tests.join("grad_cam_reference.safetensors"));
    let shipped = reference(repository().join("data/imagenet/mobilenet_v2_reference.safetensors"));
    let classifier = shipped_network();
    let (mut largest, mut count) = (0f32, 0);
    for index in 0..4 {
        let pixels = shipped["pixels_u8"].i(index).unwrap().permute((1, 2, 0)).unwrap();
        let pixels = pixels.flatten_all().unwrap().to_vec1::<u8>().unwrap();
        let picture = image::RgbImage::from_raw(224, 224, pixels).unwrap();
        let input = classifier.preprocessing.normalize(&picture, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        for rank in 0..2 {
            let class = expected["classes"].i((index, rank)).unwrap().to_scalar::<i64>().unwrap() as usize;
            let stages = classifier.net.stage_gradients(&input, &|logits| logits.i((0, class))).unwrap();
            let (stage, gradient) = stages
                .iter()
                .rfind(|(stage, _)| matches!(*stage.value.dims(), [_, _, height, _] if height > 1))
                .unwrap();
            let map = Map::of(&stage.value, gradient).unwrap();
            assert_eq!(map.size, [7, 7]);
            let maps =
                expected["maps"].i((index, rank)).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let peak = maps.iter().copied().fold(0.0, f32::max);
            for (found, expected) in map.values.iter().zip(&maps) {
                largest = largest.max((found - expected).abs() / peak);
                count += 1;
            }
            if (index, rank) == (0, 0) {
                let shares = map.shares([21, 35]);
                let expected = expected["upsampled"].flatten_all().unwrap().to_vec1::<f32>().unwrap();
                assert_eq!(shares.as_raw().len(), expected.len());
                for (found, expected) in shares.as_raw().iter().zip(&expected) {
                    assert!((found - expected).abs() < 2e-4, "{found} {expected}");
                }
            }
        }
    }
    println!("{count} values of 8 maps, largest difference {largest:.1e} of a map's peak");
    assert_eq!(count, 8 * 49);
    assert!(largest < 1e-4, "{largest}");
}

#[test]
fn the_program_writes_the_pictures_and_the_page() {
    let folder = Folder::new("writes");
    let out = folder.path().join("new/folder");
    let printed = look(&[&photo("chelsea.png"), "--out", out.to_str().unwrap(), "--device", "cpu"]).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "MobileNetV2 looks at chelsea.png");
    // PyTorch's answer is in data/imagenet.
    let logits = reference(repository().join("data/imagenet/mobilenet_v2_reference.safetensors"))["logits"]
        .i(0)
        .unwrap();
    let expected = candle_nn::ops::softmax(&logits, 0).unwrap().to_vec1::<f32>().unwrap()[285];
    let said: f32 = lines[1].trim().strip_suffix(" %  Egyptian cat").unwrap().trim().parse().unwrap();
    assert!((said - 100.0 * expected).abs() < 0.1, "{said} {expected}");
    assert!(lines[6].starts_with("the evidence is that for Egyptian cat, at "), "{}", lines[6]);

    let mut names: Vec<String> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["activations.png", "arithmetic.svg", "filters.png", "grad_cam.png", "index.html"]);
    for name in ["activations.png", "filters.png", "grad_cam.png"] {
        assert!(image::open(out.join(name)).unwrap().width() >= 224, "{name}");
    }
    page::check(&fs::read_to_string(out.join("index.html")).unwrap());
    // The first convolution as the paper's table has it.
    let svg = fs::read_to_string(out.join("arithmetic.svg")).unwrap();
    assert!(svg.contains(">conv3-32/2<") && svg.contains("i = 8, k = 3, s = 2, p = 1, o = 4"), "{svg}");

    let first: Vec<Vec<u8>> = names.iter().map(|name| fs::read(out.join(name)).unwrap()).collect();
    look(&[&photo("chelsea.png"), "--out", out.to_str().unwrap(), "--device", "cpu"]).unwrap();
    let second: Vec<Vec<u8>> = names.iter().map(|name| fs::read(out.join(name)).unwrap()).collect();
    assert!(first == second, "the same photo gives the same files");
}

#[test]
fn another_class_moves_the_evidence() {
    let folder = Folder::new("class");
    let cam = |class: &str| {
        let out = folder.path().join(class);
        let words =
            [&photo("chelsea.png"), "--class", class, "--out", out.to_str().unwrap(), "--device", "cpu"];
        (look(&words).unwrap(), fs::read(out.join("grad_cam.png")).unwrap())
    };
    let ((by_name, tiger), (by_number, palace)) = (cam("Tiger Cat"), cam("698"));
    assert!(by_name.contains("the evidence is that for tiger cat, at "), "{by_name}");
    assert!(by_number.contains("the evidence is that for palace, at "), "{by_number}");
    assert!(tiger != palace);
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let folder = Folder::new("refused");
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let refused = |words: &[&str]| look(&[&["--device", "cpu", "--out", out], words].concat()).unwrap_err();
    for (class, says) in [
        ("1000", "there is no class 1000: the network has the classes 0 to 999"),
        ("Egyptian cta", "there is no class `Egyptian cta`; did you mean `Egyptian cat`?"),
        ("colourless green ideas", "there is no class `colourless green ideas`: give a name"),
        ("terrier", "`terrier` may be any of "),
        // Two classes have this name.
        ("crane", "`crane` may be any of 2 classes, give its number: crane (134), crane (517)"),
    ] {
        let error = refused(&["--class", class]);
        assert!(error.contains(says), "{class}: {error}");
    }
    let error = refused(&["--stage", "conv99"]);
    assert!(error.starts_with("there is no stage `conv99`: there are "), "{error}");
    let error = refused(&["--top", "0"]);
    assert!(error.contains("expected a whole number from 1 to 10"), "{error}");
    let error = refused(&["nothing.jpg"]);
    assert!(error.contains("nothing.jpg"), "{error}");
    folder.write("broken.png", b"\x89PNG\r\n\x1a\nbroken");
    let error = refused(&[folder.path().join("broken.png").to_str().unwrap()]);
    assert!(error.contains("broken.png"), "{error}");
    assert!(!Path::new(out).join("index.html").exists());

    folder.write("file", b"");
    let file = folder.path().join("file");
    let error = look(&["--device", "cpu", "--out", file.to_str().unwrap()]).unwrap_err();
    assert!(error.contains("file cannot be written") && error.contains("--out"), "{error}");
}

#[test]
fn the_arithmetic_of_a_layer() {
    let folder = Folder::new("arithmetic");
    let file = folder.path().join("conv.svg");
    let file = file.to_str().unwrap();
    let printed = look(&["arithmetic", "conv3-1/2(pad=1)", "--input", "6x6", "--out", file]).unwrap();
    assert!(printed.starts_with("o = ⌊(i + 2p − k) / s⌋ + 1 = ⌊(6 + 2·1 − 3) / 2⌋ + 1 = 3\n"), "{printed}");
    assert!(roxmltree::Document::parse(&fs::read_to_string(file).unwrap()).is_ok());
    let error = look(&["arithmetic", "conv3-1", "--out", folder.path().to_str().unwrap()]).unwrap_err();
    assert!(error.contains("is a folder: give a file name with --out"), "{error}");
    let error = look(&["arithmetic", "conv9-1(valid)", "--out", file]).unwrap_err();
    assert!(error.contains("larger than 1x5x5"), "{error}");
    let error = look(&["arithmetic", "conv3-1", "--input", "five"]).unwrap_err();
    assert!(error.contains("5x5"), "{error}");
    assert_eq!(folder.names(), ["conv.svg"]);
}
