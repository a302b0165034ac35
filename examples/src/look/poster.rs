//! The columns, the picture and the scores as one picture.

use image::imageops::{self, FilterType};
use image::{DynamicImage, Rgb, RgbImage};

use super::columns::{Column, ROWS, SIDE};
use super::text::Letters;
use super::{Error, sizes};
use crate::classifier::Guess;

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([29, 39, 48]);
const SOFT: Rgb<u8> = Rgb([96, 108, 118]);
const BAR: Rgb<u8> = Rgb([38, 139, 210]);
const TRACK: Rgb<u8> = Rgb([228, 233, 237]);

const MARGIN: u32 = 24;
/// Between columns.
const GAP: u32 = 12;
/// Between tiles.
const TILE_GAP: u32 = 4;
/// Along the picture that the network saw.
const PHOTO: u32 = 176;
const BARS: u32 = 240;
const TITLE: f32 = 22.0;
const NAME: f32 = 13.0;
const SMALL: f32 = 11.0;

/// The lecture's picture of a network at work: what it saw, the activations of every stage in columns, and the class
/// scores. `input` is the shape that the network takes, without the batch dimension.
///
/// # Errors
/// [`Error::Font`].
pub fn poster(
    title: &str,
    seen: &RgbImage,
    input: &[usize],
    columns: &[Column],
    scores: &[Guess],
) -> Result<RgbImage, Error> {
    let letters = Letters::new()?;
    let width_of = |column: &Column| {
        let texts = [letters.width(&column.name, NAME), letters.width(&sizes(&column.shape), SMALL)];
        let tiles = column.tiles.iter().map(|tile| tile.picture.width());
        texts.into_iter().chain(tiles).max().unwrap_or(0).max(SIDE)
    };
    let widths: Vec<u32> = columns.iter().map(width_of).collect();
    let top = MARGIN + 74;
    let rows = top + ROWS as u32 * (SIDE + TILE_GAP) + TILE_GAP;
    let tallest = columns
        .iter()
        .map(|column| top + column.tiles.iter().map(|tile| tile.picture.height() + TILE_GAP).sum::<u32>())
        .max()
        .unwrap_or(0);
    let height = rows.max(tallest) + 2 * MARGIN;
    let columns_width: u32 = widths.iter().map(|width| width + GAP).sum();
    let width = MARGIN + PHOTO + 2 * GAP + columns_width + GAP + BARS + MARGIN;
    let mut all = RgbImage::from_pixel(width, height, PAPER);

    letters.write(
        &mut all,
        [MARGIN, MARGIN + 18],
        TITLE,
        INK,
        &letters.cut(title, TITLE, width - 2 * MARGIN),
    );
    let heading = |all: &mut RgbImage, x: u32, name: &str, below: &str| {
        letters.write(all, [x, top - 24], NAME, INK, name);
        letters.write(all, [x, top - 8], SMALL, SOFT, below);
    };
    let mut x = MARGIN;
    heading(&mut all, x, "input", &sizes(input));
    let longer = seen.width().max(seen.height()).max(1);
    let scaled = |size: u32| (size * PHOTO / longer).max(1);
    let photo = imageops::resize(seen, scaled(seen.width()), scaled(seen.height()), FilterType::Triangle);
    imageops::replace(&mut all, &photo, i64::from(x), i64::from(top));
    x += PHOTO + 2 * GAP;
    for (column, width) in columns.iter().zip(&widths) {
        heading(&mut all, x, &column.name, &sizes(&column.shape));
        let mut y = top;
        for tile in &column.tiles {
            let picture = DynamicImage::ImageLuma8(tile.picture.clone()).into_rgb8();
            imageops::replace(&mut all, &picture, i64::from(x), i64::from(y));
            y += picture.height() + TILE_GAP;
        }
        x += width + GAP;
    }
    x += GAP;
    heading(&mut all, x, "scores", "softmax");
    for (index, score) in scores.iter().enumerate() {
        let y = top + 44 * index as u32;
        let percent = format!("{:.1} %", 100.0 * score.probability);
        let percent_x = x + BARS - letters.width(&percent, NAME);
        let name = letters.cut(&score.name, NAME, percent_x.saturating_sub(x + 8));
        letters.write(&mut all, [x, y + 12], NAME, INK, &name);
        letters.write(&mut all, [percent_x, y + 12], NAME, SOFT, &percent);
        bar(&mut all, [x, y + 19], BARS, TRACK);
        bar(&mut all, [x, y + 19], (BARS as f32 * score.probability).round() as u32, BAR);
    }
    let note = "Of every stage the ten channels that vary most over the picture; in each tile black is the smallest \
                value, white the largest, but for the outermost fiftieth.";
    letters.write(&mut all, [MARGIN, height - MARGIN], SMALL, SOFT, note);
    Ok(all)
}

fn bar(all: &mut RgbImage, [left, top]: [u32; 2], width: u32, colour: Rgb<u8>) {
    for y in top..top + 9 {
        for x in left..left + width {
            if let Some(pixel) = all.get_pixel_mut_checked(x, y) {
                *pixel = colour;
            }
        }
    }
}
