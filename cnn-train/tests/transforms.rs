//! Transforms against torchvision's, and what the random ones draw.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use cnn_runtime::random::Stream;
use cnn_train::data::photo::Interpolation;
use cnn_train::data::transform::functional as f;
use cnn_train::data::transform::{
    CenterCrop, ColorJitter, Cutout, Normalize, Padding, RandomCrop, RandomErasing, RandomHorizontalFlip,
    RandomResizedCrop, RandomRotation, Resize, Transform,
};
use cnn_train::data::{Image, Result, Samples};

/// What torchvision made: see `transforms/generate.py`.
fn expected() -> HashMap<String, Tensor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transforms/expected.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

fn image(tensor: &Tensor) -> Image {
    let (channels, height, width) = tensor.dims3().unwrap();
    Image::new([channels, height, width], tensor.flatten_all().unwrap().to_vec1().unwrap()).unwrap()
}

/// Compares every case whose name begins with `kind`; parameters are the name's parts. Gives the number of cases, of
/// samples, and of those that differ: none by more than 1.
fn compare(kind: &str, apply: impl Fn(Image, &[&str]) -> Result<Image>) -> [usize; 3] {
    let all = expected();
    let mut counts = [0; 3];
    for (name, tensor) in all.iter().filter(|(name, _)| name.split('/').next() == Some(kind)) {
        let parts: Vec<&str> = name.split('/').collect();
        let found = apply(image(&all[parts[1]]), &parts[2..]).unwrap();
        assert_eq!(found.size().as_slice(), tensor.dims(), "{name}");
        let tensor: Vec<u8> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        let differences =
            found.bytes().unwrap().iter().zip(&tensor).map(|(&found, &expected)| found.abs_diff(expected));
        let largest = differences.clone().max().unwrap();
        assert!(largest <= 1, "{name}: {largest}");
        counts[0] += 1;
        counts[1] += tensor.len();
        counts[2] += differences.filter(|&difference| difference > 0).count();
    }
    counts
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

#[test]
fn what_is_moved_or_covered_is_torchvisions_exactly() {
    let pad = |image: Image, parts: &[&str]| {
        let padding =
            if parts[1] == "reflect" { Padding::Reflect } else { Padding::Constant(number(parts[1])) };
        f::pad(&image, number(parts[0]), padding)
    };
    let [cases, _, different] = compare("pad", pad);
    assert_eq!((cases, different), (6, 0));
    assert_eq!(compare("flip", |image, _| Ok(f::horizontal_flip(image)))[2], 0);
    let center = |image: Image, parts: &[&str]| f::center_crop(&image, [number(parts[0]), number(parts[1])]);
    let [cases, _, different] = compare("center", center);
    assert_eq!((cases, different), (4, 0));
    assert_eq!(compare("erase", |image, _| Ok(f::erase(image, [3, 5], [4, 7], 77.0)))[2], 0);
}

#[test]
fn resized_pixels_are_pillows_exactly() {
    let resize = |image: Image, parts: &[&str]| {
        let interpolation = match parts[2] {
            "bilinear" => Interpolation::Bilinear,
            _ => Interpolation::Bicubic,
        };
        f::resize(image, [number(parts[0]), number(parts[1])], interpolation)
    };
    let [cases, _, different] = compare("resize", resize);
    assert_eq!((cases, different), (6, 0));
    let shorter =
        |image: Image, parts: &[&str]| Resize::new(number(parts[0])).apply(image, &mut Stream::keyed(0, ""));
    assert_eq!(compare("shorter", shorter)[2], 0);
    let cut =
        |image: Image, _: &[&str]| f::resized_crop(&image, [2, 3], [9, 11], [8, 8], Interpolation::Bilinear);
    assert_eq!(compare("resized_crop", cut)[2], 0);
}

#[test]
fn colours_are_torchvisions_but_for_rounding() {
    type Adjust = fn(Image, f64) -> Result<Image>;
    let adjusts: [(&str, Adjust, usize); 4] = [
        ("brightness", f::adjust_brightness, 12),
        ("contrast", f::adjust_contrast, 12),
        ("saturation", f::adjust_saturation, 12),
        ("hue", f::adjust_hue, 7),
    ];
    for (name, adjust, count) in adjusts {
        let [cases, samples, different] = compare(name, |image, parts| adjust(image, number(parts[0])));
        println!("{name}: {different} of {samples} samples differ by 1");
        assert_eq!(cases, count);
        // Products and sums are made in another order: one in a hundred may fall on the other side of a whole number.
        assert!(different * 100 <= samples, "{name}: {different} of {samples}");
    }
}

#[test]
fn turned_pixels_are_torchvisions_but_for_rounding() {
    let rotate = |image: Image, parts: &[&str]| f::rotate(image, number(parts[0]), number(parts[1]));
    let [cases, samples, different] = compare("rotate", rotate);
    println!("{different} of {samples} samples differ by 1");
    assert_eq!(cases, 24);
    assert!(different * 200 <= samples, "{different} of {samples}");
}

#[test]
fn normalized_values_are_torchvisions() {
    let all = expected();
    let image = Normalize::imagenet().apply(image(&all["wide"]), &mut Stream::keyed(0, "")).unwrap();
    let Samples::F32(found) = image.into_samples() else { panic!("numbers") };
    let expected: Vec<f32> =
        all["normalize/wide"].to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} {expected}");
    }
}

