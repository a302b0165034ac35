//! Channels and pixels in another order, and parts of maps.

use cnn_cuda::arrange::{self, Frame, PixelShuffle};

use super::super::value::Value;
use super::super::{Step, wrong};
use super::ends;

/// Images and channels, and rows and columns; none of what is no map.
fn map(value: &Value) -> Option<[[usize; 2]; 2]> {
    match *value.shape.as_slice() {
        [batch, channels, height, width] => Some([[batch, channels], [height, width]]),
        _ => None,
    }
}

pub(super) fn channel_shuffle(x: Value, y: Value, groups: usize) -> Step {
    let pixels = x.pixels();
    Step(Box::new(move |gpu, arena| {
        let (from, mut to) = ends(gpu, arena, &x, &y)?;
        arrange::channel_shuffle(gpu, [pixels.batch, pixels.channels], groups, &from, &mut to).map_err(wrong)
    }))
}

pub(super) fn pixel_shuffle(x: Value, y: Value, factor: usize) -> Option<Step> {
    let ([_, input], [maps, _]) = (map(&x)?, map(&y)?);
    let shuffle = PixelShuffle { maps, input, factor };
    Some(Step(Box::new(move |gpu, arena| {
        let (from, mut to) = ends(gpu, arena, &x, &y)?;
        arrange::pixel_shuffle(gpu, &shuffle, &from, &mut to).map_err(wrong)
    })))
}

/// Of the rows and columns from these on.
pub(super) fn crop(x: Value, y: Value, first: [usize; 2]) -> Option<Step> {
    let ([maps, whole], [_, part]) = (map(&x)?, map(&y)?);
    let frame = Frame { maps, part, whole, first };
    Some(Step(Box::new(move |gpu, arena| {
        let (from, mut to) = ends(gpu, arena, &x, &y)?;
        arrange::crop(gpu, &frame, &from, &mut to).map_err(wrong)
    })))
}

/// With its first row and column there.
pub(super) fn pad(x: Value, y: Value, first: [usize; 2]) -> Option<Step> {
    let ([maps, part], [_, whole]) = (map(&x)?, map(&y)?);
    let frame = Frame { maps, part, whole, first };
    Some(Step(Box::new(move |gpu, arena| {
        let (from, mut to) = ends(gpu, arena, &x, &y)?;
        arrange::pad(gpu, &frame, &from, &mut to).map_err(wrong)
    })))
}
