//! The learned filters of a convolution as a grid of tiles.

use candle_core::Tensor;
use image::{Rgb, RgbImage};

use super::tiles::{self, Range};
use super::{Error, values};

/// Pixels along a filter's longer side.
const SIDE: u32 = 48;
/// Of more filters the first are shown.
const MOST_FILTERS: usize = 256;
/// Of a filter with more channels (and not three) the first are shown.
const MOST_CHANNELS: usize = 16;

/// The filters of a convolution.
#[derive(Clone, Debug)]
pub struct Filters {
    /// The grid.
    pub picture: RgbImage,
    /// What it shows and how, in sentences.
    pub caption: String,
}

/// The filters of a weight `(out_channels, in_channels, kernel height, kernel width)`.
///
/// Filters over three channels are shown in colour, over others as a row of grey tiles, one for each channel. Every
/// filter has its own scale, around zero: 0 is the middle grey, its value furthest from 0 is black or white.
///
/// # Errors
/// Where the tensor has another shape or holds values that are not finite.
pub fn filters(weight: &Tensor) -> Result<Filters, Error> {
    let what = "the filters of the first convolution";
    let &[out_channels, in_channels, height, width] = weight.dims() else {
        return Err(Error::Shape {
            what: what.to_owned(),
            found: weight.dims().to_vec(),
            expected: "(out_channels, in_channels, height, width)",
        });
    };
    let values = values(what, weight)?;
    let (plane, shown) = (height * width, out_channels.min(MOST_FILTERS));
    let filter = |index: usize| &values[index * in_channels * plane..(index + 1) * in_channels * plane];
    let background = Rgb([255, 255, 255]);
    let (tiles, per_row) = if in_channels == 3 {
        let tiles: Vec<RgbImage> = (0..shown)
            .map(|index| {
                let filter = filter(index);
                tiles::fit(&tiles::colour(filter, [height, width], Range::around_zero(filter)), SIDE)
            })
            .collect();
        (tiles, square_side(shown))
    } else {
        let channels = in_channels.min(MOST_CHANNELS);
        let tiles = (0..shown).flat_map(|index| {
            let filter = filter(index);
            let range = Range::around_zero(filter);
            filter.chunks(plane.max(1)).take(channels).map(move |plane| {
                let grey = tiles::grey(plane, [height, width], range);
                tiles::fit(&image::DynamicImage::ImageLuma8(grey).into_rgb8(), SIDE)
            })
        });
        (tiles.collect(), if channels == 1 { square_side(shown) } else { channels })
    };
    let many = |shown: usize, of: usize, noun: &str| {
        if shown < of { format!("The first {shown} of {of} {noun}") } else { format!("{of} {noun}") }
    };
    let mut caption = many(shown, out_channels, "filters");
    caption.push_str(&format!(" of {height}x{width} over {in_channels} "));
    caption.push_str(if in_channels == 1 { "channel" } else { "channels" });
    caption.push_str(match in_channels {
        3 => ", as red, green and blue.",
        1 => ", in grey.",
        _ => ", a row for each filter, a tile for each channel.",
    });
    if in_channels > MOST_CHANNELS {
        caption.push_str(&format!(" Of each the first {MOST_CHANNELS} channels are shown."));
    }
    caption.push_str(" Each filter has a scale of its own: 0 is the middle grey, its largest absolute value black or white.");
    Ok(Filters { picture: tiles::grid(&tiles, per_row, 3, background), caption })
}

/// Tiles in a row of a grid that is about twice as wide as high.
fn square_side(count: usize) -> usize {
    ((2 * count) as f64).sqrt().ceil().max(1.0) as usize
}
