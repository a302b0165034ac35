//! What the stages of a network make of a picture, a column for each: the activations of some of its channels.

use candle_core::Tensor;
use image::GrayImage;

use super::tiles::{self, Range};
use super::{Error, values};

/// Tiles in a column.
pub const ROWS: usize = 10;
/// Pixels along a tile's longer side, about.
pub const SIDE: u32 = 56;

/// A stage of the network.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in the network.
    pub name: String,
    /// `[C, H, W]` or `[F]`.
    pub shape: Vec<usize>,
    /// Its tiles, at most [`ROWS`], in the order of the channels; a vector is one tile.
    pub tiles: Vec<Tile>,
}

/// One channel, or a whole vector.
#[derive(Clone, Debug)]
pub struct Tile {
    /// Which channel; `None` of a vector.
    pub channel: Option<usize>,
    /// What is black and what is white in it.
    pub range: Range,
    /// The picture.
    pub picture: GrayImage,
}

/// The column of a stage's value `(1, C, H, W)` or `(1, F)`, on the scale of each channel: black is its smallest value,
/// white its largest (see [`Range::of_most`]).
///
/// Of more than [`ROWS`] channels those are shown whose values differ most within the picture (by largest minus
/// smallest). A vector (`Cx1x1` too) is one tile, a square for each feature, row by row.
///
/// # Errors
/// Where the tensor has another shape or holds values that are not finite.
pub fn column(name: &str, value: &Tensor) -> Result<Column, Error> {
    let what = format!("the activation of `{name}`");
    let values = values(&what, value)?;
    let (shape, tiles) = match *value.dims() {
        [1, features] | [1, features, 1, 1] => (value.dims()[1..].to_vec(), vec![strip(&values, features)]),
        [1, channels, height, width] => (vec![channels, height, width], maps(&values, [height, width])),
        _ => {
            let found = value.dims().to_vec();
            return Err(Error::Shape {
                what,
                found,
                expected: "(1, channels, height, width) or (1, features)",
            });
        }
    };
    Ok(Column { name: name.to_owned(), shape, tiles })
}

fn maps(values: &[f32], [height, width]: [usize; 2]) -> Vec<Tile> {
    let planes: Vec<(usize, &[f32], Range)> = values
        .chunks((height * width).max(1))
        .enumerate()
        .map(|(channel, plane)| (channel, plane, Range::of_most(plane)))
        .collect();
    let mut liveliest: Vec<usize> = (0..planes.len()).collect();
    // A stable sort: of channels that are equally lively the first.
    liveliest.sort_by(|&a, &b| planes[b].2.width().total_cmp(&planes[a].2.width()));
    liveliest.truncate(ROWS);
    liveliest.sort_unstable();
    let tile = |index: usize| {
        let (channel, plane, range) = planes[index];
        let picture = tiles::fit(&tiles::grey(plane, [height, width], range), SIDE);
        Tile { channel: Some(channel), range, picture }
    };
    liveliest.into_iter().map(tile).collect()
}

/// A vector as squares in rows, as large as fits into the height of a column.
fn strip(values: &[f32], features: usize) -> Tile {
    let range = Range::of(values);
    let height = |square: usize| features.div_ceil((SIDE as usize / square).max(1)) * square;
    let square = [56, 28, 14, 8, 4, 2].into_iter().find(|&square| height(square) <= ROWS * SIDE as usize);
    let square = square.unwrap_or(1);
    let per_row = (SIDE as usize / square).clamp(1, features.max(1));
    let rows = features.div_ceil(per_row).min(ROWS * SIDE as usize / square);
    let small = tiles::grey(values, [rows, per_row], range);
    let size = |count: usize| (count * square) as u32;
    let picture =
        image::imageops::resize(&small, size(per_row), size(rows), image::imageops::FilterType::Nearest);
    Tile { channel: None, range, picture }
}