/// A picture in which every pixel has another value.
fn numbered(height: usize, width: usize) -> Image {
    Image::new([1, height, width], (0..height * width).map(|place| place as u8).collect()).unwrap()
}

/// What `transform` makes of `image` with each of `count` streams.
fn drawn(transform: &impl Transform, image: &Image, count: usize) -> Vec<Image> {
    let stream = |index| Stream::keyed(42, &format!("{index}"));
    (0..count).map(|index| transform.apply(image.clone(), &mut stream(index)).unwrap()).collect()
}

/// Are these counts those of equally likely things? Chi-squared, within five standard deviations of its mean.
fn assert_uniform(counts: &HashMap<impl Sized, usize>, things: usize) {
    let total: usize = counts.values().sum();
    let each = total as f64 / things as f64;
    assert_eq!(counts.len(), things);
    let chi: f64 = counts.values().map(|&count| (count as f64 - each).powi(2) / each).sum();
    let freedom = things as f64 - 1.0;
    assert!((chi - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(), "{chi} with {freedom}");
}

#[test]
fn crops_are_from_every_place_alike() {
    let mut places = HashMap::new();
    for crop in drawn(&RandomCrop::new(8), &numbered(10, 12), 15_000) {
        assert_eq!(crop.size(), [1, 8, 8]);
        let bytes = crop.bytes().unwrap();
        assert_eq!(bytes[7 * 8 + 7], bytes[0] + 7 * 12 + 7);
        *places.entry(bytes[0]).or_insert(0) += 1;
    }
    assert_uniform(&places, 3 * 5);
    let padded = drawn(&RandomCrop::new(4).padding(2), &numbered(4, 4), 1_000);
    assert_eq!(padded.iter().map(|image| image.bytes().unwrap().to_vec()).collect::<HashSet<_>>().len(), 25);
    let mirrored = RandomCrop::new(8).padding(2).padding_mode(Padding::Reflect);
    assert_eq!(drawn(&mirrored, &numbered(4, 4), 1)[0].bytes().unwrap()[..8], [10, 9, 8, 9, 10, 11, 10, 9]);
}

#[test]
fn flips_are_as_frequent_as_said() {
    let image = numbered(1, 2);
    for (probability, flipped) in [(0.0, 0..=0), (0.3, 2_800..=3_200), (1.0, 10_000..=10_000)] {
        let drawn = drawn(&RandomHorizontalFlip::new(probability), &image, 10_000);
        let count = drawn.iter().filter(|image| image.bytes() == Some(&[1, 0])).count();
        assert!(flipped.contains(&count), "{count}");
    }
}

#[test]
fn rotations_are_within_their_degrees() {
    // A lit row far from the centre: how far it turned is seen in where its end went.
    let mut bytes = vec![0; 63 * 63];
    bytes[31 * 63 + 50..31 * 63 + 63].fill(255);
    let image = Image::new([1, 63, 63], bytes).unwrap();
    let turns: Vec<f64> = drawn(&RandomRotation::new(20.0), &image, 500)
        .iter()
        .map(|image| {
            let (mut down, mut right, mut sum) = (0.0, 0.0, 0.0);
            for (place, &value) in image.bytes().unwrap().iter().enumerate() {
                let value = f64::from(value);
                down += value * ((place / 63) as f64 - 31.0);
                right += value * ((place % 63) as f64 - 31.0);
                sum += value;
            }
            assert!(sum > 0.0);
            -(down / right).atan().to_degrees()
        })
        .collect();
    let (low, high) =
        turns.iter().fold((0.0_f64, 0.0_f64), |(low, high), &turn| (low.min(turn), high.max(turn)));
    assert!((-20.3..-18.0).contains(&low) && (18.0..20.3).contains(&high), "{low} {high}");
    // Uniform from -20 to 20: a mean of 0 and a deviation of 11.5.
    let mean = turns.iter().sum::<f64>() / 500.0;
    assert!(mean.abs() < 2.0, "{mean}");
}

#[test]
fn erased_rectangles_have_the_areas_and_ratios_that_were_asked_for() {
    let image = Image::of([1, 40, 40], Samples::F32(vec![1.0; 1600])).unwrap();
    let mut erased = 0;
    for image in drawn(&RandomErasing::default().value(-1.0), &image, 4_000) {
        let Samples::F32(values) = image.into_samples() else { panic!("numbers") };
        let places: Vec<usize> = (0..1600).filter(|&place| values[place] == -1.0).collect();
        let Some(&first) = places.first() else { continue };
        erased += 1;
        let last = places[places.len() - 1];
        let (height, width) = (last / 40 - first / 40 + 1, last % 40 - first % 40 + 1);
        assert_eq!(places.len(), height * width);
        // Sides are rounded to whole pixels.
        let area = places.len() as f64 / 1600.0;
        assert!((0.012..0.36).contains(&area), "{area}");
        let ratio = height as f64 / width as f64;
        assert!((0.2..4.5).contains(&ratio), "{height}x{width}");
    }
    assert!((1_850..2_150).contains(&erased), "{erased}");
    assert_eq!(drawn(&RandomErasing::default().probability(0.0), &image, 20), vec![image.clone(); 20]);
}

#[test]
fn cutouts_centre_is_anywhere_in_the_image() {
    let image = Image::of([2, 6, 6], Samples::F32(vec![1.0; 72])).unwrap();
    let mut forms = HashMap::new();
    for image in drawn(&Cutout::new(4), &image, 7_200) {
        let Samples::F32(values) = image.into_samples() else { panic!("numbers") };
        assert_eq!(values[..36], values[36..]);
        let covered: Vec<usize> = (0..36).filter(|&place| values[place] == 0.0).collect();
        assert!((4..=16).contains(&covered.len()), "{covered:?}");
        *forms.entry(covered).or_insert(0) += 1;
    }
    assert_uniform(&forms, 36);
}

#[test]
fn resized_crops_have_the_size_and_use_the_whole_image() {
    let bytes = (0..3 * 48 * 64).map(|place| (place % 251) as u8).collect();
    let image = Image::new([3, 48, 64], bytes).unwrap();
    let crops = drawn(&RandomResizedCrop::new(16), &image, 200);
    assert!(crops.iter().all(|crop| crop.size() == [3, 16, 16]));
    assert!(crops.iter().map(|crop| crop.bytes().unwrap().to_vec()).collect::<HashSet<_>>().len() > 190);
    // Where no rectangle fits, the largest one in the centre: of 10x100 pixels 10x13 from column 43.
    let strip = Image::new([1, 10, 100], (0..1000).map(|place| (place % 100) as u8).collect()).unwrap();
    let always = RandomResizedCrop::new(10).scale(1.0, 1.0);
    let centre = f::resized_crop(&strip, [0, 43], [10, 13], [10, 10], Interpolation::Bilinear).unwrap();
    assert_eq!(drawn(&always, &strip, 3), vec![centre; 3]);
}

#[test]
fn jitter_stays_within_its_factors_and_comes_in_every_order() {
    let grey = Image::new([1, 1, 1], vec![100]).unwrap();
    let values: Vec<u8> = drawn(&ColorJitter::default().brightness(0.2), &grey, 2_000)
        .iter()
        .map(|image| image.bytes().unwrap()[0])
        .collect();
    assert!(values.iter().all(|value| (80..=120).contains(value)));
    assert!(values.contains(&80) && values.contains(&119));
    let coloured = Image::new([3, 1, 2], vec![200, 10, 30, 90, 60, 250]).unwrap();
    let all = ColorJitter::default().brightness(0.4).contrast(0.4).saturation(0.4).hue(0.1);
    assert!(drawn(&all, &coloured, 100).iter().collect::<Vec<_>>().windows(2).any(|pair| pair[0] != pair[1]));
    assert_eq!(drawn(&ColorJitter::default(), &coloured, 3), vec![coloured.clone(); 3]);
}

#[test]
fn what_cannot_be_applied_says_why() {
    let mut stream = Stream::keyed(0, "");
    let said = |transform: &dyn Transform, image: Image| {
        transform.apply(image, &mut Stream::keyed(0, "")).unwrap_err().to_string()
    };
    assert_eq!(
        said(&RandomCrop::new(5).padding(1), numbered(4, 2)),
        "RandomCrop: 5x5 pixels cannot be cut from 6x4, its padding included: resize first, or pad more"
    );
    assert!(said(&CenterCrop::new(5), numbered(4, 4)).contains("resize it first"));
    assert!(said(&Normalize::new([0.5; 3], [0.5; 3]), numbered(4, 4)).contains("do not fit 1 channels"));
    assert!(said(&Resize::new(0), numbered(4, 4)).contains("do not become 0x0"));
    let numbers = Normalize::new([0.5], [0.5]).apply(numbered(4, 4), &mut stream).unwrap();
    assert_eq!(
        said(&RandomRotation::new(5.0), numbers),
        "rotate: it works on bytes: put it before Normalize"
    );
    assert!(f::pad(&numbered(3, 3), 3, Padding::Reflect).is_err());
    assert!(f::pad(&numbered(3, 3), usize::MAX, Padding::Constant(0)).is_err());
    assert!(f::crop(&numbered(3, 3), [1, 1], [3, 1]).is_err());
    assert!(f::crop(&numbered(3, 3), [usize::MAX, 0], [2, 1]).is_err());
    assert!(f::adjust_hue(numbered(3, 3), 0.6).is_err());
    assert!(f::adjust_contrast(numbered(3, 3), f64::NAN).is_err());
    let two = Image::new([2, 1, 1], vec![0; 2]).unwrap();
    assert!(said(&ColorJitter::default().contrast(0.5), two).contains("2 channels"));
}
