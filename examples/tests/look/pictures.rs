//! Known values to known pixels.

use candle_core::{Device, Tensor};
use cnn_examples::classifier::Guess;
use cnn_examples::look::columns::{ROWS, column};
use cnn_examples::look::filters::filters;
use cnn_examples::look::grad_cam::{Map, heat};
use cnn_examples::look::tiles::{self, Range};
use cnn_examples::look::{Error, files, poster};
use image::{GrayImage, Luma, Rgb, RgbImage};

use super::common::Folder;

fn tensor(values: Vec<f32>, shape: &[usize]) -> Tensor {
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn values_to_brightness() {
    let picture = tiles::grey(&[0.0, 1.0, 2.0, 4.0, -1.0, 3.0], [2, 3], Range { low: 0.0, high: 4.0 });
    // 255/4 = 63.75, 255/2 = 127.5, 3/4 of 255 = 191.25; below the range is black.
    assert_eq!(picture.as_raw(), &[0, 64, 128, 255, 0, 191]);
    assert_eq!(Range::of(&[3.0, -1.0, 2.0]), Range { low: -1.0, high: 3.0 });
    assert_eq!(Range::around_zero(&[3.0, -4.0]), Range { low: -4.0, high: 4.0 });
    // Values that are all equal are black, and the middle grey around zero.
    assert_eq!(Range::of(&[7.0, 7.0]).brightness(7.0), 0);
    assert_eq!(Range::around_zero(&[0.0]).brightness(0.0), 128);
    let colours = tiles::colour(&[0.0, 1.0, 0.5, 0.0, 1.0, 1.0], [1, 2], Range { low: 0.0, high: 1.0 });
    assert_eq!(colours.as_raw(), &[0, 128, 255, 255, 0, 255]);
}

#[test]
fn small_tiles_are_repeated_and_large_ones_averaged() {
    let small = GrayImage::from_raw(2, 1, vec![10, 200]).unwrap();
    let fitted = tiles::fit(&small, 8);
    assert_eq!(fitted.dimensions(), (8, 4));
    assert!(fitted.enumerate_pixels().all(|(x, _, pixel)| pixel.0[0] == if x < 4 { 10 } else { 200 }));
    // 56 pixels of 112, half of them black in turns: all are the mean, but for the edges.
    let large = GrayImage::from_fn(112, 112, |x, _| Luma([if x % 2 == 0 { 0 } else { 200 }]));
    let fitted = tiles::fit(&large, 56);
    assert_eq!(fitted.dimensions(), (56, 56));
    assert!(
        fitted.enumerate_pixels().all(|(x, _, pixel)| x == 0 || x == 55 || pixel.0[0].abs_diff(100) <= 1)
    );
    let wide = tiles::fit(&GrayImage::new(1000, 1), 56);
    assert_eq!(wide.dimensions(), (56, 1));
}

#[test]
fn a_grid_has_gaps_around_every_tile() {
    let tiles: Vec<RgbImage> = (1..=3).map(|n| RgbImage::from_pixel(2, 2, Rgb([n, n, n]))).collect();
    let grid = tiles::grid(&tiles, 2, 1, Rgb([9, 9, 9]));
    assert_eq!(grid.dimensions(), (7, 7));
    let row = |y| (0..7).map(|x| grid.get_pixel(x, y).0[0]).collect::<Vec<_>>();
    assert_eq!(row(0), [9; 7]);
    assert_eq!(row(1), [9, 1, 1, 9, 2, 2, 9]);
    assert_eq!(row(5), [9, 3, 3, 9, 9, 9, 9]);
}

#[test]
fn filters_over_three_channels_are_colours() {
    // Two filters of 1x1: pure red against blue, and nothing.
    let shown = filters(&tensor(vec![2.0, 0.0, -2.0, 0.0, 0.0, 0.0], &[2, 3, 1, 1])).unwrap();
    assert_eq!(shown.picture.get_pixel(3, 3), &Rgb([255, 128, 0]));
    assert_eq!(shown.picture.get_pixel(3 + 48 + 3, 3), &Rgb([128, 128, 128]));
    assert_eq!(shown.picture.dimensions(), (3 + 2 * 51, 3 + 51));
    assert!(shown.caption.starts_with("2 filters of 1x1 over 3 channels, as red, green and blue."));
}

#[test]
fn filters_over_other_channels_are_rows_of_grey_tiles() {
    let shown = filters(&tensor(vec![1.0, -1.0, 0.5, 0.0], &[2, 2, 1, 1])).unwrap();
    let pixel = |row: u32, column: u32| shown.picture.get_pixel(3 + 51 * column, 3 + 51 * row).0;
    // The second filter's largest value is 0.5, and white.
    assert_eq!([pixel(0, 0), pixel(0, 1), pixel(1, 0), pixel(1, 1)], [[255; 3], [0; 3], [255; 3], [128; 3]]);
    let many =
        filters(&Tensor::zeros((300, 20, 3, 3), candle_core::DType::F32, &Device::Cpu).unwrap()).unwrap();
    assert!(
        many.caption.starts_with("The first 256 of 300 filters of 3x3 over 20 channels"),
        "{}",
        many.caption
    );
    assert!(many.caption.contains("the first 16 channels"));
    assert!(matches!(filters(&tensor(vec![1.0], &[1])), Err(Error::Shape { .. })));
    assert!(matches!(filters(&tensor(vec![f32::NAN], &[1, 1, 1, 1])), Err(Error::NotFinite { .. })));
}

#[test]
fn a_column_shows_the_liveliest_channels_in_order() {
    // Channel c is c + spread * (0, 1, 2, 3), where every third has no spread.
    let spread = |channel: usize| if channel.is_multiple_of(3) { 0.0 } else { channel as f32 };
    let values =
        (0..15).flat_map(|channel| (0..4).map(move |at| channel as f32 + spread(channel) * at as f32));
    let shown = column("stage", &tensor(values.collect(), &[1, 15, 2, 2])).unwrap();
    assert_eq!(shown.shape, [15, 2, 2]);
    let channels: Vec<usize> = shown.tiles.iter().map(|tile| tile.channel.unwrap()).collect();
    assert_eq!(channels, [1, 2, 4, 5, 7, 8, 10, 11, 13, 14]);
    assert_eq!(channels.len(), ROWS);
    // Black, a third, two thirds, white: each tile on its own scale.
    for tile in &shown.tiles {
        assert_eq!(tile.picture.dimensions(), (56, 56));
        let corners = [(0, 0), (55, 0), (0, 55), (55, 55)].map(|(x, y)| tile.picture.get_pixel(x, y).0[0]);
        assert_eq!(corners, [0, 85, 170, 255]);
    }
    assert_eq!(shown.tiles[0].range, Range { low: 1.0, high: 4.0 });
}

#[test]
fn a_vector_is_one_tile_of_squares() {
    for shape in [vec![1, 10], vec![1, 10, 1, 1]] {
        let shown = column("fc", &tensor((0..10).map(|value| value as f32).collect(), &shape)).unwrap();
        let [tile] = &shown.tiles[..] else { panic!("one tile") };
        assert_eq!((tile.channel, tile.picture.dimensions()), (None, (56, 560)));
        for feature in 0..10 {
            assert_eq!(
                tile.picture.get_pixel(20, 56 * feature + 20).0[0],
                (feature as f32 * 255.0 / 9.0).round() as u8
            );
        }
    }
    let long =
        column("fc", &tensor((0..100_000).map(|value| value as f32).collect(), &[1, 100_000])).unwrap();
    assert!(long.tiles[0].picture.width() <= 56 && long.tiles[0].picture.height() <= 560);
    assert!(matches!(column("x", &tensor(vec![0.0; 4], &[2, 2])), Err(Error::Shape { .. })));
    let error = column("stage9", &tensor(vec![f32::INFINITY], &[1, 1])).unwrap_err().to_string();
    assert!(error.contains("the activation of `stage9` holds values that are not finite"), "{error}");
}

#[test]
fn a_map_without_evidence_is_cold() {
    let value = tensor(vec![1.0, 2.0, 3.0, 4.0], &[1, 1, 2, 2]);
    let against = tensor(vec![-1.0; 4], &[1, 1, 2, 2]);
    let map = Map::of(&value, &against).unwrap();
    assert_eq!((map.values.as_slice(), map.range()), (&[0.0; 4][..], Range { low: 0.0, high: 0.0 }));
    let grey = RgbImage::from_pixel(4, 4, Rgb([100, 100, 100]));
    let cold = [0, 1, 2].map(|channel| ((100.0 + f32::from(heat(0.0).0[channel])) / 2.0).round() as u8);
    assert!(map.over(&grey).pixels().all(|pixel| pixel.0 == cold));
    // With evidence: half of the picture, half of the colour, from the coldest to the hottest.
    let over = Map::of(&value, &tensor(vec![1.0; 4], &[1, 1, 2, 2])).unwrap().over(&RgbImage::new(2, 2));
    let half = |share| [0, 1, 2].map(|channel| (f32::from(heat(share).0[channel]) / 2.0).round() as u8);
    assert_eq!((over.get_pixel(0, 0).0, over.get_pixel(1, 1).0), (half(0.0), half(1.0)));
    assert!(Map::of(&value, &tensor(vec![1.0; 4], &[1, 4])).is_err());
    assert!(Map::of(&value, &tensor(vec![f32::NAN; 4], &[1, 1, 2, 2])).is_err());
}

#[test]
fn the_colours_are_turbos() {
    // The sums of D3's published coefficients, and row 128 of Mikhailov's table within the error of the polynomial.
    for (share, row, error) in [(0.0, [35, 23, 27], 1), (1.0, [144, 12, 0], 1), (0.5, [164, 252, 60], 20)] {
        let found = heat(share).0;
        assert!(
            found.iter().zip(row).all(|(&found, row): (&u8, u8)| found.abs_diff(row) <= error),
            "{found:?} {row:?}"
        );
    }
    assert_eq!(heat(f32::INFINITY), heat(1.0));
}

#[test]
fn the_poster_holds_the_tiles_and_the_scores() {
    let columns = [
        column("first", &tensor((0..2 * 784).map(|value| value as f32).collect(), &[1, 2, 28, 28])).unwrap(),
        column("a stage with quite a long name", &tensor(vec![0.0, 1.0], &[1, 2])).unwrap(),
    ];
    let guess = |name: &str, probability| Guess { class: 0, name: name.to_owned(), probability };
    let scores = [guess("cat", 0.75), guess(&"a very long name ".repeat(20), 0.25), guess("日本語", 0.0)];
    let seen = RgbImage::from_pixel(30, 20, Rgb([1, 2, 3]));
    let picture = poster("Net looks at x.png", &seen, &[3, 20, 30], &columns, &scores).unwrap();
    let blue = Rgb([38, 139, 210]);
    // A bar is 240 pixels wide and 9 high: three quarters and one quarter of it, and nothing.
    assert_eq!(picture.pixels().filter(|&&pixel| pixel == blue).count(), (180 + 60) * 9);
    assert!(picture.pixels().filter(|pixel| pixel.0 == [1, 2, 3]).count() > 10_000);
    // The first tile stands somewhere, whole.
    let tile = &columns[0].tiles[0].picture;
    let stands = |left: u32, top: u32| {
        tile.enumerate_pixels().all(|(x, y, pixel)| picture.get_pixel(left + x, top + y).0 == [pixel.0[0]; 3])
    };
    let places =
        (0..picture.width() - 56).flat_map(|left| (0..picture.height() - 56).map(move |top| (left, top)));
    assert_eq!(
        places.filter(|&(left, top)| stands(left, top)).count(),
        2,
        "both tiles of a ramp look the same"
    );
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let folder = Folder::new("files");
    let path = folder.path().join("a.txt");
    files::write(&path, b"first").unwrap();
    files::write(&path, b"second").unwrap();
    assert_eq!(folder.read("a.txt"), b"second");
    std::fs::create_dir(folder.path().join("taken")).unwrap();
    let error = files::write(&folder.path().join("taken"), b"x").unwrap_err().to_string();
    assert!(error.contains("taken cannot be written") && error.contains("--out"), "{error}");
    let error = files::write(&folder.path().join("none/a.txt"), b"x").unwrap_err().to_string();
    assert!(error.contains("a.txt cannot be written"), "{error}");
    assert_eq!(folder.names(), ["a.txt", "taken"], "nothing half-written is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o400, 0o400);
    }
}
